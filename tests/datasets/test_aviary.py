import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import zslnb
from zslnb.datasets import aviary
from zslnb.datasets.aviary import scene, species, things
from zslnb.encode import aviary_build, aviary_clip
from zslnb.encode.clip import extract_image_features, extract_text_features

UNSEEN, VALIDATION = aviary.split()
SEEN = [i for i in range(60) if i not in UNSEEN]


def shared(one, other):
    return sum(a == b for a, b in zip(one.bird, other.bird, strict=True))


# taxonomy


def test_sixty_species_in_twelve_families_of_relatives():
    assert len(aviary.SPECIES) == 60
    families = {}
    for one in aviary.SPECIES:
        families.setdefault(one.family, []).append(one)
    assert [len(members) for members in families.values()] == [5] * 12
    for members in families.values():
        assert all(shared(a, b) >= 11 for a in members for b in members)
    assert len({one.name for one in aviary.ALL_SPECIES}) == 68
    assert len({one.bird for one in aviary.ALL_SPECIES}) == 68


@pytest.mark.parametrize("one", aviary.ALL_SPECIES, ids=lambda one: one.name)
def test_names_tell_the_truth_but_not_all_of_it(one):
    *words, noun = one.name.split()
    assert noun == one.family
    base = species.BASES[one.family]
    departures = [
        species.word_for(field, value)
        for field, value in one.bird._asdict().items()
        if value != getattr(base, field)
    ]
    assert set(words) < set(departures)


@pytest.mark.parametrize(
    ("field", "value", "fancy", "word"),
    [
        ("head", "red", True, "scarlet-headed"),
        ("head", "red", False, "red-headed"),
        ("body", "blue", True, "cobalt"),
        ("pattern", "plain", True, ""),
    ],
)
def test_words_for_attributes(field, value, fancy, word):
    assert species.word_for(field, value, fancy) == word


def test_split_takes_two_species_of_six_families_and_two_of_the_others():
    families = [{aviary.SPECIES[i].family for i in ids} for ids in (UNSEEN, VALIDATION)]
    assert not families[0] & families[1]
    for ids, names in zip((UNSEEN, VALIDATION), families, strict=True):
        assert (len(ids), len(names)) == (12, 6)
        assert all(sum(aviary.SPECIES[i].family == name for i in ids) == 2 for name in names)


def test_unseen_species_have_relatives_and_show_nothing_new():
    known = {(f, v) for i in SEEN for f, v in aviary.SPECIES[i].bird._asdict().items()}
    for i in UNSEEN:
        assert set(aviary.SPECIES[i].bird._asdict().items()) <= known
        assert max(shared(aviary.SPECIES[i], aviary.SPECIES[j]) for j in SEEN) >= 11


def test_outliers_have_no_seen_relative():
    for one in aviary.OUTLIER_SPECIES:
        assert len(species.RESERVED & set(one.bird)) >= 3
        assert max(shared(one, aviary.SPECIES[i]) for i in SEEN) <= 10
    assert not any(species.RESERVED & set(one.bird) for one in aviary.SPECIES)


def test_attribute_vectors_are_one_hot_for_each_attribute():
    names = aviary.attribute_names()
    for one in aviary.ALL_SPECIES:
        vector = aviary.attribute_vector(one.bird)
        assert vector.shape == (len(names),)
        on = [names[i] for i in np.flatnonzero(vector)]
        assert on == [f"{field}={value}" for field, value in one.bird._asdict().items()]


# drawing


def test_drawing_is_the_same_bit_for_bit_for_the_same_seed():
    bird = aviary.SPECIES[7].bird
    first, again, other = (aviary.draw(bird, np.random.default_rng(s)) for s in (3, 3, 4))
    assert first.size == (48, 48)
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_a_picture_keeps_its_pose_at_any_size():
    small = np.asarray(aviary.picture(33, 5), dtype=float)
    large = np.asarray(aviary.picture(33, 5, size=192).resize((48, 48)), dtype=float)
    other = np.asarray(aviary.picture(33, 6), dtype=float)
    assert abs(small - large).mean() < 6 < abs(small - other).mean()


def test_every_pair_of_species_differs_in_many_pixels():
    drawn = np.stack([np.asarray(aviary.paint(one.bird)) for one in aviary.SPECIES]).astype(int)
    for i in range(len(drawn)):
        distance = abs(drawn - drawn[i]).max(axis=-1)
        changed = (distance > 40).sum(axis=(1, 2))
        changed[i] = 48 * 48
        assert changed.min() >= 25, aviary.SPECIES[i].name


@pytest.mark.parametrize(("which", "index"), [(0, 70), (0, -1), (68, 0), (-1, 0)])
def test_pictures_beyond_the_aviary_are_an_error(which, index):
    with pytest.raises(IndexError, match="no picture"):
        aviary.picture(which, index)


def test_young_birds_and_what_is_in_the_way_change_a_picture():
    bird = aviary.SPECIES[30].bird
    rest = scene.STILL
    plain = aviary.paint(bird, rest).tobytes()
    leaf = (scene.disc(0.5, 0.5, 0.2),)
    changes = [{"young": True}, {"leaves": leaf}, {"wash": (scene.INK, 0.4)}, {"scale": 1.2}]
    for change in changes:
        assert aviary.paint(bird, replace(rest, **change)).tobytes() != plain


def test_every_kind_of_thing_is_drawn_in_its_two_colours():
    for kind in things.KINDS:
        one, main, second = (
            things.paint_thing(things.Thing(kind, "large", *colours)).tobytes()
            for colours in (("red", "blue"), ("green", "blue"), ("red", "green"))
        )
        assert len({one, main, second}) == 3, kind


def test_contact_sheet_is_small_enough_to_ship():
    sheet = aviary.contact_sheet()
    file = io.BytesIO()
    sheet.save(file, "png")
    assert file.tell() < 1_500_000
    assert aviary.contact_sheet(aviary.OUTLIER_SPECIES, size=64).width < sheet.width


# what is shipped


@pytest.fixture(scope="module")
def encoder():
    return aviary_clip.load_encoder(aviary.DATA / "clip.safetensors")


def test_shipped_files_are_small_and_hold_no_pickle():
    sizes = {path.name: path.stat().st_size for path in aviary.DATA.iterdir()}
    assert set(sizes) == {"clip.safetensors", "aviary.npz", "outliers.npz"}
    assert sizes["clip.safetensors"] < 3_000_000
    assert sum(sizes.values()) < 5_000_000
    for name in ("aviary.npz", "outliers.npz"):
        with np.load(aviary.DATA / name, allow_pickle=False) as file:
            assert all(file[key].dtype != object for key in file.files)


@pytest.mark.parametrize("name", ["aviary", "aviary-outliers"])
def test_features_come_from_the_shipped_weights(encoder, name):
    arrays = aviary.load_arrays(name)
    rows = np.arange(0, len(arrays["labels"]), 37)
    pictures = (aviary.picture_of_row(int(row), name=name) for row in rows)
    np.testing.assert_allclose(
        extract_image_features(encoder, pictures), arrays["features"][rows], atol=1e-3
    )
    texts = extract_text_features(encoder, arrays["class_names"].tolist())
    np.testing.assert_allclose(texts, arrays["clip_text"], atol=1e-4)


def test_aviary_loads_as_a_benchmark():
    benchmark = zslnb.load("aviary")
    assert benchmark.seen.tolist() == SEEN
    assert benchmark.unseen.tolist() == list(UNSEEN)
    assert benchmark.val_classes.tolist() == list(VALIDATION)
    assert benchmark.features.shape == (4200, 128)
    assert (len(benchmark.train_idx), len(benchmark.test_seen_idx)) == (2400, 960)
    assert benchmark.class_names == tuple(one.name for one in aviary.SPECIES)
    assert zslnb.load("aviary", semantics="attributes").semantic_dim == 80


def test_training_rows_are_as_many_as_cubs_a_class_and_in_random_order():
    benchmark = zslnb.load("aviary")
    labels = benchmark.labels[benchmark.train_idx]
    assert torch.bincount(labels, minlength=60)[benchmark.seen].tolist() == [50] * 48
    assert torch.bincount(benchmark.labels[benchmark.test_unseen_idx])[UNSEEN[0]] == 70
    changes = (labels[1:] != labels[:-1]).float().mean()
    assert changes > 0.95  # 47 changes of 2399 where rows come class by class
    again = torch.from_numpy(aviary.split_rows("aviary")["trainval_idx"])
    assert torch.equal(benchmark.train_idx, again)


def test_outliers_share_the_seen_half_with_the_aviary():
    whole, outliers = zslnb.load("aviary"), zslnb.load("aviary-outliers")
    assert torch.equal(
        whole.features[whole.train_idx.sort().values],
        outliers.features[outliers.train_idx.sort().values],
    )
    names = [outliers.class_names[i] for i in outliers.seen]
    assert names == [aviary.SPECIES[i].name for i in SEEN]
    assert [outliers.class_names[i] for i in outliers.val_classes] == [
        aviary.SPECIES[i].name for i in VALIDATION
    ]
    assert len(outliers.unseen) == len(aviary.OUTLIER_SPECIES) == 8
    with pytest.raises(ValueError, match="has no benchmark 'cub'"):
        aviary.load_arrays("cub")


@pytest.mark.slow
def test_a_short_build_goes_all_the_way_and_learns(tmp_path):
    """`make aviary` in a small part of its training; all of it would take ten minutes."""
    aviary_build.build(tmp_path, aviary_clip.TrainingSettings(pictures=6000, epochs=4))
    old, new = (dict(np.load(folder / "aviary.npz")) for folder in (aviary.DATA, tmp_path))
    assert json.loads(str(old["provenance"])) == json.loads(str(new["provenance"]))
    for name in ("labels", "attributes", "class_names", "trainval_idx", "test_unseen_idx"):
        np.testing.assert_array_equal(old[name], new[name])
    # its own name is reserved for the one that is built in
    benchmark = zslnb.load((tmp_path / "aviary.npz").rename(tmp_path / "drawn.npz"))
    scores = benchmark.features @ benchmark.semantics[benchmark.unseen].T
    rows = benchmark.test_unseen_idx
    right = benchmark.unseen[scores[rows].argmax(1)] == benchmark.labels[rows]
    assert right.float().mean() > 2 / len(benchmark.unseen)
