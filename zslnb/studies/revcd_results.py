"""RevCD scored: beside other models, by loss and weight, off the seen hull, and by way to count.

Records were run here, or recorded by a run on real features; a notebook keeps only the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings, reductions
from zslnb.studies import plots
from zslnb.studies.rows import Device, Records, by_row, plus_minus, row_names, values
from zslnb.studies.study import Drawn, Tabled
from zslnb.studies.style import SCORES

WEIGHTS = (0.0, 0.1, 1.0, 10.0)
SHOWN_SETTINGS = (
    *("steps", "schedule", "predicts", "conditioning", "widths", "lr", "batch_size"),
    *("reconstruction_weight", "noise_weight", "classification_weight", "masked"),
    *("sampler", "sampling_steps", "guidance_choices", "epoch_choices"),
)
REMOVED = {
    "no noise loss": "noise_weight",
    "no classification": "classification_weight",
    "no reconstruction": "reconstruction_weight",
}
# label -> protocol, score, style
STRICT = "S, strict"
LINES = {
    STRICT: ("clean", "S"),
    "S, lenient": ("lenient", "S"),
    "U": ("clean", "U"),
    "T1": ("clean", "T1"),
}
WAYS = {  # to count -> protocol
    "strict": "clean",
    "lenient": "lenient",
    "calibrated": "calibrated",
    "calibrated, lenient": "lenient, calibrated",
}
CHOICES = {
    "epochs": "g",
    "guidance": "g",
    "penalty": "g",
    "space": "s",
    "calibration": ".2f",
}  # of validation, and their format; the last is calibrated's constant
CUB_RUNS = ("cub_resnet_fc1000-sentences", "cub_resnet_fc1000-attributes")


def run_revcd(
    table: str,
    settings: Mapping[str, RevCDSettings | experiments.RidgeSettings],
    benchmark: Benchmark,
    seeds: Sequence[int],
    device: Device,
) -> list[dict]:
    """Run the rows of a table, or read them back."""
    experiment = {
        row: ("ridge" if isinstance(s, experiments.RidgeSettings) else "revcd", s)
        for row, s in settings.items()
    }
    return experiments.run_rows(experiment, benchmark, seeds, device, table=table)


def without_each_loss(settings: RevCDSettings) -> dict[str, RevCDSettings]:
    """RevCD, and RevCD without each of its losses."""
    without = {row: replace(settings, **{weight: 0.0}) for row, weight in REMOVED.items()}
    return {"RevCD": settings, **without}


def with_each_weight(settings: RevCDSettings) -> dict[str, RevCDSettings]:
    """RevCD with each of WEIGHTS for its classification loss."""
    return {f"weight {w:g}": replace(settings, classification_weight=w) for w in WEIGHTS}


def with_less_diffusion(
    settings: RevCDSettings,
) -> dict[str, RevCDSettings | experiments.RidgeSettings]:
    """RevCD that ends with its first estimate, one that is trained without z_t, and a ridge."""
    one_step = replace(settings, sampler="ddim", sampling_steps=1)
    return {
        "RevCD, one step": one_step,
        "RevCD without z_t": replace(one_step, sees_noised=False),
        "ridge": experiments.RidgeSettings(),
    }


def benchmark_title(benchmark: Benchmark) -> str:
    """A benchmark and its semantics, as captions name them."""
    return f"{benchmark.name}, {benchmark.provenance.get('semantics', 'semantics')}"


def settings_shown(settings: RevCDSettings, profile: str) -> Tabled:
    """Which settings does RevCD have here, and which would a full run have?"""
    full = reductions(settings)
    lines = [
        (name, str(getattr(settings, name)), str(full[name][0]) if name in full else "")
        for name in SHOWN_SETTINGS
    ]
    frame = pd.DataFrame(lines, columns=["setting", "RevCD here", "`full` has"])
    text = (
        f"Profile `{profile}`; none of these is in the text that we have. Where two numbers stand, "
        "this profile takes less, to run on two cores."
    )
    return Tabled("settings", frame, text)


def revcd_models(records: Records, title: str) -> Tabled:
    """How do RevCD, a conditional VAE and a GAN score (after the paper's Table 2)?"""
    text = (
        f"**{title}** (after the paper's Table 2). Percent, mean ± standard deviation over seeds. "
        "T1: unseen images, only unseen classes competing."
    )
    return Tabled("models", results.results_counted(records), text, headline=True)


def validation_choices(records: Records) -> Tabled:
    """What did validation choose, seed by seed?"""
    lines = [
        (row, protocol, *(_by_seed(chosen, choice, form) for choice, form in CHOICES.items()))
        for row in row_names(records)
        for protocol in ("clean", "calibrated")
        for chosen in [[r["scores"]["chosen"][protocol] for r in records if r["row"] == row]]
    ]
    frame = pd.DataFrame(lines, columns=["method", "chosen for", *CHOICES])
    text = (
        "What validation chose, seed by seed or, where all agree, once: for the best H as it is "
        "(*clean*), and for the best H with a constant off the seen cosines (*calibrated*), which "
        "is chosen with the rest."
    )
    return Tabled("chosen", frame.set_index(["method", "chosen for"]), text)


def _by_seed(chosen: Sequence[Mapping], choice: str, form: str) -> str:
    written = [f"{picks[choice]:{form}}" for picks in chosen if choice in picks]
    return ", ".join(written if len({*written}) > 1 else written[:1])


def spaces_compared(records: Records, title: str) -> Tabled:
    """What is it worth in which space the nearest prototype is looked for?"""
    rows = [
        {**r, "row": f"{row}, {space}", "scores": {"clean": r["scores"]["by space"][space]}}
        for row in row_names(records)
        for space in records[0]["scores"]["by space"]
        for r in records
        if r["row"] == row
    ]
    text = (
        f"**{title}**: the same estimates, with the nearest prototype looked for in the "
        "standardised semantics and in the semantics as given; all else as validation chose. "
        "Percent, mean ± standard deviation over seeds."
    )
    frame = results.results_table(rows, "clean").rename_axis("method, space")
    return Tabled("spaces", frame, text)


def losses_removed(records: Records, title: str) -> Tabled:
    """Which of RevCD's losses helps?"""
    text = (
        f"**{title}**: RevCD without one of its losses; percent, mean ± standard deviation over "
        f"{_seeds(records)} seeds."
    )
    return Tabled("losses", results.results_counted(records), text)


def classification_weight(records: Records, title: str) -> Drawn:
    """What does the classification weight do to S and U (after the paper's Figure 4)?"""
    labels, percent = row_names(records), {}
    fig, ax = plt.subplots(figsize=(7, 3.2))
    for line, (protocol, metric) in LINES.items():
        percent[line] = 100 * by_row(records, labels, protocol, metric)
        look = {**SCORES[metric], "marker": "o"} | ({"linestyle": "-"} if line == STRICT else {})
        plots.band(ax, range(len(labels)), percent[line], line, **look)
    ax.set(xlabel=r"classification weight $\lambda_3$", ylabel="accuracy (%)", ylim=(0, 100))
    ax.set_xticks(range(len(labels)), [row.removeprefix("weight ") for row in labels])
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    s, u = percent["S, strict"].mean(0), percent["U"].mean(0)
    text = (
        f"{title}; mean and range over seeds. From {labels[0]} to {labels[-1]} strict S goes from "
        f"{s[0]:.1f} to {s[-1]:.1f} % and U from {u[0]:.1f} to {u[-1]:.1f} %; U is highest at "
        f"{labels[u.argmax()]}."
    )
    alt = (
        "Accuracy by classification weight, with bands over seeds: S, solid where it is "
        "counted on test images and dotted, higher, on training images; T1; and U, the "
        "lowest by far, which is highest at one of the larger weights."
    )
    return Drawn("weight", fig, text, alt=alt)


def hull_distances(records: Records, title: str) -> Tabled:
    """How far off the hull of the seen prototypes do estimates lie?"""
    lines = {}
    for row in row_names(records):
        scales = next(r["scores"]["hull"] for r in records if r["row"] == row)
        for scale in scales:
            lines[f"{row}, guidance {scale}" if len(scales) > 1 else row] = {
                f"{part} images": plus_minus(values(records, row, "hull", scale, part), ".2f")
                for part in ("seen", "unseen")
            }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("estimates of")
    text = (
        f"**{title}**: distance of estimates to the hull of the seen prototypes, in units of the "
        "unseen prototypes' own; mean ± standard deviation over seeds."
    )
    return Tabled("hull", frame, text)


def cosines_by_kind(
    records: Records, benchmark: Benchmark, settings: RevCDSettings, device: Device
) -> Tabled:
    """How near do RevCD's estimates come to their own class, and to the best of the others?

    `records` are of the row "RevCD"; each seed's model is used as its clean choice has it.
    """
    found: dict[str, list[list[float]]] = {"seen images": [], "unseen images": []}
    for record in records:
        chosen = record["scores"]["chosen"]["clean"]
        used = replace(settings, epochs=chosen["epochs"])
        model = experiments.trained(benchmark, used, record["seed"], device)
        for part, lines in found.items():
            rows = getattr(benchmark, f"test_{part.partition(' ')[0]}_idx")
            x, labels = benchmark.features[rows], benchmark.labels[rows]
            how = {"guidance": chosen["guidance"], "space": chosen["space"]}
            lines.append(_nearest_cosines(model.scores(x, **how).cpu(), labels, benchmark))
    heads = ("own class", "best other seen class", "best other unseen class")
    cells = {
        part: {
            h: plus_minus(v, ".2f") for h, v in zip(heads, zip(*lines, strict=True), strict=True)
        }
        for part, lines in found.items()
    }
    text = (
        f"{benchmark.name}, RevCD as validation chose: cosine of an estimate with the prototype of "
        "its own class and with the nearest others, mean over images; mean ± standard deviation "
        "over seeds."
    )
    return Tabled("cosines", pd.DataFrame(cells).T.rename_axis("estimates of"), text)


def _nearest_cosines(
    cosines: Float[Tensor, "M C"], labels: Int64[Tensor, " M"], benchmark: Benchmark
) -> list[float]:
    own = cosines.gather(1, labels[:, None])
    others = cosines.scatter(1, labels[:, None], -torch.inf)
    best = (others[:, part].max(1).values for part in (benchmark.seen, benchmark.unseen))
    return [float(values.mean()) for values in (own, *best)]


def cub_hull(by_kind: Mapping[str, Records]) -> Tabled:
    """How far off the hull do estimates lie on real features? Records by kind of semantics."""
    tables = []
    for kind, records in by_kind.items():
        shown = [r for r in records if r["row"] in ("RevCD", "no classification")]
        tables.append(hull_distances(shown, kind).table().add_suffix(f", {kind}"))
    frame = pd.concat(tables, axis=1)
    return Tabled("cub-hull", frame, "**CUB**: distance to the hull, as above.")


def pooled(losses: Records, weights: Records, settings: RevCDSettings) -> list[dict]:
    """Rows with a loss removed and with other weights; the default weight is RevCD itself."""
    default = f"weight {settings.classification_weight:g}"
    return [*losses, *(r for r in weights if r["row"] != default)]


def picked_row(records: Records, protocol: str) -> str:
    """The row with the highest H on validation classes, on average over seeds."""
    kind = "calibrated" if "calibrated" in protocol else "clean"
    return max(
        row_names(records), key=lambda row: values(records, row, "validation", kind, "H").mean()
    )


def ways_to_count(records: Records, title: str) -> Tabled:
    """What would one have picked without a look at the test set, counted in four ways?

    Below RevCD as it is, whose lines come first, stands for each way to count the row with the best
    H on validation classes.
    """
    picks = [("RevCD", way) for way in WAYS]
    picks += [(picked_row(records, protocol), way) for way, protocol in WAYS.items()]
    lines = {
        f"{row}: {way}": results.results_table(
            [record for record in records if record["row"] == row], WAYS[way]
        ).iloc[0][["S", "U", "H"]]
        for row, way in picks
    }
    text = f"**{title}**: percent, mean ± standard deviation over {_seeds(records)} seeds."
    return Tabled("ways", pd.DataFrame(lines).T.rename_axis("RevCD"), text)


def cub_rows(kind: str, table: str, profile: str = "medium") -> list[dict]:
    """Read rows that a run on CUB's real features recorded; none where nobody has run it yet.

    `kind` is of semantics, "attributes" or "sentences"; `table` "RevCD T2", "RevCD losses" or
    "RevCD F4".
    """
    recorded = [r for run in CUB_RUNS for r in results.recorded(f"{run}-{profile}")]
    kept = [record for record in recorded if record["notebook"] == "24_revcd_results"]
    return results.rows_of([r for r in kept if r["benchmark"]["semantics"] == kind], table)


def cub_models(records: Records, kind: str, profile: str = "medium") -> Tabled:
    """How do the models score on real features, recorded by a run?"""
    unknown = pd.DataFrame({"method": ["not measured"]})
    frame = results.results_counted(records) if records else unknown
    text = (
        f"**CUB, ResNet fc1000 features, {kind}.** Seeds: {_seeds(records)}; profile `{profile}`."
    )
    name = f"cub-{kind}" if profile == "medium" else f"cub-{kind}-{profile}"
    return Tabled(name, frame, text)


def revcd_findings(models: Records, losses: Records, weights: Records) -> list[str]:
    """Say in sentences what came out on one benchmark."""
    s, lenient, unseen, alone = (
        float(100 * values(models, "RevCD", protocol, metric).mean())
        for protocol, metric in LINES.values()
    )
    gain = results.protocol_gap(models, "RevCD", "H", "calibrated")
    rows = [row for row in row_names(models) if row != "RevCD"]
    asked = [(models, "RevCD", row, metric) for row in rows for metric in ("H", "T1")]
    asked += [(losses, "RevCD", row, "H") for row in REMOVED]
    asked += [(weights, "weight 10", "weight 0.1", "U")]
    return [
        f"S is {s:.1f} on test images and {lenient:.1f} on training images.",
        f"U is {unseen:.1f}, though among unseen classes alone {alone:.1f} % are right: moving the "
        f"border by a constant adds {gain} points of H.",
        *results.verdicts(asked, "clean"),
        *(
            f"With a constant: {line}"
            for line in results.verdicts(
                [(models, "RevCD", row, "H") for row in rows], "calibrated"
            )
        ),
    ]


def _seeds(records: Records) -> int:
    return len({record["seed"] for record in records})
