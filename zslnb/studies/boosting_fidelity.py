"""What does the weight λ of the boosting term do to the features of unseen classes?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSL
from zslnb.protocol import class_means
from zslnb.results.statistics import mean_and_sd
from zslnb.studies import plots
from zslnb.studies.rows import by_row, plus_minus, summary, values
from zslnb.studies.study import Study

WEIGHTS = {f"λ = {value:g}": value for value in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)}
WITHOUT, *OTHERS = WEIGHTS
COLUMNS = {
    "to mean": "to the real mean",
    "frechet": "Fréchet distance",
    "nearest neighbour": "1-NN test",
    "to text": "to the text",
    "within": "within a class",
}
UNITS = {
    "to mean": "cosine",
    "frechet": "squared distance",
    "nearest neighbour": "share told right",
    "to text": "cosine",
}
LEAST = 0.002  # a smaller change is called none


@dataclass(frozen=True)
class BoostingWeight(Study):
    """What does the term give and take, fidelity against closeness to the text?

    `records` are of the experiment "fidelity". `text_cosine` is that of real unseen class means
    with their text; `mapped` says that the text was mapped to feature space first.
    """

    text_cosine: float
    records: Sequence[dict]
    mapped: bool = False
    name = "fidelity"
    headline = True

    def measured(self, measure: str, part: str = "unseen") -> Float[np.ndarray, "R n"]:
        """One measure: a line for each seed, a column for each weight."""
        return by_row(self.records, [*WEIGHTS], part, measure)

    def _halves(self, measure: str) -> Float[np.ndarray, " R"] | None:
        if measure not in self.records[0]["scores"]["real"]:
            return None
        return values(self.records, WITHOUT, "real", measure)

    def table(self) -> pd.DataFrame:
        columns = {head: ("unseen", measure) for measure, head in COLUMNS.items()}
        frame = summary(self.records, [*WEIGHTS], columns)
        halves = [self._halves(measure) for measure in COLUMNS]
        frame.loc["real, half against half"] = [
            "" if half is None else plus_minus(half) for half in halves
        ]
        return frame.rename_axis("unseen classes")

    def caption(self) -> str:
        return (
            "Synthetic features of unseen classes against real ones, by weight of the boosting "
            "term; mean ± standard deviation over seeds "
            f"({len(values(self.records, WITHOUT, 'unseen', 'to mean'))})."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(2, 2, figsize=(8.6, 6), sharex=True)
        for ax, (measure, unit) in zip(axes.flat, UNITS.items(), strict=True):
            for part, mark in (("unseen", "o"), ("seen", "s")):
                curve, label = self.measured(measure, part), f"{part} classes"
                plots.band(ax, [*WEIGHTS.values()], curve, label, marker=mark, markersize=4)
            half = self._halves(measure)
            real = (
                self.text_cosine if measure == "to text" else None if half is None else half.mean()
            )
            if real is not None:
                ax.axhline(real, color="k", linestyle=":", label="real unseen")
            ax.set_xscale("symlog", linthresh=0.001)
            ax.set(title=COLUMNS[measure], ylabel=unit)
        for ax in axes[1]:
            ax.set_xlabel("weight λ of the boosting term")
        axes[0, 1].legend(fontsize=8)
        return fig

    def finding(self) -> str:
        lambdas, means = [*WEIGHTS.values()], {m: self.measured(m).mean(0) for m in UNITS}
        return (
            "Fidelity and alignment by weight of the term, mean and range over seeds. For unseen "
            f"classes the cosine with the real mean is best at λ = "
            f"{lambdas[means['to mean'].argmax()]:g}, the Fréchet distance at λ = "
            f"{lambdas[means['frechet'].argmin()]:g}, the cosine with the text at λ = "
            f"{lambdas[means['to text'].argmax()]:g}. Dotted: one half of the real unseen images "
            "against the other, and real class means against their text."
        )

    def change(self, measure: str, row: str, part: str = "unseen") -> tuple[int, str]:
        """Compare a weight with λ = 0 within each seed: sign (0: not told apart), and words."""
        measured = self.measured(measure, part)
        gains = measured[:, [*WEIGHTS].index(row)] - measured[:, 0]
        mean, sd = mean_and_sd(gains.tolist())
        sure = len(gains) > 2 and abs(mean) > max(LEAST, 2 * sd / math.sqrt(len(gains)))
        note = "" if sure or len(gains) < 3 else " (not told apart)"
        return int(sure and np.sign(mean)), f"{mean:+z.3f}{note}"

    def trade(self, row: str) -> str:
        """Say what a weight gives and takes on unseen classes."""
        (_, text), (mean, to_mean), (distance, frechet) = (
            self.change(measure, row) for measure in ("to text", "to mean", "frechet")
        )
        better, worse = mean > 0 or distance < 0, mean < 0 or distance > 0
        words = [
            "no clear effect on fidelity",
            "fidelity gained",
            "fidelity lost",
            "mixed fidelity",
        ]
        few = len(self.measured("to mean")) < 3
        effect = "too few seeds to tell" if few else words[better + 2 * worse]
        return (
            f"- **{row}, unseen classes: {effect}.** Cosine with the text {text}; with the real "
            f"mean {to_mean}; Fréchet distance {frechet}. For seen classes, cosine with the real "
            f"mean {self.change('to mean', row, 'seen')[1]}."
        )

    def verdicts(self) -> str:
        """Say it of every weight, of seen classes, of the 1-NN test and of the text."""
        curves = [values(self.records, row, "history", "reconstruction") for row in WEIGHTS]
        ends = [curve[:, -1].mean() for curve in curves]
        falls = "never falls" if all(np.diff(ends) > -0.001) else "falls somewhere"
        unseen, seen = (self.measured("nearest neighbour", p).mean(0) for p in ("unseen", "seen"))
        text = self.measured("to text").mean(0)
        note = " (Semantics are mapped to feature space by ridge regression here.)"
        return "\n".join(
            [
                *(self.trade(row) for row in OTHERS),
                f"- **Seen classes:** the reconstruction error goes from {ends[0]:.3f} at λ = 0 to "
                f"{ends[-1]:.3f} at λ = 10; it {falls} on the way.",
                f"- **Real or synthetic?** The nearest neighbour tells for {unseen[0]:.1%} of "
                f"unseen samples at λ = 0 and {unseen[-1]:.1%} at λ = 10; of seen ones for "
                f"{seen[0]:.1%} and {seen[-1]:.1%}.",
                f"- **The text** has a cosine of {self.text_cosine:.3f} with the real mean of its "
                f"unseen class. Synthetic features have {text[0]:.3f} at λ = 0 and {text[-1]:.3f} "
                f"at λ = 10.{note * self.mapped}",
            ]
        )


def boosting_weight(
    benchmark: Benchmark, start: GenZSL, seeds: Sequence[int], device: torch.device | str = "cpu"
) -> BoostingWeight:
    """Train GenZSL as `start` is set with each weight, and compare its features with real ones."""
    rows = {
        row: ("fidelity", replace(start.settings, boosting_weight=value))
        for row, value in WEIGHTS.items()
    }
    images = benchmark.test_unseen_idx
    real = class_means(F.normalize(benchmark.features[images], dim=1), benchmark.labels[images])
    texts = start.anchors[benchmark.unseen.sort().values].cpu()
    return BoostingWeight(
        float(F.cosine_similarity(real, texts).mean()),
        run_rows(rows, benchmark, seeds, device),
        not benchmark.shared_space,
    )
