"""Both papers' methods, and closed forms, on the same features, semantics and seeds."""

from collections.abc import Mapping, Sequence

import pandas as pd

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.results import Difference
from zslnb.revcd import RevCDSettings
from zslnb.studies.generators import Device, predicted, untrained
from zslnb.studies.genzsl_results import CUB_RUN
from zslnb.studies.revcd_results import cub_rows
from zslnb.studies.rows import Records, row_names, values
from zslnb.studies.study import Tabled

Estimators = Mapping[str, RevCDSettings | experiments.RidgeSettings]
BASE = "means + spread"
GENERATORS = ("GenZSL", "cVAE", "f-CLSWGAN", "f-VAEGAN")
DIRECTIONS = {
    **dict.fromkeys(("nearest mean", BASE, *GENERATORS), "z → x"),
    **dict.fromkeys(("ridge", "RevCD", "RevCD, one step", "RevCD without z_t"), "x → z"),
    **dict.fromkeys(("cVAE x → z", "GAN x → z"), "x → z"),
}  # the others have none: they only compare the two
RENAMED = {"cVAE": "cVAE x → z", "GAN": "GAN x → z"}  # among the estimators
CALIBRATED = "calibrated H"
METRICS = (CALIBRATED, "T1")
USED = ("clean", "calibrated", "validation")  # scores; the others are kept with their own tables


def both_papers(
    benchmarks: Mapping[str, Benchmark],
    generators: Mapping[str, GenZSLSettings | ImaginationSettings],
    estimators: Estimators,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[Tabled]:
    """Run all methods for each kind of semantics, or read them back: a table for each kind.

    `benchmarks` are named by their kind of semantics; `generators` have the rows of GENERATORS.
    """
    names = {GenZSLSettings: "genzsl", ImaginationSettings: "imagination", RevCDSettings: "revcd"}
    names[experiments.RidgeSettings] = "ridge"
    settings = {**generators, **{RENAMED.get(row, row): s for row, s in estimators.items()}}
    trained = {row: (names[type(used)], used) for row, used in settings.items()}
    tables = []
    for kind, benchmark in benchmarks.items():
        rows = {**untrained(benchmark), **predicted(generators["GenZSL"]), **trained}
        labelled = {f"{row} · {kind}": method for row, method in rows.items()}
        records = run_rows(labelled, benchmark, seeds, device, table="both")
        kept = [
            {**r, "scores": {k: v for k, v in r["scores"].items() if k in USED}} for r in records
        ]
        unlabelled = results.rows_of(kept, "both", f" · {kind}")
        tables.append(both_of(unlabelled, f"{benchmark.name}, {kind}", f"both-{_slug(kind)}", kept))
    return tables


def both_on_cub(kind: str) -> Tabled:
    """Put the recorded rows of pages 14 and 24 on CUB side by side, for one kind of semantics."""
    title = f"CUB, ResNet fc1000 features, {kind}"
    return both_of(on_cub(kind), title, f"cub-both-{_slug(kind)}")


def on_cub(kind: str) -> list[dict]:
    """Gather the recorded rows of pages 14 and 24 on CUB, for one kind of semantics."""
    there = results.rows_of(results.recorded(CUB_RUN), "T4", f" · {kind}")
    records = [record for record in there if record["row"] in {*GENERATORS, *DIRECTIONS, "ESZSL"}]
    back = cub_rows(kind, "RevCD T2")
    return records + [{**r, "row": RENAMED.get(r["row"], r["row"])} for r in back]


def both_of(records: Records, title: str, name: str, kept: Records = ()) -> Tabled:
    """How do the methods of both papers compare, by records of theirs?

    `kept` are the records that the notebook is to keep, none if they are another run's. The
    study's `verdicts` are sentences, none where they cannot be asked.
    """
    if not records:
        unknown = pd.DataFrame({"method": ["not measured"]})
        return Tabled(name, unknown, f"**{title}.**", verdicts=[])
    frame = results.results_table([*records], "clean")
    seeds = f"{frame.pop('seeds').max()} seeds"
    frame.insert(0, "direction", [DIRECTIONS.get(row, "none") for row in frame.index])
    frame.insert(4, "H, calibrated", results.results_table([*records], "calibrated")["H"])
    counted = _counted(records)
    told = _against_base(counted)
    for metric in METRICS:
        frame[f"{metric}, over {BASE}"] = [
            _cell(told.get((row, metric)), counted, row, metric) for row in frame.index
        ]
    text = (
        f"**{title}: both papers' methods.** Percent, mean ± standard deviation over {seeds}, "
        "everything chosen on validation classes, S on test images; and points over "
        f"{BASE} within a seed, tested together."
    )
    verdicts = [*_pairs(records, counted), *_summary(told)]
    return Tabled(name, frame.rename_axis("method"), text, kept, verdicts=verdicts)


def _slug(kind: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in kind.lower())


def _counted(records: Records) -> list[dict]:
    """Records with METRICS alone, and only those that have both."""
    return [
        {
            "row": r["row"],
            "seed": r["seed"],
            "scores": {
                "clean": {
                    CALIBRATED: r["scores"]["calibrated"]["H"],
                    "T1": r["scores"]["clean"]["T1"],
                }
            },
        }
        for r in records
        if {"clean", "calibrated"} <= r["scores"].keys()
    ]


def _against_base(counted: list[dict]) -> dict[tuple[str, str], Difference]:
    rows = row_names(counted)
    asked = [(row, metric) for metric in METRICS for row in rows if row != BASE and BASE in rows]
    gains = [results.paired_gains(counted, row, BASE, metric, "clean") for row, metric in asked]
    return dict(zip(asked, results.differences(*gains), strict=True))


def _cell(told: Difference | None, counted: list[dict], row: str, metric: str) -> str:
    if told is None:
        return ""
    gains = results.paired_gains(counted, row, BASE, metric, "clean")
    return f"{results.points(gains)}, {told.word('above', 'below')}"


def _pairs(records: Records, counted: list[dict]) -> list[str]:
    """Compare the generator that validation prefers with RevCD, and the latter with a ridge.

    And of each direction the row that validation prefers, whatever it is.
    """
    known = row_names(counted)
    there = [row for row in known if DIRECTIONS.get(row) == "z → x"]
    back = [row for row in known if DIRECTIONS.get(row) == "x → z"]
    rows = ([row for row in there if row in GENERATORS], there, back)
    generator, forth, home = (_preferred(records, some) for some in rows)
    pairs = dict.fromkeys([(generator, "RevCD"), ("RevCD", "ridge"), (forth, home)])
    return results.verdicts(
        [(counted, *pair, m) for pair in pairs if {*pair} <= {*known} for m in METRICS], "clean"
    )


def _preferred(records: Records, rows: Sequence[str]) -> str:
    """The row with the highest calibrated H on validation classes, on average; "" for none."""

    def on_validation(row: str) -> float:
        return float(values(records, row, "validation", "calibrated", "H").mean())

    return max(rows, key=on_validation, default="")


def _said(answer: Difference) -> str:
    return answer.word("below", "above").replace("not told apart", "not told apart from")


def _summary(told: Mapping[tuple[str, str], Difference]) -> list[str]:
    """Say in a sentence a metric which rows the closed form is above, below, and level with."""
    lines = []
    for metric in METRICS:
        of_metric = {row: answer for (row, of), answer in told.items() if of == metric}
        words: dict[str, list[str]] = {}
        for row, answer in of_metric.items():
            words.setdefault(_said(answer), []).append(f"*{row}*")
        listed = "; ".join(f"{word} {', '.join(rows)}" for word, rows in sorted(words.items()))
        if of_metric:
            lines.append(f"**{BASE}** in {metric}, all asked together: {listed}.")
    return lines
