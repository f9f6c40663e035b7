"""The experiment "similarity": how alike class semantics are, before and after promotion."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from zslnb.benchmark import Benchmark
from zslnb.genzsl import class_diversity_promotion, mean_cosines, top_k_referents


@dataclass(frozen=True)
class SimilaritySettings:
    """How many singular directions class diversity promotion removes."""

    n_removed: int = 1


def similarity_scores(
    benchmark: Benchmark, settings: SimilaritySettings, seed: int, device: torch.device | str
) -> dict[str, dict]:
    """Measure cosines between classes, before and after class diversity promotion.

    "before" and "after" are the three means of `mean_cosines`; "nearest" says which part of the
    classes keeps its most similar other class; "common" is the cosine between the first singular
    direction and the mean of the classes; "size" is that of the semantics, C by S.
    """
    raw = F.normalize(benchmark.semantics.double(), dim=1)
    refined = class_diversity_promotion(raw, settings.n_removed)
    nearest = [top_k_referents(e, e, 1, exclude_self=True) for e in (raw, refined)]
    kept = float((nearest[0] == nearest[1]).double().mean())
    first = torch.linalg.svd(raw, full_matrices=False).Vh[0]
    return {
        "before": mean_cosines(raw),
        "after": mean_cosines(refined),
        "nearest": {"kept": kept},
        "common": {"alignment": float(F.cosine_similarity(raw.mean(0), first, dim=0).abs())},
        "size": {"classes": benchmark.n_classes, "width": benchmark.semantic_dim},
    }
