"""How zero-shot learning is scored: per-class accuracy, S, U and their harmonic mean H."""

import math

from jaxtyping import Int
from torch import Tensor


def per_class_accuracy(
    labels: Int[Tensor, " N"], predictions: Int[Tensor, " N"], classes: Int[Tensor, " K"]
) -> float:
    """Average over classes of the share of each class's samples that is predicted right.

    A class with a thousand images counts as much as one with ten, as in the Proposed Split's
    protocol (Xian et al. 2018, sec. 3.2). Samples of other classes are left out.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: no classes, a class without samples, or lengths that differ.
    """
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels but {len(predictions)} predictions.")
    if not len(classes):
        raise ValueError("No classes to score.")
    of_class = labels[None, :] == classes.to(labels.device)[:, None]
    counts = of_class.sum(1)
    if (counts == 0).any():
        missing = int(classes[int((counts == 0).nonzero()[0])])
        raise ValueError(f"Class {missing} has no sample to score.")
    right = (of_class & (predictions == labels)[None, :]).sum(1)
    return float((right.double() / counts).mean())


def harmonic_mean(seen: float, unseen: float) -> float:
    """H = 2SU / (S + U), and 0 where both are 0.

    Raises:
        ValueError: a value that is negative or not finite.
    """
    if not all(math.isfinite(value) and value >= 0 for value in (seen, unseen)):
        raise ValueError(f"Accuracies must be finite and not negative, not {seen} and {unseen}.")
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def gzsl_scores(
    labels_seen: Int[Tensor, " N"],
    predictions_seen: Int[Tensor, " N"],
    labels_unseen: Int[Tensor, " M"],
    predictions_unseen: Int[Tensor, " M"],
) -> dict[str, float]:
    """Score generalised zero-shot predictions, where every class is a candidate.

    Returns:
        S and U, per-class accuracy on test images of seen and unseen classes, and H; fractions.
    """
    seen = per_class_accuracy(labels_seen, predictions_seen, labels_seen.unique())
    unseen = per_class_accuracy(labels_unseen, predictions_unseen, labels_unseen.unique())
    return {"S": seen, "U": unseen, "H": harmonic_mean(seen, unseen)}
