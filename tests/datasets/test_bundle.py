"""`zslnb.datasets.bundle`: what a bundle may hold, and every way it can be wrong."""

import io
import json
import os
import pickle
import re
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import page
from shared import tiny_arrays

from zslnb import BenchmarkError, load
from zslnb.datasets import bundle as bundles
from zslnb.datasets.bundle import read_bundle, write_bundle
from zslnb.datasets.loading import RESERVED_NAMES


class Trap:
    """An object whose unpickling makes a folder: a stand-in for running any code."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def write(path: Path, **changes: object) -> Path:
    """Write the tiny bundle with arrays replaced, added, or left out (None)."""
    arrays = {k: v for k, v in {**tiny_arrays(), **changes}.items() if v is not None}
    np.savez(path, **arrays)
    return path


def with_nan(array: np.ndarray) -> np.ndarray:
    return np.where(np.arange(array.size).reshape(array.shape) == 7, np.nan, array)


def provenance(**facts: object) -> np.ndarray:
    return np.array(json.dumps(facts))


def test_a_bundle_becomes_a_benchmark(bundle):
    b, arrays = load(bundle), tiny_arrays()
    np.testing.assert_array_equal(b.features, arrays["features"])
    np.testing.assert_array_equal(b.train_idx, arrays["trainval_idx"])
    facts = b.provenance
    assert (b.name, facts["file"], facts["semantics"]) == ("tiny", "tiny.npz", "words")
    assert b.class_names == ("auk", "bittern", "crane", "dove")
    assert len(b.val_classes) == 0
    assert len(b.provenance["file_sha256"]) == 64


def test_an_empty_list_of_validation_classes_is_none(tmp_path):
    np.savez(tmp_path / "empty.npz", **tiny_arrays(), val_classes=np.array([]))
    assert len(load(tmp_path / "empty.npz").val_classes) == 0


@pytest.mark.parametrize("kind", ["i2", "i8", "u4"])
def test_whole_numbers_of_any_width_do(tmp_path, kind):
    arrays = {k: v.astype(kind) for k, v in tiny_arrays().items() if v.dtype.kind == "i"}
    b = load(write(tmp_path / "b.npz", **arrays, features=tiny_arrays()["features"].astype("f2")))
    assert b.labels.dtype == b.train_idx.dtype == torch.int64
    assert b.features.dtype == torch.float32


TWICE = np.array(["crane", "bittern", "crane", "dove"])


def test_names_alone_are_text_only_and_repeats_are_numbered(tmp_path):
    np.savez(tmp_path / "b.npz", class_names=TWICE, words=np.eye(4))
    b = load(tmp_path / "b.npz")
    assert not b.has_images
    assert b.class_names == ("crane", "bittern", "crane (2)", "dove")
    with pytest.raises(BenchmarkError, match="'resnet' is missing"):
        load(tmp_path / "b.npz", features="resnet")


# what is changed, and what the message says after the file's name
T = tiny_arrays()
WRONG = [
    ({"labels": None}, "array 'labels' is missing; a bundle needs features, labels"),
    ({"features": None}, "array 'features' is missing"),
    ({"class_names": None}, "array 'class_names' is missing"),
    ({"test_seen_idx": None}, "array 'test_seen_idx' is missing"),
    ({"words": None}, "no array of semantics with one row for each of 4 classes"),
    ({"words": T["words"][:3]}, "no array of semantics.*it holds words (3, 3)"),
    ({"features": with_nan(T["features"])}, "features[1, 2] is nan, not finite"),
    ({"features": np.ones((24, 0))}, "features has 24 rows of width 0"),
    ({"words": np.ones((4, 0))}, "semantics has 4 rows of width 0"),
    ({"features": np.full((24, 5), 1e300)}, "features[0, 0] is inf, not finite"),
    ({"labels": T["labels"] + 0.5}, "labels must be a row of whole numbers, but is"),
    ({"labels": T["labels"][:, None]}, "labels must be a row.*of shape (24, 1)"),
    ({"val_classes": np.array([0.0])}, "val_classes must be a row of whole numbers"),
    ({"features": T["features"].astype(str)}, "features must hold numbers"),
    ({"class_names": T["class_names"].astype(bytes)}, "class_names must be a row of"),
    ({"class_names": np.array("auk")}, "class_names must be a row of text"),
    ({"class_names": np.array(["a", " ", "c", "d"])}, "class_names[1] is empty"),
    ({"class_names": TWICE}, "class_names repeats 'crane'"),
    ({"labels": T["labels"] + 1}, "labels[18] is 4, outside 0..3"),
    ({"provenance": np.array("{")}, "provenance is not JSON"),
    ({"provenance": np.array("[]")}, "provenance must be a JSON object, not list"),
    (
        {"provenance": provenance(unit_norm="features")},
        "unit_norm must list names of arrays, not be 'features'",
    ),
    (
        {"provenance": provenance(unit_norm=[["x"]])},
        "unit_norm must list names of arrays, not be [['x']]",
    ),
    (
        {"provenance": provenance(unit_norm=["feature"])},
        "unit_norm names 'feature', which the bundle lacks",
    ),
    ({"provenance": provenance(unit_norm=["words"])}, "semantics[0] has norm"),
    ({"provenance": provenance(default_semantics="text")}, "no semantics 'text'; available: words"),
    ({"more": T["words"]}, "several semantics (words, more); choose one"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_wrong_arrays_are_named(tmp_path, changes, message):
    path = write(tmp_path / "wrong.npz", **changes)
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(BenchmarkError, match=rf"^wrong\.npz: {pattern}"):
        load(path)


def test_an_unknown_choice_lists_what_there_is(tmp_path):
    path = write(tmp_path / "b.npz", more=T["words"], short=T["words"][:2])
    with pytest.raises(BenchmarkError, match="no semantics 'word'; available: words, more"):
        load(path, semantics="word")
    with pytest.raises(BenchmarkError, match=r"'short', although an array of shape \(2, 3\)"):
        load(path, semantics="short")
    with pytest.raises(BenchmarkError, match="'resnet' is missing"):
        load(path, features="resnet", semantics="words")


def test_features_and_semantics_can_be_chosen(tmp_path):
    path = write(
        tmp_path / "b.npz",
        more=T["words"] * 2,
        others=np.eye(3),
        wide=np.ones((24, 9)),
        provenance=provenance(default_semantics="more", unit_norm=["features"], source="drawn"),
    )
    b = load(path, features="wide")
    assert (b.feature_dim, b.provenance["source"]) == (9, "drawn")
    assert b.provenance["semantics"] == "more"
    assert sorted(b.provenance["all_semantics"]) == ["more", "words"]
    assert b.provenance["unit_norm"] == []  # promised of the other features only
    torch.testing.assert_close(
        b.semantics, 2 * load(path, features="wide", semantics="words").semantics
    )


SQUARE = dict.fromkeys(["words", "other", "clip_text"], np.eye(4, 5))


@pytest.mark.parametrize(
    ("facts", "shared"),
    [
        ({}, False),  # equal widths say nothing
        ({"shared_space": ["features", "words"]}, True),
        ({"shared_space": ["features", "other"]}, False),
        ({"prompt": "A {}."}, False),  # of extracted bundles, whose texts are in `clip_text`
    ],
)
def test_a_bundle_says_which_arrays_share_a_space(tmp_path, facts, shared):
    path = write(tmp_path / "b.npz", **SQUARE, provenance=provenance(**facts))
    assert load(path, semantics="words").shared_space is shared
    assert load(path, semantics="clip_text").shared_space is ("prompt" in facts)


def test_the_page_tells_how_to_write_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"(?ms)^```python\n(.*?)^```", page("your-own-data"))
    exec(block, {"arrays": {**tiny_arrays(), "clip_text": np.eye(4, 5)}})
    b = load("mine.npz")
    assert b.shared_space
    assert b.provenance["semantics"] == "clip_text"
    for key in (*bundles.RESERVED, *RESERVED_NAMES):
        assert f"`{key}`" in page("your-own-data")


def test_a_space_of_two_widths_is_none(tmp_path):
    path = write(tmp_path / "b.npz", provenance=provenance(shared_space=["features", "words"]))
    with pytest.raises(BenchmarkError, match="one space is promised, but features are 5-d and"):
        load(path)


def test_only_what_is_needed_is_read_and_by_pieces(tmp_path):
    """At most 1.5 times the float32 features, whatever they are stored as."""
    n, d = 4000, 1000
    labels = np.arange(n) % 4
    arrays = {
        "features": np.ones((n, d), np.float64),
        "unasked": np.ones((3, n, d), np.float32),
        "labels": labels,
        "trainval_idx": np.flatnonzero(labels < 2)[10:],
        "test_seen_idx": np.flatnonzero(labels < 2)[:10],
        "test_unseen_idx": np.flatnonzero(labels >= 2),
    }
    path = write(tmp_path / "b.npz", **arrays)
    tracemalloc.start()
    try:
        b = load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * 4 * n * d
    assert b.features.shape == (n, d)


def test_columns_that_come_first_are_read_in_rows(tmp_path):
    features = tiny_arrays()["features"]
    path = write(tmp_path / "b.npz", features=np.asfortranarray(features, np.float64))
    np.testing.assert_array_equal(load(path).features, features)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def whole(path: Path) -> bytes:
    return write(path).read_bytes()


def scrambled(path: Path) -> bytes:
    """A compressed bundle, a few of whose bytes were lost on the way."""
    np.savez_compressed(path, **tiny_arrays())
    data = bytearray(path.read_bytes())
    data[200:230] = bytes(30)
    return bytes(data)


NOT_BUNDLES = [
    (lambda path: b"", "not an .npz bundle"),
    (lambda path: b"features", "not an .npz bundle"),
    (lambda path: npy(np.eye(2)), "not an .npz bundle"),
    (lambda path: whole(path)[:-100], "or cut short"),
    (scrambled, "damaged"),
]


@pytest.mark.parametrize(("content", "message"), NOT_BUNDLES)
def test_what_is_no_bundle_is_refused(tmp_path, content, message):
    path = tmp_path / "b.npz"
    path.write_bytes(content(path))
    with pytest.raises(BenchmarkError, match=rf"^b\.npz: .*{message}"):
        load(path)


def test_other_files_in_the_zip_are_refused(bundle):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BenchmarkError, match=r"'readme\.txt' is not an array"):
        load(bundle)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "trap.npz"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(BenchmarkError, match="a pickle is never opened"):
        load(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("key", ["class_names", "provenance", "notes"])
def test_an_array_of_objects_is_never_unpickled(tmp_path, key):
    marker = tmp_path / "sprung"
    trapped = np.array([Trap(marker)], dtype=object)
    path = write(tmp_path / "trap.npz", **{key: trapped})
    with pytest.raises(BenchmarkError, match=f"array '{key}' .*holds Python objects"):
        load(path)
    assert not marker.exists()
    with np.load(path, allow_pickle=True) as archive:  # the trap does work
        archive[key]
    assert marker.exists()


def test_a_bundle_that_could_not_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "mine.npz"
    write_bundle(path, {"a": np.arange(3), "text": "old"})

    def fill_up(stream, **_):
        stream.write(b"PK half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(bundles.np, "savez", fill_up)
    with pytest.raises(OSError, match="No space"):
        write_bundle(path, {"text": "new"})
    assert str(read_bundle(path)["text"]) == "old"
    assert [*tmp_path.iterdir()] == [path]
