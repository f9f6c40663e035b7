"""All scores of a classifier on the test images, each image scored once."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.protocol import evaluate_conventional, evaluate_gzsl
from zslnb.protocol.evaluation import Scorer


def score_test_images(
    scorer: Scorer, features: Float[Tensor, "N D"], benchmark: Benchmark
) -> Float[Tensor, "N K"]:
    """Score both test sets, each image once; the other rows stay 0.

    Args:
        scorer: maps (N, D) features to (N, K) class scores.
        features: (N, D) the benchmark's, as the method scales them.
        benchmark: whose test images are meant.
    """
    tests = [r.to(features.device) for r in (benchmark.test_seen_idx, benchmark.test_unseen_idx)]
    parts = [scorer(features[rows]) for rows in tests]
    scores = parts[0].new_zeros(len(features), parts[0].shape[1])
    for rows, part in zip(tests, parts, strict=True):
        scores[rows] = part
    return scores


def all_scores(
    scores: Float[Tensor, "N K"], classes: Int64[Tensor, " K"], benchmark: Benchmark
) -> dict[str, float]:
    """Return S, U, H and, with only unseen classes allowed, T1 of class scores of all images."""
    scored = torch.nn.Identity(), classes, scores, benchmark
    return {**evaluate_gzsl(*scored), "T1": evaluate_conventional(*scored)}
