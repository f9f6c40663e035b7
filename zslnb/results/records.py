"""Records promoted to `results/`, and those that the notebooks of a run keep, one a line."""

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from zslnb.files import repository_root, write_atomically


def recorded(run: str, folder: Path | None = None) -> list[dict]:
    """Read the records of a promoted run; none if nobody has run and recorded it yet.

    Args:
        run: its name, such as "aviary-smoke".
        folder: where runs are recorded; `results/` of the repository unless given.

    Returns:
        Records in their table's order.

    Raises:
        ValueError: a line that is no record.
    """
    path = (folder or (repository_root() or Path.cwd()) / "results") / run / "records.jsonl"
    if not path.is_file():
        return []
    return sorted(_lines(path), key=lambda record: (record.get("order", 0), record["seed"]))


def read_records(path: Path) -> dict[str, dict]:
    """Read a file of records, one JSON object a line, by `record_key`.

    Raises:
        ValueError: a line that is no record.
    """
    return {record_key(record): record for record in _lines(path)}


def _lines(path: Path) -> list[dict]:
    records = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            records += [{**json.loads(line)}] if line else []
        except (ValueError, TypeError):
            where = f"Line {number} of {path.name}"
            raise ValueError(f"{where} is damaged: it is no record.") from None
    return records


def record_key(record: Mapping) -> str:
    """Name a record among a run's: its id, and the row, table and notebook that show it."""
    return " ".join(record.get(part, "") for part in ("id", "row", "table", "notebook"))


def write_records(path: Path, records: Mapping[str, Mapping]) -> None:
    """Write records one a line, ordered by key, so that equal sets make equal files."""
    lines = [json.dumps(records[key], sort_keys=True) + "\n" for key in sorted(records)]
    write_atomically(path, "".join(lines))


def damaged_copy(path: Path) -> Path:
    """Where a damaged file of records is set aside."""
    return path.with_name(f"{path.name}.damaged")


def merge_records(folder: Path, notebooks: Iterable[str] | None = None) -> dict[str, dict]:
    """Write a run's `records.jsonl` from what its notebooks kept, all of them unless named.

    A file with a damaged line is named in a warning and set aside: its notebook makes it again.
    """
    wanted = None if notebooks is None else set(notebooks)
    records = {}
    for path in sorted((folder / "records").glob("*.jsonl")):
        if wanted is None or path.stem in wanted:
            try:
                records |= read_records(path)
            except FileNotFoundError:  # its notebook is starting anew, or another set it aside
                continue
            except ValueError as error:
                with suppress(FileNotFoundError):
                    os.replace(path, damaged_copy(path))
                warnings.warn(
                    f"{error} The file was set aside; run {path.stem} again to make it anew.",
                    stacklevel=2,
                )
    if folder.is_dir():
        write_records(folder / "records.jsonl", records)
    return records
