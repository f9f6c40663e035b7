"""`zslnb.load`: from a name or a path to a benchmark, and what a wrong one is told."""

from pathlib import Path

import pytest
from toys import shared_data

from zslnb import BenchmarkError, load
from zslnb.errors import unknown_name


@pytest.mark.parametrize("name", ["aviry", "Aviary", "aviary "])
def test_a_name_almost_right_gets_the_nearest(name):
    with pytest.raises(
        BenchmarkError, match=r"no benchmark .* Did you mean 'aviary'.*\.npz bundle"
    ):
        load(name)


def test_a_name_far_off_gets_the_list():
    with pytest.raises(BenchmarkError, match=r"'x'\. Known: aviary, aviary-outliers"):
        load("x")


def test_unknown_names_of_anything_are_told_alike():
    assert unknown_name("method", "genzls", ["clip", "genzsl"]) == (
        "There is no method 'genzls'. Did you mean 'genzsl'? Known: clip, genzsl."
    )


@pytest.mark.parametrize("name", ["aviary", "SUN", "Aviary-Outliers", "awa1"])
def test_a_bundle_may_not_be_called_as_another_benchmark(bundle: Path, name):
    with pytest.raises(BenchmarkError, match=rf"^{name}\.npz: '{name}' is the name of .*Rename"):
        load(bundle.rename(bundle.with_name(f"{name}.npz")))


def test_a_missing_bundle_is_named_with_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"no bundle 'gone\.npz' in '{tmp_path}'"):
        load(tmp_path / "gone.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(FileNotFoundError, match="no bundle"):
        load(tmp_path / "folder.npz")


def test_relative_paths_start_at_root_and_absolute_ones_do_not(bundle: Path):
    by_root = load(bundle.name, root=bundle.parent)
    assert by_root.sha256 == load(bundle, root="elsewhere").sha256 == load(str(bundle)).sha256


def test_a_copy_under_another_name_is_the_same_data(bundle: Path):
    copy = bundle.with_name("copy.npz")
    copy.write_bytes(bundle.read_bytes())
    one, other = load(bundle), load(copy)
    assert (other.name, other.sha256) == ("copy", one.sha256)
    assert other.provenance["file_sha256"] == one.provenance["file_sha256"]


def test_cub_has_the_sizes_of_the_proposed_split():
    b = load(shared_data("cub_resnet_fc1000.npz"), semantics="sentences")
    assert b.features.shape == (11788, 1000)
    assert (len(b.seen), len(b.unseen), len(b.val_classes)) == (150, 50, 50)
    assert [len(i) for i in (b.train_idx, b.test_seen_idx, b.test_unseen_idx)] == [7057, 1764, 2967]


def test_cub_asks_which_semantics_and_offers_both():
    path = shared_data("cub_resnet_fc1000.npz")
    with pytest.raises(BenchmarkError, match=r"several semantics \(attributes, sentences\)"):
        load(path)
    assert load(path, semantics="attributes").semantic_dim == 312
