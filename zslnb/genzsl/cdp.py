"""Class diversity promotion: take away what all class names have in common (GenZSL sec. 3.1)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def class_diversity_promotion(
    embeddings: Float[Tensor, "C S"], n_removed: int = 1
) -> Float[Tensor, "C S"]:
    """Remove the leading right singular directions of the class embeddings (GenZSL eqs. 1-2).

    The released code forms the C-by-C projector P = U'U'^T from a full SVD without its first
    columns. Since P E = E - sum_i <E, v_i> v_i over the removed directions, the same rows come
    from a thin SVD and a rank-one deflation each. As released, rows are neither centred before
    nor re-normalised after.

    Args:
        embeddings: (C, S) one row a class, usually of unit norm.
        n_removed: how many directions to take away; 0 returns the embeddings as they are.

    Returns:
        (C, S) refined embeddings, in at least float32.

    Raises:
        ValueError: `n_removed` outside 0..C, or an embedding that is not finite.
    """
    if not 0 <= n_removed <= len(embeddings):
        raise ValueError(f"n_removed must lie in 0..{len(embeddings)} classes, not {n_removed}.")
    if not embeddings.isfinite().all():
        row = int((~embeddings.isfinite()).any(1).nonzero()[0])
        raise ValueError(f"embeddings[{row}] holds a value that is not finite.")
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    if n_removed == 0:
        return embeddings
    exact = embeddings.double()  # singular values may lie too close together for float32
    directions = torch.linalg.svd(exact, full_matrices=False).Vh[:n_removed]
    return (exact - (exact @ directions.T) @ directions).to(embeddings.dtype)


def mean_cosines(embeddings: Float[Tensor, "C S"]) -> dict[str, float]:
    """Three averages of the cosines between classes, which tell three different stories.

    Args:
        embeddings: (C, S), any norms but zero.

    Returns:
        "with diagonal": over all C x C pairs, each class with itself included (the mean the
        paper's Fig. 3 prints; it equals the squared norm of the mean unit vector);
        "without diagonal": over pairs of different classes;
        "absolute": the mean size of a cosine between different classes.

    Raises:
        ValueError: fewer than two classes, or a class embedding of zero norm.
    """
    n = len(embeddings)
    if n < 2:
        raise ValueError(f"Cosines between classes need at least two of them, not {n}.")
    norms = embeddings.double().norm(dim=1)
    if (norms == 0).any():
        raise ValueError(f"Class {int((norms == 0).nonzero()[0])} has a zero embedding: no cosine.")
    unit = F.normalize(embeddings.double(), dim=1)
    total = float(unit.sum(0).square().sum())  # sum of all cosines; the diagonal's is n
    absolute = sum(float((rows @ unit.T).abs().sum()) for rows in unit.split(1024))
    return {
        "with diagonal": total / n**2,
        "without diagonal": (total - n) / (n * (n - 1)),
        "absolute": (absolute - n) / (n * (n - 1)),
    }
