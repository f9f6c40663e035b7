"""The main rows of CUB on one GPU that several processes share.

    python benchmarks/full.py BUNDLE.npz build/full --only T2/GenZSL "RevCD T2/RevCD"
    python benchmarks/full.py BUNDLE.npz build/counts --profile medium --counts 100 300 900 2700

Pages at the profile `full` would take a GPU for days: they train every ablation, and GenZSL's
released classifier alone makes ten million steps a run. These rows are what the pages' main tables
compare, each trained as the profile has it, at `full` as published, and scored clean. With
`--counts` the same generators choose among other numbers of synthetic features, as a table of that
name. Each record is written when it is done, so a run that is cut short keeps what it has, and what
is there already is not computed again. A JSON file of the same name says what it was made with.
"""

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from measure import revision

from zslnb import experiments, genzsl, imagination, load, revcd
from zslnb.device import choose_device, processes_at_once
from zslnb.experiments import MeansSettings
from zslnb.results.records import read_records

KINDS = {"cVAE": "cvae", "f-CLSWGAN": "gan", "f-VAEGAN": "fvaegan"}
PAGES = {"T2": "14_genzsl_results", "counts": "14_genzsl_results", "RevCD T2": "24_revcd_results"}
Rows = dict[tuple[str, str], tuple[str, object]]  # (table, row) -> (method, settings)


def rows(name: str, profile: str, counts: Sequence[int]) -> Rows:
    """List what can be run, in the tables' order."""
    ours = genzsl.profile_settings(name, profile)
    generators = {
        row: ("imagination", imagination.profile_settings(name, profile, kind))
        for row, kind in KINDS.items()
    } | {"GenZSL": ("genzsl", ours)}
    if counts:
        closed = {"means + spread": ("means", MeansSettings.beside(ours))}
        return {
            ("counts", row): (method, replace(settings, n_synthetic_choices=tuple(counts)))
            for row, (method, settings) in (closed | generators).items()
        }
    revcds = {
        ("RevCD T2", row): ("revcd", revcd.profile_settings(profile, kind))
        for row, kind in {"RevCD": "revcd", "cVAE": "cvae", "GAN": "gan"}.items()
    }
    return {
        ("T2", "ESZSL"): ("eszsl", None),
        **{("T2", row): experiment for row, experiment in generators.items()},
        **revcds,
    }


def compute(bundle: str, semantics: str, device: str, method: str, settings: object, seed: int):
    """Run one experiment in a process of its own."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    record = experiments.run(method, load(bundle, semantics=semantics), settings, seed, device)
    return {**record, "wall": round(time.perf_counter() - start, 1)}


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("out", type=Path)
    parser.add_argument("--semantics", default="sentences")
    parser.add_argument("--profile", default="full", choices=["medium", "full"])
    parser.add_argument("--counts", nargs="*", type=int, default=[], help="of synthetic features")
    parser.add_argument("--only", nargs="*", default=[], help="ROW or TABLE/ROW; else all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, help="as many as the device takes unless given")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.made_by = " ".join(["benchmarks/full.py", *map(shlex.quote, sys.argv[1:])])
    return options


def left_to_do(options: argparse.Namespace, known: Rows, lines: Path) -> list[tuple]:
    """List (table and row, experiment, seed) of what was asked for and is not there, seed by seed.

    Exits where a row that was asked for is not known.
    """
    names = {name for key in known for name in (key[1], "/".join(key))}
    if strange := {*options.only} - names:
        sys.exit(f"Unknown: {', '.join(sorted(strange))}; there are {', '.join(sorted(names))}.")
    records = read_records(lines) if lines.exists() else []
    there = {(r["table"], r["row"], r["seed"]) for r in records}
    return [
        (key, known[key], seed)
        for seed in range(options.seeds)
        for key in known
        if not options.only or {key[1], "/".join(key)} & {*options.only}
        if (*key, seed) not in there
    ]


def main() -> None:
    """Run the rows that are asked for, the first seeds first; exit with 1 if one failed."""
    options = asked()
    device = choose_device(options.device)
    benchmark = load(options.bundle, semantics=options.semantics)
    at_once = options.at_once or processes_at_once(device)
    known = rows(benchmark.name, options.profile, options.counts)
    name = "-".join([options.semantics, options.profile, *(["counts"] if options.counts else [])])
    lines, failed = options.out / f"{name}.jsonl", 0
    jobs = left_to_do(options, known, lines)
    options.out.mkdir(parents=True, exist_ok=True)
    head = {
        "made_by": options.made_by,
        "profile": options.profile,
        "benchmark": experiments.benchmark_facts(benchmark),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "revision": revision(),
        "processes": at_once,
    }
    (options.out / f"{name}.json").write_text(json.dumps(head, indent=1) + "\n")
    start = time.perf_counter()
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool, lines.open("a") as file:
        waiting = {
            pool.submit(compute, options.bundle, options.semantics, str(device), *what, seed): key
            for key, what, seed in jobs
        }
        for done in as_completed(waiting):
            table, row = waiting[done]
            if error := done.exception():
                print(f"{table} {row} failed: {error}", flush=True)
                failed += 1
                continue
            record = done.result()
            shown = {"row": row, "order": [*known].index((table, row)), "table": table}
            wall, shown["notebook"] = record.pop("wall"), PAGES[table]
            file.write(json.dumps({**record, **shown}, sort_keys=True) + "\n")
            file.flush()
            clean = {k: round(100 * v, 1) for k, v in record["scores"]["clean"].items()}
            at = time.perf_counter() - start
            print(f"{at:5.0f} s {table} {row} seed {record['seed']} {clean} {wall} s", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
