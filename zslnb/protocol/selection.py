"""The two ways a number comes about, side by side and never confused.

`clean` chooses everything inside trainval and looks at the test set once. `released` does what
the papers' code does: evaluate on the test set again and again, report the best.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.errors import BenchmarkError
from zslnb.seeds import torch_generator

PROTOCOLS = ("clean", "released")
SEEN_HOLDOUT = 0.2
DRAWN_VAL_SHARE = 0.25


def validation_split(benchmark: Benchmark, seed: int) -> Benchmark:
    """Turn trainval into a smaller benchmark of the same kind, to choose settings on.

    Its unseen classes are the validation classes (all their trainval images); its seen test
    images are a seeded 20 % of each other trainval class. No test image is in it. Where a
    benchmark names no validation classes, a seeded quarter of the seen classes is drawn.

    Raises:
        BenchmarkError: too few seen classes, or images, to hold any out.
    """
    val_classes = benchmark.val_classes if len(benchmark.val_classes) else _drawn(benchmark, seed)
    labels = benchmark.labels[benchmark.train_idx]
    is_val = torch.isin(labels, val_classes)
    kept = benchmark.train_idx[~is_val]
    held_out = _hold_out(benchmark.labels[kept], seed)
    return replace(
        benchmark,
        train_idx=kept[~held_out],
        test_seen_idx=kept[held_out],
        test_unseen_idx=benchmark.train_idx[is_val],
        val_classes=torch.zeros(0, dtype=torch.int64),
        name=f"{benchmark.name} (validation)",
    )


def _drawn(benchmark: Benchmark, seed: int) -> Int64[Tensor, " V"]:
    n_seen = len(benchmark.seen)
    if n_seen < 2:
        raise BenchmarkError(
            f"{benchmark.name}: choosing settings needs at least two seen classes, "
            f"one of them held out; there is {n_seen}."
        )
    order = torch.randperm(n_seen, generator=torch_generator(seed, "validation/classes"))
    return benchmark.seen[order[: math.ceil(DRAWN_VAL_SHARE * n_seen)]].sort().values


def _hold_out(labels: Int64[Tensor, " N"], seed: int) -> Tensor:
    """Mark a seeded 20 % of each class, at least one image, never all of them."""
    draws = torch.rand(len(labels), generator=torch_generator(seed, "validation/images"))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        if len(rows) < 2:
            raise BenchmarkError(
                f"Class {int(label)} has one training image; holding out 20 % needs at least two."
            )
        n = max(1, round(SEEN_HOLDOUT * len(rows)))
        held_out[rows[draws[rows].argsort()[:n]]] = True
    return held_out


def best(scored: Iterable[tuple[Hashable, dict[str, float]]]) -> tuple[Hashable, dict[str, float]]:
    """Return the candidate with the highest H, the earliest of equals.

    Whether that is honest depends on whose scores these are: validation scores make a `clean`
    choice, test scores the `released` one.

    Raises:
        ValueError: there is no candidate.
    """
    scored = list(scored)
    if not scored:
        raise ValueError("There is nothing to choose from.")
    return max(scored, key=lambda pair: pair[1]["H"])


def expected_best(values: Sequence[float], k: int) -> float:
    """Average, over every choice of k of the values, of the largest among the k.

    It is what reporting the best of k looks gives on average, exactly: the i-th smallest of n
    is the largest of C(i-1, k-1) of the C(n, k) choices.

    Raises:
        ValueError: k outside 1..n.
    """
    n = len(values)
    if not 1 <= k <= n:
        raise ValueError(f"k must lie in 1..{n} values, not {k}.")
    share = [math.comb(i, k - 1) / math.comb(n, k) for i in range(n)]
    return sum(weight * value for weight, value in zip(share, sorted(values), strict=True))
