"""Methods without a generator under the protocols: a benchmark and settings in, scores out.

A method returns `clean` and `released` scores (S, U, H and conventional T1, fractions), `peeked`
(the clean candidates, picked on the test set) and `chosen`, what each of them picked.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import eszsl, eszsl_for_penalties
from zslnb.experiments.scoring import all_scores, score_test_images
from zslnb.protocol import best, evaluate_gzsl, nearest_semantics, validation_split
from zslnb.seeds import seeded

Scores = dict[str, dict | list]  # by protocol, and what else a method tells


@dataclass(frozen=True)
class ClipSettings:
    """Plain CLIP has nothing to set."""


@dataclass(frozen=True)
class ESZSLSettings:
    """Powers of ten that ESZSL's two penalties are chosen from (its paper's range)."""

    powers: tuple[int, ...] = (-3, -2, -1, 0, 1, 2, 3)


def clip_scores(
    benchmark: Benchmark, settings: ClipSettings, seed: int, device: torch.device | str
) -> Scores:
    """Classify by the nearest class text; nothing is trained or chosen, so protocols agree."""
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    scores = _all_scores(
        lambda x: nearest_semantics(x, benchmark.semantics[classes]),
        classes,
        benchmark.features,
        benchmark,
    )
    return {"clean": scores, "peeked": scores, "released": scores}


def eszsl_scores(
    benchmark: Benchmark, settings: ESZSLSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL; penalties chosen on validation classes (clean) or on the test set (released)."""
    chosen, _ = best(_eszsl_grid(validation_split(benchmark, seed), settings))
    on_test = dict(_eszsl_grid(benchmark, settings))
    lucky, _ = best(on_test.items())
    return {
        "clean": on_test[chosen],
        "peeked": on_test[lucky],
        "released": on_test[lucky],
        "chosen": {"clean": list(chosen), "released": list(lucky)},
    }


def _eszsl_grid(
    benchmark: Benchmark, settings: ESZSLSettings
) -> Iterator[tuple[tuple[int, int], dict[str, float]]]:
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    train, labels = features[benchmark.train_idx], benchmark.labels[benchmark.train_idx]
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    matrix = eszsl_for_penalties(train, labels, semantics)
    for gamma in settings.powers:
        for lam in settings.powers:
            bilinear = matrix(10.0**gamma, 10.0**lam) @ semantics[classes].T
            scores = _all_scores(lambda x, w=bilinear: x @ w, classes, features, benchmark)
            yield (gamma, lam), scores


@dataclass(frozen=True)
class LooksSettings:
    """How often one looks at the test set, and the ESZSL that never gets better meanwhile."""

    looks: int = 100
    gamma: float = 1.0
    lam: float = 1.0


def looks_scores(
    benchmark: Benchmark, settings: LooksSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL on one bootstrap sample of trainval a look, and test each: equals by design.

    Returns `looks`, the test H of each; no look is better than another but by chance, so the
    best of many measures nothing but how often one looked.
    """
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    n, scores = len(benchmark.train_idx), []
    with seeded(seed, "looks"):
        for rows in (benchmark.train_idx[torch.randint(n, (n,))] for _ in range(settings.looks)):
            labels = benchmark.labels[rows]
            matrix = eszsl(features[rows], labels, semantics, settings.gamma, settings.lam)
            bilinear = matrix @ semantics[classes].T
            scores.append(evaluate_gzsl(lambda x, w=bilinear: x @ w, classes, features, benchmark))
    return {"looks": [score["H"] for score in scores]}


def _competing(benchmark: Benchmark) -> Tensor:
    return torch.isin(
        torch.arange(benchmark.n_classes), torch.cat([benchmark.seen, benchmark.unseen])
    )


def _all_scores(scorer, classes: Tensor, features: Tensor, benchmark: Benchmark) -> dict:
    return all_scores(score_test_images(scorer, features, benchmark), classes, benchmark)
