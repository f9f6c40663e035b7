"""How much H does one gain by testing often and reporting the best?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.protocol import expected_best
from zslnb.studies import plots
from zslnb.studies.rows import values
from zslnb.studies.study import Study

ROW = "equal fits"
COUNTS = (1, 2, 3, 5, 10, 20, 30, 50)


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
        return np.array(
            [
                [expected_best(looks, k) - np.mean(looks) for k in self.counts]
                for looks in self.scores.tolist()
            ]
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
