"""Both papers' methods, and closed forms, on the same features, semantics and seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.results import Difference
from zslnb.studies.rows import Device, Records, row_names, values
from zslnb.studies.seen_unseen import DIRECTIONS, borders_on_cub
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import PAGE

BASE = "means + spread"
GENERATORS = ("GenZSL", "cVAE", "f-CLSWGAN", "f-VAEGAN")
CONTROL = "GenZSL, noise"  # page 33's, and no method of a paper
CALIBRATED = "calibrated H"
METRICS = {CALIBRATED: ("H", "calibrated"), "T1": ("T1", "clean")}  # -> metric and protocol
USED = ("clean", "calibrated", "validation")  # scores; the others are page 33's


def both_papers(
    benchmark: Benchmark,
    methods: Mapping[str, Any],
    kind: str,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> Tabled:
    """Run all methods with one kind of semantics, or read them back.

    `methods` are settings by row, as `methods_of_both` gives them.
    """
    rows = {
        f"{row} · {kind}": ("seen_unseen", experiments.SeenUnseenSettings(method))
        for row, method in methods.items()
        if row != CONTROL
    }
    records = run_rows(rows, benchmark, seeds, device, table="both")
    kept = [{**r, "scores": {k: r["scores"][k] for k in USED}} for r in records]
    unlabelled = results.rows_of(kept, "both", f" · {kind}")
    return both_of(unlabelled, f"{benchmark.name}, {kind}", f"both-{_slug(kind)}", kept)


def both_on_cub(kind: str) -> Tabled:
    """Read what is recorded of all methods on CUB, for one kind of semantics."""
    return both_of(on_cub(kind), f"CUB, {kind}", f"cub-both-{_slug(kind)}")


def on_cub(kind: str) -> list[dict]:
    """Read page 33's recorded rows of CUB, for one kind of semantics."""
    return [record for record in borders_on_cub(kind) if record["row"] != CONTROL]


def both_of(records: Records, title: str, name: str, kept: Records = ()) -> Tabled:
    """How do the methods of both papers compare, by records of theirs?

    `kept` are the records that the notebook is to keep, none if they are another run's. Of what is
    returned, `title` is as given, `scores` has a row's percents over seeds by metric, and `answers`
    what is asked of the rows, none where it cannot be.
    """
    if not records:
        unknown = pd.DataFrame({"method": ["not measured"]})
        return Tabled(name, unknown, f"**{title}.**", title=title, scores={}, answers={})
    frame = results.results_table([*records], "clean")
    seeds = f"{frame.pop('seeds').max()} seeds"
    frame.insert(0, "direction", [DIRECTIONS.get(row, "none") for row in frame.index])
    frame.insert(4, "H, calibrated", results.results_table([*records], "calibrated")["H"])
    counted = [r for r in records if {"clean", "calibrated"} <= r["scores"].keys()]
    told = _against_base(counted)
    for metric in METRICS:
        frame[f"{metric}, over {BASE}"] = [
            _cell(told.get((row, metric)), counted, row, metric) for row in frame.index
        ]
    text = (
        f"**{title}: both papers' methods.** Percent, mean ± standard deviation over {seeds}, "
        "everything chosen on validation classes, S on test images. *Calibrated*: with a constant "
        "off the seen scores, chosen together with the candidate, for all by this one rule. And "
        f"points over {BASE} within a seed, tested together."
    )
    scores = {
        row: {score: 100 * values(counted, row, way, of) for score, (of, way) in METRICS.items()}
        for row in row_names(counted)
    }
    answers = _pairs(records, counted) | _summary(told)
    facts = {"title": title, "scores": scores, "answers": answers}
    return Tabled(name, frame.rename_axis("method"), text, kept, **facts)


def both_compared(tables: Sequence[Tabled]) -> Answered:
    """Which direction is ahead, on each of several data? By tables of `both_of` that have rows."""
    tables = [table for table in tables if table.scores]
    asked = [*dict.fromkeys(question for table in tables for question in table.answers)]
    frame = pd.DataFrame(
        {table.title: [table.answers.get(question, "") for question in asked] for table in tables},
        index=pd.MultiIndex.from_tuples(asked, names=["what", "points of"]),
    )
    text = (
        "Mean difference within a seed; *above* and *below* are significant, the first six lines "
        "of a column tested together, the last two over all rows. The best generator, z → x and "
        "x → z are those that validation prefers, by calibrated H."
    )
    tabled = Tabled("both", frame, text)
    best: dict[str, list[str]] = {}
    for table in tables:
        row = max(table.scores, key=lambda row: table.scores[row][CALIBRATED].mean())
        best.setdefault(row, []).append(table.title)
    finding = (
        "Dots: calibrated H; diamonds: T1; mean and range over seeds. Blue predicts features from "
        "semantics (z → x), orange semantics from a feature (x → z), grey neither. The highest "
        "calibrated H: "
        f"{'; '.join(f'{row} ({len(titles)} of {len(tables)})' for row, titles in best.items())}."
    )
    alt = (
        "A panel for each kind of data and a row for each method: a dot for calibrated H and a "
        "diamond, mostly further right, for T1, with bars over seeds. A dotted vertical line marks "
        "the calibrated H of means + spread; the dots of all other methods lie left of it."
    )
    return Answered(tabled, Drawn("both", _draw(tables), finding, alt=alt))


def _draw(tables: Sequence[Tabled]) -> Figure:
    rows = [*dict.fromkeys(row for table in tables for row in table.scores)][::-1]
    n = len(tables)
    size = (min(PAGE, 1.6 + 2.4 * n), 4.4)
    fig, axes = plt.subplots(1, n, figsize=size, sharey=True, squeeze=False)
    colours = {"z → x": "C0", "x → z": "C1"}
    for ax, table in zip(axes[0], tables, strict=True):
        for row, metrics in table.scores.items():
            y, colour = rows.index(row), colours.get(DIRECTIONS.get(row, ""), "0.4")
            for (metric, percent), mark in zip(metrics.items(), "oD", strict=True):
                face = colour if metric == CALIBRATED else "white"
                style = {"color": colour, "markerfacecolor": face, "markersize": 5}
                ax.plot([percent.min(), percent.max()], [y, y], color=colour, linewidth=1.5)
                ax.plot(percent.mean(), y, mark, **style)
        if BASE in table.scores:
            ax.axvline(table.scores[BASE][CALIBRATED].mean(), color="0.4", linestyle=":")
        ax.set(title=table.title.replace(", ", ",\n"), xlabel="percent")
    axes[0, 0].set_yticks(range(len(rows)), rows)
    return fig


def _slug(kind: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in kind.lower())


def _against_base(counted: list[dict]) -> dict[tuple[str, str], Difference]:
    rows = row_names(counted)
    asked = [(row, metric) for metric in METRICS for row in rows if row != BASE and BASE in rows]
    gains = {(row, m): results.paired_gains(counted, row, BASE, *METRICS[m]) for row, m in asked}
    return results.differences_by(gains)


def _cell(told: Difference | None, counted: list[dict], row: str, metric: str) -> str:
    if told is None:
        return ""
    gains = results.paired_gains(counted, row, BASE, *METRICS[metric])
    return f"{results.points(gains)}, {told.word('above', 'below')}"


def _pairs(records: Records, counted: list[dict]) -> dict[tuple[str, str], str]:
    """Compare the generator that validation prefers with RevCD, and the latter with a ridge.

    And of each direction the row that validation prefers, whatever it is.
    """
    known = row_names(counted)
    there = [row for row in known if DIRECTIONS.get(row) == "z → x"]
    back = [row for row in known if DIRECTIONS.get(row) == "x → z"]
    generators = [row for row in there if row in GENERATORS]
    generator, forth, home = (_preferred(records, some) for some in (generators, there, back))
    pairs = {
        "best generator over RevCD": (generator, "RevCD"),
        "RevCD over ridge": ("RevCD", "ridge"),
        "best z → x over best x → z": (forth, home),
    }
    gains = {
        (question, metric): results.paired_gains(counted, *pair, *scored)
        for question, pair in pairs.items()
        for metric, scored in METRICS.items()
        if {*pair} <= {*known}
    }
    return {
        (question, metric): _answer(question, *pairs[question], found)
        for (question, metric), found in results.differences_by(gains).items()
    }


def _answer(question: str, first: str, second: str, found: Difference) -> str:
    """Say who was compared, where the question leaves it open, and what came out."""
    who = {"best generator over RevCD": f"{first}: ", "RevCD over ridge": ""}.get(
        question, f"{first}, {second}: "
    )
    word = f", {found.word('above', 'below')}" if found.apart else ""
    return f"{who}{found.mean:+z.1f}{word}"


def _preferred(records: Records, rows: Sequence[str]) -> str:
    """The row with the highest calibrated H on validation classes, on average; "" for none."""

    def on_validation(row: str) -> float:
        return float(values(records, row, "validation", "calibrated", "H").mean())

    return max(rows, key=on_validation, default="")


def _summary(told: Mapping[tuple[str, str], Difference]) -> dict[tuple[str, str], str]:
    """Say how many rows the closed form is above, by metric, all of them asked together."""
    lines = {}
    for metric in METRICS:
        below = [answer.word("above", "below") for (_, of), answer in told.items() if of == metric]
        if below:
            said = f"above {below.count('below')} of {len(below)}"
            lines[f"{BASE} over all others", metric] = said
    return lines
