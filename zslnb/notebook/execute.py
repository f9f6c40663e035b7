"""Execute one notebook with papermill, and say how it went: the only way notebooks are run here.

Each runs in a process of its own, so that one which fails, hangs or loses its kernel stops none
of the others; and it counts as run only if every code cell has.

The imports of a page take seconds. On Linux they are done once, in a server that imports and
computes nothing, and the processes are forked from it; elsewhere each process starts anew.
"""

import math
import multiprocessing
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode
from tqdm import tqdm

from zslnb.notebook.sources import Source, to_notebook, to_text

RAN, FAILED, TIMED_OUT, KILLED = "ran", "failed", "timed out", "killed"
SKIPPED, NOT_RUN, INTERRUPTED = "skipped", "not run", "interrupted"
POLL_SECONDS = 0.5
SIGKILL = getattr(signal, "SIGKILL", 9)  # Windows has none
FULL = 2**16  # bytes that are left on a disk which is as good as full
FOR_MEMORY = (
    "a process of it got SIGKILL, as the system does where memory runs out; close other programs, "
    "or let fewer processes compute (reproduce --jobs 1)"
)
OF_SIGKILL = re.compile(r"(DeadKernel|TerminatedWorker)Error: .*SIGKILL", re.DOTALL)
WEIGH_SECONDS = 3.0  # to add up what processes share walks their page tables: a tenth of a core
FORKS = sys.platform == "linux"  # libraries of other systems do not bear it
CONTEXT = multiprocessing.get_context("forkserver" if FORKS else "spawn")
CONTEXT.set_forkserver_preload(["zslnb.notebook.child", "zslnb.notebook.preloaded"])
LOOKING = threading.Lock()  # at processes: two threads that read one's exit status lose it


@dataclass
class Outcome:
    """How one notebook went.

    Attributes:
        status: "ran", "failed", "killed", "timed out", "interrupted", "skipped" or "not run".
        reason: what went wrong, or why it was skipped.
        cell: number of the cell that went wrong, counting the source's cells from 1.
        cells: code cells that ran.
        seconds: wall time.
        peak_memory: bytes, of the notebook's process tree, sampled every few seconds.
    """

    notebook: str
    status: str = NOT_RUN
    reason: str = ""
    cell: int | None = None
    cells: int = 0
    seconds: float = 0.0
    peak_memory: int = 0
    source_sha256: str = ""

    def __str__(self) -> str:
        """One line for the reader."""
        if self.status == SKIPPED:
            return f"{self.notebook} skipped: it {self.reason}."
        spent = f"{tqdm.format_interval(self.seconds)}, {self.peak_memory / 1e9:.1f} GB at most"
        if self.status == RAN:
            return f"{self.notebook} ran, {self.cells} cells, {spent}"
        where = f" in cell {self.cell}" if self.cell else ""
        return f"{self.notebook} {self.status.upper()}{where} ({spent}): {self.reason}"


def execute(
    source: Source,
    folder: Path,
    outcome: Outcome,
    *,
    parameters: Mapping[str, object],
    timeout: float,
    env: Mapping[str, str],
    tick: Callable[[], None] = lambda: None,
) -> Path:
    """Execute a notebook in a fresh kernel of this interpreter; its files go below `folder`.

    How it goes is written into `outcome`, whatever ends it; `tick` is called twice a second. The
    environment gets `env`, too. Returns the executed notebook's path, where there may be none.
    """
    name = source.name
    unexecuted, result = (folder / part / f"{name}.ipynb" for part in ("source", "notebooks"))
    log = folder / "logs" / f"{name}.log"
    for path in (unexecuted, result, log):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    unexecuted.write_text(to_text(to_notebook(source)), encoding="utf-8")
    # relative to the folder: papermill takes braces in a path for a template
    paths = {"input_path": f"source/{name}.ipynb", "output_path": f"notebooks/{name}.ipynb"}
    job = {**paths, "parameters": dict(parameters)}
    page = CONTEXT.Process(target=_page, args=(job, folder, log, os.environ | dict(env)))
    outcome.status, outcome.reason = INTERRUPTED, ""
    outcome.source_sha256 = source.sha256
    try:
        outcome.status = _run(page, outcome, timeout, tick)
    finally:
        _judge(outcome, result, log, timeout)
    return result


def warm_up(env: Mapping[str, str]) -> None:
    """Start the server, where there is to be one and none runs; `env` holds while it imports."""
    if not FORKS:
        return
    from multiprocessing.forkserver import ensure_running

    before = dict(os.environ)
    os.environ.update(env)
    try:
        ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _page(job: Mapping[str, object], folder: Path, log: Path, env: Mapping[str, str]) -> None:
    """Execute a notebook, in the process that is the page's own."""
    if hasattr(os, "setsid"):  # Windows has none
        os.setsid()  # Ctrl-C is for the runner, which then stops the notebook
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    with open(os.devnull, "rb") as nothing, log.open("wb") as output:
        for ours, number in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(ours.fileno(), number)
    from zslnb.notebook import child

    child.execute(job, forks=FORKS)


def _run(page: BaseProcess, outcome: Outcome, timeout: float, tick: Callable[[], None]) -> str:
    """Wait for papermill, note time and memory, and leave no process behind; return the status."""
    start, family, weighed = time.monotonic(), set(), -math.inf
    try:
        with LOOKING:
            page.start()
        family.add(child := psutil.Process(page.pid))
        while (status := _exit_status(page)) is None:
            with suppress(psutil.NoSuchProcess):
                family.update(child.children(recursive=True))
            if time.monotonic() - weighed > WEIGH_SECONDS:
                weighed = time.monotonic()
                outcome.peak_memory = max(outcome.peak_memory, sum(map(_memory, family)))
            outcome.seconds = round(time.monotonic() - start, 1)
            if outcome.seconds > timeout:
                return TIMED_OUT
            tick()
            wait([page.sentinel], POLL_SECONDS)
        return {0: RAN, -SIGKILL: KILLED}.get(status, FAILED)
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):  # an id that another process has now is none
                process.kill()
        if page.pid is not None:
            wait([page.sentinel])
            _exit_status(page)
        outcome.seconds = round(time.monotonic() - start, 1)


def _exit_status(page: BaseProcess) -> int | None:
    with LOOKING:
        return page.exitcode


def _memory(process: psutil.Process) -> int:
    """Bytes that a process takes; of what it shares with others, its part, where that is known."""
    try:
        return process.memory_full_info().pss if FORKS else process.memory_info().rss
    except psutil.Error:
        return 0


def _judge(outcome: Outcome, result: Path, log: Path, timeout: float) -> None:
    """Complete an outcome from what the notebook left; a cell that did not run is a failure."""
    cells = cells_of_source(result)
    outcome.cell, fault = _first_fault(cells, ended=outcome.status == RAN)
    before = cells[: outcome.cell - 1] if outcome.cell else cells
    outcome.cells = sum(cell.cell_type == "code" and _has_run(cell) for cell in before)
    if outcome.status == RAN and (fault or not cells):
        outcome.status = FAILED
    if outcome.status == FAILED:
        outcome.reason = fault or _last_line(log)
        if OF_SIGKILL.match(outcome.reason):
            outcome.status = KILLED
    if outcome.status == KILLED:
        outcome.reason = FOR_MEMORY
    elif outcome.status == TIMED_OUT:
        outcome.reason = f"stopped after {timeout:g} s; --timeout gives it longer"


def cells_of_source(result: Path) -> list[NotebookNode]:
    """Read an executed notebook's cells without those that papermill adds; none if it is cut."""
    added = {"injected-parameters", "papermill-error-cell-tag"}
    try:
        cells = nbformat.read(result, as_version=4).cells
    except (FileNotFoundError, ValueError):  # killed before it was written, or in between
        return []
    return [cell for cell in cells if not added & {*cell.metadata.get("tags", ())}]


def _errors(cell: NotebookNode) -> list[NotebookNode]:
    return [output for output in cell.outputs if output.output_type == "error"]


def _has_run(cell: NotebookNode) -> bool:
    return not _errors(cell) and cell.execution_count is not None


def _first_fault(cells: list[NotebookNode], ended: bool) -> tuple[int | None, str]:
    """Find the cell that failed; without an error, the last that started, or the first not run."""
    last = None
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for error in _errors(cell):
            return number, f"{error.ename}: {error.evalue}"
        if not _has_run(cell) and ended:
            return number, "did not run, although the notebook ended without an error"
        if cell.metadata.get("papermill", {}).get("start_time"):
            last = number
    return (None if ended else last), ""


def _last_line(log: Path) -> str:
    lines = [*filter(str.strip, log.read_text(encoding="utf-8", errors="replace").splitlines())]
    if not lines and shutil.disk_usage(log.parent).free < FULL:
        return "No space left on device, not even for the message of what failed"
    if not lines:
        return "its process ended without a message; was it stopped from outside?"
    return re.sub(r"^(\w+\.)+(?=\w+:)", "", lines[-1].strip())
