"""`zslnb.protocol.selection`: what a choice may look at."""

from dataclasses import replace

import pytest
import torch
from toys import shared_data, toy

from zslnb import Benchmark, BenchmarkError, load
from zslnb.protocol import best, expected_best, validation_split

WITHOUT = replace(toy(), val_classes=torch.zeros(0, dtype=torch.int64))


def rows(b: Benchmark) -> list[int]:
    return torch.cat([b.train_idx, b.test_seen_idx, b.test_unseen_idx]).tolist()


@pytest.mark.parametrize("whole", [toy(), WITHOUT], ids=["named", "drawn"])
def test_a_validation_split_deals_out_trainval_and_nothing_else(whole):
    inner = validation_split(whole, seed=0)
    assert sorted(rows(inner)) == sorted(whole.train_idx.tolist())
    assert not set(inner.seen.tolist()) & set(inner.unseen.tolist())
    assert set(inner.seen.tolist()) | set(inner.unseen.tolist()) == set(whole.seen.tolist())
    assert len(inner.val_classes) == 0
    assert inner.name == "toy (validation)"


def test_named_validation_classes_are_the_unseen_ones():
    assert validation_split(toy(), seed=5).unseen.tolist() == [1, 3]


def test_else_a_quarter_of_the_seen_classes_is_drawn():
    drawn = [tuple(validation_split(WITHOUT, seed).unseen.tolist()) for seed in range(8)]
    assert {len(classes) for classes in drawn} == {2}
    assert len(set(drawn)) > 1


@pytest.mark.parametrize(
    ("images", "held_out"), [(2, 1), (4, 1), (7, 1), (10, 2), (30, 6), (58, 12)]
)
def test_a_fifth_of_each_class_is_held_out(images, held_out):
    n = 3 * images + 3  # two seen classes, one of them for validation, and an unseen one
    labels = torch.tensor([*[0] * images, *[1] * images, *[3] * images, 0, 1, 3])
    b = Benchmark(
        features=torch.randn(n, 2),
        labels=labels,
        semantics=torch.randn(4, 2),
        class_names=tuple("abcd"),
        train_idx=torch.arange(2 * images),
        test_seen_idx=torch.tensor([n - 3, n - 2]),
        test_unseen_idx=torch.arange(2 * images, 3 * images),
        val_classes=torch.tensor([1]),
    )
    inner = validation_split(b, seed=0)
    assert len(inner.test_seen_idx) == held_out
    assert len(inner.train_idx) == images - held_out


def test_the_seed_decides_which_images():
    one, same, other = (validation_split(toy(), seed) for seed in (0, 0, 1))
    assert one.sha256 == same.sha256 != other.sha256


def test_test_images_play_no_part():
    whole = toy()
    garbage = whole.features.clone()
    garbage[torch.cat([whole.test_seen_idx, whole.test_unseen_idx])] = 1e6
    one, other = (validation_split(b, 0) for b in (whole, replace(whole, features=garbage)))
    assert rows(one) == rows(other)
    assert torch.equal(one.features[rows(one)], other.features[rows(other)])


def test_too_little_to_hold_out_is_said():
    with pytest.raises(BenchmarkError, match=r"toy: .*at least two seen classes.*there is 1"):
        validation_split(toy(seen=1), seed=0)
    whole = toy()
    lonely = replace(whole, train_idx=whole.train_idx[6:])  # class 0 keeps one image
    with pytest.raises(BenchmarkError, match="Class 0 has one training image"):
        validation_split(lonely, seed=0)


def test_the_validation_split_of_cub_is_as_large_as_known():
    inner = validation_split(load(shared_data("cub_resnet_fc1000.npz"), semantics="sentences"), 0)
    assert (len(inner.seen), len(inner.unseen)) == (100, 50)
    share = len(inner.test_seen_idx) / (len(inner.test_seen_idx) + len(inner.train_idx))
    assert share == pytest.approx(0.2, abs=0.005)


def test_best_takes_the_highest_h_and_the_earliest_of_equals():
    scored = [("a", {"H": 0.2, "S": 1.0}), ("b", {"H": 0.4, "S": 0.1}), ("c", {"H": 0.4})]
    assert best(iter(scored)) == ("b", {"H": 0.4, "S": 0.1})
    with pytest.raises(ValueError, match="nothing to choose from"):
        best([])


@pytest.mark.parametrize(("k", "expected"), [(1, 2.0), (2, 8 / 3), (3, 3.0)])
def test_expected_best_by_hand(k, expected):
    assert expected_best([3.0, 1.0, 2.0], k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [0, 4])
def test_expected_best_needs_as_many_values(k):
    with pytest.raises(ValueError, match=r"1\.\.3 values, not"):
        expected_best([1.0, 2.0, 3.0], k)
