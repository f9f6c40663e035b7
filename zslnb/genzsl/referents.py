"""Referents: which seen classes stand in for a target, and samples drawn from them (sec. 3.2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

CONCENTRATION = 5.0  # of mixup's random shares, where they are drawn
FIRST_WEIGHT = 0.8  # as released for k = 2: 0.8 for the nearest class, 0.2 for the next
COSINES_AT_ONCE = 1 << 25  # 270 MB


def top_k_referents(
    targets: Float[Tensor, "T S"],
    candidates: Float[Tensor, "R S"],
    k: int,
    exclude_self: bool = False,
) -> Int64[Tensor, "T k"]:
    """Find each target's k most similar candidates by cosine, best first (GenZSL sec. 3.2).

    Args:
        targets: (T, S) class semantics, raw or refined.
        candidates: (R, S) semantics of the seen classes.
        k: how many referents.
        exclude_self: target i is candidate i and must not be its own referent. (The released
            code skips rank 0 instead, which is the same unless two classes coincide.)

    Returns:
        (T, k) rows of `candidates`.

    Raises:
        ValueError: k below 1 or beyond the candidates there are, or targets that are not the
            candidates although `exclude_self` says so.
    """
    available = len(candidates) - exclude_self
    if not 1 <= k <= available:
        raise ValueError(f"k must lie in 1..{available} available referent classes, not {k}.")
    if exclude_self and len(targets) != len(candidates):
        raise ValueError(
            f"exclude_self needs targets to be the candidates; there are {len(targets)} "
            f"targets and {len(candidates)} candidates."
        )
    units = F.normalize(candidates.double(), dim=1)
    nearest, start = [], 0
    for part in targets.split(max(1, COSINES_AT_ONCE // len(candidates))):
        cosines = F.normalize(part.double(), dim=1) @ units.T
        if exclude_self:
            cosines.diagonal(start).fill_(-torch.inf)
        nearest.append(cosines.topk(k, dim=1).indices)
        start += len(part)
    return torch.cat(nearest)


def referent_weights(k: int, weights: tuple[float, ...] | None = None) -> Float[Tensor, " k"]:
    """Return the weights that mix k referent samples; they sum to 1.

    As released: (0.8, 0.2) for k = 2. What the paper used for other k is unknown; the rule here
    keeps 0.8 for the nearest and shares 0.2 equally among the rest, and gives a single referent
    weight 1 (the released code would shrink it to 0.8).

    Raises:
        ValueError: given weights of the wrong number, negative, or not summing to 1.
    """
    if weights is None:
        weights = (1.0,) if k == 1 else (FIRST_WEIGHT, *[(1 - FIRST_WEIGHT) / (k - 1)] * (k - 1))
    if len(weights) != k:
        raise ValueError(f"{k} referents need {k} weights, not {len(weights)}.")
    if not (min(weights) >= 0 and abs(sum(weights) - 1) <= 1e-6):  # so that NaN fails, too
        raise ValueError(f"Referent weights must be non-negative and sum to 1, not {weights}.")
    return torch.tensor(weights, dtype=torch.float32)


@dataclass(frozen=True)
class ReferentPool:
    """Training samples sorted by class, so that drawing from any classes is one gather.

    Make one with `ReferentPool.of`. `features` (N, D) are sorted by class; the samples of class c
    are rows `starts[c]` to `starts[c] + counts[c]`.
    """

    features: Float[Tensor, "N D"]
    starts: Int64[Tensor, " C"]
    counts: Int64[Tensor, " C"]

    @classmethod
    def of(
        cls, features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"], n_classes: int
    ) -> "ReferentPool":
        """Sort (N, D) training features with (N,) class ids once, for all later draws."""
        counts = torch.bincount(labels, minlength=n_classes)
        return cls(features[labels.argsort(stable=True)], counts.cumsum(0) - counts, counts)

    def draw(
        self,
        referents: Int64[Tensor, "B k"],
        weights: Float[Tensor, " k"] | Float[Tensor, "B k"],
    ) -> Float[Tensor, "B D"]:
        """Mix one random sample of each referent class, for each of B targets.

        As released: draws are uniform, with replacement, fresh for every target and step, and
        the mixture is not re-normalised. One gather on the device, no loop over samples.

        Args:
            referents: (B, k) class ids, best first.
            weights: (k,) summing to 1, or (B, k) with such a row for each target.
        """
        counts = self.counts[referents]
        draws = torch.rand(referents.shape, device=counts.device)
        rows = self.starts[referents] + (draws * counts).long()
        return _mixed(self.features, rows, weights)

    def tile(
        self,
        referents: Int64[Tensor, "K k"],
        weights: Float[Tensor, " k"] | Float[Tensor, "M k"],
        n: int,
    ) -> Float[Tensor, "M D"]:
        """Mix n referents for each of K targets by the released script's tiling.

        Each referent class's whole training set is repeated n // size times and topped up with
        n % size random draws; the k lists are paired by position, without shuffling.

        Args:
            referents: (K, k) class ids, best first.
            weights: (k,) summing to 1, or (K*n, k) with such a row for each sample.
            n: samples for each target.

        Returns:
            (K*n, D), target by target.
        """
        classes = referents.flatten()
        starts, sizes = self.starts[classes].tolist(), self.counts[classes].tolist()
        rows = torch.stack([self._tiled_rows(*run, n) for run in zip(starts, sizes, strict=True)])
        by_target = rows.view(*referents.shape, n).transpose(1, 2).flatten(0, 1)
        return _mixed(self.features, by_target, weights)

    def _tiled_rows(self, start: int, size: int, n: int) -> Int64[Tensor, " n"]:
        device = self.starts.device
        whole = torch.arange(size, device=device).repeat(n // size)
        return start + torch.cat([whole, torch.randint(size, (n % size,), device=device)])


def drawn_weights(weights: Float[Tensor, " k"], n: int) -> Float[Tensor, "n k"]:
    """Draw mixup's random shares: n rows of a Dirichlet distribution whose means are the weights.

    For two referents this is Beta(4, 1) on the first share, at (0.8, 0.2). The paper says mixup;
    the released code mixes with fixed shares. How the paper would draw is unknown: ours.
    """
    # a Dirichlet's draws are gammas over their sum; a weight of 0 has no part in any, and neither
    # a check nor picking by a mask may wait for the device at every step
    shapes = (CONCENTRATION * weights).clamp(min=1e-3)
    gammas = torch.distributions.Gamma(shapes, torch.ones_like(shapes), validate_args=False)
    parts = gammas.sample((n,)) * (weights > 0)
    return parts / parts.sum(1, keepdim=True)


def _mixed(
    features: Float[Tensor, "N D"], rows: Int64[Tensor, "B k"], weights: Tensor
) -> Float[Tensor, "B D"]:
    """Sum k rows for each target, weighted; gathered and summed in one pass over them."""
    shares = weights.to(features.dtype).expand(rows.shape).contiguous()
    return F.embedding_bag(rows, features, mode="sum", per_sample_weights=shares)
