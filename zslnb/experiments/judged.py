"""Methods from image to semantics under the protocols: strict beside lenient, and calibrated."""

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.scoring import all_scores, competing_classes
from zslnb.protocol import (
    Scored,
    accuracy_curve,
    best,
    best_constant,
    harmonic_mean,
    hubness_scores,
)

CONSTANTS = torch.linspace(0, 1, 51, dtype=torch.float64)  # of curves, off the seen cosines


class Judged:
    """Cosines of images' estimated semantics with the competing classes, and what they score.

    Args:
        benchmark: whose images and split are meant.
        cosines: gives those of the images under a name of the benchmark's, such as "train_idx",
            with all of its classes, (M, C).
    """

    def __init__(
        self, benchmark: Benchmark, cosines: Callable[[str], Float[Tensor, "M C"]]
    ) -> None:
        self.cosines = cosines
        classes = competing_classes(benchmark)
        scores = torch.zeros(len(benchmark.labels), len(classes))
        for name in ("test_seen_idx", "test_unseen_idx"):
            scores[getattr(benchmark, name)] = self._competing(name, classes)
        self.scored = Scored(scores, classes, benchmark)

    def _competing(self, name: str, classes: Int64[Tensor, " K"]) -> Float[Tensor, "M K"]:
        return self.cosines(name).cpu()[:, classes]

    @cached_property
    def plain(self) -> dict[str, float]:
        """S, U, H on test images, strict, and T1 among unseen ones."""
        return self.strict()

    def strict(self, constant: float = 0.0) -> dict[str, float]:
        """S, U, H on test images, the constant taken off seen classes, and T1 of unseen ones."""
        held = self.scored
        lowered = held.scores.double() - constant * held.is_seen
        return all_scores(lowered, held.classes, held.benchmark)

    def lenient(self, constant: float = 0.0) -> dict[str, float]:
        """S on the images that were trained on, U and T1 as in `strict`, H from the two."""
        strict, constants = self.strict(constant), torch.tensor([constant], dtype=torch.float64)
        seen = float(self._of_training(constants)[0])
        return {**strict, "S": seen, "H": harmonic_mean(seen, strict["U"])}

    def curve(self) -> dict[str, list[float]]:
        """U, and S counted on test and on training images, over CONSTANTS."""
        lines = {**self.scored.curve(CONSTANTS), "S, lenient": self._of_training(CONSTANTS)}
        return {name: lines[name].tolist() for name in ("U", "S", "S, lenient")}

    @cached_property
    def border(self) -> tuple[float, float]:
        """The constant with the best H, and that H."""
        return best_constant(self.scored)

    def _of_training(self, constants: Float[Tensor, " G"]) -> Float[Tensor, " G"]:
        held, b = self.scored, self.scored.benchmark
        cosines = self._competing("train_idx", held.classes)
        return accuracy_curve(cosines, b.labels[b.train_idx], held.classes, held.is_seen, constants)


def judged_scores(
    tried: Mapping[Hashable, Judged], tested: Mapping[Hashable, Judged]
) -> dict[str, Any]:
    """Choose among candidates clean, or on the test set, and count in several ways.

    clean: the candidate with the best H on the validation split; strict: seen accuracy is of test
    images. peeked: the same candidates, the test set picks.
    lenient: clean's choice, but seen accuracy on the training images (all classes compete).
    calibrated: a constant is taken off the cosines of seen classes (Chao et al. 2016), chosen
    together with the candidate on the validation split. It tells how much of a low U is the border
    between seen and unseen classes alone. Counted leniently, too.
    "validation" has the scores that clean and calibrated were chosen by, "chosen" the candidates,
    "hubness" that of clean.

    Args:
        tried: judged on the validation split. tested: on the benchmark; the same candidates.
    """
    chosen, plain = best((pick, judged.plain) for pick, judged in tried.items())
    shifted = max(tried, key=lambda pick: tried[pick].border[1])
    constant = tried[shifted].border[0]
    peeked = best((pick, judged.plain) for pick, judged in tested.items())[0]
    scored = tested[chosen].scored
    return {
        "clean": tested[chosen].plain,
        "peeked": tested[peeked].plain,
        "lenient": tested[chosen].lenient(),
        "calibrated": tested[shifted].strict(constant),
        "lenient, calibrated": tested[shifted].lenient(constant),
        "validation": {"clean": plain, "calibrated": tried[shifted].strict(constant)},
        "chosen": {"clean": chosen, "peeked": peeked, "calibrated": shifted},
        "calibration": constant,
        "hubness": hubness_scores(scored.scores, scored.classes, scored.benchmark),
    }
