"""RevCD's direction by one ridge regression: from an image to its class's semantics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import AffineMap, ridge_for_penalties
from zslnb.experiments.judged import Judged, judged_scores
from zslnb.protocol import best, validation_split
from zslnb.revcd import Space, Standardiser, prototype_scores
from zslnb.settings import NOT_EMPTY, Settings

Pick = tuple[int, Space]  # power of ten of the penalty, space


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

    Chosen are penalty and space; scores are those of `judged_scores`. "curves" has S and U over
    the constant for each space at clean's penalty, "by space" clean's scores in each space, each
    with the penalty that is best for it.
    """
    tried = dict(candidates(validation_split(benchmark, seed), settings))
    tested = dict(candidates(benchmark, settings))
    scores = judged_scores(tried, tested)
    power = scores["chosen"]["clean"][0]
    named = {protocol: _named(pick) for protocol, pick in scores["chosen"].items()}
    named["calibrated"]["calibration"] = scores.pop("calibration")

    def best_in(space: Space) -> Pick:
        return best((pick, tried[pick].plain) for pick in tried if pick[1] == space)[0]

    return {
        **scores,
        "chosen": named,
        "by space": {space: tested[best_in(space)].plain for space in settings.spaces},
        "curves": {space: tested[power, space].curve() for space in settings.spaces},
    }


def _named(pick: Pick) -> dict[str, float | str]:
    return {"penalty": 10.0 ** pick[0], "space": pick[1]}


def candidates(benchmark: Benchmark, settings: RidgeSettings) -> Iterator[tuple[Pick, Judged]]:
    """Fit for every penalty, after one decomposition, and judge in every space."""
    rows, seen = benchmark.train_idx, benchmark.seen
    images = Standardiser.fitted(benchmark.features[rows])
    semantics = Standardiser.fitted(benchmark.semantics[seen])
    targets = semantics(benchmark.semantics)[benchmark.labels[rows]]
    fitted = ridge_for_penalties(images(benchmark.features[rows]), targets)
    for power in settings.powers:
        estimate = fitted(10.0**power)
        for space in settings.spaces:
            yield (power, space), _judged(benchmark, images, semantics, estimate, space)


def _judged(
    benchmark: Benchmark,
    images: Standardiser,
    semantics: Standardiser,
    estimate: AffineMap,
    space: Space,
) -> Judged:
    def in_space(standardised: Tensor) -> Tensor:
        return standardised if space == "standardised" else semantics.back(standardised)

    prototypes = in_space(semantics(benchmark.semantics))

    def cosines(name: str) -> Tensor:
        rows = benchmark.features[getattr(benchmark, name)]
        return prototype_scores(in_space(estimate(images(rows))), prototypes)

    return Judged(benchmark, cosines)
