"""Values of a row of records over seeds, and how they are written: what every study begins with."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from zslnb.results.statistics import Difference, mean_and_sd
from zslnb.results.tables import row_names

Records = Sequence[dict]
Device = torch.device | str


def values(records: Records, row: str, *keys: str) -> Float[np.ndarray, "R ..."]:
    """One score of one row, an entry for each seed, in the records' order.

    `keys` lead to the score, such as "clean", "H". Where they meet a list, as in a history, they go
    on from each of its n entries: "history", "kl" is a curve (R, n).

    Raises:
        ValueError: no such row.
        KeyError: a record without that score.
    """
    scores = [record["scores"] for record in records if record["row"] == row]
    if not scores:
        raise ValueError(f"No record of row {row!r}; there are {', '.join(row_names(records))}.")
    return np.array([_follow(score, keys) for score in scores], dtype=float)


def by_row(records: Records, rows: Sequence[str], *keys: str) -> Float[np.ndarray, "R n"]:
    """One score of n rows: a line for each seed, a column for each row."""
    return np.array([values(records, row, *keys) for row in rows]).T


def plus_minus(numbers: Sequence[float] | Float[np.ndarray, " R"], form: str = ".3f") -> str:
    """Write "mean ± sd" over seeds, both in one format; a single value stands alone."""
    mean, sd = mean_and_sd([float(number) for number in numbers])
    return f"{mean:{form}}" + ("" if np.isnan(sd) else f" ± {sd:{form}}")


def summary(
    records: Records, rows: Sequence[str], columns: Mapping[str, Sequence[str]], form: str = ".3f"
) -> pd.DataFrame:
    """Lay out rows by columns (head -> keys of a score), each cell its mean ± sd over seeds."""
    cells = {
        head: [plus_minus(values(records, row, *keys), form) for row in rows]
        for head, keys in columns.items()
    }
    return pd.DataFrame(cells, index=[*rows])


def told(found: Difference) -> str:
    """Write a difference: its mean, the 95 % interval, and "above" or "below" if significant."""
    interval = f"{found.mean:+z.1f} ({found.low:+.1f} to {found.high:+.1f})"
    return f"{interval}, {found.word('above', 'below')}" if found.apart else interval


def mean_and_word(found: Difference | None, up: str = "above", down: str = "below") -> str:
    """Write a difference: its mean, and what it is called; nothing where nothing was asked."""
    return f"{found.mean:+z.1f}, {found.word(up, down)}" if found else ""


def _follow(score: object, keys: Sequence[str]) -> object:
    for i, key in enumerate(keys):
        if isinstance(score, list):
            return [_follow(entry, keys[i:]) for entry in score]
        score = score[key]
    return score
