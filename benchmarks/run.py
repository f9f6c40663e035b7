"""Every hot path against its plain form and against what this machine can do: `make benchmark`.

Prints one table, and writes it as JSON with the machine's description. Only ratios within one run
mean anything. `--record` also keeps the JSON in `benchmarks/recorded/`, from which the tables of
docs/scaling.md are written.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch
from extraction import extraction_row
from measure import Machine, Row
from paths import PATHS
from report import RECORDED, shown, write_docs
from scaling import draw, series
from sizes import CPU, GPU, QUICK, Sizes

from zslnb.device import choose_device
from zslnb.files import build_dir, write_atomically

SECTIONS = {**PATHS, "extraction": extraction_row}


def rows(machine: Machine, sizes: Sizes, only: Sequence[str]) -> Iterator[Row]:
    """Measure section by section."""
    for name in only or SECTIONS:
        if name in SECTIONS:
            start = time.perf_counter()
            torch.manual_seed(0)
            yield from SECTIONS[name](machine, sizes)
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--out", type=Path, help="JSON; else build/benchmark/DEVICE.json")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, whose times mean nothing")
    parser.add_argument("--only", nargs="*", default=[], choices=[*SECTIONS, "scaling"])
    parser.add_argument("--record", action="store_true", help="keep it, and write docs/scaling.md")
    options = parser.parse_args(arguments)
    device = choose_device(options.device).type
    machine = Machine(device, small=options.quick)
    sizes = QUICK if options.quick else CPU if device == "cpu" else GPU
    start = time.perf_counter()
    measured = [row.report() for row in rows(machine, sizes, options.only)]
    curves = []
    if not options.only or "scaling" in options.only:
        curves = [*series(machine, sizes, options.quick)]
    facts = machine.described() | {"seconds": time.perf_counter() - start}
    report = {"machine": facts, "quick": options.quick, "rows": measured, "scaling": curves}
    path = options.out or build_dir() / "benchmark" / f"{device}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(report, indent=1) + "\n")
    if any(curve["against"] == "classes" for curve in curves):
        draw(curves, path.with_suffix(".png"))
    with pd.option_context("display.width", 200, "display.max_colwidth", 60):
        print(shown(report).to_string(index=False))
    print(f"{facts['seconds']:.0f} s, {path}")
    if options.record:
        write_atomically(RECORDED / f"{device}.json", path.read_text(encoding="utf-8"))
        write_docs()


if __name__ == "__main__":
    main()
