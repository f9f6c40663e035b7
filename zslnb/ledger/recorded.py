"""Records promoted to `results/`: what full runs measured, kept with the repository."""

import json
from pathlib import Path

from zslnb.places import repository_root


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
