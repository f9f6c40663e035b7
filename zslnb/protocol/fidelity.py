"""How much synthetic features are like real ones: as Gaussians, and sample by sample."""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

BLOCK = 1024  # samples whose distances to all others are held at once


def frechet_distance(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two samples.

    |m - m'|^2 + tr(Sigma + Sigma' - 2 (Sigma Sigma')^(1/2)) (Dowson & Landau 1982; on features of
    a network it is known as FID, Heusel et al. 2017), with sample covariances over N - 1, in
    double precision. It is 0 where means and covariances agree, scales with the square of the
    features, and is biased upwards where N or M is not far above D: compare at equal sizes, with
    a yardstick.

    Args:
        a: (N, D), at least two samples.
        b: (M, D), at least two samples.

    Raises:
        ValueError: fewer than two samples, widths that differ, or values that are not finite.
    """
    a, b = _checked(a, b)
    roots = [_root(torch.atleast_2d(x.T.cov())) for x in (a, b)]
    # the singular values of A^(1/2) B^(1/2) are the roots of the eigenvalues of A B
    shared = torch.linalg.svdvals(roots[0] @ roots[1]).sum()
    spread = sum(root.square().sum() for root in roots)  # tr A = |A^(1/2)|^2
    distance = (a.mean(0) - b.mean(0)).square().sum() + spread - 2 * shared
    return max(0.0, float(distance))


def nearest_neighbour_test(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> float:
    """Share of samples whose nearest other sample comes from the same set (1-NN two-sample test).

    Leave-one-out over both sets together, by Euclidean distance (Lopez-Paz & Oquab 2017). 0.5:
    the sets cannot be told apart. 1: they always can. Below 0.5 a sample lies nearer to the other
    set than to its own, as copies do. Where both sets are equally near, it counts as a half.

    Args:
        a: (N, D), at least two samples.
        b: (N, D), as many.

    Raises:
        ValueError: sizes or widths that differ, fewer than two samples, or values not finite.
    """
    if len(a) != len(b):
        raise ValueError(
            f"The 1-NN test needs sets of equal size, or 0.5 would not mean alike; these have "
            f"{len(a)} and {len(b)}. Draw {min(len(a), len(b))} samples of the larger first."
        )
    a, b = _checked(a, b)
    middle = torch.cat([a, b]).mean(0)  # distances from products lose digits far from the origin
    a, b = a - middle, b - middle
    return (_same_is_nearer(a, b) + _same_is_nearer(b, a)) / 2


def _checked(
    a: Float[Tensor, "N D"], b: Float[Tensor, "M E"]
) -> tuple[Float64[Tensor, "N D"], Float64[Tensor, "M E"]]:
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"The samples have {a.shape[1]} and {b.shape[1]} features.")
    for rows in (a, b):
        if len(rows) < 2:
            raise ValueError(f"A comparison needs two samples a set or more, not {len(rows)}.")
        if not rows.isfinite().all():
            raise ValueError("A sample is not finite.")
    return a.double(), b.double()


def _root(covariance: Float64[Tensor, "D D"]) -> Float64[Tensor, "D D"]:
    """Take the symmetric square root; what is only rounding counts as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    rounding = len(values) * torch.finfo(values.dtype).eps * values.max()
    values = torch.where(values > rounding, values, 0)
    return vectors * values.sqrt() @ vectors.T


def _same_is_nearer(same: Float64[Tensor, "N D"], other: Float64[Tensor, "N D"]) -> float:
    """Share of rows of `same` nearer to another row of it than to any of `other`; ties are 1/2."""
    sides = (same, other)
    squares = [side.square().sum(1) for side in sides]
    rounding = 1e-12 * float(torch.cat(squares).max())
    total = 0.0
    for rows in torch.arange(len(same), device=same.device).split(BLOCK):
        within, across = (
            squares[0][rows, None] + square - 2 * same[rows] @ side.T
            for side, square in zip(sides, squares, strict=True)
        )
        within[torch.arange(len(rows)), rows] = torch.inf  # itself
        lead = across.amin(1) - within.amin(1)
        total += float((lead > rounding).sum() + 0.5 * (lead.abs() <= rounding).sum())
    return total / len(same)


def class_means(
    features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]
) -> Float[Tensor, "K D"]:
    """Mean feature of each class present, in the order of their ids."""
    return torch.stack([features[labels == label].mean(0) for label in labels.unique()])
