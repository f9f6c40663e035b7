"""Where S and U can lie, counted on test or on training images, as a calibration grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zslnb.studies import rows
from zslnb.studies.study import Study

COUNTS = {"strict": "S", "lenient": "S, lenient"}  # names in a record's "curves"
STYLES = {"strict": "-", "lenient": ":"}
ROW = "RevCD"
Percents = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Point:
    """A point of a curve in percent, after how many epochs, and its distance from a pair."""

    S: float
    U: float
    epochs: int
    away: float

    def __str__(self) -> str:
        return f"S {self.S:.1f}, U {self.U:.1f} after {self.epochs} epochs, {self.away:.1f} away"


def curve(records: Sequence[dict], row: str, epochs: int, count: str) -> tuple[Percents, Percents]:
    """U and S of a row along its calibrations, in percent, averaged over seeds.

    Args:
        records: of the experiment "revcd", whose scores have "curves".
        row: which of them.
        epochs: one of the numbers of epochs that were tried.
        count: one of COUNTS.
    """
    u, s = (
        100 * rows.values(records, row, "curves", str(epochs), score).mean(0)
        for score in ("U", COUNTS[count])
    )
    return u, s


def epochs_tried(records: Sequence[dict], row: str) -> list[int]:
    """Numbers of epochs that a row was trained for, the longest first."""
    curves = next(r["scores"]["curves"] for r in records if r["row"] == row)
    return sorted(map(int, curves), reverse=True)


def nearest_point(
    records: Sequence[dict], row: str, count: str, printed: Mapping[str, float]
) -> Point:
    """The point of all curves of one count that is nearest to a printed S and U, in percent.

    It is found with the printed pair in hand, so it says what is possible, not what one would
    have chosen.
    """
    nearest = []
    for epochs in epochs_tried(records, row):
        u, s = curve(records, row, epochs, count)
        gaps = np.hypot(u - printed["U"], s - printed["S"])
        i = int(gaps.argmin())
        nearest.append(Point(float(s[i]), float(u[i]), epochs, float(gaps[i])))
    return min(nearest, key=lambda point: point.away)


@dataclass
class CalibrationCurves(Study):
    """Which pairs of S and U can a border between seen and unseen reach?

    Attributes:
        rows: records of the row "RevCD". benchmark: its name.
    """

    rows: Sequence[dict]
    benchmark: str
    name = "curves"

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(6.4, 3.8))
        _draw(ax, self.rows)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return fig

    def finding(self) -> str:
        (u, s), (moved_u, moved_s) = (
            [100 * rows.values(self.rows, ROW, count, metric).mean() for metric in "US"]
            for count in ("clean", "calibrated")
        )
        return (
            f"{self.benchmark}: S over U for every constant. Clean's choice without one has U "
            f"{u:.1f} and S {s:.1f} %; with the constant that validation chose, U {moved_u:.1f} "
            f"and S {moved_s:.1f} %."
        )


@dataclass
class CurvesBesidePrinted(Study):
    """How near does any border come to a printed pair of S and U?

    Attributes:
        rows: title -> records of the row "RevCD". printed: S and U, in percent.
    """

    rows: Mapping[str, Sequence[dict]]
    printed: Mapping[str, float]
    name = "cub-curves"

    def figure(self) -> Figure:
        n = len(self.rows)
        fig, axes = plt.subplots(1, n, figsize=(1.6 + 4 * n, 3.8), squeeze=False)
        for ax, (kind, records) in zip(axes[0], self.rows.items(), strict=True):
            _draw(ax, records)
            ax.plot(self.printed["U"], self.printed["S"], "k*", markersize=12, label="printed")
            ax.set_title(f"CUB, {kind}")
        axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1, 1))
        return fig

    def finding(self) -> str:
        near = "; ".join(
            f"{kind}, {count}: {nearest_point(records, ROW, count, self.printed)}"
            for kind, records in self.rows.items()
            for count in COUNTS
        )
        return f"S over U for every constant. Nearest to the printed pair: {near}."


def _draw(ax: Axes, records: Sequence[dict]) -> None:
    for i, epochs in enumerate(epochs_tried(records, ROW)):
        for count, style in STYLES.items():
            u, s = curve(records, ROW, epochs, count)
            ax.plot(u, s, style, color=f"C{i}", label=f"{epochs} epochs, {count}")
            ax.plot(u[0], s[0], "o", color=f"C{i}", markersize=4)
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="U (%)", ylabel="S (%)", aspect="equal")
