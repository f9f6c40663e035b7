"""Methods from image to semantics under the protocols: strict beside lenient."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.models import trained
from zslnb.experiments.scoring import all_scores
from zslnb.protocol import (
    best,
    harmonic_mean,
    per_class_accuracy,
    validation_split,
)
from zslnb.revcd import RevCD, RevCDSettings, hull_distance

CALIBRATIONS = tuple(round(0.02 * i, 2) for i in range(51))  # off the cosines of seen classes
HULL_ROWS = 200  # images whose estimates the hull is measured for
Scores = dict[str, Any]


def estimator_scores(
    benchmark: Benchmark, settings: RevCDSettings, seed: int, device: torch.device | str
) -> Scores:
    """Train a model from image to semantics; choose how it is used clean, or on the test set.

    clean: the number of epochs, the guidance scale and the space of comparison with the best H on
    the validation split, then training on all of trainval and one look at the test set; strict:
    seen accuracy is of test images.
    peeked: the same candidates, the test set picks.
    lenient: clean's choice, but seen accuracy on the training images (all classes compete).
    calibrated: a constant is taken off the cosines of seen classes (Chao et al. 2016), chosen
    together with the others on the validation split. Not in the paper: it tells how much of a low
    U is the border between seen and unseen classes alone. Counted leniently, too.
    "validation" has the scores that clean and calibrated were chosen by. All else as clean chose,
    "by guidance" has the strict scores of each scale, "by space" of each space, "curves" S and U
    as the constant grows, for each number of epochs; "hull" is `hull_scores`, and "history" the
    training's.
    """
    tried = _candidates(validation_split(benchmark, seed), settings, seed, device)
    chosen, plain = best((pick, judged.strict()) for pick, judged in tried.items())
    (shifted, bias), calibrated = best(
        ((pick, bias), judged.strict(bias))
        for pick, judged in tried.items()
        for bias in CALIBRATIONS
    )
    tested = _candidates(benchmark, settings, seed, device)
    strict = {pick: judged.strict() for pick, judged in tested.items()}
    peeked = best(strict.items())[0]
    epochs, scale, space = chosen
    model = tested[chosen].model
    return {
        "clean": strict[chosen],
        "peeked": strict[peeked],
        "lenient": tested[chosen].lenient(),
        "calibrated": tested[shifted].strict(bias),
        "lenient, calibrated": tested[shifted].lenient(bias),
        "validation": {"clean": plain, "calibrated": calibrated},
        "chosen": {
            "clean": _named(chosen),
            "peeked": _named(peeked),
            "calibrated": {**_named(shifted), "calibration": bias},
        },
        "by guidance": {f"{g:g}": strict[epochs, g, space] for g in _scales(settings)},
        "by space": {s: strict[epochs, scale, s] for s in _spaces(benchmark, settings)},
        "curves": {str(n): tested[n, scale, space].curve() for n in settings.epoch_choices},
        "hull": hull_scores(model, benchmark),
        "history": model.history,
    }


Pick = tuple[int, float, str]  # epochs of training, guidance scale, space of comparison


def _candidates(
    benchmark: Benchmark, settings: RevCDSettings, seed: int, device: torch.device | str
) -> dict[Pick, "_Judged"]:
    """Train for each number of epochs; judge each guidance scale in each space."""
    return {
        (epochs, scale, space): _Judged(benchmark, model, estimates, space)
        for epochs in settings.epoch_choices
        for model in [trained(benchmark, replace(settings, epochs=epochs), seed, device)]
        for scale in _scales(settings)
        for estimates in [cache(partial(_estimates, benchmark, model, scale))]
        for space in _spaces(benchmark, settings)
    }


def _named(pick: Pick) -> dict[str, float | str]:
    return dict(zip(("epochs", "guidance", "space"), pick, strict=True))


def _scales(settings: RevCDSettings) -> tuple[float, ...]:
    """Only diffusion has a scale to choose."""
    return settings.guidance_choices if settings.kind == "revcd" else (1.0,)


def _spaces(benchmark: Benchmark, settings: RevCDSettings) -> tuple[str, ...]:
    """Leave the semantics as given out where a class has nothing but zeros, so no direction."""
    empty = (benchmark.semantics == 0).all(1).any()
    return ("standardised",) if empty else settings.spaces


def _estimates(benchmark: Benchmark, model: RevCD, scale: float, name: str) -> Tensor:
    rows = benchmark.features[getattr(benchmark, name)]
    return model.estimate(rows, guidance=scale, stream=name)


@dataclass
class _Judged:
    """Cosines of images' estimates with the competing classes, for one guidance scale and space.

    `estimates` gives those of the images under a name of the benchmark's, made once.
    """

    benchmark: Benchmark
    model: RevCD
    estimates: Callable[[str], Float[Tensor, "M S"]]
    space: str
    _strict: dict[float, dict[str, float]] = field(default_factory=dict)  # by calibration

    def __post_init__(self) -> None:
        b = self.benchmark
        self.classes = torch.cat([b.seen, b.unseen]).sort().values
        self.is_seen = torch.isin(self.classes, b.seen).float()
        self.cosines = torch.zeros(len(b.labels), len(self.classes))
        for name in ("test_seen_idx", "test_unseen_idx"):
            self.cosines[getattr(b, name)] = self._cosines_of(name)

    def _cosines_of(self, name: str) -> Float[Tensor, "M K"]:
        cosines = self.model.cosines(self.estimates(name), self.space)
        return cosines.cpu()[:, self.classes]

    def strict(self, bias: float = 0.0) -> dict[str, float]:
        """S, U, H on test images, `bias` taken off seen classes, and T1 among unseen ones."""
        if bias not in self._strict:
            cosines = self.cosines - bias * self.is_seen
            self._strict[bias] = all_scores(cosines, self.classes, self.benchmark)
        return self._strict[bias]

    @cached_property
    def _of_training(self) -> Float[Tensor, "N K"]:
        """Cosines of the images that were trained on."""
        return self._cosines_of("train_idx")

    def lenient(self, bias: float = 0.0) -> dict[str, float]:
        """S on the images that were trained on, U and T1 as in `strict`, H from the two."""
        b, strict = self.benchmark, self.strict(bias)
        predicted = self.classes[(self._of_training - bias * self.is_seen).argmax(1)]
        seen = per_class_accuracy(b.labels[b.train_idx], predicted, b.seen)
        return {**strict, "S": seen, "H": harmonic_mean(seen, strict["U"])}

    def curve(self) -> dict[str, list[float]]:
        """U, and S counted on test and on training images, as the calibration grows."""
        strict = [self.strict(bias) for bias in CALIBRATIONS]
        return {
            "U": [scores["U"] for scores in strict],
            "S": [scores["S"] for scores in strict],
            "S, lenient": [self.lenient(bias)["S"] for bias in CALIBRATIONS],
        }


def hull_scores(model: RevCD, benchmark: Benchmark) -> dict[str, dict[str, float]]:
    """Measure how far estimates of test images lie from every average of seen prototypes.

    For each guidance scale the mean distance of estimates of "seen" and "unseen" images to the
    convex hull of the seen prototypes, as a share of what an unseen prototype lies off it on
    average: 0 is inside, 1 as far out as the unseen classes are.
    """
    seen = model.prototypes[benchmark.seen]
    goal = hull_distance(model.prototypes[benchmark.unseen], seen)[0].mean()
    parts = {"seen": benchmark.test_seen_idx, "unseen": benchmark.test_unseen_idx}
    distances: dict[str, dict[str, float]] = {}
    for scale in _scales(model.settings):
        distances[f"{scale:g}"] = {}
        for name, idx in parts.items():
            rows = idx[:: -(-len(idx) // HULL_ROWS)]
            estimates = model.estimate(benchmark.features[rows], guidance=scale, stream="hull")
            share = hull_distance(estimates, seen)[0].mean() / goal
            distances[f"{scale:g}"][name] = float(share)
    return distances
