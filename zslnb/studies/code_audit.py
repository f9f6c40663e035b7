"""What GenZSL's released code does otherwise than its text, and what each difference is worth.

All differences are code minus paper, in points, within a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import yaml
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.protocol import ClassifierSettings
from zslnb.results import percent, points, published_value, told_apart
from zslnb.seeds import seeded
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.study import Study, Tabled
from zslnb.studies.training_orders import StoredOrders

Gains = Float[np.ndarray, " R"]  # points, one for each seed
AUDIT = Path(__file__).with_name("code_audit.yml")
STORED, WIDE = "images in stored order", "GenZSL, wide latent"
RELEASED, MIXED = "as released", "stored in an order shuffled once"
COUNTED = ("per image", "per class", "restricted")  # three conventional scores
DIFFERENCES = {  # label -> what measured it, and its row
    "boosting in the batch, not over classes": ("model", "boosting over classes"),
    "boosting at all (the printed formula is constant)": ("model", "no boosting"),
    "prior N(0, I), not p(o | z)": ("model", "prior p(o | z)"),
    "decoder gets o, not x_refer + o": ("model", "decoder gets x_refer + o"),
    "shares 0.8 and 0.2, not drawn": ("model", "shares drawn"),
    "lengths left, not scaled to one": ("model", "scaled to length one"),
    "a referent, not noise (a control)": ("model", "noise for the referent"),
    "images in stored order (clean)": ("model", STORED),
    "one referent × 0.8, not × 1": ("by hand", "one referent"),
    "images in stored order (released)": ("training", "images shuffled"),
    "classifier fed in order, not shuffled": ("training", "classifier shuffled"),
    "classifier never reset, not each round": ("training", "classifier new each round"),
    "referents tiled, not drawn": ("training", "referents drawn, not tiled"),
    "MLP with dropout, not linear": ("training", "linear classifier"),
    "best look, not last epoch": ("choosing", "released"),
    "here stored class by class, not mixed once": ("training", MIXED),
}


def _percents(records: Records, row: str, kind: str, metric: str) -> Gains:
    return 100 * values(records, row, kind, metric)


def _shown(records: Records, row: str, kind: str, metric: str) -> str:
    return percent([*values(records, row, kind, metric)])


def _points(gains: Gains) -> str:
    return points([*gains])


def _told_apart(gains: Gains) -> bool | None:
    return told_apart([*gains])


def laid_out(gains: Mapping[str, Gains], of: str) -> pd.DataFrame:
    """Points of each difference, and whether it is told apart from none."""
    words = {None: "too few seeds", True: "yes", False: "no"}
    sure = [words[_told_apart(gain)] for gain in gains.values()]
    cells = {of: [_points(gain) for gain in gains.values()], f"{of}: told apart": sure}
    return pd.DataFrame(cells, index=[*gains])


def in_words(what: str, gains: Gains) -> str:
    """Put one difference in a sentence."""
    note = {None: ", too few seeds to tell", True: "", False: ", not told apart from none"}
    return f"**{what}:** {_points(gains)} points of H{note[_told_apart(gains)]}."


@dataclass(frozen=True)
class ModelDifferences(Study):
    """The code's model, and in each row one thing done as the text has it; protocol clean."""

    benchmark: str
    records: Records = ()
    name = "models"

    @property
    def rows(self) -> list[str]:
        """All rows but those that others are compared with."""
        return [row for row in row_names(self.records) if row not in ("GenZSL", WIDE)]

    def percents(self, row: str, kind: str = "clean", metric: str = "H") -> Gains:
        """Scores of one row in percent, one for each seed."""
        return _percents(self.records, row, kind, metric)

    def gains(self, row: str, metric: str = "H") -> Gains:
        """Code minus paper: in the row STORED it is the row that does as the code has it."""
        base, other = (self.percents(r, metric=metric) for r in (self._base(row), row))
        return other - base if row == STORED else base - other

    def _base(self, row: str) -> str:
        width = {r["row"]: r["settings"]["latent_dim"] for r in self.records}
        return "GenZSL" if width[row] == width["GenZSL"] else WIDE

    def table(self) -> pd.DataFrame:
        gains = {row: self.gains(row) for row in self.rows}
        frame = laid_out(gains, "H, code minus paper")
        frame.insert(0, "H", [_shown(self.records, row, "clean", "H") for row in self.rows])
        frame["T1, code minus paper"] = [_points(self.gains(row, "T1")) for row in self.rows]
        return frame.rename_axis("row")

    def caption(self) -> str:
        apart = [row for row in self.rows if _told_apart(self.gains(row))]
        return (
            f"**{self.benchmark}, protocol clean.** The code's model has H "
            f"{_shown(self.records, 'GenZSL', 'clean', 'H')}. Each row does one thing as the text "
            "has it; the last does one as the code has it, where the text has no word. H told "
            f"apart from none: {', '.join(apart) or 'not one of them'}."
        )


def model_differences(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    as_text: Mapping[str, GenZSLSettings],
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> ModelDifferences:
    """Run the code's model, and each row of `as_text`, with images shuffled and in stored order."""
    models = {"GenZSL": settings, **as_text, STORED: replace(settings, shuffle=False)}
    widths = {used.latent_dim for used in as_text.values()} - {settings.latent_dim}
    if widths:
        models[WIDE] = replace(settings, latent_dim=max(widths))
    rows = {name: ("genzsl", used) for name, used in models.items()}
    return ModelDifferences(benchmark.name, run_rows(rows, benchmark, seeds, device))


@dataclass(frozen=True)
class ReleasedTraining(Study):
    """Trained and scored as released, and in each row one thing taken back."""

    benchmark: str
    records: Records = ()
    name = "training"

    @property
    def rows(self) -> list[str]:
        """All rows, the repository's own way first."""
        return row_names(self.records)

    def percents(self, row: str, kind: str = "released", metric: str = "H") -> Gains:
        """Scores of one row in percent: "released" is the best look, "last" the last epoch."""
        return _percents(self.records, row, kind, metric)

    def choosing(self, row: str = RELEASED) -> Gains:
        """What the best of all looks at the test set has over the last epoch."""
        return self.percents(row) - self.percents(row, "last")

    def gains(self, row: str, kind: str = "released") -> Gains:
        """What the repository's way has over a row."""
        return self.percents(RELEASED, kind) - self.percents(row, kind)

    @property
    def looks(self) -> dict[str, int]:
        """How often each row looks at the test set."""
        return {r["row"]: r["scores"]["chosen"]["released"]["looks"] for r in self.records}

    def seen_unseen(self, row: str, kind: str) -> str:
        """Mean S and U, which say where H comes from."""
        return ", ".join(f"{self.percents(row, kind, metric).mean():.0f}" for metric in "SU")

    def table(self) -> pd.DataFrame:
        cells = {
            row: {
                "H, best on test": _shown(self.records, row, "released", "H"),
                "S, U at best": self.seen_unseen(row, "released"),
                "H, last epoch": _shown(self.records, row, "last", "H"),
                "S, U at last": self.seen_unseen(row, "last"),
                "best minus last": _points(self.choosing(row)),
                "looks": self.looks[row],
                "T1, best": _shown(self.records, row, "released", "T1"),
            }
            for row in self.rows
        }
        return pd.DataFrame.from_dict(cells, orient="index").rename_axis("row")

    def caption(self) -> str:
        prices = [self.choosing(row).mean() for row in self.rows]
        return (
            f"**{self.benchmark}, trained and scored as released**, and with one thing changed. "
            f"Choosing on test is worth {min(prices):.1f} to {max(prices):.1f} points of H, by "
            f"row, after {self.looks[RELEASED]:,} looks; the published schedule has up to "
            f"{published_value('genzsl', 'CODE-looks'):,.0f}."
        )

    def finding(self) -> str:
        fresh = self.gains("classifier new each round")
        known = _told_apart(fresh)
        so = None if known is None else bool(known and fresh.mean() > 0)
        holds = {
            None: "There are too few seeds to tell",
            True: "Here it is so",
            False: "Here it is not so",
        }
        epochs = self.records[0]["settings"]["classifier"]["epochs"]
        return (
            "One might expect a classifier that is fed in order and starts anew in each round not "
            f"to get far in its {epochs} epochs, so that never resetting it keeps the fixed order "
            f"alive. {holds[so]}: never resetting is worth {_points(fresh)} points of H."
        )


def train_as_released(
    switches: Mapping[str, GenZSLSettings],
    orders: StoredOrders,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> ReleasedTraining:
    """Run every row as released; where images are stored class by class, mixed once, too.

    Args:
        switches: RELEASED and what takes one thing of it back -> settings.
        orders: of the benchmark.
        seeds: of the runs.
        device: where to compute.
    """
    rows = {name: ("genzsl_released", used) for name, used in switches.items()}
    records = run_rows(rows, orders.benchmark, seeds, device)
    if orders.in_blocks:
        mixed = orders.stored["shuffled once"]
        records += run_rows({MIXED: rows[RELEASED]}, mixed, seeds, device)
    return ReleasedTraining(orders.benchmark.name, records)


def switched_back(released: GenZSLSettings) -> dict[str, GenZSLSettings]:
    """The repository, all switches on, and in each further entry one of them taken back."""
    classifier = released.classifier
    linear = replace(classifier, hidden=(), scale=ClassifierSettings().scale)
    shuffled = replace(classifier, shuffle=True)
    return {
        RELEASED: released,
        "classifier shuffled": replace(released, classifier=shuffled),
        "classifier new each round": replace(released, keep_classifier=False),
        "images shuffled": replace(released, shuffle=True),
        "referents drawn, not tiled": replace(released, synthesis="drawn"),
        "linear classifier": replace(released, classifier=linear),
    }


def switch_gains(training: ReleasedTraining) -> Tabled:
    """What is each switch of the released training worth?"""
    rows = [row for row in training.rows if row != RELEASED]
    best, last = (
        laid_out({row: training.gains(row, kind) for row in rows}, head)
        for kind, head in (("released", "best on test"), ("last", "last epoch"))
    )
    frame = best.join(last).rename_axis("instead of the code's way")
    text = "Code minus the row: points of H that the repository's way adds to the row's."
    return Tabled("switches", frame, text)


@dataclass(frozen=True)
class ConventionalScores(Study):
    """Three ways to read off T1, all best on test."""

    training: ReleasedTraining
    benchmark: Benchmark
    name = "conventional"

    def percents(self, kind: str) -> Gains:
        """T1 in percent, for each seed."""
        return _percents(self.training.records, RELEASED, "conventional", kind).round(6)

    def over(self, kind: str, other: str) -> str:
        """Points of T1 that one way has over another."""
        return _points(self.percents(kind) - self.percents(other))

    def table(self) -> pd.DataFrame:
        records = self.training.records
        cells = {
            "T1": [_shown(records, RELEASED, "conventional", kind) for kind in COUNTED],
            "minus per class": [self.over(kind, "per class") for kind in COUNTED],
        }
        return pd.DataFrame(cells, index=pd.Index(COUNTED, name="counted"))

    def caption(self) -> str:
        counts = self.benchmark.labels[self.benchmark.test_unseen_idx].bincount()
        low, high = int(counts[counts > 0].min()), int(counts.max())
        same = "are the same thing" if low == high else "differ"
        return (
            f"Each unseen class of {self.benchmark.name} has "
            f"{low if low == high else f'{low} to {high}'} test images, so counting images and "
            f"averaging classes {same}. (Published: on SUN 20 each, the same; on AWA2 very "
            "unequal.)"
        )


@dataclass(frozen=True)
class WaysToANumber(Study):
    """How much of H is choosing on test, from clean to what the released schedule reports?"""

    models: ModelDifferences
    training: ReleasedTraining
    name, headline = "split", True

    @cached_property
    def parts(self) -> dict[str, Gains]:
        """The whole difference, its two parts, and what picking on test adds to clean."""
        clean, peeked, last, best = [*self._ways().values()][:4]
        parts = {
            "whole: released, best on test, minus clean": best - clean,
            "of it, choosing: best minus last": best - last,
            "of it, training to the end as released: last minus clean": last - clean,
            "clean's candidates, picked on test, minus clean": peeked - clean,
        }
        if MIXED in self.training.rows:
            best_of_mixed = self.training.percents(MIXED)
            parts["images mixed once: best on test minus clean"] = best_of_mixed - clean
            parts["images mixed once: best minus last"] = self.training.choosing(MIXED)
        return parts

    def _ways(self) -> dict[str, Gains]:
        ways = {
            "clean": self.models.percents("GenZSL"),
            "clean,\npicked on test": self.models.percents("GenZSL", "peeked"),
            "released,\nlast epoch": self.training.percents(RELEASED, "last"),
            "released,\nbest on test": self.training.percents(RELEASED),
        }
        if MIXED in self.training.rows:
            ways["mixed once,\nlast epoch"] = self.training.percents(MIXED, "last")
            ways["mixed once,\nbest on test"] = self.training.percents(MIXED)
        return ways

    def table(self) -> pd.DataFrame:
        return laid_out(self.parts, "points of H").rename_axis("part")

    def caption(self) -> str:
        return (
            "From clean to what the released schedule would report, and what looking at the test "
            "set is worth in it; mean ± standard deviation over seeds "
            f"({len(self.models.percents('GenZSL'))}). A best is never below what it was picked "
            "from, so *best minus last* and *picked on test* cannot be negative."
        )

    def figure(self) -> Figure:
        ways = self._ways()
        fig, ax = plt.subplots(figsize=(9.5, 3.8))
        for i, run in enumerate(np.array([*ways.values()]).T):
            style = {"color": "0.6", "markersize": 4, "linewidth": 0.8}
            ax.plot(run, "o-", **style, label="" if i else "one seed")
        means = [way.mean() for way in ways.values()]
        ax.plot(means, "_", markersize=40, color="C0", label="mean")
        ax.set_xticks(range(len(ways)), [*ways], fontsize=8)
        ax.set(ylabel="H (%)", xlim=(-0.5, len(ways) - 0.5))
        ax.legend(loc="best", markerscale=0.5)
        return fig

    def finding(self) -> str:
        total, chosen, schedule, _ = [*self.parts.values()][:4]
        clean = ", ".join(f"{self.models.percents('GenZSL', 'clean', m).mean():.0f}" for m in "SU")
        return (
            "H by seed: ways to arrive at a number. From clean to what the released schedule would "
            f"report: {_points(total)} points; of these, its best look over its last makes "
            f"{_points(chosen)}, and training the released way to the end {_points(schedule)} (S, "
            f"U at the last epoch: {self.training.seen_unseen(RELEASED, 'last')}; clean: {clean})."
        )


@dataclass(frozen=True)
class Differences(Study):
    """Every measured difference between code and text, on one scale."""

    models: ModelDifferences
    training: ReleasedTraining
    by_hand: Mapping[str, Gains] = field(repr=False)
    name = "differences"

    @cached_property
    def gains(self) -> dict[str, Gains]:
        """Label -> points, one for each seed."""
        measured = {
            "model": self.models.gains,
            "training": self.training.gains,
            "by hand": lambda row: self.by_hand[row],
            "choosing": lambda _: self.training.choosing(),
        }
        return {
            label: measured[source](row)
            for label, (source, row) in DIFFERENCES.items()
            if row != MIXED or MIXED in self.training.rows
        }

    @property
    def apart(self) -> dict[str, float]:
        """Mean of those that are told apart from none, the largest first."""
        means = {label: g.mean() for label, g in self.gains.items() if _told_apart(g)}
        return dict(sorted(means.items(), key=lambda item: -abs(item[1])))

    @property
    def quiet(self) -> list[str]:
        """Those that are not told apart from none."""
        return [label for label, g in self.gains.items() if _told_apart(g) is False]

    def _by_chance(self) -> float:
        seeds = len(next(iter(self.gains.values())))
        with seeded(0, "lesson/rule"):
            nothing = torch.randn(4000, max(3, seeds)).tolist()
        return np.mean([told_apart(draw) for draw in nothing]) * len(self.gains)

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(8, 0.34 * len(self.gains) + 1))
        for i, gains in enumerate(self.gains.values()):
            colour = "C0" if _told_apart(gains) else "0.55"
            dots = {"color": colour, "alpha": 0.5, "markersize": 4}
            ax.plot(gains, np.full(len(gains), i), "o", **dots)
            ax.plot([gains.mean()], [i], "|", color=colour, markersize=16, markeredgewidth=2)
        ax.axvline(0, color="k", linewidth=0.8)
        ax.set_yticks(range(len(self.gains)), [*self.gains])
        ax.set(xlabel="points of H, code minus paper", ylim=(len(self.gains) - 0.5, -0.5))
        ax.grid(axis="y", visible=False)
        return fig

    def finding(self) -> str:
        largest = "; ".join(f"{n} ({mean:+.1f})" for n, mean in [*self.apart.items()][:3])
        return (
            f"One dot a seed, the bar their mean; blue: told apart from none ({len(self.apart)} of "
            f"{len(self.gains)}; if none mattered, the rule would still let about "
            f"{self._by_chance():.0f} through). " + (f"Largest: {largest}." if largest else "")
        )


@dataclass(frozen=True)
class Audit(Study):
    """Every known difference between text and repository, and what became of it here.

    The rows are in `code_audit.yml`, with what was measured in braces.
    """

    profile: str
    differences: Differences
    ways: WaysToANumber
    conventional: ConventionalScores
    name, headline = "audit", True
    heads = ("the paper", "the code", "how we ran it", "points of H, code minus paper")

    def _measured(self) -> dict[str, str]:
        training, gains = self.differences.training, self.differences.gains
        by_row = {row: gains[label] for label, (_, row) in DIFFERENCES.items() if label in gains}
        peeked = self.ways.parts["clean's candidates, picked on test, minus clean"]
        return {
            **{row: _points(gain) for row, gain in by_row.items()},
            "choosing, released": _points(training.choosing()),
            "choosing, clean": _points(peeked),
            "looks": str(training.looks[RELEASED]),
            "published looks": f"{published_value('genzsl', 'CODE-looks'):,.0f}",
            "T1, image over class": self.conventional.over("per image", "per class"),
            "T1, image over restricted": self.conventional.over("per image", "restricted"),
            "gain over f-VAEGAN": str(published_value("genzsl", "F5-AWA2-gain")),
            "gain over next": str(published_value("genzsl", "C-AWA2-T1-gain")),
        }

    def table(self) -> pd.DataFrame:
        measured = self._measured()
        rows = yaml.safe_load(AUDIT.read_text(encoding="utf-8"))
        cells = [[str(row[key]).format_map(measured) for key in row] for row in rows]
        number = pd.RangeIndex(1, len(rows) + 1, name="no.")
        return pd.DataFrame(cells, columns=self.heads, index=number)

    def caption(self) -> str:
        models, results = self.differences.models, self.table()[self.heads[-1]]
        return (
            f"**The audit, on {models.benchmark}, profile {self.profile}, seeds: "
            f"{len(models.percents('GenZSL'))}.** {len(results)} differences: "
            f"{results.str.contains('by proof').sum()} are nothing by proof, "
            f"{results.str.contains('not measured').sum()} are not measured here, the others were "
            "run. “No word” means none in what we have of the text."
        )
