"""What the two numbers that GenZSL is known by rest on: 24.7 points, and 60 times as fast."""

from collections.abc import Mapping, Sequence

import pandas as pd

from zslnb import results
from zslnb.results import published, published_value
from zslnb.studies.genzsl_results import CUB_RUN
from zslnb.studies.printed_gaps import WAYS
from zslnb.studies.rows import Records, row_names, told
from zslnb.studies.rule_of_choice import Sources
from zslnb.studies.speed import SLOWER, SpeedUp, TrainingSpeed, speed_up_words
from zslnb.studies.study import Tabled

PRINTED = {  # rival -> benchmark -> id of its printed H
    "f-VAEGAN, in the paper's own comparison": {
        "AWA2": "F5-AWA2-fVAEGAN-H",
        "CUB": "T4-CUB-fVAEGAN-weak-H",
    },
    "f-VAEGAN, as published": {"AWA2": "B-fVAEGAN-AWA2-H", "CUB": "B-fVAEGAN-CUB-H"},
    "f-VAEGAN on CLIP features, by SHIP": {"AWA2": "S-AWA2-fVAEGAN-H", "CUB": "S-CUB-fVAEGAN-H"},
    "plain CLIP, by SHIP": {"AWA2": "S-AWA2-CLIP-H", "CUB": "T4-CUB-CLIP-H"},
    "CoOp+SHIP": {"CUB": "T4-CUB-SHIP-H"},
}
HERE = (  # rival, metric, and how both are scored
    ("f-VAEGAN", "H", "peeked"),
    *((row, "H", "clean") for row in ("f-VAEGAN", "cVAE", "plain CLIP", "means + spread")),
    *((row, "T1", "clean") for row in ("f-VAEGAN", "means + spread")),
)
UNSURE = {"inference": "our inference", "memory": "from memory"}
WHOSE = "whose row it is, from memory"  # of SHIP's f-VAEGAN
CLOSED = "means + spread"
COLUMNS = ("H", "T1")


def leads_printed() -> Tabled:
    """By how many points is GenZSL's printed H ahead, by whom it is set beside? Also `leads`."""
    quoted, leads, cells = published("genzsl"), {}, {}
    ours = {name: published_value("genzsl", f"T2-{name}-H") for name in ("AWA2", "CUB")}
    for rival, ids in PRINTED.items():
        for benchmark, name in ids.items():
            theirs = published_value("genzsl", name)
            lead = ours[benchmark] - theirs
            whose = WHOSE if quoted.loc[name, "method"] == "f-VAEGAN by SHIP" else ""
            grade = UNSURE.get(quoted.loc[name, "grade"], whose)
            leads[rival, benchmark] = lead
            cells.setdefault(rival, {})[benchmark] = (
                f"{lead:+.1f}, over {theirs:.1f}" + f" ({grade})" * bool(grade)
            )
    frame = pd.DataFrame.from_dict(cells, orient="index").fillna("").rename_axis("GenZSL over")
    text = (
        f"**Quoted.** Points that GenZSL's printed H ({ours['AWA2']:g} on AWA2, {ours['CUB']:g} on "
        "CUB) has over others: "
        "differences of single numbers, the best on test or nobody says how chosen, on features "
        "that differ from row to row. Where the rival's number is no printed one that we could "
        "check, brackets say what it is."
    )
    return Tabled("leads-printed", frame, text, leads=leads)


def leads_here(sources: Sources) -> Tabled:
    """By how many points is GenZSL ahead here, by rival, by metric and by who chooses?"""
    cells: dict[str, dict[str, str]] = {}
    for title, records in sources.items():
        asked = [question for question in HERE if question[0] in row_names(records)]
        gains = {q: results.paired_gains([*records], "GenZSL", *q) for q in asked}
        for (row, metric, way), found in results.differences_by(gains).items():
            cells.setdefault(f"{row}: {metric}, {WAYS[way]}", {})[title] = told(found)
    frame = pd.DataFrame.from_dict(cells, orient="index").fillna("").rename_axis("GenZSL over")
    text = (
        "Points that GenZSL has over others here, on the same features and semantics: mean "
        "within a seed and 95 % interval. Clean: validation classes choose, for both; best on "
        "test: the test set, among the same candidates. *Above* and *below* are significant, "
        "tested together in each column."
    )
    return Tabled("leads", frame, text)


def trainings_on_cub() -> list[dict]:
    """Read the trainings that page 14 recorded on CUB, and the closed forms beside them."""
    return results.rows_of(results.recorded(CUB_RUN), "training")


def speeds_here(trainings: Mapping[str, Records]) -> Tabled:
    """How many times as fast as f-VAEGAN, to f-VAEGAN's best score, is each, and what trains none?

    `trainings` are records of `training_gains`, by what they are of.
    """
    columns = {
        f"{metric}, {title}": {
            **{row: speed.words(row, metric) for row in speed.faster},
            CLOSED: speed_up_words(_closed_form(speed, records, metric)),
        }
        for metric in COLUMNS
        for title, records in trainings.items()
        for speed in [TrainingSpeed([r for r in records if "curve" in r["scores"]])]
    }
    times = published_value("genzsl", "F5-AWA2-speedup")
    text = (
        f"Printed, for AWA2: more than {times:g} times, and not how it was measured. Here: the "
        f"seconds that {SLOWER}'s generator trains for its own best score on test images, over "
        "those that each other one needs for that score, median and range over seeds; *none*: "
        f"never reached. The clock of a generator leaves its classifier out; {CLOSED} trains no "
        "generator, and its seconds are all of it, classifier included."
    )
    return Tabled("speeds", pd.DataFrame(columns).rename_axis("method"), text)


def _closed_form(speed: TrainingSpeed, records: Records, metric: str) -> Sequence[SpeedUp]:
    """Compare the whole of the closed form with what the slower one needs for its best."""
    closed = {r["seed"]: r for r in records if r["row"] == CLOSED}
    seeds = [r["seed"] for r in speed.records if r["row"] == SLOWER]
    curves, clock = speed.curves(SLOWER, metric), speed.curves(SLOWER, "seconds")
    found = []
    for seed, curve, seconds in zip(seeds, curves, clock, strict=True):
        times = seconds[curve.argmax()] / closed[seed]["seconds"]
        reached = closed[seed]["scores"]["clean"][metric] >= curve.max()
        found.append(SpeedUp(float(times), "=" if reached else "<"))
    return found
