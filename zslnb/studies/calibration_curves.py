"""Where S and U can lie, counted on test or on training images, as a calibration grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from zslnb.studies import rows
from zslnb.studies.study import Drawn

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

    The records are of the experiment "revcd"; `count` is one of COUNTS.
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
    points = [
        Point(float(s), float(u), epochs, float(np.hypot(u - printed["U"], s - printed["S"])))
        for epochs in epochs_tried(records, row)
        for u, s in zip(*curve(records, row, epochs, count), strict=True)
    ]
    return min(points, key=lambda point: point.away)


def seen_unseen_curves(records: Sequence[dict], benchmark: str) -> Drawn:
    """Which pairs of S and U can a border between seen and unseen reach?"""
    fig, ax = plt.subplots(figsize=(6.4, 3.8))
    _draw(ax, records)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    (u, s), (moved_u, moved_s) = (
        [100 * rows.values(records, ROW, count, metric).mean() for metric in "US"]
        for count in ("clean", "calibrated")
    )
    text = (
        f"{benchmark}: S over U for every constant. Clean's choice without one has U "
        f"{u:.1f} and S {s:.1f} %; with the constant that validation chose, U {moved_u:.1f} "
        f"and S {moved_s:.1f} %."
    )
    return Drawn("curves", fig, text)


def curves_beside_printed(
    by_kind: Mapping[str, Sequence[dict]], printed: Mapping[str, float]
) -> Drawn:
    """How near does any border come to a printed S and U, by title of the records of "RevCD"?"""
    n = len(by_kind)
    fig, axes = plt.subplots(1, n, figsize=(1.6 + 4 * n, 3.8), squeeze=False)
    for ax, (kind, records) in zip(axes[0], by_kind.items(), strict=True):
        _draw(ax, records)
        ax.plot(printed["U"], printed["S"], "k*", markersize=12, label="printed")
        ax.set_title(f"CUB, {kind}")
    axes[0, -1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    near = "; ".join(
        f"{kind}, {count}: {nearest_point(records, ROW, count, printed)}"
        for kind, records in by_kind.items()
        for count in COUNTS
    )
    text = f"S over U for every constant. Nearest to the printed pair: {near}."
    return Drawn("cub-curves", fig, text)


def _draw(ax: Axes, records: Sequence[dict]) -> None:
    for i, epochs in enumerate(epochs_tried(records, ROW)):
        for count, style in STYLES.items():
            u, s = curve(records, ROW, epochs, count)
            ax.plot(u, s, style, color=f"C{i}", label=f"{epochs} epochs, {count}")
            ax.plot(u[0], s[0], "o", color=f"C{i}", markersize=4)
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="U (%)", ylabel="S (%)", aspect="equal")
