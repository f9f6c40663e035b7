"""ESZSL for many penalties at once: decompose the two Gram matrices once, then only divide."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def eszsl_for_penalties(
    features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"], semantics: Float[Tensor, "C S"]
) -> Callable[[float, float], Float[Tensor, "D S"]]:
    """Prepare ESZSL on one training set; return a function of gamma and lambda.

    With X'X = Q diag(l) Q' and S'S = P diag(m) P' the matrix of `eszsl` is
    Q [(Q' X'YS P)_ij / ((l_i + gamma) (m_j + lambda))] P'. A grid of penalties costs two
    decompositions instead of two linear systems a point.

    Args:
        features: (N, D). labels: (N,) class ids. semantics: (C, S), row = class id.
    """
    classes, targets = labels.unique(return_inverse=True)
    x, s = features.double(), semantics[classes].double()
    y = 2.0 * F.one_hot(targets, len(classes)).double() - 1
    left, q = torch.linalg.eigh(x.T @ x)
    right, p = torch.linalg.eigh(s.T @ s)
    middle = q.T @ (x.T @ y @ s) @ p

    def matrix(gamma: float, lam: float) -> Float[Tensor, "D S"]:
        if gamma <= 0 or lam <= 0:
            raise ValueError(f"Both penalties must be positive, not {gamma} and {lam}.")
        scaled = middle / ((left + gamma)[:, None] * (right + lam)[None, :])
        return (q @ scaled @ p.T).to(features.dtype)

    return matrix
