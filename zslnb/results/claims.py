"""What the papers print, read from `papers/*.yml`; quoted, never computed here."""

import math
from functools import cache
from pathlib import Path

import pandas as pd
import yaml

from zslnb.errors import did_you_mean, unknown_name
from zslnb.files import repository_dir

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same in C, where it was built
GRADES = ("code", "paper", "reviews", "quoted", "memory", "inference")
FIELDS = ("id", "place", "benchmark", "method", "metric", "value", "source", "protocol", "grade")


def published(paper: str, folder: Path | None = None) -> pd.DataFrame:
    """Read every published number of a paper: one row each, with its place and our source.

    The head of the file says what `protocol` and `grade` mean. A number that nobody has is NaN,
    and its `note`, mostly empty elsewhere, says why.

    Args:
        paper: "genzsl" or "revcd".
        folder: where the files are; `papers/` of the repository unless given.

    Raises:
        ValueError: unknown paper, or an entry that lacks a field, has an unknown grade, has
            neither a value nor a note, or repeats an id.
        FileNotFoundError: the package was installed without the repository's `papers/`.
    """
    folder = folder or repository_dir("papers")
    if not folder.is_dir():
        raise FileNotFoundError("The published numbers are in the repository's papers/ folder.")
    path = folder / f"{paper}.yml"
    if not path.is_file():
        raise ValueError(unknown_name("paper", paper, [p.stem for p in folder.glob("*.yml")]))
    return _read(path, path.stat().st_mtime_ns).copy()


@cache  # to parse a file takes a fifth of a second, and a page asks for dozens of numbers
def _read(path: Path, changed: int) -> pd.DataFrame:
    """Read and check one file, as it was last changed at `changed`."""
    entries = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    for entry in entries:
        if fault := _fault(entry):
            raise ValueError(f"{path.name}: entry {entry.get('id', entry)} {fault}.")
        entry.setdefault("note", "")
    frame = pd.DataFrame(entries).astype({"value": float})
    if (twice := frame["id"][frame["id"].duplicated()]).any():
        raise ValueError(f"{path.name}: id {twice.iloc[0]} twice.")
    return frame.set_index("id")


def _fault(entry: dict) -> str:
    if missing := [name for name in FIELDS if name not in entry]:
        return f"lacks {missing[0]!r}"
    if entry["grade"] not in GRADES:
        return f"has grade {entry['grade']!r}; allowed are {', '.join(GRADES)}"
    if entry["value"] is None and not entry.get("note"):
        return "has no value, and no note that says why"
    return ""


def published_value(paper: str, claim: str) -> float:
    """Return one published number by its id.

    Raises:
        ValueError: unknown id (the nearest are suggested), or a number that nobody has.
    """
    frame = published(paper)
    if claim not in frame.index:
        hint = did_you_mean(claim, frame.index)
        raise ValueError(
            f"There is no number {claim!r} in {paper}.yml.{hint} published({paper!r}) lists all."
        )
    value = float(frame.loc[claim, "value"])
    if math.isnan(value):
        raise ValueError(f"{claim} in {paper}.yml has no value: {frame.loc[claim, 'note']}.")
    return value


def published_sizes() -> list[dict]:
    """Read the published benchmarks' class and image counts, one dict a benchmark."""
    path = repository_dir("papers") / "benchmarks.yml"
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
