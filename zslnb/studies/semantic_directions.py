"""What do the directions of class semantics hold, and what is left as they are removed?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.experiments.refinements import REFINEMENTS, possible
from zslnb.experiments.relations import beside
from zslnb.studies.class_cosines import REAL_NAMES
from zslnb.studies.cub import cub_rows
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.study import Tabled

RELATIONS, DIRECTIONS = "relations", "directions"  # names of the tables
REMOVED = {name: r.n_removed for name, r in REFINEMENTS.items() if not r.centred}
CENTRED = {  # the same with the mean off first, which counts as one
    name: r.n_removed + 1 for name, r in REFINEMENTS.items() if r.centred and r.shrinkage is None
}
PLACES = {n: place for place, n in enumerate(REMOVED.values())}  # on the axis of a figure
LEFT = {  # column -> where it stands in the scores, and how it is written
    "mean cosine": (("cosine", "mean"), ".2f"),
    "squared length": (("length",), ".2f"),
    "nearest kept": (("neighbours",), ".0%"),
    "kin": (("kin",), ".0%"),
    "like looks": (("looks",), ".2f"),
    "like other semantics": (("other",), ".2f"),
    "probe": (("probe",), ".2f"),
    "cosine with 1 removed": (("like CDP",), ".3f"),
}
LINES = {  # column -> its label in the figure
    "squared length": "squared length",
    "nearest kept": "nearest class kept",
    "like looks": "like looks",
    "like other semantics": "like other semantics",
    "probe": "probe",
}
SHOWN = 3  # directions in a table


def run_relations(benchmark: Benchmark, other: Benchmark | None = None) -> list[dict]:
    """Look at how classes are related after each refinement, and at the directions themselves.

    `other` has another kind of semantics of the same classes. Nothing is drawn at random.
    """
    width = benchmark.semantic_dim if other else 0
    both = beside(benchmark, other) if other else benchmark
    rows = {
        name: ("geometry", experiments.GeometrySettings(refinement, width))
        for name, refinement in possible(benchmark, REFINEMENTS).items()
    }
    found = {"directions": ("directions", experiments.DirectionsSettings(width=width))}
    return [
        *run_rows(rows, both, [0], n_jobs=1, table=RELATIONS),
        *run_rows(found, both, [0], n_jobs=1, table=DIRECTIONS),
    ]


def what_is_left(records: Records, title: str, name: str) -> Tabled:
    """What does each refinement leave of how classes are related?"""
    related = [r for r in records if r.get("table") == RELATIONS]
    rows = row_names(related)
    cells = {
        column: [_written(float(values(related, row, *keys)[0]), form) for row in rows]
        for column, (keys, form) in LEFT.items()
    }
    frame = pd.DataFrame(cells, index=pd.Index(rows, name="semantics"))
    frame = frame.loc[:, (frame != "").any()]
    text = (
        f"**{title}.** Mean cosine of two classes; squared length left of 1; classes that keep "
        "their nearest class; kin: of the two nearest classes, how many end in the same word; "
        "rank correlation of all pairs' cosines with those of real class means (looks) and of the "
        "other kind of semantics; how much of the latter's variance a linear probe predicts of a "
        "class left out; and the mean cosine of a class with itself after one is removed."
    )
    return Tabled(name, frame, text, records)


def named_directions(records: Records, title: str) -> Tabled:
    """What do the leading directions hold, here and in real class texts, as recorded?"""
    found = {title: records}
    for kind in ("sentences", "attributes"):
        found[f"CUB, {kind}"] = cub_rows(kind, RELATIONS) + cub_rows(kind, DIRECTIONS)
    for run, label in REAL_NAMES.items():
        found[label] = results.recorded(f"{run}-smoke")
    lines = [
        {"class texts": label, **line}
        for label, recorded in found.items()
        for line in _directions(recorded)
    ]
    frame = pd.DataFrame(lines).set_index("class texts")
    text = (
        "Share of the squared length that a direction holds, and would hold in a random cone with "
        "the same mean cosine; how much of that is the same in all classes; how much of the rest "
        "the other semantics predict of a class left out; how many classes keep their nearest "
        "class without this direction and those before it; and the classes with the least and the "
        "most of it."
    )
    return Tabled("named", frame, text, records, has_names=True)


def _directions(records: Records) -> list[dict[str, str]]:
    found = [r["scores"] for r in records if r.get("table") == DIRECTIONS]
    if not found:
        return [{"direction": "not measured"}]
    related = [r for r in records if r.get("table") == RELATIONS]
    lines = []
    for i, (held, cone) in enumerate(zip(found[0]["directions"], found[0]["cone"], strict=True), 1):
        if f"{i} removed" in row_names(related) and i <= SHOWN:
            kept = values(related, f"{i} removed", "neighbours")[0]
            lines.append(
                {
                    "direction": f"{i}",
                    "holds": _written(held["energy"], ".1%"),
                    "in a random cone": _written(cone, ".1%"),
                    "same in all": _written(held["constant"], ".0%"),
                    "predicted": _written(held["other"], ".0%"),
                    "nearest kept": _written(kept, ".0%"),
                    "least": ", ".join(map(_short, held["low"])),
                    "most": ", ".join(map(_short, held["high"])),
                }
            )
    return lines


def _short(name: str) -> str:
    return name.split(",")[0].replace("_", " ")


def _written(value: float | None, form: str) -> str:
    if value is None or np.isnan(value):
        return ""
    text = f"{value:{form}}".replace("%", " %")
    return text if any(digit in text for digit in "123456789") else text.lstrip("-")


def draw_left(ax: Axes, records: Records) -> None:
    """Draw what is left against the number of directions removed."""
    related = [r for r in records if r.get("table") == RELATIONS]
    for i, (column, label) in enumerate(LINES.items()):
        left = {name: values(related, name, *LEFT[column][0])[0] for name in row_names(related)}
        if not np.isnan([*left.values()]).any():
            line_by_removed(ax, left, label, color=f"C{i}", marker="osv^D"[i], markersize=4)
    ax.set(ylabel="what is left", ylim=(min(0, ax.get_ylim()[0]), 1.05))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, columnspacing=1)


def line_by_removed(ax: Axes, drawn: Mapping[str, float], label: str, **look: object) -> None:
    """Draw a line through plain removals, and hollow marks where the mean is taken off first."""
    for places, style in (
        (REMOVED, {**look, "label": label}),
        (CENTRED, {**look, "linestyle": "", "markerfacecolor": "none", "markersize": 8}),
    ):
        names = [name for name in places if name in drawn and places[name] in PLACES]
        ax.plot([PLACES[places[n]] for n in names], [drawn[n] for n in names], **style)
    ax.set_xticks([*PLACES.values()], [*PLACES])
    ax.set_xlabel("directions removed")


def draw_energies(ax: Axes, records: Records) -> None:
    """Draw what each direction holds, the part that is the same in all classes apart."""
    scores = next(r["scores"] for r in records if r.get("table") == DIRECTIONS)
    energies = 100 * np.array([d["energy"] for d in scores["directions"]])
    constant = energies * [d["constant"] for d in scores["directions"]]
    numbers = np.arange(1, len(energies) + 1)
    ax.bar(numbers, constant, color="0.45", label="the same in all classes")
    ax.bar(numbers, energies - constant, bottom=constant, color="C1", label="differs")
    ax.plot(numbers, 100 * np.array(scores["cone"]), "k_", markersize=24, label="random cone")
    ax.set(xlabel="direction", ylabel="share of the squared length (%)", xticks=numbers)
    ax.legend(loc="upper right")
