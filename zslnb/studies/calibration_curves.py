"""Where S and U can lie, counted on test or on training images, as a calibration grows."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from zslnb.studies import rows
from zslnb.studies.study import Drawn
from zslnb.studies.style import PAGE

COUNTS = {"strict": "S", "lenient": "S, lenient"}  # names in a record's "curves"
STYLES = {"strict": "-", "lenient": ":"}
ROW = "RevCD"
Percents = Float[np.ndarray, " n"]


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
) -> str:
    """Say which point of all curves of one count is nearest to a printed S and U, in percent.

    Curves are lines between the constants that were tried, as they are drawn. The point is found
    with the printed pair in hand, so it says what is possible, not what one would have chosen.
    """
    goal, points = np.array([printed["U"], printed["S"]]), []
    for epochs in epochs_tried(records, row):
        tried = np.stack(curve(records, row, epochs, count), axis=1)
        start, way = tried[:-1], np.diff(tried, axis=0)
        length = (way**2).sum(1).clip(min=1e-12)
        share = (((goal - start) * way).sum(1) / length).clip(0, 1)
        line = start + share[:, None] * way
        points += [(np.hypot(*(point - goal)), *point, epochs) for point in line]
    away, u, s, epochs = min(points)
    return f"S {s:.1f}, U {u:.1f} after {epochs} epochs, {away:.1f} away"


def seen_unseen_curves(records: Sequence[dict], benchmark: str) -> Drawn:
    """Which pairs of S and U can a border between seen and unseen reach?"""
    fig, ax = plt.subplots(figsize=(5.8, 3.6))
    _draw(ax, records)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    (u, s), (moved_u, moved_s) = (
        [100 * rows.values(records, ROW, count, metric).mean() for metric in "US"]
        for count in ("clean", "calibrated")
    )
    text = (
        f"{benchmark}: S over U for every constant. Clean's choice without one has U "
        f"{u:.1f} and S {s:.1f} %; calibrated, with epochs, guidance and space chosen again and "
        f"so not on these curves, U {moved_u:.1f} and S {moved_s:.1f} %."
    )
    alt = (
        "S against U, a curve for each number of epochs, solid where S is counted on test "
        "images and dotted, higher, on training images. Each starts at a dot near the left "
        "edge with hardly any U, falls slowly as U grows, and then steeply to zero; more "
        "epochs lie higher."
    )
    return Drawn("curves", fig, text, alt=alt)


def curves_beside_printed(
    by_kind: Mapping[str, Sequence[dict]], printed: Mapping[str, float]
) -> Drawn:
    """How near does any border come to a printed S and U, by title of the records of "RevCD"?"""
    n = len(by_kind)
    fig, axes = plt.subplots(1, n, figsize=(min(PAGE, 2 + 3 * n), 3.2), squeeze=False)
    for ax, (kind, records) in zip(axes[0], by_kind.items(), strict=True):
        _draw(ax, records)
        ax.plot(printed["U"], printed["S"], "k*", markersize=12, label="printed")
        ax.set_title(f"CUB, {kind}")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper")
    near = "; ".join(
        f"{kind}, {count}: {nearest_point(records, ROW, count, printed)}"
        for kind, records in by_kind.items()
        for count in COUNTS
    )
    text = f"S over U as a constant grows. Nearest to the printed pair: {near}."
    alt = (
        "A panel for each kind of semantics on CUB: curves of S against U that start at a dot "
        "and fall to the right, by number of epochs, on test images (solid) or training "
        "images (dotted), which lie higher. A star, the printed pair, lies far above the solid "
        "ones."
    )
    return Drawn("cub-curves", fig, text, alt=alt)


def _draw(ax: Axes, records: Sequence[dict]) -> None:
    for i, epochs in enumerate(epochs_tried(records, ROW)):
        for count, style in STYLES.items():
            u, s = curve(records, ROW, epochs, count)
            ax.plot(
                u, s, style, color=f"C{i}", label=f"{epochs} epoch{'s' * (epochs > 1)}, {count}"
            )
            ax.plot(u[0], s[0], "o", color=f"C{i}", markersize=4)
    ax.plot([], [], "o", color="0.4", markersize=4, label="without a constant")
    ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="U (%)", ylabel="S (%)")
