"""Methods without a generator under the protocols: a benchmark and settings in, scores out.

A method returns `clean` and `released` scores (S, U, H and conventional T1, fractions), `peeked`
(the clean candidates, picked on the test set) and `chosen`, what each of them picked.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import eszsl, eszsl_for_penalties
from zslnb.errors import BenchmarkError
from zslnb.experiments.scoring import all_scores, competing_classes, score_test_images
from zslnb.protocol import (
    Scored,
    best,
    calibrated_scores,
    evaluate_gzsl,
    hubness_scores,
    nearest_semantics,
    validation_split,
)
from zslnb.seeds import seeded
from zslnb.settings import NOT_EMPTY, Count, Positive, Settings

Scores = dict[str, dict | list]  # by protocol, and what else a method tells


@dataclass(frozen=True)
class ClipSettings(Settings):
    """Plain CLIP has nothing to set."""


@dataclass(frozen=True)
class ESZSLSettings(Settings):
    """Powers of ten that ESZSL's two penalties are chosen from (its paper's range)."""

    powers: Annotated[tuple[int, ...], NOT_EMPTY] = (-3, -2, -1, 0, 1, 2, 3)


def clip_scores(
    benchmark: Benchmark, settings: ClipSettings, seed: int, device: torch.device | str
) -> Scores:
    """Classify by the nearest class text; nothing is trained or chosen, so protocols agree.

    Where there is too little to hold out for validation, no constant is chosen: no "calibrated".
    """
    judged = _scored(nearest_semantics, benchmark.features, benchmark.semantics, benchmark)
    plain = all_scores(judged.scores, judged.classes, benchmark)
    scores = dict.fromkeys(("clean", "peeked", "released"), plain)
    with suppress(BenchmarkError):
        inner = validation_split(benchmark, seed)
        on_validation = _scored(nearest_semantics, inner.features, inner.semantics, inner)
        moved = calibrated_scores(on_validation, judged)[1]
        scores["calibrated"] = {**moved, "T1": plain["T1"]}
    return {**scores, "hubness": hubness_scores(judged.scores, judged.classes, benchmark)}


def eszsl_scores(
    benchmark: Benchmark, settings: ESZSLSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL; penalties chosen on validation classes (clean) or on the test set (released)."""
    on_validation = dict(_eszsl_grid(validation_split(benchmark, seed), settings))
    judged = dict(_eszsl_grid(benchmark, settings))
    tried, on_test = (
        {pick: all_scores(s.scores, s.classes, s.benchmark) for pick, s in grid.items()}
        for grid in (on_validation, judged)
    )
    chosen, peeked = best(tried.items())[0], best(on_test.items())[0]
    scored = judged[chosen]
    return {
        "clean": on_test[chosen],
        "calibrated": {
            **calibrated_scores(on_validation[chosen], scored)[1],
            "T1": on_test[chosen]["T1"],
        },
        "hubness": hubness_scores(scored.scores, scored.classes, benchmark),
        "peeked": on_test[peeked],
        "released": on_test[peeked],
        "chosen": {"clean": list(chosen), "released": list(peeked)},
    }


def _eszsl_grid(
    benchmark: Benchmark, settings: ESZSLSettings
) -> Iterator[tuple[tuple[int, int], Scored]]:
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    train, labels = features[benchmark.train_idx], benchmark.labels[benchmark.train_idx]
    matrix = eszsl_for_penalties(train, labels, semantics)
    for gamma in settings.powers:
        for lam in settings.powers:
            bilinear = matrix(10.0**gamma, 10.0**lam)
            yield (
                (gamma, lam),
                _scored(lambda x, z, w=bilinear: x @ (w @ z.T), features, semantics, benchmark),
            )


def _scored(
    compared: Callable[[Tensor, Tensor], Tensor],
    features: Tensor,
    semantics: Tensor,
    benchmark: Benchmark,
) -> Scored:
    """Score all test images against the semantics of all competing classes."""
    classes = competing_classes(benchmark)
    near = semantics[classes]
    scores = score_test_images(lambda x: compared(x, near), features, benchmark)
    return Scored(scores, classes, benchmark)


@dataclass(frozen=True)
class LooksSettings(Settings):
    """How often one looks at the test set, and the ESZSL that never gets better meanwhile."""

    looks: Count = 100
    gamma: Positive = 1.0
    lam: Positive = 1.0


def looks_scores(
    benchmark: Benchmark, settings: LooksSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL on one bootstrap sample of trainval a look, and test each: equals by design.

    Returns `looks`, the test H of each; no look is better than another but by chance, so the
    best of many measures nothing but how often one looked.
    """
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    classes = competing_classes(benchmark)
    n, scores = len(benchmark.train_idx), []
    with seeded(seed, "looks"):
        for rows in (benchmark.train_idx[torch.randint(n, (n,))] for _ in range(settings.looks)):
            labels = benchmark.labels[rows]
            matrix = eszsl(features[rows], labels, semantics, settings.gamma, settings.lam)
            bilinear = matrix @ semantics[classes].T
            scores.append(evaluate_gzsl(lambda x, w=bilinear: x @ w, classes, features, benchmark))
    return {"looks": [score["H"] for score in scores]}
