"""Does a generator lack a good mean or a good spread, and what does a better referent add?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments import informed
from zslnb.experiments.memo import run_rows
from zslnb.experiments.parts import BORROWED, OWN, TRUE
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.results import Difference
from zslnb.studies.cub import cub_rows
from zslnb.studies.generators import Device
from zslnb.studies.reduced import asked_for
from zslnb.studies.rows import Records, mean_and_word, plus_minus
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import METHODS, in_order

PARTS, INFORMED = "means and spread", "informed referents"
METRICS = ("H", "T1")
MARKS = {OWN: "o", BORROWED: "s", TRUE: "*"}  # by whose spread
SPREADS = {OWN: "its own", BORROWED: "borrowed", TRUE: "the true one"}
TRAINED = (informed.MOVED, informed.CHANGE, informed.UNPAIRED)
UNTRAINED = (informed.PREDICTED, informed.DISTANCE)
Questions = Mapping[tuple[str, ...], Difference]


def means_settings(
    generator: GenZSLSettings, rivals: Sequence[ImaginationSettings] = (), profile: str = "smoke"
) -> tuple[experiments.PartsSettings, experiments.InformedSettings]:
    """Take the settings of the paper's tables, with one count of synthetic features for all.

    It is the middle one of those on offer. What a profile reduces of this is in
    `studies.reduced`.
    """
    counts = generator.n_synthetic_choices
    usual = {"controls": True, "n_synthetic": counts[len(counts) // 2]}
    apart, informed = (asked_for(table, profile, **usual) for table in (PARTS, INFORMED))
    few, one = ({"n_synthetic_choices": (a["n_synthetic"],)} for a in (apart, informed))
    others = tuple(replace(rival, **few) for rival in rivals)
    taken, moved = replace(generator, **few), replace(generator, **one)
    beside = experiments.MeansSettings.beside
    return (
        experiments.PartsSettings(taken, others, beside(taken), apart["controls"]),
        experiments.InformedSettings(moved, beside(moved), controls=informed["controls"]),
    )


def run_means(
    benchmark: Benchmark,
    settings: experiments.PartsSettings | experiments.InformedSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[dict]:
    """Run one of the two experiments, or read it back; the row is the kind of semantics."""
    kind = benchmark.provenance.get("semantics") or "semantics"
    apart = isinstance(settings, experiments.PartsSettings)
    method, table = ("parts", PARTS) if apart else ("informed", INFORMED)
    return run_rows({kind: (method, settings)}, benchmark, seeds, device, table=table)


def means_on_cub(table: str, kind: str) -> Answered | Tabled | None:
    """Lay out what is recorded of CUB in a table with one kind of semantics, if anything is."""
    records = cub_rows(kind, table)
    title = f"CUB, ResNet fc1000 features, {kind}"
    laid_out = parts_of_generators if table == PARTS else informed_referents
    return laid_out(records, title, f"cub-{kind}-{table.split()[0]}") if records else None


def parts_of_generators(records: Records, title: str, name: str, kept: Records = ()) -> Answered:
    """How well does each place unseen means, how well does it spread, and which is missing?

    `kept` are the records that the notebook is to keep.
    """
    cells = records[0]["scores"]["cells"]
    asked = [(n, m) for m in METRICS for n in cells if OWN in cells[n]]
    gains = {(n, m): _cell(records, n, BORROWED, m) - _cell(records, n, OWN, m) for n, m in asked}
    told = results.differences_by(gains)
    caption = (
        f"**{title}.** Mean ± standard deviation over {len(records)} seeds, {_count(records)} "
        "synthetic features a class. Error: 1 less the "
        "cosine of a mean with the true one, over that of the nearest relative's mean. Size, "
        "1-NN, Fréchet: the own spread against that of real unseen images; alike are 1, 0.5 and "
        f"{_of_spread(records, TRUE, 'frechet').mean():.3f}, but a collapsed spread can have 1-NN "
        "near 0.5, too. T1 and H: percent, with the own spread (nearest relative: a borrowed "
        "one), and points that a borrowed one adds within a seed; paired t tests, all corrected "
        "together."
    )
    alt = (
        "Two panels, T1 and H, against the error of class means. Points of the true mean stand "
        "high at the left, those of the nearest relative low at the right, all generators and "
        "the ridge between. Each generator has several points above each other, by spread."
    )
    tabled = Tabled(name, _parts_table(records, told), caption, kept, gains=told)
    return Answered(tabled, Drawn(name, _figure(records), _finding(records, told), alt=alt))


def informed_referents(records: Records, title: str, name: str, kept: Records = ()) -> Tabled:
    """Does a referent that informs beat GenZSL, and does it beat means + spread?"""
    rows = (informed.PUBLISHED, *TRAINED, informed.CLOSED, *UNTRAINED)
    rows = [row for row in rows if row in records[0]["scores"]["rows"]]
    over = {
        informed.CLOSED: [row for row in rows if row != informed.CLOSED],
        informed.PUBLISHED: TRAINED,
        informed.UNPAIRED: [informed.CHANGE],
    }
    over = {base: others for base, others in over.items() if base in rows}
    asked = [(r, b, m) for b in over for r in over[b] if r in rows for m in METRICS]
    gains = {(r, b, m): _row(records, r, m) - _row(records, b, m) for r, b, m in asked}
    told = results.differences_by(gains)
    columns = {m: [plus_minus(_row(records, r, m), ".1f") for r in rows] for m in METRICS}
    for base, short in ((informed.PUBLISHED, "GenZSL"), (informed.CLOSED, informed.CLOSED)):
        for m in METRICS:
            columns[f"{m}, over {short}"] = [mean_and_word(told.get((r, base, m))) for r in rows]
    kl = max(max(r["scores"]["kl"].values()) for r in records)
    paired = [told.get((informed.CHANGE, informed.UNPAIRED, m)) for m in METRICS]
    pairing = "Pairing adds {} (H) and {} (T1) points. ".format(*map(mean_and_word, paired))
    text = (
        f"**{title}.** Percent, mean ± standard deviation over {len(records)} seeds, and points "
        f"within a seed; {_count(records)} synthetic features a class; the border put by "
        "validation classes; paired t tests, all corrected together. The first rows are trained, "
        f"the last are not. {pairing if all(paired) else ''}KL divergence of latents of moved "
        f"referents: at most {kl:.1g}."
    )
    frame = pd.DataFrame(columns, index=pd.Index(rows, name="method"))
    return Tabled(name, frame, text, kept, gains=told)


def _count(records: Records) -> int:
    return records[0]["settings"]["genzsl"]["n_synthetic_choices"][0]


def _row(records: Records, row: str, metric: str) -> np.ndarray:
    return np.array([100 * r["scores"]["rows"][row][metric] for r in records])


def _cell(records: Records, mean: str, spread: str, metric: str) -> np.ndarray:
    return np.array([100 * r["scores"]["cells"][mean][spread][metric] for r in records])


def _misplaced(records: Records, mean: str) -> np.ndarray:
    return np.array([r["scores"]["misplaced"][mean] for r in records])


def _of_spread(records: Records, name: str, measure: str) -> np.ndarray:
    return np.array([r["scores"]["spread"][name][measure] for r in records])


def _parts_table(records: Records, told: Questions) -> pd.DataFrame:
    lines = {}
    cells = records[0]["scores"]["cells"]
    for name in in_order(cells):
        spread = OWN if OWN in cells[name] else TRUE if name == TRUE else BORROWED
        of = name if spread == OWN else spread  # whose residuals
        measures = {"size": ".2f", "nearest neighbour": ".2f", "frechet": ".3f"}
        sizes = [plus_minus(_of_spread(records, of, m), form) for m, form in measures.items()]
        line = {"error": plus_minus(_misplaced(records, name), ".2f")}
        line |= dict(zip(("size", "1-NN", "Fréchet"), sizes, strict=True))
        for m in reversed(METRICS):
            line[m] = plus_minus(_cell(records, name, spread, m), ".1f")
            line[f"{m}, borrowed"] = mean_and_word(told.get((name, m)))
        lines[name] = line
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("means of")


def _finding(records: Records, told: Questions) -> str:
    def mean(*keys: str) -> str:
        return f"{_cell(records, *keys).mean():.0f}"

    doubt = "" if told["GenZSL", "H"].apart else " (not significant)"
    return (
        f"T1 with the true means is {mean(TRUE, 'GenZSL', 'T1')} even with GenZSL's spread, and "
        f"with GenZSL's means {mean('GenZSL', OWN, 'T1')} with its own spread and "
        f"{mean('GenZSL', BORROWED, 'T1')} with a borrowed one. H goes from "
        f"{mean('GenZSL', OWN, 'H')} to {mean('GenZSL', BORROWED, 'H')} by the borrowed "
        f"spread{doubt}, and to {mean(TRUE, BORROWED, 'H')} by the true mean in addition."
    )


def _figure(records: Records) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(8, 4.2), sharex=True)
    cells = records[0]["scores"]["cells"]
    looks = {n: METHODS.get(n, {"color": "C7"})["color"] for n in in_order(cells)}
    looks[TRUE] = "C5"
    for ax, metric in zip(axes, reversed(METRICS), strict=True):
        for name, by_spread in cells.items():
            x, heights = _misplaced(records, name).mean(), []
            for spread in by_spread:
                y = _cell(records, name, spread, metric).mean()
                heights.append(y)
                mark = MARKS.get(spread, MARKS[OWN])
                colour = looks[spread if spread in cells and spread != TRUE else name]
                face = "white" if mark == MARKS[OWN] else colour
                size = 11 if mark == MARKS[TRUE] else 7
                style = {"color": colour, "markerfacecolor": face, "markersize": size}
                ax.plot(x, y, mark, clip_on=False, **style)
            ax.plot([x, x], [min(heights), max(heights)], "-", color="0.8", zorder=0)
        label = "T1 (%)" if metric == "T1" else "H, border put by validation (%)"
        ax.set(xlabel="error of class means (nearest relative = 1)", ylabel=label)
    named = {**looks, "true means": looks.pop(TRUE)}
    means = [
        Line2D([], [], ls="", marker="o", color=colour, label=name)
        for name, colour in named.items()
        if name != TRUE
    ]
    spreads = [
        Line2D([], [], ls="", marker=mark, color="0.4", label=f"spread: {SPREADS[spread]}")
        for spread, mark in MARKS.items()
    ]
    spreads[0].set_markerfacecolor("white")
    axes[0].legend(handles=spreads, loc="upper right")
    fig.legend(handles=means, loc="outside lower center", ncols=4)
    return fig
