"""`zslnb.protocol.metrics`: hand-computed cases."""

import math

import numpy as np
import pytest
import torch
from toys import bare

from zslnb.protocol import gzsl_scores, harmonic_mean, per_class_accuracy
from zslnb.protocol.metrics import per_class_accuracies

# class 3: one of four right; class 5: one of one; class 8: none of two
LABELS = torch.tensor([3, 3, 3, 3, 5, 8, 8])
PREDICTIONS = torch.tensor([3, 5, 5, 8, 5, 3, 5])


@pytest.mark.parametrize(
    ("classes", "accuracy"),
    [([3], 1 / 4), ([5], 1.0), ([8], 0.0), ([5, 3], 5 / 8), ([3, 5, 8], 5 / 12)],
)
def test_classes_count_alike_whatever_their_size(classes, accuracy):
    score = per_class_accuracy(LABELS, PREDICTIONS, torch.tensor(classes))
    assert score == pytest.approx(accuracy, abs=1e-12)


def test_many_predictions_are_scored_as_each_alone():
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(9, (200,), generator=draws)
    looks = torch.randint(9, (5, 200), generator=draws)
    for classes in (torch.arange(9), torch.tensor([7, 2, 3])):
        alone = []
        for look in looks:
            shares = [float((look == labels)[labels == c].double().mean()) for c in classes]
            alone.append(sum(shares) / len(shares))
        scores = per_class_accuracies(labels, looks, classes)
        assert scores.tolist() == pytest.approx(alone, abs=1e-12)
        assert scores.tolist() == [per_class_accuracy(labels, look, classes) for look in looks]


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32])
def test_narrow_integers_do(dtype):
    args = (LABELS.to(dtype), PREDICTIONS.to(dtype), torch.tensor([3, 5, 8], dtype=dtype))
    assert per_class_accuracy(*args) == pytest.approx(5 / 12)


def test_what_cannot_be_scored_is_said():
    with pytest.raises(ValueError, match="Class 4 has no sample to score"):
        per_class_accuracy(LABELS, PREDICTIONS, torch.tensor([3, 4]))
    with pytest.raises(ValueError, match="No classes to score"):
        per_class_accuracy(LABELS, PREDICTIONS, torch.tensor([], dtype=torch.int64))
    nothing = torch.tensor([], dtype=torch.int64)
    with pytest.raises(ValueError, match="No classes to score"):
        gzsl_scores(LABELS, PREDICTIONS, nothing, nothing)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_lists_and_arrays_do_as_tensors(kind):
    assert per_class_accuracy(kind([0, 0, 1]), kind([0, 1, 1]), kind([0, 1])) == 0.75
    scores = gzsl_scores(kind([0, 0]), kind([0, 1]), kind([2, 2, 3]), kind([2, 0, 3]))
    assert (scores["S"], scores["U"]) == (0.5, 0.75)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="7 labels but 6 predictions"):
        bare(per_class_accuracy)(LABELS, PREDICTIONS[1:], torch.tensor([3]))


@pytest.mark.parametrize(
    ("seen", "unseen", "h"),
    [(1, 1, 1), (0.6, 0.3, 0.4), (0.887, 0.861, 0.8738), (1, 0, 0), (0, 0, 0)],
)
def test_harmonic_mean(seen, unseen, h):
    assert harmonic_mean(seen, unseen) == pytest.approx(h, abs=1e-4)
    assert harmonic_mean(seen, unseen) == harmonic_mean(unseen, seen)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_an_impossible_accuracy_is_refused(value):
    with pytest.raises(ValueError, match="must be finite and not negative"):
        harmonic_mean(0.5, value)


def test_gzsl_scores_by_hand():
    seen, unseen = torch.tensor([0, 0, 1]), torch.tensor([2, 2, 2, 2, 3])
    scores = gzsl_scores(seen, torch.tensor([0, 2, 1]), unseen, torch.tensor([2, 0, 0, 0, 3]))
    assert scores == pytest.approx({"S": 0.75, "U": 0.625, "H": 2 * 0.75 * 0.625 / 1.375})
