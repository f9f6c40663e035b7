"""Hubness: some prototypes are nearest to far more images than others (Radovanović et al. 2010)."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark


def hubness(scores: Float[Tensor, "N K"]) -> float:
    """Skewness of N_1, how often each class is the highest of an image's scores.

    E[(N_1 - m)^3] / s^3 over the K classes ("Hubs in space", Radovanović et al. 2010, eq. 1;
    for zero-shot learning Shigeto et al. 2015). 0: counts lie evenly about their mean, or are all
    the same; far above 0: a few classes take most images. Classes of unequal size make it rise
    by themselves, so compare with that of the labels.

    Args:
        scores: (N, K) of N images, whichever classes compete; higher is nearer.

    Raises:
        ValueError: no image, no class, or a score that is NaN, which would count as the highest.
    """
    if not scores.numel():
        raise ValueError(f"{len(scores)} images and {scores.shape[1]} classes: nothing is nearest.")
    if scores.isnan().any():
        raise ValueError(f"The scores of row {int(scores.isnan().any(1).nonzero()[0])} hold NaN.")
    return _skewness(scores.argmax(1).bincount(minlength=scores.shape[1]))


def hubness_scores(
    scores: Float[Tensor, "N K"], classes: Int64[Tensor, " K"], benchmark: Benchmark
) -> dict[str, float]:
    """Hubness of a method's scores of all N images, on the test images; beside it the labels' own.

    "generalised": all test images, all classes compete. "conventional": images of unseen classes
    with these alone competing. "labels, ...": if every answer were right. Columns are `classes`.
    """
    b, classes = benchmark, classes.cpu()
    sets = {
        "generalised": (torch.cat([b.test_seen_idx, b.test_unseen_idx]), torch.ones_like(classes)),
        "conventional": (b.test_unseen_idx, torch.isin(classes, b.unseen)),
    }
    measured = {}
    for name, (rows, allowed) in sets.items():
        columns = allowed.nonzero()[:, 0]
        measured[name] = hubness(scores.cpu()[rows][:, columns])
        right = b.labels[rows][:, None] == classes[columns][None, :]
        measured[f"labels, {name}"] = _skewness(right.sum(0))
    return measured


def _skewness(counts: Int64[Tensor, " K"]) -> float:
    off = counts.double() - counts.double().mean()
    spread = off.square().mean().sqrt()
    return float(off.pow(3).mean() / spread**3) if spread > 0 else 0.0
