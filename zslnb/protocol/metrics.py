"""How zero-shot learning is scored: per-class accuracy, S, U and their harmonic mean H."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

# class ids in a row: a tensor, an array or a list
Ids = Int[Tensor, "_"] | Int[np.ndarray, "_"] | Sequence[int]


def per_class_accuracy(labels: Ids, predictions: Ids, classes: Ids) -> float:
    """Average over classes of the share of each class's samples that is predicted right.

    A class with a thousand images counts as much as one with ten, as in the Proposed Split's
    protocol (Xian et al. 2018, sec. 3.2). Samples of other classes are left out.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: no classes, a class without samples, or lengths that differ.
    """
    labels, predictions = torch.as_tensor(labels), torch.as_tensor(predictions)
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels but {len(predictions)} predictions.")
    return float(per_class_accuracies(labels, predictions[None], torch.as_tensor(classes))[0])


def per_class_accuracies(
    labels: Int[Tensor, " N"], predictions: Int[Tensor, "E N"], classes: Int[Tensor, " C"]
) -> Float[Tensor, " E"]:
    """Score many predictions of the same samples at once, each as `per_class_accuracy` does.

    Args:
        labels: (N,) class ids. predictions: (E, N) of E looks at the samples.
        classes: (C,) ids, in any order; samples of other classes are left out.

    Returns:
        (E,) fractions, in double precision.

    Raises:
        ValueError: no classes, or a class without samples.
    """
    if not len(classes):
        raise ValueError("No classes to score.")
    classes, labels = classes.to(labels.device).long().unique(), labels.long()
    places = torch.searchsorted(classes, labels).clamp(max=len(classes) - 1)
    kept = classes[places] == labels
    places, right = places[kept], (predictions == labels)[:, kept]
    counts = torch.bincount(places, minlength=len(classes))
    if (counts == 0).any():
        missing = int(classes[int((counts == 0).nonzero()[0])])
        raise ValueError(f"Class {missing} has no sample to score.")
    looks = torch.arange(len(right), device=labels.device)
    of_look = (looks[:, None] * len(classes) + places)[right]
    hits = torch.bincount(of_look, minlength=right.shape[0] * len(classes))
    return (hits.view(-1, len(classes)).double() / counts).mean(1)


def harmonic_mean(seen: float, unseen: float) -> float:
    """H = 2SU / (S + U), and 0 where both are 0.

    Raises:
        ValueError: a value that is negative or not finite.
    """
    if not all(math.isfinite(value) and value >= 0 for value in (seen, unseen)):
        raise ValueError(f"Accuracies must be finite and not negative, not {seen} and {unseen}.")
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def gzsl_scores(
    labels_seen: Ids, predictions_seen: Ids, labels_unseen: Ids, predictions_unseen: Ids
) -> dict[str, float]:
    """Score generalised zero-shot predictions, where every class is a candidate.

    Returns:
        S and U, per-class accuracy on test images of seen and unseen classes, and H; fractions.
    """
    seen = per_class_accuracy(labels_seen, predictions_seen, torch.as_tensor(labels_seen).unique())
    unseen = per_class_accuracy(
        labels_unseen, predictions_unseen, torch.as_tensor(labels_unseen).unique()
    )
    return {"S": seen, "U": unseen, "H": harmonic_mean(seen, unseen)}
