"""How many directions should class diversity promotion remove, and what is lost with each?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.experiments.refinements import REFINEMENTS, possible
from zslnb.experiments.relations import beside
from zslnb.genzsl import GenZSLSettings
from zslnb.results import Difference
from zslnb.studies import plots
from zslnb.studies.class_cosines import REAL_NAMES
from zslnb.studies.revcd_results import CUB_RUNS
from zslnb.studies.rows import Device, Records, plus_minus, row_names, values
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import METHODS

RELATIONS, DIRECTIONS, SCORES = "relations", "directions", "refined"  # names of the tables
USUAL = "1 removed"  # what the paper does, which all others are set beside
REMOVED = {name: r.n_removed for name, r in REFINEMENTS.items() if name.endswith("removed")}
REMOVED = {name: n for name, n in REMOVED.items() if not REFINEMENTS[name].centred}
CENTRED = {  # drawn where as many directions are gone, the mean counted as one
    name: r.n_removed + 1 for name, r in REFINEMENTS.items() if r.centred and r.shrinkage is None
}
FEW = ("0 removed", "1 removed", "2 removed", "3 removed")  # for methods that cost more
METRICS = {"H": ("calibrated", "H"), "T1": ("clean", "T1")}
LEFT = {  # column -> where it stands in the scores, and how it is written
    "mean cosine": (("cosine", "mean"), ".2f"),
    "mean size of a cosine": (("cosine", "absolute"), ".2f"),
    "squared length": (("length",), ".2f"),
    "keep their nearest": (("neighbours",), ".0%"),
    "kin among two nearest": (("kin",), ".0%"),
    "rank correlation, looks": (("looks",), ".2f"),
    "rank correlation, other semantics": (("other",), ".2f"),
    "other semantics, probe": (("probe",), ".2f"),
    "cosine with one removed": (("like CDP",), ".3f"),
}
Questions = Mapping[tuple[str, str, str], Difference]  # method, refinement, metric -> answer


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


def run_refined(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
    *,
    spread: Sequence[str] = (*FEW, "centred", "whitened, shrinkage 1"),
    trained: Sequence[str] = FEW,
    n_synthetic: int | None = None,
) -> list[dict]:
    """Score nearest mean on every refinement, means + spread and GenZSL on those that are named.

    Means + spread has one count of synthetic features, the middle one of those on offer unless
    `n_synthetic` says otherwise.
    """
    known, counts = possible(benchmark, REFINEMENTS), settings.n_synthetic_choices
    one = replace(settings, n_synthetic_choices=(n_synthetic or counts[len(counts) // 2],))
    nearest = experiments.NearestMeanSettings(n_removed=0)
    means = experiments.MeansSettings.beside(one, n_removed=0)
    rows = {
        f"{label} · {name}": ("refined", experiments.RefinedSettings(refinement, method))
        for label, method, names in (
            ("nearest mean", nearest, known),
            ("means + spread", means, spread),
        )
        for name, refinement in known.items()
        if name in names
    }
    rows |= {
        f"GenZSL · {name}": ("genzsl", replace(settings, n_removed=REMOVED[name]))
        for name in trained
        if name in known
    }
    return run_rows(rows, benchmark, seeds, device, table=SCORES)


def refinements_on_cub(kind: str) -> Answered | None:
    """Lay out what is recorded of CUB with one kind of semantics; None if nothing is."""
    records = [
        r
        for run in CUB_RUNS
        for r in results.recorded(f"{run}-medium")
        if r["notebook"].startswith("31") and r["benchmark"]["semantics"].split(",")[0] == kind
    ]
    title = f"CUB, ResNet fc1000 features, {kind}"
    return refinements_compared(records, title, f"cub-{kind}") if records else None
