"""Values of a row of records over seeds, and how they are written: what every study begins with."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslnb.protocol import mean_and_sd

Records = Sequence[dict]


def row_names(records: Records) -> list[str]:
    """Labels of the rows, in the order in which they first occur."""
    return [*dict.fromkeys(record["row"] for record in records)]


def values(records: Records, row: str, *keys: str) -> Float[np.ndarray, "R ..."]:
    """One score of one row, an entry for each seed, in the records' order.

    Args:
        records: of `run_rows`, R of them in this row.
        row: its label.
        keys: the way to the score, such as "clean", "H". Where it meets a list, as in a history,
            it goes on from each entry: "history", "kl" is a curve for each seed.

    Returns:
        (R,) numbers, or (R, n) where the way leads through a list of n.

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


def gains(records: Records, row: str, base: str, *keys: str) -> Float[np.ndarray, " R"]:
    """What a row has more than another, within each seed that both have.

    Raises:
        ValueError: rows that share no seed.
    """
    first, second = (
        {
            record["seed"]: _follow(record["scores"], keys)
            for record in records
            if record["row"] == r
        }
        for r in (row, base)
    )
    shared = [seed for seed in first if seed in second]
    if not shared:
        raise ValueError(f"Rows {row!r} and {base!r} share no seed.")
    return np.array([first[seed] - second[seed] for seed in shared])


def plus_minus(numbers: Sequence[float] | Float[np.ndarray, " R"], form: str = ".3f") -> str:
    """Write "mean ± sd" over seeds, both in a format such as ".1e"; a single value stands alone."""
    mean, sd = mean_and_sd([float(number) for number in numbers])
    return f"{mean:{form}}" + ("" if np.isnan(sd) else f" ± {sd:{form}}")


def summary(
    records: Records,
    rows: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    form: str = ".3f",
) -> pd.DataFrame:
    """Lay out rows by columns, each cell the mean ± sd of a score over seeds.

    Args:
        records: of `run_rows`.
        rows: labels, in order.
        columns: head of a column -> keys of its score, as `values` takes them.
        form: format of every number.
    """
    cells = {
        head: [plus_minus(values(records, row, *keys), form) for row in rows]
        for head, keys in columns.items()
    }
    return pd.DataFrame(cells, index=[*rows])


def _follow(score: object, keys: Sequence[str]) -> object:
    for i, key in enumerate(keys):
        if isinstance(score, list):
            return [_follow(entry, keys[i:]) for entry in score]
        score = score[key]
    return score
