"""Run the notebooks.

Every parameter is checked before anything starts. Each notebook then runs in a process of its
own, so that one which fails, hangs or loses its kernel stops none of the others; and a notebook
counts as run only if every code cell has. A manifest beside the results says what they came
from. For a published benchmark its data are brought first; "all" takes one after
another. The exit status is 0 if all ran, 1 if one did not, 2 for a bad input, 130 after Ctrl-C.
"""

import argparse
import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import TextIOBase
from pathlib import Path

import nbformat
import psutil
import torch
from nbformat import NotebookNode
from papermill import inspect_notebook

from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.datasets.published import known_semantics
from zslnb.datasets.published_files import WITH_PICTURES
from zslnb.device import choose_device
from zslnb.encode.requests import DataRequest
from zslnb.errors import RequestError, WorkError, unknown_name
from zslnb.files import build_dir, repository_root, run_dir
from zslnb.notebook.desk import PROFILES, check_settings
from zslnb.notebook.manifest import (
    FAILED,
    INTERRUPTED,
    RAN,
    SKIPPED,
    TIMED_OUT,
    Outcome,
    describe,
    headline_tables,
    past_seconds,
    record,
    write_manifest,
)
from zslnb.notebook.progress import Progress, foretold, sentence
from zslnb.notebook.sources import (
    PARAMETERS,
    NotebookError,
    Source,
    choose_sources,
    find_sources,
    notebooks_dir,
    to_notebook,
    to_text,
)
from zslnb.studies.published_data import bring_data

TIMEOUTS = {"smoke": 1800.0, "medium": 4 * 3600.0, "full": 48 * 3600.0}
POLL_SECONDS = 0.5
CHILD = "import json, papermill, sys; papermill.execute_notebook(**json.load(open(sys.argv[1])))"


@dataclass(frozen=True)
class Request:
    """What to run, on what.

    Attributes:
        benchmark, semantics, profile, seeds, device: as `zslnb.notebook.desk.begin` takes them.
        extra: further parameters by name; each notebook chosen must have them.
        notebooks: numbers or names; all that apply, if there is none.
        folder: where the notebooks are; the repository's, if None.
        timeout: seconds for one notebook; the profile's, if None.
    """

    benchmark: str = "aviary"
    semantics: str = ""
    profile: str = "smoke"
    seeds: int = 5
    device: str = "auto"
    extra: Mapping[str, object] = field(default_factory=dict)
    notebooks: tuple[str, ...] = ()
    folder: Path | None = None
    timeout: float | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """What a notebook gets: a bundle's path made absolute, and the rest as it is."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        if self.benchmark.endswith(".npz"):
            values["benchmark"] = str(Path(self.benchmark).expanduser().resolve())
        return values | dict(self.extra)


@dataclass
class Plan:
    """A checked request: the benchmark is there, and every notebook takes its parameters."""

    request: Request
    benchmark: Benchmark
    device: torch.device
    sources: list[Source]
    outcomes: dict[str, Outcome]
    run_dir: Path
    expected: dict[str, float | None]
    complete: bool


def prepare(request: Request) -> Plan:
    """Check everything that can be checked before a notebook starts, and make its files.

    Raises:
        NotebookError: an unknown notebook or parameter, or a value of the wrong type.
        ValueError: a setting or a benchmark that cannot be (`BenchmarkError`).
        FileNotFoundError: no bundle at that path.
    """
    check_settings(request.profile, request.seeds)
    device = choose_device(request.device)
    everything = find_sources(request.folder or notebooks_dir())
    chosen = choose_sources(everything, request.notebooks)
    benchmark = load(str(request.parameters["benchmark"]), semantics=request.semantics or None)
    folder = run_dir(benchmark.name, request.semantics, request.profile)
    outcomes = {s.name: Outcome(s.name, source_sha256=s.sha256) for s in chosen}
    for source in chosen:
        if reason := source.unmet(benchmark):
            outcomes[source.name].status, outcomes[source.name].reason = SKIPPED, reason
    applicable = [s for s in chosen if outcomes[s.name].status != SKIPPED]
    for source in applicable:
        check_parameters(source, write_source(source, folder), request.parameters)
    expected = expected_seconds(applicable, folder)
    complete = len(chosen) == len(everything)
    return Plan(request, benchmark, device, applicable, outcomes, folder, expected, complete)


def expected_seconds(sources: Iterable[Source], folder: Path) -> dict[str, float | None]:
    """Say how long each notebook took in the last such run; None if there was none.

    A first run takes what the sources declare, on the built-in benchmark in the smallest profile.
    """
    past, declared = past_seconds(folder), folder.name == run_dir("aviary", "", "smoke").name
    return {s.name: past.get(s.name, s.seconds if declared else None) for s in sources}


def write_source(source: Source, folder: Path) -> Path:
    """Write a source as the `.ipynb` that papermill reads."""
    path = folder / "source" / f"{source.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_text(to_notebook(source)), encoding="utf-8")
    return path


def check_parameters(source: Source, notebook: Path, parameters: Mapping[str, object]) -> None:
    """Check names and types against a notebook's `parameters` cell, which papermill does not.

    Raises:
        NotebookError: the notebook has no such parameter, or its value has another type.
    """
    known = {name: said["default"] for name, said in inspect_notebook(str(notebook)).items()}
    for name, value in parameters.items():
        if name not in known:
            raise NotebookError(f"{source.name}: {unknown_name('parameter', name, known)}")
        default = _literal(known[name])
        if not _fits(value, default):
            raise NotebookError(
                f"{source.name}: parameter {name!r} is of type {type(default).__name__}, "
                f"as in {name} = {known[name]}; it cannot be {value!r}."
            )


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _fits(value: object, default: object) -> bool:
    if default is None:
        return True
    if type(default) is float:
        return type(value) in (int, float)
    return type(value) is type(default)


def run(plan: Plan, stream: TextIOBase = sys.stdout) -> list[Outcome]:
    """Run a plan's notebooks one after another, and keep the manifest up to date.

    Raises:
        KeyboardInterrupt: after the notebook in progress was stopped and the manifest written.
    """
    progress = Progress(plan.run_dir.name, plan.expected, stream)
    manifest = describe_run(plan)
    outcomes = [*plan.outcomes.values()]
    timeout = plan.request.timeout or TIMEOUTS[plan.request.profile]
    progress.skipped(outcomes)
    try:
        for source in plan.sources:
            outcome = plan.outcomes[source.name]
            progress.start(source.name)
            run_notebook(source, plan, outcome, timeout, progress.tick)
            progress.finish(outcome)
            write_manifest(plan.run_dir, manifest, outcomes, progress.elapsed)
    finally:
        write_manifest(plan.run_dir, manifest, outcomes, progress.elapsed)
    return outcomes


def describe_run(plan: Plan) -> dict:
    """Say what a run's results come from: code, versions, machine, data, parameters."""
    request = plan.request
    return {
        "run": plan.run_dir.name,
        **describe(plan.benchmark, plan.device),
        "profile": request.profile,
        "seeds": [*range(request.seeds)],
        "device_asked": request.device,
        "parameters": dict(request.extra),
        "complete": plan.complete,
    }


def run_notebook(
    source: Source,
    plan: Plan,
    outcome: Outcome,
    timeout: float,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run one notebook in a process of its own, and write into `outcome` how it went."""
    start = time.monotonic()
    log = plan.run_dir / "logs" / f"{source.name}.log"
    result = plan.run_dir / "notebooks" / f"{source.name}.ipynb"
    for path in (log, result):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
    outcome.status = INTERRUPTED
    child = _start(source, plan, log)
    try:
        for outcome.peak_memory in _peaks(child):
            outcome.seconds = round(time.monotonic() - start, 1)
            if outcome.seconds > timeout:
                outcome.status = TIMED_OUT
                break
            tick()
        else:
            outcome.status = RAN if child.returncode == 0 else FAILED
    finally:
        _kill_tree(child)
        outcome.seconds = round(time.monotonic() - start, 1)
        _judge(outcome, result, log, timeout)


def _start(source: Source, plan: Plan, log: Path) -> subprocess.Popen:
    name = f"{source.name}.ipynb"
    # relative to the run's folder: papermill takes braces in a path for a template
    job = {
        "input_path": f"source/{name}",
        "output_path": f"notebooks/{name}",
        "parameters": plan.request.parameters,
        "progress_bar": False,
    }
    path = plan.run_dir / "source" / f"{source.name}.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    env = {"ZSLNB_BUILD": str(build_dir()), "ZSLNB_RUNS": str(plan.run_dir.parent)}
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, f"source/{path.name}"],
            cwd=plan.run_dir,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the runner, which then stops the notebook
        )


def _peaks(child: subprocess.Popen) -> Iterator[int]:
    """Give the greatest memory so far, twice a second, until the child ends."""
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(_memory(process) for process in _tree(child.pid)))
        yield peak
        try:
            child.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _kill_tree(child: subprocess.Popen) -> None:
    for process in _tree(child.pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    child.wait()


def _judge(outcome: Outcome, result: Path, log: Path, timeout: float) -> None:
    """Complete an outcome from what the notebook left; a cell that did not run is a failure."""
    cells = _own_cells(result)
    outcome.cell, fault = _first_fault(cells, ended=outcome.status == RAN)
    before = [cell for number, cell in cells if number < (outcome.cell or len(cells) + 1)]
    outcome.cells = sum(cell.cell_type == "code" and _has_run(cell) for cell in before)
    if outcome.status == RAN and (fault or not cells):
        outcome.status = FAILED
    if outcome.status == FAILED:
        outcome.reason = fault or _last_line(log)
    elif outcome.status == TIMED_OUT:
        outcome.reason = f"stopped after {timeout:g} s"


def _own_cells(result: Path) -> list[tuple[int, NotebookNode]]:
    """Read an executed notebook's cells, numbered as in its source."""
    if not result.is_file():
        return []
    added = {"injected-parameters", "papermill-error-cell-tag"}
    try:
        cells = nbformat.read(result, as_version=4).cells
    except ValueError:  # killed while it was being written
        return []
    own = [cell for cell in cells if not added & {*cell.metadata.get("tags", ())}]
    return [*enumerate(own, 1)]


def _has_run(cell: NotebookNode) -> bool:
    errors = [output for output in cell.outputs if output.output_type == "error"]
    return not errors and cell.execution_count is not None


def _first_fault(cells: list[tuple[int, NotebookNode]], ended: bool) -> tuple[int | None, str]:
    """Find the cell that failed; without an error, the last that started, or the first not run."""
    last = None
    for number, cell in cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                return number, f"{output.ename}: {output.evalue}"
        if not _has_run(cell) and ended:
            return number, "did not run, although the notebook ended without an error"
        if cell.metadata.get("papermill", {}).get("start_time"):
            last = number
    return (None if ended else last), ""


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    said = [line for line in lines if line and "IPKernelApp] WARNING" not in line]
    last = said[-1] if said else "its process ended without a message; was it stopped from outside?"
    return re.sub(r"^(\w+\.)+(?=\w+:)", "", last)


def report(plan: Plan, stream: TextIOBase = sys.stdout) -> None:
    """Print the headline tables, what did not run, and where everything is."""
    ran = [name for name, outcome in plan.outcomes.items() if outcome.status == RAN]
    for path in headline_tables(plan.run_dir, ran):
        print(f"\n{path.read_text(encoding='utf-8').rstrip()}", file=stream)
    print(file=stream)
    for outcome in plan.outcomes.values():
        if outcome.status not in (RAN, SKIPPED):
            print(f"{sentence(outcome)}", file=stream)
            print(f"    log: {plan.run_dir / 'logs' / outcome.notebook}.log", file=stream)
    for what in ("tables", "figures", "notebooks", "manifest.json"):
        if (plan.run_dir / what).exists():
            print(f"{what.removesuffix('.json'):10}{plan.run_dir / what}", file=stream)


def parse(argv: list[str] | None) -> tuple[Request, str]:
    """Read the command line: what to run, and whether to "run", "record" or only "describe" it."""
    parser = argparse.ArgumentParser(
        prog="python -m zslnb.notebook.reproduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--benchmark", default="aviary", help='name, path of an .npz bundle, or "all" published'
    )
    parser.add_argument("--semantics", default="", help="which semantics; the default if empty")
    parser.add_argument("--profile", default="smoke", help=", ".join(PROFILES))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--notebooks", nargs="+", default=[], help="numbers or names; else all")
    parser.add_argument("--folder", type=Path, help="folder of the notebooks")
    parser.add_argument("--timeout", type=float, help="seconds for one notebook")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further parameter of the notebooks; VALUE is a Python literal or a string",
    )
    tasks = parser.add_mutually_exclusive_group()
    task = {"action": "store_const", "dest": "task", "default": "run"}
    tasks.add_argument("--record", const="record", help="promote the last such run", **task)
    tasks.add_argument("--dry-run", const="describe", help="say what would be done", **task)
    args = vars(parser.parse_args(argv))
    extra = dict(assignment(text) for text in args.pop("parameter"))
    task = args.pop("task")
    return Request(**args | {"extra": extra, "notebooks": tuple(args["notebooks"])}), task


def assignment(text: str) -> tuple[str, object]:
    """Read NAME=VALUE; a value that is no Python literal is a string.

    Raises:
        NotebookError: there is no "=".
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise NotebookError(f"A parameter is given as NAME=VALUE; {text!r} is not.")
    return name.strip(), _literal(value.strip())


def main(argv: list[str] | None = None, results: Path | None = None) -> int:
    """Run, record or describe what the command line asks for; return the exit status."""
    try:
        request, task = parse(argv)
        published = request.benchmark in (*WITH_PICTURES, "all")
        chosen = _choose(request, published)
        if task == "describe" and not published:
            load(str(request.parameters["benchmark"]), semantics=request.semantics or None)
    except (ValueError, OSError) as error:
        return _refuse(error)
    names = WITH_PICTURES if request.benchmark == "all" else (request.benchmark,)
    status = 0
    if published and task != "record":
        status = _bring_data(request, dry_run=task == "describe")
    if task == "describe":
        for name in names:
            _describe(replace(request, benchmark=name), chosen)
        return status
    if status in (2, 130) or (status and len(names) == 1):
        return status
    for name in names:
        one = replace(request, benchmark=name)
        status = max(status, _record(one, results) if task == "record" else _run(one))
        if status == 130:
            break
    return status


def _choose(request: Request, published: bool) -> list[Source]:
    """Choose the notebooks, and check before hours of data all that needs no data."""
    check_settings(request.profile, request.seeds)
    chosen = choose_sources(find_sources(request.folder or notebooks_dir()), request.notebooks)
    if published:
        if request.semantics:
            known_semantics(request.semantics)
        with tempfile.TemporaryDirectory() as folder:
            for source in chosen:
                check_parameters(source, write_source(source, Path(folder)), request.parameters)
    return chosen


def _describe(request: Request, chosen: Iterable[Source]) -> None:
    """Say how many notebooks would run, and for how long if that is known."""
    applicable = [s for s in chosen if s.needs != "aviary" or request.benchmark == "aviary"]
    folder = run_dir(Path(request.benchmark).stem, request.semantics, request.profile)
    print(f"{folder.name}: {foretold(expected_seconds(applicable, folder))}.")


def _bring_data(request: Request, *, dry_run: bool) -> int:
    """Bring a published benchmark, or say what that would take."""

    try:
        bring_data(DataRequest(request.benchmark, device=request.device, dry_run=dry_run))
    except (WorkError, RequestError) as error:
        print(f"zslnb: {error}", file=sys.stderr)
        return 2 if isinstance(error, RequestError) else 1
    return 0


def _refuse(error: Exception) -> int:
    print(f"zslnb: {error}", file=sys.stderr)
    return 2


def _record(request: Request, results: Path | None) -> int:
    """Promote the last such run."""
    try:
        plan = prepare(request)
        target = record(plan.run_dir, results or (repository_root() or Path.cwd()) / "results")
    except (ValueError, OSError) as error:
        return _refuse(error)
    print(f"Recorded in results/{target.name}.")
    return 0


def _run(request: Request) -> int:
    """Run the notebooks on one benchmark."""
    try:
        plan = prepare(request)
    except (ValueError, OSError) as error:
        return _refuse(error)
    try:
        outcomes = run(plan)
    except KeyboardInterrupt:
        print(f"\nInterrupted; what was done is in {plan.run_dir / 'manifest.json'}")
        return 130
    report(plan)
    return 0 if all(outcome.status in (RAN, SKIPPED) for outcome in outcomes) else 1


if __name__ == "__main__":
    # a shell that starts this in the background has Ctrl-C ignored; both stop a run in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
