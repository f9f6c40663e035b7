"""Generators compared beyond accuracy: how real their features look, and how fast they learn."""

import time
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.generative import (
    FIT,
    Generator,
    Settings,
    classifier_scores,
    unit_features,
    with_synthetic,
)
from zslnb.genzsl import GenZSL, within_class_cosine
from zslnb.protocol import class_means, frechet_distance, nearest_neighbour_test, train_classifier
from zslnb.seeds import torch_generator

Pair = tuple[Float[Tensor, "N D"], Int64[Tensor, " N"]]


def fidelity_scores(
    benchmark: Benchmark, settings: Settings, seed: int, device: torch.device | str
) -> dict:
    """Train a generator and compare as many synthetic test features as there are real ones.

    Test images serve to measure, never to train or to choose. For "unseen" and "seen" test
    images: "frechet" and "nearest neighbour" (see `zslnb.protocol.fidelity`), "to mean" (cosine
    of synthetic and real class mean, averaged over classes), "within" (cosine between synthetic
    samples of a class, of two at least) and, for GenZSL, "to text" (cosine with the class's
    anchor). "real" is the yardstick: one random half of the real unseen images against the other.
    """
    model = FIT[type(settings)](benchmark, settings, seed, device)
    features, labels = F.normalize(benchmark.features, dim=1), benchmark.labels
    parts = {"unseen": benchmark.test_unseen_idx, "seen": benchmark.test_seen_idx}
    real = features[parts["unseen"]], labels[parts["unseen"]]
    return {
        **{
            name: _fidelity(model, (features[rows], labels[rows]), name)
            for name, rows in parts.items()
        },
        "real": {**_halves(real[0], seed), "within": _within(*real)},
        "history": model.history,
    }


def _fidelity(model: Generator, real: Pair, name: str) -> dict[str, float]:
    counts = real[1].bincount()
    made = [
        model.synthesise(torch.tensor([c]), int(counts[c]), f"fidelity/{name}/{c}")
        for c in counts.nonzero()[:, 0].tolist()
    ]
    x, y = (torch.cat(parts).cpu() for parts in zip(*made, strict=True))
    scores = {
        "frechet": frechet_distance(real[0], x),
        "nearest neighbour": nearest_neighbour_test(real[0], x),
        "to mean": float(F.cosine_similarity(class_means(x, y), class_means(*real)).mean()),
        "within": _within(x, y),
    }
    if isinstance(model, GenZSL):
        anchors = model.anchors.cpu()[y]
        scores["to text"] = float(F.cosine_similarity(x, anchors).mean())
    return scores


def _within(features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> float:
    """Mean cosine between samples of a class; a class with a single sample has no pair to tell."""
    paired = labels.bincount()[labels] > 1
    return within_class_cosine(features[paired], labels[paired])


def _halves(features: Float[Tensor, "N D"], seed: int) -> dict[str, float]:
    order = torch.randperm(len(features), generator=torch_generator(seed, "fidelity/halves"))
    half = len(order) // 2
    one, other = features[order[:half]], features[order[half : 2 * half]]
    return {
        "frechet": frechet_distance(one, other),
        "nearest neighbour": nearest_neighbour_test(one, other),
    }


def speed_scores(
    benchmark: Benchmark, settings: Settings, seed: int, device: torch.device | str
) -> dict:
    """Train a generator and test it after every round, each time with a fresh, equal classifier.

    "curve" has a point a round: "seconds" of training so far (of one thread's CPU time, or of a
    GPU's wall clock; the classifier's and the test's are left out), "steps" of the generator,
    training "samples" drawn, the critic's among them, and the test scores.
    """
    fit = FIT[type(settings)]
    fit(benchmark, replace(settings, rounds=1, passes=1), seed, device)  # what is slow only once
    watch = _StopWatch(benchmark, torch.device(device))
    fit(benchmark, settings, seed, device, on_round=watch)
    return {"curve": watch.curve}


@dataclass
class _StopWatch:
    """Notes time and scores after each round of training; its own time does not count."""

    benchmark: Benchmark
    device: torch.device
    curve: list[dict[str, float]] = field(default_factory=list)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.since = self._now()

    def __call__(self, model: Generator) -> None:
        self.spent += self._now() - self.since
        s, last = model.settings, model.history[-1]
        pair = with_synthetic(model, self.benchmark.unseen, s.n_synthetic)
        trainer = train_classifier(*pair, s.classifier, model.seed)
        features = unit_features(self.benchmark, model)
        point = {"seconds": round(self.spent, 3), **{k: last[k] for k in ("steps", "samples")}}
        self.curve.append({**point, **classifier_scores(trainer, features, self.benchmark)})
        self.since = self._now()

    def _now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()
