"""What training buys: scores along it, beside closed forms that take seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb import experiments, genzsl, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.results import Difference
from zslnb.studies import plots
from zslnb.studies.generators import Device, Generators, predicted, rivals, untrained
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import METHODS, in_order

METRICS = ("H", "T1")
SHARES = {"a quarter": 0.25, "half": 0.5, "end": 1.0}  # of the samples that a training draws
BASE = "means + spread"
LINES = (BASE, "nearest mean", "plain CLIP")
LOOK = {"passes": 3, "n_synthetic": 100}  # in `medium`: seldom, and with a quick classifier
PASSES = {"GenZSL": 36, "cVAE": 36, "f-CLSWGAN": 18, "f-VAEGAN": 18}  # in `medium`, in all
LAST_HALF, OVER = "last half", f"over {BASE}"  # what is gained, and by what it is called
WORDS = {LAST_HALF: ("rising", "falling"), OVER: ("above", "below")}
Asked = tuple[str, str, str]  # what is gained, metric, row
Gains = Mapping[Asked, Float[np.ndarray, "_"]]
Questions = Mapping[Asked, Difference]


def watched_settings(benchmark: str, profile: str) -> Generators:
    """Settings of each generator whose training is looked at, with one classifier for all.

    They are the profile's, and GenZSL is looked at after every pass. In `medium` the trainings are
    longer than those of the tables, and looked at every third pass.
    """
    settings = genzsl.profile_settings(benchmark, profile)
    same = {"classifier": settings.classifier, "n_synthetic": settings.n_synthetic}
    every = replace(settings, passes=1, rounds=settings.passes * settings.rounds)
    beside = {row: replace(used, **same) for row, used in rivals(benchmark, profile).items()}
    rows = {"GenZSL": every, **beside}
    if profile != "medium":
        return rows
    rounds = {row: passes // LOOK["passes"] for row, passes in PASSES.items()}
    return {row: replace(used, **LOOK, rounds=rounds[row]) for row, used in rows.items()}


def training_gains(
    benchmark: Benchmark, rows: Generators, seeds: Sequence[int], device: Device = "cpu"
) -> Answered:
    """Train generators, look at them on the way, and solve the closed forms beside them.

    `rows` are those of `watched_settings`; GenZSL's row says what the closed form has.
    """
    settings = rows["GenZSL"]
    shared = experiments.MeansSettings.beside(settings, n_synthetic_choices=(settings.n_synthetic,))
    closed = {**untrained(benchmark), **predicted(settings), BASE: ("means_look", shared)}
    trained = {
        row: ("speed" if isinstance(used, GenZSLSettings) else "imagination_speed", used)
        for row, used in rows.items()
    }
    asked = trained | {row: closed[row] for row in LINES if row in closed}
    records = run_rows(asked, benchmark, seeds, device, table="training")
    return gains_of(records, benchmark.name, kept=records)


def gains_of(
    records: Records, title: str, name: str = "training", kept: Records = ()
) -> Answered | Tabled:
    """What does training buy, and is a closed form reached (by records of `training_gains`)?

    `kept` are the records that the notebook is to keep, none if they are another run's.
    """
    if not records:
        text = f"**{title}: what training buys.**"
        return Tabled(name, pd.DataFrame({"method": ["not measured"]}), text)
    gains = _gains(records)
    told = results.differences_by(gains)
    text = (
        f"**{title}: what training buys.** Percent on test images at the first look after that "
        "share of a training's samples, mean ± standard deviation over seeds; points gained in the "
        f"last half, and over {BASE} at the end, within a seed. Nothing is chosen on the way; each "
        "look has a new classifier of the same settings. Tested together, as notebook 14 says."
    )
    tabled = Tabled(name, _table(records, gains, told), text, kept)
    alt = (
        "Two panels, H and T1 on test images by training samples drawn, on a log scale; a "
        "line with a band for each trained method, and horizontal lines for closed forms. "
        "GenZSL and the cVAE climb early and level off; the two GANs start later, lower, and "
        "are still climbing at the end. One closed form lies above all curves."
    )
    finding = _finding(records, title, told)
    return Answered(tabled, Drawn(name, _figure(records), finding, alt=alt))


def _curves(records: Records, row: str, metric: str) -> Float[np.ndarray, "R n"]:
    """A line of percent for each seed of a training; of a closed form it has one point."""
    if row in LINES:
        return 100 * values(records, row, "clean", metric)[:, None]
    return 100 * values(records, row, "curve", metric)


def _at(records: Records, row: str, metric: str, share: float) -> Float[np.ndarray, " R"]:
    """Percent of each seed at the first look after a share of the samples."""
    if row in LINES:
        return _curves(records, row, metric)[:, 0]
    samples = values(records, row, "curve", "samples").mean(0)
    look = int((samples >= share * samples[-1]).argmax())
    return _curves(records, row, metric)[:, look]


def _gains(records: Records) -> Gains:
    """Points that a training gains in its last half, and has over the closed form at its end."""
    gains = {}
    for metric in METRICS:
        base = _at(records, BASE, metric, 1)
        for row in row_names(records):
            end = _at(records, row, metric, 1)
            if row not in LINES:
                gains[LAST_HALF, metric, row] = end - _at(records, row, metric, 0.5)
            if row != BASE:
                gains[OVER, metric, row] = end - base
    return gains


def _table(records: Records, gains: Gains, told: Questions) -> pd.DataFrame:
    lines = []
    for metric in METRICS:
        for row in row_names(records):
            at = {head: _at(records, row, metric, share) for head, share in SHARES.items()}
            cells = {head: results.spread(percents, 1) for head, percents in at.items()}
            if row in LINES:
                cells = {**dict.fromkeys(cells, ""), "end": cells["end"]}
            for what, words in WORDS.items():
                asked = (what, metric, row)
                cells[what] = ""
                if asked in told:
                    cells[what] = f"{results.points(gains[asked])}, {told[asked].word(*words)}"
            lines.append({"metric": metric, "method": row, **cells})
    return pd.DataFrame(lines).set_index(["metric", "method"])


def _figure(records: Records) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.7))
    rows = in_order(row_names(records))
    for ax, metric in zip(axes, METRICS, strict=True):
        for row in (r for r in rows if r not in LINES):
            samples = values(records, row, "curve", "samples").mean(0)
            plots.band(ax, samples, _curves(records, row, metric), row, **METHODS[row])
        for row in (r for r in rows if r in LINES):
            found, look = _curves(records, row, metric), METHODS[row]
            ax.axhline(found.mean(), label=row, **look)
            ax.axhspan(found.min(), found.max(), color=look["color"], alpha=0.12, linewidth=0)
        ax.set(xlabel="training samples drawn (log scale)", title=metric)
        plots.log_steps(ax)
    axes[0].set_ylabel("on test images (%)")
    plots.shared_legend(fig, axes[0], 4)
    return fig


def _finding(records: Records, title: str, told: Questions) -> str:
    trained = [row for row in row_names(records) if row not in LINES]
    seconds = [values(records, row, "curve", "seconds")[:, -1].mean() for row in trained]
    solved = np.mean([r["seconds"] for r in records if r["row"] == BASE])
    seeds = len({r["seed"] for r in records})
    return (
        f"{title}: scores along training and, level, those of closed forms; mean and range over "
        f"{seeds} seed{'s' * (seeds > 1)}. A sample is one training feature in a batch, the "
        f"critic's too. Trainings take {min(seconds):.0f} to {max(seconds):.0f} s, {BASE} "
        f"{solved:.1f} s with its classifier. Significantly rising in the last half: "
        f"{_listed(told, LAST_HALF, trained, True)}. Significantly below {BASE} at the end: "
        f"{_listed(told, OVER, trained, False)}."
    )


def _listed(told: Questions, what: str, rows: Sequence[str], is_up: bool) -> str:
    """Name the rows with a significant gain, or loss, by metric."""
    parts = []
    for metric in METRICS:
        gains = {row: told[what, metric, row] for row in rows}
        found = [row for row, gain in gains.items() if gain.apart and is_up == (gain.mean > 0)]
        names = "all" if found == [*rows] else ", ".join(found) or "none"
        parts.append(f"{names} in {metric}")
    return "; ".join(parts)
