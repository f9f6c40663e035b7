"""`zslnb.studies.style`: methods and scores look alike everywhere, and all can be read."""

import ast
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import seaborn as sns
from conftest import ROOT
from matplotlib.colors import to_rgb

from zslnb.notebook.sources import find_sources
from zslnb.studies import plots, style

DRAWN_IN = [*(ROOT / "zslnb" / "studies").glob("*.py"), *(ROOT / "notebooks").glob("*.py")]
# Machado, Oliveira and Fernandes (2009), severity 1: what linear RGB becomes
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


pytestmark = pytest.mark.usefixtures("styled")


def as_seen(colour: str, deficiency: str) -> np.ndarray:
    """CIE Lab (D65) of a colour as somebody with a colour vision deficiency sees it."""
    srgb = np.array(to_rgb(colour))
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    linear = np.clip(np.array(DEFICIENCIES[deficiency]) @ linear, 0, 1)
    to_xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    x, y, z = np.cbrt(np.array(to_xyz) @ linear / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("looks", [style.METHODS, style.SCORES], ids=["methods", "scores"])
def test_a_colour_is_one_method_s_or_score_s_for_every_eye(looks, deficiency):
    """Those of one colour differ in their line; a difference of 10 is plain to see."""
    for one, other in combinations(looks.values(), 2):
        seen = [as_seen(look["color"], deficiency) for look in (one, other)]
        drawn = [(look["marker"], look["linestyle"]) for look in (one, other)]
        assert np.linalg.norm(np.subtract(*seen)) > 10 or drawn[0] != drawn[1]


def test_trained_methods_have_each_a_colour_and_a_marker_of_their_own():
    trained = [look for look in style.METHODS.values() if look["marker"]]
    palette = [tuple(colour) for colour in sns.color_palette("colorblind")]
    assert len(trained) == 5
    for part in ("color", "marker"):
        assert len({look[part] for look in trained}) == len(trained)
    assert all(to_rgb(look["color"]) in palette for look in trained)


def test_methods_stand_in_one_order():
    rows = ["plain CLIP", "another", "f-VAEGAN", "GenZSL"]
    assert style.in_order(rows) == ["GenZSL", "f-VAEGAN", "plain CLIP", "another"]


def constants(path: Path) -> list[tuple[int, ast.AST, list[str]]]:
    """Line of each dictionary in a module, and the keys that are written out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (node.lineno, node, [key.value for key in node.keys if isinstance(key, ast.Constant)])
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
    ]


@pytest.mark.parametrize("path", DRAWN_IN, ids=lambda path: path.stem)
def test_nobody_else_gives_a_method_or_a_score_a_colour(path):
    """No other module maps their names to a colour or a line."""
    if path.stem == "style":
        return
    own, given = {*style.METHODS, *style.SCORES}, []
    for line, node, keys in constants(path):
        values = [value.value for value in node.values if isinstance(value, ast.Constant)]
        looks = [v for v in values if v in {"-", "--", "-.", ":", *"osvD^"} or is_colour(v)]
        if looks and own & {*keys}:
            given.append(f"{path.name}:{line}")
    assert not given


def is_colour(value: object) -> bool:
    return isinstance(value, str) and len(value) == 2 and value[0] == "C" and value[1].isdigit()


def too_small(text: str) -> list[int]:
    """Font sizes below the smallest that are written out in a module's text."""
    sizes = []
    for node in ast.walk(ast.parse(text)):
        pairs = []
        if isinstance(node, ast.Call):
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
        if isinstance(node, ast.Dict):
            pairs = [
                (getattr(k, "value", ""), v) for k, v in zip(node.keys, node.values, strict=True)
            ]
        for name, value in pairs:
            if name in {"fontsize", "labelsize", "title_fontsize"} and (
                isinstance(value, ast.Constant) and not isinstance(value.value, str)
            ):
                sizes.append(value.value)
    return [size for size in sizes if size < style.SMALLEST]


@pytest.mark.parametrize("path", DRAWN_IN, ids=lambda path: path.stem)
def test_no_font_is_too_small_to_read(path):
    assert not too_small(path.read_text(encoding="utf-8"))
    assert too_small("ax.legend(fontsize=8); beside = {'fontsize': 8.5, 'x': 1}") == [8, 8.5]


def test_what_the_style_sets_can_be_read():
    fig, ax = plt.subplots()
    ax.set(title="title", xlabel="x", ylabel="y")
    ax.plot([0, 1], label="line")
    ax.legend(title="legend")
    fig.suptitle("above")
    fig.canvas.draw()
    style.check_readable(fig)
    smallest = min(text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text())
    assert style.SMALLEST <= smallest < style.SMALLEST + 0.1
    fig.set_figwidth(style.PAGE + 0.1)
    with pytest.raises(ValueError, match="A page shows 8 inches"):
        style.check_readable(fig)


@pytest.mark.parametrize("source", find_sources(), ids=lambda source: source.name)
def test_every_picture_of_an_executed_page_says_what_it_shows(source):
    """Apart from its caption, in words alone, and at a size that its text was made for."""
    for alt, width, caption in pictures(source.executed):
        assert len(alt) > 40
        assert alt.endswith(".")
        assert alt not in caption
        assert not set("$*`\\") & set(alt)
        assert 0 < width <= style.SHOWN_DPI * style.PAGE


def pictures(page: Path) -> list[tuple[str, int, str]]:
    """Alt text, width and caption of each picture among a page's outputs."""
    found = []
    for cell in nbformat.read(page, as_version=4).cells:
        outputs = cell.get("outputs", [])
        for output, caption in zip(outputs, [*outputs, {}][1:], strict=True):
            for kind in output.get("data", {}):
                if kind.startswith("image/"):
                    about = output.metadata.get(kind, {})
                    said = caption.get("data", {}).get("text/markdown", "")
                    found.append((about.get("alt", ""), about.get("width", 0), said))
    return found


def test_the_same_figure_gives_the_same_files():
    """Nothing in a file depends on the day, or on chance: identifiers in an SVG are hashed."""

    def files() -> dict[str, bytes]:
        fig, ax = plt.subplots()
        ax.plot([0, 1], label="a line")
        ax.legend()
        return style.vector_files(fig, "its source")

    first, again = files(), files()
    assert first == again
    assert first["svg"].startswith(b"<?xml")
    assert b"its source" in first["svg"]
    assert first["pdf"].startswith(b"%PDF")
    assert b"/FontFile2" in first["pdf"]  # TrueType


def test_a_schematic_is_written_as_it_was_drawn():
    """Its layout is its own: not matplotlib's from the second file on."""
    fig = plots.schematic({"a": (1.0, 1.0), "b": (3.0, 1.0)}, [("a", "b")])
    size = tuple(fig.get_size_inches())
    assert style.vector_files(fig) == style.vector_files(fig)  # and without a warning
    assert tuple(fig.get_size_inches()) == size
