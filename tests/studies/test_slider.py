"""`zslnb.studies.slider`: frames to look through, on a page of any size, without a kernel."""

import base64
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from toys import QUICK, toy

import zslnb
from zslnb import genzsl, studies
from zslnb.revcd import NoiseSchedule
from zslnb.studies.fidelity import WEIGHTS
from zslnb.studies.known_densities import FINER
from zslnb.studies.seen_bias import SHARES
from zslnb.studies.slider import Slider

BUDGET = 400_000  # bytes of HTML on one page


def trade(handicap: float) -> dict[str, float]:
    s, u = 0.9 - 0.5 * max(0.0, handicap), min(1.0, 0.3 + handicap)
    return {"S": s, "U": u, "H": 2 * s * u / (s + u)}


def handicaps() -> Slider:
    return studies.by_handicap(trade, 1.0)


def directions() -> Slider:
    bench = zslnb.load("aviary")
    raw = F.normalize(bench.semantics.double(), dim=1)
    return studies.by_directions(studies.ClassCosines(bench, raw))


def targets() -> Slider:
    bench = zslnb.load("aviary")
    chosen = bench.seen[: 2 * len(bench.unseen)].reshape(-1, 2)
    return studies.by_target(bench, chosen, torch.linspace(0, 0.9, len(chosen) * 2).view(-1, 2))


def weights() -> Slider:
    bench = toy()
    return studies.by_weight(bench, genzsl.prepare(bench, QUICK, 0))


def scales() -> Slider:
    classes = {"A": torch.tensor([[-0.3, 1.1], [0.7, -0.1]]), "B": torch.tensor([[1.4, 0.4]])}
    return studies.TiltedDensity(classes, 0.35, NoiseSchedule.cosine(30), samples=600).by_scale()


SLIDERS = {  # what makes it -> its label, what the control says, and what the first alt text says
    handicaps: (
        "Handicap of seen classes (cosine)",
        [f"{s:+.2f}" for s in SHARES],
        "S 90 %, U 24 %",
    ),
    directions: ("Directions removed", [*"012345"], "mean cosine of different classes is 0.53"),
    targets: ("Unseen class", None, "framed; its referents: "),
    weights: ("Weight λ of the boosting term", [f"{v:g}" for v in WEIGHTS.values()], "λ = 0: "),
    scales: ("Guidance scale", [f"{w:g}" for w in FINER], "of the tilted density"),
}  # fmt: skip


class Tags(HTMLParser):
    """The start tags of a page, with their attributes, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict[str, str | None]:
        (attributes,) = [attrs for name, attrs in self.found if name == tag]
        return attributes


SLOW = {scales: pytest.mark.slow}  # which draws most


@pytest.mark.parametrize("make", [pytest.param(m, marks=SLOW.get(m, ())) for m in SLIDERS])
def test_each_slider_has_its_frames_within_a_pages_budget(make: Callable[[], Slider], build):
    plt.close("all")
    slider = make()
    label, values, says = SLIDERS[make]
    bench = zslnb.load("aviary")
    named = [bench.class_names[c].replace("_", " ") for c in bench.unseen]
    assert slider.label == label
    assert [value for value, *_ in slider.frames] == (values or named)
    alts = [seen for _, seen, _ in slider.frames]
    assert says in alts[0]
    assert len({*alts}) == len(alts)
    assert all(value.lstrip("+0") in seen for value, seen, _ in slider.frames)
    assert len({png for *_, png in slider.frames}) == len(alts), "two frames look the same"
    page = slider._repr_html_()
    assert len(page) < BUDGET
    if make in (weights, scales):  # which train, and draw samples
        assert make()._repr_html_() == page
    words = re.sub(r"[\w+/=]{200,}", "", page)  # the pictures
    assert not re.search(r"//|<script|<link|@import| id=", words)
    assert not plt.get_fignums(), "a page would show these once more"


def frames(n: int):
    for i in range(n):
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, i])
        yield f'"{i}" <', f"A line to {i}, it's & that", fig


@pytest.mark.parametrize(("named", "control"), [(False, "input"), (True, "select")])
def test_a_page_shows_one_picture_and_a_labelled_control(named, control):
    slider = Slider("height & more", frames(3), 1, named=named)
    page = slider._repr_html_()
    tags = Tags(page)
    names = [tag for tag, _ in tags.found]
    assert names[:3] == ["figure", "label", control], "the label holds its control"
    assert "<label>height &amp; more: <" in page
    picture = tags.one("img")
    assert picture["alt"] == "A line to 1, it's & that"
    assert (picture["width"], picture["height"]) == ("300", "200")
    assert "max-width:100%" in picture["style"]
    held = json.loads(tags.one("figure")["data-frames"])
    assert held == [[*frame] for frame in slider.frames]
    assert picture["src"] == "data:image/png;base64," + held[1][2]
    assert Image.open(io.BytesIO(base64.b64decode(held[1][2]))).size == (450, 300)
    if named:
        options = [attrs for tag, attrs in tags.found if tag == "option"]
        assert [o["value"] for o in options if "selected" in o] == ["1"]
        assert page.count("&quot;2&quot; &lt;</option>") == 1
    else:
        wanted = {"type": "range", "min": "0", "max": "2", "value": "1"}
        assert wanted.items() <= tags.one("input").items()
        assert tags.one("input")["aria-valuetext"] == '"1" <: A line to 1, it\'s & that'
        assert "<b>&quot;1&quot; &lt;</b>" in page


def test_colours_are_those_of_the_figure_and_the_same_in_all_frames():
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(png)))
        for *_, png in Slider("height", frames(2)).frames
    ]
    first, second = (picture.getpalette() for picture in pictures)
    assert first == second
    corner = pictures[0].convert("RGB").getpixel((0, 0))
    assert min(corner) > 245, "white"


def test_words_stand_in_where_html_is_not_shown():
    assert repr(Slider("height", frames(3))) == "<Slider over height, 3 frames>"


def test_a_single_frame_is_refused():
    with pytest.raises(ValueError, match="needs two frames or more; give it more"):
        Slider("height", frames(1))
