"""How wide are the gaps in printed tables beside what a second seed moves?"""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from zslnb.results import published
from zslnb.studies import plots
from zslnb.studies.printed_numbers import printed_triples
from zslnb.studies.quoted import BENCHMARKS
from zslnb.studies.rows import Records, row_names
from zslnb.studies.rule_of_choice import TRAINED, Sources, percents_of
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import SMALLEST

WAYS = {"clean": "clean", "peeked": "best on test"}
TABLES = {  # how a table is called -> paper, place, and what its ids begin with
    "RevCD's Table 1": ("revcd", "Table 1", "T1-"),
    "RevCD's Table 2": ("revcd", "Table 2", "T2-"),
    "GenZSL's Table 4": ("genzsl", "Table 4", "T4-"),
}
DISTANCES = ("less than one", "one to two", "more than two")


def seed_spreads(records: Records, way: str = "clean") -> dict[str, float]:
    """Standard deviation of H over seeds, in points, of each method that is trained.

    Raises:
        ValueError: fewer than two seeds, or no trained method.
    """
    of_row = {row: percents_of(records, row, way) for row in row_names(records) if row in TRAINED}
    if not of_row or min(map(len, of_row.values())) < 2:
        raise ValueError("A spread over seeds needs a trained method and two seeds or more.")
    return {row: float(np.std(percents, ddof=1)) for row, percents in of_row.items()}


def typical_spread(sources: Iterable[Records]) -> float:
    """Median of all standard deviations of H over seeds, in points; raises as `seed_spreads`."""
    return float(np.median([s for records in sources for s in seed_spreads(records).values()]))


def audit_in_a_sentence(sources: Sequence[Records]) -> str:
    """Count RevCD's neighbours that two runs could exchange, and its H that do not follow."""
    apart = math.sqrt(2) * typical_spread(sources)
    gaps, triples = printed_gaps("RevCD's Table 1"), printed_triples()
    off = triples[triples["where"] == "RevCD's Table 1"].holds
    return (
        f"{(gaps <= apart).sum()} of {len(gaps)} neighbouring rows of RevCD's Table 1 are no "
        f"further apart than two runs of one method typically are here, {apart:.1f} points of H; "
        f"{(~off).sum()} of its {len(off)} H do not follow from the S and U beside them."
    )


def _with_spread(sources: Sources) -> dict[str, Records]:
    """Leave out what was run for one seed."""
    return {t: records for t, records in sources.items() if len({r["seed"] for r in records}) > 1}


def neighbours(table: str) -> dict[str, pd.Series]:
    """Printed H of each benchmark of a table, highest first; the table is one of TABLES."""
    paper, place, start = TABLES[table]
    rows = published(paper)
    rows = rows[(rows.place == place) & (rows.metric == "H") & rows.index.str.startswith(start)]
    rows = rows.dropna(subset="value")
    if paper == "genzsl":  # its own row repeats Table 2
        rows = pd.concat([rows, published(paper).loc[["T2-CUB-H"]]])
    return {
        name: rows[rows.benchmark == name].set_index("method")["value"].sort_values()[::-1]
        for name in BENCHMARKS
        if (rows.benchmark == name).any()
    }


def printed_gaps(table: str) -> Float[np.ndarray, " G"]:
    """Points of H between neighbours of a printed table, benchmark by benchmark."""
    return np.round(np.concatenate([-np.diff(h) for h in neighbours(table).values()]), 6)


def gaps_beside_spread(sources: Sources, drawn: Sequence[str]) -> Answered:
    """How many printed neighbours are no further apart than two runs of one method?

    `drawn` names the sources whose median spread the figure takes.
    """
    lines = []
    for title, records in _with_spread(sources).items():
        for way, called in WAYS.items():
            spreads = [*seed_spreads(records, way).values()]
            apart = math.sqrt(2) * float(np.median(spreads))
            lines.append(
                {
                    "spread of": f"{title}, {called}",
                    "sd of H: least, median, most": ", ".join(
                        f"{f(spreads):.1f}" for f in (np.min, np.median, np.max)
                    ),
                    "two runs differ by": f"{apart:.1f}",
                    **{name: _closer(printed_gaps(name), apart) for name in TABLES},
                }
            )
    sd = typical_spread(sources[title] for title in drawn)
    text = (
        "Standard deviation of H over seeds of the methods that are trained here, in points; what "
        "two runs of one method typically differ by, $\\sqrt{2}$ times the median; and how many "
        "neighbours in printed tables, sorted by H, are no further apart. GenZSL's Table 4 as far "
        "as it is known."
    )
    tabled = Tabled("gaps", pd.DataFrame(lines), text, apart=math.sqrt(2) * sd)
    gaps = printed_gaps("RevCD's Table 1")
    close = (gaps <= math.sqrt(2) * sd).sum()
    finding = (
        f"RevCD's Table 1, quoted, with a bar that it does not have: ± {sd:.1f}, one standard "
        f"deviation over seeds of the median method here ({' and '.join(drawn)}). "
        f"Of {len(gaps)} neighbours, as printed, {close}, joined by a line, are no further apart "
        f"than two runs of one method typically are ({math.sqrt(2) * sd:.1f}). A "
        "cross is an H that S and U do not give; the ring on its row is the one that they give."
    )
    alt = (
        "Three panels, a benchmark each, of methods sorted by printed H, a dot with a bar each. "
        "In the middle of every panel the bars of neighbours overlap and lines join their dots; "
        "at both ends the gaps are wide. Crosses with a ring at some distance stand in every "
        "panel, three of them on SUN, where the highest row is one of them."
    )
    return Answered(tabled, Drawn("gaps", _figure(sd), finding, alt=alt))


def _closer(gaps: Float[np.ndarray, " G"], apart: float) -> str:
    return f"{(gaps <= apart).sum()} of {len(gaps)}"


def _figure(sd: float) -> Figure:
    triples = printed_triples()
    triples = triples[triples["where"] == "RevCD's Table 1"].set_index(["benchmark", "method"])
    fig, axes = plt.subplots(1, 3, figsize=(8, 4.9))
    for ax, (name, h) in zip(axes, neighbours("RevCD's Table 1").items(), strict=True):
        _panel(ax, h, triples.loc[name].loc[h.index], sd)
        ax.set(title=name, xlabel="printed H (%)")
    plots.shared_legend(fig, axes[1], 4)
    return fig


def _panel(ax: Axes, h: pd.Series, triples: pd.DataFrame, sd: float) -> None:
    """Draw one benchmark's rows, highest first, each with its name on its emptier side."""
    printed, places, holds = h.to_numpy(), np.arange(len(h)), triples["holds"].to_numpy()
    follows = triples[["lowest", "highest"]].mean(axis=1).to_numpy()
    ax.hlines(places, printed - sd, printed + sd, color="0.75", linewidth=7, label="± one sd")
    close = -np.diff(printed) <= math.sqrt(2) * sd
    joined = [np.column_stack([printed[i : i + 2], places[i : i + 2]]) for i in places[:-1][close]]
    ax.add_collection(LineCollection(joined, color="C1", linewidth=2, label="close neighbours"))
    dots, wrong = ({"linestyle": "none", "color": colour} for colour in ("C0", "C3"))
    ax.plot(printed[holds], places[holds], marker=".", label="H of its S and U", **dots)
    ax.plot(printed[~holds], places[~holds], marker="X", label="not H of its S and U", **wrong)
    ax.plot(follows[~holds], places[~holds], marker="o", fillstyle="none", **wrong)
    low, width = printed.min(), np.ptp(printed)
    for name, place, *both in zip(h.index, places, printed, follows, strict=True):
        left = both[0] > low + 0.45 * width  # below that there is no room for a long name
        at = min(both) - 1.8 * sd if left else max(both) + 1.8 * sd
        weight = "bold" if name == "RevCD" else "normal"
        style = {"va": "center", "ha": "right" if left else "left", "fontsize": SMALLEST}
        ax.text(at, place, name, weight=weight, **style)
    limits = (low - 0.22 * width, printed.max() + 0.06 * width)
    ax.set(xlim=limits, ylim=(len(h) - 0.3, -0.7), yticks=[])


def reversals(sources: Sources) -> Tabled:
    """How often does another seed turn round the order of two rows, by how far they are apart?

    Every pair of trained methods of a source, by H of one seed, and again by each other seed. The
    unit is the standard deviation of the difference of a run of each.
    """
    columns = {title: _reversed(records) for title, records in _with_spread(sources).items()}
    text = (
        "Pairs of trained methods of our own tables, by H of one seed (clean): how many of them "
        "another seed has the other way round, by the distance in the first. One: the standard "
        "deviation of the difference of two single runs, one of each method."
    )
    frame = pd.DataFrame(
        {t: {d: f"{a} of {n}" for d, (a, n) in c.items()} for t, c in columns.items()}
    )
    return Tabled("reversals", frame.rename_axis("distance"), text, counts=columns)


def _reversed(records: Records) -> dict[str, tuple[int, int]]:
    spreads = seed_spreads(records)
    percents = {row: percents_of(records, row) for row in spreads}
    counts = dict.fromkeys(DISTANCES, (0, 0))
    for first, second in combinations(percents, 2):
        lead = percents[first] - percents[second]
        unit = math.hypot(spreads[first], spreads[second])
        for here, there in permutations(lead, 2):
            distance = DISTANCES[min(2, int(abs(here) / unit))] if unit else DISTANCES[-1]
            turned, n = counts[distance]
            counts[distance] = turned + int(here * there < 0), n + 1
    return counts
