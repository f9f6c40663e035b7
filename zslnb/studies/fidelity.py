"""How near synthetic features are to real ones, by generator and by weight of the boosting term."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.generative import Generator
from zslnb.experiments.memo import run_rows
from zslnb.experiments.models import trained
from zslnb.genzsl import GenZSL, within_class_cosine
from zslnb.protocol import class_means
from zslnb.results import Difference, differences, differences_by
from zslnb.studies import plots
from zslnb.studies.generators import Device, Generators, run_generators
from zslnb.studies.rows import Records, by_row, plus_minus, row_names, summary, values
from zslnb.studies.slider import Slider
from zslnb.studies.study import Drawn, Study, Tabled

LEAST = 0.002  # of a measure of fidelity: a smaller difference is called none
STREAM = "lesson/figure 4"  # of random numbers
MEASURES = {
    "Fréchet": "frechet",
    "1-NN": "nearest neighbour",
    "to mean": "to mean",
    "within": "within",
}


def beside_yardstick(
    records: Records, rows: Sequence[str], measures: Mapping[str, str], yardstick: str
) -> pd.DataFrame:
    """Lay out rows' measures of synthetic unseen features, by the heads of their columns.

    Below them, in the row `yardstick`, are those of real features that there are.
    """
    columns = {head: ("unseen", measure) for head, measure in measures.items()}
    frame = summary(records, rows, columns)
    real = records[0]["scores"]["real"]
    frame.loc[yardstick] = [
        plus_minus(values(records, rows[0], "real", measure)) if measure in real else ""
        for measure in measures.values()
    ]
    return frame.rename_axis("unseen classes")


def _means(records: Records, measure: str) -> dict[str, float]:
    return {
        row: float(values(records, row, "unseen", measure).mean()) for row in row_names(records)
    }


def feature_fidelity(
    benchmark: Benchmark, rows: Generators, seeds: Sequence[int], device: Device = "cpu"
) -> Tabled:
    """Train each row's generator, and compare as many synthetic features as there are real ones."""
    methods = ("fidelity", "imagination_fidelity")
    return fidelity_of(run_generators(methods, rows, benchmark, seeds, device, "fidelity"))


def fidelity_of(records: Records) -> Tabled:
    """How near are synthetic features of unseen classes to real ones?"""
    rows = row_names(records)
    frechet, to_mean = (_means(records, measure) for measure in ("frechet", "to mean"))
    text = (
        "Synthetic features of unseen classes against real ones, mean ± standard deviation "
        f"over seeds ({len({r['seed'] for r in records})}). Nearest as a cloud: "
        f"{_least(frechet)}. Nearest class means: "
        f"{_least({row: -cosine for row, cosine in to_mean.items()})}."
    )
    frame = beside_yardstick(records, rows, MEASURES, "real against real")
    return Tabled("fidelity", frame, text, records, headline=True)


def _least(means: Mapping[str, float]) -> str:
    """Name the row with the smallest mean, and whatever differs from it by less than LEAST."""
    return " and ".join(row for row in means if means[row] - min(means.values()) < LEAST)


def more_like_real(records: Records, row: str = "GenZSL", other: str = "f-VAEGAN") -> str:
    """Say whether any row's features pass for real, and whether one's are nearer than other's."""
    apart = min(_means(records, "nearest neighbour").values())
    real = values(records, row, "real", "nearest neighbour").mean()
    return (
        f"**More like real features?** The nearest neighbour tells every generator's features "
        f"from real ones in {apart:.1%} of cases or more (real against real: {real:.1%}). "
        f"{row} minus {other}: Fréchet distance "
        f"{_against(records, row, other, 'frechet', 'farther', 'nearer')}, cosine to the real mean "
        f"{_against(records, row, other, 'to mean', 'nearer', 'farther')}."
    )


def _against(records: Records, row: str, other: str, measure: str, more: str, less: str) -> str:
    gains = np.subtract(*(values(records, r, "unseen", measure) for r in (row, other)))
    (found,) = differences(gains, least=LEAST)
    return f"{found.mean:+z.3f} ({found.word(more, less)})"


def feature_plane(benchmark: Benchmark, generators: Mapping[str, Generator]) -> Drawn:
    """Real and synthetic features of six unseen classes, in one plane (GenZSL, Figure 4).

    The plane is fitted to real features alone.
    """
    b = benchmark
    classes, real, labels = _six_classes(b)
    origin, directions = _widest_plane(real, labels)
    fig, panels = plt.subplots(
        1, len(generators), figsize=(8, 4), sharex=True, sharey=True, squeeze=False
    )
    alike = [f"real {within_class_cosine(real, labels):.2f}"]
    for ax, (name, run) in zip(panels[0], generators.items(), strict=True):
        x, y = (part.cpu() for part in run.synthesise(classes, 30, STREAM))
        for i, c in enumerate(classes):
            dots, crosses = (
                (some[of == c] - origin) @ directions.T for some, of in ((real, labels), (x, y))
            )
            ax.plot(*dots.T, ".", color=f"C{i}", markersize=3.5, alpha=0.4)
            ax.plot(*crosses.T, "x", color="k", markersize=6, markeredgewidth=2.6, alpha=0.6)
            ax.plot(*crosses.T, "x", color=f"C{i}", markersize=5, markeredgewidth=1.2)
        ax.set(title=name, xlabel="first direction", aspect="equal")
        ax.locator_params(nbins=5)
        alike.append(f"{name} {within_class_cosine(*run.synthesise(classes, 50, STREAM)):.3f}")
    panels[0, 0].set_ylabel("second direction")
    _plane_legend(fig, [plots.label(b.class_names[c]) for c in classes])
    away = real - origin
    explained = float((away @ directions.T).square().sum() / away.square().sum())
    text = (
        f"{len(classes)} unseen classes, real test features (dots) and synthetic ones (crosses), "
        "in the plane that spreads the real class means most; it holds "
        f"{explained:.0%} of the real variance. Mean cosine within a class: {', '.join(alike)}."
    )
    alt = (
        "A panel for each generator: the plane of the first two directions, with real "
        "features of six unseen classes as dots that spread widely, a colour a class, and "
        "synthetic ones as crosses in a tight clump a class. Most clumps lie within or beside "
        "the dots of their class."
    )
    return Drawn("figure-4", fig, text, alt=alt)


def _six_classes(b: Benchmark) -> tuple[Tensor, Tensor, Tensor]:
    """Six unseen classes with two images or more; the features, at length one, and their labels."""
    several = b.unseen[b.labels[b.test_unseen_idx].bincount()[b.unseen] > 1]
    classes = several[:: max(1, len(several) // 6)][:6]
    rows = b.test_unseen_idx[torch.isin(b.labels[b.test_unseen_idx], classes)]
    return classes, F.normalize(b.features[rows], dim=1), b.labels[rows]


def _widest_plane(real: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Find the origin and the two directions that spread class means most."""
    means = class_means(real, labels)
    origin = means.mean(0)
    return origin, torch.linalg.svd(means - origin, full_matrices=False).Vh[:2]


def _plane_legend(fig: Figure, names: Sequence[str]) -> None:
    dot = {"linestyle": "", "marker": "o"}
    handles = [plt.Line2D([], [], color=f"C{i}", **dot) for i in range(len(names))]
    handles += [plt.Line2D([], [], linestyle="", marker=m, color="0.3") for m in ".x"]
    labels = [*names, "real", "synthetic"]
    fig.legend(handles, labels, loc="outside lower center", ncols=4)


WEIGHTS = {f"λ = {value:g}": value for value in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)}
WITHOUT, *OTHERS = WEIGHTS
COLUMNS = {
    "to the real mean": "to mean",
    "Fréchet distance": "frechet",
    "1-NN test": "nearest neighbour",
    "to the text": "to text",
    "within a class": "within",
}
UNITS = ("cosine", "squared distance", "share told right", "cosine")  # of all but the last
ASKED = {  # a column of changes -> of which classes, and which measure
    "to the text": ("unseen", "to text"),
    "to the real mean": ("unseen", "to mean"),
    "Fréchet distance": ("unseen", "frechet"),
    "seen: to the real mean": ("seen", "to mean"),
}


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

    def table(self) -> pd.DataFrame:
        return beside_yardstick(self.records, [*WEIGHTS], COLUMNS, "real, half against half")

    def caption(self) -> str:
        return (
            "Synthetic features of unseen classes against real ones, by weight of the boosting "
            "term; mean ± standard deviation over seeds "
            f"({len(values(self.records, WITHOUT, 'unseen', 'to mean'))})."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(2, 2, figsize=(8, 5.6), sharex=True)
        real = {
            measure: values(self.records, WITHOUT, "real", measure).mean()
            for measure in self.records[0]["scores"]["real"]
        }
        real["to text"] = self.text_cosine
        for ax, (title, measure), unit in zip(axes.flat, COLUMNS.items(), UNITS, strict=False):
            for part, mark in (("unseen", "o"), ("seen", "s")):
                curve, label = self.measured(measure, part), f"{part} classes"
                plots.band(ax, [*WEIGHTS.values()], curve, label, marker=mark, markersize=4)
            if measure in real:
                ax.axhline(real[measure], color="k", linestyle=":", label="real unseen")
            ax.set_xscale("symlog", linthresh=0.001)
            ax.set(title=title, ylabel=unit)
        for ax in axes[1]:
            ax.set_xlabel("weight λ of the term (log scale from 0.001)")
        axes[0, 1].legend()
        return fig

    def alt(self) -> str:
        return (
            "Four panels by weight of the boosting term, on a log scale, for seen and unseen "
            "classes. The cosine to the real mean and the Fréchet distance stay level for "
            "small weights and get much worse for large ones; the 1-NN test is near one "
            "throughout; the cosine to the text rises steeply with the weight."
        )

    def finding(self) -> str:
        means = {measure: self.measured(measure).mean(0) for measure in COLUMNS.values()}
        best = {measure: [*WEIGHTS.values()][mean.argmax()] for measure, mean in means.items()}
        nearest = [*WEIGHTS.values()][means["frechet"].argmin()]
        return (
            "Fidelity and alignment by weight of the term, mean and range over seeds. For unseen "
            f"classes the cosine with the real mean is best at λ = {best['to mean']:g}, the "
            f"Fréchet distance at λ = {nearest:g}, the cosine with the text at λ = "
            f"{best['to text']:g}. Dotted: one half of the real unseen images "
            "against the other, and real class means against their text."
        )

    def change(self, measure: str, row: str, part: str = "unseen") -> tuple[int, str]:
        """Compare a weight with λ = 0 within each seed: sign (0: not significant), and words."""
        change = self.changes[part, measure, row]
        note = " (not significant)" if change.apart is False else ""
        return int(np.sign(change.mean)) if change.apart else 0, f"{change.mean:+z.3f}{note}"

    @cached_property
    def changes(self) -> dict[tuple[str, str, str], Difference]:
        """Every weight against λ = 0 within a seed, by every measure, asked together."""
        gains = {
            (part, measure, row): measured[:, i] - measured[:, 0]
            for part, measure in ASKED.values()
            for measured in [self.measured(measure, part)]
            for i, row in enumerate(WEIGHTS)
            if row != WITHOUT
        }
        return differences_by(gains, least=LEAST)

    def effect(self, row: str) -> str:
        """Say what a weight does to the fidelity of unseen features, in a few words."""
        (mean, _), (distance, _) = (self.change(measure, row) for measure in ("to mean", "frechet"))
        if len(self.measured("to mean")) < 3:
            return "too few seeds to tell"
        better, worse = mean > 0 or distance < 0, mean < 0 or distance > 0
        if better and not worse and not mean:
            return "nearer as a cloud, its mean not significantly"
        return ("no clear effect", "gained", "lost", "mixed")[better + 2 * worse]

    def against_none(self) -> Tabled:
        """What does each weight give and take, beside λ = 0 within a seed?"""
        lines = {
            row: {
                **{
                    head: self.change(measure, row, part)[1]
                    for head, (part, measure) in ASKED.items()
                },
                "fidelity": self.effect(row),
            }
            for row in OTHERS
        }
        frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("unseen classes")
        text = (
            "Change over λ = 0 within a seed. One counts if a paired t test, corrected for all "
            f"that is asked here (Holm 1979), has p below 0.05 and the mean is above {LEAST}."
        )
        return Tabled("weight-changes", frame, text)

    def verdicts(self) -> str:
        """Say what comes of seen classes, of the 1-NN test and of the text."""
        curves = [values(self.records, row, "history", "reconstruction") for row in WEIGHTS]
        ends = [curve[:, -1].mean() for curve in curves]
        falls = "never falls" if all(np.diff(ends) > -0.001) else "falls somewhere"
        unseen, seen = (self.measured("nearest neighbour", p).mean(0) for p in ("unseen", "seen"))
        text = self.measured("to text").mean(0)
        note = " (Semantics are mapped to feature space by ridge regression here.)"
        return "\n".join(
            [
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
    benchmark: Benchmark, start: GenZSL, seeds: Sequence[int], device: Device = "cpu"
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


def by_weight(benchmark: Benchmark, start: GenZSL, device: Device = "cpu") -> Slider:
    """Look at features of six unseen classes, weight by weight: those of `boosting_weight`, seed 0.

    They are drawn in the plane that spreads real class means most.
    """
    classes, real, labels = _six_classes(benchmark)
    origin, directions = _widest_plane(real, labels)
    texts, means = F.normalize(start.anchors[classes].cpu(), dim=1), class_means(real, labels)
    flat_real, flat_texts = ((some - origin) @ directions.T for some in (real, texts))
    corners = torch.cat([flat_real, flat_texts])
    (left, low), (right, high) = (
        (corners.min(0)[0] - 0.1).tolist(),
        (corners.max(0)[0] + 0.1).tolist(),
    )

    def frames() -> Iterator[tuple[str, str, Figure]]:
        for value in WEIGHTS.values():
            model = trained(benchmark, replace(start.settings, boosting_weight=value), 0, device)
            x, y = (part.cpu() for part in model.synthesise(classes, 30, "lesson/weights"))
            place = (y[:, None] == classes).int().argmax(1)
            fig, ax = plt.subplots(figsize=(5.6, 4.6))
            for i, c in enumerate(classes):
                ax.plot(*flat_real[labels == c].T, ".", color=f"C{i}", markersize=4, alpha=0.4)
                made = (x[y == c] - origin) @ directions.T
                ax.plot(*made.T, "x", color=f"C{i}", markersize=5)
                ax.plot(*flat_texts[i], "*", color=f"C{i}", markersize=14, markeredgecolor="k")
            marks = zip(("real image", "synthetic", "class text"), ".x*", strict=True)
            handles = [
                plt.Line2D([], [], ls="", marker=m, c="0.3", label=name) for name, m in marks
            ]
            fig.legend(handles=handles, loc="outside lower center", ncols=3)
            ax.set(xlim=(left, right), ylim=(low, high), title=f"λ = {value:g}")
            ax.set(xlabel="first direction", ylabel="second direction")
            to_text, to_mean = (
                float(F.cosine_similarity(x, some[place]).mean()) for some in (texts, means)
            )
            seen = (
                f"λ = {value:g}: synthetic features (crosses, a colour for each of six classes) "
                f"have a mean cosine of {to_text:.2f} with their class's text (star) and of "
                f"{to_mean:.2f} with the mean of its real images (dots)."
            )
            yield f"{value:g}", seen, fig

    return Slider("Weight λ of the boosting term", frames())
