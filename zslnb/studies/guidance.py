"""What the guidance scale does to scores, and how far it pushes estimates off the seen hull."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings
from zslnb.studies import plots, rows
from zslnb.studies.study import Study


class GuidanceScales(Study):
    """What does the guidance scale do to S, U, H and T1, and to the estimates?

    Attributes:
        scales: as the records name them. by_scale: a record for each scale and seed.
    """

    name = "guidance"
    headline = True

    def __init__(
        self,
        benchmark: Benchmark,
        settings: RevCDSettings,
        seeds: Sequence[int],
        device: torch.device | str,
    ) -> None:
        self.benchmark = benchmark
        row = {"RevCD": ("revcd", settings)}
        self.records = experiments.run_rows(row, benchmark, seeds, device, table="RevCD guidance")
        self.scales = [*self.records[0]["scores"]["by guidance"]]
        self.by_scale = [
            {**r, "row": f"scale {g}", "scores": {"clean": r["scores"]["by guidance"][g]}}
            for g in self.scales
            for r in self.records
        ]
        self.base = f"scale {self.scales[0]}"

    def hull(self, scale: str, images: str) -> Float[np.ndarray, " R"]:
        """Distance of estimates of "seen" or "unseen" images to the seen hull, seed by seed."""
        return rows.values(self.records, "RevCD", "hull", scale, images)

    def accuracy(self, metric: str) -> Float[np.ndarray, "R n"]:
        """Percent: a line for each seed, a column for each of n scales."""
        labels = [f"scale {g}" for g in self.scales]
        return 100 * rows.by_row(self.by_scale, labels, "clean", metric)

    def table(self) -> pd.DataFrame:
        table = results.results_against(self.by_scale, self.base, "clean", ("U", "H", "T1"))
        for images in ("seen", "unseen"):
            distances = [rows.plus_minus(self.hull(g, images), ".2f") for g in self.scales]
            table[f"off the hull, {images}"] = distances
        return table.rename_axis("guidance")

    def caption(self) -> str:
        kind = self.benchmark.provenance.get("semantics", "semantics")
        return (
            f"**{self.benchmark.name}, {kind}**: strict, percent, mean ± standard deviation; "
            f"points gained over {self.base} within a seed. Off the hull: distance of estimates to "
            "every average of seen prototypes, 1 as far as the unseen prototypes are."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
        x = [float(g) for g in self.scales]
        for metric, style in zip(("S", "U", "H", "T1"), ("-", "--", "-.", ":"), strict=True):
            plots.band(axes[0], x, self.accuracy(metric), metric, linestyle=style, marker="o")
        for images, style in (("seen", "-"), ("unseen", "--")):
            distances = np.array([self.hull(g, images) for g in self.scales]).T
            plots.band(axes[1], x, distances, f"{images} images", linestyle=style, marker="o")
        axes[1].axhline(1, color="k", linestyle=":", label="unseen prototypes")
        axes[0].set(ylabel="accuracy, strict (%)", ylim=(0, 100))
        axes[1].set(ylabel="distance to the hull", ylim=(0, None))
        for ax in axes:
            ax.set(xlabel="guidance scale", xticks=x)
            ax.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        return fig

    def finding(self) -> str:
        ends = {metric: self.accuracy(metric).mean(0)[[0, -1]] for metric in ("S", "U", "T1")}
        scores = ", ".join(f"{metric} {a:.1f} to {b:.1f} %" for metric, (a, b) in ends.items())
        return (
            f"From scale {self.scales[0]} to {self.scales[-1]}: {scores}. Estimates of unseen "
            f"images move from {self._moved('unseen')} off the hull, those of seen ones from "
            f"{self._moved('seen')}. Mean and range over seeds."
        )

    def estimates(self) -> str:
        """Say how far estimates of unseen images move."""
        return (
            f"of unseen images move from {self._moved('unseen')} off the hull from {self.base} to "
            f"scale {self.scales[-1]}; 1 is as far as the unseen prototypes are."
        )

    def verdicts(self) -> list[str]:
        """Say for each larger scale whether it is told apart from the first, by U and T1."""
        return [
            results.verdict(self.by_scale, f"scale {g}", self.base, metric, "clean")
            for g in self.scales[1:]
            for metric in ("U", "T1")
        ]

    def _moved(self, images: str) -> str:
        first, last = (self.hull(self.scales[i], images).mean() for i in (0, -1))
        return f"{first:.2f} to {last:.2f}"
