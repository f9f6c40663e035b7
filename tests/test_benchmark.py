"""`zslnb.benchmark`: each rule violated once; the message names file, field and offender."""

import pickle
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from toys import bare, toy

from zslnb import Benchmark, BenchmarkError


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave shapes to the benchmark's own rules, as users do: the checker would speak first."""
    monkeypatch.setattr(Benchmark, "__init__", bare(Benchmark.__init__))


def put(position: tuple | int, value: float | Tensor) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        tensor = tensor.clone()
        tensor[position] = value
        return tensor

    return change


# field, what happens to it, what the message says
BROKEN = {
    "features no matrix": ("features", lambda x: x[0], "features must be a matrix.*(8,)"),
    "semantics no matrix": ("semantics", lambda x: x[None], "semantics must be a matrix"),
    "labels no row": ("labels", lambda x: x[:, None], "labels must be a row.*(80, 1)"),
    "index no row": ("train_idx", lambda x: x[None], "train_idx must be a row"),
    "float labels": ("labels", lambda x: x.float(), "labels must hold int64.*float32"),
    "short index": ("test_seen_idx", lambda x: x.int(), "test_seen_idx must hold int64.*int32"),
    "float val_classes": ("val_classes", lambda x: x.float(), "val_classes must hold int64"),
    "labels too few": ("labels", lambda x: x[:-1], "labels has 79 entries for 80 rows of features"),
    "semantics too few": ("semantics", lambda x: x[1:], "semantics has 7 rows for 8 class_names"),
    "name twice": ("class_names", lambda x: (*x[:7], x[2]), "class_names repeats 'bird 2'"),
    "label too high": ("labels", put((slice(5, 7),), 8), "labels[5] is 8, outside 0..7"),
    "label negative": ("labels", put(3, -1), "labels[3] is -1, outside 0..7"),
    "NaN": ("features", put((4, 6), torch.nan), "features[4, 6] is nan, not finite"),
    "infinity": ("semantics", put((1, 2), torch.inf), "semantics[1, 2] is inf, not finite"),
    "index too high": ("train_idx", put(2, 80), "train_idx[2] is 80, but there are 80 images"),
    "index negative": ("test_unseen_idx", put(0, -1), "test_unseen_idx[0] is -1"),
    "no training": ("train_idx", lambda x: x[:0], "train_idx is empty"),
    "no test": ("test_unseen_idx", lambda x: x[:0], "test_unseen_idx is empty"),
    "image twice": ("train_idx", put(1, 0), "train_idx lists image 0 more than once"),
    "leak, seen": ("test_seen_idx", put(0, 11), "test_seen_idx and train_idx share image 11"),
    "leak, unseen": ("test_unseen_idx", put(0, 11), "test_unseen_idx and train_idx share image 11"),
    "unseen also seen": ("test_unseen_idx", put(0, 7), "class 0 ('bird 0') is both seen and"),
    "class untrained": ("test_seen_idx", put(0, 79), "test_seen_idx[0] is of class 7, which has"),
    "val unseen": ("val_classes", put(1, 6), "val_classes holds 6, which is no seen class"),
    "val everything": ("val_classes", lambda x: torch.arange(6), "val_classes holds every seen"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("field", "change", "message"), BROKEN.values(), ids=BROKEN)
def test_each_rule_names_file_field_and_offender(field, change, message):
    whole = replace(toy(), provenance={"file": "birds.npz"})
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(BenchmarkError, match=rf"^birds\.npz: .*{pattern}.*\.$"):
        replace(whole, **{field: change(getattr(whole, field))})


@pytest.mark.parametrize("field", ["features", "semantics"])
def test_a_promised_unit_norm_is_checked(field):
    whole = toy()
    unit = torch.nn.functional.normalize(getattr(whole, field), dim=1)
    kept = replace(whole, **{field: unit}, provenance={"unit_norm": [field]})
    with pytest.raises(BenchmarkError, match=rf"toy: {field}\[2\] has norm 1\.0100 although"):
        replace(kept, **{field: put(2, 1.01 * unit[2])(unit)})


def test_norms_of_half_precision_pass_for_unit():
    whole = toy()
    stored = torch.nn.functional.normalize(whole.features, dim=1).half()
    assert replace(whole, features=stored, provenance={"unit_norm": ["features"]})


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_floats_of_any_precision_are_kept_as_float32(dtype):
    b = replace(toy(), features=toy().features.to(dtype), semantics=toy().semantics.to(dtype))
    assert b.features.dtype == b.semantics.dtype == torch.float32


def test_what_a_benchmark_says_of_itself():
    b = toy()
    assert (b.n_classes, b.feature_dim, b.semantic_dim, b.has_images) == (8, 8, 8, True)
    assert b.seen.tolist() == [0, 1, 2, 3, 4, 5]
    assert b.unseen.tolist() == [6, 7]
    assert b.summary().to_numpy().tolist() == [[6, 42], [6, 18], [2, 20]]
    assert repr(b) == (
        "Benchmark('toy': 80 images, 6 seen + 2 unseen classes, features 8-d, semantics 8-d)"
    )
    assert "| test, unseen classes | 2 | 20 |" in b._repr_markdown_()


def named(*names: str) -> Benchmark:
    b = toy()
    return replace(b, class_names=(*names, *b.class_names[len(names) :]))


def test_classes_with_the_same_semantics_are_said_with_both_names():
    b = named("Cat", "cat", "heron")
    assert (b.equal_semantics, b.remarks) == ((), ())
    rows = b.semantics.clone()
    rows[1] = rows[0] * (1 + 1e-7)  # one text, encoded in two batches
    rows[7] = rows[2]
    b = replace(b, semantics=rows)
    assert b.equal_semantics == (("Cat", "cat"), ("heron", "bird 7"))
    (remark,) = b.remarks
    assert "'Cat' and 'cat', 'heron' and 'bird 7'" in remark
    assert "'heron' and 'bird 7'" in b._repr_markdown_()


def test_equal_widths_are_no_shared_space():
    assert toy().shared_space
    assert not replace(toy(), provenance={}).shared_space


def test_names_are_text_and_never_markup():
    b = replace(toy(), name="a|b $x$ *c*")
    assert r"**a\|b \$x\$ \*c\***" in b._repr_markdown_()


def test_text_alone_is_a_benchmark():
    none = torch.zeros(0, dtype=torch.int64)
    b = Benchmark(torch.zeros(0, 0), none, torch.eye(2), ("a", "b"), none, none, none, none)
    assert not b.has_images
    assert len(b.seen) == len(b.unseen) == 0


def moved_boundary(b: Benchmark) -> dict:
    """The same rows in the same order, with another image between trainval and test."""
    both = torch.cat([b.train_idx, b.test_seen_idx])
    n = len(b.train_idx) - 1
    return {"train_idx": both[:n], "test_seen_idx": both[n:]}


OTHERS = {
    "features": lambda b: {"features": put((0, 0), 9.0)(b.features)},
    "semantics": lambda b: {"semantics": put((0, 0), 9.0)(b.semantics)},
    "name of a class": lambda b: {"class_names": (*b.class_names[:-1], "emu")},
    "names joined": lambda b: {"class_names": ("bird 0\nbird 1", "", *b.class_names[2:])},
    "validation": lambda b: {"val_classes": b.val_classes[:1]},
    "boundary": moved_boundary,
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_another_benchmark_has_another_hash(change):
    assert replace(toy(), **change(toy())).sha256 != toy().sha256


def test_equal_benchmarks_share_a_hash_through_pickling_and_renaming():
    assert toy().sha256 == pickle.loads(pickle.dumps(toy())).sha256
    assert toy().sha256 == replace(toy(), name="other", provenance={"file": "x"}).sha256
