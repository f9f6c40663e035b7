"""The executed notebooks: run in order, on the source they carry, fit to be committed."""

import re

import nbformat
import pytest
from nbformat.v4 import new_output
from test_page_sources import SOURCES, each_notebook

from zslnb import cli
from zslnb.errors import WorkError
from zslnb.notebook.pairing import (
    MAX_BYTES,
    is_stale,
    page_faults,
    pair,
)
from zslnb.notebook.requests import PairRequest
from zslnb.notebook.sources import EXECUTED, read_source, to_notebook


@each_notebook
def test_the_committed_notebook_is_executed_clean_and_small(name):
    source = SOURCES[name]
    assert source.executed.is_file(), "run make pair"
    assert source.executed.stat().st_size <= MAX_BYTES
    assert not [*page_faults(source, nbformat.read(source.executed, as_version=4))]


@pytest.fixture
def source(write_notebook):
    return read_source(write_notebook("10_topic", "print(1)", "2"))


@pytest.fixture
def page(source):
    """A notebook as if executed."""
    notebook = to_notebook(source)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    return notebook


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (new_output("error", ename="KeyError", evalue="x"), "failed with KeyError: x"),
        (new_output("stream", name="stderr", text="warning"), "stderr: warning"),
        (new_output("stream", text="saved in /home/someone/x.png"), "path '/home/someone/x.png'"),
        (new_output("stream", text=r"C:\Users\x"), r"path 'C:\\Users\\x'"),
        (new_output("stream", text="<object at 0x7f00deadbeef>"), "address '0x7f00deadbeef'"),
        (
            new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}}),
            "a widget",
        ),
    ],
)
def test_an_output_that_cannot_be_committed_is_found(source, page, output, says):
    page.cells[2].outputs = [output]
    (fault,) = page_faults(source, page)
    assert fault.startswith("cell 3: ")
    assert says in fault


def test_an_address_on_the_web_and_a_fraction_are_no_path(source, page):
    text = "see https://example.org/home/x, and/or 1/2, a/home/b"
    page.cells[2].outputs = [new_output("stream", text=text)]
    assert not [*page_faults(source, page)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda nb: nb.cells.pop(2), "the source has 4 cells, the notebook 3"),
        (lambda nb: nb.cells[2].update(source="print(3)"), "cell 3: its source"),
        (lambda nb: nb.cells[1].metadata.pop("tags"), "cell 2: its metadata"),
        (lambda nb: nb.cells[0].update(cell_type="raw"), "cell 1: its cell_type"),
        (lambda nb: nb.cells[2].update(id="other"), "cell 3: its id"),
        (lambda nb: nb.metadata[EXECUTED].update(source_sha256="0"), "not made from this source"),
        (lambda nb: nb.cells[2].update(execution_count=None), "not run in order"),
        (lambda nb: nb.cells[2].update(execution_count=7), "not run in order"),
        (lambda nb: nb.metadata.update(widgets={}), "widgets"),
        (lambda nb: nb.cells[2].metadata.update(execution={}), "metadata"),
        (
            lambda nb: nb.cells[2].outputs.append(new_output("stream", text="x" * MAX_BYTES)),
            "over 1.5 MB",
        ),
    ],
)
def test_a_notebook_that_is_not_as_it_was_made_is_found(source, page, change, says):
    assert not [*page_faults(source, page)]
    change(page)
    assert says in next(page_faults(source, page))


def test_notebooks_are_made_once_and_again_when_the_source_changes(write_notebook, build):
    cell = "import os\nprint(os.environ['ZSLNB_DEVICE'])"
    source = read_source(write_notebook("10_topic", cell))
    request = PairRequest(folder=source.path.parent)
    assert is_stale(source)
    pair(request)
    first = source.executed.read_bytes()
    assert not is_stale(source)
    assert nbformat.read(source.executed, as_version=4).cells[2].outputs[0].text == "cpu\n"
    pair(PairRequest(folder=source.path.parent, force=True))
    assert source.executed.read_bytes() == first
    assert is_stale(read_source(write_notebook("10_topic", cell, "2")))


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD\n{}\n"])
def test_a_damaged_notebook_is_stale(source, text):
    source.executed.write_text(text)
    assert is_stale(source)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("1 / 0", "10_topic FAILED in cell 3.*ZeroDivisionError"),
        ("import sys\nprint('x', file=sys.stderr)", "10_topic: cell 3: it wrote to stderr"),
    ],
)
def test_a_notebook_that_fails_leaves_the_last_good_one(write_notebook, build, capsys, cell, says):
    source = read_source(write_notebook("10_topic", cell))
    source.executed.write_text("the last good one")
    with pytest.raises(WorkError, match="10_topic could not be made"):
        pair(PairRequest(folder=source.path.parent, force=True))
    assert re.search(says, capsys.readouterr().out)
    assert source.executed.read_text() == "the last good one"


@pytest.mark.parametrize(
    ("options", "says"), [(["11"], "no notebook '11'"), (["--timeout", "0"], "above 0 seconds")]
)
def test_a_wrong_request_is_status_2(write_notebook, capsys, options, says):
    folder = write_notebook("10_topic").parent
    assert cli.main(["pair", *options, "--folder", str(folder)]) == 2
    assert says in capsys.readouterr().err
