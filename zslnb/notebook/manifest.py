"""What a run's results come from: the manifest beside them, and their way into `results/`."""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

from zslnb.benchmark import Benchmark
from zslnb.datasets.loading import RESERVED_NAMES
from zslnb.errors import RequestError
from zslnb.experiments import benchmark_facts
from zslnb.files import repository_root, run_name, write_atomically, writer_id
from zslnb.notebook.crate import NAME, crate
from zslnb.notebook.execute import RAN, SKIPPED, Outcome
from zslnb.notebook.parameters import PARAMETERS
from zslnb.notebook.sources import find_sources
from zslnb.results.records import (
    damaged_copy,
    merge_records,
    read_records,
    recorded,
    write_records,
)

DESCRIBED = ("run", "notebooks", "git", "versions", "benchmark", "profile", "seeds", "device")


def past_seconds(folder: Path) -> dict[str, float]:
    """Read from the last manifest how long each notebook took that ran."""
    try:
        past = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["notebooks"]
        return {o["notebook"]: o["seconds"] for o in past if o["status"] == RAN}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def describe(benchmark: Benchmark, device: torch.device) -> dict:
    """Say which code, versions, machine and data there are."""
    on_cuda = device.type == "cuda"
    device_name = torch.cuda.get_device_name(device) if on_cuda else platform.processor()
    required = metadata.requires("zslnb") or []
    names = [re.match(r"[\w.-]+", line).group() for line in required if "extra ==" not in line]
    versions = {name: metadata.version(name) for name in ["zslnb", *names]}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_state(),
        "versions": {"python": platform.python_version(), **versions},
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": {"used": str(device), "name": device_name or platform.machine()},
        "benchmark": benchmark_facts(benchmark),
    }


def git_state() -> dict[str, object]:
    """Give the revision, and whether the tree was clean (`results/` aside); None outside git."""
    if repository_root() is None:
        return {"revision": None, "clean": None}
    changes = _git("status", "--porcelain", "--", ".", ":!results")
    clean = None if changes is None else not changes
    return {"revision": _git("rev-parse", "HEAD"), "clean": clean}


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(repository_root()), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write_manifest(
    folder: Path, head: Mapping, outcomes: Iterable[Outcome], seconds: float
) -> None:
    """Write `manifest.json` beside the results; no path of this machine is in it.

    "git" is clean only if the tree was so at the start, is so now, and is at the same revision.
    "benchmarks" are all that the notebooks loaded, with the kind of features and the hash.
    """
    start, now = head["git"], git_state()
    clean = start["clean"] and now["clean"] and start["revision"] == now["revision"]
    notebooks = [{**asdict(o), "reason": without_paths(o.reason)} for o in outcomes]
    loaded = {}
    for name in _ran(notebooks):
        loaded |= _contents(folder, name).get("benchmarks", {})
    whole = {
        **head,
        "git": {**start, "clean": clean, "at_end": now},
        "benchmarks": sorted(loaded.values(), key=lambda b: json.dumps(b, sort_keys=True)),
        "seconds": round(seconds, 1),
        "notebooks": notebooks,
    }
    write_atomically(folder / "manifest.json", json.dumps(whole, indent=1) + "\n")


def command(manifest: Mapping, notebooks: Iterable[str] = ()) -> str:
    """Give the command that makes a run, or some of its pages, again.

    A manifest holds no path, so a bundle is named by its file's name alone. What no notebook made
    names its script, with all that it was told.
    """
    if "made_by" in manifest:
        return f"python {manifest['made_by']}"
    name, run, profile = manifest["benchmark"]["name"], manifest["run"], manifest["profile"]
    digits = (manifest["benchmark"].get("file_sha256") or "")[:8]
    semantics = run.removeprefix(run_name(name, "", "")).removesuffix(profile).strip("-")
    semantics = semantics.removeprefix(digits).strip("-")
    values = {
        "benchmark": name if name in RESERVED_NAMES else f"{name}.npz",
        "semantics": semantics,
        "profile": profile,
        "seeds": str(len(manifest["seeds"])),
        "device": manifest.get("device_asked", "auto"),
    }
    words = ["zslnb", "reproduce"]
    for option in PARAMETERS:
        words += [f"--{option}", values[option]] if values[option] else []
    chosen = ["--notebooks", *notebooks]
    return shlex.join([*words, *(chosen if len(chosen) > 1 else [])])


def write_crate(folder: Path) -> None:
    """Write the RO-Crate metadata of a run beside its manifest, which they are made from."""
    manifest = read_manifest(folder / "manifest.json", DESCRIBED)
    if manifest is not None:
        text = json.dumps(crate(folder, manifest, command(manifest)), indent=1) + "\n"
        write_atomically(folder / NAME, text)


def _ran(notebooks: Iterable[Mapping]) -> list[str]:
    return [n["notebook"] for n in notebooks if n["status"] == RAN]


def _contents(folder: Path, notebook: str) -> dict:
    """Read what a notebook put into a run's folder: its tables, figures and benchmarks."""
    path = folder / "made" / f"{notebook}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def headline_tables(folder: Path, notebooks: Iterable[str]) -> Iterator[Path]:
    """Give the files (`.md`) of the tables that notebooks marked as headlines, in their order."""
    for notebook in notebooks:
        tables = _contents(folder, notebook).get("tables", {})
        for name in sorted(tables, key=lambda name: tables[name]["number"]):
            if tables[name]["headline"]:
                yield folder / "tables" / f"{notebook}-{name}.md"


def without_paths(text: str) -> str:
    """Reduce each absolute path in a message to its last part."""
    return re.sub(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\s'\"\\/:]+[\\/])+", "", text)


def record(run_dir: Path, results: Path, beside: Path | None = None) -> Path:
    """Promote a run to `results/`: its manifest, records and headline tables (`.csv`).

    It is called as its folder is, without the part of a bundle's hash. Other tables may list a
    benchmark's classes, which are not ours to hand on.

    A run may be of some notebooks only, since all of them can take days on real features; its
    manifest lists them. But a notebook that is recorded stays recorded. Records that the same run
    has in the folder `beside` are left out.

    Raises:
        RequestError: there was no such run, a notebook of it did not run, the record there is of
            another bundle or has a notebook that this run lacks, or the tree was not clean all
            the time, so that no revision names its code.
    """
    manifest = read_manifest(run_dir / "manifest.json", DESCRIBED)
    if manifest is None:
        raise RequestError(
            f"There is no run {run_dir.name!r} to record: run `make reproduce` with the same "
            "variables first."
        )
    digits, ran = _file_sha256(manifest)[:8], _ran(manifest["notebooks"])
    target = results / (run_dir.name.replace(f"-{digits}-", "-", 1) if digits else run_dir.name)
    for fault in (*_faults(run_dir, manifest), *_losses(target, run_dir.name, manifest)):
        raise RequestError(f"Run {run_dir.name!r} cannot be recorded: {fault}.")
    merge_records(run_dir, ran)
    new = target.with_name(f".{target.name}.{writer_id()}")
    new.mkdir(parents=True)
    tables = [path.with_suffix(".csv") for path in headline_tables(run_dir, ran)]
    try:  # the old record stays until the new one is whole
        for path in [run_dir / "manifest.json", run_dir / "records.jsonl", *tables]:
            if path.is_file():
                shutil.copy(path, new)
        if beside is not None:
            known = {r["id"] for r in recorded(target.name, beside)}
            records = read_records(run_dir / "records.jsonl")
            write_records(new / "records.jsonl", [r for r in records if r["id"] not in known])
        write_crate(new)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return target


def _file_sha256(manifest: Mapping) -> str:
    return (manifest.get("benchmark") or {}).get("file_sha256") or ""


def read_manifest(path: Path, needed: Iterable[str]) -> dict | None:
    """Read a manifest; None if there is none, RequestError if it lacks what is needed."""
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in needed if name not in manifest]
    except (ValueError, TypeError):
        missing = ["anything that can be read"]
    if missing:
        raise RequestError(
            f"The manifest of {path.parent.name!r} lacks {missing[0]!r}: it is damaged, or of an "
            "older version. Run the notebooks again."
        )
    return manifest


def _faults(run_dir: Path, manifest: Mapping) -> Iterator[str]:
    """Say why a run is not fit for `results/`."""
    for notebook in manifest["notebooks"]:
        name, status = notebook["notebook"], notebook["status"]
        if status not in (RAN, SKIPPED):
            yield f"{name} {status}"
        if status == RAN and damaged_copy(run_dir / "records" / f"{name}.jsonl").is_file():
            yield f"the records of {name} were damaged, so run it again"
    if not manifest["git"].get("clean"):
        yield "its code was not committed, or was changed while it ran"


def _losses(target: Path, run: str, manifest: Mapping) -> Iterator[str]:
    """Say what the record there would lose: another bundle's, or notebooks, if they still are."""
    past = read_manifest(target / "manifest.json", ("notebooks",))
    if past is None:
        return
    hashes = {_file_sha256(past), _file_sha256(manifest)} - {""}
    if len(hashes) > 1 and target.name != run:
        yield f"results/{target.name} is of another file with that name, so rename or delete it"
    known = {source.name for source in find_sources()}
    past_known = known.intersection(_ran(past["notebooks"]))
    if lost := sorted(past_known.difference(_ran(manifest["notebooks"]))):
        them = "it" if len(lost) == 1 else "them"
        yield f"{', '.join(lost)} would be lost, so run {them} too"
