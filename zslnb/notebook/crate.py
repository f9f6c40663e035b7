"""A run as an RO-Crate 1.1, which archives and their search engines read: plain JSON-LD.

See https://w3id.org/ro/crate/1.1. What a run did is a `CreateAction`: the software and its
versions are its instrument, the benchmarks its object, the files its result.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
LICENCE = "https://spdx.org/licenses/MIT"
FOLDERS = ("tables", "figures", "notebooks")
FORMATS = {
    ".csv": "text/csv",
    ".ipynb": "application/x-ipynb+json",
    ".jpeg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


def crate(folder: Path, manifest: Mapping, command: str) -> dict:
    """Describe a run's folder by its manifest, the command that makes it, and its files' hashes."""
    files = [_file(path, folder) for path in _paths(folder)]
    tools = [_tool(name, version) for name, version in manifest["versions"].items()]
    data = manifest.get("benchmarks") or [manifest["benchmark"]]
    benchmarks = [_benchmark(facts) for facts in data]
    git, started = manifest["git"], manifest.get("started", "")
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Run {manifest['run']} of zslnb",
        "description": f"Tables, figures and records of the notebooks, as {command!r} makes them.",
        "datePublished": started,
        "license": {"@id": LICENCE},
        "hasPart": _ids(files),
        "mentions": {"@id": "#run"},
    }
    run = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": command,
        "description": f"revision {git.get('revision')}, committed: {git.get('clean')}; "
        f"seeds {manifest['seeds']}; device {manifest['device']['used']}",
        "startTime": started,
        "instrument": _ids(tools),
        "object": _ids(benchmarks),
        "result": _ids(files),
    }
    about = {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": SPECIFICATION},
        "about": {"@id": "./"},
    }
    licence = {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License"}
    return {
        "@context": [f"{SPECIFICATION}/context", {"sha256": "https://schema.org/sha256"}],
        "@graph": [about, root, licence, run, *tools, *benchmarks, *files],
    }


def _paths(folder: Path) -> list[Path]:
    found = [path for part in (".", *FOLDERS) for path in (folder / part).glob("[!.]*.*")]
    return sorted(path for path in found if path.is_file() and path.name != NAME)


def _file(path: Path, folder: Path) -> dict:
    content = path.read_bytes()
    return {
        "@id": path.relative_to(folder).as_posix(),
        "@type": "File",
        "name": path.name,
        "contentSize": str(len(content)),
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _tool(name: str, version: str) -> dict:
    known = {"@id": f"#{name}", "@type": "SoftwareApplication", "name": name}
    return known | {"softwareVersion": version}


def _benchmark(facts: Mapping) -> dict:
    kinds = ", ".join(facts[kind] for kind in ("features", "semantics") if facts.get(kind))
    name = f"{facts['name']} ({kinds})" if kinds else facts["name"]
    known = {"@id": f"#{facts['sha256']}", "@type": "Dataset", "name": name}
    return known | {"identifier": facts["sha256"]}


def _ids(entities: Sequence[Mapping]) -> list[dict]:
    return [{"@id": entity["@id"]} for entity in entities]
