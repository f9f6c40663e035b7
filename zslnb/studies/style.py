"""How figures look: one style, one look of each method and each score, sizes that can be read."""

import io
from collections.abc import Iterable

from matplotlib import font_manager, rc_context, rcParams
from matplotlib.figure import Figure
from matplotlib.text import Text

PAGE = 8.0  # inches: the widest figure that a page shows without shrinking it
SMALLEST = 9.0  # points
DPI, SHOWN_DPI = 200, 100  # of the file, and of the page: a fine screen shows every pixel
FONTS = (  # for letters that the first font lacks: the system fonts of Linux, macOS and Windows
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Microsoft YaHei"),
    *("Noto Sans Thai", "Thonburi", "Leelawadee UI", "Noto Sans Devanagari", "Nirmala UI"),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans KR", "Malgun Gothic", "Arial Unicode MS"),
)
Look = dict[str, object]  # what `Axes.plot` takes


def _look(color: str, marker: str = "", linestyle: str = "-") -> Look:
    return {"color": color, "marker": marker, "linestyle": linestyle, "markersize": 4}


# "C0" to "C9" are seaborn's colour-blind safe ones; a marker or a line tells apart without colour
METHODS: dict[str, Look] = {  # in the order of every figure and legend
    "GenZSL": _look("C0", "v"),
    "GenZSL, noise": _look("C4", "^"),
    "cVAE": _look("C2", "s"),
    "f-VAEGAN": _look("C1", "o"),
    "f-CLSWGAN": _look("C3", "D"),
    "means + spread": _look("0.1"),
    "nearest mean": _look("0.4", linestyle="--"),
    "plain CLIP": _look("0.4", linestyle=":"),
    "ESZSL": _look("0.4", linestyle="-."),
}
SCORES: dict[str, Look] = {
    "S": _look("C0", linestyle=":"),
    "U": _look("C1", linestyle="--"),
    "H": _look("C2"),
    "T1": _look("C3", linestyle="-."),
}


def in_order(rows: Iterable[str]) -> list[str]:
    """Put rows in the order of `METHODS`; others follow as they come."""
    rows, known = [*rows], [*METHODS]
    return [row for row in known if row in rows] + [row for row in rows if row not in known]


def set_style() -> None:
    """Set the one plot style of all pages; its colours survive colour blindness.

    No text is smaller than `SMALLEST`. Class names may be in any script: fonts of this system fill
    in where the first has no letter.
    """
    import seaborn as sns  # here: takes a second, and who asks for a look alone does without

    sns.set_theme(context="notebook", style="whitegrid", palette="colorblind", font_scale=0.82)
    rcParams.update({"figure.constrained_layout.use": True, "figure.dpi": SHOWN_DPI})
    installed = {font.name for font in font_manager.fontManager.ttflist}
    rcParams["font.family"] = ["sans-serif", *(name for name in FONTS if name in installed)]


def check_readable(fig: Figure) -> None:
    """Refuse a figure that a page would have to shrink, or whose text is too small.

    Raises:
        ValueError: with what is too wide or too small.
    """
    if (width := fig.get_figwidth()) > PAGE + 1e-6:
        raise ValueError(f"A page shows {PAGE:g} inches; make this figure of {width:g} narrower.")
    for text in fig.findobj(Text):
        size, words = text.get_fontsize(), text.get_text().strip()
        if words and text.get_visible() and size < SMALLEST:
            raise ValueError(
                f"Nobody reads {words!r} at {size:.1f} points; give it {SMALLEST:g} or more."
            )


def vector_files(fig: Figure, source: str = "zslnb") -> dict[str, bytes]:
    """Write a figure as SVG and PDF, by ending; the same figure gives the same bytes.

    PDF fonts are TrueType, as publishers ask for. `source` stands in the SVG's metadata.
    """
    files = {}
    with rc_context({"svg.hashsalt": "zslnb", "pdf.fonttype": 42}):
        facts = {"svg": {"Date": None, "Source": source}, "pdf": {"CreationDate": None}}
        for ending, metadata in facts.items():
            stream = io.BytesIO()
            fig.savefig(stream, format=ending, dpi=DPI, metadata=metadata)
            files[ending] = stream.getvalue()
    return files
