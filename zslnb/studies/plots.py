"""What more than one study draws: bands, heat-maps, pictures in a grid, boxes with arrows."""

import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from matplotlib.transforms import Bbox
from PIL.Image import Image

from zslnb.benchmark import Benchmark
from zslnb.datasets.aviary import ALL_SPECIES, paint, species_of
from zslnb.datasets.loading import BUILT_IN
from zslnb.studies.style import PAGE, SMALLEST
from zslnb.text import plain

FRAME = "C0"
LINES, WIDTH = 3, 19  # of a caption, in letters
LETTER = 0.6 * SMALLEST / 72  # inches that a letter takes
TICKS = 20  # labels that fit below a heat-map of half a page
MARGIN = 0.1  # inches about a schematic


def cosine_heatmap(ax: Axes, cosines: Float[np.ndarray, "C C"], names: Sequence[str]) -> AxesImage:
    """Draw cosines between classes, blue for -1, white for 0, red for 1.

    Neighbouring classes whose names end in the same word ("robin") share one tick; of more than
    fit, an even choice has one. Returns the image, for a colour bar.
    """
    colours = sns.color_palette("vlag", as_cmap=True)
    image = ax.imshow(cosines, cmap=colours, vmin=-1, vmax=1, interpolation="nearest")
    words = [label(re.split(r"[\s_]+", name.strip())[-1], WIDTH) for name in names]
    runs = [(word, len([*run])) for word, run in groupby(words)]
    ends = np.cumsum([n for _, n in runs])
    middles = ends - [(n + 1) / 2 for _, n in runs]
    ticks = [(x, word) for x, (word, _) in zip(middles, runs, strict=True)]
    places, labels = zip(*ticks[:: -(-len(ticks) // TICKS)], strict=True)
    ax.set_xticks(places, labels, rotation=90)
    ax.set_yticks(places, labels)
    ax.grid(False)
    return image


def band(
    ax: Axes,
    x: Sequence[float] | Float[np.ndarray, " n"] | Int[np.ndarray, " n"],
    runs: Float[np.ndarray, "R n"],
    label: str,
    **style: object,
) -> None:
    """Draw the mean of several runs (a row a seed) as a line, and their range as a band."""
    (line,) = ax.plot(x, runs.mean(0), label=label, **style)
    ax.fill_between(x, runs.min(0), runs.max(0), color=line.get_color(), alpha=0.2, linewidth=0)


def density(
    ax: Axes, bins: Float[np.ndarray, " n"], samples: Mapping[str, Float[np.ndarray, " N"]]
) -> None:
    """Draw histograms over each other, each of area one, named by their label."""
    for label, values in samples.items():
        ax.hist(values, bins, density=True, alpha=0.65, label=label)


def h_lines(ax: Axes, step: int, grey: str = "0.7") -> None:
    """Draw lines of equal H, `step` percent apart, over S and U in percent on either axis."""
    one, other = np.meshgrid(*[np.linspace(0.5, 100, 200)] * 2)
    look = {"levels": range(step, 100, step), "colors": grey, "linewidths": 0.8}
    lines = ax.contour(one, other, 2 * one * other / (one + other), **look)
    ax.clabel(lines, fmt="H %d", fontsize=SMALLEST)


def shared_legend(fig: Figure, ax: Axes, columns: int, **style: object) -> None:
    """Put the legend of one panel below all of them."""
    handles = ax.get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=columns, **style)


def log_steps(ax: Axes) -> None:
    """Label the log scale of an x axis with 1, 3, 10, 30, ..., as they are spoken."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def spoken_names(benchmark: Benchmark) -> list[str]:
    """Write class names as one would say them: the first of several, with spaces."""
    return [name.split(",")[0].replace("_", " ") for name in benchmark.class_names]


def label(name: str, length: int = 40) -> str:
    """Make a name a figure's label: as it is written, and no longer than so many letters."""
    name = " ".join(name.replace("_", " ").split())
    return plain(name if len(name) <= length else f"{name[: length - 1]}…")


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

    `framed` are columns, such as the unseen classes; `side` is a picture's, in inches, and less
    where a page is too narrow.
    """
    rows, columns = len(pictures), len(pictures[0])
    side = min(side, PAGE / columns)
    drawn = any(picture for row in pictures for picture in row)
    height = side + 0.55 if drawn else 0.62
    fig, axes = plt.subplots(rows, columns, figsize=(columns * side, rows * height), squeeze=False)
    for line, row, texts in zip(axes, pictures, captions, strict=True):
        for column, (ax, picture, text) in enumerate(zip(line, row, texts, strict=True)):
            _picture(ax, picture, text, column in framed, int(side / LETTER))
    return fig


def _wrapped(text: str, width: int) -> str:
    # in lines that fit below a picture; letters of East Asia take the room of two
    is_wide = any(unicodedata.east_asian_width(letter) in "FW" for letter in text)
    width = width // 2 if is_wide else width
    return plain(textwrap.fill(text, width, max_lines=LINES, placeholder="…"))


def _picture(ax: Axes, picture: Image | None, text: str, framed: bool, width: int) -> None:
    text = "\n".join(_wrapped(part, width) for part in text.replace("_", " ").split("\n"))
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=framed, color=FRAME, linewidth=2.5)
    if picture:
        ax.imshow(picture)
        ax.set_xlabel(text, fontsize=SMALLEST, labelpad=3)
    else:
        ax.text(0.5, 0.5, text, ha="center", va="center", fontsize=SMALLEST, transform=ax.transAxes)
        ax.set_facecolor("none")


def diagram(
    rows: Sequence[Sequence[str]],
    chains: Sequence[Sequence[str]],
    filled: Sequence[str] = (),
    height: float = 1.1,
) -> Figure:
    """Draw a schematic whose boxes stand in rows, from the top, and columns; "" for no box.

    Columns share the width of a page; `height` is that of a row, in inches.
    """
    width = min(1.6, PAGE / max(map(len, rows)))
    boxes = {
        text: ((column + 0.5) * width, (len(rows) - row - 0.5) * height)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
        if text
    }
    return schematic(boxes, chains, filled)


def schematic(
    boxes: Mapping[str, tuple[float, float]],
    chains: Sequence[Sequence[str]],
    filled: Sequence[str] = (),
    notes: Mapping[str, tuple[float, float]] | None = None,
    frame: tuple[float, float, float, float] | None = None,
) -> Figure:
    """Draw boxes of text joined by arrows, on a canvas that is as large as they are.

    Args:
        boxes: text -> centre, in inches.
        chains: texts, each joined to the next by an arrow.
        filled: texts of boxes that stand for something trained.
        notes: text -> centre, of what has no box.
        frame: left, bottom, right and top of a dashed line about some of them.
    """
    # with "none" matplotlib takes the style's layout from the first file that it writes on
    by_hand = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=False)
    fig = plt.figure(figsize=(PAGE, PAGE), layout=by_hand)
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, PAGE), ylim=(0, PAGE))  # an inch is one
    ax.axis("off")
    drawn = {}
    for text, (x, y) in {**boxes, **(notes or {})}.items():
        colour = (*to_rgb(FRAME), 0.18) if text in filled else "white"
        box = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "0.4"}
        outline = box if text in boxes else {**box, "edgecolor": "none"}
        drawn[text] = ax.text(x, y, text, ha="center", va="center", fontsize=9, bbox=outline)
    fig.canvas.draw()  # boxes have their size only once they are drawn
    sizes = [text.get_bbox_patch().get_window_extent() for text in drawn.values()]
    if frame:
        (left, bottom, right, top), line = frame, {"fill": False, "linestyle": "--"}
        ax.add_patch(Rectangle((left, bottom), right - left, top - bottom, **line, edgecolor="0.4"))
        sizes.append(Bbox.from_extents(*(fig.dpi * side for side in frame)))
    around = Bbox.union(sizes).transformed(fig.dpi_scale_trans.inverted()).padded(MARGIN)
    fig.set_size_inches(around.width, around.height)
    ax.set(xlim=around.intervalx, ylim=around.intervaly)
    for start, end in (pair for chain in chains for pair in pairwise(chain)):
        a, b = drawn[start], drawn[end]
        ends = {"patchA": a.get_bbox_patch(), "patchB": b.get_bbox_patch()}
        style = {"arrowstyle": "-|>", "color": "0.3", "shrinkA": 1, "shrinkB": 1, **ends}
        ax.annotate("", xy=b.get_position(), xytext=a.get_position(), arrowprops=style)
    fig.canvas.draw()
    return fig
