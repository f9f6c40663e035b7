"""GenZSL and RevCD on the same images: do they err together, and is a pair better than either?"""

from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from jaxtyping import Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.means import MeansSettings
from zslnb.experiments.ridge import RidgeSettings
from zslnb.experiments.scored import Both
from zslnb.experiments.scoring import all_scores
from zslnb.experiments.seen_unseen import CANDIDATES
from zslnb.genzsl import GenZSLSettings
from zslnb.protocol import (
    Scored,
    best_constant,
    per_class_accuracy,
    validation_split,
)
from zslnb.revcd import RevCDSettings
from zslnb.settings import NOT_EMPTY, Settings, Share

NEXT_SEED = 1  # what a second training of the same method adds to the seed
PAIRS = {
    f"{first} with {second}": (first, second)
    for first, second in (
        # z -> x with x -> z
        *(("GenZSL", "RevCD"), ("GenZSL", "ridge")),
        *(("means + spread", "RevCD"), ("means + spread", "ridge")),
        # two methods of one direction
        *(("GenZSL", "means + spread"), ("RevCD", "ridge")),
        # one method trained twice
        *(("GenZSL", "GenZSL again"), ("RevCD", "RevCD again")),
    )
}


@dataclass(frozen=True)
class TwoDirectionsSettings(Settings):
    """Settings of the four methods that are set side by side, and how a pair is weighted.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    genzsl: GenZSLSettings = field(default_factory=GenZSLSettings)
    means: MeansSettings = field(default_factory=MeansSettings)
    revcd: RevCDSettings = field(default_factory=RevCDSettings)
    ridge: RidgeSettings = field(default_factory=RidgeSettings)
    # what the second of a pair weighs, which validation chooses; the first has the rest
    weights: Annotated[tuple[Share, ...], NOT_EMPTY] = (0.1, 0.3, 0.5, 0.7, 0.9)


def two_directions_scores(
    benchmark: Benchmark, settings: TwoDirectionsSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Score test images by each method, and by the average of two.

    "alone" has each method's S, U, H and T1, of the candidate and the border that are best together
    on the validation split, whatever the method's direction. A pair averages scores that are
    brought to one scale, and its weight and border are chosen there, too: "pairs". "shared" says
    for each pair which share of unseen images both, the first alone, the second alone, or neither
    has right among the unseen classes (averaged over classes), and in which share of all unseen
    images their answers agree.

    Controls for two directions are two methods of one direction, and one method trained twice from
    other draws: what any two models would gain.
    """
    parts, again = (validation_split(benchmark, seed), benchmark), seed + NEXT_SEED
    found = {
        "GenZSL": _chosen(*parts, settings.genzsl, seed, device),
        "GenZSL again": _chosen(*parts, settings.genzsl, again, device),
        "means + spread": _chosen(*parts, settings.means, seed, device),
        "RevCD": _chosen(*parts, settings.revcd, seed, device),
        "RevCD again": _chosen(*parts, settings.revcd, again, device),
        "ridge": _chosen(*parts, settings.ridge, seed, device),
    }
    levelled = {name: _levelled(*both) for name, both in found.items()}
    pairs = {
        label: _paired(levelled[first], levelled[second], settings.weights)
        for label, (first, second) in PAIRS.items()
    }
    return {
        "alone": {name: _scores(on_test) for name, (_, on_test) in levelled.items()},
        "pairs": pairs,
        "shared": {
            label: _shared(*(_answers(levelled[name][1]) for name in names), benchmark)
            for label, names in PAIRS.items()
        },
    }


def _chosen(
    inner: Benchmark, benchmark: Benchmark, settings: Any, seed: int, device: torch.device | str
) -> Both:
    """Take the candidate whose H with its best border is the highest on the validation split."""
    candidates = CANDIDATES[type(settings)]
    tried = dict(candidates(inner, inner, settings, None, seed, device))
    chosen = max(tried, key=lambda pick: best_constant(tried[pick])[1])
    tested = dict(candidates(benchmark, inner, settings, [chosen], seed, device))
    return tried[chosen], tested[chosen]


def _levelled(on_validation: Scored, on_test: Scored) -> Both:
    """Put the border at 0 and bring scores to one scale, both as validation images have them.

    The scale is the standard deviation of an image's scores about their mean.
    """
    constant, _ = best_constant(on_validation)
    rows = _rows(on_validation.benchmark)
    spread = on_validation.scores[rows].double().std(1, correction=0).mean()
    return tuple(
        Scored((s.scores.double() - constant * s.is_seen) / spread, s.classes, s.benchmark)
        for s in (on_validation, on_test)
    )


def _paired(first: Both, second: Both, weights: tuple[float, ...]) -> dict[str, float]:
    """Average the scores of two with the weight, and the border, that are best on validation."""
    averaged = {w: [_average(a, b, w) for a, b in zip(first, second, strict=True)] for w in weights}
    weight = max(averaged, key=lambda w: best_constant(averaged[w][0])[1])
    on_validation, on_test = averaged[weight]
    constant, _ = best_constant(on_validation)
    moved = Scored(on_test.scores - constant * on_test.is_seen, on_test.classes, on_test.benchmark)
    return {**_scores(moved), "weight": weight}


def _average(first: Scored, second: Scored, weight: float) -> Scored:
    if not torch.equal(first.classes, second.classes):
        raise ValueError("Two methods that choose among other classes cannot be averaged.")
    rows, scores = _rows(first.benchmark), torch.zeros_like(first.scores)
    a, b = (s.scores[rows] - s.scores[rows].mean(1, keepdim=True) for s in (first, second))
    scores[rows] = (1 - weight) * a + weight * b
    return Scored(scores, first.classes, first.benchmark)


def _rows(benchmark: Benchmark) -> Int64[Tensor, " M"]:
    return torch.cat([benchmark.test_seen_idx, benchmark.test_unseen_idx])


def _scores(scored: Scored) -> dict[str, float]:
    return all_scores(scored.scores, scored.classes, scored.benchmark)


def _answers(scored: Scored) -> Int64[Tensor, " U"]:
    """Answers for unseen test images where only unseen classes compete."""
    unseen = ~scored.is_seen
    scores = scored.scores[scored.benchmark.test_unseen_idx][:, unseen]
    return scored.classes[unseen][scores.argmax(1)]


def _shared(
    first: Int64[Tensor, " U"], second: Int64[Tensor, " U"], benchmark: Benchmark
) -> dict[str, float]:
    truth = benchmark.labels[benchmark.test_unseen_idx]
    right = first == truth, second == truth
    cases = {
        "both": right[0] & right[1],
        "first": right[0] & ~right[1],
        "second": ~right[0] & right[1],
        "neither": ~right[0] & ~right[1],
    }
    classes = benchmark.unseen
    shares = {
        name: per_class_accuracy(truth, torch.where(case, truth, -1), classes)
        for name, case in cases.items()
    }
    return {**shares, "same answer": float((first == second).double().mean())}
