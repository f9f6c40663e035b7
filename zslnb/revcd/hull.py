"""How far estimates leave what averages of seen classes can reach."""

import torch
from jaxtyping import Float
from torch import Tensor


def hull_distance(
    points: Float[Tensor, "N S"], vertices: Float[Tensor, "K S"], steps: int = 100
) -> tuple[Float[Tensor, " N"], Float[Tensor, "N K"]]:
    """Euclidean distance of points to the convex hull of the vertices, and the nearest averages.

    The best answer to the reconstruction loss is the mean semantics given the image, an average
    of seen prototypes: a point of their hull. The nearest point is found by accelerated
    projected gradient steps on its weights, which are at least 0 and sum to 1.

    Args:
        points: (N, S). vertices: (K, S), the seen prototypes. steps: of the descent.

    Returns:
        (N,) distances, 0 inside, and (N, K) weights of the nearest point.
    """
    v, x = vertices.double(), points.double()
    gram, aim = v @ v.T, x @ v.T
    rate = 1 / torch.linalg.eigvalsh(gram)[-1].clamp(min=1e-12)
    weights = ahead = torch.full_like(aim, 1 / len(v))
    momentum = 1.0
    for _ in range(steps):
        moved = _on_simplex(ahead - rate * (ahead @ gram - aim))
        after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / after * (moved - weights)
        weights, momentum = moved, after
    return (x - weights @ v).norm(dim=1).to(points.dtype), weights.to(points.dtype)


def _on_simplex(rows: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Move each row to the nearest one that is at least 0 and sums to 1 (Held et al. 1974)."""
    falling, _ = rows.sort(dim=1, descending=True)
    over = (falling.cumsum(1) - 1) / torch.arange(1, rows.shape[1] + 1, device=rows.device)
    kept = (falling > over).sum(1, keepdim=True)
    return (rows - over.gather(1, kept - 1)).clamp(min=0)
