"""ESZSL: a bilinear map between features and semantics, in closed form."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def eszsl(
    features: Float[Tensor, "N D"],
    labels: Int64[Tensor, " N"],
    semantics: Float[Tensor, "C S"],
    gamma: float,
    lam: float,
) -> Float[Tensor, "D S"]:
    """Closed-form bilinear compatibility of features and semantics (ESZSL).

    W = (X'X + gamma I)^-1 X'Y Z (Z'Z + lam I)^-1 over the classes present in `labels`, with
    Y = +1 for the class of an image and -1 for the others (Romera-Paredes and Torr 2015, eq. 6,
    which calls W V and Z S). Score images with `features @ W @ semantics.T`.

    Args:
        features: (N, D). labels: (N,) class ids. semantics: (C, S), row = class id.
        gamma, lam: both positive; penalties in feature and in semantic space, lambda_X and
            lambda_Z of the notebooks.

    Raises:
        ValueError: a penalty that is not positive.
    """
    _refuse(gamma, lam)
    x, s, middle = _parts(features, labels, semantics)
    left = torch.linalg.solve(_ridge(x, gamma), middle)
    return torch.linalg.solve(_ridge(s, lam), left.T).T.to(features.dtype)


def eszsl_for_penalties(
    features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"], semantics: Float[Tensor, "C S"]
) -> Callable[[float, float], Float[Tensor, "D S"]]:
    """Prepare `eszsl` on one training set; return it as a function of its penalties alone.

    With X'X = Q diag(a) Q' and Z'Z = R diag(b) R' the matrix is
    Q [(Q' X'YZ R)_ij / ((a_i + gamma) (b_j + lam))] R'. A grid of penalties costs two
    decompositions, each as long as some ten systems, instead of two linear systems a point.
    """
    x, s, middle = _parts(features, labels, semantics)
    left, q = torch.linalg.eigh(x.T @ x)
    right, p = torch.linalg.eigh(s.T @ s)
    middle = q.T @ middle @ p

    def matrix(gamma: float, lam: float) -> Float[Tensor, "D S"]:
        _refuse(gamma, lam)
        scaled = middle / ((left + gamma)[:, None] * (right + lam)[None, :])
        return (q @ scaled @ p.T).to(features.dtype)

    return matrix


def _parts(features: Tensor, labels: Tensor, semantics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return X, Z and X'YZ in double precision."""
    classes, targets = labels.unique(return_inverse=True)
    x, s = features.double(), semantics[classes].double()
    y = 2.0 * F.one_hot(targets, len(classes)).double() - 1
    return x, s, x.T @ y @ s


def _ridge(x: Tensor, penalty: float) -> Tensor:
    return x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)


def _refuse(gamma: float, lam: float) -> None:
    if gamma <= 0 or lam <= 0:
        raise ValueError(f"Both penalties must be positive, not {gamma} and {lam}.")
