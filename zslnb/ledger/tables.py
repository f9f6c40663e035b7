"""Tables from records: percent, mean and standard deviation over seeds."""

import math

import pandas as pd

from zslnb.protocol import PROTOCOLS, mean_and_sd

COLUMNS = {"S": "S", "U": "U", "H": "H", "T1": "T1"}


def results_table(records: list[dict], protocol: str) -> pd.DataFrame:
    """Summarise records of `run_rows`: one row a method, percent as "mean ± sd".

    Args:
        records: each with `row`, `seed` and `scores`.
        protocol: "clean" or "released"; records without it read "n/a".

    Raises:
        ValueError: unknown protocol, or no records.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, not {protocol!r}.")
    if not records:
        raise ValueError("No records to make a table of.")
    labels = dict.fromkeys(record["row"] for record in records)
    cells = {label: _row([r for r in records if r["row"] == label], protocol) for label in labels}
    return pd.DataFrame.from_dict(cells, orient="index")


def scores_frame(records: list[dict]) -> pd.DataFrame:
    """Lay records out long: one line for each row, seed, protocol and metric, in percent."""
    lines = [
        {
            "row": r["row"],
            "seed": r["seed"],
            "protocol": protocol,
            "metric": name,
            "percent": 100 * x,
        }
        for r in records
        for protocol in PROTOCOLS
        for name, x in r["scores"].get(protocol, {}).items()
    ]
    return pd.DataFrame(lines)


def percent(values: list[float]) -> str:
    """Write fractions as "mean ± sd" in percent; a single value, or none that vary, stand alone."""
    mean, sd = mean_and_sd([100 * value for value in values])
    return f"{mean:.1f}" if math.isnan(sd) else f"{mean:.1f} ± {sd:.1f}"


def _row(records: list[dict], protocol: str) -> dict[str, str | int]:
    scores = [r["scores"][protocol] for r in records if protocol in r["scores"]]
    cells = {
        head: percent([s[key] for s in scores]) if scores else "n/a"
        for key, head in COLUMNS.items()
    }
    return {**cells, "seeds": len(scores)}
