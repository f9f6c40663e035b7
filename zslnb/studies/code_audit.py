"""What GenZSL's released code does otherwise than its text, and what each difference is worth.

All differences are code minus paper, in points, within a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import yaml
from jaxtyping import Float

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.protocol import ClassifierSettings
from zslnb.results import differences_by, percent, points, published_value
from zslnb.studies.rows import Records, row_names, told, values
from zslnb.studies.study import Answered, Drawn, Tabled
from zslnb.studies.training_orders import StoredOrders

Gains = Float[np.ndarray, " R"]  # points, one for each seed
AUDIT = Path(__file__).with_name("code_audit.yml")
STORED, WIDE = "images in stored order", "GenZSL, wide latent"
RELEASED, MIXED = "as released", "stored in an order shuffled once"
BLOCKS = "stored class by class, as SUN's"
OTHER_ORDERS = (MIXED, BLOCKS)  # rows of which there is the one that a benchmark does not have
CHOOSING, ONE_REFERENT = "best look", "one referent"  # differences that are no rows of records
DIFFERENCES = {  # label -> the row that measured it
    "boosting in the batch, not over classes": "boosting over classes",
    "boosting at all (the printed formula is constant)": "no boosting",
    "prior N(0, I), not p(o | z)": "prior p(o | z)",
    "decoder gets o, not x_refer + o": "decoder gets x_refer + o",
    "shares 0.8 and 0.2, not drawn": "shares drawn",
    "lengths left, not scaled to one": "scaled to length one",
    "a referent, not noise (a control)": "noise for the referent",
    "images in stored order (clean)": STORED,
    "one referent × 0.8, not × 1": ONE_REFERENT,
    "images in stored order (released)": "images shuffled",
    "classifier fed in order, not shuffled": "classifier shuffled",
    "one classifier for all rounds, not one each": "classifier new each round",
    "referents tiled, not drawn": "referents drawn, not tiled",
    "MLP with dropout, not linear on features × 10": "linear classifier",
    "best look, not last epoch": CHOOSING,
    "here stored class by class, not mixed once": MIXED,
    "here stored mixed once, not class by class": BLOCKS,
}
WAYS = {  # how a number comes about -> the row, and what chose
    "clean": ("GenZSL", "clean"),
    "clean,\npicked on test": ("GenZSL", "peeked"),
    "released,\nlast epoch": (RELEASED, "last"),
    "released,\nbest on test": (RELEASED, "released"),
    "mixed once,\nlast epoch": (MIXED, "last"),
    "mixed once,\nbest on test": (MIXED, "released"),
    "class by class,\nlast epoch": (BLOCKS, "last"),
    "class by class,\nbest on test": (BLOCKS, "released"),
}


def _percents(records: Records, row: str, kind: str, metric: str = "H") -> Gains:
    return 100 * values(records, row, kind, metric)


def _shown(records: Records, row: str, kind: str, metric: str = "H") -> str:
    return percent(values(records, row, kind, metric))


def _seen_unseen(records: Records, row: str, kind: str) -> str:
    return ", ".join(f"{_percents(records, row, kind, metric).mean():.0f}" for metric in "SU")


def laid_out(gains: Mapping[str, Gains], of: str) -> pd.DataFrame:
    """Points of each difference, tested together, and whether it is above or below nothing."""
    found = differences_by(gains)
    return pd.DataFrame({of: {label: told(gain) for label, gain in found.items()}})


def model_differences(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    as_text: Mapping[str, GenZSLSettings],
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> Tabled:
    """Run the code's model, and each row of `as_text`, with images shuffled and in stored order."""
    models = {"GenZSL": settings, **as_text, STORED: replace(settings, shuffle=False)}
    widths = {used.latent_dim for used in as_text.values()} - {settings.latent_dim}
    if widths:
        models[WIDE] = replace(settings, latent_dim=max(widths))
    rows = {name: ("genzsl", used) for name, used in models.items()}
    return models_beside_text(benchmark.name, run_rows(rows, benchmark, seeds, device))


def models_beside_text(benchmark: str, records: Records) -> Tabled:
    """What is it worth that the model is the code's? `gains` are points of H, by row."""
    rows = [row for row in row_names(records) if row not in ("GenZSL", WIDE)]
    h, t1 = ({row: _code_minus_text(records, row, m) for row in rows} for m in ("H", "T1"))
    frame = laid_out(h, "H, code minus paper").rename_axis("row")
    frame["T1, code minus paper"] = laid_out(t1, "T1")["T1"]
    text = (
        f"**{benchmark}, protocol clean.** The code's model has H "
        f"{_shown(records, 'GenZSL', 'clean')}. The rows do one thing as the text has it, but "
        "*scaled to length one* what it has no word on, *noise for the referent* is a control, and "
        "the last does one as the code has it. Mean difference within a "
        "seed and its 95 % interval; *above* and *below* are significant."
    )
    return Tabled("models", frame, text, records, gains=h)


def _code_minus_text(records: Records, row: str, metric: str) -> Gains:
    width = {r["row"]: r["settings"]["latent_dim"] for r in records}
    base = "GenZSL" if width[row] == width["GenZSL"] else WIDE
    gains = _percents(records, base, "clean", metric) - _percents(records, row, "clean", metric)
    return -gains if row == STORED else gains  # this row is the one that does as the code


def switched_back(released: GenZSLSettings) -> dict[str, GenZSLSettings]:
    """The repository, all switches on, and in each further entry one of them taken back."""
    classifier = released.classifier
    linear = replace(classifier, hidden_shares=(), scale=ClassifierSettings().scale)
    shuffled = replace(classifier, shuffle=True)
    return {
        RELEASED: released,
        "classifier shuffled": replace(released, classifier=shuffled),
        "classifier new each round": replace(released, keep_classifier=False),
        "images shuffled": replace(released, shuffle=True),
        "referents drawn, not tiled": replace(released, synthesis="drawn"),
        "linear classifier": replace(released, classifier=linear),
    }


def train_as_released(
    switches: Mapping[str, GenZSLSettings],
    orders: StoredOrders,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> Tabled:
    """Run each row of `switched_back`, and the first with images stored in the other order, too."""
    rows = {name: ("genzsl_released", used) for name, used in switches.items()}
    records = run_rows(rows, orders.benchmark, seeds, device)
    label, order = (MIXED, "shuffled once") if orders.in_blocks else (BLOCKS, "class by class")
    records += run_rows({label: rows[RELEASED]}, orders.stored[order], seeds, device)
    return as_released(orders.benchmark.name, records)


def as_released(benchmark: str, records: Records) -> Tabled:
    """What do training and scoring as released reach, and with one thing taken back?

    Of what is returned, `gains` are the points of H that the repository's way has over each row,
    and `choosing` those that a row's best look at the test set has over its last epoch.
    """
    best, last = (
        {row: _percents(records, row, kind) for row in row_names(records)}
        for kind in ("released", "last")
    )
    choosing = {row: best[row] - last[row] for row in best}
    looks = {r["row"]: r["scores"]["chosen"]["released"]["looks"] for r in records}
    cells = {
        row: {
            "H, best on test": _shown(records, row, "released"),
            "S, U at best": _seen_unseen(records, row, "released"),
            "H, last epoch": _shown(records, row, "last"),
            "S, U at last": _seen_unseen(records, row, "last"),
            "best minus last": points(gains),
            "looks": looks[row],
            "T1, best": _shown(records, row, "released", "T1"),
        }
        for row, gains in choosing.items()
    }
    frame = pd.DataFrame.from_dict(cells, orient="index").rename_axis("row")
    prices = [gains.mean() for gains in choosing.values()]
    text = (
        f"**{benchmark}, trained and scored as released**, and with one thing changed. "
        f"Choosing on test is worth {min(prices):.1f} to {max(prices):.1f} points of H, by "
        f"row, after {looks[RELEASED]:,} looks; the published schedule has up to "
        f"{published_value('genzsl', 'CODE-looks'):,.0f}."
    )
    gains = {row: best[RELEASED] - best[row] for row in best}
    return Tabled("training", frame, text, records, gains=gains, choosing=choosing)


def switch_gains(training: Tabled) -> Tabled:
    """What does the released training reach, and what is each of its switches worth?"""
    rows, records = [*training.gains][1:], training.records
    gains = laid_out({row: training.gains[row] for row in rows}, "code minus row, best")
    shown = training.table()[["H, best on test", "H, last epoch", "best minus last"]]
    frame = shown.join(gains).fillna("").rename_axis("instead of the code's way")
    looks = {r["row"]: r["scores"]["chosen"]["released"]["looks"] for r in records}
    text = (
        f"Trained and scored as released, and with one thing changed: the best of "
        f"{looks[RELEASED]:,} looks at the test set (the published schedule has up to "
        f"{published_value('genzsl', 'CODE-looks'):,.0f}), the last of them, and what the "
        "repository's way adds to the row's best."
    )
    return Tabled("switches", frame, text)


def conventional_scores(training: Tabled, benchmark: Benchmark) -> Tabled:
    """What do three ways to read off T1 give, all best on test? `percents` has them by way."""
    ways = ("per image", "per class", "restricted")
    percents = {
        way: _percents(training.records, RELEASED, "conventional", way).round(6) for way in ways
    }
    cells = {
        "T1": [_shown(training.records, RELEASED, "conventional", way) for way in ways],
        "minus per class": [points(percents[way] - percents["per class"]) for way in ways],
    }
    counts = benchmark.labels[benchmark.test_unseen_idx].bincount()
    low, high = int(counts[counts > 0].min()), int(counts.max())
    text = (
        f"Each unseen class of {benchmark.name} has "
        f"{low if low == high else f'{low} to {high}'} test images, so counting images and "
        f"averaging classes {'are the same thing' if low == high else 'differ'}. (Published: on "
        "SUN 20 each, the same; on AWA2 very unequal.)"
    )
    frame = pd.DataFrame(cells, index=pd.Index(ways, name="counted"))
    return Tabled("conventional", frame, text, percents=percents)


def ways_to_a_number(models: Tabled, training: Tabled) -> Answered:
    """How much of H is choosing on test, from clean to what the released schedule reports?

    `parts` of what is returned are the whole difference, its two parts, and what picking on test
    adds to clean.
    """
    records = [*models.records, *training.records]
    rows = row_names(records)
    ways = {way: _percents(records, *how) for way, how in WAYS.items() if how[0] in rows}
    clean, peeked, last, best, *other = ways.values()
    parts = {
        "whole: released, best on test, minus clean": best - clean,
        "of it, choosing: best minus last": best - last,
        "of it, training to the end as released: last minus clean": last - clean,
        "clean's candidates, picked on test, minus clean": peeked - clean,
    }
    if other:
        order = [*ways][4].partition(",")[0]
        parts[f"images {order}: best on test minus clean"] = other[1] - clean
        parts[f"images {order}: best minus last"] = other[1] - other[0]
    text = (
        "From clean to what the released way reports at this profile. A best is never below what "
        "it was picked from, so *best minus last* and *picked on test* cannot be negative."
    )
    frame = laid_out(parts, "points of H").rename_axis("part")
    total, chosen, schedule = (points(part) for part in [*parts.values()][:3])
    finding = (
        "H by seed: ways to arrive at a number. From clean to what the released way reports at "
        f"this profile: {total} points; of these, its best look over its last makes "
        f"{chosen}, and training the released way to the end {schedule} (S, "
        f"U at the last epoch: {_seen_unseen(records, RELEASED, 'last')}; clean: "
        f"{_seen_unseen(records, 'GenZSL', 'clean')})."
    )
    tabled = Tabled("split", frame, text, headline=True, parts=parts)
    alt = (
        "H for each way to arrive at a number, from clean to class by class, a thin grey line "
        "a seed and a blue bar their mean. The clean ways are high and close together; the "
        "released ones are lower, and lowest, and farthest apart, is training class by class. "
        "Whether the last or the best look is reported makes little difference."
    )
    return Answered(tabled, Drawn("split", _by_seed(ways), finding, alt=alt))


def _by_seed(ways: Mapping[str, Gains]) -> plt.Figure:
    fig, ax = plt.subplots(figsize=(8, 3.5))
    for i, run in enumerate(np.array([*ways.values()]).T):
        style = {"color": "0.6", "markersize": 4, "linewidth": 0.8}
        ax.plot(run, "o-", **style, label="" if i else "one seed")
    means = [way.mean() for way in ways.values()]
    ax.plot(means, "_", markersize=40, color="C0", label="mean")
    ax.set_xticks(range(len(ways)), [*ways])
    ax.set(ylabel="H (%)", xlim=(-0.5, len(ways) - 0.5))
    ax.legend(loc="best", markerscale=0.5)
    return fig


def measured_differences(models: Tabled, training: Tabled, one_referent: Gains) -> Drawn:
    """How large is every measured difference between code and text?

    Of what is returned, `gains` are points by label, `apart` the means of those that are
    significant, the largest first, and `quiet` the labels of those that are not.
    """
    by_row = {**models.gains, **training.gains, CHOOSING: training.choosing[RELEASED]}
    by_row[ONE_REFERENT] = one_referent
    gains = {
        label: by_row[row]
        for label, row in DIFFERENCES.items()
        if row not in OTHER_ORDERS or row in by_row
    }
    found = differences_by(gains)
    apart = {label: difference.mean for label, difference in found.items() if difference.apart}
    apart = dict(sorted(apart.items(), key=lambda item: -abs(item[1])))
    largest = "; ".join(f"{label} ({mean:+.1f})" for label, mean in [*apart.items()][:3])
    text = (
        f"One dot a seed, the bar their mean; blue: significant ({len(apart)} of "
        f"{len(gains)}, corrected for asking so many). "
        + (f"Largest: {largest}." if largest else "")
    )
    quiet = [label for label, difference in found.items() if difference.apart is False]
    fig = _one_scale(gains, apart)
    alt = (
        "A row for each difference between code and paper, by points of H: dots are seeds, a "
        "bar their mean, blue where it is significant, grey elsewhere. Most rows lie "
        "close about the line at zero; a few blue ones lie far from it, on either side."
    )
    return Drawn("differences", fig, text, alt=alt, gains=gains, apart=apart, quiet=quiet)


def _one_scale(gains: Mapping[str, Gains], apart: Mapping[str, float]) -> plt.Figure:
    fig, ax = plt.subplots(figsize=(8, 0.32 * len(gains) + 1.2))
    for i, (label, gain) in enumerate(gains.items()):
        colour = "C0" if label in apart else "0.55"
        ax.plot(gain, np.full(len(gain), i), "o", color=colour, alpha=0.5, markersize=4)
        ax.plot([gain.mean()], [i], "|", color=colour, markersize=16, markeredgewidth=2)
    for label, colour in (("significant", "C0"), ("not significant", "0.55")):
        ax.plot([], [], "o", color=colour, label=label)
    ax.axvline(0, color="k", linewidth=0.8)
    fig.legend(loc="outside lower right", ncols=2)
    ax.set_yticks(range(len(gains)), [*gains])
    ax.set(xlabel="points of H: code minus paper, or as named", ylim=(len(gains) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return fig


def audit(
    run: str, training: Tabled, differences: Drawn, ways: Answered, conventional: Tabled
) -> Tabled:
    """What became here of every known difference between text and repository?

    The rows are in `code_audit.yml`, with what was measured in braces; `run` says on what. Of what
    is returned, `short` is the same without how each was run.
    """
    gains, t1 = differences.gains, conventional.percents
    peeked = ways.parts["clean's candidates, picked on test, minus clean"]
    looks = training.table().at[RELEASED, "looks"]
    measured = {
        **{row: points(gains[label]) for label, row in DIFFERENCES.items() if label in gains},
        "choosing, released": points(training.choosing[RELEASED]),
        "choosing, clean": points(peeked),
        "looks": str(looks),
        "published looks": f"{published_value('genzsl', 'CODE-looks'):,.0f}",
        "T1, image over class": points(t1["per image"] - t1["per class"]),
        "T1, image over restricted": points(t1["per image"] - t1["restricted"]),
        "gain over f-VAEGAN": str(published_value("genzsl", "F5-AWA2-gain")),
        "gain over next": str(published_value("genzsl", "C-AWA2-T1-gain")),
    }
    rows = yaml.safe_load(AUDIT.read_text(encoding="utf-8"))
    cells = [[str(row[key]).format_map(measured) for key in row] for row in rows]
    heads = ["the paper", "the code", "how we ran it", "points of H, code minus paper"]
    number = pd.RangeIndex(1, len(rows) + 1, name="no.")
    frame = pd.DataFrame(cells, columns=heads, index=number)
    found = frame[heads[-1]]
    text = (
        f"**The audit, on {run}, seeds: {len(peeked)}.** {len(found)} differences: "
        f"{found.str.contains('by construction').sum()} are nothing by construction, "
        f"{found.str.contains('not measured').sum()} are not measured here, the others were run. "
        "“No word” means none in what we have of the text."
    )
    short = Tabled("audit-short", frame.drop(columns="how we ran it"), text, headline=True)
    return Tabled("audit", frame, text, short=short)
