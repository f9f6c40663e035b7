"""A benchmark's split, the methods that train nothing, and what testing often gains."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.protocol import PROTOCOLS, expected_best
from zslnb.results import results_table
from zslnb.studies import plots
from zslnb.studies.generators import untrained
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.study import Drawn, Tabled

HATCHES = {"trainval": "", "test, seen classes": "//", "test, unseen classes": ".."}
ROW = "equal fits"
COUNTS = (1, 2, 3, 5, 10, 20, 30, 50)


def split_counts(benchmark: Benchmark) -> pd.DataFrame:
    """Images of each part of a split: a row a class, seen classes first."""
    b = benchmark
    parts = zip(HATCHES, (b.train_idx, b.test_seen_idx, b.test_unseen_idx), strict=True)
    counts = {part: b.labels[idx].bincount(minlength=b.n_classes) for part, idx in parts}
    return pd.DataFrame(counts).loc[torch.cat([b.seen, b.unseen]).tolist()]


def split(benchmark: Benchmark) -> Drawn:
    """Which images of which classes of a benchmark are for training, which for testing?"""
    counts = split_counts(benchmark)
    fig, ax = plt.subplots(figsize=(7, 2.6))
    base = np.zeros(len(counts))
    for part, hatch in HATCHES.items():
        style = {"label": part, "hatch": hatch, "width": 1.0, "linewidth": 0}
        ax.bar(range(len(counts)), counts[part], bottom=base, **style)
        base += counts[part]
    ax.axvline(len(benchmark.seen) - 0.5, color="black", linewidth=1)
    ax.set(xlabel="class (seen, then unseen)", ylabel="images", xlim=(-0.5, len(counts) - 0.5))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3, frameon=False)
    text = "Every class is on one side of the line; only seen classes train."
    alt = (
        "A stacked bar chart of images by class. Seen classes, left of a line, have training "
        "images and, on top of them, test images; unseen classes, right of it, have test "
        "images alone."
    )
    return Drawn("split", fig, text, alt=alt)


def baselines(benchmark: Benchmark, seeds: Sequence[int]) -> Tabled:
    """Run ESZSL, and plain CLIP where features and semantics are as wide as each other."""
    return chosen_either_way(benchmark.name, run_rows(untrained(benchmark), benchmark, seeds))


def chosen_either_way(benchmark: str, records: Records) -> Tabled:
    """What do rows reach, penalties chosen cleanly or on the test set?

    `h`, of what is returned, are their H in percent, averaged over seeds: row -> protocol -> H.
    """
    both = {kind: results_table([*records], kind) for kind in PROTOCOLS}
    frame = pd.concat(both, names=["protocol", "method"])
    h = {
        row: {kind: 100 * values(records, row, kind, "H").mean() for kind in PROTOCOLS}
        for row in row_names(records)
    }
    text = f"**{benchmark}**: the baselines, percent, mean ± sd over seeds."
    return Tabled("baselines", frame.reset_index(), text, records, h=h)


def looks(benchmark: Benchmark, seeds: Sequence[int]) -> Drawn:
    """Test an ESZSL that never gets better, again and again."""
    records = run_rows({ROW: ("looks", None)}, benchmark, seeds)
    return best_of_looks(len(benchmark.test_unseen_idx), len(benchmark.test_seen_idx), records)


def best_of_looks(n_unseen: int, n_seen: int, records: Records) -> Drawn:
    """What does the best of k equal fits gain over their average, on so many test images?

    Of what is returned, `gain` are points of H, a line for each seed and a column for each k of
    `counts`.
    """
    scores = 100 * values(records, ROW, "looks")
    n = scores.shape[1]
    counts = sorted({k for k in (*COUNTS, n) if k <= n})
    gain = np.array(
        [[expected_best(run, k) - np.mean(run) for k in counts] for run in scores.tolist()]
    )
    fig, ax = plt.subplots(figsize=(6, 3.4))
    plots.band(ax, counts, gain, "mean over seeds, and their range", marker="o")
    ax.set(xscale="log", xlabel="looks at the test set, k (log scale)")
    ax.set_ylabel("H gained by reporting\nthe best of k (points)")
    ax.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    ax.legend(loc="upper left")
    best = gain[:, -1].mean()
    text = (
        f"Nothing improves but the number of looks: the best of {n} equal fits is {best:.1f} "
        f"points of H above their average, on {n_unseen:,} unseen and {n_seen:,} seen test images."
    )
    alt = (
        "A line that rises from zero with the number of looks at the test set, on a log "
        "scale: the points of H that reporting the best look gains. Its band, the range over "
        "seeds, widens."
    )
    return Drawn("looks", fig, text, records, alt=alt, counts=counts, gain=gain)
