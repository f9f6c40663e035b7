"""The main rows of CUB at the published schedule, on one GPU that several processes share.

    python benchmarks/full.py BUNDLE.npz build/full --only T2/GenZSL "RevCD T2/RevCD" --at-once 8

Pages at the profile `full` would take a GPU for days: they train every ablation, and GenZSL's
released classifier alone makes ten million steps a run. These rows are what the pages' main tables
compare, each trained as published and scored clean. Each record is written when it is done, so a
run that is cut short keeps what it has; `manifest.json` says what it was made with.
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from zslnb import experiments, genzsl, imagination, load, revcd
from zslnb.device import choose_device

KINDS = {"cVAE": "cvae", "f-CLSWGAN": "gan", "f-VAEGAN": "fvaegan"}
PAGES = {"T2": "14_genzsl_results", "T3": "14_genzsl_results", "RevCD T2": "24_revcd_results"}


def rows(name: str) -> dict[tuple[str, str], tuple[str, object]]:
    """List what can be run: (table, row) -> (method, settings), in the tables' order."""
    full = genzsl.profile_settings(name, "full")
    rivals = {
        ("T2", row): ("imagination", imagination.profile_settings(name, "full", kind))
        for row, kind in KINDS.items()
    }
    revcds = {
        ("RevCD T2", row): ("revcd", revcd.profile_settings("full", kind))
        for row, kind in {"RevCD": "revcd", "cVAE": "cvae", "GAN": "gan"}.items()
    }
    return {
        ("T2", "ESZSL"): ("eszsl", None),
        **rivals,
        ("T2", "GenZSL"): ("genzsl", full),
        **revcds,
    }


def compute(bundle: str, semantics: str, device: str, method: str, settings: object, seed: int):
    """Run one experiment in a process of its own."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    record = experiments.run(method, load(bundle, semantics=semantics), settings, seed, device)
    return {**record, "wall": round(time.perf_counter() - start, 1)}


def main() -> None:
    """Run the rows that are asked for, the first seeds first."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("out", type=Path)
    parser.add_argument("--semantics", default="sentences")
    parser.add_argument("--only", nargs="*", default=["GenZSL", "RevCD"], help="ROW or TABLE/ROW")
    parser.add_argument("--tables", nargs="*", default=["T2", "RevCD T2"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    device, benchmark = choose_device(asked.device), load(asked.bundle, semantics=asked.semantics)
    asked.out.mkdir(parents=True, exist_ok=True)
    head = {
        "made_by": "benchmarks/full.py",
        "profile": "full",
        "benchmark": experiments.benchmark_facts(benchmark),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "processes": asked.at_once,
    }
    (asked.out / f"manifest-{asked.semantics}.json").write_text(json.dumps(head, indent=1) + "\n")
    known = {key: row for key, row in rows(benchmark.name).items() if key[0] in asked.tables}
    order = {key: number for number, key in enumerate(known)}
    jobs = [
        (key, known[key], seed)
        for seed in range(asked.seeds)
        for row in asked.only
        for key in known
        if row in (key[1], "/".join(key))
    ]
    start, lines = time.perf_counter(), asked.out / f"records-{asked.semantics}.jsonl"
    with ProcessPoolExecutor(asked.at_once, get_context("spawn")) as pool, lines.open("a") as file:
        waiting = {
            pool.submit(compute, asked.bundle, asked.semantics, str(device), *what, seed): key
            for key, what, seed in jobs
        }
        for done in as_completed(waiting):
            table, row = waiting[done]
            if error := done.exception():
                print(f"{table} {row} failed: {error}", flush=True)
                continue
            record = done.result()
            wall = record.pop("wall")
            shown = {"row": row, "order": order[table, row], "table": table}
            record = {**record, **shown, "notebook": PAGES[table]}
            file.write(json.dumps(record, sort_keys=True) + "\n")
            file.flush()
            clean = {k: round(100 * v, 1) for k, v in record["scores"]["clean"].items()}
            at = time.perf_counter() - start
            print(f"{at:5.0f} s {table} {row} seed {record['seed']} {clean} {wall} s", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
