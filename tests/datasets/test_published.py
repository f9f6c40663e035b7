"""`zslnb.load` of the published benchmarks: what is read, what is missing, what does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
from mats import (
    EACH,
    NAMES,
    SIZES,
    in_this_process,  # noqa: F401
    picture_paths,
    write_published,
)

from zslnb import BenchmarkError, load
from zslnb.datasets.bundle import write_bundle
from zslnb.datasets.extracted import rows_sha256
from zslnb.datasets.published import load_published
from zslnb.datasets.published_files import PUBLISHED_BENCHMARKS, PublishedFiles, features_of
from zslnb.datasets.xlsa17 import PUBLISHED, readable

WIDTH = 8


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A data folder with the published files of all three, and CLIP features of CUB."""
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path))
    for name in NAMES:
        monkeypatch.setitem(PUBLISHED, name.upper(), SIZES)
        write_published(PublishedFiles(name, "resnet101").mat_folder, name)
    write_extracted(PublishedFiles("cub", "clip"))
    return tmp_path


def unit(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, WIDTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_extracted(files: PublishedFiles, *, weights: str = "w", **changes: object) -> None:
    """What an extraction and the encoding of class names leave."""
    paths, _ = picture_paths(files.name)
    rows = changes.get("features", unit(len(paths), 1))
    facts = {"weights_sha256": "w", "images_sha256": "i", "preprocessing": "p"}
    facts |= {"precision": "float32", "unreadable": {}, "images": len(paths)}
    facts |= {"features_sha256": rows_sha256(rows)} | changes.pop("facts", {})
    arrays = {"features": rows, "images": np.array(paths), "provenance": json.dumps(facts)}
    write_bundle(files.features_file, arrays | changes)
    write_texts(files, weights, [*map(readable, NAMES[files.name])])


def write_texts(files: PublishedFiles, weights: str, names: list[str]) -> None:
    facts = json.dumps({"weights_sha256": weights, "prompt": "A photo of a {}."})
    texts = {"text": unit(6, 2), "class_names": np.array(names), "provenance": facts}
    write_bundle(files.text_file, texts)


def test_clip_is_the_default_where_pictures_are_published(root):
    b = load("cub")
    assert (b.feature_dim, b.semantic_dim) == (WIDTH, WIDTH)
    np.testing.assert_array_equal(b.features, unit(6 * EACH, 1))
    np.testing.assert_array_equal(b.semantics, unit(6, 2))
    facts = b.provenance
    assert (facts["features"], facts["model"], facts["tag"]) == ("clip", "ViT-B-16", "openai")
    assert (facts["semantics"], facts["prompt"]) == ("clip-text", "A photo of a {}.")
    assert facts["unit_norm"] == ["features", "semantics"]
    assert facts["all_features"] == ["clip", "resnet101"]
    assert facts["all_semantics"] == ["clip-text", "attributes", "original_attributes"]
    assert facts["sizes"] == "as published"
    assert facts["weights_sha256"] == "w"
    assert len(facts["features_sha256"]) == len(facts["split_sha256"]) == 64
    assert str(root) not in json.dumps(facts)


@pytest.mark.parametrize(
    ("features", "semantics", "width", "semantic_width", "unit_norm"),
    [
        ("clip", "attributes", WIDTH, 3, ["features"]),
        ("clip", "original_attributes", WIDTH, 3, ["features"]),
        ("resnet101", None, 12, 3, []),
        ("resnet101", "clip-text", 12, WIDTH, ["semantics"]),
        (None, "clip_text", WIDTH, WIDTH, ["features", "semantics"]),
    ],
)
def test_features_and_semantics_are_chosen_apart(
    root, features, semantics, width, semantic_width, unit_norm
):
    b = load("cub", features=features, semantics=semantics)
    assert (b.feature_dim, b.semantic_dim) == (width, semantic_width)
    assert b.provenance.get("unit_norm", []) == unit_norm
    assert b.shared_space == (unit_norm == ["features", "semantics"])
    assert b.labels.equal(load("cub").labels)
    assert b.val_classes.tolist() == [3]
    # ResNet's are a file, CLIP's are made with weights
    has = [key in b.provenance for key in ("file_sha256", "weights_sha256")]
    assert has == [features == "resnet101", features != "resnet101"]


def test_the_data_can_be_elsewhere(root, monkeypatch):
    monkeypatch.setenv("ZSLNB_DATA", str(root / "nowhere"))
    assert load("cub", root=root).sha256 == load_published("cub", root=root).sha256
    with pytest.raises(FileNotFoundError):
        load("cub")


def test_the_published_list_of_validation_classes_is_used_where_there_is_one(root):
    folder = PublishedFiles("cub", "clip").mat_folder
    (folder / "valclasses1.txt").write_text("002.Auk\n001.Rock_Wren\n")
    b = load("cub")
    assert b.val_classes.tolist() == [0, 1]
    assert b.provenance["validation"] == "a list of class names"


def test_sentences_are_there_where_their_file_is(root):
    with pytest.raises(FileNotFoundError, match=r"no sentences of cub.*sent_splits\.mat into"):
        load("cub", semantics="sentences")
    folder = PublishedFiles("cub", "clip").mat_folder
    (folder / "sent_splits.mat").write_bytes((folder / "att_splits.mat").read_bytes())
    b = load("cub", semantics="sentences")
    assert b.semantics.equal(load("cub", semantics="attributes").semantics)
    assert b.provenance["all_semantics"][-1] == "sentences"


@pytest.mark.parametrize(
    ("name", "wishes", "message"),
    [
        ("cub", {}, r"CUB/res101\.mat is not in .*|CUB/att_splits\.mat is not in"),
        (
            "sun",
            {"features": "resnet101"},
            r"`make data BENCHMARK=sun FEATURES=resnet101` brings it: 922 MB to download, 1.84 GB",
        ),
        (
            "awa1",
            {},
            r"AWA1/att_splits\.mat is not in .*make data BENCHMARK=cub FEATURES=resnet101",
        ),
    ],
)
def test_what_is_missing_is_told_with_the_command(tmp_path, monkeypatch, name, wishes, message):
    monkeypatch.setenv("ZSLNB_DATA", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match=message) as caught:
        load(name, **wishes)
    if name != "awa1":
        assert "with DRY_RUN=1 it says what it would download" in str(caught.value)
    assert not (tmp_path / "empty").exists()


def test_features_that_were_not_made_are_no_other_features(root):
    with pytest.raises(FileNotFoundError, match="CLIP features of sun have not been made yet"):
        load("sun")
    assert load("sun", features="resnet101").provenance["all_features"] == ["resnet101"]
    PublishedFiles("cub", "clip").text_file.unlink()
    with pytest.raises(FileNotFoundError, match="CLIP texts of cub's class names"):
        load("cub")
    assert load("cub", semantics="attributes").provenance["all_semantics"][0] == "attributes"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facts": {"features_sha256": "x"}}, r"another hash.*`make data BENCHMARK=cub` does that"),
        ({"images": np.array(["x.jpg"] * 30)}, r"another list of pictures"),
    ],
)
def test_features_that_do_not_fit_are_refused(root, changes, message):
    write_extracted(PublishedFiles("cub", "clip"), **changes)
    with pytest.raises(BenchmarkError, match=message):
        load("cub")


def test_texts_that_do_not_fit_are_refused(root):
    files = PublishedFiles("cub", "clip")
    write_extracted(files, weights="other")
    with pytest.raises(BenchmarkError, match="made with other weights than the features"):
        load("cub")
    assert load("cub", features="resnet101", semantics="clip-text").semantic_dim == WIDTH
    write_texts(files, "w", ["x"] * 6)
    with pytest.raises(BenchmarkError, match="of other class names"):
        load("cub")
    write_bundle(files.text_file, {"text": unit(6, 2)})
    with pytest.raises(BenchmarkError, match=r"text\.npz is damaged"):
        load("cub")


def test_pictures_left_out_are_not_passed_over(root):
    paths, _ = picture_paths("cub")
    rows, facts = unit(len(paths), 1)[1:], {"unreadable": {paths[0]: "cut"}}
    write_extracted(
        PublishedFiles("cub", "clip"), features=rows, images=np.array(paths[1:]), facts=facts
    )
    with pytest.raises(BenchmarkError, match=r"30 pictures of cub .* and 1 left out"):
        load("cub")


@pytest.mark.parametrize(
    ("name", "wishes", "message"),
    [
        ("cub", {"features": "vgg"}, "no features 'vgg' of cub; available: clip, resnet101"),
        ("flo", {"features": "clip"}, "no features 'clip' of flo; available: resnet101"),
        ("cub", {"semantics": "atributes"}, "Did you mean 'attributes'"),
        ("CUB", {}, "Did you mean 'cub'"),
        ("awa", {}, "Did you mean 'awa2'|Did you mean 'awa1'"),
    ],
)
def test_unknown_wishes_suggest_the_nearest(root, name, wishes, message):
    with pytest.raises(BenchmarkError, match=message):
        load(name, **wishes)
    with pytest.raises(BenchmarkError, match="no published benchmark 'cubb'"):
        load_published("cubb")


def test_awa1_flo_and_apy_load_where_they_were_put(root, monkeypatch):
    for name in ("awa1", "flo", "apy"):
        monkeypatch.setitem(PUBLISHED, name.upper(), SIZES)
        write_published(PublishedFiles(name, "resnet101").mat_folder, "awa2")
        b = load(name)
        assert (b.name, b.feature_dim) == (name, 12)
        assert b.provenance["all_features"] == ["resnet101"]


def test_each_benchmark_has_a_first_kind_of_features():
    assert {name: features_of(name)[0] for name in PUBLISHED_BENCHMARKS} == {
        **dict.fromkeys(("cub", "sun", "awa2"), "clip"),
        **dict.fromkeys(("awa1", "flo", "apy"), "resnet101"),
    }
    assert features_of("aviary") == ()
