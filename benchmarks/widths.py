"""What networks half as wide do to each method on the aviary (docs/scaling.md): prints a table.

    .venv/bin/python benchmarks/widths.py

takes two minutes on two cores, less where `make reproduce` has run.
"""

from dataclasses import replace
from statistics import mean, stdev

import zslnb
from zslnb import genzsl, imagination, revcd
from zslnb.experiments.memo import run_rows

NARROW = {"widths": (128, 64, 32), "epochs": 4, "epoch_choices": (4, 1)}


def main() -> None:
    """Run each method as it is and half as wide, five seeds each."""
    ours = genzsl.profile_settings("aviary", "smoke")
    gan = imagination.profile_settings("aviary", "smoke", "gan")
    estimators = {"RevCD": "revcd", "cVAE x → z": "cvae"}
    rows = {
        "GenZSL": ("genzsl", ours),
        "GenZSL, half": ("genzsl", replace(ours, hidden_dim=128, latent_dim=64)),
        "f-CLSWGAN": ("imagination", gan),
        "f-CLSWGAN, half": ("imagination", replace(gan, hidden_dim=128)),
    }
    for name, kind in estimators.items():
        settings = revcd.profile_settings("smoke", kind)
        rows[name] = "revcd", settings
        rows[f"{name}, half"] = "revcd", replace(settings, **NARROW)
    records = run_rows(rows, zslnb.load("aviary"), range(5))
    for name in rows:
        mine = [r for r in records if r["row"] == name]
        told = {m: [100 * r["scores"]["clean"][m] for r in mine] for m in ("H", "T1")}
        shown = (f"{m} {mean(values):5.1f} ± {stdev(values):.1f}" for m, values in told.items())
        print(f"{name:18s}", *shown)


if __name__ == "__main__":
    main()
