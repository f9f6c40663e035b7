"""Every generator taken apart: where it puts unseen classes, and how it spreads samples there.

Real test images serve here as oracles, a true mean and a true spread. They tell which part a
generator lacks; nothing is chosen by them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import residuals
from zslnb.experiments.families import Generator, Pair
from zslnb.experiments.means import Means, MeansSettings, chosen_kernel, fit_means
from zslnb.experiments.models import trained
from zslnb.experiments.scored import Both, picked
from zslnb.experiments.scoring import all_scores
from zslnb.genzsl import GenZSLSettings, ReferentPool
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import (
    calibrated_scores,
    class_means,
    frechet_distance,
    nearest_neighbour_test,
    validation_split,
)
from zslnb.seeds import seeded
from zslnb.settings import Settings, at_least_one

NOISE, RIDGE, NEAREST, TRUE = "GenZSL, noise", "means + spread", "nearest relative", "true"
OWN, BORROWED = "own", "borrowed"
NAMES = {"cvae": "cVAE", "fvaegan": "f-VAEGAN", "gan": "f-CLSWGAN"}
Draw = Callable[[Int64[Tensor, " M"]], Float[Tensor, "M D"]]  # a residual for each class id


@dataclass(frozen=True)
class PartsSettings(Settings):
    """Settings of the generators that are taken apart.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    genzsl: GenZSLSettings = field(default_factory=GenZSLSettings)
    rivals: tuple[ImaginationSettings, ...] = ()
    means: MeansSettings = field(default_factory=MeansSettings)
    # GenZSL with noise for the referent, and the true spread about every generator's means, too
    controls: bool = True

    def __post_init__(self) -> None:
        """Refuse spread that is not borrowed from referents, too."""
        super().__post_init__()
        if self.means.spread != "referents":
            raise ValueError(
                f"The borrowed spread is the referents' here, not {self.means.spread!r}: leave "
                "means.spread as it is."
            )


@dataclass(frozen=True)
class Recombined:
    """A generator of one's means (C, D), of unit length times `length`, and another's spread."""

    base: Generator
    means: Float[Tensor, "C D"]
    length: float
    draw: Draw

    settings = property(lambda self: self.base.settings)
    features = property(lambda self: self.base.features)
    labels = property(lambda self: self.base.labels)
    seed = property(lambda self: self.base.seed)
    history = property(lambda self: self.base.history)

    def synthesise(self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis") -> Pair:
        """Draw n residuals about each class's mean: (K*n, D) of unit norm, and (K*n,) class ids.

        Raises:
            ValueError: n below 1.
        """
        at_least_one("The number of synthetic samples a class", n)
        labels = classes.to(self.labels.device).repeat_interleave(n)
        with seeded(self.seed, f"parts/{stream}"):
            spread = self.draw(labels)
        return F.normalize(self.length * F.normalize(self.means[labels], dim=1) + spread), labels


def parts_scores(
    benchmark: Benchmark, settings: PartsSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Score every generator's means with its own spread, a borrowed one, and the true one.

    "cells" has S, U and H with the border put by validation, and T1, by whose means and by whose
    spread. Each combination is made on the validation split, too, where "true" is of validation
    images; its classifier's epochs and its border are chosen there. Beside generators stand the
    mean of the nearest seen class by semantics, the ridge's, and the true one, with the spread of
    each. A mean is a direction: all are given the length that means of seen classes have, but for a
    generator's with its own spread and the ridge's with the borrowed one, which are as they are.
    "misplaced" is 1 less the cosine of a class's mean and the true one, averaged over unseen
    classes, in units of what the nearest relative's mean has. "spread" compares residuals with
    those of real unseen images: "size" is the share of their squared length, "frechet" and
    "nearest neighbour" are of `zslnb.protocol.fidelity`; "true" is one half of them against the
    other.
    """
    inner = validation_split(benchmark, seed)
    kernel = chosen_kernel(inner, settings.means)
    sides = [_Side(b, settings, kernel, seed, device) for b in (inner, benchmark)]
    cells: dict[str, dict[str, dict[str, float]]] = {}
    for mean, spread in sides[0].combinations():
        both = picked(inner, benchmark, *(side.combined(mean, spread) for side in sides))
        cells.setdefault(mean, {})[spread] = scores_of(both)
    return {"cells": cells, "misplaced": sides[1].misplaced(), "spread": sides[1].spreads()}


def scores_of(both: Both) -> dict[str, float]:
    """S, U and H on the benchmark, the border put by the validation split, and T1."""
    on_validation, on_test = both
    plain = all_scores(on_test.scores, on_test.classes, on_test.benchmark)
    return {**calibrated_scores(on_validation, on_test)[1], "T1": plain["T1"]}


class _Side:
    """All means and all spreads on one benchmark: the validation split, or the whole."""

    def __init__(
        self,
        benchmark: Benchmark,
        settings: PartsSettings,
        kernel: tuple[float, float],
        seed: int,
        device: torch.device | str,
    ) -> None:
        self.controls = settings.controls
        noise = {NOISE: replace(settings.genzsl, referent="noise")} if settings.controls else {}
        rivals = {NAMES[rival.kind]: rival for rival in settings.rivals}
        named = {"GenZSL": settings.genzsl, **noise, **rivals}
        self.generators = {n: trained(benchmark, s, seed, device) for n, s in named.items()}
        self.ridge = fit_means(benchmark, settings.means, kernel, seed, device)
        seen = self.ridge.labels.unique()
        seen_means = class_means(self.ridge.features, self.ridge.labels)
        self.length = float(seen_means.norm(dim=1).mean())
        rows = benchmark.test_unseen_idx.to(seen.device)
        self.real = F.normalize(benchmark.features.to(seen.device)[rows], dim=1)
        self.labels, self.seed = benchmark.labels.to(seen.device)[rows], seed
        nearest = seen_means[torch.searchsorted(seen, self.ridge.lenders[:, 0].contiguous())]
        self.means = {NEAREST: nearest, RIDGE: self.ridge.means}
        self.draws: dict[str, Draw] = {BORROWED: _borrowing(self.ridge)}
        for name, model in self.generators.items():
            n = max(model.settings.n_synthetic_choices)
            self._add(name, *model.synthesise(benchmark.unseen, n, "parts"))
        self._add(TRUE, self.real, self.labels)

    def _add(self, name: str, features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> None:
        """Take samples apart into class means, 0 for other classes, and residuals to draw from."""
        means = torch.zeros_like(self.ridge.means)
        means[labels.unique()] = class_means(features, labels)
        pool = ReferentPool.of(residuals(features, labels), labels, len(means))
        self.means[name] = means
        self.draws[name] = lambda classes: pool.draw(classes[:, None], means.new_ones(1))

    def combinations(self) -> list[tuple[str, str]]:
        spreads = (OWN, BORROWED, TRUE) if self.controls else (OWN, BORROWED)
        own = [(n, s) for n in self.generators for s in spreads]
        others = [(NEAREST, BORROWED), (RIDGE, BORROWED), (RIDGE, TRUE)]
        return [*own, *others, *((TRUE, s) for s in (*self.generators, BORROWED, TRUE))]

    def combined(self, mean: str, spread: str) -> Generator:
        if spread == OWN:
            return self.generators[mean]
        if (mean, spread) == (RIDGE, BORROWED):
            return self.ridge
        return Recombined(self.ridge, self.means[mean], self.length, self.draws[spread])

    def misplaced(self) -> dict[str, float]:
        classes = self.labels.unique()
        true = self.means[TRUE][classes]
        off = {
            name: float(1 - F.cosine_similarity(means[classes], true).mean())
            for name, means in self.means.items()
        }
        return {name: error / off[NEAREST] for name, error in off.items()}

    def spreads(self) -> dict[str, dict[str, float]]:
        true = residuals(self.real, self.labels)
        found = {}
        for name, draw in self.draws.items():
            with seeded(self.seed, f"parts/spread/{name}"):
                drawn = draw(self.labels) if name != TRUE else true[torch.randperm(len(true))]
            pair = (drawn, true) if name != TRUE else drawn[: len(true) // 2 * 2].chunk(2)
            found[name] = {
                "size": float(drawn.square().sum() / true.square().sum()),
                "frechet": frechet_distance(*pair),
                "nearest neighbour": nearest_neighbour_test(*pair),
            }
        return found


def _borrowing(ridge: Means) -> Draw:
    """Draw from a class's lenders. (A bound method would tie its owner to itself, and keep it.)"""

    def draw(classes: Int64[Tensor, " M"]) -> Float[Tensor, "M D"]:
        lenders = ridge.lenders[classes]
        which = torch.randint(lenders.shape[1], (len(classes), 1), device=classes.device)
        return ridge.pool.draw(lenders.gather(1, which), ridge.features.new_ones(1))

    return draw
