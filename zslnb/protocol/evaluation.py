"""From class scores on the test images to S, U, H and conventional accuracy."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.protocol.metrics import gzsl_scores, per_class_accuracy

Scorer = Callable[[Float[Tensor, "N D"]], Float[Tensor, "N K"]]


def evaluate_gzsl(
    scorer: Scorer,
    classes: Int64[Tensor, " K"],
    features: Float[Tensor, "N D"],
    benchmark: Benchmark,
) -> dict[str, float]:
    """Generalised: every class competes for every test image.

    Args:
        scorer: maps (N, D) features to (N, K) scores whose columns are `classes`.
        classes: (K,) ids of the candidates.
        features: (N, D) the benchmark's, as the method scales them.
        benchmark: whose two test sets are scored.

    Returns:
        S, U and H as fractions.

    Raises:
        ValueError: a score that is NaN, which argmax would take for the highest.
    """
    parts = (benchmark.test_seen_idx, benchmark.test_unseen_idx)
    seen, unseen = (_predict(scorer, classes, features, idx) for idx in parts)
    return gzsl_scores(benchmark.labels[parts[0]], seen, benchmark.labels[parts[1]], unseen)


def evaluate_conventional(
    scorer: Scorer,
    classes: Int64[Tensor, " K"],
    features: Float[Tensor, "N D"],
    benchmark: Benchmark,
) -> float:
    """Conventional: unseen images, and only unseen classes compete; per-class accuracy.

    Arguments and errors are those of `evaluate_gzsl`.
    """
    idx = benchmark.test_unseen_idx
    allowed = torch.isin(classes.cpu(), benchmark.unseen)
    predictions = _predict(lambda x: scorer(x)[:, allowed], classes[allowed], features, idx)
    return per_class_accuracy(benchmark.labels[idx], predictions, benchmark.unseen)


def predict(
    scores: Float[Tensor, "N K"], classes: Int64[Tensor, " K"], images: Int64[Tensor, " N"]
) -> Int64[Tensor, " N"]:
    """Return the class of the highest score in each row, where the classes are.

    Args:
        scores: (N, K), columns as `classes`.
        classes: (K,) ids of the candidates.
        images: (N,) the rows' images, to name one by.

    Raises:
        ValueError: a score that is NaN, which argmax takes for the highest.
    """
    columns = scores.argmax(1)
    bad = scores.gather(1, columns[:, None])[:, 0].isnan()
    if bad.any():
        raise ValueError(f"The scores of image {int(images[bad.cpu()][0])} hold NaN.")
    return classes[columns.to(classes.device)]


def _predict(scorer: Scorer, classes: Tensor, features: Tensor, idx: Tensor) -> Tensor:
    return predict(scorer(features.index_select(0, idx.to(features.device))), classes, idx).cpu()
