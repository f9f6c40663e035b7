"""Tables from records: percent, mean and standard deviation over seeds."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from zslnb.protocol import PROTOCOLS
from zslnb.results.statistics import by_seed, mean_and_sd, paired_gains, percent, points
from zslnb.text import markdown

SHOWN = (*PROTOCOLS, "peeked", "lenient", "calibrated", "lenient, calibrated")
METRICS = ("S", "U", "H", "T1")


def results_table(records: list[dict], protocol: str) -> pd.DataFrame:
    """Summarise records of `run_rows`: one row a method, percent as "mean ± sd".

    Args:
        records: each with `row`, `seed` and `scores`.
        protocol: one of SHOWN; records without it read "n/a".

    Raises:
        ValueError: unknown protocol, or no records.
    """
    if protocol not in SHOWN:
        raise ValueError(f"protocol must be one of {', '.join(SHOWN)}, not {protocol!r}.")
    if not records:
        raise ValueError("No records to make a table of.")
    cells = {}
    for row in row_names(records):
        of_row = [r["scores"] for r in records if r["row"] == row]
        scores = [s[protocol] for s in of_row if protocol in s]
        cells[row] = {m: percent([s[m] for s in scores]) if scores else "n/a" for m in METRICS}
        cells[row]["seeds"] = len(scores)
    return pd.DataFrame.from_dict(cells, orient="index")


def row_names(records: Sequence[dict]) -> list[str]:
    """Labels of the rows, in the order in which they first occur."""
    return [*dict.fromkeys(record["row"] for record in records)]


def results_against(
    records: list[dict], base: str, protocol: str, metrics: Sequence[str] = ("H", "T1")
) -> pd.DataFrame:
    """Summarise records and set every row against one: points gained over it within a seed."""
    table = results_table(records, protocol)
    for metric in metrics:
        table[f"{metric}, over {base}"] = [
            "" if row == base else points(paired_gains(records, row, base, metric, protocol))
            for row in table.index
        ]
    return table


def results_beside(records: list[dict]) -> pd.DataFrame:
    """Summarise clean scores beside H with a moved border, and what choosing on test prints."""
    table = results_table(records, "clean").drop(columns="seeds").add_suffix(", clean")
    for protocol in ("calibrated", "peeked", "released"):
        table[f"H, {protocol}"] = results_table(records, protocol)["H"]
    return table.rename_axis("method")


def results_counted(records: list[dict]) -> pd.DataFrame:
    """Summarise strict scores beside S and H counted leniently, and beside calibrated ones."""
    table = results_table(records, "clean").drop(columns="seeds")
    table = table.rename(columns={"S": "S, strict", "H": "H, strict"})
    for protocol, metrics in (("lenient", "SH"), ("calibrated", "SUH")):
        counted = results_table(records, protocol)[list(metrics)]
        table = table.join(counted.add_suffix(f", {protocol}"))
    return table.rename_axis("method")


def rows_of(records: list[dict], table: str, ending: str = "") -> list[dict]:
    """Pick the records of one table whose row labels end in `ending`, which is then left out."""
    return [
        {**r, "row": r["row"].removesuffix(ending)}
        for r in records
        if r.get("table") == table and r["row"].endswith(ending)
    ]


def scores_frame(records: list[dict]) -> pd.DataFrame:
    """Lay records out long: one line for each row, seed, protocol and metric, in percent."""
    lines = [
        (r["row"], r["seed"], protocol, metric, 100 * score)
        for r in records
        for protocol in PROTOCOLS
        for metric, score in r["scores"].get(protocol, {}).items()
    ]
    return pd.DataFrame(lines, columns=["row", "seed", "protocol", "metric", "percent"])


def spread_caption(records: list[dict], metric: str, protocol: str) -> str:
    """State which rows lead and trail on a metric, for the caption of a figure of all rows."""
    means = {
        row: mean_and_sd([*by_seed(records, row, metric, protocol).values()])[0]
        for row in row_names(records)
    }
    low, high = min(means, key=means.get), max(means, key=means.get)
    return (
        f"{metric} of each method and seed. Under *{protocol}* selection, *{high}* leads with "
        f"{means[high]:.1f} % and *{low}* trails with {means[low]:.1f} %, on average over seeds."
    )


def markdown_table(frame: pd.DataFrame, *, has_names: bool = False) -> str:
    """Write a table as Markdown that also reads well as plain text.

    Numbers are right-aligned, floats have four significant digits, missing values are blank. The
    index is a column, unless it only counts the rows. `has_names` keeps Markdown in cells from
    its meaning.
    """
    frame = frame if only_counts(frame.index) else frame.reset_index()
    right = [pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes]
    rows = [[_cell(name) for name in frame.columns]]
    rows += [[_cell(value, has_names) for value in row] for row in frame.itertuples(index=False)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    ruler = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right, strict=True)]
    rows.insert(1, ruler)
    return "".join(_line(row, widths, right) for row in rows)


def only_counts(index: pd.Index) -> bool:
    """Tell whether an index only counts the rows."""
    return index.name is None and isinstance(index, pd.RangeIndex)


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)]
    return f"| {' | '.join(padded)} |\n"


def _cell(value: object, is_name: bool = False) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    text = markdown(text) if is_name else text.replace("|", "\\|")
    return text.replace("\n", " ")


def with_parts(page: str, text: str, parts: Mapping[str, Callable[[], str]], origin: str) -> str:
    """Return a page's text with its generated parts made anew, each between two comments.

    Args:
        page: its name, for the message.
        text: with `<!-- NAME: ORIGIN -->` above each part and `<!-- end NAME -->` below.
        parts: what makes each, by name.
        origin: where they are from.

    Raises:
        ValueError: a part has no place, or several.
    """
    for name, part in parts.items():
        marks = f"<!-- {name}: {origin} -->", f"<!-- end {name} -->"
        if not all(text.count(mark) == 1 for mark in marks):
            raise ValueError(f"{page} needs one place for {name}, between {marks}.")
        before, after = text.split(marks[0])[0], text.split(marks[1])[1]
        text = f"{before}{marks[0]}\n\n{part().strip()}\n\n{marks[1]}{after}"
    return text
