"""GenZSL's results: its rivals, ingredients, semantics and sensitivity, and what choosing adds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import (
    GenZSLSettings,
    class_diversity_promotion,
    mean_cosines,
    released_training,
)
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import PROTOCOLS, validation_split
from zslnb.results import (
    protocol_gap,
    results_against,
    results_beside,
    results_table,
    scores_frame,
    spread_caption,
    verdict,
)
from zslnb.studies import plots
from zslnb.studies.rows import Records, by_row, row_names, values
from zslnb.studies.study import Study

Device = torch.device | str
Rivals = Mapping[str, ImaginationSettings]
Sources = Mapping[str, Records]  # what records are of -> records; none where nothing was measured
Comparisons = Sequence[tuple[str, str, str]]  # two rows, and the metric they are compared by

INGREDIENTS: Comparisons = (
    ("GenZSL", "no CDP", "H"),
    ("GenZSL", "no boosting", "H"),
    ("GenZSL", "noise for the referent", "H"),
)
REFERENTS: Comparisons = (
    ("random referents", "GenZSL", "H"),
    ("random referents", "GenZSL", "T1"),
    ("noise for the referent", "GenZSL", "H"),
    ("noise for the referent", "GenZSL", "T1"),
)
PROTOCOL_CAPTIONS = {
    "clean": (
        "Percent, mean ± standard deviation over seeds. S and U: per-class accuracy on seen and "
        "unseen test images with all classes competing; H: their harmonic mean; T1: unseen "
        "images, only unseen classes competing."
    ),
    "released": (
        "The same methods, each number the best that was seen on the test set. Not comparable "
        "with the table above; shown because papers print such numbers."
    ),
}


@dataclass(frozen=True)
class MainResults(Study):
    """GenZSL beside its rivals under one protocol (Tables 1 and 2)."""

    benchmark: str
    protocol: str = "clean"
    records: Records = ()
    headline = True

    @property
    def name(self) -> str:
        """The protocol names the table."""
        return self.protocol

    def released(self) -> "MainResults":
        """The same records under the protocol of the released codes."""
        return replace(self, protocol="released")

    def table(self) -> pd.DataFrame:
        return results_table([*self.records], self.protocol).rename_axis("method")

    def caption(self) -> str:
        return f"**{self.benchmark}, protocol {self.protocol}.** {PROTOCOL_CAPTIONS[self.protocol]}"

    def figure(self) -> Figure:
        long = scores_frame([*self.records])
        fig, ax = plt.subplots(figsize=(7, 3.6))
        shown = {"x": "percent", "y": "row", "hue": "protocol", "hue_order": PROTOCOLS}
        style = {"dodge": True, "jitter": False, "alpha": 0.8}
        sns.stripplot(long[long.metric == "H"], **shown, **style, ax=ax)
        ax.set(xlabel="H, harmonic mean of seen and unseen accuracy (%)", ylabel="")
        ax.yaxis.grid(True)
        sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title="protocol")
        return fig

    def finding(self) -> str:
        return spread_caption([*self.records], "H", self.protocol)


def main_results(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    rivals: Rivals,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> MainResults:
    """Run GenZSL, clean and released, beside its rivals and what trains no generator."""
    shared_space = benchmark.shared_space
    rows = {"plain CLIP": ("clip", None)} if shared_space else {}
    rows |= {"ESZSL": ("eszsl", None)}
    rows |= {label: ("imagination", rival) for label, rival in rivals.items()}
    rows["GenZSL"] = [("genzsl", settings), ("genzsl_released", released_training(settings))]
    records = run_rows(rows, benchmark, seeds, device, table="T2")
    return MainResults(benchmark.name, records=records)


@dataclass(frozen=True)
class Compared(Study):
    """Rows under protocol clean, and the points that each gains over one of them within a seed."""

    base: str
    name: str = ""
    heading: str = "method"
    records: Records = ()

    def table(self) -> pd.DataFrame:
        return results_against([*self.records], self.base, "clean").rename_axis(self.heading)

    def caption(self) -> str:
        return (
            "Protocol clean, percent, mean ± standard deviation over seeds; and points gained over "
            f"{self.base} within a seed."
        )

    def verdicts(self, *rows: str, of: str = "") -> list[str]:
        """Say whether H and T1 of `of`, the base unless given, differ from those of each row."""
        first, pairs = of or self.base, ((row, metric) for row in rows for metric in ("H", "T1"))
        return [verdict([*self.records], first, row, metric, "clean") for row, metric in pairs]


def compared(
    benchmark: Benchmark,
    rows: Mapping[str, GenZSLSettings | ImaginationSettings],
    base: str,
    seeds: Sequence[int],
    device: Device = "cpu",
    *,
    name: str,
    heading: str = "method",
) -> Compared:
    """Run generators under protocol clean and set each against the row `base`."""
    methods = {GenZSLSettings: "genzsl", ImaginationSettings: "imagination"}
    trained = {row: (methods[type(used)], used) for row, used in rows.items()}
    return Compared(base, name, heading, run_rows(trained, benchmark, seeds, device, table=name))


@dataclass(frozen=True)
class Ablation(Study):
    """Which of GenZSL's ingredients helps (Table 3)?"""

    benchmark: str
    records: Records = ()
    name, headline = "ablation", True

    def table(self) -> pd.DataFrame:
        table = results_against([*self.records], "GenZSL", "clean")
        return table.drop(columns="seeds").rename_axis("row")

    def caption(self) -> str:
        return (
            f"**{self.benchmark}, protocol clean.** Percent, and the difference to GenZSL within a "
            "seed, mean ± standard deviation."
        )

    def figure(self) -> Figure:
        long = scores_frame([*self.records])
        long = long[(long.protocol == "clean") & long.metric.isin(["H", "T1"])]
        fig, ax = plt.subplots(figsize=(7, 4))
        shown = {"x": "percent", "y": "row", "hue": "metric", "errorbar": "sd"}
        style = {"linestyle": "none", "dodge": 0.35, "markers": ["o", "D"]}
        sns.pointplot(long, **shown, **style, ax=ax)
        ax.set(xlabel="accuracy, mean and standard deviation over seeds (%)", ylabel="")
        sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title="")
        return fig

    def finding(self) -> str:
        mean_h = self.table().drop("GenZSL")["H"].str.split(" ").str[0].astype(float)
        return (
            f"GenZSL and its ablations, protocol clean. The most costly change is "
            f"*{mean_h.idxmin()}* (H {mean_h.min():.1f} %); *{mean_h.idxmax()}* ends highest with "
            f"{mean_h.max():.1f} %."
        )


def ablated(settings: GenZSLSettings) -> dict[str, GenZSLSettings]:
    """GenZSL and each of its ablations, by the names of the table's rows."""
    unboosted = replace(settings, boosting_weight=0.0)
    return {
        "GenZSL": settings,
        "no CDP": replace(settings, n_removed=0),
        "no reconstruction": replace(settings, reconstruction_weight=0.0),
        "no boosting": unboosted,
        "selected on raw texts": replace(settings, select_on="raw"),
        "random referents": replace(settings, referent="random"),
        "noise for the referent": replace(settings, referent="noise"),
        "no boosting, no CDP": replace(unboosted, n_removed=0),
        "no boosting, noise": replace(unboosted, referent="noise"),
    }


def ablation(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> Ablation:
    """Train GenZSL with one thing changed at a time, protocol clean."""
    rows = {label: ("genzsl", changed) for label, changed in ablated(settings).items()}
    return Ablation(benchmark.name, run_rows(rows, benchmark, seeds, device, table="T3"))


@dataclass(frozen=True)
class Semantics(Study):
    """Does imagination need strong semantics, and induction not (Table 4)?"""

    benchmark: str
    records: Records = ()
    name, headline = "semantics", True

    def table(self) -> pd.DataFrame:
        return self._by_kind("H").join(self._by_kind("T1")).rename_axis("method")

    def _by_kind(self, metric: str) -> pd.DataFrame:
        cells = results_table([*self.records], "clean")[metric]
        cells.index = pd.MultiIndex.from_tuples([tuple(row.split(" · ")) for row in cells.index])
        return cells.unstack(sort=False).add_prefix(f"{metric}, ").fillna("")

    def caption(self) -> str:
        return (
            f"**{self.benchmark}, protocol clean**, for each kind of class semantics. Percent, "
            "mean ± standard deviation over seeds."
        )


def semantics(
    benchmarks: Mapping[str, Benchmark],
    settings: GenZSLSettings,
    rivals: Rivals,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> Semantics:
    """Run every generator with every kind of semantics.

    Args:
        benchmarks: kind of semantics -> the benchmark with it, all of one set of features.
        settings: GenZSL's.
        rivals: label -> settings of an imagination method.
        seeds: of the runs.
        device: where to compute.
    """
    generators = {label: ("imagination", rival) for label, rival in rivals.items()}
    changed = ablated(settings)
    for label in ("GenZSL", "random referents", "noise for the referent"):
        generators[label] = ("genzsl", changed[label])
    records = []
    for kind, benchmark in benchmarks.items():
        shared_space = benchmark.shared_space
        untrained = {"plain CLIP": ("clip", None)} if shared_space else {}
        methods = {**untrained, "ESZSL": ("eszsl", None), **generators}
        rows = {f"{label} · {kind}": method for label, method in methods.items()}
        records += run_rows(rows, benchmark, seeds, device, table="T4")
    return Semantics(next(iter(benchmarks.values())).name, records)


@dataclass(frozen=True)
class ClassSimilarity(Study):
    """How similar are classes, before and after CDP, with each semantics (Figures 3 and 8)?"""

    benchmarks: Mapping[str, Benchmark]
    most: int = 80  # classes: more cannot be read
    name = "similarity"

    def _shown(self) -> Iterator[tuple[str, str, torch.Tensor, float]]:
        for kind, benchmark in self.benchmarks.items():
            raw = F.normalize(benchmark.semantics, dim=1)
            raw = raw[:: -(-len(raw) // self.most)]
            for when, rows in (("before", raw), ("after", class_diversity_promotion(raw))):
                yield kind, when, rows, mean_cosines(rows)["with diagonal"]

    def figure(self) -> Figure:
        n = len(self.benchmarks)
        fig, axes = plt.subplots(2, n, figsize=(4.2 * n, 7.6), squeeze=False)
        for ax, (kind, when, rows, mean) in zip(axes.T.flat, self._shown(), strict=True):
            unit = F.normalize(rows, dim=1)
            image = ax.imshow((unit @ unit.T).numpy(), cmap="vlag", vmin=-1, vmax=1)
            ax.set(title=f"{kind}, {when} CDP: mean {mean:.3g}", xticks=[], yticks=[])
            ax.grid(False)
        fig.colorbar(image, ax=axes, label="cosine of two classes", shrink=0.6)
        return fig

    def finding(self) -> str:
        means = "; ".join(f"{kind} {when} {mean:.2g}" for kind, when, _, mean in self._shown())
        return (
            "Class similarity, classes in their stored order; mean cosine with the diagonal as the "
            f"paper takes it: {means}."
        )


@dataclass(frozen=True)
class Sensitivity(Study):
    """How much do three hyper-parameters matter, each varied alone (Figure 6)?"""

    records: Records = ()
    name = "sensitivity"

    def _panels(self, metric: str) -> Iterator[tuple[str, list[str], np.ndarray]]:
        for what, start in (("boosting weight λ", "λ = "), ("number k of referents", "k = ")):
            rows = [row for row in row_names(self.records) if row.startswith(start)]
            ticks = [row.removeprefix(start) for row in rows]
            yield what, ticks, 100 * by_row(self.records, rows, "clean", metric)
        counts = next(r["scores"]["by n_synthetic"] for r in self.records if r["row"] == "k = 2")
        by_count = [values(self.records, "k = 2", "by n_synthetic", n, metric) for n in counts]
        yield "synthetic features a class", [*counts], 100 * np.array(by_count).T

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True)
        for metric, style in {"S": ":", "U": "--", "H": "-", "T1": "-."}.items():
            for ax, (what, ticks, percents) in zip(axes, self._panels(metric), strict=True):
                plots.band(ax, range(len(ticks)), percents, metric, linestyle=style)
                ax.set(xlabel=what, xticks=range(len(ticks)), xticklabels=ticks)
        axes[0].set_ylabel("accuracy (%)")
        axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
        return fig

    def finding(self) -> str:
        moves = ", ".join(
            f"{np.ptp(percents.mean(0)):.1f} points over the {what}"
            for what, _, percents in self._panels("H")
        )
        return (
            f"Clean scores on {self.records[0]['benchmark']['name']}, mean and range over "
            f"{len({r['seed'] for r in self.records})} seeds. Mean H moves by {moves}."
        )


def sensitivity(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
    profile: str = "full",
) -> Sensitivity:
    """Vary λ and k; fewer values and seeds where the profile is not "full"."""
    weights = [0.0, 0.1, 1.0] if profile == "medium" else [0.0, 0.001, 0.01, 0.1, 1.0, 10.0]
    classes = len(validation_split(benchmark, 0).seen)  # clean also trains without the others
    sweep = {f"λ = {w:g}": replace(settings, boosting_weight=w) for w in weights}
    sweep |= {f"k = {k}": replace(settings, n_referents=k) for k in (1, 2, 4, 8) if k < classes}
    rows = {label: ("genzsl", changed) for label, changed in sweep.items()}
    seeds = seeds if profile == "full" else seeds[:3]
    return Sensitivity(run_rows(rows, benchmark, seeds, device, table="F6"))


@dataclass(frozen=True)
class RecordedResults(Study):
    """A table of a recorded run: clean scores beside the H that choosing on the test set prints."""

    text: str
    name: str = ""
    without: str = ""  # a column to leave out
    recorded: Records = ()  # of another run, so not for the notebook to keep

    def table(self) -> pd.DataFrame:
        if not self.recorded:
            return pd.DataFrame({"method": ["not measured"]})
        return results_beside([*self.recorded]).drop(columns=self.without, errors="ignore")

    def caption(self) -> str:
        return self.text


@dataclass(frozen=True)
class Question(Study):
    """Pairs of rows under protocol clean, told apart or not, by what their records are of."""

    comparisons: Comparisons
    sources: Sources

    def finding(self) -> str:
        return bullets(f"{source}: {line}" for source, line in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        for source, records in self.sources.items():
            if not records:
                yield source, "not measured."
                continue
            for first, second, metric in self.comparisons:
                yield source, verdict([*records], first, second, metric, "clean")


@dataclass(frozen=True)
class SelectionPrice(Study):
    """How much of H is best-on-test selection?"""

    sources: Sources
    name = "selection"

    def table(self) -> pd.DataFrame:
        frames = [
            pd.DataFrame({row: self._prices(records, row) for row in row_names(records)}).T.assign(
                data=source
            )
            for source, records in self._measured()
        ]
        return pd.concat(frames).rename_axis("method").reset_index()

    def caption(self) -> str:
        return "Points of H that choosing on the test set adds."

    def finding(self) -> str:
        return bullets(self._lines())

    def _measured(self) -> Iterator[tuple[str, list[dict]]]:
        for source, records in self.sources.items():
            if records:
                yield source, [r for r in records if r["method"] != "clip"]

    def _prices(self, records: list[dict], row: str) -> dict[str, str]:
        looks = protocol_gap(records, row, "H", "released", over="last")
        return {
            "peeked minus clean": protocol_gap(records, row, "H", "peeked"),
            "best of all looks minus last epoch": looks,
        }

    def _lines(self) -> Iterator[str]:
        for source, records in self.sources.items():
            if not records:
                yield f"{source}: not measured."
                continue
            peeked, looks = self._prices([*records], "GenZSL").values()
            yield (
                f"{source}: picking among clean's candidates on the test set adds {peeked} points "
                f"to GenZSL's H; in the released training the best of all looks is {looks} above "
                "the last."
            )


def genzsl_verdicts(main: Records, ablation: Records = ()) -> list[str]:
    """Say of every rival, and of every ablation, whether its H differs from GenZSL's."""
    ablation = [r for r in ablation if r["method"] == "genzsl"]
    rivals, changed = (
        [row for row in row_names(records) if row != "GenZSL"] for records in (main, ablation)
    )
    return [
        *(verdict([*main], "GenZSL", rival, "H", "clean") for rival in rivals),
        *(verdict(ablation, row, "GenZSL", "H", "clean") for row in changed),
    ]


def bullets(lines: Iterator[str] | Sequence[str]) -> str:
    """Write lines as a list in Markdown."""
    return "\n".join(f"- {line}" for line in lines)
