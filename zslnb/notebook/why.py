"""Where a file came from: `zslnb why FILE` traces a record, table, figure, page or manifest.

A file of a run is traced by the manifest beside it; one that was copied elsewhere, by a file with
the same bytes in a run that is here.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from filecmp import cmp
from pathlib import Path

from zslnb.errors import RequestError
from zslnb.experiments import METHODS, inputs_of_record
from zslnb.files import build_dir, repository_dir
from zslnb.notebook.execute import RAN
from zslnb.notebook.manifest import DESCRIBED, command, read_manifest
from zslnb.notebook.requests import WhyRequest
from zslnb.results.records import read_records

Facts = list[tuple[str, str]]  # a label and a line, as they are printed
OF_A_RECORD = {"method", "benchmark", "settings", "seed", "device", "id", "source", "scores"}
RECIPE = "`zslnb reproduce` makes files that can be traced."


def why(request: WhyRequest) -> None:
    """Print the command, revision, data, seeds and versions behind a file.

    Raises:
        FileNotFoundError: there is no such file.
        RequestError: it is of no run and no record, or its run does not say how it was made.
    """
    for label, line in origin(request.file):
        print(f"{label:10}{line}")


def origin(path: Path) -> Facts:
    """Say where a file came from, as labels and lines; raises as `why`."""
    path = path.resolve()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path.name!r} in {path.parent}.")
    if (record := _record(path)) is not None:
        return _of_record(record)
    at_home = path if _run_of(path) else _same_bytes(path)
    if at_home is None:
        raise RequestError(
            f"{path.name!r} is no record, no file of a run, and like none in the runs that are "
            f"here, so nothing says where it came from. {RECIPE}"
        )
    return _of_run(at_home)


def _record(path: Path) -> dict | None:
    """Read an experiment's record; None for any other file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else None
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.keys() >= OF_A_RECORD else None


def _of_record(record: Mapping) -> Facts:
    """Say what a record measured, by which code, and which pages show it."""
    method, seed = record["method"], record["seed"]
    facts = [
        ("record", f"{method}, seed {seed}, {record['device']}, {record.get('seconds', '?')} s"),
        ("data", _data(record["benchmark"])),
        ("settings", json.dumps(record["settings"])),
        ("source", f"{record['source']}, {_present(record)}"),
        ("versions", _listed(record["versions"])),
    ]
    shown = False
    for folder in _runs():
        path = folder / "records.jsonl"
        lines = _records(path) if path.is_file() else []
        pages = {line["notebook"] for line in lines if line["id"] == record["id"]}
        if pages:
            shown = True
            manifest = read_manifest(folder / "manifest.json", DESCRIBED)
            facts += [("", ""), *_head(manifest, sorted(pages))]
    if not shown:
        call = f"zslnb.experiments.run({method!r}, benchmark, settings, seed={seed})"
        facts.append(("command", f"{call}, by hand or in a run that is not here"))
    return facts


def _present(record: Mapping) -> str:
    """Say whether the code and the versions that are here would make this record."""
    if record["method"] in METHODS and inputs_of_record(record)["id"] == record["id"]:
        return "which is the code here, under the versions here"
    return "which is not the code here, or not under the versions here"


def _of_run(path: Path) -> Facts:
    """Say which run a file is of, and which of its pages made it."""
    folder = _run_of(path)
    manifest = read_manifest(folder / "manifest.json", DESCRIBED)
    of_all = path.parent == folder and path.stem in ("manifest", "records", "ro-crate-metadata")
    pages = [o for o in manifest["notebooks"] if of_all or _made_by(path, o["notebook"])]
    if not pages and not of_all:
        raise RequestError(
            f"{path.name!r} lies in the run {folder.name!r}, whose manifest does not tell of it: "
            "an earlier run left it, or a page that was opened by hand. Run its page again."
        )
    ran = {o["notebook"] for o in pages if o["status"] == RAN}
    facts = [("file", f"{path.name}, of {'the run' if of_all else pages[0]['notebook']}")]
    facts += [
        ("caution", f"{o['notebook']} {o['status']}: {o['reason']}")
        for o in pages
        if o["status"] != RAN
    ]
    facts += _head(manifest, [] if of_all else [o["notebook"] for o in pages])
    lines = _records(folder / "records.jsonl") if (folder / "records.jsonl").is_file() else []
    shown = [line for line in lines if of_all or line["notebook"] in ran]
    methods = Counter(line["method"] for line in shown if "method" in line)
    if methods:
        facts.append(("records", ", ".join(f"{n} {name}" for name, n in methods.items())))
    return facts


def _made_by(path: Path, notebook: str) -> bool:
    return path.stem == notebook or path.name.startswith(f"{notebook}-")


def _head(manifest: Mapping, pages: Iterable[str]) -> Facts:
    """What a manifest says for all of its run's files."""
    git, device = manifest["git"], manifest["device"]
    known = "all committed" if git.get("clean") else "with changes that were not committed"
    facts = [
        ("run", f"{manifest['run']}, started {manifest.get('started', 'at an unknown time')}"),
        ("command", command(manifest, pages)),
        ("revision", f"{git['revision']}, {known}" if git.get("revision") else "not known: no git"),
        ("data", _data(manifest["benchmark"])),
        ("seeds", ", ".join(map(str, manifest["seeds"]))),
        ("device", f"{device['used']} ({device['name']}), {manifest.get('platform', '')}"),
        ("versions", _listed(manifest["versions"])),
    ]
    facts[3:3] = [
        ("added", f"{part['revision']}: {part['rows']}. {part['remark']}")
        for part in manifest.get("added", [])
    ]
    return facts


def _data(benchmark: Mapping) -> str:
    whole = {"sha256": benchmark["sha256"], "file": benchmark.get("file_sha256")}
    kinds = [benchmark.get("features"), benchmark.get("semantics")]
    hashes = [f"{name} {value}" for name, value in whole.items() if value]
    return ", ".join([benchmark["name"], *filter(None, kinds), *hashes])


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _run_of(path: Path) -> Path | None:
    """Find the run's folder that a file lies in: its own, or the one above."""
    for folder in [*path.parents][:2]:
        if (folder / "manifest.json").is_file():
            return folder
    return None


def _runs() -> Iterator[Path]:
    """Folders of the runs that are here, the promoted ones first, however deep they lie."""
    for parent, pattern in ((repository_dir("results"), "**/"), (build_dir(), "*/")):
        yield from (path.parent for path in sorted(parent.glob(f"{pattern}manifest.json")))


def _same_bytes(path: Path) -> Path | None:
    """Find a file with the same content in a run that is here."""
    for folder in _runs():
        for other in sorted(folder.rglob(f"*{path.suffix}")):
            if other.is_file() and cmp(path, other, shallow=False):
                return other
    return None


def _records(path: Path) -> list[dict]:
    try:
        return read_records(path)
    except ValueError as error:
        raise RequestError(f"{error} Run its notebooks again.") from None
