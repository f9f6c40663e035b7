"""The executed notebooks that GitHub shows: made from the sources, and proved to be theirs."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from zslnb.errors import WorkError
from zslnb.files import build_dir, write_atomically
from zslnb.notebook.execute import RAN, Outcome, cells_of_source, execute
from zslnb.notebook.requests import PairRequest
from zslnb.notebook.sources import (
    EXECUTED,
    Source,
    choose_sources,
    find_sources,
    to_notebook,
    to_text,
)

MAX_BYTES = 1_500_000
METADATA = {"jupytext", "kernelspec", "language_info", "zslnb", EXECUTED}
# an output with one of these differs between machines or runs
VOLATILE = re.compile(
    r"(?P<path>(?<![\w/.:])/(?:home|root|Users|tmp|work|mnt|opt|usr|var|private)/[^\s'\"]+"
    r"|\b[A-Z]:\\[^\s'\"]+)|(?P<address>\b0x[0-9a-f]{6,}\b)"
)


def pair(request: PairRequest) -> None:
    """Write the executed notebooks that are missing or stale; one that fails stops no other.

    Raises:
        WorkError: naming those that failed; what was there of them stays.
    """
    failed = []
    for source in choose_sources(find_sources(request.folder), request.notebooks):
        if not request.force and not is_stale(source):
            continue
        try:
            outcome, notebook = executed(source, request.timeout)
            write_atomically(source.executed, to_text(notebook))
            print(outcome, flush=True)
        except WorkError as error:
            failed.append(source.name)
            print(error, flush=True)
    if failed:
        raise WorkError(f"{', '.join(failed)} could not be made, as said above.")


def executed(source: Source, timeout: float) -> tuple[Outcome, NotebookNode]:
    """Execute a source on the CPU; return how it went, and the notebook to commit.

    Raises:
        WorkError: a cell failed, or an output cannot be committed; the message says which.
    """
    notebook, outcome, build = to_notebook(source), Outcome(source.name), str(build_dir())
    env = {"ZSLNB_DEVICE": "cpu", "ZSLNB_BUILD": build, "ZSLNB_RUNS": f"{build}/pages"}
    with tempfile.TemporaryDirectory() as folder:
        result = execute(source, Path(folder), outcome, parameters={}, timeout=timeout, env=env)
        cells = cells_of_source(result)
    if outcome.status != RAN:
        raise WorkError(str(outcome))
    for cell, ran in zip(notebook.cells, cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    if faults := [*page_faults(source, notebook)]:
        raise WorkError(f"{source.name}: " + "\n  ".join(faults))
    return outcome, notebook


def is_stale(source: Source) -> bool:
    """Tell whether the executed notebook is missing, damaged or made from another text."""
    try:
        metadata = nbformat.read(source.executed, as_version=4).metadata
    except (FileNotFoundError, ValueError):
        return True
    return metadata.get(EXECUTED) != to_notebook(source).metadata[EXECUTED]


def pair_faults(source: Source, page: NotebookNode) -> Iterator[str]:
    """Say where an executed notebook differs from its source: cells, types, text, tags."""
    expected = to_notebook(source)
    if len(expected.cells) != len(page.cells):
        yield f"the source has {len(expected.cells)} cells, the notebook {len(page.cells)}"
    for number, (want, got) in enumerate(zip(expected.cells, page.cells, strict=False), 1):
        for key in ("cell_type", "source", "metadata", "id"):
            if want[key] != got[key]:
                yield f"cell {number}: its {key} is not the source's"
    keys = ("jupytext", "zslnb", EXECUTED)
    if any(page.metadata.get(key) != expected.metadata[key] for key in keys):
        yield "it was not made from this source (run make pair)"


def page_faults(source: Source, page: NotebookNode) -> Iterator[str]:
    """Say why a notebook must not be committed: everything `pair_faults` says, and its outputs.

    Cells must have run in order from 1; no error, no stderr, no widget, no path of a machine, no
    object address, no metadata that changes from run to run; and at most 1.5 MB.
    """
    yield from pair_faults(source, page)
    if set(page.metadata) != METADATA:
        yield f"its metadata holds {sorted(set(page.metadata) ^ METADATA)} too much or too little"
    if len(to_text(page).encode()) > MAX_BYTES:
        yield f"it is over {MAX_BYTES / 1e6} MB (use JPEG for sheets of images)"
    code = [c for c in page.cells if c.cell_type == "code" and c.source.strip()]
    if [c.execution_count for c in code] != [*range(1, len(code) + 1)]:
        yield "its cells were not run in order from 1"
    for number, cell in enumerate(page.cells, 1):
        for output in cell.get("outputs", ()):
            yield from (f"cell {number}: {fault}" for fault in _output_faults(output))


def _output_faults(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "error":
        yield f"it failed with {output.ename}: {output.evalue}"
    if output.get("name") == "stderr":
        yield f"it wrote to stderr: {output.text.strip()[:200]}"
    data = output.get("data", {})
    if any("widget" in kind for kind in data):
        yield "it shows a widget, which GitHub cannot"
    texts = [output.get("text", ""), *(v for k, v in data.items() if k.startswith("text/"))]
    for match in (m for text in texts for m in VOLATILE.finditer(str(text))):
        yield f"its output holds the {match.lastgroup} {match.group()!r}"
