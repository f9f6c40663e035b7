"""`zslnb.experiments.fidelity`: known features have known fidelity."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import genzsl
from zslnb.experiments import fidelity
from zslnb.experiments.fidelity import fidelity_scores
from zslnb.genzsl import within_class_cosine
from zslnb.protocol import class_means, frechet_distance, nearest_neighbour_test
from zslnb.seeds import seeded

B = toy()
X = F.normalize(B.features, dim=1)
BOTH = {"genzsl": QUICK, "fvaegan": QUICK_IMAGINATION}
both = pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)


@dataclass
class Known:
    """A generator whose features are known: real ones of the class, more or less disturbed."""

    settings: Any
    noise: float
    order: list[int]  # class c is given the features of class order[c]
    features: torch.Tensor = X
    labels: torch.Tensor = B.labels
    seed: int = 0
    history: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    def synthesise(self, classes: torch.Tensor, n: int, stream: str = "synthesis") -> tuple:
        self.asked.append((classes.tolist(), n, stream))
        test = torch.cat([B.test_seen_idx, B.test_unseen_idx])
        of_class = test[B.labels[test] == self.order[int(classes[0])]]
        rows = of_class[torch.arange(n) % len(of_class)]
        with seeded(0, stream):
            samples = self.features[rows] + self.noise * torch.randn(n, X.shape[1])
        return F.normalize(samples, dim=1), classes.repeat_interleave(n)


def fidelity_of(monkeypatch, noise: float, order: list[int] | None = None) -> tuple[dict, Known]:
    known = Known(QUICK, noise, order or list(range(8)))
    monkeypatch.setattr(fidelity, "trained", lambda *_: known)
    return fidelity_scores(B, QUICK, 0, "cpu"), known


@pytest.mark.parametrize("part", ["seen", "unseen"])
def test_the_real_features_themselves_cannot_be_told_apart(monkeypatch, part):
    scores, _ = fidelity_of(monkeypatch, 0.0)
    rows = B.test_seen_idx if part == "seen" else B.test_unseen_idx
    assert scores[part]["frechet"] == pytest.approx(0, abs=1e-6)
    assert scores[part]["nearest neighbour"] == 0  # a copy's nearest sample is its original
    assert scores[part]["to mean"] == pytest.approx(1)
    expected = within_class_cosine(X[rows], B.labels[rows])
    assert scores[part]["within"] == pytest.approx(expected)


@pytest.mark.parametrize("part", ["seen", "unseen"])
def test_features_like_the_real_ones_are_told_from_garbage(monkeypatch, part):
    alike, garbage = (fidelity_of(monkeypatch, noise)[0][part] for noise in (0.02, 5.0))
    assert alike["frechet"] < 0.02 < 0.1 < garbage["frechet"]
    assert alike["nearest neighbour"] < 0.5 < garbage["nearest neighbour"]
    assert alike["to mean"] > 0.99 > 0.6 > garbage["to mean"]
    assert alike["within"] > 0.8 > 0.3 > garbage["within"]


def test_features_of_the_wrong_classes_are_found_out_by_their_means_alone(monkeypatch):
    """All of them together are the very test images; each class's mean is another's."""
    right, wrong = (fidelity_of(monkeypatch, 0.0, order)[0]["unseen"] for order in (
        None, [0, 1, 2, 3, 4, 5, 7, 6]))  # fmt: skip
    for name in ("frechet", "nearest neighbour"):
        assert right[name] == pytest.approx(wrong[name], abs=1e-6)
    means = class_means(X[B.test_unseen_idx], B.labels[B.test_unseen_idx])
    expected = F.cosine_similarity(means, means.flip(0)).mean()
    assert wrong["to mean"] == pytest.approx(float(expected))
    assert wrong["to mean"] < right["to mean"]


def test_as_many_are_asked_for_as_there_are_real_ones_each_from_its_own_stream(monkeypatch):
    _, known = fidelity_of(monkeypatch, 0.0)
    unseen = [([c], 10, f"fidelity/unseen/{c}") for c in (6, 7)]
    seen = [([c], 3, f"fidelity/seen/{c}") for c in range(6)]
    assert known.asked == unseen + seen


def test_the_yardstick_is_one_half_of_the_real_images_against_the_other(monkeypatch):
    """The same whatever the generator; within is that of all of them."""
    one, other = (fidelity_of(monkeypatch, noise)[0]["real"] for noise in (0.0, 5.0))
    assert one == other
    real, labels = X[B.test_unseen_idx], B.labels[B.test_unseen_idx]
    assert one["within"] == pytest.approx(within_class_cosine(real, labels))
    assert 0 < one["frechet"] < frechet_distance(real[:10], real[10:])  # two classes apart
    assert 0 <= one["nearest neighbour"] <= 1


def test_fidelity_of_genzsl_by_hand():
    scores = fidelity_scores(B, QUICK, 3, "cpu")
    model = genzsl.fit(B, QUICK, 3)
    for name, rows in (("unseen", B.test_unseen_idx), ("seen", B.test_seen_idx)):
        classes = B.labels[rows].unique()
        samples = torch.cat([
            model.synthesise(c[None], int((B.labels[rows] == c).sum()), f"fidelity/{name}/{c}")[0]
            for c in classes
        ])  # fmt: skip
        labels = B.labels[rows].sort().values
        assert scores[name]["frechet"] == frechet_distance(X[rows], samples)
        assert scores[name]["nearest neighbour"] == nearest_neighbour_test(X[rows], samples)
        assert scores[name]["within"] == within_class_cosine(samples, labels)
        text = F.cosine_similarity(samples, model.anchors[labels]).mean()
        assert scores[name]["to text"] == pytest.approx(float(text))
    assert scores["history"] == model.history


def test_only_genzsl_has_anchors_to_be_compared_with():
    scores = fidelity_scores(B, QUICK_IMAGINATION, 0, "cpu")
    names = {"frechet", "nearest neighbour", "to mean", "within"}
    assert set(scores["seen"]) == set(scores["unseen"]) == names
    assert set(scores["real"]) == names - {"to mean"}
    assert len(scores["history"]) == QUICK_IMAGINATION.rounds


def test_a_class_with_a_single_test_image_is_measured_too():
    """A cosine within a class needs a pair; the class counts in everything else."""
    few = replace(B, test_seen_idx=B.test_seen_idx[2:])  # class 0 keeps one test image
    scores = fidelity_scores(few, QUICK, 0, "cpu")["seen"]
    assert all(torch.tensor(list(scores.values())).isfinite())
