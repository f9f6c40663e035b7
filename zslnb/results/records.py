"""Records promoted to `results/`: what full runs measured, kept with the repository."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from zslnb.files import repository_root


def recorded(run: str, folder: Path | None = None) -> list[dict]:
    """Read the records of a promoted run; none if nobody has run and recorded it yet.

    Args:
        run: its name, such as "aviary-smoke".
        folder: where runs are recorded; `results/` of the repository unless given.

    Returns:
        Records in their table's order.
    """
    path = (folder or (repository_root() or Path.cwd()) / "results") / run / "records.jsonl"
    if not path.is_file():
        return []
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return sorted(records, key=lambda record: (record.get("order", 0), record["seed"]))


def read_records(path: Path) -> dict[str, dict]:
    """Read a file of records, one JSON object a line, by id."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {record_key(record): record for record in map(json.loads, lines)}


def record_key(record: Mapping) -> str:
    """Name a record among a run's: its id, and the row, table and notebook that show it."""
    return " ".join(record.get(part, "") for part in ("id", "row", "table", "notebook"))


def write_records(path: Path, records: Mapping[str, Mapping]) -> None:
    """Write records one a line, ordered by id, so that equal sets make equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(records[key], sort_keys=True) + "\n" for key in sorted(records)]
    path.write_text("".join(lines), encoding="utf-8")


def merge_records(folder: Path, notebooks: Iterable[str] | None = None) -> dict[str, dict]:
    """Write a run's `records.jsonl` from what its notebooks kept, all of them unless named."""
    kept = sorted((folder / "records").glob("*.jsonl"))
    wanted = [p for p in kept if notebooks is None or p.stem in set(notebooks)]
    records = {key: record for path in wanted for key, record in read_records(path).items()}
    if kept or folder.is_dir():
        write_records(folder / "records.jsonl", records)
    return records
