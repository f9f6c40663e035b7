"""Pictures that more than one notebook draws; each draws on the axes it is given."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL.Image import Image

from zslnb.benchmark import Benchmark
from zslnb.datasets.aviary import ALL_SPECIES, paint, species_of
from zslnb.datasets.loading import BUILT_IN

FRAME = "C0"


def cosine_heatmap(ax: Axes, cosines: Float[np.ndarray, "C C"], names: Sequence[str]) -> AxesImage:
    """Draw cosines between classes, blue for -1, white for 0, red for 1.

    Neighbouring classes whose names end in the same word ("robin") share one tick.

    Args:
        ax: where to draw.
        cosines: (C, C), in the order to be shown.
        names: C class names in the same order.

    Returns:
        The image, for a colour bar.
    """
    colours = sns.color_palette("vlag", as_cmap=True)
    image = ax.imshow(cosines, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    words = [re.split(r"[\s_]+", name.strip())[-1] for name in names]
    runs = [(word, len([*run])) for word, run in groupby(words)]
    ends = np.cumsum([n for _, n in runs])
    middles = ends - [(n + 1) / 2 for _, n in runs]
    size = 7 if len(runs) <= 40 else 4
    ax.set_xticks(middles, [word for word, _ in runs], rotation=90, fontsize=size)
    ax.set_yticks(middles, [word for word, _ in runs], fontsize=size)
    ax.grid(False)
    return image


def band(
    ax: Axes,
    x: Sequence[float] | Float[np.ndarray, " n"] | Int[np.ndarray, " n"],
    runs: Float[np.ndarray, "R n"],
    label: str,
    **style: object,
) -> None:
    """Draw the mean of several runs as a line, and their range as a band around it.

    Args:
        ax: where to draw.
        x: n places.
        runs: (R, n), one row a seed.
        label: for the legend.
        style: passed on to `Axes.plot`.
    """
    (line,) = ax.plot(x, runs.mean(0), label=label, **style)
    ax.fill_between(x, runs.min(0), runs.max(0), color=line.get_color(), alpha=0.2, linewidth=0)


def class_picture(benchmark: Benchmark, class_id: int, size: int = 96) -> Image | None:
    """Paint a class of the built-in aviary at rest; None for any other benchmark."""
    if benchmark.name not in BUILT_IN or "file_sha256" in benchmark.provenance:
        return None
    return paint(ALL_SPECIES[species_of(benchmark.name)[class_id]].bird, size=size)


def picture_grid(
    pictures: Sequence[Sequence[Image | None]],
    captions: Sequence[Sequence[str]],
    framed: Sequence[int] = (),
    side: float = 1.35,
) -> Figure:
    """Show pictures in rows, a caption under each; without pictures the captions stand alone.

    Args:
        pictures: rows of equally many pictures, or None where there is none to show.
        captions: texts in the same arrangement; "" for no caption.
        framed: columns to frame, such as the unseen classes.
        side: inches of one picture's side.
    """
    rows, columns = len(pictures), len(pictures[0])
    drawn = any(picture for row in pictures for picture in row)
    height = side + 0.55 if drawn else 0.62
    fig, axes = plt.subplots(rows, columns, figsize=(columns * side, rows * height), squeeze=False)
    for line, row, texts in zip(axes, pictures, captions, strict=True):
        for column, (ax, picture, text) in enumerate(zip(line, row, texts, strict=True)):
            _picture(ax, picture, text, column in framed)
    return fig


def _picture(ax: Axes, picture: Image | None, text: str, framed: bool) -> None:
    text = "\n".join(textwrap.fill(part, 19) for part in text.replace("_", " ").split("\n"))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=framed, color=FRAME, linewidth=2.5)
    if picture:
        ax.imshow(picture)
        ax.set_xlabel(text, fontsize=7.5, labelpad=3)
    else:
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=7.5, transform=ax.transAxes)
        ax.set_facecolor("none")


def schematic(
    boxes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str]],
    size: tuple[float, float],
    filled: Sequence[str] = (),
) -> Figure:
    """Draw boxes of text joined by arrows: what goes where in a network.

    Args:
        boxes: text -> centre, in inches from the lower left corner.
        arrows: pairs of texts.
        size: width and height in inches.
        filled: texts of boxes that stand for something trained.
    """
    fig, ax = plt.subplots(figsize=size)
    ax.set(xlim=(0, size[0]), ylim=(0, size[1]))
    ax.axis("off")
    drawn = {}
    for text, (x, y) in boxes.items():
        colour = (*to_rgb(FRAME), 0.18) if text in filled else "white"
        outline = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "0.4"}
        drawn[text] = ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox=outline)
    fig.canvas.draw()  # boxes have their size only once they are drawn
    for start, end in arrows:
        a, b = drawn[start], drawn[end]
        ends = {"patchA": a.get_bbox_patch(), "patchB": b.get_bbox_patch()}
        style = {"arrowstyle": "-|>", "color": "0.3", "shrinkA": 1, "shrinkB": 1, **ends}
        ax.annotate("", xy=b.get_position(), xytext=a.get_position(), arrowprops=style)
    return fig
