"""How much of each method's H is the border between seen and unseen classes alone?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zslnb import experiments, genzsl, results, revcd
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.results import Difference
from zslnb.studies import plots
from zslnb.studies.cub import cub_rows
from zslnb.studies.generators import rivals
from zslnb.studies.rows import Device, Records, mean_and_word, plus_minus, row_names, values
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import PAGE

TABLE = "seen-unseen"
DIRECTIONS = {
    **dict.fromkeys(("nearest mean", "means + spread", "GenZSL", "GenZSL, noise"), "z → x"),
    **dict.fromkeys(("cVAE", "f-CLSWGAN", "f-VAEGAN"), "z → x"),
    **dict.fromkeys(("ridge", "RevCD", "RevCD, one step", "RevCD without z_t"), "x → z"),
    **dict.fromkeys(("cVAE x → z", "GAN x → z"), "x → z"),
}  # the others have none: they only compare the two
MARKS = {  # where a border lies -> its mark, colour and label, in a figure's order
    "clean": ("o", "white", "no constant, as pages 14 and 24 choose"),
    "moved": ("o", "C1", "the border alone moved, by validation"),
    "calibrated": ("D", "C0", "candidate and border chosen together"),
    "peeked": ("|", "0.2", "best constant for the test images (oracle)"),
    "told": ("x", "0.55", "told which images are of seen classes (oracle)"),
}
STEPS = {  # what is asked of each method -> the later and the earlier of two scores
    "a constant adds": ("calibrated", "clean"),
    "the border alone": ("moved", "clean"),
    "S = U instead": ("level", "calibrated"),
}
ESTIMATORS = {"cVAE x → z": "cvae", "GAN x → z": "gan"}


def methods_of_both(benchmark: Benchmark, profile: str) -> dict[str, Any]:
    """Settings of every method of both papers' tables, by row; plain CLIP where it exists."""
    name, estimator = benchmark.name, revcd.profile_settings(profile)
    generator = genzsl.profile_settings(name, profile)
    one_step = replace(estimator, sampler="ddim", sampling_steps=1)
    return {
        **({"plain CLIP": experiments.ClipSettings()} if benchmark.shared_space else {}),
        "ESZSL": experiments.ESZSLSettings(),
        "nearest mean": experiments.NearestMeanSettings(),
        "means + spread": experiments.MeansSettings.beside(generator),
        "GenZSL": generator,
        "GenZSL, noise": replace(generator, referent="noise"),
        **rivals(name, profile),
        "ridge": experiments.RidgeSettings(),
        "RevCD": estimator,
        "RevCD, one step": one_step,
        "RevCD without z_t": replace(one_step, sees_noised=False),
        **{row: revcd.profile_settings(profile, kind) for row, kind in ESTIMATORS.items()},
    }


def run_borders(
    benchmark: Benchmark,
    methods: Mapping[str, Any],
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[dict]:
    """Measure each method's seen-unseen curve, or read the records back."""
    rows = {
        row: ("seen_unseen", experiments.SeenUnseenSettings(method))
        for row, method in methods.items()
    }
    return run_rows(rows, benchmark, seeds, device, table=TABLE)


def borders_on_cub(kind: str) -> list[dict]:
    """Read what is recorded of CUB with one kind of semantics."""
    return cub_rows(kind, TABLE)


def of_row(records: Records, row: str, name: str, metric: str = "H") -> np.ndarray:
    """One score of a row over seeds, in percent; `name` is that of a border, or "area"."""
    return 100 * values(records, row, *((name,) if name == "area" else (name, metric)))


def borders_of_methods(records: Records, title: str, name: str, kept: Records = ()) -> Answered:
    """How much of each method's H is its border, and what would a better one add?

    `kept` are the records that the notebook is to keep. Of what is returned, `told` has the
    difference for each method and step.
    """
    told = _steps(records)
    tabled = Tabled(name, _table(records, told), _caption(records, title), kept, told=told)
    alt = (
        "A row for each method, sorted by H with a constant, and marks of H joined by a line: "
        "without a constant the furthest left, with one further right, by far the most for "
        "methods from image to semantics. The best constant for the test images lies close by, and "
        "a cross, with sides told, far to the right."
    )
    return Answered(tabled, Drawn(name, _marks(records), _finding(told, title), alt=alt))


def _steps(records: Records) -> dict[tuple[str, str], Difference]:
    gains = {
        (row, step): of_row(records, row, later) - of_row(records, row, earlier)
        for step, (later, earlier) in STEPS.items()
        for row in row_names(records)
    }
    return results.differences_by(gains)


def _sorted(records: Records) -> list[str]:
    return sorted(row_names(records), key=lambda row: -of_row(records, row, "calibrated").mean())


def _table(records: Records, told: Mapping[tuple[str, str], Difference]) -> pd.DataFrame:
    lines = {}
    for row in _sorted(records):
        best, peeked = (of_row(records, row, border) for border in ("calibrated", "peeked"))
        lines[row] = {
            "H, no constant": plus_minus(of_row(records, row, "clean"), ".1f"),
            "H, with a constant": plus_minus(best, ".1f"),
            **{step: mean_and_word(told[row, step]) for step in STEPS},
            "short of the oracle": plus_minus(peeked - best, ".1f"),
            "AUSUC": plus_minus(of_row(records, row, "area"), ".1f"),
            "T1": plus_minus(of_row(records, row, "clean", "T1"), ".1f"),
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def _caption(records: Records, title: str) -> str:
    seeds = len({record["seed"] for record in records})
    return (
        f"**{title}.** Percent, mean ± standard deviation over {seeds} seeds; in points of H "
        "within a seed what validation's constant adds, and the border alone, all else as chosen "
        "without it; *S = U*: the constant that makes these equal on validation, against the "
        "former. Paired t tests, all corrected together. Oracle: the best constant on test. "
        "AUSUC: the area under the curve."
    )


def _finding(told: Mapping[tuple[str, str], Difference], title: str) -> str:
    added = {row: found.mean for (row, step), found in told.items() if step == "a constant adds"}
    most, least = max(added, key=added.get), min(added, key=added.get)
    ways = {"methods from image to semantics": [], "the others": []}
    for row, gain in added.items():
        ways[[*ways][DIRECTIONS.get(row) != "x → z"]].append(gain)
    means = ", ".join(f"{np.mean(gains):+.1f} to {way}" for way, gains in ways.items() if gains)
    return (
        f"{title}: H by where the border lies, mean over seeds. A constant that validation chose "
        f"adds {added[least]:+.1f} ({least}) to {added[most]:+.1f} points ({most}): on average "
        f"{means}."
    )


def _marks(records: Records) -> Figure:
    rows = _sorted(records)[::-1]
    fig, ax = plt.subplots(figsize=(PAGE, 1.5 + 0.24 * len(rows)))
    for y, row in enumerate(rows):
        ends = [of_row(records, row, border).mean() for border in ("clean", "calibrated")]
        ax.plot(ends, [y, y], color="0.75", linewidth=2, zorder=1)
    for border, (mark, colour, label) in MARKS.items():
        points = [of_row(records, row, border).mean() for row in rows]
        look = {"s": 42, "c": colour, "marker": mark, "label": label, "zorder": 3}
        look |= {} if mark in "|x" else {"edgecolors": "0.2", "linewidths": 0.8}
        ax.scatter(points, range(len(rows)), **look)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel="H, harmonic mean of seen and unseen accuracy (%)", xlim=(0, None))
    plots.shared_legend(fig, ax, 2)
    return fig
