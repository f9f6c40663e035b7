"""All scores of classifiers on the test images, each image scored once."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.protocol import evaluate_conventional, evaluate_gzsl, harmonic_mean
from zslnb.protocol.evaluation import Scorer, predict
from zslnb.protocol.metrics import per_class_accuracies


def competing_classes(benchmark: Benchmark) -> Int64[Tensor, " K"]:
    """Return the ids of all seen and unseen classes, in order; others have no image to be for."""
    return torch.cat([benchmark.seen, benchmark.unseen]).sort().values


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
    parts = [scorer(features.index_select(0, rows)) for rows in tests]
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


class Looks:
    """What classifiers predict for the test images, noted look by look and counted at the end.

    Scores are those of `all_scores`. Test images are gathered once, and counting takes as long
    for all looks as for a few.

    Args:
        features: (N, D) the benchmark's, as the method scales them.
        classes: (K,) ids that the classifiers choose among, as their columns.
        benchmark: whose test images are looked at.
    """

    def __init__(
        self, features: Float[Tensor, "N D"], classes: Int64[Tensor, " K"], benchmark: Benchmark
    ) -> None:
        self.benchmark, self.classes = benchmark, classes.to(features.device)
        self.rows = torch.cat([benchmark.test_seen_idx, benchmark.test_unseen_idx])
        self.images = features.index_select(0, self.rows.to(features.device))
        unseen = torch.isin(self.classes, benchmark.unseen.to(features.device))
        self.unseen = unseen.nonzero()[:, 0]  # columns
        self.general: list[Int64[Tensor, " M"]] = []  # of all images, seen ones first
        self.special: list[Int64[Tensor, " U"]] = []  # of unseen ones, only unseen classes allowed

    def look(self, scorer: Scorer) -> None:
        """Note what a classifier predicts now; ValueError for a score that is NaN."""
        scores, n_seen = scorer(self.images), len(self.benchmark.test_seen_idx)
        self.general.append(predict(scores, self.classes, self.rows))
        allowed = scores[n_seen:].index_select(1, self.unseen)
        columns = self.classes[self.unseen]
        self.special.append(predict(allowed, columns, self.rows[n_seen:]))

    def scores(self) -> list[dict[str, float]]:
        """Return S, U, H and T1 of each look."""
        b = self.benchmark
        n_seen = len(b.test_seen_idx)
        labels, general = b.labels[self.rows], torch.stack(self.general).cpu()
        seen = per_class_accuracies(labels[:n_seen], general[:, :n_seen], labels[:n_seen])
        unseen = per_class_accuracies(labels[n_seen:], general[:, n_seen:], labels[n_seen:])
        special = per_class_accuracies(labels[n_seen:], torch.stack(self.special).cpu(), b.unseen)
        return [
            {"S": s, "U": u, "H": harmonic_mean(s, u), "T1": t1}
            for s, u, t1 in zip(*(part.tolist() for part in (seen, unseen, special)), strict=True)
        ]

    def shares(self) -> list[float]:
        """Return of each look the share of unseen images that T1 counts as right, as released."""
        labels = self.benchmark.labels[self.benchmark.test_unseen_idx]
        return (torch.stack(self.special).cpu() == labels).double().mean(1).tolist()
