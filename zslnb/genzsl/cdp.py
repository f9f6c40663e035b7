"""Class diversity promotion: take away what all class names have in common (GenZSL sec. 3.1)."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

MANY_CLASSES = 4096  # from here on singular directions come from a sum over the classes
ROWS_AT_ONCE = 2048  # of 512 double numbers: 8 MB


def class_diversity_promotion(
    embeddings: Float[Tensor, "C S"], n_removed: int = 1
) -> Float[Tensor, "C S"]:
    """Remove the leading right singular directions of the class embeddings (GenZSL eqs. 1-2).

    The released code forms the C-by-C projector P = U'U'^T from a full SVD without its first
    columns. Since P E = E - sum_i <E, v_i> v_i over the removed directions, the same rows come
    from a thin SVD and a rank-one deflation each; beyond a few thousand classes the directions
    are eigenvectors of the S-by-S matrix E^T E, so that time grows with C and memory is that of
    the result. As released, rows are neither centred before nor re-normalised after.

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
    for start, rows in _blocks(embeddings):
        if not torch.stack(rows.aminmax()).isfinite().all():  # one pass, no copy
            row = start + int((~rows.isfinite()).any(1).nonzero()[0])
            raise ValueError(f"embeddings[{row}] holds a value that is not finite.")
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    if n_removed == 0:
        return embeddings
    directions = _leading_directions(embeddings, n_removed)
    refined = torch.empty_like(embeddings)
    for start, rows in _blocks(embeddings):
        exact = rows.double()
        refined[start : start + len(rows)] = exact - (exact @ directions.T) @ directions
    return refined


def _blocks(rows: Float[Tensor, "C S"]) -> Iterator[tuple[int, Float[Tensor, "B S"]]]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield start, rows[start : start + ROWS_AT_ONCE]


def _leading_directions(embeddings: Float[Tensor, "C S"], n: int) -> Float[Tensor, "n S"]:
    """Find the first n right singular vectors, or all there are of fewer.

    In double precision, since singular values may lie too close together for float32. E^T E
    squares them: what that blurs is 1e-8 of the largest.
    """
    n_classes, width = embeddings.shape
    if n_classes <= max(MANY_CLASSES, width):
        return torch.linalg.svd(embeddings.double(), full_matrices=False).Vh[:n]
    gram = sum(_gram(rows.double()) for _, rows in _blocks(embeddings))
    return torch.linalg.eigh(gram).eigenvectors.T.flip(0)[:n]


def _gram(rows: Float[Tensor, "B S"]) -> Float[Tensor, "S S"]:
    if rows.device.type != "cpu":
        return rows.T @ rows
    exact = rows.numpy()  # which computes one half of what is symmetric
    return torch.from_numpy(exact.T @ exact)


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
