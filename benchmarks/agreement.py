"""How far the scores of one run lie from another's: of a GPU, or another CPU, from those of a CPU.

    python benchmarks/agreement.py results/aviary-smoke build/aviary-smoke --record gpu

CPU and GPU draw other random numbers, so a seed means nothing across them; two CPUs draw the same,
and round otherwise. What must agree are the means over seeds. Compared are those of each experiment
that both runs have with the same settings, under each protocol. `--record` keeps the counts for
docs/scaling.md.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from report import KINDS, RECORDED, write_docs

from zslnb.experiments.methods import METHODS
from zslnb.files import write_atomically
from zslnb.results.records import read_records

PROTOCOLS = ("clean", "calibrated", "released")
METRICS = ("S", "U", "H", "T1")
ROUNDING = 1e-9  # points, of an average over seeds
Key = tuple[str, str, str]  # method, settings, data


def experiments_of(records: Sequence[Mapping]) -> dict[Key, dict[int, Mapping]]:
    """Sort records by experiment, and by seed; what several tables show counts once."""
    found: dict[Key, dict[int, Mapping]] = defaultdict(dict)
    for record in records:
        settings = json.dumps(record["settings"], sort_keys=True)
        found[record["method"], settings, record["benchmark"]["sha256"]][record["seed"]] = record
    return found


def differences(ours: Sequence[Mapping], others: Sequence[Mapping]) -> Iterator[dict]:
    """Give each mean that both have from at least three seeds, of what both were trained for.

    `difference` is theirs less ours, `spread` the standard deviation over seeds, pooled, `error`
    the difference's standard error, all in points.
    """
    mine, theirs = experiments_of(ours), experiments_of(others)
    for key in mine.keys() & theirs.keys():
        pair = [*mine[key].values()], [*theirs[key].values()]
        if min(map(len, pair)) < 3 or not METHODS[key[0]].on_device:
            continue
        for protocol in PROTOCOLS:
            for metric in METRICS:
                values = [[_score(r, protocol, metric) for r in records] for records in pair]
                if None in values[0] + values[1]:
                    continue
                a, b = (100 * np.array(v, dtype=float) for v in values)
                variances = a.var(ddof=1), b.var(ddof=1)
                if not max(variances):  # nothing random is in it
                    continue
                yield {
                    "difference": float(b.mean() - a.mean()),
                    "spread": float(np.sqrt(np.mean(variances))),
                    "error": float(np.sqrt(variances[0] / len(a) + variances[1] / len(b))),
                    "row": pair[0][0]["row"],
                    "what": f"{protocol} {metric}",
                }


def _score(record: Mapping, protocol: str, metric: str) -> float | None:
    return record["scores"].get(protocol, {}).get(metric)


def summary(found: Sequence[Mapping]) -> dict[str, object]:
    """Count the means that are equal, within the seeds' spread, and within two standard errors."""
    sizes = [abs(one["difference"]) for one in found]
    farthest = max(found, key=lambda one: abs(one["difference"]) / max(one["error"], 0.05))
    return {
        "means": len(found),
        "equal": sum(size < ROUNDING for size in sizes),
        "within the spread": sum(s <= f["spread"] for s, f in zip(sizes, found, strict=True)),
        "within two errors": sum(s <= 2 * f["error"] for s, f in zip(sizes, found, strict=True)),
        "median": float(np.median(sizes)),
        "largest": max(sizes),
        "farthest": dict(farthest),
    }


def device_of(folder: Path) -> str:
    """Name the device of a run, as its manifest does."""
    device = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["device"]
    return f"{device['name']} ({device['used']})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ours", type=Path, help="folder of a run")
    parser.add_argument("others", type=Path, help="folder of another")
    parser.add_argument("--record", choices=KINDS, help="what the other is; writes docs/scaling.md")
    options = parser.parse_args(arguments)
    folders = options.ours, options.others
    for folder in folders:
        if not (folder / "records.jsonl").is_file():
            parser.error(f"{folder} has no records.jsonl: it is no run's folder.")
    found = [*differences(*(read_records(folder / "records.jsonl") for folder in folders))]
    if not found:
        parser.error("the two runs share no experiment of three seeds that trains anything.")
    told = {"devices": [*map(device_of, folders)], **summary(found)}
    print(json.dumps(told, indent=1))
    if options.record:
        path = RECORDED / f"agreement-{options.record}.json"
        write_atomically(path, json.dumps(told, indent=1) + "\n")
        write_docs()


if __name__ == "__main__":
    main()
