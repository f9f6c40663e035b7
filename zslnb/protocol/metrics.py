"""How zero-shot learning is scored: per-class accuracy, S, U and their harmonic mean H."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
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
    classes = torch.as_tensor(classes)
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


def mean_and_sd(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the latter is NaN for fewer than two values."""
    tensor = torch.tensor(values, dtype=torch.float64)
    return float(tensor.mean()), float(tensor.std()) if len(values) > 1 else math.nan
