"""The space that semantics are estimated in: standardised, and compared by cosine."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Standardiser:
    """An affine map to zero mean and unit variance (sec. 3.3.4), fitted once.

    `mean`, `scale`: (D,). A column without variance keeps its scale, so it becomes 0 where it was
    fitted and cannot divide by zero.
    """

    mean: Float[Tensor, " D"]
    scale: Float[Tensor, " D"]

    @classmethod
    def fitted(cls, rows: Float[Tensor, "N D"]) -> "Standardiser":
        """Fit on (N, D) rows: seen prototypes, or features of training images."""
        spread = rows.double().std(0, correction=0)
        flat = spread <= 1e-6 * rows.double().abs().amax(0)  # what rounding alone can make
        return cls(rows.double().mean(0).to(rows.dtype), spread.masked_fill(flat, 1).to(rows.dtype))

    def __call__(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Apply it to any rows, unseen prototypes among them."""
        return (rows - self.mean) / self.scale

    def back(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Undo it."""
        return rows * self.scale + self.mean

    def to(self, device: torch.device | str) -> "Standardiser":
        """Return the same map on another device."""
        return Standardiser(self.mean.to(device), self.scale.to(device))


def prototype_scores(
    estimates: Float[Tensor, "N S"], prototypes: Float[Tensor, "C S"]
) -> Float[Tensor, "N C"]:
    """Cosine of each estimate with each class's prototype (eqs. 23, 24); the highest decides.

    Raises:
        ValueError: a prototype or an estimate of all zeros, which has no direction.
    """
    for what, rows in (("prototype", prototypes), ("estimate", estimates)):
        empty = (rows == 0).all(1)
        if empty.any():
            where = int(empty.nonzero()[0])
            raise ValueError(f"The {what} of row {where} is all zeros: its cosine is undefined.")
    return _directions(estimates) @ _directions(prototypes).T


def _directions(rows: Tensor) -> Tensor:
    """Give rows unit norm; the largest entry goes first, since squares leave single precision."""
    return F.normalize(rows / rows.abs().amax(1, keepdim=True), dim=1)
