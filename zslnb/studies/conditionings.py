"""Does it matter how time and image join the network? Embeddings, ways to join, what they gain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import CONDITIONINGS, RevCDSettings, SemanticUNet, time_embedding
from zslnb.studies import rows
from zslnb.studies.revcd_schematics import DOWN, UP
from zslnb.studies.study import Study

FORMULAS = {  # way to join -> on the way down, and up
    "cross": (DOWN, UP),
    "swapped": (UP, DOWN),
    "addition": (r"$h + \tau + v$",) * 2,
    "concatenation": (r"$W [h, \tau, v]$",) * 2,
    "film": (r"$h \odot (1 + a) + b$, with $[a, b] = \tau + v$",) * 2,
}
OTHERS = [how for how in CONDITIONINGS if how != "cross"]
BORDER = (
    "H is mostly about the border between seen and unseen classes (`calibrated` in the records), "
    "T1 is not"
)


@dataclass
class TimeClocks(Study):
    """How unlike do two steps look, embedded for each layer's width?

    Attributes:
        settings: whose steps and widths; the last width is the narrowest.
    """

    settings: RevCDSettings
    name = "time"

    @property
    def narrow(self) -> int:
        """The narrowest width."""
        return self.settings.widths[-1]

    @property
    def still(self) -> int:
        """How many of its columns hardly change over the steps."""
        return int((self._embedded(self.narrow).std(0) < 0.05).sum())

    def cosines(self, width: int) -> Float[np.ndarray, " T"]:
        """Cosine of two steps' embeddings by their distance."""
        clock = self._embedded(width)
        return F.cosine_similarity(clock, clock[:1]).numpy()

    def figure(self) -> Figure:
        steps = self.settings.steps
        fig, axes = plt.subplots(1, 2, figsize=(9.8, 3.5), width_ratios=(3, 2))
        style = {"aspect": "auto", "cmap": "vlag", "vmin": -1, "vmax": 1}
        extent = (0.5, steps + 0.5, self.narrow, 0)
        image = axes[0].imshow(self._embedded(self.narrow).T.numpy(), extent=extent, **style)
        axes[0].axhline(self.narrow / 2, color="k", linewidth=0.8)
        axes[0].set(xlabel="step", ylabel="column: sines above, cosines below")
        axes[0].grid(False)
        fig.colorbar(image, ax=axes[0], label="value")
        for width, line in zip(self.settings.widths, ("-", "--", ":"), strict=True):
            axes[1].plot(range(steps), self.cosines(width), line, label=f"width {width}")
        axes[1].set(xlabel="distance of two steps", ylabel="cosine", ylim=(0, 1.02))
        axes[1].legend(fontsize=8)
        return fig

    def finding(self) -> str:
        near, far = self.cosines(self.narrow)[[1, self.settings.steps // 2]]
        return (
            f"Left: the embedding of width {self.narrow} over all {self.settings.steps} steps. "
            f"{self.still} of {self.narrow} columns hardly change (standard deviation below 0.05): "
            f"their clocks are too slow for {self.settings.steps} steps. Right: cosine of two "
            f"steps' embeddings; {near:.2f} for neighbours and still {far:.2f} at half of the way."
        )

    def _embedded(self, width: int) -> Float[torch.Tensor, "T W"]:
        return time_embedding(torch.arange(self.settings.steps), width)


@dataclass
class WaysToJoin(Study):
    """What do the ways to join compute, and how many weights do they take?"""

    benchmark: Benchmark
    settings: RevCDSettings
    name = "ways"

    def table(self) -> pd.DataFrame:
        ways = pd.DataFrame(FORMULAS, index=["down", "up"]).T
        ways["weights, thousands"] = [round(self.weights(how) / 1000) for how in ways.index]
        return ways.rename_axis("way to join")

    def caption(self) -> str:
        return (
            "Five ways to join a layer $h$ with time $\\tau$ and image $v$. Weights are those of "
            "the U-shaped network in this profile."
        )

    def weights(self, how: str) -> int:
        """Number of trained weights in the U-shaped network."""
        s = self.settings
        width = self.benchmark.semantic_dim
        unet = SemanticUNet(width, s.tokens * s.token_dim, s.widths, 0.0, how)
        return sum(values.numel() for values in unet.parameters())


class Conditionings(Study):
    """Is the paper's way to join told apart from the others, trained equally long?

    The table has every score; the figure, called "gains", what the others gain over "cross".
    """

    name = "conditionings"
    headline = True

    def __init__(
        self,
        benchmark: Benchmark,
        settings: RevCDSettings,
        seeds: Sequence[int],
        device: torch.device | str,
    ) -> None:
        self.benchmark, self.seeds = benchmark, seeds
        self.settings = equally_long(settings)
        self.records = experiments.run_rows(
            {how: ("revcd", replace(self.settings, conditioning=how)) for how in CONDITIONINGS},
            benchmark,
            seeds,
            device,
            table="RevCD conditioning",
        )

    def table(self) -> pd.DataFrame:
        table = results.results_against(self.records, "cross", "clean")
        table["training error"] = [
            rows.plus_minus(self.last_errors(how), ".2f") for how in table.index
        ]
        return table.rename_axis("way to join")

    def caption(self) -> str:
        kind = self.benchmark.provenance.get("semantics", "semantics")
        return (
            f"**{self.benchmark.name}, {kind}**: strict, percent, mean ± standard deviation over "
            "seeds; points gained over *cross* within a seed."
        )

    def last_errors(self, how: str) -> Float[np.ndarray, " R"]:
        """Reconstruction error at the end of training, per column, seed by seed."""
        curves = rows.values(self.records, how, "history", "reconstruction")
        return curves[:, -1] / self.benchmark.semantic_dim

    def gains(self, how: str, metric: str) -> Float[np.ndarray, " R"]:
        """Points over the paper's way, seed by seed."""
        return 100 * rows.gains(self.records, how, "cross", "clean", metric)

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3), sharey=True)
        for ax, metric in zip(axes, ("H", "T1"), strict=True):
            for y, how in enumerate(OTHERS):
                points = self.gains(how, metric)
                ax.plot(points, np.full(len(points), y), "o", color="C0", alpha=0.6)
                ax.plot(points.mean(), y, "k|", markersize=20)
            ax.axvline(0, color="k", linestyle=":")
            ax.margins(y=0.2)
            ticks = {"yticks": range(len(OTHERS)), "yticklabels": OTHERS}
            ax.set(xlabel=f"points of {metric} over cross", **ticks)
        axes[0].invert_yaxis()
        return fig

    def finding(self) -> str:
        return (
            f"Each dot a seed, each bar the mean. Against *cross*, by H: {self.against('H')}. By "
            f"T1 (unseen images, unseen classes only): {self.against('T1')}."
        )

    def against(self, metric: str) -> str:
        """Say in a few words how the other ways do against the paper's."""
        if len(self.seeds) < 3:
            return "too few seeds to tell"
        sides = {"above it": [], "below it": [], "not told apart from it": []}
        for how in OTHERS:
            points = self.gains(how, metric)
            side = "above it" if points.mean() > 0 else "below it"
            apart = results.told_apart(points.tolist())
            sides[side if apart else "not told apart from it"].append(how)
        return "; ".join(f"{', '.join(ways)} {side}" for side, ways in sides.items() if ways)

    def lowest_error(self) -> str:
        """Say which way has the lowest training error, and how high U gets."""
        lowest = min(CONDITIONINGS, key=lambda how: self.last_errors(how).mean())
        unseen = 100 * rows.by_row(self.records, CONDITIONINGS, "clean", "U").mean(0).max()
        why = f": {BORDER}." if unseen < 10 else "."
        return (
            f"The training error is lowest with *{lowest}*. U is at most {unseen:.1f} % on average"
            f"{why}"
        )

    def verdicts(self) -> list[str]:
        """Say for each other way whether its T1 is told apart from the paper's."""
        return [results.verdict(self.records, how, "cross", "T1", "clean") for how in OTHERS]


def equally_long(settings: RevCDSettings) -> RevCDSettings:
    """Leave no number of epochs to choose: all rows are trained for as long."""
    return replace(settings, epoch_choices=(settings.epochs,))
