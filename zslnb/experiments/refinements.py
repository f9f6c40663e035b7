"""Class semantics refined in several ways, and what simple methods reach with each.

Class diversity promotion with more directions than one, centring, "all but the top" (Mu and
Viswanath 2018, for word vectors: centre, then remove directions), and whitening.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.means import MeansSettings, NearestMeanSettings, means_scores
from zslnb.experiments.nearest_mean import nearest_mean_scores
from zslnb.genzsl import class_diversity_promotion
from zslnb.settings import Positive, Settings, Whole


@dataclass(frozen=True)
class Refinement(Settings):
    """What is done to class semantics of unit norm, in this order; the default is GenZSL's.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    centred: bool = False  # their mean is taken off
    n_removed: Whole = 1  # then directions, as class diversity promotion does
    # then whitening, with this share of the mean eigenvalue added to each; None: no whitening
    shrinkage: Positive | None = None


REFINEMENTS = {
    **{f"{n} removed": Refinement(n_removed=n) for n in (0, 1, 2, 3, 5, 10)},
    "centred": Refinement(centred=True, n_removed=0),
    **{f"centred, {n} removed": Refinement(centred=True, n_removed=n) for n in (1, 2, 3)},
    **{
        f"whitened, shrinkage {share:g}": Refinement(centred=True, n_removed=0, shrinkage=share)
        for share in (1.0, 0.1)
    },
}


def refine(semantics: Float[Tensor, "C S"], refinement: Refinement) -> Float64[Tensor, "C S"]:
    """Refine class semantics; rows are scaled to unit norm first, and not again afterwards.

    Whitening divides each principal coordinate by the root of its variance plus `shrinkage` times
    the mean of the variances that are not 0. Without that addition all of C <= S classes would
    become equally similar.

    Raises:
        ValueError: as `class_diversity_promotion`.
    """
    rows = F.normalize(semantics.double(), dim=1)
    if refinement.centred:
        rows = rows - rows.mean(0)
    rows = class_diversity_promotion(rows, refinement.n_removed)
    if refinement.shrinkage is None:
        return rows
    middle = rows - rows.mean(0)
    u, sigma, vh = torch.linalg.svd(middle, full_matrices=False)
    variances = sigma.square() / len(rows)
    added = refinement.shrinkage * variances.sum() / min(len(rows) - 1, rows.shape[1])
    return u * (sigma / (variances + added).sqrt()) @ vh


def possible(benchmark: Benchmark, refinements: dict[str, Refinement]) -> dict[str, Refinement]:
    """Leave out refinements that would leave nothing of these semantics."""
    rows = F.normalize(benchmark.semantics.double(), dim=1)
    ranks = {c: int(torch.linalg.matrix_rank(rows - c * rows.mean(0))) for c in (False, True)}
    return {name: r for name, r in refinements.items() if r.n_removed < ranks[r.centred]}


@dataclass(frozen=True)
class RefinedSettings(Settings):
    """A refinement, and the method that works on what it gives.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    refinement: Refinement = field(default_factory=Refinement)
    # predicted class means and nothing else; as `MeansSettings`, with spread about them
    method: NearestMeanSettings = field(default_factory=lambda: NearestMeanSettings(n_removed=0))

    def __post_init__(self) -> None:
        """Refuse a method that would refine once more, too."""
        super().__post_init__()
        if self.method.n_removed:
            raise ValueError("The refinement removes directions; the method's n_removed must be 0.")


def refined_scores(
    benchmark: Benchmark, settings: RefinedSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Run nearest mean, or means with spread, on refined semantics; scores are the method's."""
    rows = refine(benchmark.semantics, settings.refinement)
    promised = {*benchmark.provenance.get("unit_norm", ())} - {"semantics"}
    known = {**benchmark.provenance, "unit_norm": sorted(promised), "shared_space": False}
    refined = replace(benchmark, semantics=rows.float(), provenance=known)
    has_spread = isinstance(settings.method, MeansSettings)
    method = means_scores if has_spread else nearest_mean_scores
    return method(refined, settings.method, seed, device)
