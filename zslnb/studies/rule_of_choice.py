"""What does choosing on the test set add, method by method, in both directions?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.results.statistics import by_seed
from zslnb.revcd import RevCDSettings
from zslnb.studies.cub import cub_rows
from zslnb.studies.generators import Device, predicted, untrained
from zslnb.studies.genzsl_results import CUB_RUN
from zslnb.studies.rows import Records, row_names, told
from zslnb.studies.study import Tabled

Sources = Mapping[str, Records]  # benchmark and semantics -> records of both directions
Rivals = Mapping[str, ImaginationSettings]
Estimators = Mapping[str, RevCDSettings | experiments.RidgeSettings]

RENAMED = {"cVAE": "cVAE x → z", "GAN": "GAN x → z"}  # among the estimators
TRAINED = ("GenZSL", "cVAE", "f-CLSWGAN", "f-VAEGAN", "RevCD", *RENAMED.values())
CLOSED = ("ESZSL", "nearest mean", "means + spread", "ridge")  # plain CLIP chooses nothing


def run_both(
    benchmark: Benchmark,
    generator: GenZSLSettings,
    rivals: Rivals,
    estimators: Estimators,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[dict]:
    """Run the methods of both papers and the closed forms; page 14 has its records of z -> x.

    `estimators` are RevCD and what page 24 sets beside it; names that both directions have are
    told apart.
    """
    rows = {**untrained(benchmark), **predicted(generator), "GenZSL": ("genzsl", generator)}
    rows |= {row: ("imagination", used) for row, used in rivals.items()}
    for row, used in estimators.items():
        rows[RENAMED.get(row, row)] = ("ridge" if row == "ridge" else "revcd", used)
    return run_rows(rows, benchmark, seeds, device, table="audit")


def both_recorded(kind: str) -> list[dict]:
    """Read the same rows from what pages 14 and 24 recorded of CUB, for one kind of semantics."""
    there = results.rows_of(results.recorded(CUB_RUN), "T4", f" · {kind}")
    back = [{**r, "row": RENAMED.get(r["row"], r["row"])} for r in cub_rows(kind, "RevCD T2")]
    return [record for record in (*there, *back) if record["row"] in {*TRAINED, *CLOSED}]


def percents_of(records: Records, row: str, way: str = "clean") -> Float[np.ndarray, " R"]:
    """H of a row by seed, in percent."""
    found = by_seed([*records], row, "H", way)
    return np.array([found[seed] for seed in sorted(found)])


def best_on_test(sources: Sources) -> Tabled:
    """What does choosing on the test set add to each method's H, all else equal?"""
    columns, added = {}, {}
    for title, records in sources.items():
        rows = [row for row in row_names(records) if row in (*TRAINED, *CLOSED)]
        gains = {r: percents_of(records, r, "peeked") - percents_of(records, r) for r in rows}
        added[title] = results.differences_by(gains)
        columns[title] = {row: told(found) for row, found in added[title].items()}
    text = (
        "Points of H that the test set adds when it, and not validation classes, picks among the "
        "same candidates: mean within a seed and 95 % interval; *above* is significant and at "
        "least a point, tested together in each column. None can be below 0."
    )
    frame = pd.DataFrame(columns).fillna("").rename_axis("method")
    return Tabled("best-on-test", frame, text, headline=True, added=added)
