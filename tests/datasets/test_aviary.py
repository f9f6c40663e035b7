import io
import json
import re

import numpy as np
import pytest
import torch

import zslnb
from zslnb.datasets import aviary
from zslnb.datasets.aviary import species
from zslnb.encode import aviary_build, aviary_clip
from zslnb.encode.clip import extract_image_features, extract_text_features

UNSEEN, VALIDATION = aviary.split()
SEEN = [i for i in range(60) if i not in UNSEEN]


def shared(one, other):
    return sum(a == b for a, b in zip(one.bird, other.bird, strict=True))


# taxonomy


def test_sixty_species_in_fifteen_families_of_relatives():
    assert len(aviary.SPECIES) == 60
    families = {}
    for one in aviary.SPECIES:
        families.setdefault(one.family, []).append(one)
    assert [len(members) for members in families.values()] == [4] * 15
    for members in families.values():
        assert all(shared(a, b) >= 5 for a in members for b in members)
    assert len({one.name for one in aviary.ALL_SPECIES}) == 68
    assert len({one.bird for one in aviary.ALL_SPECIES}) == 68


@pytest.mark.parametrize("one", aviary.ALL_SPECIES, ids=lambda one: one.name)
def test_names_tell_the_truth_but_not_all_of_it(one):
    named = species.NOUNS[one.family].copy()
    plain = {word: colour for colour, word in species.COLOUR_WORDS.items()}
    for word in one.name.split()[:-1]:
        colour, _, part = word.partition("-")
        field = {"headed": "head", "winged": "wing", "": "body"}[part]
        if colour in plain:
            named[field] = plain[colour]
        else:
            named["pattern" if word in aviary.VALUES["pattern"] else "crest"] = word
    assert named.items() <= one.bird._asdict().items()
    assert len(named) < len(one.bird) - 1


def test_split_takes_one_species_of_each_of_twelve_families():
    for ids in (UNSEEN, VALIDATION):
        assert len({i // 4 for i in ids}) == len(ids) == 12
    assert not set(UNSEEN) & set(VALIDATION)


def test_unseen_species_have_relatives_and_show_nothing_new():
    known = {(f, v) for i in SEEN for f, v in aviary.SPECIES[i].bird._asdict().items()}
    for i in UNSEEN:
        assert set(aviary.SPECIES[i].bird._asdict().items()) <= known
        assert max(shared(aviary.SPECIES[i], aviary.SPECIES[j]) for j in SEEN) >= 5


def test_outliers_have_no_seen_relative():
    for one in aviary.OUTLIER_SPECIES:
        assert len(species.RESERVED & set(one.bird)) >= 3
        assert max(shared(one, aviary.SPECIES[i]) for i in SEEN) <= 4
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


@pytest.mark.parametrize(("which", "index"), [(0, 100), (0, -1), (68, 0), (-1, 0)])
def test_pictures_beyond_the_aviary_are_an_error(which, index):
    with pytest.raises(IndexError, match="no picture"):
        aviary.picture(which, index)


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
    assert benchmark.features.shape == (6000, 128)
    assert (len(benchmark.train_idx), len(benchmark.test_seen_idx)) == (3840, 960)
    assert benchmark.class_names == tuple(one.name for one in aviary.SPECIES)
    assert zslnb.load("aviary", semantics="attributes").semantic_dim == 53


def test_outliers_share_the_seen_half_with_the_aviary():
    whole, outliers = zslnb.load("aviary"), zslnb.load("aviary-outliers")
    assert torch.equal(whole.features[whole.train_idx], outliers.features[outliers.train_idx])
    names = [outliers.class_names[i] for i in outliers.seen]
    assert names == [aviary.SPECIES[i].name for i in SEEN]
    assert [outliers.class_names[i] for i in outliers.val_classes] == [
        aviary.SPECIES[i].name for i in VALIDATION
    ]
    assert len(outliers.unseen) == len(aviary.OUTLIER_SPECIES) == 8
    with pytest.raises(ValueError, match="has no benchmark 'cub'"):
        aviary.load_arrays("cub")


def accuracy(benchmark, rows, classes):
    """Zero-shot accuracy of the plain CLIP on some rows, choosing among some classes."""
    scores = benchmark.features[rows] @ benchmark.semantics[classes].T
    return (classes[scores.argmax(1)] == benchmark.labels[rows]).float().mean().item()


def test_the_card_states_what_is_measured():
    benchmark = zslnb.load("aviary")
    everything, unseen = torch.arange(60), benchmark.unseen
    s = accuracy(benchmark, benchmark.test_seen_idx, everything)
    u = accuracy(benchmark, benchmark.test_unseen_idx, everything)
    t1 = accuracy(benchmark, benchmark.test_unseen_idx, unseen)
    assert min(s, u, t1 / 2) > 0.25  # far above chance
    measured = [s, u, 2 * s * u / (s + u), t1]
    card = (aviary.DATA.parent / "CARD.md").read_text(encoding="utf-8")
    stated = [float(number) / 100 for number in re.findall(r"\| (\d\d\.\d) \|", card)]
    np.testing.assert_allclose(stated, measured, atol=6e-4)


@pytest.mark.slow
def test_a_short_build_goes_all_the_way_and_learns(tmp_path):
    """`make aviary` in a sixteenth of its training; all of it would take ten minutes."""
    aviary_build.build(tmp_path, aviary_clip.TrainingSettings(pictures=6000, epochs=3))
    old, new = (dict(np.load(folder / "aviary.npz")) for folder in (aviary.DATA, tmp_path))
    assert json.loads(str(old["provenance"])) == json.loads(str(new["provenance"]))
    for name in ("labels", "attributes", "class_names", "trainval_idx", "test_unseen_idx"):
        np.testing.assert_array_equal(old[name], new[name])
    # its own name is reserved for the one that is built in
    benchmark = zslnb.load((tmp_path / "aviary.npz").rename(tmp_path / "drawn.npz"))
    unseen = benchmark.test_unseen_idx
    assert accuracy(benchmark, unseen, benchmark.unseen) > 3 / len(benchmark.unseen)
