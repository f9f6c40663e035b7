"""From recorded measurements to the tables of docs/scaling.md, which this writes as a program."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from zslnb.results import markdown_table
from zslnb.results.tables import with_parts

HERE = Path(__file__).parent
RECORDED, DOCS = HERE / "recorded", HERE.parent / "docs" / "scaling.md"
DEVICES = ("cpu", "cuda")
KINDS = ("gpu", "cpu")  # of another run's device, that one on a CPU is compared with
MISSING = "not measured"
PREFIXES = ((1, "", 1), (1e-3, "m", 1e3), (0, "µ", 1e6))


def shown(report: dict) -> pd.DataFrame:
    """Lay out the hot paths of one machine: medians, with the range of repeats where it matters."""
    return pd.DataFrame([_shown(row) for row in report["rows"]])


def _shown(row: dict) -> dict[str, str]:
    ratios = [b / a for a, b in zip(row["seconds"], row["theirs"], strict=False)]
    against = MISSING
    if ratios:
        against = f"{row['ratio']:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    share = row["limit"] / row["median"] if row["limit"] and row["median"] else None
    return {
        "path": row["path"] + (f" ({row['note']})" if row["note"] else ""),
        "size": row["size"],
        "time": _span(row["seconds"], row["median"]),
        "against": row["against"] or "–",
        "times as fast": against if row["against"] else "–",
        "of the machine's limit": f"{share:.0%}" if share else "–",
        "threads": str(row["threads"]),
    }


def _span(seconds: list[float], median: float | None) -> str:
    if median is None:
        return MISSING
    return f"{_time(median)} ({_time(min(seconds))}–{_time(max(seconds))})"


def _time(seconds: float) -> str:
    """Write seconds in a unit that suits them."""
    scale, prefix = next((s, p) for least, p, s in PREFIXES if seconds >= least)
    return f"{seconds * scale:.3g} {prefix}s"


def growth(report: dict) -> pd.DataFrame:
    """Lay out what was measured of growth: each curve's points, and the power it ends with."""
    return pd.DataFrame([_grown(curve) for curve in report["scaling"]])


def _grown(curve: dict) -> dict[str, str]:
    points, powers = curve["points"], [curve[f"slope of {key}"] for key in ("seconds", "bytes")]
    sizes = [f"{point['bytes'] / 1e6:,.0f} MB" for point in points if point.get("bytes", 0) > 1e6]
    power, of_memory = ("–" if value is None else f"{value:.1f}" for value in powers)
    return {
        "what": curve["what"],
        "grows with": curve["against"],
        "from": f"{points[0]['n']:,}",
        "to": f"{points[-1]['n']:,}",
        "time": f"{_time(points[0]['seconds'])} to {_time(points[-1]['seconds'])}",
        "power": power,
        "memory at most": sizes[-1] if sizes else "–",
        "power of memory": of_memory,
    }


def recorded(device: str) -> dict | None:
    """Read what was recorded on a kind of device; None where nothing was."""
    path = RECORDED / f"{device}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def parts() -> dict[str, Callable[[], str]]:
    """Say how each generated part of the document is made, by name."""
    return {
        f"{name} {device}": partial(_part, recorded(device), table)
        for device in DEVICES
        for name, table in (("paths", shown), ("growth", growth))
    } | {f"agreement {kind}": partial(agreement, kind) for kind in KINDS}


def _part(report: dict | None, table: Callable[[dict], pd.DataFrame]) -> str:
    if report is None:
        return f"*{MISSING.capitalize()}: no such machine was at hand.*"
    rows = table(report)
    if rows.empty:
        return f"*{MISSING.capitalize()} in the time there was on that machine.*"
    machine = report["machine"]
    name = machine["gpu"] or f"{machine['processor']}, {machine['cores']} cores"
    rate, moved = (
        max(limits[key] for limits in machine["limits"].values()) / 1e9
        for key in ("float32", "bytes")
    )
    facts = f"{name}; torch {machine['torch']}; {rate:,.0f} GFLOP/s in float32, {moved:,.0f} GB/s."
    return f"{facts}\n\n{markdown_table(rows, has_names=True)}"


def agreement(kind: str) -> str:
    """Say how many means of one device's run lie how near to another's, one of KINDS."""
    told = recorded(f"agreement-{kind}")
    if told is None:
        return f"*{MISSING.capitalize()}.*"
    n, far = told["means"], told["farthest"]
    near, within = (
        f"{told[key]} ({told[key] / n:.1%})" for key in ("within the spread", "within two errors")
    )
    if kind == "cpu":
        same, median = f" {told['equal']} are the same,", ""
        chance = ""
    else:
        same, median = "", f"median difference is {told['median']:.1f} points, the "
        chance = ", where chance alone would leave 92% with five seeds"
    return (
        f"Of {n} means of S, U, H and T1 over seeds,{same} {near} differ by no more than the "
        f"standard deviation over seeds, and {within} by no more than two standard errors{chance}. "
        f"The {median}largest difference is {told['largest']:.1f} points; the farthest, counted in "
        f"standard errors, is {far['what']} of "
        f"*{far['row']}*: {far['difference']:+.1f} points, with an error of {far['error']:.1f}."
    )


def filled(text: str) -> str:
    """Return a document with its generated parts as the recorded measurements say."""
    return with_parts(DOCS.name, text, parts(), "from benchmarks/recorded")


def write_docs() -> None:
    """Write the generated parts of docs/scaling.md."""
    DOCS.write_text(filled(DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write_docs()
