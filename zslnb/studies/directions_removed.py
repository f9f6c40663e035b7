"""What if class diversity promotion removes more directions, and what does it do to real names?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments import SimilaritySettings
from zslnb.experiments.memo import run_rows
from zslnb.results import recorded
from zslnb.studies.study import Study

KEPT = "keep their nearest class"
REAL_NAMES = {"imagenet1k_vitb32": "ImageNet names", "lvis1203_vitb32": "LVIS names"}


@dataclass(frozen=True)
class Directions(Study):
    """What do 0, 1, 2, ... removed directions leave of the class cosines and of the neighbours?

    `spectrum` are the shares of the squared length that the directions hold, the largest first.
    """

    benchmark: str
    spectrum: Float[np.ndarray, " n"]
    records: Sequence[dict]
    name = "directions"

    @cached_property
    def kept(self) -> Float[np.ndarray, " n"]:
        """Share of the classes that keep their nearest class, by number of directions."""
        return self.table()[KEPT].to_numpy()

    def table(self) -> pd.DataFrame:
        lines = [
            r["scores"]["after"] | {KEPT: r["scores"]["nearest"]["kept"]} for r in self.records
        ]
        counts = [str(r["settings"]["n_removed"]) for r in self.records]
        return pd.DataFrame(lines, index=pd.Index(counts, name="directions removed"))

    def caption(self) -> str:
        return f"What more directions do to the class cosines of {self.benchmark}."

    def figure(self) -> Figure:
        table, share = self.table(), self.spectrum[:10]
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.2))
        left.bar(range(1, len(share) + 1), 100 * share)
        left.set(xlabel="direction $i$", ylabel=r"share $\sigma_i^2 / C$ (%)")
        right.plot(table.index, 100 * table[KEPT], "o-", label="keep nearest class")
        right.plot(table.index, 100 * table["absolute"], "s--", label="mean absolute cosine × 100")
        right.set_ylabel("% of classes, or cosine × 100")
        right.set(xlabel="directions removed", ylim=(0, 105))
        fig.legend(loc="outside lower right", ncols=2)
        return fig

    def finding(self) -> str:
        return (
            f"The first direction holds {self.spectrum[0]:.0%} of the squared length, the second "
            f"{self.spectrum[1]:.0%}. Removing one leaves {self.kept[1]:.0%} of the nearest "
            f"classes as they were, removing {len(self.kept) - 1} leaves {self.kept[-1]:.0%}."
        )


def directions(
    benchmark: Benchmark, removable: Sequence[int], spectrum: Float[np.ndarray, " n"]
) -> Directions:
    """Measure the class cosines for each number of directions removed."""
    rows = {f"{n} removed": ("similarity", SimilaritySettings(n)) for n in removable}
    records = run_rows(rows, benchmark, seeds=[0], n_jobs=1)  # nothing is drawn at random
    return Directions(benchmark.name, spectrum, records)


@dataclass(frozen=True)
class RealNames(Study):
    """What does CDP do to real CLIP's class names, beside those of this run?

    `records` are those of `Directions`, of the benchmark of this run.
    """

    benchmark: str
    records: Sequence[dict]
    name = "real-text"
    headline = True

    def table(self) -> pd.DataFrame:
        label = REAL_NAMES.get(self.benchmark, self.benchmark)
        runs = {f"{label} (this run)": self.records}
        others = {run: label for run, label in REAL_NAMES.items() if run != self.benchmark}
        runs |= {label: recorded(f"{run}-smoke") for run, label in others.items()}
        return pd.DataFrame({name: _line(run) for name, run in runs.items()}).T.rename_axis(
            "class names"
        )

    def caption(self) -> str:
        return (
            "Mean cosines before and after CDP, measured. Real CLIP names share a part that $v_1$ "
            "finds."
        )


def _line(records: Sequence[dict]) -> dict[str, str]:
    chosen = [r["scores"] for r in records if r["settings"].get("n_removed") == 1]
    if not chosen:
        return {"classes": "not measured"}
    scores = chosen[0]
    return {
        "classes": f"{scores['size']['classes']}",
        "cosine of v₁ and m": f"{scores['common']['alignment']:.4f}",
        "before, with diagonal": f"{scores['before']['with diagonal']:.2g}",
        **{f"after, {name}": f"{value:.2g}" for name, value in scores["after"].items()},
    }
