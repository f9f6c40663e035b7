"""Do the two directions, z -> x and x -> z, err on the same images, and is a pair better?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.experiments.two_directions import PAIRS
from zslnb.genzsl import GenZSLSettings
from zslnb.results import Difference
from zslnb.revcd import RevCDSettings
from zslnb.studies import plots
from zslnb.studies.cub import cub_rows
from zslnb.studies.generators import Device
from zslnb.studies.rows import Records, mean_and_word, plus_minus, row_names
from zslnb.studies.study import Answered, Drawn, Tabled

TABLE = "two directions"
METRICS = ("H", "T1")
CASES = {  # what a bar's parts are called, and their colours
    "both": ("both right", "0.45"),
    "first": ("only the first", "C0"),
    "second": ("only the second", "C1"),
    "neither": ("neither", "0.9"),
}
Questions = Mapping[tuple[str, str], Difference]  # pair and metric -> answer


def pair_settings(
    generator: GenZSLSettings, estimator: RevCDSettings
) -> experiments.TwoDirectionsSettings:
    """Take the settings of both papers' tables, with one count of synthetic features.

    It is the middle one of those on offer; all else is chosen as in the tables.
    """
    counts = generator.n_synthetic_choices
    one = replace(generator, n_synthetic_choices=(counts[len(counts) // 2],))
    beside = experiments.MeansSettings.beside(one)
    return experiments.TwoDirectionsSettings(genzsl=one, means=beside, revcd=estimator)


def run_pairs(
    benchmark: Benchmark,
    settings: experiments.TwoDirectionsSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[dict]:
    """Score all methods and pairs, or read the records back; the row is the kind of semantics."""
    kind = benchmark.provenance.get("semantics") or "semantics"
    rows = {kind: ("two_directions", settings)}
    return run_rows(rows, benchmark, seeds, device, table=TABLE)


def pairs_on_cub(kind: str) -> Answered | None:
    """Lay out what is recorded of CUB with one kind of semantics; None if nothing is."""
    records = cub_rows(kind, TABLE)
    title = f"CUB, ResNet fc1000 features, {kind}"
    return pairs_of_methods(records, title, f"cub-{kind}") if records else None


def pairs_of_methods(records: Records, title: str, name: str, kept: Records = ()) -> Answered:
    """What does a pair gain over the better of its two, and whom do the two get right?

    The better one is the one with the higher mean on the test images, so the pair's gain is if
    anything too small. `kept` are the records that the notebook is to keep.
    """
    gains = _gains(records)
    tabled = Tabled(name, _table(records, gains), _caption(records, title), kept, gains=gains)
    alt = (
        "Stacked bars, one for each pair of methods, of the unseen images that both of a pair get "
        "right, only the first, only the second, and neither. Pairs of two directions have wider "
        "parts that one alone gets right than a method that is trained twice."
    )
    return Answered(tabled, Drawn(name, _figure(records), _finding(records), alt=alt))


def _of_pair(records: Records, pair: str, metric: str) -> np.ndarray:
    return np.array([r["scores"]["pairs"][pair][metric] for r in records])


def _alone(records: Records, method: str, metric: str) -> np.ndarray:
    return np.array([r["scores"]["alone"][method][metric] for r in records])


def _better(records: Records, pair: str, metric: str) -> np.ndarray:
    """Scores of the member of a pair with the higher mean."""
    return max((_alone(records, m, metric) for m in PAIRS[pair]), key=np.mean)


def _gains(records: Records) -> Questions:
    """Test every pair against the better of its two, all asked together; in points."""
    asked = [(pair, metric) for metric in METRICS for pair in PAIRS]
    gains = {q: 100 * (_of_pair(records, *q) - _better(records, *q)) for q in asked}
    return results.differences_by(gains)


def _table(records: Records, gains: Questions) -> pd.DataFrame:
    columns: dict[str, list[str]] = {}
    for metric in METRICS:
        for i, which in enumerate(("first", "second")):
            column = [_alone(records, members[i], metric) for members in PAIRS.values()]
            columns[f"{metric}, {which}"] = [plus_minus(100 * c, ".1f") for c in column]
        column = [_of_pair(records, pair, metric) for pair in PAIRS]
        columns[f"{metric}, pair"] = [plus_minus(100 * c, ".1f") for c in column]
        columns[f"{metric}, over the better"] = [mean_and_word(gains[p, metric]) for p in PAIRS]
    return pd.DataFrame(columns, index=pd.Index([*PAIRS], name="pair"))


def _caption(records: Records, title: str) -> str:
    return (
        f"**{title}.** Percent, mean ± standard deviation over {len(records)} seeds; each method's "
        "candidate and border, and each pair's weight and border, chosen together on validation "
        "classes. Over the better: points within a seed over the member with the higher mean; "
        "paired t tests, all corrected together."
    )


def _finding(records: Records) -> str:
    def alone(pair: str) -> float:
        shared = [r["scores"]["shared"][pair] for r in records]
        return 100 * float(np.mean([s["first"] + s["second"] for s in shared]))

    said = {pair: f"{alone(pair):.0f} %" for pair in PAIRS}
    of = f"{records[0]['benchmark']['name']}, {row_names(records)[0]}"
    return (
        f"Of the unseen images of {of}, one of two alone is right about "
        f"{said['GenZSL with RevCD']} with GenZSL and RevCD, "
        f"{said['GenZSL with GenZSL again']} with GenZSL trained twice and "
        f"{said['RevCD with RevCD again']} with RevCD trained twice."
    )


def _figure(records: Records) -> Figure:
    fig, ax = plt.subplots(figsize=(8, 3.6))
    left = np.zeros(len(PAIRS))
    for case, (label, colour) in CASES.items():
        shares = [
            100 * np.mean([r["scores"]["shared"][pair][case] for r in records]) for pair in PAIRS
        ]
        ax.barh([*PAIRS], shares, left=left, color=colour, label=label)
        left += shares
    ax.invert_yaxis()
    ax.set(xlabel="unseen images (%), unseen classes competing", xlim=(0, 100))
    ax.grid(visible=False, axis="y")
    plots.shared_legend(fig, ax, 4)
    return fig
