"""`zslnb.genzsl.boosting`: both readings of the boosting term, and the map for other widths."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import bare

from zslnb.genzsl import boosting_loss, semantics_to_features
from zslnb.seeds import torch_generator

GENERATOR = torch_generator(0, "tests/boosting")
X_HAT = F.normalize(torch.randn(6, 4, generator=GENERATOR), dim=1)
CLASSES = torch.randn(3, 4, generator=GENERATOR)
LABELS = torch.tensor([0, 1, 1, 2, 0, 1])


def cross_entropy(scores: list[float], label: int) -> float:
    return math.log(sum(math.exp(s) for s in scores)) - scores[label]


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_batch_mode_is_the_released_loop(temperature):
    semantics, total = CLASSES[LABELS], 0.0
    logits = [[float(x @ z) / temperature for z in semantics] for x in X_HAT]
    for i in range(6):
        total += cross_entropy(logits[i], i) / 6
        total += cross_entropy([row[i] for row in logits], i) / 6
    loss = boosting_loss(X_HAT, semantics, temperature)
    assert float(loss) == pytest.approx(total / 2, rel=1e-5)


@pytest.mark.parametrize("size", [1, 2, 64])
def test_a_batch_of_one_class_can_learn_nothing(size):
    """What class-sorted batches do: identical semantics pin the term at ln B."""
    x_hat = F.normalize(torch.ones(size, 4), dim=1)
    loss = boosting_loss(x_hat, CLASSES[:1].expand(size, 4))
    assert float(loss) == pytest.approx(math.log(size), abs=1e-5)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_classes_mode_is_a_softmax_over_classes(temperature):
    expected = [
        cross_entropy([float(x @ z) / temperature for z in CLASSES], int(label))
        for x, label in zip(X_HAT, LABELS, strict=True)
    ]
    loss = boosting_loss(X_HAT, CLASSES[LABELS], temperature, "classes", CLASSES, LABELS)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_classes_mode_has_no_false_negatives():
    sharp = F.normalize(CLASSES, dim=1)
    args = (sharp[[0, 0, 0]], sharp[[0, 0, 0]])
    classes = boosting_loss(*args, 0.01, "classes", sharp, torch.zeros(3, dtype=torch.int64))
    assert float(classes) == pytest.approx(0, abs=1e-5)
    assert float(boosting_loss(*args, 0.01)) == pytest.approx(math.log(3), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_precisions_may_differ(dtype):
    semantics = CLASSES[LABELS].to(dtype)
    expected = boosting_loss(X_HAT, semantics.float())
    torch.testing.assert_close(boosting_loss(X_HAT, semantics), expected)
    args = (0.07, "classes", CLASSES.to(dtype), LABELS)
    assert boosting_loss(X_HAT, semantics, *args).dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "batches"}, "mode must be one of batch, classes, not 'batches'"),
        ({"temperature": 0.0}, "temperature must be positive, not 0.0"),
        ({"temperature": -1.0}, "temperature must be positive"),
        (
            {"semantics": torch.ones(6, 5)},
            r"4-d features with 5-d semantics.*semantics_to_features",
        ),
        ({"mode": "classes"}, "needs class_semantics and labels"),
        ({"mode": "classes", "class_semantics": CLASSES}, "needs class_semantics and labels"),
        ({"mode": "classes", "labels": LABELS}, "needs class_semantics and labels"),
    ],
)
def test_what_means_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        bare(boosting_loss)(**{"x_hat": X_HAT, "semantics": CLASSES[LABELS], **changes})


@pytest.mark.parametrize("penalty", [1e-3, 1.0, 50.0])
def test_the_map_is_ridge_regression_with_an_intercept(penalty):
    features = torch.randn(6, 5, generator=GENERATOR)
    every, x = CLASSES.double().numpy(), features.double().numpy()
    # least squares with a column of ones, and sqrt(penalty) I below all columns but that one
    s = np.hstack([every[LABELS], np.ones((6, 1))])
    stacked = np.vstack([s, penalty**0.5 * np.eye(5)[:4]])
    weights = np.linalg.lstsq(stacked, np.vstack([x, np.zeros((4, 5))]), rcond=None)[0]
    mapped = np.hstack([every, np.ones((3, 1))]) @ weights
    expected = mapped / np.linalg.norm(mapped, axis=1, keepdims=True)
    anchors = semantics_to_features(CLASSES, features, LABELS, penalty)
    np.testing.assert_allclose(anchors, expected, atol=1e-5)
    shared = semantics_to_features(CLASSES + 3.0, features, LABELS, penalty)
    torch.testing.assert_close(shared, anchors)  # what all have in common does not bend it
    with pytest.raises(ValueError, match="penalty must be positive"):
        semantics_to_features(CLASSES, X_HAT, LABELS, -penalty)
