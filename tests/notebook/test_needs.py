"""`notebook.needs`: what a page states, counted on benchmarks that have too little of it."""

import re
from dataclasses import replace

import pytest
import torch
from toys import toy

from zslnb.datasets import load
from zslnb.errors import BenchmarkError, RequestError
from zslnb.notebook import needs
from zslnb.notebook.needs import COUNTS, Needs
from zslnb.notebook.sources import find_sources


@pytest.fixture
def tiny(bundle):
    return load(bundle)


def test_counts_of_a_small_benchmark(tiny):
    assert {name: count(tiny) for name, count in COUNTS.items()} == {
        "seen_classes": 2,
        "unseen_classes": 2,
        "seen_classes_not_for_validation": 1,
        "training_images": 8,
        "training_images_of_each_seen_class": 4,
        "classes_with_two_test_images": 4,
        "seen_classes_with_two_test_images": 2,
        "unseen_classes_with_two_test_images": 2,
    }


@pytest.mark.parametrize(
    ("least", "says"),
    [
        ({"unseen_classes": 3}, "needs at least 3 unseen classes, and tiny has 2"),
        ({"training_images": 64}, "needs at least 64 training images, and tiny has 8"),
        ({"seen_classes": 2, "unseen_classes": 2}, ""),
    ],
)
def test_what_is_lacking_is_a_sentence(tiny, least, says):
    assert Needs("images", least).unmet(tiny) == says


def test_images_and_the_aviary(tiny, names_only):
    assert "class semantics only" in Needs("images").unmet(load(names_only))
    assert not Needs("semantics").unmet(load(names_only))
    assert Needs("aviary").unmet(tiny) == "needs the built-in aviary"
    assert not Needs("aviary").unmet(load("aviary"))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("pictures", r"10_topic\.py: its header must say `zslnb: needs:`"),
        ("images\n#     at_least: {classes: 3}", "known are seen_classes, "),
    ],
)
def test_a_header_that_cannot_be_counted_is_refused(write_notebook, header, says):
    path = write_notebook("10_topic", needs=header)
    with pytest.raises(RequestError, match=says):
        needs.read_header(path)


def test_the_built_in_benchmark_has_what_every_page_needs():
    aviary = load("aviary")
    assert not [s.name for s in find_sources() if s.needs.unmet(aviary)]


LONELY = {"train_idx": [0, *range(10, 60)], "test_seen_idx": [58, 59]}  # class 0 has one image
ONE_UNSEEN = {"test_unseen_idx": [*range(60, 70)]}
ONE_SEEN = {"train_idx": [0, 1], "test_seen_idx": [9]}
SPLITS = [s.number for s in find_sources() if s.needs.kind == "images" and s.number != "20"]


@pytest.mark.parametrize(
    ("page", "change", "lacking"),
    [
        ("11", {"test_unseen_idx": [60, 70]}, "1 unseen class with two test images"),
        ("11", ONE_UNSEEN, "2 unseen classes"),
        ("12", {"train_idx": [i for i in range(60) if i % 10 < 5]}, "64 training images"),
        ("13", {}, "1 seen class with two test images"),
        ("13", ONE_UNSEEN | {"test_seen_idx": [8, 9]}, "2 unseen classes"),
        ("20", ONE_SEEN, "2 seen classes"),
        ("22", {"test_unseen_idx": [60, 70]}, "2 classes with two"),
        *((page, LONELY, "2 training images of each|64 training images") for page in SPLITS),
        *((page, ONE_SEEN, r"[1234] seen class(es)? not for validation") for page in SPLITS),
    ],
)
def test_a_benchmark_on_which_a_page_cannot_run_is_told_so(page, change, lacking):
    rows = {"test_seen_idx": [9, 19], "train_idx": range(60)} | change
    rows["train_idx"] = [i for i in rows["train_idx"] if i not in rows["test_seen_idx"]]
    rows = {name: torch.tensor(ids) for name, ids in rows.items()}
    small = replace(toy(), val_classes=torch.zeros(0, dtype=torch.int64), **rows)
    (source,) = [s for s in find_sources() if s.number == page]
    assert re.match(f"needs at least ({lacking})", source.needs.unmet(small))
    with pytest.raises(BenchmarkError, match=f"This page needs at least ({lacking})"):
        needs.require(source.name, small)


def test_a_page_of_ones_own_needs_nothing(tiny):
    needs.require("10_of_my_own", tiny)
