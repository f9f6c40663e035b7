"""Generators compared beyond accuracy: how real their features look."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.families import Generator, Pair, Settings
from zslnb.experiments.models import trained
from zslnb.genzsl import within_class_cosine
from zslnb.protocol import class_means, frechet_distance, nearest_neighbour_test
from zslnb.seeds import torch_generator


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
    model = trained(benchmark, settings, seed, device)
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
    synthetic = [
        model.synthesise(torch.tensor([c]), int(counts[c]), f"fidelity/{name}/{c}")
        for c in counts.nonzero()[:, 0].tolist()
    ]
    x, y = (torch.cat(parts).cpu() for parts in zip(*synthetic, strict=True))
    scores = {
        "frechet": frechet_distance(real[0], x),
        "nearest neighbour": nearest_neighbour_test(real[0], x),
        "to mean": float(F.cosine_similarity(class_means(x, y), class_means(*real)).mean()),
        "within": _within(x, y),
    }
    if hasattr(model, "anchors"):  # GenZSL's, not named here: its code is not imagination's
        scores["to text"] = float(F.cosine_similarity(x, model.anchors.cpu()[y]).mean())
    return scores


def _within(features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> float:
    """Mean cosine between samples of a class; a class with a single sample has no pair to tell."""
    paired = labels.bincount()[labels] > 1
    return within_class_cosine(features[paired], labels[paired])


def _halves(features: Float[Tensor, "N D"], seed: int) -> dict[str, float]:
    order = torch.randperm(len(features), generator=torch_generator(seed, "fidelity/halves"))
    half = len(order) // 2
    halves = features[order[:half]], features[order[half : 2 * half]]
    return {
        "frechet": frechet_distance(*halves),
        "nearest neighbour": nearest_neighbour_test(*halves),
    }
