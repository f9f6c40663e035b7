"""Each notebook is a pair: a source that jupytext leaves as it is, and a twin with its cells."""

import re
import shutil

import jupytext
import nbformat
import pytest
from conftest import ROOT
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.config import load_jupytext_config
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from zslnb.notebook.pairing import pair_faults
from zslnb.notebook.reproduce import check_parameters
from zslnb.notebook.sources import PARAMETERS, find_sources, read_source, to_notebook, to_text

FOLDER = ROOT / "notebooks"
SOURCES = {source.name: source for source in map(read_source, sorted(FOLDER.glob("*.py")))}
each_notebook = pytest.mark.parametrize("name", SOURCES)


def test_there_are_notebooks():
    assert find_sources(FOLDER)


def test_each_notebook_has_its_twin_and_each_twin_its_source():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*SOURCES}


@each_notebook
def test_source_and_twin_have_the_same_cells(name):
    assert SOURCES[name].twin.is_file(), "run make pair"
    twin = nbformat.read(SOURCES[name].twin, as_version=4)
    assert not [*pair_faults(SOURCES[name], twin)]


@each_notebook
def test_jupytext_would_write_the_source_as_it_is(name):
    path = SOURCES[name].path
    config = load_jupytext_config(str(path))
    text = jupytext.writes(jupytext.read(path), fmt="py:percent", config=config)
    assert text == path.read_text(encoding="utf-8")


@each_notebook
def test_parameters_are_five_literals_and_the_file_names_itself(name, tmp_path):
    source = SOURCES[name]
    defaults = dict.fromkeys(("benchmark", "semantics", "profile", "device"), "") | {"seeds": 5}
    assert {*defaults} == {*PARAMETERS}
    (tmp_path / "n.ipynb").write_text(to_text(to_notebook(source)))
    check_parameters(source, tmp_path / "n.ipynb", defaults)
    assert re.search(rf'lesson\.begin\(\s*"{name}", ', source.path.read_text(encoding="utf-8"))


def test_a_twin_with_other_cells_is_found_out(write_notebook):
    source = read_source(write_notebook("10_topic", "print(1)", "print(2)"))
    fine = to_notebook(source)
    assert not [*pair_faults(source, fine)]
    for change, says in (
        (lambda nb: nb.cells.pop(), "the source has 4 cells, the twin 3"),
        (lambda nb: nb.cells[2].update(source="print(3)"), "cell 3: its source"),
        (lambda nb: nb.cells[1].metadata.pop("tags"), "cell 2: its metadata"),
        (lambda nb: nb.cells[2].update(cell_type="markdown"), "cell 3: its cell_type"),
        (lambda nb: nb.cells[2].update(id="other"), "cell 3: its id"),
        (lambda nb: nb.metadata["zslnb"].update(source_sha256="0"), "not made from this source"),
    ):
        twin = to_notebook(source)
        change(twin)
        (fault,) = pair_faults(source, twin)
        assert says in fault


def test_saving_a_pair_in_lab_leaves_the_source_as_it_is(write_notebook):
    source = read_source(write_notebook("10_topic", "print(1)"))
    before = source.path.read_text()
    shutil.copy(FOLDER / "jupytext.toml", source.path.parent)
    source.twin.write_text(to_text(to_notebook(source)))
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(source.path.parent)
    model = manager.get("10_topic.ipynb")
    manager.save(model, "10_topic.ipynb")
    assert source.path.read_text() == before
    model["content"]["cells"][-1]["source"] = "print(2)"
    manager.save(model, "10_topic.ipynb")
    assert source.path.read_text() == before.replace("print(1)", "print(2)")
