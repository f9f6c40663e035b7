"""`zslnb.studies.plots`: what is drawn is what was given."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from zslnb import load
from zslnb.studies import plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_classes_of_one_family_share_a_tick() -> None:
    _, ax = plt.subplots()
    names = ["red robin", "014.Blue_robin", "owl"]
    image = plots.cosine_heatmap(ax, np.eye(3), names)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["robin", "owl"]
    assert ax.get_xticks().tolist() == [0.5, 2]
    assert image.get_clim() == (-1, 1)


def test_a_band_spans_its_runs() -> None:
    _, ax = plt.subplots()
    plots.band(ax, [0, 1], np.array([[0.0, 2.0], [2.0, 4.0]]), "runs", color="C1")
    assert ax.lines[0].get_ydata().tolist() == [1, 3]
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0, 4)
    assert ax.get_legend_handles_labels()[1] == ["runs"]


def test_a_bundle_of_ones_own_has_no_pictures(bundle: Path) -> None:
    assert plots.class_picture(load(bundle), 0) is None


def test_pictures_have_captions_and_frames() -> None:
    bird = Image.new("RGB", (8, 8))
    fig = plots.picture_grid([[bird, bird]], [["a_name", "another\n0.50"]], framed=[0])
    first, second = fig.axes
    assert (first.get_xlabel(), second.get_xlabel()) == ("a name", "another\n0.50")
    assert first.spines["left"].get_visible()
    assert not second.spines["left"].get_visible()


def test_without_pictures_the_names_are_shown() -> None:
    fig = plots.picture_grid([[None]], [["auk"]])
    assert [text.get_text() for text in fig.axes[0].texts] == ["auk"]


NAMES = ["Ba$$in", "A$AP_and_$ke", "a|b", "麻雀"]


@pytest.mark.parametrize("name", NAMES)
def test_a_class_name_is_text_in_a_figure(name: str) -> None:
    fig, ax = plt.subplots()
    plots.cosine_heatmap(ax, np.eye(1), [name.replace("_", "-")])
    grid = plots.picture_grid([[None]], [[name]])
    shown = [ax.get_xticklabels()[0], grid.axes[0].texts[0], fig.text(0, 0, plots.label(name))]
    for text, joint in zip(shown, "-  ", strict=True):
        wanted = name.replace("_", joint)
        assert text._preprocess_math(text.get_text()) == (wanted, False)


@pytest.mark.parametrize("name", ["long " * 60, "麻雀" * 60])
def test_a_long_name_pushes_no_picture_out(name: str) -> None:
    assert len(plots.label(name)) == 40
    text = plots.picture_grid([[None]], [[f"{name}\n0.50"]]).axes[0].texts[0].get_text()
    assert len(text.split("\n")) == plots.LINES + 1
    assert text.endswith("…\n0.50")


def test_a_diagram_stands_in_rows_and_columns_from_the_top() -> None:
    fig = plots.diagram([["a", "b"], ["", "c"]], [("a", "b", "c")], height=1)
    texts = fig.axes[0].texts
    places = {text.get_text(): text.get_position() for text in texts if text.get_text()}
    assert places == {
        "a": (0.8, 1.5),
        "b": (pytest.approx(2.4), 1.5),
        "c": (pytest.approx(2.4), 0.5),
    }
    assert sum(text.arrow_patch is not None for text in texts[3:]) == 2


def test_a_canvas_is_as_large_as_what_stands_on_it() -> None:
    """An inch stays an inch, and a margin is all that is around the outermost boxes."""
    fig = plots.schematic({"a": (0, 0), "b": (3, 1)}, [("a", "b")], frame=(1, -2, 2, 0))
    a, b = (text.get_bbox_patch().get_window_extent() for text in fig.axes[0].texts[:2])
    canvas, edge = fig.bbox, fig.dpi * plots.MARGIN
    assert (a.x0, canvas.x1 - b.x1, canvas.y1 - b.y1) == pytest.approx((edge,) * 3)
    assert a.y0 + a.height / 2 == pytest.approx(edge + 2 * fig.dpi)
    assert b.x0 + b.width / 2 - a.x0 - a.width / 2 == pytest.approx(3 * fig.dpi)


def test_of_many_families_an_even_choice_has_a_tick() -> None:
    _, ax = plt.subplots()
    plots.cosine_heatmap(ax, np.eye(50), [f"a kind{i}" for i in range(50)])
    shown = [tick.get_text() for tick in ax.get_yticklabels()]
    assert shown == [f"kind{i}" for i in range(0, 50, 3)]
    assert len(shown) <= plots.TICKS


def test_densities_have_area_one() -> None:
    _, ax = plt.subplots()
    plots.density(ax, np.linspace(0, 1, 11), {"some": np.array([0.1, 0.2, 0.9])})
    assert sum(bar.get_height() * bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert ax.get_legend_handles_labels()[1] == ["some"]


def test_a_log_scale_is_labelled_as_it_is_spoken() -> None:
    fig, ax = plt.subplots()
    ax.set_xlim(800, 200_000)
    plots.log_steps(ax)
    fig.canvas.draw()
    ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
    shown = [label.get_text() for x, label in ticks if 800 <= x <= 200_000]
    assert shown == ["1,000", "3,000", "10,000", "30,000", "100,000"]
