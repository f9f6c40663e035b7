"""What a run's results come from: the manifest beside them, and their way into `results/`."""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

from zslnb.benchmark import Benchmark
from zslnb.errors import RequestError
from zslnb.experiments import benchmark_facts
from zslnb.files import repository_root
from zslnb.notebook.execute import RAN, SKIPPED, Outcome
from zslnb.notebook.sources import find_sources
from zslnb.results.records import merge_records


class RecordError(RequestError):
    """A run cannot be recorded; the message says why."""


def past_seconds(folder: Path) -> dict[str, float]:
    """Read from the last manifest how long each notebook took that ran."""
    try:
        past = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["notebooks"]
    except (FileNotFoundError, ValueError, KeyError):
        return {}
    return {one["notebook"]: one["seconds"] for one in past if one["status"] == RAN}


def describe(benchmark: Benchmark, device: torch.device) -> dict:
    """Say which code, versions, machine and data there are."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_state(),
        "versions": versions(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": {"used": str(device), "name": device_name(device)},
        "benchmark": benchmark_facts(benchmark),
    }


def device_name(device: torch.device) -> str:
    """Name the device that notebooks run on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def git_state() -> dict[str, object]:
    """Give the revision, and whether the tree was clean (`results/` aside); None outside git."""
    if repository_root() is None:
        return {"revision": None, "clean": None}
    revision = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".", ":!results")
    return {"revision": revision, "clean": None if changes is None else not changes}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(repository_root()), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Give the versions of Python, this package and all it depends on directly."""
    required = metadata.requires("zslnb") or []
    names = [re.match(r"[\w.-]+", line).group() for line in required if "extra ==" not in line]
    found = {name: metadata.version(name) for name in ["zslnb", *names]}
    return {"python": platform.python_version()} | found


def write_manifest(
    folder: Path, head: Mapping, outcomes: Iterable[Outcome], seconds: float
) -> None:
    """Write `manifest.json` beside the results; no path of this machine is in it."""
    notebooks = [asdict(outcome) for outcome in outcomes]
    for one in notebooks:
        one["reason"] = without_paths(one["reason"])
    whole = {**head, "seconds": round(seconds, 1), "notebooks": notebooks}
    text = json.dumps(whole, indent=1) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def without_paths(text: str) -> str:
    """Reduce each absolute path in a message to its last part."""
    return re.sub(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\s'\"\\/:]+[\\/])+", "", text)


def record(run_dir: Path, results: Path) -> Path:
    """Promote a run to `results/<run>/`: its manifest, records and headline tables (`.csv`).

    Other tables may list a benchmark's classes, which are not ours to hand on.

    A run may be of some notebooks only, since all of them can take days on real features; its
    manifest lists them. But a notebook that is recorded stays recorded.

    Raises:
        RecordError: there was no such run, a notebook of it did not run, the record there has a
            notebook that this run lacks, or the tree was not clean, so that no revision names its
            code.
    """
    try:
        manifest = json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"There is no run {run_dir.name!r} to record.") from None
    target = results / run_dir.name
    ran = _ran(manifest)
    for fault in (*record_faults(manifest), *_lost(target, ran)):
        raise RecordError(f"Run {run_dir.name!r} cannot be recorded: {fault}.")
    merge_records(run_dir, ran)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    tables = [path.with_suffix(".csv") for path in headline_tables(run_dir, ran)]
    for path in [run_dir / "manifest.json", run_dir / "records.jsonl", *tables]:
        if path.is_file():
            shutil.copy(path, target)
    return target


def _ran(manifest: Mapping) -> list[str]:
    return [one["notebook"] for one in manifest["notebooks"] if one["status"] == RAN]


def _lost(target: Path, ran: Iterable[str]) -> Iterator[str]:
    """Say which recorded notebooks a new record would lose; those that are gone do not count."""
    path = target / "manifest.json"
    if path.is_file():
        before = set(_ran(json.loads(path.read_text(encoding="utf-8"))))
        there = {source.name for source in find_sources()}
        if lost := sorted((before & there) - set(ran)):
            them = "it" if len(lost) == 1 else "them"
            yield f"{', '.join(lost)} would be lost, so run {them} too"


def headline_tables(run_dir: Path, notebooks: Iterable[str]) -> Iterator[Path]:
    """Give the files (`.md`) of the tables that notebooks marked as headlines, in their order."""
    for notebook in notebooks:
        made = run_dir / "made" / f"{notebook}.json"
        if made.is_file():
            tables = json.loads(made.read_text(encoding="utf-8")).get("tables", {})
            for name in sorted(tables, key=lambda name: tables[name]["number"]):
                if tables[name]["headline"]:
                    yield run_dir / "tables" / f"{notebook}-{name}.md"


def record_faults(manifest: Mapping) -> Iterator[str]:
    """Say why a run is not fit for `results/`."""
    for one in manifest["notebooks"]:
        if one["status"] not in (RAN, SKIPPED):
            yield f"{one['notebook']} {one['status']}"
    if not manifest["git"]["clean"]:
        yield "its code was not committed"
