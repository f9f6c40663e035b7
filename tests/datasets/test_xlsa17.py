"""`zslnb.datasets.xlsa17`: the published files, and every way two of them can disagree."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mats import (
    ATT,
    AWA2_FOLDER,
    NAMES,
    SIZES,
    SUN_FOLDER,
    cells,
    column,
    images_of,
    in_this_process,  # noqa: F401
    lists_of,
    picture_paths,
    write_mat,
    write_res101,
    write_split,
)
from scipy.io import loadmat
from toys import shared_data

from zslnb import Benchmark, BenchmarkError
from zslnb.datasets.xlsa17 import (
    PUBLISHED,
    _facts,
    _folder_class,
    _ids,
    benchmark_from_xlsa17,
    read_images,
    read_split,
    readable,
)
from zslnb.results.claims import published_sizes

CUB = NAMES["cub"]
_, LABELS = picture_paths("cub")
LISTS = lists_of(LABELS)


def write_both(folder: Path, *, res101: dict | None = None, **changes: object) -> tuple[Path, Path]:
    return (
        write_res101(folder / "res101.mat", LABELS, CUB, **(res101 or {})),
        write_split(folder / "att_splits.mat", **changes),
    )


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(PUBLISHED, "TINY", SIZES)


def tiny(folder: Path, *, name: str = "tiny", **options: object) -> Benchmark:
    changes = options.pop("changes", {})
    return benchmark_from_xlsa17(*write_both(folder, **changes), name=name, **options)


def test_the_two_files_become_a_benchmark(tmp_path):
    b = tiny(tmp_path)
    assert b.class_names == ("Auk", "Rock Wren", "Dove", "Owl", "Crane", "Tit Mouse")
    assert (b.seen.tolist(), b.unseen.tolist()) == ([0, 1, 2, 3], [4, 5])
    assert b.val_classes.tolist() == [3]
    assert (b.labels + 1).tolist() == LABELS.tolist()
    assert (b.train_idx + 1).tolist() == LISTS["trainval_loc"].tolist()
    expected = np.random.default_rng(0).random((4, 30)) + LABELS / 6  # a column an image
    np.testing.assert_allclose(b.features.numpy(), expected.T, rtol=1e-6)
    assert b.features.dtype == b.semantics.dtype == torch.float32
    torch.testing.assert_close(b.semantics, torch.from_numpy(ATT.T).float())
    facts = b.provenance
    assert facts["folders"] == "30 of 30 images lie in the folder of their class"
    assert facts["sizes"] == "as published"
    assert re.fullmatch(r"classes of val_loc in .*/att_splits\.mat", facts["validation"])
    assert facts["split_version"].startswith("1.0: ")
    assert facts["unknown_attributes"] == "none marked"
    assert len(facts["file_sha256"]) == len(facts["split_sha256"]) == 64


def test_the_original_attributes_can_be_chosen_and_are_listed_where_they_say_more(tmp_path):
    b = tiny(tmp_path, semantics="original_attributes")
    torch.testing.assert_close(b.semantics, torch.from_numpy(ATT[::-1].T * 10).float())
    assert b.provenance["all_semantics"] == ["attributes", "original_attributes"]
    same = tiny(tmp_path, changes={"original_att": ATT * 10})
    assert same.provenance["all_semantics"] == ["attributes"]


def test_only_classes_held_out_of_training_validate(tmp_path):
    b = tiny(tmp_path, changes={"val_loc": column(images_of(LABELS, [3, 4], slice(0, 2)))})
    assert b.val_classes.tolist() == [3]
    b = tiny(tmp_path, changes={"val_loc": column(images_of(LABELS, [4, 5], slice(0, 5)))})
    assert b.val_classes.tolist() == [3]  # the other is no seen class
    b = tiny(tmp_path, changes={"train_loc": None})
    assert b.val_classes.tolist() == [3]


def test_validation_classes_can_come_from_a_list_of_names(tmp_path):
    path = tmp_path / "valclasses1.txt"
    path.write_text("004.Dove\n001.Rock_Wren\n\n", encoding="utf-8")
    b = tiny(tmp_path, validation=path)
    assert b.val_classes.tolist() == [1, 2]
    assert b.provenance["validation"] == "a list of class names"
    path.write_text("Ostrich\n", encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"att_splits\.mat: no class 'Ostrich' among its 6"):
        tiny(tmp_path, validation=path)
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(BenchmarkError, match=r"valclasses1\.txt: no list of class names"):
        tiny(tmp_path, validation=path)


SENTENCES = np.arange(30.0).reshape(5, 6)
ORDER = [3, 0, 5, 1, 4, 2]  # of the classes in the sentences' file


def write_sentences(path: Path, **changes: object) -> Path:
    names = [CUB[i].split(".")[1].replace("_", " ").lower() for i in ORDER]
    options = {"names": names, "att": SENTENCES[:, ORDER], "original_att": None, **changes}
    return write_split(path, **options)


def test_sentences_are_mapped_by_name_not_by_position(tmp_path):
    path = write_sentences(tmp_path / "sent_splits.mat")
    b = tiny(tmp_path, sentences=path, semantics="sentences")
    torch.testing.assert_close(b.semantics, torch.from_numpy(SENTENCES.T).float())
    assert tiny(tmp_path, sentences=path).semantic_dim == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (None, r"sent_splits\.mat: allclasses_names is missing.*cannot be mapped by name"),
        ([*CUB[:5], "Ostrich"], r"sent_splits\.mat: no class '005.Tit\+Mouse' among its 6"),
        ([*CUB[:5], "rock wren"], r"sent_splits\.mat: allclasses_names repeats 'rock wren'"),
    ],
)
def test_sentences_that_cannot_be_mapped_are_refused(tmp_path, names, message):
    path = write_sentences(tmp_path / "sent_splits.mat", names=names)
    with pytest.raises(BenchmarkError, match=message):
        tiny(tmp_path, sentences=path)


def test_the_sentences_help_out_with_validation_if_their_split_is_the_same(tmp_path):
    lacking = {"train_loc": None, "val_loc": None}
    shuffled = {"trainval_loc": column(LISTS["trainval_loc"][::-1])}
    path = write_sentences(tmp_path / "sent_splits.mat", **shuffled)
    b = tiny(tmp_path, changes=lacking, sentences=path)
    assert b.val_classes.tolist() == [3]
    assert b.provenance["validation"].endswith("sent_splits.mat")
    write_sentences(path, trainval_loc=column(LISTS["trainval_loc"][1:]))
    assert len(tiny(tmp_path, changes=lacking, sentences=path).val_classes) == 0


@pytest.mark.parametrize("kind", ["u1", "u2", "i8", "f4", "f8"])
def test_counts_of_any_type_do(tmp_path, kind):
    lists = {name: column(numbers.astype(kind)) for name, numbers in LISTS.items()}
    b = tiny(tmp_path, changes={"res101": {"labels": LABELS.astype(kind)[None]}, **lists})
    assert b.labels.dtype == b.train_idx.dtype == torch.int64
    assert b.labels.max() == 5


def changed(name: str, at: int, value: float) -> dict:
    numbers = np.array(LISTS.get(name, LABELS), dtype=float)
    numbers[at] = value
    return {name: column(numbers)}


FILES = [f"/disk/me/images/{c}/{i}.jpg" for i, c in enumerate(np.array(CUB)[LABELS - 1])]
OVERLAP = {"test_seen_loc": column(np.append(LISTS["test_seen_loc"], LISTS["trainval_loc"][2]))}
MOVED = [*FILES[:7], "/x/images/004.Dove/7.jpg", *FILES[8:]]
# what is changed in res101.mat and in att_splits.mat, and what the message says
WRONG = [
    (changed("labels", 3, 0), {}, r"res101.mat: labels\[3\] is 0.0, but counts go from 1"),
    (changed("labels", 3, 1.5), {}, r"res101.mat: labels\[3\] is 1.5"),
    (changed("labels", 3, np.nan), {}, r"res101.mat: labels\[3\] is nan"),
    (changed("labels", 3, 7), {}, r"labels\[3\] is 6, outside 0..5"),
    ({"labels": np.ones((2, 15))}, {}, r"labels must be a column.*\(2, 15\)"),
    ({"labels": None}, {}, "res101.mat: labels is missing; it holds features, image_"),
    ({"labels": column(LABELS[1:])}, {}, "features has 30 images, but labels has 29"),
    ({"features": np.ones((30, 4))}, {}, "features has 4 images, but labels"),
    ({"image_files": cells(FILES[1:])}, {}, "image_files has 29 images"),
    ({"features": np.full((4, 30), np.nan)}, {}, r"features\[0, 0\] is nan, not finite"),
    ({"features": np.full((4, 30), 1e300)}, {}, r"features\[0, 0\] is inf, not finite"),
    ({"features": np.ones((2, 2, 30))}, {}, r"features must be a matrix.*\(2, 2, 30\)"),
    (
        {"image_files": cells(MOVED)},
        {},
        r"image 7, '004.Dove/7.jpg', lies in the folder of another class than .*'002.Auk' in",
    ),
    ({"image_files": cells(["/images/a/../../b.jpg"] * 30)}, {}, "leads elsewhere"),
    ({}, changed("trainval_loc", 2, 0), r"att_splits.mat: trainval_loc\[2\] is 0.0"),
    ({}, changed("test_seen_loc", 2, 31), r"test_seen_idx\[2\] is 30, but there are 30"),
    ({}, changed("trainval_loc", 2, 31), r"trainval_loc\[2\] is 31, but .*30 images"),
    ({}, changed("val_loc", 2, 31), r"att_splits.mat: val_loc\[2\] is 31, but .*30 images"),
    ({}, OVERLAP, "test_seen_idx and train_idx share image"),
    (
        {},
        {"test_unseen_loc": column(np.append(LISTS["test_unseen_loc"], LISTS["test_seen_loc"][0]))},
        r"class 0 \('Auk'\) is both seen and unseen",
    ),
    ({}, {"test_seen_loc": None}, "att_splits.mat: test_seen_loc is missing"),
    ({}, {"att": None}, "att_splits.mat: att is missing"),
    ({}, {"att": ATT[:, :5]}, "original_att has 6 classes, but att 5"),
    ({}, {"names": CUB[:5]}, "allclasses_names has 5 classes, but att 6"),
    ({}, {"names": [*CUB[:5], "007.Auk"]}, "class_names repeats 'Auk'"),
    (
        {},
        {"trainval_loc": column(LISTS["trainval_loc"][1:])},
        "15 trainval images, but tiny has 16; this is another split or a damaged file",
    ),
]


@pytest.mark.parametrize(("res101", "split", "message"), WRONG)
def test_wrong_files_are_named(tmp_path, res101, split, message):
    with pytest.raises(BenchmarkError, match=rf"^{tmp_path.name}/.*{message}"):
        tiny(tmp_path, changes={"res101": res101, **split})


def test_semantics_that_are_not_there_list_what_is(tmp_path):
    with pytest.raises(BenchmarkError, match="no semantics 'words'; available: attributes, orig"):
        tiny(tmp_path, semantics="words")
    with pytest.raises(BenchmarkError, match="no semantics 'sentences'"):
        tiny(tmp_path, semantics="sentences")


@pytest.mark.parametrize(
    ("folder", "names", "paths"),
    [
        (AWA2_FOLDER, ["grizzly+bear", "ox"], ["grizzly+bear/a.jpg", "ox/b.jpg"]),
        (SUN_FOLDER, ["arch", "apse_indoor"], ["a/arch/a.jpg", "a/apse/indoor/b.jpg"]),
        (SUN_FOLDER, ["apse", "apse_indoor"], ["a/apse/a.jpg", "a/apse/indoor/b.jpg"]),
        ("", ["arch", "lean-to"], ["a/arch/a.jpg", "l/lean-to/b.jpg"]),
    ],
)
def test_folders_of_all_three_benchmarks_are_understood(tmp_path, folder, names, paths):
    labels = np.repeat([1, 2], 3)
    changes = {"image_files": cells([folder + paths[y - 1] for y in labels])}
    res101 = write_res101(tmp_path / "res101.mat", labels, names, **changes)
    lists = {"trainval_loc": [1], "test_seen_loc": [2, 3], "test_unseen_loc": [4, 5, 6]}
    arrays = {"att": np.eye(2), "allclasses_names": cells(names)}
    arrays |= {name: column(numbers) for name, numbers in lists.items()}
    split = write_mat(tmp_path / "att_splits.mat", arrays)
    b = benchmark_from_xlsa17(res101, split, name="two")
    assert b.provenance["folders"] == "6 of 6 images lie in the folder of their class"
    assert read_images(res101).image_files[0] == paths[0]


def test_folders_of_all_scenes_are_told_apart():
    """SUN's folders split a class's name somewhere; no split names another class."""
    names = read_split(shared_data("xlsa17/SUN/att_splits.mat")).class_names
    ids = _ids(names, "att_splits.mat")
    for i, name in enumerate(names):
        words = name.split("_")
        for k in range(1, len(words) + 1):
            parts = [name[0], "_".join(words[:k]), "_".join(words[k:])]
            assert _folder_class("/".join(filter(None, parts)), ids) == i, parts


def test_names_read_as_released_code_prompts_with_them():
    assert readable("012.Yellow_headed_Blackbird") == "Yellow headed Blackbird"
    assert readable("grizzly+bear") == "grizzly bear"
    assert readable("lean-to") == "lean-to"


def test_sizes_agree_with_those_that_the_ledger_quotes():
    for row in published_sizes():
        parts = ("seen", "unseen", "trainval", "test seen", "test unseen")
        assert PUBLISHED[row["benchmark"]]._asdict() == {p.replace(" ", "_"): row[p] for p in parts}


TRAINVAL = LISTS["trainval_loc"]
NEITHER = {"train_loc": None, "val_loc": None}
WITHIN = {"train_loc": column(TRAINVAL[:12]), "val_loc": column(TRAINVAL[12:])}
UNRATED = np.where(np.isin(ATT, [8, 15]), -1, ATT * 10)
# aPY's pictures come from VOC and Flowers' from one folder; neither names a class
ONE_FOLDER = cells([f"/BS/data/VOC2008/JPEGImages/2008_{i:06}.jpg" for i in range(30)])
AS_SCIPY = {"res101": {"image_files": FILES}, "allclasses_names": CUB}


@pytest.mark.parametrize(
    ("changes", "fact", "words"),
    [
        (NEITHER, "validation", r"none: .*att_splits\.mat has no val_loc"),
        ({}, "split_version", "1.0: its train_loc and val_loc hold"),
        (NEITHER, "split_version", "2.0: it has neither"),
        (WITHIN, "split_version", "2.0: its train_loc and val_loc hold no"),
        ({"names": None}, "class_names", "none given: numbered"),
        ({"names": None}, "folders", "not checked: the classes have no names"),
        ({"res101": {"image_files": None}}, "folders", "not checked: the images have no paths"),
        ({"res101": {"image_files": ONE_FOLDER}}, "folders", "0 of 30 images lie in the folder"),
        (AS_SCIPY, "folders", "30 of 30"),
        ({"original_att": None}, "unknown_attributes", "none marked"),
        ({"original_att": UNRATED}, "unknown_attributes", "2 of 18 values are marked -1"),
        ({"original_att": UNRATED - 0.5 * (ATT == 0)}, "unknown_attributes", "none marked"),
    ],
)
def test_provenance_says_what_the_files_hold_and_lack(tmp_path, changes, fact, words):
    b = tiny(tmp_path, changes=changes)
    assert re.match(words, b.provenance[fact])
    first = ("class 1", "class 2") if "names" in changes else ("Auk", "Rock Wren")
    assert b.class_names[:2] == first


def test_unknown_values_are_kept(tmp_path):
    b = tiny(tmp_path, changes={"original_att": UNRATED}, semantics="original_attributes")
    np.testing.assert_array_equal(b.semantics, UNRATED.T)


def test_images_with_other_features_need_paths(tmp_path):
    write_both(tmp_path, res101={"image_files": None})
    with pytest.raises(BenchmarkError, match="image_files is missing"):
        read_images(tmp_path / "res101.mat", features=False)


@pytest.mark.parametrize(
    "names",
    [
        ["麻雀", "喜鹊", "乌鸦", "燕子", "鸽子", "老鹰"],
        ["Воробей", "Сорока", "Ворона", "Синица", "Голубь", "Орёл"],
        ["ก่า", "ก้า", "ก๊า", "ก๋า", "กา", "ข่า"],  # told apart by their marks alone
        ["C", "C+", "C#", "C++", "$", "$$"],
    ],
    ids=["Chinese", "Cyrillic", "Thai", "signs"],
)
def test_names_in_any_script_are_names(tmp_path, names):
    b = tiny(tmp_path, changes={"names": names})
    assert b.class_names == tuple(map(readable, names))


# the published files


@pytest.mark.parametrize(
    ("name", "width", "version", "unknown"),
    [("AWA2", 85, "1", "4 of 4,250"), ("CUB", 312, "2", "none"), ("SUN", 102, "1", "none")],
)
def test_the_published_splits_have_the_published_sizes(name, width, version, unknown):
    path, sizes = shared_data(f"xlsa17/{name}/att_splits.mat"), PUBLISHED[name]
    split, scipys = read_split(path), loadmat(path)
    np.testing.assert_array_equal(split.attributes, scipys["att"].T.astype(np.float32))
    assert split.class_names == tuple(cell.item() for cell in scipys["allclasses_names"][:, 0])
    np.testing.assert_array_equal(split.test_seen_idx + 1, scipys["test_seen_loc"][:, 0])
    classes = sizes.seen + sizes.unseen
    assert split.attributes.shape == split.original_attributes.shape == (classes, width)
    assert len(set(split.class_names)) == classes
    lists = (split.trainval_idx, split.test_seen_idx, split.test_unseen_idx)
    assert [len(i) for i in lists] == [sizes.trainval, sizes.test_seen, sizes.test_unseen]
    # together they hold each image once
    assert torch.cat(lists).sort().values.equal(torch.arange(sum(map(len, lists))))
    assert (split.val_idx is None) == (name == "CUB")
    assert re.fullmatch(r"\w{3} \w{3} +\d+ [\d:]+ 20\d\d", split.created)
    facts = _facts(split)
    assert facts["split_version"].startswith(version)
    assert facts["unknown_attributes"].startswith(unknown)


def cub_labels(class_names: tuple[str, ...]) -> np.ndarray:
    """Labels from 1 of CUB's images, which lie in the order of the classes' numbers."""
    with np.load(shared_data("cub_resnet_fc1000.npz")) as arrays:
        counts = np.bincount(arrays["labels"])
    numbered = sorted(range(200), key=lambda i: class_names[i])
    return np.repeat(np.array(numbered) + 1, counts)


def test_the_published_cub_files_become_the_benchmark(tmp_path):
    att, sent = (shared_data(f"xlsa17/CUB/{kind}_splits.mat") for kind in ("att", "sent"))
    names = read_split(att).class_names
    res101 = write_res101(tmp_path / "res101.mat", cub_labels(names), names)
    b = benchmark_from_xlsa17(res101, att, sentences=sent, semantics="sentences", name="cub")
    assert b.features.shape == (11788, 4)
    assert (len(b.seen), len(b.unseen), len(b.val_classes)) == (150, 50, 50)
    assert b.provenance["sizes"] == "as published"
    assert b.provenance["folders"] == "11788 of 11788 images lie in the folder of their class"
    with np.load(shared_data("cub_resnet_fc1000.npz")) as arrays:  # made of the same files
        known = dict(zip(arrays["class_names"].tolist(), arrays["sentences"], strict=True))
        attributes = dict(zip(arrays["class_names"].tolist(), arrays["attributes"], strict=True))
        validation = set(arrays["class_names"][arrays["val_classes"]].tolist())
    np.testing.assert_allclose(b.semantics, [known[name] for name in b.class_names], rtol=1e-3)
    other = benchmark_from_xlsa17(res101, att, name="bird")
    assert other.provenance["sizes"] == "not checked: none known for this name"
    np.testing.assert_allclose(other.semantics, [attributes[n] for n in b.class_names], rtol=1e-3)
    assert {b.class_names[i] for i in b.val_classes} == validation
    assert len(other.val_classes) == 0
