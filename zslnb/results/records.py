"""Records promoted to `results/`, and those that the notebooks of a run keep, one a line."""

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from zslnb.files import repository_dir, write_atomically


def recorded(run: str, folder: Path | None = None) -> list[dict]:
    """Read the records of a promoted run, in their table's order; none if nobody recorded it.

    Args:
        run: its name, such as "aviary-smoke".
        folder: where runs are recorded; `results/` of the repository unless given.

    Raises:
        ValueError: a line that is no record.
    """
    path = (folder or repository_dir("results")) / run / "records.jsonl"
    records = read_records(path) if path.is_file() else []
    return sorted(records, key=lambda record: (record.get("order", 0), record["seed"]))


def read_records(path: Path) -> list[dict]:
    """Read a file of records, one JSON object a line; a file that has not changed, only once.

    Raises:
        ValueError: a line that is no record.
    """
    facts = path.stat()
    return [{**record} for record in _parsed(path.resolve(), facts.st_mtime_ns, facts.st_size)]


@lru_cache(maxsize=16)
def _parsed(path: Path, _changed: int, _size: int) -> list[dict]:
    records = []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            records += [{**json.loads(line)}] if line else []
        except (ValueError, TypeError):
            where = f"Line {number} of {path.name}"
            raise ValueError(f"{where} is damaged: it is no record.") from None
    return records


def write_records(path: Path, records: Iterable[Mapping]) -> None:
    """Write records one a line, once for each row, table and notebook that shows them.

    They are ordered, so that equal sets make equal files.
    """
    by_use = {
        " ".join(record.get(part, "") for part in ("id", "row", "table", "notebook")): record
        for record in records
    }
    lines = [json.dumps(by_use[use], sort_keys=True) + "\n" for use in sorted(by_use)]
    write_atomically(path, "".join(lines))


def damaged_copy(path: Path) -> Path:
    """Where a damaged file of records is set aside."""
    return path.with_name(f"{path.name}.damaged")


def merge_records(folder: Path, notebooks: Iterable[str] | None = None) -> None:
    """Write a run's `records.jsonl` from what its notebooks kept, all of them unless named.

    A file with a damaged line is named in a warning and set aside: its notebook makes it again.
    """
    if not folder.is_dir():
        return
    wanted = None if notebooks is None else {*notebooks}
    records = []
    for path in sorted((folder / "records").glob("*.jsonl")):
        if wanted is not None and path.stem not in wanted:
            continue
        try:
            records += read_records(path)
        except FileNotFoundError:  # its notebook is starting anew, or another set it aside
            continue
        except ValueError as error:
            with suppress(FileNotFoundError):
                os.replace(path, damaged_copy(path))
            warnings.warn(
                f"{error} The file was set aside; run {path.stem} again to make it anew.",
                stacklevel=2,
            )
    write_records(folder / "records.jsonl", records)
