"""What the papers print, read from `papers/*.yml`; quoted, never computed here."""

from pathlib import Path

import pandas as pd
import yaml

from zslnb.datasets.registry import unknown_name
from zslnb.places import repository_root

FIELDS = ("id", "place", "benchmark", "method", "metric", "value", "source")


def published(paper: str, folder: Path | None = None) -> pd.DataFrame:
    """Read every published number of a paper: one row each, with its place and our source.

    Args:
        paper: "genzsl".
        folder: where the files are; `papers/` of the repository unless given.

    Raises:
        ValueError: unknown paper, or an entry that lacks a field or repeats an id.
        FileNotFoundError: the package was installed without the repository's `papers/`.
    """
    folder = folder or (repository_root() or Path.cwd()) / "papers"
    if not folder.is_dir():
        raise FileNotFoundError("The published numbers are in the repository's papers/ folder.")
    path = folder / f"{paper}.yml"
    if not path.is_file():
        raise ValueError(unknown_name("paper", paper, [p.stem for p in folder.glob("*.yml")]))
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in entries:
        missing = [name for name in FIELDS if name not in entry]
        if missing:
            raise ValueError(f"{path.name}: entry {entry.get('id', entry)} lacks {missing[0]!r}.")
    frame = pd.DataFrame(entries)
    if frame["id"].duplicated().any():
        raise ValueError(f"{path.name}: id {frame['id'][frame['id'].duplicated()].iloc[0]} twice.")
    return frame.set_index("id")


def published_value(paper: str, claim: str) -> float:
    """Return one published number by its id."""
    return float(published(paper).loc[claim, "value"])


def published_sizes(folder: Path | None = None) -> list[dict]:
    """Read the published benchmarks' class and image counts, one dict a benchmark."""
    path = (folder or (repository_root() or Path.cwd()) / "papers") / "benchmarks.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
