"""`zslnb.notebook.desk`: what a notebook shows, stores, and refuses."""

import json
import warnings
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch
from IPython.display import Image
from shared import tiny_arrays

from zslnb.datasets.bundle import file_sha256
from zslnb.notebook import desk
from zslnb.results.records import read_records
from zslnb.studies import style
from zslnb.studies.study import Drawn, Study


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    """Whatever the desk displays, in order."""
    objects: list = []
    monkeypatch.setattr(desk, "display", lambda *them: objects.extend(them))
    return objects


@pytest.fixture
def here(build: Path, bundle: Path, shown: list) -> desk.Desk:
    return desk.begin("10_topic", str(bundle), "", "smoke", 2, "cpu")


def contents(here: desk.Desk) -> dict:
    return json.loads((here.run_dir / "made" / f"{here.notebook}.json").read_text())


def kept(here: desk.Desk) -> list[dict]:
    return read_records(here.run_dir / "records.jsonl")


def test_begin_gives_what_a_notebook_works_on(here, build, shown):
    assert here.benchmark.name == "tiny"
    assert (here.profile, here.seeds, here.device) == ("smoke", range(2), torch.device("cpu"))
    assert here.run_dir == build / f"tiny-{here.benchmark.provenance['file_sha256'][:8]}-smoke"
    assert shown[0].data == (
        "**tiny**: 4 classes (2 seen, 2 unseen), 24 images, features 5-d, semantics words 3-d · "
        "profile smoke · 2 seeds · cpu"
    )


def test_two_bundles_of_one_name_have_a_folder_each(build, bundle, shown, tmp_path):
    other = tmp_path / "other" / bundle.name
    other.parent.mkdir()
    np.savez(other, **tiny_arrays() | {"words": np.ones((4, 3))})
    for path in (bundle, other):
        name = desk.begin("10_topic", str(path), "words").run_dir.name
        assert name == f"tiny-{file_sha256(path)[:8]}-words-smoke"


@pytest.mark.parametrize(
    ("asked", "prefer", "given"),
    [
        ("", "attributes", "attributes"),
        ("clip_text", "attributes", "clip_text"),
        ("", "sentences", "clip_text"),  # which the aviary does not have
    ],
)
def test_a_notebook_may_prefer_the_semantics_its_method_is_meant_for(
    build, shown, asked, prefer, given
):
    """What was asked for goes first; the run's name says what was asked for, and no more."""
    here = desk.begin("10_topic", "aviary", asked, prefer=("", prefer))
    assert here.benchmark.provenance["semantics"] == given
    assert here.run_dir.name == f"aviary-{asked}-smoke".replace("--", "-")


def test_a_notebook_may_prefer_features_too(build, shown, monkeypatch):
    """Where a benchmark has them; it need not have been given any other."""
    asked, load = [], desk.load
    monkeypatch.setattr(
        desk,
        "load",
        lambda name, **wishes: asked.append((name, *wishes.values())) or load("aviary"),
    )
    desk.begin("20_topic", "cub", prefer=("resnet101", ""))
    desk.begin("20_topic", "cub", "clip-text", prefer=("resnet101", "attributes"))
    desk.begin("20_topic", "aviary", prefer=("resnet101", "")).with_semantics("attributes")
    desk.begin("10_topic", "cub")
    assert asked == [
        ("cub", "resnet101", None),
        ("cub", "resnet101", "clip-text"),
        ("aviary", None, None),
        ("aviary", None, "attributes"),
        ("cub", None, None),
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"profile": "smok"}, "'smoke'"),
        ({"seeds": 0}, "1 or more"),
        ({"seeds": True}, "1 or more"),
        ({"device": "gpu"}, "Known: auto, cpu, cuda"),
        ({"device": "cuda:99"}, "is not there"),
        ({"device": "cpu:x"}, "Known: auto"),
        ({"benchmark": "avairy"}, "'aviary'"),
        ({"semantics": "word"}, "words"),
        ({"notebook": "10 topic"}, "letters, digits"),
    ],
)
def test_a_wrong_parameter_is_one_sentence_that_helps(build, bundle, shown, wrong, says):
    parameters = {"notebook": "10_topic", "benchmark": str(bundle)} | wrong
    with pytest.raises(ValueError, match=says):
        desk.begin(**parameters)


def test_a_missing_bundle_is_named(build, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        desk.begin("10_topic", str(tmp_path / "nowhere.npz"))


@pytest.mark.parametrize(("format", "magic"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff")])
@pytest.mark.parametrize("as_vectors", ["", "1"])
def test_a_figure_is_stored_shown_and_closed(here, shown, monkeypatch, format, magic, as_vectors):
    monkeypatch.setenv("ZSLNB_VECTORS", as_vectors)
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    here.figure(Drawn("line", fig, "It rises.", alt="A line that rises."), format=format)
    stored = (here.run_dir / "figures" / f"10_topic-line.{format}").read_bytes()
    image, caption = shown[1:]
    assert stored.startswith(magic)
    assert isinstance(image, Image)
    assert image.data == stored
    assert image._repr_mimebundle_()[1][f"image/{format}"] == {
        "alt": "A line that rises.",
        "width": 100 * fig.get_figwidth(),  # and as many rows as that leaves
    }
    with PIL.Image.open(BytesIO(stored)) as picture:
        assert picture.size == tuple(style.DPI * fig.get_size_inches())
    assert caption.data == "**Figure 1.** It rises."
    vectors = {path.suffix for path in here.run_dir.glob("figures/*")} - {f".{format}"}
    assert vectors == ({".svg", ".pdf"} if format == "png" and as_vectors else set())


def test_letters_that_no_font_has_are_said_once(here, shown):
    """A letter of a private area is in no font; other warnings still come through."""
    for text, warned in (("\ue123\ue124", True), ("auk", False)):
        fig, ax = plt.subplots()
        ax.set_title(text)
        here.figure(Drawn("name", fig, "A name.", alt="A word."))
        assert (desk.NO_FONT in shown[-1].data) == warned
    with pytest.warns(UserWarning, match="other"), desk._glyphs_missing() as missing:
        warnings.warn("other", stacklevel=1)
    assert not missing


@pytest.mark.parametrize(
    ("name", "format", "says"), [("line", "gif", "png"), ("../line", "png", "named with")]
)
def test_figures_refuse_names_and_formats_that_are_none(here, name, format, says):
    study = Drawn("line", plt.figure(), "", alt="Nothing.")
    with pytest.raises(ValueError, match=says):
        here.figure(study, name, format=format)


@pytest.mark.parametrize("alt", ["", "  ", "It rises."])
def test_a_figure_without_a_text_of_what_it_shows_is_refused(here, alt):
    study = Drawn("line", plt.figure(), "It rises.", alt=alt)
    with pytest.raises(ValueError, match="'line' needs a text `alt`"):
        here.figure(study)
    assert not [*here.run_dir.glob("figures/*")]


@pytest.mark.parametrize(
    ("width", "size", "says"),
    [(8.1, 9, "of 8.1 narrower"), (8, 8.5, "'0.5' at 8.5 points"), (8, 9, "")],
)
def test_what_a_page_would_show_too_small_is_refused(here, width, size, says):
    fig, ax = plt.subplots(figsize=(width, 2))
    ax.tick_params(labelsize=size)
    ax.set(xlim=(0, 1), xticks=[0.5], yticks=[])
    with pytest.raises(ValueError, match=says) if says else nullcontext():
        here.figure(Drawn("ticks", fig, "A tick.", alt="One tick."))
    assert bool([*here.run_dir.glob("figures/*")]) == (not says)


def test_a_table_is_stored_as_csv_and_markdown(here):
    frame = pd.DataFrame({"method": ["a|b", "c"], "H": [0.123456789, float("nan")]})
    text = here.table(frame, "results", "It wins.", headline=True).data
    assert text == (
        "**Table 1.** It wins.\n\n"
        "| method |      H |\n"
        "| ------ | -----: |\n"
        "| a\\|b   | 0.1235 |\n"
        "| c      |        |\n"
    )
    csv = (here.run_dir / "tables" / "10_topic-results.csv").read_text()
    assert csv == "method,H\na|b,0.123457\nc,\n"
    assert contents(here)["tables"]["results"]["headline"]


def test_a_named_index_is_a_column(here):
    frame = pd.DataFrame({"H": [1, 2]}, index=pd.Index(["x", "y"], name="method"))
    assert "| method |   H |" in here.table(frame, "results", "").data
    assert "method,H" in (here.run_dir / "tables" / "10_topic-results.csv").read_text()


def test_a_stored_table_takes_no_number_and_keeps_its_records(here):
    here.store(Doubled())
    stored = here.run_dir / "tables" / "10_topic-doubled"
    assert stored.with_suffix(".csv").is_file()
    assert stored.with_suffix(".md").is_file()
    assert len(kept(here)) == 1
    assert here.table(pd.DataFrame({"H": [1]}), "one", "").data.startswith("**Table 1.**")


def test_tables_keep_their_number_when_a_cell_runs_again(here):
    frame = pd.DataFrame({"H": [1]})
    captions = [here.table(frame, name, "").data[:12] for name in ("one", "two", "one")]
    assert captions == ["**Table 1.**", "**Table 2.**", "**Table 1.**"]


def test_records_are_one_line_an_id_in_order(here):
    here.keep([{"id": "b", "H": 2}, {"id": "a", "H": 1}])
    here.keep([{"id": "a", "H": 1}])
    assert (here.run_dir / "records.jsonl").read_text().splitlines() == [
        '{"H": 1, "id": "a", "notebook": "10_topic"}',
        '{"H": 2, "id": "b", "notebook": "10_topic"}',
    ]
    with pytest.raises(ValueError, match="needs an 'id'"):
        here.keep([{"H": 1}])


def test_one_experiment_may_be_a_row_of_several_tables_and_notebooks(here, bundle):
    other = desk.begin("11_other", str(bundle))
    rows = [(here, "ours", "main"), (here, "reference", "main"), (other, "ours", "main")]
    rows += [(here, "ours", "ablations"), (here, "ours", "main")]
    for page, row, table in rows:
        page.keep([{"id": "a", "row": row, "table": table}])
    uses = [(r["notebook"][:2], r["row"], r["table"]) for r in kept(here)]
    assert sorted(uses) == [
        ("10", "ours", "ablations"), ("10", "ours", "main"), ("10", "reference", "main"),
        ("11", "ours", "main"),
    ]  # fmt: skip


def test_a_killed_neighbours_half_record_is_named_and_set_aside(here, bundle):
    """It stops nobody; its own notebook makes it anew."""
    here.keep([{"id": "a"}, {"id": "b"}])
    path = here.run_dir / "records" / "10_topic.jsonl"
    path.write_text(path.read_text()[:-9])
    says = r"Line 2 of 10_topic\.jsonl is damaged.*run 10_topic again"
    with pytest.warns(UserWarning, match=says):
        other = desk.begin("11_other", str(bundle))
    other.keep([{"id": "c"}])
    assert [r["id"] for r in kept(here)] == ["c"]
    aside = path.with_name("10_topic.jsonl.damaged")
    assert aside.is_file()
    desk.begin("10_topic", str(bundle)).keep([{"id": "a"}])
    assert [r["id"] for r in kept(here)] == ["a", "c"]
    assert not aside.exists()


def test_every_benchmark_that_was_loaded_is_noted_once(build, shown):
    here = desk.begin("10_topic", "aviary")
    for kind in ("attributes", "attributes", "clip_text"):
        here.with_semantics(kind)
    here.keep([{"id": "a", "benchmark": {"name": "cub", "features": "resnet101", "sha256": "x"}}])
    benchmarks = contents(here)["benchmarks"].values()
    noted = sorted((b["name"], b.get("semantics", b.get("features"))) for b in benchmarks)
    assert noted == [("aviary", "attributes"), ("aviary", "clip_text"), ("cub", "resnet101")]


def test_a_second_run_replaces_what_the_first_left_and_nothing_else(here, bundle):
    other = desk.begin("11_other", str(bundle))
    for page, key in ((here, "a"), (other, "b")):
        page.keep([{"id": key}])
        page.table(pd.DataFrame({"H": [1]}), "results", "")
    desk.begin("10_topic", str(bundle))
    tables = {path.name for path in (here.run_dir / "tables").iterdir()}
    assert tables == {"11_other-results.csv", "11_other-results.md"}
    assert kept(here) == [{"id": "b", "notebook": "11_other"}]


class Doubled(Study):
    """A study of one record."""

    name, headline = "doubled", True
    records = ({"id": "a", "value": 2},)

    def table(self):
        return pd.DataFrame({"value": [2 * r["value"] for r in self.records]})

    def caption(self):
        return "Twice the value."

    def figure(self):
        return plt.figure(figsize=(1, 1))

    def finding(self):
        return "It is four."

    def alt(self):
        return "Nothing yet."


def test_a_study_brings_its_name_its_words_and_its_records(here):
    table, open_before = here.table(Doubled()), plt.get_fignums()
    here.figure(Doubled())
    assert plt.get_fignums() == open_before
    assert "**Table 1.** Twice the value." in table.data
    assert (here.run_dir / "tables" / "10_topic-doubled.csv").read_text() == "value\n4\n"
    assert (here.run_dir / "figures" / "10_topic-doubled.png").is_file()
    assert contents(here)["tables"]["doubled"]["headline"]
    assert contents(here)["figures"]["doubled"]["caption"] == "It is four."
    assert [r["id"] for r in kept(here)] == ["a"]
    with pytest.raises(NotImplementedError, match="Study has no table"):
        here.table(Study())
