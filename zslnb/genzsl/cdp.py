"""Class diversity promotion: take away what all class names have in common (GenZSL sec. 3.1)."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

MANY_CLASSES = 4096  # from here on singular directions come from a sum over the classes
ROWS_AT_ONCE = 2048  # of 512 numbers: 4 MB
ROWS_IN_CACHE = 256  # as double numbers 1 MB
CLEARLY_APART = 0.25  # of the largest eigenvalue


def class_diversity_promotion(
    embeddings: Float[Tensor, "C S"],
    n_removed: int = 1,
    common_to: Float[Tensor, "K S"] | None = None,
) -> Float[Tensor, "C S"]:
    """Remove the leading right singular directions of the class embeddings (GenZSL eqs. 1-2).

    The released code forms the C-by-C projector P = E'E'^T from a full SVD of the embeddings Z,
    E' the left singular vectors but the first. Since P Z = Z - sum_i (Z v_i) v_i^T over the
    removed directions, the same rows come
    from a thin SVD and a rank-one deflation each; beyond a few thousand classes the directions
    are eigenvectors of the S-by-S matrix Z^T Z, so that time grows with C and memory is that of
    the result. As released, rows are neither centred before nor re-normalised after.

    Args:
        embeddings: (C, S) one row a class, usually of unit norm.
        n_removed: how many directions to take away; 0 returns the embeddings as they are.
        common_to: (K, S) the rows whose directions are taken away, such as those of the seen
            classes; all of `embeddings` unless given, as released.

    Returns:
        (C, S) refined embeddings, in at least float32.

    Raises:
        ValueError: `n_removed` outside 0..C (or K), or an embedding that is not finite.
    """
    common_to = embeddings if common_to is None else common_to
    if not 0 <= n_removed <= len(common_to):
        raise ValueError(f"n_removed must lie in 0..{len(common_to)} classes, not {n_removed}.")
    for start, rows in _blocks(embeddings):
        if not torch.stack(rows.aminmax()).isfinite().all():  # one pass, no copy
            row = start + int((~rows.isfinite()).any(1).nonzero()[0])
            raise ValueError(f"embeddings[{row}] holds a value that is not finite.")
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    if n_removed == 0:
        return embeddings
    directions = _leading_directions(common_to.to(embeddings.dtype), n_removed)
    refined = torch.empty_like(embeddings)
    for start, rows in _blocks(embeddings, ROWS_IN_CACHE):
        exact = rows.double()
        refined[start : start + len(rows)] = exact - (exact @ directions.T) @ directions
    return refined


def _blocks(
    rows: Float[Tensor, "C S"], size: int | None = None
) -> Iterator[tuple[int, Float[Tensor, "B S"]]]:
    size = size or ROWS_AT_ONCE
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def _leading_directions(embeddings: Float[Tensor, "C S"], n: int) -> Float[Tensor, "n S"]:
    """Find the first n right singular vectors, or all there are of fewer.

    In double precision, since singular values may lie too close together for float32. Z^T Z
    squares them: what that blurs is 1e-8 of the largest. Of many classes, blocks are multiplied
    as they are first and summed in double precision, in half the time. That blurs Z^T Z by 1e-8
    of its largest eigenvalue, which the directions that are wanted do not feel if all others
    are clearly smaller; for class names the first is ten times the second and more.
    """
    n_classes, width = embeddings.shape
    if n_classes <= max(MANY_CLASSES, width):
        return torch.linalg.svd(embeddings.double(), full_matrices=False).Vh[:n]
    for exact in (False, True) if embeddings.dtype == torch.float32 else (True,):
        values, vectors = torch.linalg.eigh(_gram(embeddings, exact))
        sizes = F.pad(values.flip(0), (0, n + 1))  # largest first; none left is size 0
        if sizes[n - 1] - sizes[n] >= CLEARLY_APART * sizes[0]:
            break
    return vectors.T.flip(0)[:n]


def _gram(embeddings: Float[Tensor, "C S"], exact: bool) -> Float[Tensor, "S S"]:
    """Sum Z^T Z over blocks of classes, in double precision; products so only if `exact`."""
    width = embeddings.shape[1]
    gram = torch.zeros(width, width, dtype=torch.float64, device=embeddings.device)
    for _, rows in _blocks(embeddings):
        rows = rows.double() if exact else rows
        if rows.device.type == "cpu":
            gram += torch.from_numpy(rows.numpy().T @ rows.numpy())  # half of what is symmetric
        else:
            gram += rows.T @ rows
    return gram


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
