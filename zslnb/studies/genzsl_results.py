"""GenZSL's results: its rivals, ingredients, semantics and sensitivity, and what choosing adds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch.nn.functional as F

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings, class_diversity_promotion, mean_cosines, released_training
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import PROTOCOLS, validation_split
from zslnb.results import (
    protocol_gap,
    results_against,
    results_beside,
    results_table,
    scores_frame,
    spread_caption,
)
from zslnb.studies import plots
from zslnb.studies.class_cosines import READABLE
from zslnb.studies.generators import Device, Generators, predicted, run_generators, untrained
from zslnb.studies.rows import Records, by_row, row_names, told, values
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.style import PAGE, SCORES

Rivals = Mapping[str, ImaginationSettings]
Sources = Mapping[str, Records]  # what records are of -> records; none where nothing was measured

GENERATORS = ("genzsl", "imagination")  # the methods whose networks are trained
CUB_RUN = "cub_resnet_fc1000-sentences-medium"  # it holds both kinds of semantics
PRINTED_ON_CUB = {  # ablation -> what the paper's Table 3 has of it: H, or the drop of H
    "no CDP": "T3-CUB-noCDP-H",
    "no reconstruction": "T3-CUB-noTR-drop",
}
PROTOCOL_CAPTIONS = {
    "clean": (
        "Percent, mean ± standard deviation over seeds. S and U: per-class accuracy on seen and "
        "unseen test images with all classes competing; H: their harmonic mean; T1: unseen images, "
        "only unseen classes competing; calibrated: a constant, chosen on validation classes, is "
        "taken off the scores of seen classes; peeked and released: the best that the test set has "
        "seen, of clean's own candidates and of the released training."
    ),
    "released": (
        "The same methods, each number the best that was seen on the test set. Not comparable "
        "with protocol clean; shown because papers print such numbers."
    ),
}


def main_results(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    rivals: Rivals,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> Answered:
    """Run GenZSL, clean and released, beside its rivals and what trains no generator."""
    rows = {**untrained(benchmark), **predicted(settings)}
    for label, rival in rivals.items():  # one training is both, and who watches it trains it
        rows[label] = [("imagination_released", rival), ("imagination", rival)]
    rows["GenZSL"] = [("genzsl", settings), ("genzsl_released", released_training(settings))]
    return results_of(benchmark.name, run_rows(rows, benchmark, seeds, device, table="T2"))


def results_of(benchmark: str, records: Records) -> Answered:
    """What do GenZSL and its rivals reach, protocol clean; and `released` (Tables 1 and 2)?"""
    clean, released = (
        Tabled(
            protocol,
            _scores([*records], protocol),
            f"**{benchmark}, protocol {protocol}.** {caption}",
            records,
            headline=True,
        )
        for protocol, caption in PROTOCOL_CAPTIONS.items()
    )
    long = scores_frame([*records])
    fig, ax = plt.subplots(figsize=(7.6, 3.6))
    shown = {"x": "percent", "y": "row", "hue": "protocol", "hue_order": PROTOCOLS}
    style = {"dodge": True, "jitter": False, "alpha": 0.8}
    sns.stripplot(long[long.metric == "H"], **shown, **style, ax=ax)
    ax.set(xlabel="H, harmonic mean of seen and unseen accuracy (%)", ylabel="")
    ax.yaxis.grid(True)
    sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title="protocol")
    finding = spread_caption([*records], "H", "clean")
    alt = (
        "A row a method, a dot a seed, by H; blue for protocol clean, orange for released. "
        "Dots of closed forms lie on one another; those of GANs are spread the widest. "
        "Whether released dots lie left or right of clean ones differs from method to method."
    )
    return Answered(clean, Drawn("rows", fig, finding, alt=alt, released=released))


def _scores(records: list[dict], protocol: str) -> pd.DataFrame:
    """Lay out scores; beside clean ones H with a moved border, and chosen on the test set."""
    if protocol == "clean":
        frame = results_beside(records)
        return frame.rename(columns=lambda name: name.removesuffix(", clean"))
    kept = [r for r in records if protocol in r["scores"]]
    return results_table(kept, protocol).rename_axis("method")


def whose_spread(
    benchmark: Benchmark, settings: GenZSLSettings, seeds: Sequence[int], device: Device = "cpu"
) -> Tabled:
    """Surround predicted class means with whose residuals? Points over those of referents."""
    kinds = {"referents": "its referents", "any": "any seen class", "gaussian": "one Gaussian"}
    rows = {
        label: ("means", experiments.MeansSettings.beside(settings, spread=kind))
        for kind, label in {**kinds, "none": "none"}.items()
    }
    records = run_rows(rows, benchmark, seeds, device, table="spread")
    frame = results_against(records, "its referents", "clean").rename_axis("spread of")
    text = (
        "Class means predicted by kernel ridge regression from refined semantics, with residuals "
        "of real seen features about them; protocol clean, percent, and points over the first row "
        "within a seed."
    )
    return Tabled("spread", frame, text, records)


def whose_spread_on_cub(kind: str) -> Tabled:
    """Ask the same on real features, by the records of a run; `kind` is of CUB's semantics."""
    records = results.rows_of(results.recorded(CUB_RUN), "spread", f" · {kind}")
    text = f"The same on CUB, ResNet fc1000 features, {kind} (recorded, profile `medium`)."
    if not records:
        return Tabled(f"cub-spread-{kind}", pd.DataFrame({"spread of": ["not measured"]}), text)
    frame = results_against(records, "its referents", "clean").rename_axis("spread of")
    return Tabled(f"cub-spread-{kind}", frame, text)


def spreads_beside(by_data: Mapping[str, Tabled]) -> Tabled:
    """Whose spread is worth what, on several data? H and T1 of tables of `whose_spread`."""
    frames = {data: tabled.table() for data, tabled in by_data.items()}
    columns = {
        f"{metric}, {data}": frame[metric]
        for data, frame in frames.items()
        for metric in ("H", "T1")
        if metric in frame
    }
    text = (
        "Class means predicted by kernel ridge regression from refined semantics, with residuals "
        "of real seen features about them; protocol clean, percent."
    )
    return Tabled("spreads", pd.DataFrame(columns).rename_axis("spread of"), text)


def compared(
    benchmark: Benchmark,
    rows: Generators,
    base: str,
    seeds: Sequence[int],
    device: Device = "cpu",
    *,
    name: str,
) -> Tabled:
    """What do generators reach under protocol clean, and how many points over the row `base`?"""
    records = run_generators(GENERATORS, rows, benchmark, seeds, device, table=name)
    frame = results_against(records, base, "clean").rename_axis("method")
    text = (
        "Protocol clean, percent, mean ± standard deviation over seeds; and points gained over "
        f"{base} within a seed."
    )
    return Tabled(name, frame, text, records)


def verdicts(records: Records, first: str, *rows: str) -> list[str]:
    """Say whether clean H and T1 of the first row differ from those of each other row."""
    pairs = [(row, metric) for row in rows for metric in ("H", "T1")]
    return results.verdicts((([*records], first, *pair) for pair in pairs), "clean")


def ablated(settings: GenZSLSettings) -> dict[str, GenZSLSettings]:
    """GenZSL and each of its ablations, by the names of the table's rows."""
    unboosted = replace(settings, boosting_weight=0.0)
    return {
        "GenZSL": settings,
        "no CDP": replace(settings, n_removed=0),
        "CDP from seen texts": replace(settings, common_to="seen"),
        "no reconstruction": replace(settings, reconstruction_weight=0.0),
        "no boosting": unboosted,
        "selected on raw texts": replace(settings, select_on="raw"),
        "random referents": replace(settings, referent="random"),
        "noise for the referent": replace(settings, referent="noise"),
        "noise of its length": replace(settings, referent="noise as long"),
        "no boosting, no CDP": replace(unboosted, n_removed=0),
        "no boosting, noise": replace(unboosted, referent="noise"),
    }


def ablation(
    benchmark: Benchmark, settings: GenZSLSettings, seeds: Sequence[int], device: Device = "cpu"
) -> Answered:
    """Train GenZSL with one thing changed at a time, protocol clean."""
    rows = {label: ("genzsl", changed) for label, changed in ablated(settings).items()}
    return ablation_of(benchmark.name, run_rows(rows, benchmark, seeds, device, table="T3"))


def ablation_of(benchmark: str, records: Records) -> Answered:
    """Which of GenZSL's ingredients helps (Table 3)?"""
    frame = results_against([*records], "GenZSL", "clean").drop(columns="seeds").rename_axis("row")
    text = (
        f"**{benchmark}, protocol clean.** Percent, and the difference to GenZSL within a "
        "seed, mean ± standard deviation."
    )
    long = scores_frame([*records]).query("protocol == 'clean' and metric in ['H', 'T1']")
    fig, ax = plt.subplots(figsize=(7.6, 4))
    shown = {"x": "percent", "y": "row", "hue": "metric", "errorbar": "sd"}
    shown["palette"] = {metric: SCORES[metric]["color"] for metric in ("H", "T1")}
    style = {"linestyle": "none", "dodge": 0.35, "markers": ["o", "D"]}
    sns.pointplot(long, **shown, **style, ax=ax)
    ax.set(xlabel="accuracy, mean and standard deviation over seeds (%)", ylabel="")
    sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title="")
    mean_h = frame.drop("GenZSL")["H"].str.split(" ").str[0].astype(float)
    highest = " and ".join(f"*{row}*" for row in mean_h.index[mean_h == mean_h.max()])
    finding = (
        f"GenZSL and its ablations, protocol clean. The most costly change is *{mean_h.idxmin()}* "
        f"(H {mean_h.min():.1f} %); of the others the highest mean is {mean_h.max():.1f} %, with "
        f"{highest}."
    )
    tabled = Tabled("ablation", frame, text, records, headline=True)
    alt = (
        "A row for GenZSL and each ablation: H as a circle and T1 as a diamond, with a bar of "
        "one standard deviation. Nearly all rows have the same H and the same, higher T1; "
        "only without reconstruction H is far to the left."
    )
    return Answered(tabled, Drawn("ablation", fig, finding, alt=alt))


def semantics(
    benchmarks: Mapping[str, Benchmark],
    settings: GenZSLSettings,
    rivals: Rivals,
    seeds: Sequence[int],
    device: Device = "cpu",
    recorded: Mapping[str, Records] = MappingProxyType({}),
) -> Tabled:
    """Does imagination need strong semantics, and induction not (Table 4)?

    H, then T1, have a column for each kind of semantics; blank where a method does not exist.

    `benchmarks` are named by their kind of semantics, all of one set of features. `recorded` are
    rows of another run, by title, for further columns; the notebook does not keep them.
    """
    generators = {label: ("imagination", rival) for label, rival in rivals.items()}
    changed = ablated(settings)
    for label in ("GenZSL", "random referents", "noise for the referent"):
        generators[label] = ("genzsl", changed[label])
    records, by_title = [], {}
    for kind, benchmark in benchmarks.items():
        methods = {**untrained(benchmark), **predicted(settings), **generators}
        rows = {f"{label} · {kind}": method for label, method in methods.items()}
        ran = run_rows(rows, benchmark, seeds, device, table="T4")
        by_title[kind] = results.rows_of(ran, "T4", f" · {kind}")
        records += ran
    by_title |= {title: rows for title, rows in recorded.items() if rows}
    scores = {title: results_table([*rows], "clean") for title, rows in by_title.items()}
    columns = {f"{m}, {title}": frame[m] for m in ("H", "T1") for title, frame in scores.items()}
    order = [*dict.fromkeys(row for frame in scores.values() for row in frame.index)]
    frame = pd.DataFrame(columns).reindex(order).fillna("").rename_axis("method")
    text = (
        f"**{next(iter(benchmarks.values())).name}, protocol clean**, for each kind of class "
        "semantics. Percent, mean ± standard deviation over seeds."
    )
    return Tabled("semantics", frame, text, records, headline=True)


def class_similarity(benchmarks: Mapping[str, Benchmark]) -> Drawn:
    """How similar are classes, by semantics, before and after CDP (Figs 3 and 8)?"""
    n, means = len(benchmarks), []
    fig, axes = plt.subplots(2, n, figsize=(min(PAGE, 4 * n), 7), squeeze=False)
    for column, (kind, benchmark) in zip(axes.T, benchmarks.items(), strict=True):
        raw = F.normalize(benchmark.semantics, dim=1)
        raw = raw[:: -(-len(raw) // READABLE)]
        both = {"before": raw, "after": class_diversity_promotion(raw)}
        for ax, (when, rows) in zip(column, both.items(), strict=True):
            unit, mean = F.normalize(rows, dim=1), mean_cosines(rows)["with diagonal"]
            image = ax.imshow((unit @ unit.T).numpy(), cmap="vlag", vmin=-1, vmax=1)
            ax.set(title=f"{kind}, {when} CDP: mean {mean:.2g}", xticks=[], yticks=[])
            ax.grid(False)
            means.append(f"{kind} {when} {mean:.2g}")
    for ax in axes[:, 0]:
        ax.set_ylabel("class")
    for ax in axes[-1]:
        ax.set_xlabel("class")
    fig.colorbar(image, ax=axes, label="cosine of two classes", shrink=0.6)
    text = (
        "Class similarity, classes in their stored order; mean cosine with the diagonal as the "
        f"paper takes it: {'; '.join(means)}."
    )
    alt = (
        "Heat maps of cosines between classes, a column for each kind of semantics, before "
        "CDP above and after it below. Above nearly everything is red, with darker blocks on "
        "the diagonal; below, red and blue cells balance, and the blocks on the diagonal "
        "stand out, the more clearly for attributes."
    )
    return Drawn("similarity", fig, text, alt=alt)


def sensitivity_figure(records: Records, kept: Records = ()) -> Drawn:
    """How much do three hyper-parameters matter, each varied alone (Figure 6)?

    `kept` are the records that the notebook is to keep, none if they are another run's.
    """
    fig, axes = plt.subplots(1, 3, figsize=(8, 3.2), sharey=True)
    for metric, look in SCORES.items():
        for ax, (what, ticks, percents) in zip(axes, _panels(records, metric), strict=True):
            plots.band(ax, range(len(ticks)), percents, metric, **look)
            ax.set(xlabel=what, xticks=range(len(ticks)), xticklabels=ticks)
    axes[0].set_ylabel("accuracy (%)")
    plots.shared_legend(fig, axes[0], 4)
    moves = ", ".join(
        f"{np.ptp(percents.mean(0)):.1f} points over the {what}"
        for what, _, percents in _panels(records, "H")
    )
    text = (
        f"Clean scores on {records[0]['benchmark']['name']}, mean and range over "
        f"{len({r['seed'] for r in records})} seeds. Mean H moves by {moves}."
    )
    alt = (
        "Three panels of S, U, H and T1, each with a band over seeds. By boosting weight S, U "
        "and H stay level for small weights and fall for large ones. By the number of "
        "referents all are level. By synthetic features a class U and H rise or stay level. "
        "T1 is nearly level throughout."
    )
    return Drawn("sensitivity", fig, text, kept, alt=alt)


def _panels(records: Records, metric: str) -> Iterator[tuple[str, list[str], np.ndarray]]:
    # what is varied, its values, and percent, seeds by values
    for what, start in (("boosting weight λ", "λ = "), ("number k of referents", "k = ")):
        rows = [row for row in row_names(records) if row.startswith(start)]
        ticks = [row.removeprefix(start) for row in rows]
        yield what, ticks, 100 * by_row(records, rows, "clean", metric)
    counts = next(r["scores"]["by n_synthetic"] for r in records if r["row"] == "k = 2")
    by_count = [values(records, "k = 2", "by n_synthetic", n, metric) for n in counts]
    yield "synthetic features a class", [*counts], 100 * np.array(by_count).T


def sensitivity(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
    profile: str = "full",
) -> Drawn:
    """Vary λ and k; the profile `medium` has fewer values."""
    weights = [0.0, 0.1, 1.0] if profile == "medium" else [0.0, 0.001, 0.01, 0.1, 1.0, 10.0]
    classes = len(validation_split(benchmark, 0).seen)  # clean also trains without the others
    sweep = {f"λ = {w:g}": replace(settings, boosting_weight=w) for w in weights}
    sweep |= {f"k = {k}": replace(settings, n_referents=k) for k in (1, 2, 4, 8) if k < classes}
    rows = {label: ("genzsl", changed) for label, changed in sweep.items()}
    records = run_rows(rows, benchmark, seeds, device, table="F6")
    return sensitivity_figure(records, kept=records)


def count_of_features(records: Records, wider: Records = ()) -> str:
    """Say how often *clean* chose the highest count of synthetic features, and what more would do.

    A count's scores are the clean ones of that count alone; T1 does not depend on the border
    between seen and unseen.

    Args:
        records: of a table. wider: of the same generators that chose among more counts.
    """
    trained = [r for r in records if "clean" in r["scores"] and r["method"] in GENERATORS]
    if not trained:
        return "not measured."
    counts = [*trained[0]["scores"]["by n_synthetic"]]
    highest = sum(str(r["scores"]["chosen"]["clean"]["n_synthetic"]) == counts[-1] for r in trained)
    said = (
        f"*clean* chose the upper end of its grid, {counts[-1]} synthetic features a class, in "
        f"{highest} of {len(trained)} trainings."
    )
    if not wider:
        return f"{said} From {counts[0]} to {counts[-1]} T1 moves by {_moved(trained, counts)}."
    generators = [r for r in wider if r["method"] in GENERATORS]
    more = sorted(generators[0]["scores"]["by n_synthetic"], key=int)
    steps = [pair for pair in pairwise(more) if int(pair[0]) >= int(counts[-1])]
    beyond = "; ".join(f"from {a} to {b} by {_moved(generators, (a, b))}" for a, b in steps)
    most = max(_mean_t1(generators, row, n) for row in row_names(generators) for n in more)
    closed = min(_mean_t1(wider, "means + spread", n) for n in more)
    passes = max(r["settings"]["rounds"] * r["settings"]["passes"] for r in generators)
    return (
        f"{said} Would more help? Trained again, on a GPU, to choose among {', '.join(more)}: T1 "
        f"moves {beyond}. Over all counts, after {passes} passes, a generator's T1 is at most "
        f"{most:.1f}, that of means + spread at least {closed:.1f}."
    )


def _mean_t1(records: Records, row: str, count: str) -> float:
    return 100 * float(values(records, row, "by n_synthetic", count, "T1").mean())


def _moved(records: Records, counts: Sequence[str]) -> str:
    """Write by how many points each row's mean T1 moves from the first count to the last."""
    moves = (
        f"{_mean_t1(records, row, counts[-1]) - _mean_t1(records, row, counts[0]):+z.1f} ({row})"
        for row in row_names(records)
    )
    return f"{', '.join(moves)} points"


def published_schedule(full: Records, here: Records) -> str:
    """Say what the published schedule gives GenZSL, beside a reduced profile's and no training."""

    def scores(records: Records, row: str) -> str:
        kept = [r for r in records if r["row"] == row and "clean" in r["scores"]]
        parts = (("clean", "H"), ("calibrated", "H"), ("clean", "T1"))
        found = (100 * values(kept, row, *part) for part in parts)
        return " / ".join(f"{v.mean():.1f} ± {v.std(ddof=1):.1f}" for v in found)

    if not (full and here):
        return "not measured."
    return (
        f"H / calibrated H / T1 of GenZSL: {scores(full, 'GenZSL')} at the published schedule, "
        f"{scores(here, 'GenZSL')} at profile `medium`; means + spread: "
        f"{scores(here, 'means + spread')}."
    )


def _price(records: Records, row: str) -> tuple[str, str]:
    peeked = protocol_gap([*records], row, "H", "peeked")
    return peeked, protocol_gap([*records], row, "H", "released", over="last")


def selection_price(sources: Sources) -> Tabled:
    """How much of H is best-on-test selection, by method and source?"""
    heads = ("peeked minus clean", "best look minus last")
    columns = {
        f"{head}, {source}": {
            row: _price(records, row)[i]
            for row in row_names([r for r in records if r["method"] != "clip"])  # chooses nothing
        }
        for source, records in sources.items()
        if records
        for i, head in enumerate(heads)
    }
    looks = [f"on {source} {_looks(records)}" for source, records in sources.items() if records]
    text = (
        "Points of H that choosing on the test set adds. The best look is one of so many: "
        f"{'; '.join(looks)}."
    )
    return Tabled("selection", pd.DataFrame(columns).rename_axis("method"), text)


def _looks(records: Records) -> str:
    """Say how many looks at the test set the released training of each row takes."""
    rows: dict[int, dict[str, None]] = {}
    for r in records:
        chosen = r["scores"].get("chosen")  # no mapping where nothing but a penalty was
        if isinstance(chosen, Mapping) and "looks" in chosen.get("released", ()):
            rows.setdefault(chosen["released"]["looks"], {})[r["row"]] = None
    return ", ".join(f"{looks} ({', '.join(rows[looks])})" for looks in sorted(rows)) or "none"


def selection_price_of_genzsl(sources: Sources) -> str:
    """Say in a line for each source what choosing on the test set adds to GenZSL's H."""
    text = (
        "picking among clean's candidates on the test set adds {} points to "
        "GenZSL's H; in the released training the best of all looks is {} above the last."
    )
    return bullets(
        f"{source}: {text.format(*_price(records, 'GenZSL')) if records else 'not measured.'}"
        for source, records in sources.items()
    )


def genzsl_findings(sources: Sources) -> Tabled:
    """What does GenZSL gain over each other method, by source? All of a source tested together."""
    others = [r for records in sources.values() for r in records if "genzsl" not in r["method"]]
    asked = [("GenZSL", row, metric) for metric in ("H", "T1") for row in row_names(others)]
    frame = _told(asked, sources).rename_axis(["over", "points of"])
    text = (
        "What GenZSL has over each other method, protocol clean: mean difference within a seed and "
        "its 95 % interval; *above* and *below* are significant, tested together in each column."
    )
    return Tabled("findings", frame, text, headline=True)


def ablations_beside(sources: Sources) -> Tabled:
    """What does each change of GenZSL gain or cost, by source? Of a source tested together.

    In H also beside what the paper prints for CUB, as far as it is known.
    """
    rows = [*dict.fromkeys(row for records in sources.values() for row in row_names(records))]
    asked = [(row, "GenZSL", metric) for metric in ("H", "T1") for row in rows if row != "GenZSL"]
    frame = _told(asked, sources).rename_axis(["row", "points of"])
    full = results.published_value("genzsl", "T2-CUB-H")
    printed = {row: results.published_value("genzsl", i) for row, i in PRINTED_ON_CUB.items()}
    drops = {"no CDP": printed["no CDP"] - full, "no reconstruction": -printed["no reconstruction"]}
    frame["printed, CUB"] = [
        f"{drops[row]:+.1f}" if metric == "H" and row in drops else ""
        for row, metric in frame.index
    ]
    text = (
        "What each change adds to GenZSL, protocol clean: mean difference within a seed and its 95 "
        "% interval; *above* and *below* are significant, tested together in each column. Printed: "
        "quoted, best on test, one seed."
    )
    return Tabled("ablations", frame, text)


def _told(asked: Sequence[tuple[str, str, str]], sources: Sources) -> pd.DataFrame:
    """Write the difference of each pair of rows that a source has, tested together."""
    columns: dict[str, dict[tuple[str, str], str]] = {}
    for source, records in sources.items():
        rows = {*row_names(records)}
        there = [pair for pair in asked if {*pair[:2]} <= rows]
        gains = {pair: results.paired_gains([*records], *pair, "clean") for pair in there}
        columns[source] = {
            (second if first == "GenZSL" else first, metric): told(found)
            for (first, second, metric), found in results.differences_by(gains).items()
        }
    order = [(second if first == "GenZSL" else first, metric) for first, second, metric in asked]
    return pd.DataFrame(columns).astype(object).reindex(pd.MultiIndex.from_tuples(order)).fillna("")


def bullets(lines: Iterator[str] | Sequence[str]) -> str:
    """Write lines as a list in Markdown."""
    return "\n".join(f"- {line}" for line in lines)
