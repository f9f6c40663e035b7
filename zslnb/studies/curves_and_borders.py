"""Which S is left at each U, method by method, as a constant moves the border?"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from zslnb.experiments.seen_unseen import GRID
from zslnb.studies import plots
from zslnb.studies.both_directions import BASE
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.seen_unseen import DIRECTIONS, of_row
from zslnb.studies.study import Drawn
from zslnb.studies.style import METHODS, PAGE

LOOKS = {
    row: {"color": look["color"], "linestyle": look["linestyle"]} for row, look in METHODS.items()
} | {
    "ridge": {"color": "0.4", "linestyle": "--"},
    "RevCD": {"color": "C0", "linestyle": "-"},
    "RevCD, one step": {"color": "C1", "linestyle": "-"},
    "RevCD without z_t": {"color": "C2", "linestyle": "-"},
    "cVAE x → z": {"color": "C3", "linestyle": "-"},
    "GAN x → z": {"color": "C4", "linestyle": "-"},
}
SHOWN = 1.0  # percent of S below which a curve is not drawn


def curves_of_methods(records: Records, title: str, name: str) -> Drawn:
    """Which pairs of S and U can each method reach, and where do borders fall?"""
    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 5), sharey=True)
    for ax, direction in zip(axes, ("z → x", "x → z"), strict=True):
        plots.h_lines(ax, 20, "0.75")
        for row in row_names(records):
            # plain CLIP and ESZSL only compare; they stand in the first panel
            if row == BASE or DIRECTIONS.get(row, "z → x") == direction:
                _draw(ax, records, row)
        ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="U (%)", title=direction)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    axes[0].set_ylabel("S (%)")
    areas = {row: of_row(records, row, "area").mean() for row in row_names(records)}
    first, last = max(areas, key=areas.get), min(areas, key=areas.get)
    text = (
        f"{title}: S left at each U, mean over seeds; along grey lines H is the same. Hollow: "
        "without a constant; filled: where validation puts the border; black, in both panels: "
        f"{BASE}. The area below is "
        f"{areas[last]:.1f} % ({last}) to {areas[first]:.1f} % ({first})."
    )
    alt = (
        "Two panels, one a direction, of S against U, over contours of equal H: curves that fall "
        "slowly from the left and then steeply. Filled points lie near the bend. Hollow ones lie "
        "close to them in the left panel, and further up and left in the right one."
    )
    return Drawn(name, fig, text, alt=alt)


def _draw(ax: Axes, records: Records, row: str) -> None:
    look = LOOKS[row]
    curve = 100 * values(records, row, "curve").mean(0)
    ax.plot(100 * GRID, np.where(curve > SHOWN, curve, np.nan), label=row, **look)
    for border, face in (("clean", "white"), ("calibrated", look["color"])):
        u, s = (of_row(records, row, border, metric).mean() for metric in "US")
        ax.plot(u, s, "o", color=look["color"], markerfacecolor=face, markersize=6, zorder=3)
