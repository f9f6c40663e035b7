"""One constant off the scores of seen classes, chosen on validation (Chao et al. 2016).

"An empirical study and analysis of generalized zero-shot learning for object recognition in the
wild" calls it calibrated stacking. It tells how much of a low U is the border between seen and
unseen classes alone, and makes methods comparable whose borders lie elsewhere.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark


@dataclass(frozen=True)
class Scored:
    """What a method says of a benchmark's test images.

    Args:
        scores: (N, K) a row for each image of the benchmark; only rows of test images are read.
        classes: (K,) ids that the columns stand for, seen and unseen ones.
        benchmark: whose images and split are meant.
    """

    scores: Float[Tensor, "N K"]
    classes: Int64[Tensor, " K"]
    benchmark: Benchmark

    @property
    def is_seen(self) -> Bool[Tensor, " K"]:
        """Which columns stand for seen classes."""
        return torch.isin(self.classes, self.benchmark.seen.to(self.classes.device))

    def curve(self, constants: Float[Tensor, " G"]) -> dict[str, Float64[Tensor, " G"]]:
        """Return S, U and H, each (G,), as each constant is taken off the seen classes' scores."""
        b = self.benchmark
        s, u = (
            accuracy_curve(self.scores[rows], b.labels[rows], self.classes, self.is_seen, constants)
            for rows in (b.test_seen_idx, b.test_unseen_idx)
        )
        return {"S": s, "U": u, "H": torch.where(s + u > 0, 2 * s * u / (s + u), 0.0)}

    def borders(self) -> Float64[Tensor, " G"]:
        """Return one constant for each way to draw the border on the test images, 0 among them.

        Answers change only where a constant passes a margin (best seen score less best unseen
        score of an image), so what lies halfway between two neighbouring margins stands for all
        between them.
        """
        b = self.benchmark
        rows = torch.cat([b.test_seen_idx, b.test_unseen_idx])
        margins = _margins(self.scores[rows], self.is_seen)[0].unique()
        ends = margins[:1] - 1, (margins[1:] + margins[:-1]) / 2, margins[-1:] + 1
        return torch.cat([margins.new_zeros(1), *ends])


def accuracy_curve(
    scores: Float[Tensor, "M K"],
    labels: Int64[Tensor, " M"],
    classes: Int64[Tensor, " K"],
    is_seen: Bool[Tensor, " K"],
    constants: Float[Tensor, " G"],
) -> Float64[Tensor, " G"]:
    """Per-class accuracy of images as a constant is taken off the scores of seen classes.

    An image's answer is its best seen class until the constant passes the lead of that class over
    the best unseen one, and that one from there on. So two answers and a margin for each image,
    sorted once, give every constant's accuracy. A seen class wins a tie.

    Args:
        scores: (M, K) of M images.
        labels: (M,) their class ids.
        classes: (K,) ids of the columns.
        is_seen: (K,) which of them are seen; some must be, and some not.
        constants: (G,) in any order.

    Returns:
        (G,) fractions: for each constant the mean over the classes in `labels`.

    Raises:
        ValueError: no image, only seen or only unseen candidates, or a score that is NaN.
    """
    if not len(labels):
        raise ValueError("There is no image to score.")
    margins, seen, unseen = _margins(scores, is_seen)
    labels, classes = labels.to(scores.device), classes.to(scores.device)
    of_class, counts = labels.unique(return_inverse=True, return_counts=True)[1:]
    shares = 1 / (counts[of_class].double() * len(counts))
    order = margins.argsort()
    before, after = (  # right before and after the border has passed, in the order of passing
        (shares * (classes[where] == labels))[order].cumsum(0) for where in (seen, unseen)
    )
    passed = torch.searchsorted(margins[order], constants.to(margins))
    accuracies = before[-1] - _led_by_zero(before)[passed] + _led_by_zero(after)[passed]
    return accuracies.clamp(0, 1)  # sums that lie off by their last digit


def calibrated_scores(on_validation: Scored, on_test: Scored) -> tuple[float, dict[str, float]]:
    """Choose the constant with the best H on the validation split, and use it on the test set.

    Args:
        on_validation: of a model trained without the validation classes.
        on_test: of the model that is judged; its labels play no part in the choice.

    Returns:
        The constant, in units of the scores, and S, U and H with it, fractions. Of equally good
        constants it is the smallest in size.
    """
    constant = best_constant(on_validation)[0]
    curve = on_test.curve(torch.tensor([constant], dtype=torch.float64))
    return constant, {name: float(values[0]) for name, values in curve.items()}


def best_constant(scored: Scored) -> tuple[float, float]:
    """Return the constant with the best H of all borders, and that H.

    Of equally good constants it is the smallest in size. Whether that is honest depends on whose
    scores these are, as with `best`.
    """
    constants = scored.borders()
    h = scored.curve(constants)["H"]
    equals = constants[h >= h.max() - 1e-12]  # sums in another order differ in their last digit
    return float(equals[equals.abs().argmin()]), float(h.max())


def _margins(
    scores: Float[Tensor, "M K"], is_seen: Bool[Tensor, " K"]
) -> tuple[Float64[Tensor, " M"], Int64[Tensor, " M"], Int64[Tensor, " M"]]:
    """Lead of the best seen column over the best unseen one, and the two columns."""
    if is_seen.all() or not is_seen.any():
        raise ValueError("A border needs seen and unseen classes among the candidates.")
    if scores.isnan().any():
        raise ValueError(f"The scores of row {int(scores.isnan().any(1).nonzero()[0])} hold NaN.")
    sides = [mask.nonzero()[:, 0] for mask in (is_seen, ~is_seen)]
    seen, unseen = (scores[:, columns].double().max(1) for columns in sides)
    margins = seen.values - unseen.values
    return margins, sides[0][seen.indices], sides[1][unseen.indices]


def _led_by_zero(sums: Float64[Tensor, " M"]) -> Float64[Tensor, " L"]:
    return torch.cat([sums.new_zeros(1), sums])
