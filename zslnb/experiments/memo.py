"""One experiment is one call: method, benchmark, settings and seed in, one record out.

A record is a JSON file, and that file is the memo: the same inputs (source of the method, settings,
data, seed, kind of device, versions of torch and NumPy) are computed once and read back after that.
"""

import json
import os
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.device import one_thread, processes_at_once
from zslnb.errors import RequestError, WorkError, unknown_name
from zslnb.experiments.methods import METHODS
from zslnb.experiments.models import InTheMakingError, deferring
from zslnb.experiments.sources import (
    CodeChangedError,
    check_unchanged,
    hash_of,
    imported_sha256,
    versions,
)
from zslnb.files import build_dir, claimed, write_atomically, writer_id

Experiment = tuple[str, Any]  # a method's name and its settings
CONNECT_SECONDS = 30
WAIT_SECONDS = 0.2  # between looks for what another process computes


def run(
    method: str,
    benchmark: Benchmark,
    settings: Any = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> dict:
    """Run one experiment, or read back its record if it has been run before.

    Args:
        method: a name in `METHODS`.
        benchmark: any benchmark the method can work on.
        settings: the method's settings; its defaults unless given.
        seed: of the run.
        device: where to compute; records of "cpu" and "cuda" are kept apart. Methods that work
            on the CPU alone do so in any case, and their records say "cpu".

    Returns:
        The record: `id`, `method`, `benchmark`, `settings`, `seed`, `device`, `source`,
        `versions`, `scores` and `seconds`.

    Raises:
        ValueError: unknown method (the nearest names are suggested), or settings of another one.
        CodeChangedError: the method's code changed on disk since it was imported.
    """
    settings = _checked(method, settings)
    inputs = _inputs(method, benchmark, settings, seed, device)
    return _read(_path(inputs)) or _compute(_path(inputs), inputs, benchmark, settings, device)


def run_rows(
    rows: Mapping[str, Experiment | list[Experiment]],
    benchmark: Benchmark,
    seeds: Iterable[int],
    device: torch.device | str = "cpu",
    n_jobs: int | None = None,
    table: str = "",
) -> list[dict]:
    """Run every row of a table for every seed, side by side on the CPU's cores.

    Args:
        rows: label -> (method, settings), in the table's order. A list of such pairs makes one
            row of several experiments: the clean training and the released one.
        benchmark, device: as in `run`.
        seeds: of the runs.
        n_jobs: processes; as many as `processes` says unless given.
        table: what the rows belong to, where a notebook has several tables.

    Returns:
        Records with the row's label added under `row`, its number in the table under `order`, and
        the table's name under `table`.

    Raises:
        ValueError, CodeChangedError: as `run`.
    """
    seeds, experiments = list(seeds), []
    for order, (label, method, settings) in _flat(rows):
        settings = _checked(method, settings)
        shown = {"row": label, "order": order, "table": table}
        for seed in seeds:
            inputs = _inputs(method, benchmark, settings, seed, device)
            experiments.append((shown, settings, inputs, _path(inputs)))
    # workers live on, so they are told where records go: their environment may be an old one
    missing = {path: (inputs, s) for _, s, inputs, path in experiments if _read(path) is None}
    if torch.device(device).type != "cpu" and any(
        METHODS[inputs["method"]].timed for inputs, _ in missing.values()
    ):
        n_jobs = 1
    _compute_all(missing, benchmark, device, n_jobs or processes(device))
    return [{**row, **json.loads(path.read_text())} for row, _, _, path in experiments]


def processes(device: torch.device | str) -> int:
    """How many experiments run at once: `$ZSLNB_JOBS`, else as many as the device takes.

    Raises RequestError if that is no whole number.
    """
    chosen = os.environ.get("ZSLNB_JOBS", "").strip()
    if chosen and not chosen.isdecimal():
        raise RequestError(
            f"ZSLNB_JOBS cannot be {chosen!r}: set it to a number of processes, such as 4, or "
            "unset it, for as many as the device takes."
        )
    return max(1, int(chosen)) if chosen else processes_at_once(device)


def inputs_of_record(record: Mapping) -> dict:
    """Say what a record's experiment would be identified by under the present code and versions.

    Args:
        record: with `method`, `benchmark` (as `benchmark_facts`), `settings`, `seed`, `device`.

    Returns:
        Its `id`, and the inputs that the id is the hash of.
    """
    method = METHODS[record["method"]]
    inputs = {
        **{name: record[name] for name in ("method", "benchmark", "settings", "seed")},
        "device": torch.device(record["device"]).type if method.on_device else "cpu",
        "source": imported_sha256(method.roots),
        "versions": versions(),
    }
    return {"id": hash_of(inputs), **inputs}


def benchmark_facts(benchmark: Benchmark) -> dict[str, str | None]:
    """What names a benchmark in a record; `features` only where it can have several kinds."""
    known = benchmark.provenance
    features = {"features": known["features"]} if "features" in known else {}
    return {
        "name": benchmark.name,
        **features,
        "semantics": known.get("semantics"),
        "sha256": benchmark.sha256,
        "file_sha256": known.get("file_sha256"),
    }


def _flat(
    rows: Mapping[str, Experiment | list[Experiment]],
) -> Iterator[tuple[int, tuple[str, str, Any]]]:
    for order, (label, row) in enumerate(rows.items()):
        for method, settings in row if isinstance(row, list) else [row]:
            yield order, (label, method, settings)


def _checked(method: str, settings: Any) -> Any:
    """Return the settings of a known method, its defaults for None."""
    if method not in METHODS:
        raise ValueError(unknown_name("method", method, METHODS))
    wanted = METHODS[method].settings
    settings = wanted() if settings is None else settings
    if not isinstance(settings, wanted):
        raise ValueError(f"{method} takes {wanted.__name__}, not {type(settings).__name__}.")
    return settings


def _inputs(
    method: str, benchmark: Benchmark, settings: Any, seed: int, device: torch.device | str
) -> dict:
    """Return what identifies an experiment."""
    known = {"method": method, "settings": asdict(settings), "seed": seed, "device": device}
    return inputs_of_record({**known, "benchmark": benchmark_facts(benchmark)})


def _path(inputs: Mapping) -> Path:
    return build_dir() / "records" / f"{inputs['method']}-{inputs['id']}.json"


def _read(path: Path) -> dict | None:
    """Read a record; None where there is none, or a damaged one, which is as good as none."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) and "scores" in record else None


def _compute_all(
    missing: Mapping[Path, tuple[dict, Any]],
    benchmark: Benchmark,
    device: torch.device | str,
    n_jobs: int,
) -> None:
    """Compute the missing records, `n_jobs` at a time in one pool.

    Notebooks run side by side and share rows: what another process is computing is left to it,
    and waited for once nothing else is left to do.
    """
    n_jobs = min(n_jobs, len(missing))
    if not missing:
        return
    with (
        cluster() as elsewhere,
        _on_disk(benchmark) if n_jobs > 1 or elsewhere else nullcontext(benchmark) as handed,
        warnings.catch_warnings(),  # joblib replaces a worker that has grown, and says so
    ):
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        while missing:
            done = joblib.Parallel(n_jobs=n_jobs)(
                joblib.delayed(_compute_unclaimed)(path, inputs, handed, settings, device)
                for path, (inputs, settings) in missing.items()
            )
            if not any(done):
                time.sleep(WAIT_SECONDS)
            missing = {
                path: needed
                for (path, needed), is_done in zip(missing.items(), done, strict=True)
                if not is_done
            }


def _compute_unclaimed(path: Path, *experiment: Any) -> bool:
    """Compute a record, unless it is there by now; False if another process is at it.

    Or at a model that it needs: then others come first, instead of training it twice.
    """
    with claimed(path.parent / "claims" / f"{path.stem}.lock") as is_mine, deferring():
        if is_mine and _read(path) is None:
            try:
                _compute(path, *experiment)
            except InTheMakingError:
                return False
        return is_mine


def _compute(
    path: Path,
    inputs: dict,
    benchmark: "Benchmark | _BenchmarkOnDisk",
    settings: Any,
    device: torch.device | str,
) -> dict:
    """Run the experiment that `inputs` identify, and write its record."""
    method = METHODS[inputs["method"]]
    if imported_sha256(method.roots) != inputs["source"]:
        raise CodeChangedError(
            "A worker process runs other code than the one that sent it an experiment. Restart the "
            "kernel (or the process) and run again; nothing was written."
        )
    check_unchanged(method.roots)
    if isinstance(benchmark, _BenchmarkOnDisk):
        benchmark = benchmark.load()
    start = time.perf_counter()
    with one_thread():
        scores = method.function(benchmark, settings, inputs["seed"], device)
    seconds = round(time.perf_counter() - start, 2)
    check_unchanged(method.roots)
    write_atomically(path, json.dumps({**inputs, "scores": scores, "seconds": seconds}, indent=1))
    return json.loads(path.read_text())  # as it will be read back: tuples are lists there


@contextmanager
def cluster(address: str = "") -> Iterator[bool]:
    """Let joblib hand its tasks to a Dask cluster, else to `$ZSLNB_SCHEDULER`; False without one.

    Its workers must see `build/` under the same path. A task whose worker dies goes to another.

    Raises:
        WorkError: Dask is not installed, or nobody answers at that address.
    """
    address = address or os.environ.get("ZSLNB_SCHEDULER", "")
    if not address:
        yield False
        return
    try:
        from distributed import Client
    except ImportError:
        raise WorkError(
            "A Dask cluster is asked for, and Dask is not installed: pip install distributed."
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkError(f"No Dask scheduler answers at {address}: {error}") from None
    with client, joblib.parallel_config("dask", client=client):
        yield True


@dataclass(frozen=True)
class _BenchmarkOnDisk:
    """A benchmark whose arrays lie in files that many processes map into memory at once."""

    folder: Path
    others: Mapping[str, Any]

    def load(self) -> Benchmark:
        """Map the arrays, copy on write, so that torch takes them for its own."""
        arrays = {
            path.stem: torch.from_numpy(np.load(path, mmap_mode="c"))
            for path in self.folder.glob("*.npy")
        }
        return Benchmark(**arrays, **self.others)


@contextmanager
def _on_disk(benchmark: Benchmark) -> Iterator[_BenchmarkOnDisk]:
    """Lay a benchmark's arrays down once, instead of sending every worker a copy a task."""
    values = {field.name: getattr(benchmark, field.name) for field in fields(benchmark)}
    arrays = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    build_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"benchmark-{writer_id()}-", dir=build_dir(), ignore_cleanup_errors=True
    ) as folder:
        for name, array in arrays.items():
            np.save(Path(folder, f"{name}.npy"), array.numpy())
        yield _BenchmarkOnDisk(
            Path(folder), {name: value for name, value in values.items() if name not in arrays}
        )
