"""Where S and U can lie, counted on test or on training images, as a calibration grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

COUNTS = {"strict": "S", "lenient": "S, lenient"}  # names in a record's "curves"
Percents = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Point:
    """A point of a curve in percent, after how many epochs, and its distance from a pair."""

    S: float
    U: float
    epochs: int
    away: float

    def __str__(self) -> str:
        """Say it in a table's or caption's words."""
        return f"S {self.S:.1f}, U {self.U:.1f} after {self.epochs} epochs, {self.away:.1f} away"


def curve(records: Sequence[dict], row: str, epochs: int, count: str) -> tuple[Percents, Percents]:
    """U and S of a row along its calibrations, in percent, averaged over seeds.

    Args:
        records: of the experiment "revcd", whose scores have "curves".
        row: which of them.
        epochs: one of the numbers of epochs that were tried.
        count: one of COUNTS.
    """
    own = _curves(records, row)
    u, s = (
        100 * np.mean([c[str(epochs)][name] for c in own], axis=0) for name in ("U", COUNTS[count])
    )
    return u, s


def epochs_tried(records: Sequence[dict], row: str) -> list[int]:
    """Numbers of epochs that a row was trained for, the longest first."""
    return sorted(map(int, _curves(records, row)[0]), reverse=True)


def nearest_point(
    records: Sequence[dict], row: str, count: str, printed: Mapping[str, float]
) -> Point:
    """The point of all curves of one count that is nearest to a printed S and U, in percent.

    It is found with the printed pair in hand, so it says what is possible, not what one would
    have chosen.
    """
    found = []
    for epochs in epochs_tried(records, row):
        u, s = curve(records, row, epochs, count)
        gaps = np.hypot(u - printed["U"], s - printed["S"])
        i = int(gaps.argmin())
        found.append(Point(float(s[i]), float(u[i]), epochs, float(gaps[i])))
    return min(found, key=lambda point: point.away)


def _curves(records: Sequence[dict], row: str) -> list[dict]:
    own = [r["scores"]["curves"] for r in records if r["row"] == row]
    if not own:
        raise ValueError(f"No record of row {row!r}.")
    return own
