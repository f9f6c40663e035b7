"""The executed notebooks that GitHub shows: made from the sources, and proved to be theirs.

    python -m zslnb.notebook.pairing [--force] [10 14 ...]

executes, on the built-in benchmark and the CPU, the notebooks whose source has changed since.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from io import TextIOBase
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from zslnb.files import build_dir
from zslnb.notebook.sources import (
    NotebookError,
    Source,
    choose_sources,
    find_sources,
    notebooks_dir,
    to_notebook,
    to_text,
)

MAX_BYTES = 1_500_000
METADATA = {"kernelspec", "language_info", "zslnb"}
# an output with one of these differs between machines or runs
VOLATILE = re.compile(
    r"(?P<path>(?<![\w/.:])/(?:home|root|Users|tmp|work|mnt|opt|usr|var|private)/[^\s'\"]+"
    r"|\b[A-Z]:\\[^\s'\"]+)|(?P<address>\b0x[0-9a-f]{6,}\b)"
)


def execute(source: Source, timeout: float = 1800) -> NotebookNode:
    """Execute a source on the CPU and return its twin.

    Raises:
        NotebookError: a cell failed, or an output cannot be committed; the message says which.
    """
    notebook = to_notebook(source)
    build = build_dir()
    env = {"ZSLNB_DEVICE": "cpu", "ZSLNB_BUILD": str(build), "ZSLNB_RUNS": str(build / "twins")}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=timeout,
            resources={"metadata": {"path": folder}},
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],
        )
        try:
            client.execute(env=os.environ | env)
        except (CellExecutionError, DeadKernelError, TimeoutError) as error:
            raise NotebookError(f"{source.name}: {error}") from error
    notebook.metadata = to_notebook(source).metadata
    faults = [*twin_faults(source, notebook)]
    if faults:
        raise NotebookError(f"{source.name}: " + "\n  ".join(faults))
    return notebook


def make_twins(
    sources: Iterable[Source], *, force: bool = False, stream: TextIOBase = sys.stdout
) -> list[Source]:
    """Write the twins that are missing or stale (all, if forced); return those that failed."""
    failed = []
    for source in sources:
        if not force and not is_stale(source):
            continue
        start = time.monotonic()
        try:
            source.twin.write_text(to_text(execute(source)), encoding="utf-8", newline="\n")
        except NotebookError as error:
            failed.append(source)
            print(error, file=stream, flush=True)
        else:
            print(f"{source.twin.name}: {time.monotonic() - start:.0f} s", file=stream, flush=True)
    return failed


def is_stale(source: Source) -> bool:
    """Tell whether the twin is missing or was made from another text."""
    if not source.twin.is_file():
        return True
    metadata = nbformat.read(source.twin, as_version=4).metadata
    return metadata.get("zslnb") != to_notebook(source).metadata["zslnb"]


def pair_faults(source: Source, twin: NotebookNode) -> Iterator[str]:
    """Say where a twin's cells differ from its source: number, types, text, tags, ids."""
    expected = to_notebook(source)
    if len(expected.cells) != len(twin.cells):
        yield f"the source has {len(expected.cells)} cells, the twin {len(twin.cells)}"
    for number, (want, got) in enumerate(zip(expected.cells, twin.cells, strict=False), 1):
        for key in ("cell_type", "source", "metadata", "id"):
            if want[key] != got[key]:
                yield f"cell {number}: its {key} is not the source's"
    if twin.metadata.get("zslnb") != expected.metadata["zslnb"]:
        yield "it was not made from this source (run make pair)"


def twin_faults(source: Source, twin: NotebookNode) -> Iterator[str]:
    """Say why a twin must not be committed: everything `pair_faults` says, and its outputs.

    Cells must have run in order from 1; no error, no stderr, no widget, no path of a machine, no
    object address, no metadata that changes from run to run; and at most 1.5 MB.
    """
    yield from pair_faults(source, twin)
    if set(twin.metadata) != METADATA:
        yield f"its metadata holds {sorted(set(twin.metadata) ^ METADATA)} too much or too little"
    if len(to_text(twin).encode()) > MAX_BYTES:
        yield f"it is over {MAX_BYTES / 1e6} MB (use JPEG for sheets of images)"
    code = [c for c in twin.cells if c.cell_type == "code" and c.source.strip()]
    if [c.execution_count for c in code] != [*range(1, len(code) + 1)]:
        yield "its cells were not run in order from 1"
    for number, cell in enumerate(twin.cells, 1):
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


def main(argv: list[str] | None = None) -> int:
    """Make the stale twins; 0 if all could be made, 1 if one failed, 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m zslnb.notebook.pairing", description=__doc__)
    parser.add_argument("notebooks", nargs="*", help="numbers or names; all, if none is named")
    parser.add_argument("--force", action="store_true", help="execute those up to date as well")
    parser.add_argument("--folder", type=Path, default=None, help="folder of the notebooks")
    args = parser.parse_args(argv)
    try:
        folder = args.folder or notebooks_dir()
        sources = choose_sources(find_sources(folder), args.notebooks)
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if make_twins(sources, force=args.force) else 0


if __name__ == "__main__":
    sys.exit(main())
