"""How much sooner one generator learns than another: what each needs for the same score."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from zslnb.benchmark import Benchmark
from zslnb.studies import plots
from zslnb.studies.generators import Device, Generators, run_generators
from zslnb.studies.rows import Records, plus_minus, row_names
from zslnb.studies.study import Drawn, Study, Tabled
from zslnb.studies.style import METHODS, in_order

METRICS = ("H", "T1")
ALONG = {"seconds": "training time (s)", "steps": "generator steps", "samples": "samples drawn"}
BARS = {"f-VAEGAN's best": 1.0, "nine tenths of it": 0.9}
SHARES = np.linspace(0.5, 1, 51)  # of the slower's best: bars, from low to high
SLOWER = "f-VAEGAN"  # the method that the others are compared with

Curve = dict[str, np.ndarray]  # quantity -> (n,), a number an evaluation


@dataclass(frozen=True)
class SpeedUp:
    """What the slower needs for a score of its own, over what the faster needs for that score.

    `relation` says what `times` is: "=" the ratio; ">=" a lower bound, where the faster had the
    score when it was first looked at; "<" an upper bound, where it never had it.
    """

    times: float
    relation: str


def steady(points: list[dict[str, float]]) -> Curve:
    """Replace the seconds of each evaluation by its steps times the median seconds of a step.

    Every step does the same work, so its cost is a constant, but a stop-watch also counts what
    other programs cost the process.
    """
    curve = {key: np.array([point[key] for point in points], dtype=float) for key in points[0]}
    cost = np.median(np.diff(curve["seconds"], prepend=0) / np.diff(curve["steps"], prepend=0))
    return {**curve, "seconds": cost * curve["steps"]}


def speed_up(
    slower: Curve, faster: Curve, metric: str, along: str = "seconds", share: float = 1.0
) -> SpeedUp:
    """Compare two trainings by what both need for the slower's own best score, or a share of it.

    The metric is "S", "U", "H" or "T1"; `along` is one of ALONG.
    """
    target = share * slower[metric].max()
    long, short = (
        curve[along][curve[metric] >= target].min(initial=np.inf) for curve in (slower, faster)
    )
    if np.isinf(short):
        return SpeedUp(long / faster[along][-1], "<")
    return SpeedUp(long / short, ">=" if short == faster[along][0] else "=")


def speed_up_words(by_seed: list[SpeedUp]) -> str:
    """Write speed-ups over seeds: median and range, and in how many seeds the score was reached.

    "≥": in some of these seeds the faster had the score when it was first looked at. Where it never
    had it there is no number, only the bound that the length of its run gives.
    """
    reached, never = ([u for u in by_seed if (u.relation == "<") == side] for side in (False, True))
    bound = f"none (below {_times(max(u.times for u in never))})" if never else ""
    if not reached:
        return bound
    values = [u.times for u in reached]
    words = "≥ " * any(u.relation == ">=" for u in reached) + _times(float(np.median(values)))
    if len(values) > 1:
        words += f" ({_times(min(values))} to {_times(max(values))})"
    return f"{words} in {len(reached)} of {len(by_seed)} seeds, else {bound}" if never else words


def _times(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


@dataclass(frozen=True)
class TrainingSpeed(Study):
    """How much sooner than f-VAEGAN does each method have the same score (GenZSL, Figure 5)?"""

    records: Records = ()
    name, headline = "speed-up", True

    @cached_property
    def _steady(self) -> dict[str, dict[int, Curve]]:
        return {
            row: {r["seed"]: steady(r["scores"]["curve"]) for r in self.records if r["row"] == row}
            for row in row_names(self.records)
        }

    def curves(self, row: str, key: str) -> Float[np.ndarray, "R n"]:
        """One quantity along training, a line for each seed."""
        return np.stack([curve[key] for curve in self._steady[row].values()])

    @property
    def faster(self) -> list[str]:
        """All rows but the one that they are compared with."""
        return [row for row in self._steady if row != SLOWER]

    def speed_ups(
        self, row: str, metric: str, along: str = "seconds", share: float = 1.0
    ) -> list[SpeedUp]:
        """Compare a row with the slower one within each seed that both have; see `speed_up`."""
        slower, faster = self._steady[SLOWER], self._steady[row]
        shared = sorted({*slower} & {*faster})
        return [speed_up(slower[seed], faster[seed], metric, along, share) for seed in shared]

    def words(self, row: str, metric: str, along: str = "seconds", share: float = 1.0) -> str:
        """Write how much sooner a row has a score."""
        return speed_up_words(self.speed_ups(row, metric, along, share))

    def typical(self, row: str, metric: str, share: float, along: str = "seconds") -> float:
        """Median speed-up over seeds; 0 where half of them or more never get there."""
        by_seed = self.speed_ups(row, metric, along, share)
        return float(np.median([u.times if u.relation != "<" else 0.0 for u in by_seed]))

    def table(self) -> pd.DataFrame:
        lines = [
            {
                "bar": f"{metric}, {bar}",
                "counted in": along,
                **{row: self.words(row, metric, along, share) for row in self.faster},
            }
            for metric in METRICS
            for bar, share in BARS.items()
            for along in ALONG
        ]
        return pd.DataFrame(lines)

    def caption(self) -> str:
        return (
            "How many times as fast as f-VAEGAN: median and range over the seeds that reach the "
            "bar. ≥: in some of them the score was there at the first evaluation. *None*: not "
            "reached within the whole run, so that a speed-up, if there is one, is below the "
            "number in brackets. Seconds depend on the machine and on how busy it was; steps and "
            "samples do not."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(2, 3, figsize=(8, 4.8), sharex="col", sharey="row")
        for line, metric in zip(axes, METRICS, strict=True):
            for ax, along in zip(line, ALONG, strict=True):
                for row in in_order(self._steady):
                    x, y = [*self.curves(row, along).mean(0)], 100 * self.curves(row, metric)
                    plots.band(ax, x, y, row, **METHODS[row])
                top, look = 100 * self.curves(SLOWER, metric).max(1).mean(), METHODS[SLOWER]
                ax.axhline(top, color=look["color"], linestyle=":", label=f"{SLOWER}'s best")
                plots.log_steps(ax)
            line[0].set_ylabel(f"{metric} on test images (%)")
        for ax, label in zip(axes[1], ALONG.values(), strict=True):
            ax.set_xlabel(f"{label} (log)")
        plots.shared_legend(fig, axes[0, 0], 5)
        return fig

    def alt(self) -> str:
        return (
            "Six panels: H above and T1 below, on test images, by training time, generator "
            "steps and samples drawn, on log scales; a line with a band for each method. "
            "GenZSL, with referents or noise, and the cVAE rise early; f-VAEGAN, whose best "
            "is a dotted line, comes later and lower in H, and from far below in T1."
        )

    def finding(self) -> str:
        h = {row: 100 * self.curves(row, "H") for row in self._steady}
        first = ", ".join(f"{curves[:, 0].mean():.0f} % ({row})" for row, curves in h.items())
        best = ", ".join(f"{curves.max(1).mean():.1f} % ({row})" for row, curves in h.items())
        return (
            "Scores along training, mean and range over seeds "
            f"({len({r['seed'] for r in self.records})}), a point an evaluation. The first "
            f"evaluation finds H of {first}; the best ever seen is, on average, {best}."
        )

    def promise(self, metric: str) -> str:
        """Say whether GenZSL reaches f-VAEGAN's best score sooner."""
        by_seed = self.speed_ups("GenZSL", metric)
        kept = sum(u.relation != "<" and u.times > 1 for u in by_seed)
        state = {0: "did not hold", len(by_seed): "held"}.get(kept, "held in part")
        state += ", though the seeds are too few to tell" * (len(by_seed) < 3)
        easier = "; ".join(f"{row} {self.words(row, metric, share=0.9)}" for row in self.faster)
        return (
            f"**Faster to f-VAEGAN's best {metric}: {state}**, in {kept} of {len(by_seed)} seeds. "
            f"Speed-up: {self.words('GenZSL', metric)}. To nine tenths of it: {easier}."
        )

    def origin(self, metric: str) -> str:
        """Say what part of GenZSL's speed-up the two controls have.

        The one without referents does the same work a step, so that steps tell more than seconds.
        """
        at, share, noise = "at nine tenths of f-VAEGAN's best", 0.9, "GenZSL, noise"
        if self.typical("GenZSL", metric, share) <= 1:
            return f"**{metric}:** {at} there is no speed-up to explain."
        first, without = (
            sum(u.relation == ">=" for u in self.speed_ups(row, metric, share=share))
            for row in ("GenZSL", noise)
        )
        if 2 * first >= len(self.speed_ups("GenZSL", metric)):
            return (
                f"**{metric}:** {at} GenZSL is there at its first look in {first} seeds, and "
                f"without referents in {without}: how its speed-up divides cannot be told."
            )
        adversary, induction = (
            self.typical(row, metric, share, along) / self.typical("GenZSL", metric, share, along)
            for row, along in (("cVAE", "seconds"), (noise, "steps"))
        )
        explained = max(adversary, induction) >= 0.5
        due = "mostly not owed to induction" if explained else "not explained by the controls"
        return (
            f"**The speed-up in {metric} is {due}:** {at} the cVAE, which has no adversary, has "
            f"{adversary:.0%} of it, and GenZSL without referents, counted in steps, "
            f"{induction:.0%}."
        )


def training_speed(
    benchmark: Benchmark, rows: Generators, seeds: Sequence[int], device: Device = "cpu"
) -> TrainingSpeed:
    """Train each row's generator with a stop-watch, and test it after every round."""
    methods = ("speed", "imagination_speed")
    return TrainingSpeed(run_generators(methods, rows, benchmark, seeds, device, table="speed"))


def speed_by_bar(speed: TrainingSpeed) -> Drawn:
    """How does the speed-up depend on how high the bar is?"""
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.3), sharey=True)
    highest = []
    for ax, metric in zip(axes, METRICS, strict=True):
        ends = []
        for row in in_order(speed.faster):
            times = np.array([speed.typical(row, metric, share) for share in SHARES])
            line = np.where(times > 0, times, np.nan)
            end = max(int((times > 0).sum()) - 1, 0)  # a higher bar is never reached sooner
            ax.plot(100 * SHARES, line, color=METHODS[row]["color"], label=row)
            ax.plot(100 * SHARES[end], line[end], **{**METHODS[row], "markersize": 7})
            reached = SHARES[end] == SHARES[-1]
            ends.append(f"*{row}* {'never' if reached else f'at {100 * SHARES[end]:.0f} %'}")
        ax.axhline(1, color="k", linestyle=":", linewidth=1, label=f"as fast as {SLOWER}")
        ax.set(yscale="log", xlabel=f"bar: share of {SLOWER}'s best {metric} (%)", title=metric)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        highest.append(f"for {metric} {', '.join(ends)}")
    axes[0].set_ylabel(f"times as fast as {SLOWER} (log)")
    axes[0].legend()
    text = (
        "Speed-up in training time by how high the bar is, median over seeds. A line ends where "
        f"the method no longer reaches the bar in most seeds: {'; '.join(highest)}. Below the "
        "score of its first evaluation a method's line is a lower bound."
    )
    alt = (
        "Two panels, for H and for T1: times as fast as f-VAEGAN, on a log scale, by the bar "
        "to be reached; a line a method. All lie well above the dotted line of equal speed. "
        "For H they stay level or fall as the bar rises; for T1 GenZSL's rise towards high "
        "bars while the cVAE's falls."
    )
    return Drawn("bars", fig, text, speed.records, alt=alt)


def step_costs(speed: TrainingSpeed) -> Tabled:
    """What does a step of the generator cost?"""
    cells, milliseconds = {}, {}
    for row in row_names(speed.records):
        steps, seconds = speed.curves(row, "steps"), speed.curves(row, "seconds")
        milliseconds[row] = 1000 * seconds[:, -1] / steps[:, -1]
        settings = next(r["settings"] for r in speed.records if r["row"] == row)
        cells[row] = {
            "milliseconds a step": plus_minus(milliseconds[row], ".2f"),
            "samples a step": round(float((speed.curves(row, "samples") / steps).mean())),
            "learning rate": f"{settings['lr']:g}",
            "steps in all": int(steps[0, -1]),
        }
    price = milliseconds[SLOWER].mean() / milliseconds["cVAE"].mean()
    frame = pd.DataFrame.from_dict(cells, orient="index").rename_axis("method")
    text = (
        "What a step of the generator costs, with the critic's steps that go with it; mean ± "
        f"standard deviation over seeds. The adversary makes a step {price:.1f} times as dear as "
        "the same VAE's alone. Milliseconds also depend on what else the machine does (with noise "
        "for its referents GenZSL does no more work) and on the program: here all gradients are "
        "written out."
    )
    return Tabled("steps", frame, text, speed.records)
