"""Which images of which classes of a benchmark are for what?"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.studies.study import Study

HATCHES = {"trainval": "", "test, seen classes": "//", "test, unseen classes": ".."}


@dataclass(frozen=True)
class Split(Study):
    """Which images of which classes of a benchmark are for training, which for testing?"""

    benchmark: Benchmark
    name = "split"

    def counts(self) -> pd.DataFrame:
        """Images of each part: a row a class, seen classes first."""
        b = self.benchmark
        rows = zip(HATCHES, (b.train_idx, b.test_seen_idx, b.test_unseen_idx), strict=True)
        counts = {part: b.labels[idx].bincount(minlength=b.n_classes) for part, idx in rows}
        return pd.DataFrame(counts).loc[torch.cat([b.seen, b.unseen]).tolist()]

    def figure(self) -> Figure:
        counts = self.counts()
        fig, ax = plt.subplots(figsize=(7, 2.6))
        base = np.zeros(len(counts))
        for part, hatch in HATCHES.items():
            style = {"label": part, "hatch": hatch, "width": 1.0, "linewidth": 0}
            ax.bar(range(len(counts)), counts[part], bottom=base, **style)
            base += counts[part]
        ax.axvline(len(self.benchmark.seen) - 0.5, color="black", linewidth=1)
        ax.set(xlabel="class (seen, then unseen)", ylabel="images", xlim=(-0.5, len(counts) - 0.5))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3, frameon=False)
        return fig

    def finding(self) -> str:
        return "Every class is on one side of the line; only seen classes train."
