"""Methods from image to semantics under the protocols: strict beside lenient."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb import revcd
from zslnb.benchmark import Benchmark
from zslnb.protocol import (
    best,
    evaluate_conventional,
    evaluate_gzsl,
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
    """Train a model from image to semantics; choose the guidance scale clean, or on test.

    clean: the scale with the best H on the validation split, then one training on all of
    trainval and one look at the test set; strict, that is seen accuracy on test images.
    peeked: the same candidates, the test set picks.
    lenient: at clean's scale, but seen accuracy on the training images (all classes compete).
    calibrated: a constant is taken off the cosines of seen classes (Chao et al. 2016), chosen
    together with the scale on the validation split. Not in the paper: it tells how much of a low
    U is the border between seen and unseen classes alone.
    "by guidance" has strict and lenient scores for each scale; "hull" is `hull_scores`.
    """
    inner = validation_split(benchmark, seed)
    trial = revcd.fit(inner, settings, seed, device)
    tried = {scale: _Judged(inner, trial, scale) for scale in _scales(settings)}
    chosen = best((scale, judged.strict()) for scale, judged in tried.items())[0]
    calibration = best(
        ((scale, bias), judged.strict(bias))
        for scale, judged in tried.items()
        for bias in CALIBRATIONS
    )[0]
    model = revcd.fit(benchmark, settings, seed, device)
    tested = {scale: _Judged(benchmark, model, scale) for scale in _scales(settings)}
    strict = {scale: judged.strict() for scale, judged in tested.items()}
    lenient = {scale: judged.lenient() for scale, judged in tested.items()}
    lucky = best(strict.items())[0]
    scale, bias = calibration
    return {
        "clean": strict[chosen],
        "peeked": strict[lucky],
        "lenient": lenient[chosen],
        "calibrated": tested[scale].strict(bias),
        "chosen": {
            "clean": {"guidance": chosen},
            "peeked": {"guidance": lucky},
            "calibrated": {"guidance": scale, "calibration": bias},
        },
        "by guidance": {
            f"{scale:g}": {"strict": strict[scale], "lenient": lenient[scale]} for scale in strict
        },
        "hull": hull_scores(model, benchmark),
        "history": model.history,
    }


def _scales(settings: RevCDSettings) -> tuple[float, ...]:
    """Only diffusion has a scale to choose."""
    return settings.guidance_choices if settings.kind == "revcd" else (1.0,)


@dataclass
class _Judged:
    """Cosines of images' estimates with the competing classes, for one guidance scale."""

    benchmark: Benchmark
    model: RevCD
    scale: float

    def __post_init__(self) -> None:
        b = self.benchmark
        self.classes = torch.cat([b.seen, b.unseen]).sort().values
        self.cosines = torch.zeros(len(b.labels), len(self.classes))
        for name in ("test_seen_idx", "test_unseen_idx"):
            self.cosines[getattr(b, name)] = self._of(name)

    def _of(self, name: str) -> Float[Tensor, "M K"]:
        rows = self.benchmark.features[getattr(self.benchmark, name)]
        made = self.model.scores(rows, guidance=self.scale, stream=name)
        return made.cpu()[:, self.classes]

    def strict(self, bias: float = 0.0) -> dict[str, float]:
        """S, U, H on test images, `bias` taken off seen classes, and T1 among unseen ones."""
        off = bias * torch.isin(self.classes, self.benchmark.seen)
        place = torch.nn.Identity(), self.classes, self.cosines - off, self.benchmark
        return {**evaluate_gzsl(*place), "T1": evaluate_conventional(*place)}

    def lenient(self) -> dict[str, float]:
        """S on the images that were trained on, U and T1 as they are, H from the two."""
        b, strict = self.benchmark, self.strict()
        found = self.classes[self._of("train_idx").argmax(1)]
        seen = per_class_accuracy(b.labels[b.train_idx], found, b.seen)
        return {**strict, "S": seen, "H": harmonic_mean(seen, strict["U"])}


def hull_scores(model: RevCD, benchmark: Benchmark) -> dict[str, dict[str, float]]:
    """Measure how far estimates of test images lie from every average of seen prototypes.

    For each guidance scale the mean distance of estimates of "seen" and "unseen" images to the
    convex hull of the seen prototypes, as a share of what an unseen prototype lies off it on
    average: 0 is inside, 1 as far out as the unseen classes are.
    """
    seen = model.prototypes[benchmark.seen]
    goal = hull_distance(model.prototypes[benchmark.unseen], seen)[0].mean()
    parts = {"seen": benchmark.test_seen_idx, "unseen": benchmark.test_unseen_idx}
    found: dict[str, dict[str, float]] = {}
    for scale in _scales(model.settings):
        found[f"{scale:g}"] = {}
        for name, idx in parts.items():
            some = idx[:: -(-len(idx) // HULL_ROWS)]
            made = model.estimate(benchmark.features[some], guidance=scale, stream="hull")
            found[f"{scale:g}"][name] = float(hull_distance(made, seen)[0].mean() / goal)
    return found
