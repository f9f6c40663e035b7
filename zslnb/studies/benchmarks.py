"""A benchmark's split, the methods that train nothing, and what testing often gains."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.protocol import PROTOCOLS, expected_best
from zslnb.results import results_table
from zslnb.studies import plots
from zslnb.studies.rows import row_names, values
from zslnb.studies.study import Drawn, Study

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
    return Drawn("split", fig, text)


@dataclass(frozen=True)
class Baselines(Study):
    """What do plain CLIP and ESZSL reach, penalties chosen cleanly or on the test set?"""

    benchmark: str
    records: Sequence[dict]
    name = "baselines"

    def table(self) -> pd.DataFrame:
        both = {kind: results_table([*self.records], kind) for kind in PROTOCOLS}
        return pd.concat(both, names=["protocol", "method"]).reset_index()

    def caption(self) -> str:
        return f"**{self.benchmark}**: the baselines, percent, mean ± sd over seeds."

    def finding(self) -> str:
        h = self.table().set_index(["method", "protocol"])["H"]
        return "\n".join(
            f"- {row}: H {h[row, 'clean']} clean, {h[row, 'released']} with the test set choosing."
            for row in row_names(self.records)
        )


def baselines(benchmark: Benchmark, seeds: Sequence[int]) -> Baselines:
    """Run ESZSL, and plain CLIP where features and semantics are as wide as each other."""
    rows = {"plain CLIP": ("clip", None)} if benchmark.shared_space else {}
    rows["ESZSL"] = ("eszsl", None)
    return Baselines(benchmark.name, run_rows(rows, benchmark, seeds))


@dataclass(frozen=True)
class Looks(Study):
    """What does the best of k equal fits gain over their average, on so many test images?"""

    n_unseen: int
    n_seen: int
    records: Sequence[dict]
    name = "looks"

    @cached_property
    def scores(self) -> Float[np.ndarray, "R n"]:
        """H in percent of each look: a line for each seed."""
        return 100 * values(self.records, ROW, "looks")

    @property
    def counts(self) -> list[int]:
        """The numbers of looks to report the best of, up to all of them."""
        n = self.scores.shape[1]
        return sorted({k for k in (*COUNTS, n) if k <= n})

    @cached_property
    def gain(self) -> Float[np.ndarray, "R k"]:
        """Points of H that the best of each number of looks adds: a line for each seed."""
        runs = self.scores.tolist()
        return np.array(
            [[expected_best(looks, k) - np.mean(looks) for k in self.counts] for looks in runs]
        )

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(6, 3.4))
        plots.band(ax, self.counts, self.gain, "mean over seeds, and their range", marker="o")
        ax.set(xscale="log", xlabel="looks at the test set, k")
        ax.set_ylabel("H gained by reporting\nthe best of k (points)")
        ax.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        ax.legend(loc="upper left")
        return fig

    def finding(self) -> str:
        return (
            f"Nothing improves but the number of looks: the best of {self.counts[-1]} equal fits "
            f"is {self.gain[:, -1].mean():.1f} points of H above their average, on "
            f"{self.n_unseen:,} unseen and {self.n_seen:,} seen test images."
        )

    def summary(self) -> str:
        """Say it in a line, with a smaller number of looks beside all of them."""
        ten = self.gain[:, self.counts.index(10)].mean()
        return (
            f"- The best of {self.counts[-1]} equal looks adds {self.gain[:, -1].mean():.1f} "
            f"points of H; of 10, {ten:.1f}."
        )


def looks(benchmark: Benchmark, seeds: Sequence[int]) -> Looks:
    """Test an ESZSL that never gets better, again and again."""
    records = run_rows({ROW: ("looks", None)}, benchmark, seeds)
    return Looks(len(benchmark.test_unseen_idx), len(benchmark.test_seen_idx), records)
