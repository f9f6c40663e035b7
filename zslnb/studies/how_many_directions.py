"""How many directions should class diversity promotion remove, and what is lost with each?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.experiments.refinements import REFINEMENTS, possible
from zslnb.genzsl import GenZSLSettings
from zslnb.results import Difference
from zslnb.studies.cub import cub_rows
from zslnb.studies.reduced import asked_for
from zslnb.studies.rows import Device, Records, plus_minus, row_names, values
from zslnb.studies.semantic_directions import (
    DIRECTIONS,
    RELATIONS,
    REMOVED,
    draw_energies,
    draw_left,
    line_by_removed,
)
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import METHODS, in_order

SCORES = "refined"  # the table's name
USUAL = "1 removed"  # what the paper does, which all others are set beside
FEW = ("0 removed", "1 removed", "2 removed", "3 removed")  # for methods that cost more
SPREAD = (*FEW, "centred", "whitened, shrinkage 1")
METRICS = {"H": ("calibrated", "H"), "T1": ("clean", "T1")}
Questions = Mapping[tuple[str, str, str], Difference]  # method, refinement, metric -> answer


def run_refined(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
    profile: str = "smoke",
) -> list[dict]:
    """Score nearest mean on every refinement, means + spread and GenZSL on a few.

    Means + spread has one count of synthetic features, the middle one of those on offer. What a
    profile reduces of this is in `studies.reduced`.
    """
    known, counts = possible(benchmark, REFINEMENTS), settings.n_synthetic_choices
    usual = {"spread": SPREAD, "trained": FEW, "n_synthetic": counts[len(counts) // 2]}
    asked = asked_for(SCORES, profile, **usual)
    one = replace(settings, n_synthetic_choices=(asked["n_synthetic"],))
    nearest = experiments.NearestMeanSettings(n_removed=0)
    means = experiments.MeansSettings.beside(one, n_removed=0)
    rows = {
        f"{label} · {name}": ("refined", experiments.RefinedSettings(refinement, method))
        for label, method, names in (
            ("nearest mean", nearest, known),
            ("means + spread", means, asked["spread"]),
        )
        for name, refinement in known.items()
        if name in names
    }
    rows |= {
        f"GenZSL · {name}": ("genzsl", replace(settings, n_removed=REMOVED[name]))
        for name in asked["trained"]
        if name in known
    }
    return run_rows(rows, benchmark, seeds, device, table=SCORES)


def refinements_on_cub(kind: str) -> Answered | None:
    """Lay out what is recorded of CUB with one kind of semantics; None if nothing is."""
    records = [r for table in (RELATIONS, DIRECTIONS, SCORES) for r in cub_rows(kind, table)]
    title = f"CUB, ResNet fc1000 features, {kind}"
    return refinements_compared(records, title, f"cub-{kind}") if records else None


def refinements_compared(records: Records, title: str, name: str, kept: Records = ()) -> Answered:
    """What do H and T1 gain or lose with each refinement, and what is left of the semantics?

    `kept` are the records that the notebook is to keep. Every difference is asked against one
    direction removed, within a seed, all together; they are the fact `against`.
    """
    scored = [r for r in records if r.get("table") == SCORES]
    against = _against_usual(scored)
    tabled = Tabled(name, _table(scored, against), _caption(scored, title), kept, against=against)
    alt = (
        "Four panels. H and T1 of several methods against the number of directions removed: close "
        "to level from none to one, then falling with each further one; hollow marks of centring "
        "lie on the lines. Third, what is left of the semantics: squared length falls from the "
        "start, agreement with other views only after the first. Fourth, bars of the squared "
        "length that each direction holds: the first is by far the tallest, and nearly all of it "
        "is the same in all classes; of the others nothing is."
    )
    return Answered(tabled, Drawn(name, _figure(records), _finding(scored), alt=alt))


def _methods(records: Records) -> dict[str, list[str]]:
    """Names of the refinements that each method was run on."""
    found: dict[str, list[str]] = {}
    for row in row_names(records):
        method, refinement = row.split(" · ")
        found.setdefault(method, []).append(refinement)
    return {method: found[method] for method in in_order(found)}


def _scores(records: Records, method: str, refinement: str, metric: str) -> np.ndarray:
    return 100 * values(records, f"{method} · {refinement}", *METRICS[metric])


def _against_usual(records: Records) -> Questions:
    gains = {
        (method, refinement, metric): (
            _scores(records, method, refinement, metric) - _scores(records, method, USUAL, metric)
        )
        for method, refinements in _methods(records).items()
        for refinement in refinements
        for metric in METRICS
        if refinement != USUAL and USUAL in refinements
    }
    return results.differences_by(gains)


def _table(records: Records, against: Questions) -> pd.DataFrame:
    methods = _methods(records)
    rows = [name for name in REFINEMENTS if any(name in known for known in methods.values())]

    def cell(method: str, refinement: str, metric: str) -> str:
        if refinement not in methods[method]:
            return ""
        told = against.get((method, refinement, metric))
        word = f", {told.word('above', 'below')}" if told and told.apart else ""
        return plus_minus(_scores(records, method, refinement, metric), ".1f") + word

    return pd.DataFrame(
        {
            f"{metric}, {method}": [cell(method, row, metric) for row in rows]
            for method in methods
            for metric in METRICS
        },
        index=pd.Index(rows, name="semantics"),
    )


def _caption(records: Records, title: str) -> str:
    seeds = len({r["seed"] for r in records})
    return (
        f"**{title}.** Percent, mean ± standard deviation over {seeds} seeds; H with the border "
        "put by validation classes. Above, below: than with one direction removed, significantly "
        "(paired t tests within a seed, all corrected together, at least a point). "
        f"Validation classes would remove {_chosen(records)}."
    )


def _chosen(records: Records) -> str:
    """How many directions the best H on the validation split asks for, seed by seed."""
    said = []
    for method, refinements in _methods(records).items():
        names = [name for name in REMOVED if name in refinements]
        tried = np.array(
            [
                values(records, f"{method} · {name}", "validation", "calibrated", "H")
                for name in names
            ]
        )
        picks = [REMOVED[names[i]] for i in tried.argmax(0)]
        counted = [f"{n} in {picks.count(n)}" for n in sorted({*picks})]
        said.append(f"{' and '.join(counted)} seeds ({method})")
    return ", ".join(said)


def _finding(records: Records) -> str:
    methods, steps = _methods(records), []
    for n in range(3):
        before, after = f"{n} removed", f"{n + 1} removed"
        if all({before, after} <= {*known} for known in methods.values()):
            gains = [
                _scores(records, method, after, "T1") - _scores(records, method, before, "T1")
                for method in methods
            ]
            told = ", ".join(f"{gain.mean():+z.1f}" for gain in gains)
            steps.append(f"from {n} to {n + 1} removed {told}")
    return f"Points of T1 ({', '.join(methods)}): {'; '.join(steps)}. Hollow: centred instead."


def _figure(records: Records) -> Figure:
    fig, ((h, t1), (left, held)) = plt.subplots(2, 2, figsize=(8, 6.8))
    scored = [r for r in records if r.get("table") == SCORES]
    for ax, metric in ((h, "H"), (t1, "T1")):
        for method, known in _methods(scored).items():
            means = {name: _scores(scored, method, name, metric).mean() for name in known}
            line_by_removed(ax, means, method, **{**METHODS[method], "marker": "o"})
        ax.set(ylabel=f"{metric} (%)", ylim=(0, None))
    draw_left(left, records)
    draw_energies(held, records)
    h.legend(loc="lower left")
    return fig
