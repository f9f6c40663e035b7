"""RevCD scored: beside other models, by loss and weight, off the seen hull, and by way to count.

Each study shows rows that were run here, or such as were recorded by a run on real features; only
the first are its `records`, for a notebook to keep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings, reductions
from zslnb.studies import plots, rows
from zslnb.studies.study import Study

WEIGHTS = (0.0, 0.1, 1.0, 10.0)
SHOWN_SETTINGS = (
    *("steps", "schedule", "predicts", "conditioning", "widths", "lr", "batch_size"),
    *("reconstruction_weight", "noise_weight", "classification_weight", "masked"),
    *("sampler", "sampling_steps", "guidance_choices", "epoch_choices"),
)
REMOVED = {
    "no noise loss": "noise_weight",
    "no classification": "classification_weight",
    "no reconstruction": "reconstruction_weight",
}
# label -> protocol, score, style
LINES = {
    "S, strict": ("clean", "S", "-"),
    "S, lenient": ("lenient", "S", ":"),
    "U": ("clean", "U", "--"),
    "T1": ("clean", "T1", "-."),
}
WAYS = {
    "strict": "clean",
    "lenient": "lenient",
    "calibrated": "calibrated",
    "calibrated, lenient": "lenient, calibrated",
}
CUB_RUNS = ("cub_resnet_fc1000-sentences-medium", "cub_resnet_fc1000-attributes-medium")


@dataclass
class Rows(Study):
    """Rows of one table; each study below shows them in its own way.

    Attributes:
        rows: records, run here or recorded elsewhere. title: benchmark and semantics.
        records: the rows that were run here.
    """

    rows: Sequence[dict]
    title: str
    records: Sequence[dict] = ()

    @property
    def labels(self) -> list[str]:
        """Names of the rows."""
        return rows.row_names(self.rows)

    def percent(self, row: str, protocol: str, metric: str) -> float:
        """A row's score, on average over seeds."""
        return float(100 * rows.values(self.rows, row, protocol, metric).mean())


@dataclass
class SettingsShown(Study):
    """Which settings does RevCD have here, and which would a full run have?"""

    settings: RevCDSettings
    profile: str
    name = "settings"

    def table(self) -> pd.DataFrame:
        full = reductions(self.settings)
        lines = [
            (name, str(getattr(self.settings, name)), str(full[name][0]) if name in full else "")
            for name in SHOWN_SETTINGS
        ]
        return pd.DataFrame(lines, columns=["setting", "RevCD here", "`full` has"])

    def caption(self) -> str:
        return (
            f"Profile `{self.profile}`; none of these is printed in the paper. Where two numbers "
            "stand, this profile takes less, to run on two cores."
        )


class RevCDModels(Rows):
    """How do RevCD, a conditional VAE and a GAN score (after the paper's Table 2)?"""

    name = "models"
    headline = True

    def table(self) -> pd.DataFrame:
        return results.results_counted(self.rows)

    def caption(self) -> str:
        return (
            f"**{self.title}** (after the paper's Table 2). Percent, mean ± standard deviation "
            "over seeds. T1: unseen images, only unseen classes competing."
        )


class ValidationChoices(Rows):
    """What did validation choose, seed by seed?"""

    name = "chosen"

    def table(self) -> pd.DataFrame:
        columns = {
            choice: {
                row: ", ".join(f"{value:g}" for value in self._chosen(row, choice))
                for row in self.labels
            }
            for choice in ("epochs", "guidance")
        }
        return pd.DataFrame(columns).rename_axis("method")

    def caption(self) -> str:
        return "Epochs and guidance scale that validation chose, seed by seed."

    def _chosen(self, row: str, choice: str) -> np.ndarray:
        return rows.values(self.rows, row, "chosen", "clean", choice)


class LossesRemoved(Rows):
    """Which of RevCD's losses helps?"""

    name = "losses"

    def table(self) -> pd.DataFrame:
        return results.results_counted(self.rows)

    def caption(self) -> str:
        seeds = len({record["seed"] for record in self.rows})
        return (
            f"**{self.title}**: RevCD without one of its losses; percent, mean ± standard "
            f"deviation over {seeds} seeds."
        )


class ClassificationWeight(Rows):
    """What does the classification weight do to S and U (after the paper's Figure 4)?"""

    name = "weight"

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(6.4, 3.4))
        for label, (protocol, metric, style) in LINES.items():
            percent = 100 * rows.by_row(self.rows, self.labels, protocol, metric)
            x = range(len(self.labels))
            plots.band(ax, x, percent, label, linestyle=style, marker="o")
        ax.set(xlabel="classification weight $\\lambda_3$", ylabel="accuracy (%)", ylim=(0, 100))
        ax.set_xticks(range(len(self.labels)), [row.removeprefix("weight ") for row in self.labels])
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return fig

    def finding(self) -> str:
        s, u = ([self.percent(row, "clean", metric) for row in self.labels] for metric in "SU")
        return (
            f"{self.title}; mean and range over seeds. From {self.labels[0]} to {self.labels[-1]} "
            f"strict S goes from {s[0]:.1f} to {s[-1]:.1f} % and U from {u[0]:.1f} to {u[-1]:.1f} "
            f"%; U is highest at {self.labels[int(np.argmax(u))]}."
        )


class HullDistances(Rows):
    """How far off the hull of the seen prototypes do estimates lie?"""

    name = "hull"

    def table(self) -> pd.DataFrame:
        lines = {}
        for row in self.labels:
            scales = next(r["scores"]["hull"] for r in self.rows if r["row"] == row)
            for scale in scales:
                label = f"{row}, guidance {scale}" if len(scales) > 1 else row
                lines[label] = {
                    f"{part} images": rows.plus_minus(
                        rows.values(self.rows, row, "hull", scale, part), ".2f"
                    )
                    for part in ("seen", "unseen")
                }
        return pd.DataFrame.from_dict(lines, orient="index").rename_axis("estimates of")

    def caption(self) -> str:
        return (
            f"**{self.title}**: distance of estimates to the hull of the seen prototypes, in units "
            "of the unseen prototypes' own; mean ± standard deviation over seeds."
        )


class WaysToCount(Rows):
    """What would one have picked without a look at the test set, counted in four ways?

    Beside RevCD as it is stands the row with the best H on validation classes.
    """

    name = "ways"

    def table(self) -> pd.DataFrame:
        lines = {}
        for way, protocol in WAYS.items():
            for row in ("RevCD", self.picked(protocol)):
                records = [record for record in self.rows if record["row"] == row]
                scores = results.results_table(records, protocol).iloc[0]
                lines[f"{row}: {way}"] = scores[["S", "U", "H"]]
        order = sorted(lines, key=lambda line: not line.startswith("RevCD"))
        return pd.DataFrame({line: lines[line] for line in order}).T.rename_axis("RevCD")

    def caption(self) -> str:
        seeds = len({record["seed"] for record in self.rows})
        return f"**{self.title}**: percent, mean ± standard deviation over {seeds} seeds."

    def picked(self, protocol: str) -> str:
        """The row with the highest H on validation classes, on average over seeds."""
        kind = "calibrated" if "calibrated" in protocol else "clean"
        return max(
            self.labels,
            key=lambda row: rows.values(self.rows, row, "validation", kind, "H").mean(),
        )


def revcd_models(
    benchmark: Benchmark,
    settings: Mapping[str, RevCDSettings],
    seeds: Sequence[int],
    device: torch.device | str,
) -> RevCDModels:
    """Run Table 2's models, or read them back."""
    records = _run("RevCD T2", settings, benchmark, seeds, device)
    return RevCDModels(records, _title(benchmark), records)


def losses_removed(
    benchmark: Benchmark,
    settings: RevCDSettings,
    seeds: Sequence[int],
    device: torch.device | str,
) -> LossesRemoved:
    """Run RevCD, and RevCD without each of its losses."""
    without = {row: replace(settings, **{weight: 0.0}) for row, weight in REMOVED.items()}
    table = {"RevCD": settings, **without}
    records = _run("RevCD losses", table, benchmark, seeds, device)
    return LossesRemoved(records, benchmark.name, records)


def classification_weight(
    benchmark: Benchmark,
    settings: RevCDSettings,
    seeds: Sequence[int],
    device: torch.device | str,
) -> ClassificationWeight:
    """Run RevCD with each of WEIGHTS."""
    table = {f"weight {w:g}": replace(settings, classification_weight=w) for w in WEIGHTS}
    records = _run("RevCD F4", table, benchmark, seeds, device)
    return ClassificationWeight(records, _title(benchmark), records)


def ways_to_count(
    losses: Sequence[dict], weights: Sequence[dict], settings: RevCDSettings, title: str
) -> WaysToCount:
    """Pool rows with a loss removed and with other weights; the default weight is RevCD itself."""
    default = f"weight {settings.classification_weight:g}"
    return WaysToCount([*losses, *(r for r in weights if r["row"] != default)], title)


def cub_rows(kind: str, table: str, notebook: str = "24_revcd_results") -> list[dict]:
    """Read rows that a run on CUB's real features recorded; none where nobody has run it yet.

    Args:
        kind: of semantics, "attributes" or "sentences".
        table: "RevCD T2", "RevCD losses" or "RevCD F4".
        notebook: that kept them.
    """
    recorded = [record for run in CUB_RUNS for record in results.recorded(run)]
    wanted = [
        r for r in recorded if r["notebook"] == notebook and r["benchmark"]["semantics"] == kind
    ]
    return results.rows_of(wanted, table)


class CubModels(RevCDModels):
    """How do the models score on real features, recorded by a run of profile medium?"""

    headline = False

    def table(self) -> pd.DataFrame:
        return super().table() if self.rows else pd.DataFrame({"method": ["not measured"]})

    def caption(self) -> str:
        seeds = len({record["seed"] for record in self.rows})
        return f"**CUB, ResNet fc1000 features, {self.title}.** Seeds: {seeds}; profile `medium`."


@dataclass
class CubHull(Study):
    """How far off the hull do estimates lie on real features?

    Attributes:
        rows: kind of semantics -> records with a loss removed.
    """

    rows: Mapping[str, Sequence[dict]]
    name = "cub-hull"

    def table(self) -> pd.DataFrame:
        wide = pd.concat(
            {
                kind: HullDistances(
                    [r for r in records if r["row"] in ("RevCD", "no classification")], kind
                ).table()
                for kind, records in self.rows.items()
            },
            axis=1,
        )
        return wide.set_axis([f"{part}, {kind}" for kind, part in wide.columns], axis=1)

    def caption(self) -> str:
        return "**CUB**: distance to the hull, as above."


def revcd_findings(
    models: Sequence[dict], losses: Sequence[dict], weights: Sequence[dict]
) -> list[str]:
    """Say in sentences what came out on one benchmark."""
    scored = RevCDModels(models, "")
    strict, lenient = (scored.percent("RevCD", protocol, "S") for protocol in ("clean", "lenient"))
    unseen, alone = (scored.percent("RevCD", "clean", metric) for metric in ("U", "T1"))
    gain = results.protocol_gap(models, "RevCD", "H", "calibrated")
    return [
        f"S is {strict:.1f} on test images and {lenient:.1f} on training images.",
        f"U is {unseen:.1f}, though among unseen classes alone {alone:.1f} % are right: moving the "
        f"border by a constant adds {gain} points of H.",
        *(results.verdict(models, "RevCD", other, "H", "clean") for other in ("cVAE", "GAN")),
        *(results.verdict(losses, "RevCD", row, "H", "clean") for row in REMOVED),
        results.verdict(weights, "weight 10", "weight 0.1", "U", "clean"),
    ]


def _run(
    table: str,
    settings: Mapping[str, RevCDSettings],
    benchmark: Benchmark,
    seeds: Sequence[int],
    device: torch.device | str,
) -> list[dict]:
    experiment = {row: ("revcd", s) for row, s in settings.items()}
    return experiments.run_rows(experiment, benchmark, seeds, device, table=table)


def _title(benchmark: Benchmark) -> str:
    return f"{benchmark.name}, {benchmark.provenance.get('semantics', 'semantics')}"
