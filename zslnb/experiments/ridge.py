"""RevCD's direction by one ridge regression: from an image to its class's semantics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import AffineMap, ridge_for_penalties
from zslnb.experiments.scoring import all_scores, score_test_images
from zslnb.protocol import (
    Scored,
    accuracy_curve,
    best,
    best_constant,
    harmonic_mean,
    hubness_scores,
    validation_split,
)
from zslnb.revcd import Standardiser, prototype_scores
from zslnb.settings import NOT_EMPTY, Settings

Space = Literal["standardised", "as given"]
Pick = tuple[int, Space]  # power of ten of the penalty, space
CONSTANTS = torch.linspace(0, 1, 51, dtype=torch.float64)  # of "curves", as RevCD's


@dataclass(frozen=True)
class RidgeSettings(Settings):
    """What a ridge regression's penalty, and the space of its answers, are chosen from."""

    powers: Annotated[tuple[int, ...], NOT_EMPTY] = (0, 1, 2, 3, 4, 5, 6)  # of ten: the penalty
    # where the nearest prototype is looked for: among standardised semantics, or back among
    # those given
    spaces: Annotated[tuple[Space, ...], NOT_EMPTY] = ("standardised", "as given")


def ridge_scores(
    benchmark: Benchmark, settings: RidgeSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Regress standardised semantics on standardised features; nearest prototype by cosine.

    clean, peeked, lenient, calibrated, "lenient, calibrated", "validation" and "chosen" are
    those of `estimator_scores`, with penalty and space in place of epochs and guidance. The
    constant is chosen among all borders there are on the validation split. "curves" has S and U
    over the constant for each space at clean's penalty, "by space" clean's scores in each space,
    each with the penalty that is best for it, and "hubness" that of clean.
    """
    tried = dict(_candidates(validation_split(benchmark, seed), settings))
    plain = {pick: judged.strict() for pick, judged in tried.items()}
    chosen = best(plain.items())[0]
    constants = {pick: best_constant(judged.scored) for pick, judged in tried.items()}
    shifted = max(constants, key=lambda pick: constants[pick][1])
    constant = constants[shifted][0]
    tested = dict(_candidates(benchmark, settings))
    strict = {pick: judged.strict() for pick, judged in tested.items()}
    peeked, scored = best(strict.items())[0], tested[chosen].scored
    return {
        "clean": strict[chosen],
        "peeked": strict[peeked],
        "lenient": tested[chosen].lenient(),
        "calibrated": tested[shifted].strict(constant),
        "lenient, calibrated": tested[shifted].lenient(constant),
        "validation": {"clean": plain[chosen], "calibrated": tried[shifted].strict(constant)},
        "chosen": {
            "clean": _named(chosen),
            "peeked": _named(peeked),
            "calibrated": {**_named(shifted), "calibration": constant},
        },
        "by space": {
            space: strict[best((p, s) for p, s in plain.items() if p[1] == space)[0]]
            for space in settings.spaces
        },
        "curves": {space: tested[chosen[0], space].curve() for space in settings.spaces},
        "hubness": hubness_scores(scored.scores, scored.classes, benchmark),
    }


def _named(pick: Pick) -> dict[str, float | str]:
    return {"penalty": 10.0 ** pick[0], "space": pick[1]}


def _candidates(benchmark: Benchmark, settings: RidgeSettings) -> Iterator[tuple[Pick, "_Judged"]]:
    """Fit for every penalty, after one decomposition, and score in every space."""
    rows, seen = benchmark.train_idx, benchmark.seen
    images = Standardiser.fitted(benchmark.features[rows])
    semantics = Standardiser.fitted(benchmark.semantics[seen])
    targets = semantics(benchmark.semantics)[benchmark.labels[rows]]
    fitted = ridge_for_penalties(images(benchmark.features[rows]), targets)
    for power in settings.powers:
        estimate = fitted(10.0**power)
        for space in settings.spaces:
            yield (power, space), _Judged(benchmark, images, semantics, estimate, space)


class _Judged:
    """One regression's cosines with the competing classes, in one space."""

    def __init__(
        self,
        benchmark: Benchmark,
        images: Standardiser,
        semantics: Standardiser,
        estimate: AffineMap,
        space: Space,
    ) -> None:
        self.images, self.semantics = images, semantics
        self.estimate, self.space = estimate, space
        classes = torch.cat([benchmark.seen, benchmark.unseen]).sort().values
        self.prototypes = self._in_space(semantics(benchmark.semantics[classes]))
        scores = score_test_images(self.cosines, benchmark.features, benchmark)
        self.scored = Scored(scores, classes, benchmark)

    def cosines(self, features: Float[Tensor, "M D"]) -> Float[Tensor, "M K"]:
        """Compare the estimates for (M, D) features with each competing class."""
        return prototype_scores(
            self._in_space(self.estimate(self.images(features))), self.prototypes
        )

    def _in_space(self, standardised: Float[Tensor, "M S"]) -> Float[Tensor, "M S"]:
        if self.space == "standardised":
            return standardised
        return standardised * self.semantics.scale + self.semantics.mean

    def strict(self, constant: float = 0.0) -> dict[str, float]:
        """S, U, H on test images, the constant taken off seen classes, and T1 of unseen ones."""
        held = self.scored
        lowered = held.scores.double() - constant * held.is_seen
        return all_scores(lowered, held.classes, held.benchmark)

    def lenient(self, constant: float = 0.0) -> dict[str, float]:
        """S on the images that were fitted to, U and T1 as in `strict`, H from the two."""
        strict, constants = self.strict(constant), torch.tensor([constant], dtype=torch.float64)
        seen = float(self._of_training(constants)[0])
        return {**strict, "S": seen, "H": harmonic_mean(seen, strict["U"])}

    def curve(self) -> dict[str, list[float]]:
        """U, and S counted on test and on training images, over CONSTANTS."""
        strict = self.scored.curve(CONSTANTS)
        lines = {**strict, "S, lenient": self._of_training(CONSTANTS)}
        return {name: lines[name].tolist() for name in ("U", "S", "S, lenient")}

    def _of_training(self, constants: Float[Tensor, " G"]) -> Float[Tensor, " G"]:
        held, rows = self.scored, self.scored.benchmark.train_idx
        scores, labels = self.cosines(held.benchmark.features[rows]), held.benchmark.labels[rows]
        return accuracy_curve(scores, labels, held.classes, held.is_seen, constants)
