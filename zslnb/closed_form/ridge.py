"""Ridge regression from one space to another: RevCD's direction, without anything trained."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class AffineMap:
    """`rows @ weights + offset`, with weights (D, S) and offset (S,)."""

    weights: Float[Tensor, "D S"]
    offset: Float[Tensor, " S"]

    def __call__(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N S"]:
        """Map (N, D) rows."""
        return rows @ self.weights + self.offset


def ridge(inputs: Float[Tensor, "N D"], targets: Float[Tensor, "N S"], penalty: float) -> AffineMap:
    """Fit targets by an affine map of the inputs, squared weights penalised, the offset not.

    W = (X'X + penalty I)^-1 X'Y with X and Y less their means (Hoerl and Kennard 1970).

    Args:
        inputs: (N, D). targets: (N, S).
        penalty: positive.

    Raises:
        ValueError: a penalty that is not positive.
    """
    _refuse(penalty)
    x, y, means = _centred(inputs, targets)
    gram = x.T @ x
    gram.diagonal().add_(penalty)
    return _affine(torch.linalg.solve(gram, x.T @ y), means, inputs.dtype)


def ridge_for_penalties(
    inputs: Float[Tensor, "N D"], targets: Float[Tensor, "N S"]
) -> Callable[[float], AffineMap]:
    """Prepare `ridge` on one training set; return it as a function of the penalty alone.

    With X'X = Q diag(a) Q', W = Q diag(1 / (a + penalty)) Q' X'Y: one decomposition for any
    number of penalties.
    """
    x, y, means = _centred(inputs, targets)
    values, q = torch.linalg.eigh(x.T @ x)
    rotated = q.T @ (x.T @ y)

    def fitted(penalty: float) -> AffineMap:
        _refuse(penalty)
        return _affine(q @ (rotated / (values + penalty)[:, None]), means, inputs.dtype)

    return fitted


def _centred(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return inputs and targets less their means, and the means, in double precision."""
    x, y = inputs.double(), targets.double()
    means = x.mean(0), y.mean(0)
    return x - means[0], y - means[1], means


def _affine(weights: Tensor, means: tuple[Tensor, Tensor], dtype: torch.dtype) -> AffineMap:
    return AffineMap(weights.to(dtype), (means[1] - means[0] @ weights).to(dtype))


def _refuse(penalty: float) -> None:
    if not penalty > 0:
        raise ValueError(f"The penalty must be positive, not {penalty}.")
