"""Run the notebooks on a benchmark: `zslnb reproduce`; and promote a run: `zslnb record`.

Every parameter is checked before anything starts. A manifest beside the results says what they
came from. For a published benchmark its data are brought first; "all" takes one after another.
"""

import ast
import os
import re
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from io import TextIOBase
from pathlib import Path

import joblib
import psutil
from tqdm import tqdm

from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.datasets.published import known_semantics
from zslnb.datasets.published_files import WITH_PICTURES
from zslnb.device import choose_device
from zslnb.encode.requests import DataRequest
from zslnb.errors import RequestError, WorkError, unknown_name
from zslnb.experiments.memo import cluster
from zslnb.files import build_dir, claimed, repository_dir, run_dir
from zslnb.notebook.execute import (
    FAILED,
    INTERRUPTED,  # what each is until it has ended
    KILLED,
    RAN,
    SKIPPED,
    TIMED_OUT,
    Outcome,
    execute,
    warm_up,
)
from zslnb.notebook.manifest import (
    describe,
    headline_tables,
    past_seconds,
    record,
    write_crate,
    write_manifest,
)
from zslnb.notebook.parameters import PARAMETERS, check_settings, run_folder
from zslnb.notebook.requests import RecordRequest, ReproduceRequest
from zslnb.notebook.sources import Source, choose_sources, find_sources, to_notebook
from zslnb.results.records import merge_records

TIMEOUTS = {"smoke": 1800.0, "medium": 4 * 3600.0, "full": 48 * 3600.0}
BAR = "{desc}{percentage:3.0f}% |{bar}| {elapsed}, about {remaining} to go"
KEPT = ("records", "models", "studies")  # of build/: what is computed once
ENDED_BADLY = (FAILED, KILLED, TIMED_OUT)
TICK_SECONDS = 0.5
MOST_PAGES, MEMORY_OF_PAGE = 4, 1.5e9  # bytes


@dataclass
class Plan:
    """A checked request: the benchmark is there, and every notebook takes its parameters."""

    request: ReproduceRequest
    benchmark: Benchmark
    sources: list[Source]  # those that run
    outcomes: dict[str, Outcome]  # of those that are skipped, too
    run_dir: Path


def reproduce(request: ReproduceRequest) -> None:
    """Run the notebooks on each benchmark that is asked for, or say what that would take.

    Raises:
        RequestError: something is asked for that cannot be; nothing was started.
        FileNotFoundError: no bundle at that path, or data that are not here.
        WorkError: a notebook, or the data of a benchmark, failed.
    """
    sources = check(request)
    with cluster(request.scheduler):
        pass  # somebody answers there
    if request.benchmark in (*WITH_PICTURES, "all"):
        _bring(request)

    def run_or_foretell(each: ReproduceRequest) -> None:
        if request.dry_run:
            print(outlook(each, sources))
        else:
            _run_on(each)

    _for_each_benchmark(request, run_or_foretell, "finished")


def _for_each_benchmark(
    request: ReproduceRequest | RecordRequest, do: Callable[..., None], done: str
) -> None:
    """Do it for each benchmark that is asked for; of several, one may fail.

    Raises WorkError that names those which could not be `done`; for a single one its own error.
    """
    requests = [replace(request, benchmark=name) for name in _names(request.benchmark)]
    failed = []
    for each in requests:
        try:
            do(each)
        except (RequestError, WorkError, OSError) as error:
            if len(requests) == 1:
                raise
            failed.append(each.benchmark)
            print(f"zslnb: {each.benchmark}: {error}", file=sys.stderr, flush=True)
    if failed:
        raise WorkError(f"{', '.join(failed)} could not be {done}, as said above.")


def check(request: ReproduceRequest) -> list[Source]:
    """Choose the notebooks, and check all that needs no data, which can take hours to come."""
    check_settings(request.profile, request.seeds, request.device)
    chosen = choose_sources(find_sources(request.folder), request.notebooks)
    if request.semantics and request.benchmark in (*WITH_PICTURES, "all"):
        known_semantics(request.semantics)
    for source in chosen:
        check_parameters(source, parameters(request))
    return chosen


def _bring(request: ReproduceRequest) -> None:
    """Bring published benchmarks, or say what that would take; of all, one may fail."""
    from zslnb.studies.published_data import bring_data  # here: it imports open_clip for seconds

    try:
        bring_data(DataRequest(request.benchmark, device=request.device, dry_run=request.dry_run))
    except WorkError as error:
        if request.benchmark != "all":
            raise
        print(f"zslnb: {error}", file=sys.stderr, flush=True)


def outlook(request: ReproduceRequest, chosen: Iterable[Source]) -> str:
    """Say how many notebooks would run, and for how long if that is known."""
    if request.benchmark in WITH_PICTURES:  # which may not be here yet
        sources = [source for source in chosen if source.needs.kind != "aviary"]
        folder = run_dir(request.benchmark, request.semantics, request.profile)
    else:
        plan = prepare(request)
        sources, folder = plan.sources, plan.run_dir
    at_once = pages_at_once(request, len(sources))
    return f"{folder.name}: {foretold(expected_seconds(sources, folder), at_once)}."


def _names(benchmark: str) -> tuple[str, ...]:
    return WITH_PICTURES if benchmark == "all" else (benchmark,)


def parameters(request: ReproduceRequest) -> dict[str, object]:
    """What a notebook gets: a bundle's path made absolute, and the rest as it is."""
    values = {name: getattr(request, name) for name in PARAMETERS}
    return values | {"benchmark": _absolute(request.benchmark)}


def _load(request: ReproduceRequest | RecordRequest) -> tuple[Benchmark, Path]:
    """Load a benchmark; return it, and the folder of its runs."""
    benchmark = load(_absolute(request.benchmark), semantics=request.semantics or None)
    return benchmark, run_folder(benchmark, request.semantics, request.profile)


def _absolute(benchmark: str) -> str:
    """Make a bundle's path absolute, since a notebook runs in another folder."""
    return str(Path(benchmark).expanduser().resolve()) if benchmark.endswith(".npz") else benchmark


def prepare(request: ReproduceRequest) -> Plan:
    """Check everything that can be checked before a notebook starts; raises as `reproduce`."""
    chosen = check(request)
    benchmark, folder = _load(request)
    outcomes = {source.name: Outcome(source.name) for source in chosen}
    for source in chosen:
        if reason := source.needs.unmet(benchmark):
            outcomes[source.name] = Outcome(source.name, SKIPPED, reason)
    sources = [source for source in chosen if outcomes[source.name].status != SKIPPED]
    return Plan(request, benchmark, sources, outcomes, folder)


def expected_seconds(sources: Iterable[Source], folder: Path) -> dict[str, float | None]:
    """Say how long each notebook took in the last such run; None if there was none.

    A first run takes what the sources declare, on the built-in benchmark in the smallest profile.
    """
    past, declared = past_seconds(folder), folder.name == run_dir("aviary", "", "smoke").name
    return {s.name: past.get(s.name, s.seconds if declared else None) for s in sources}


def foretold(expected: Mapping[str, float | None], at_once: int) -> str:
    """Say how many notebooks there are, and how long they will take as far as that is known."""
    notebooks = f"{len(expected)} notebook{'s' * (len(expected) != 1)}"
    if None in expected.values():
        return f"{notebooks}, time not known before a first run here"
    seconds = max([sum(expected.values()) / at_once, *expected.values()])
    return f"{notebooks}, about {tqdm.format_interval(seconds)}"


def check_parameters(source: Source, parameters: Mapping[str, object]) -> None:
    """Check names and types against a notebook's `parameters` cell, which papermill does not."""
    cells = [c for c in to_notebook(source).cells if "parameters" in c.metadata.get("tags", ())]
    lines = [line for cell in cells for line in ast.parse(cell.source).body]
    defaults = {
        line.targets[0].id: _literal(line.value) for line in lines if isinstance(line, ast.Assign)
    }
    for name, value in parameters.items():
        if name not in defaults:
            raise RequestError(f"{source.name}: {unknown_name('parameter', name, defaults)}")
        if not _fits(value, default := defaults[name]):
            raise RequestError(
                f"{source.name}: parameter {name!r} is of type {type(default).__name__}, "
                f"as in {name} = {default!r}; it cannot be {value!r}."
            )


def _literal(node: ast.expr) -> object:
    """Read a Python literal; any other expression stands for itself, as text."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _fits(value: object, default: object) -> bool:
    whole_for_float = type(default) is float and type(value) is int
    return default is None or whole_for_float or type(value) is type(default)


def _run_on(request: ReproduceRequest) -> None:
    """Run the notebooks on one benchmark, and report."""
    plan = prepare(request)
    with claimed(plan.run_dir.parent / f".{plan.run_dir.name}.lock", wait=True):
        tidy(_computed_in(plan), plan.run_dir)
        try:
            run(plan)
        except KeyboardInterrupt:
            print(f"\nWhat was done is in {plan.run_dir / 'manifest.json'}")
            raise
        if request.force and not _failures(plan):
            _adopt(_computed_in(plan))
    report(plan)
    if failed := [outcome.notebook for outcome in _failures(plan)]:
        raise WorkError(f"{len(failed)} of {len(plan.sources)} failed: {', '.join(failed)}.")


def _computed_in(plan: Plan) -> Path:
    """Folder of what is computed: the common one; with force one where nothing is yet."""
    return build_dir() / "forced" / plan.run_dir.name if plan.request.force else build_dir()


def _adopt(folder: Path) -> None:
    """Put what was computed anew in the place of what was there."""
    for path in [path for kind in KEPT for path in (folder / kind).glob("[!.]*.*")]:
        target = build_dir() / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    shutil.rmtree(folder)


def tidy(computed: Path, folder: Path) -> None:
    """Remove what processes of this machine were writing when they were killed."""
    host = re.escape(socket.gethostname())
    written_by = re.compile(rf"\..+\.{host}-(\d+)-\d+\.part|benchmark-{host}-(\d+)-.+")
    places = [computed, *(computed / kind for kind in KEPT), folder, *folder.glob("*/")]
    for path in [path for place in places if place.is_dir() for path in place.iterdir()]:
        match = written_by.fullmatch(path.name)
        if match and not psutil.pid_exists(int(match[1] or match[2])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _failures(plan: Plan) -> list[Outcome]:
    return [o for o in plan.outcomes.values() if o.status not in (RAN, SKIPPED)]


def run(plan: Plan, stream: TextIOBase = sys.stdout) -> list[Outcome]:
    """Run a plan's notebooks side by side, the longest first, and keep the manifest up to date.

    A terminal gets one bar, in seconds as they are expected; anything else gets plain lines.

    Raises:
        KeyboardInterrupt: after the notebooks in progress were stopped and the manifest written.
    """
    start, head, outcomes = time.monotonic(), _manifest_head(plan), [*plan.outcomes.values()]
    expected = expected_seconds(plan.sources, plan.run_dir)
    weights = {s.name: expected[s.name] or s.seconds for s in plan.sources}
    at_once = pages_at_once(plan.request, len(plan.sources))
    position = {s.name: f"[{i}/{len(plan.sources)}]" for i, s in enumerate(plan.sources, 1)}

    def say(line: object) -> None:
        with tqdm.external_write_mode(file=stream):
            print(line, file=stream, flush=True)

    def starts(name: str) -> None:
        if plan.outcomes[name].status == KILLED:
            say(f"{position[name]} {name} once more, alone ...")
        elif bar.disable:
            say(f"{position[name]} {name} ...")

    say(f"{plan.run_dir.name}: {foretold(expected, at_once)}.")
    for outcome in outcomes:
        if outcome.status == SKIPPED:
            say(outcome)
    bar = tqdm(
        total=sum(weights.values()), bar_format=BAR, smoothing=0, leave=False,
        file=stream, disable=not stream.isatty(),
    )  # fmt: skip
    try:
        longest_first = sorted(plan.sources, key=lambda s: -weights[s.name])
        for name in _finished(plan, longest_first, at_once, starts):
            spent = time.monotonic() - start
            bar.n = sum(passed(plan.outcomes[name], weights[name]) for name in weights)
            if name:
                say(f"{position[name]} {plan.outcomes[name]}")
                write_manifest(plan.run_dir, head, outcomes, spent)
            state = standing(plan)
            if name and bar.disable and bar.n < bar.total:
                left = tqdm.format_interval(spent * (bar.total / max(bar.n, 1e-9) - 1))
                say(f"{state}, about {left} to go")
            bar.set_description_str(f"{state} ")
    finally:
        bar.close()
        merge_records(plan.run_dir)  # of all, since each merged only what it found
        write_manifest(plan.run_dir, head, outcomes, time.monotonic() - start)
        write_crate(plan.run_dir)
    return outcomes


def passed(outcome: Outcome, expected: float) -> float:
    """How many of a notebook's expected seconds are behind us: all once it has ended."""
    ended = outcome.status in (RAN, *ENDED_BADLY)
    return expected if ended else min(outcome.seconds, expected)


def standing(plan: Plan) -> str:
    """Say how many notebooks are done, are running and failed."""
    statuses = [plan.outcomes[source.name].status for source in plan.sources]
    done = f"{statuses.count(RAN)} of {len(statuses)} done"
    failed = len([status for status in statuses if status in ENDED_BADLY])
    return f"{done}, {statuses.count(INTERRUPTED)} running, {failed} failed"


def pages_at_once(request: ReproduceRequest, pages: int) -> int:
    """How many notebooks run side by side: one a job, as far as memory goes, and at most four.

    On a GPU one after another: their experiments share it already.
    """
    by_memory = psutil.virtual_memory().available // MEMORY_OF_PAGE
    most = min(request.jobs or joblib.cpu_count(), by_memory, MOST_PAGES)
    if choose_device(request.device).type != "cpu":
        most = 1
    return int(max(1, min(request.at_once or most, pages)))


def _finished(
    plan: Plan, sources: Sequence[Source], at_once: int, starts: Callable[[str], None]
) -> Iterator[str]:
    """Execute notebooks side by side: give the name of each that has ended, "" twice a second."""
    stopped = threading.Event()
    env = _environment(plan, at_once)
    warm_up(env)

    def tick() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    def run_one(source: Source, **changed: str) -> None:
        tick()  # rather than start another
        starts(source.name)
        outcome = plan.outcomes[source.name]
        try:
            execute(
                source,
                plan.run_dir,
                outcome,
                parameters=parameters(plan.request),
                timeout=plan.request.timeout or TIMEOUTS[plan.request.profile],
                env=env | changed,
                tick=tick,
            )
        except OSError as error:  # a full disk, say: it stops none of the others
            outcome.status, outcome.reason = FAILED, str(error)

    def until_ended(running: dict[Future[None], str]) -> Iterator[str]:
        while running:
            done, _ = wait(running, TICK_SECONDS, FIRST_COMPLETED)
            for each in done:
                each.result()
                yield running.pop(each)
            yield ""

    with ThreadPoolExecutor(at_once) as pool:
        try:
            yield from until_ended(
                {pool.submit(run_one, source): source.name for source in sources}
            )
            for source in sources:  # what memory did not suffice for, once more and alone
                if plan.outcomes[source.name].status == KILLED:
                    alone = pool.submit(run_one, source, ZSLNB_JOBS="1")
                    yield from until_ended({alone: source.name})
        finally:
            stopped.set()


def _environment(plan: Plan, at_once: int) -> dict[str, str]:
    """What a page's processes get: where things go, who computes, and how many at a time."""
    request = plan.request
    jobs = str(max(1, (request.jobs or joblib.cpu_count()) // at_once))
    env = {"ZSLNB_BUILD": str(_computed_in(plan)), "ZSLNB_RUNS": str(plan.run_dir.parent)}
    env["ZSLNB_VECTORS"] = "1"
    if request.scheduler:
        env["ZSLNB_SCHEDULER"] = request.scheduler
    if request.jobs:
        env["ZSLNB_JOBS"] = jobs
    if at_once > 1:  # what a page has to itself, unless the user says otherwise
        env = {name: os.environ.get(name, jobs) for name in ("ZSLNB_JOBS", "OMP_NUM_THREADS")} | env
    return env


def _manifest_head(plan: Plan) -> dict:
    """Say what a run's results come from: code, versions, machine, data, parameters."""
    request = plan.request
    return {
        "run": plan.run_dir.name,
        **describe(plan.benchmark, choose_device(request.device)),
        "profile": request.profile,
        "seeds": [*range(request.seeds)],
        "device_asked": request.device,
    }


def report(plan: Plan) -> None:
    """Print the headline tables, what did not run, and where everything is."""
    ran = [name for name, outcome in plan.outcomes.items() if outcome.status == RAN]
    for path in headline_tables(plan.run_dir, ran):
        print(f"\n{path.read_text(encoding='utf-8').rstrip()}")
    print()
    for outcome in _failures(plan):
        log = plan.run_dir / "logs" / f"{outcome.notebook}.log"
        print(f"{outcome}\n    log: {log}")
    for what in ("tables", "figures", "notebooks", "manifest.json"):
        if (plan.run_dir / what).exists():
            print(f"{what.removesuffix('.json'):10}{plan.run_dir / what}")


def record_run(request: RecordRequest) -> None:
    """Promote the last such run of each benchmark that is asked for.

    Raises:
        RequestError: there is no such run, it is not fit to be recorded, or only new records are
            to be kept in the folder that they are to be new to.
        FileNotFoundError: no bundle at that path.
        WorkError: of several benchmarks, some could not be recorded; the others were.
    """
    check_settings(request.profile)
    ours = repository_dir("results")
    results = request.results or ours
    if request.new and results.resolve() == ours.resolve():
        raise RequestError("New records are kept in a folder of their own: name it by --results.")

    def record_one(each: RecordRequest) -> None:
        _, folder = _load(each)
        target = record(folder, results, beside=ours if request.new else None)
        print(f"Recorded in {results.name}/{target.name}.")

    _for_each_benchmark(request, record_one, "recorded")
