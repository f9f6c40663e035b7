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
from zslnb.studies.rows import Device, Records, by_row, plus_minus, row_names, told, values
from zslnb.studies.study import Drawn, Tabled
from zslnb.studies.style import PAGE, SCORES

WEIGHTS = (0.0, 0.1, 1.0, 10.0)
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
    """Which settings does RevCD have here that a full run has not?"""
    lines = [(name, str(here), str(full)) for name, (full, here) in reductions(settings).items()]
    frame = pd.DataFrame(lines, columns=["setting", "RevCD here", "`full` has"])
    text = f"What profile `{profile}` changes, mostly to run on two cores."
    return Tabled("settings", frame, text)


def revcd_models(records: Records, title: str) -> Tabled:
    """How do RevCD, a conditional VAE and a GAN score (after the paper's Table 2)?"""
    text = (
        f"**{title}** (after the paper's Table 2). Percent, mean ± standard deviation over seeds. "
        "T1: unseen images, only unseen classes competing."
    )
    return Tabled("models", _counted(records), text, headline=True)


def _counted(records: Records) -> pd.DataFrame:
    columns = ["S, strict", "S, lenient", "U", "H, strict", "H, calibrated", "T1"]
    return results.results_counted(records)[columns]


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
    columns = {}
    for space in records[0]["scores"]["by space"]:
        there = [{**r, "scores": {"clean": r["scores"]["by space"][space]}} for r in records]
        columns[space] = results.results_table(there, "clean")
    frame = pd.DataFrame(
        {f"{m}, {space}": table[m] for m in ("H", "T1") for space, table in columns.items()}
    )
    text = (
        f"**{title}**: the same estimates, with the nearest prototype looked for in either space; "
        "all else as validation chose. Percent, mean ± standard deviation over seeds."
    )
    return Tabled("spaces", frame.rename_axis("method"), text)


def losses_removed(records: Records, title: str) -> Tabled:
    """Which of RevCD's losses helps?"""
    text = (
        f"**{title}**: RevCD without one of its losses; percent, mean ± standard deviation over "
        f"{_seeds(records)} seeds."
    )
    return Tabled("losses", _counted(records), text)


def classification_weight(by_title: Mapping[str, Records]) -> Drawn:
    """What does the classification weight do to S and U (after the paper's Figure 4)?

    A panel for each title of records.
    """
    n, said = len(by_title), []
    size = (min(PAGE, 1.2 + 3.2 * n), 3.6)
    fig, axes = plt.subplots(1, n, figsize=size, sharey=True, squeeze=False)
    for ax, (title, records) in zip(axes[0], by_title.items(), strict=True):
        labels, percent = row_names(records), {}
        for line, (protocol, metric) in LINES.items():
            percent[line] = 100 * by_row(records, labels, protocol, metric)
            look = {**SCORES[metric], "marker": "o"}
            look |= {"linestyle": "-"} if line == STRICT else {}
            plots.band(ax, range(len(labels)), percent[line], line, **look)
        ax.set(xlabel=r"classification weight $\lambda_3$", ylim=(0, 100), title=title)
        ax.set_xticks(range(len(labels)), [row.removeprefix("weight ") for row in labels])
        s, u = percent["S, strict"].mean(0), percent["U"].mean(0)
        said.append(
            f"{title}, strict S {s[0]:.1f} to {s[-1]:.1f} % and U {u[0]:.1f} to {u[-1]:.1f} %, "
            f"highest at {labels[u.argmax()]}"
        )
    axes[0, 0].set_ylabel("accuracy (%)")
    plots.shared_legend(fig, axes[0, 0], len(LINES))
    text = f"From {labels[0]} to {labels[-1]}: {'; '.join(said)}. Mean and range over seeds."
    alt = (
        "A panel for each kind of data, accuracy by classification weight, with bands over seeds: "
        "S, solid where it is counted on test images and dotted, higher, on training images; T1; "
        "and U, the lowest by far, which rises with the weight at first."
    )
    return Drawn("weight", fig, text, alt=alt)


def hull_distances(records: Records, title: str) -> Tabled:
    """How far off the hull of the seen prototypes do estimates lie?"""
    lines = {}
    for row in row_names(records):
        plain = next(iter(next(r["scores"]["hull"] for r in records if r["row"] == row)))
        lines[row] = {
            f"{part} images": plus_minus(values(records, row, "hull", plain, part), ".2f")
            for part in ("seen", "unseen")
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("estimates of")
    text = (
        f"**{title}**: distance of estimates to the hull of the seen prototypes, in units of the "
        "unseen prototypes' own, without guidance; mean ± standard deviation over seeds."
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


def ways_to_count(by_title: Mapping[str, Records]) -> Tabled:
    """What is RevCD's score, by way to count, for each title of records?"""
    lines = {
        (title, way): results.results_table(rows, protocol).iloc[0][["S", "U", "H"]]
        for title, records in by_title.items()
        for rows in [[record for record in records if record["row"] == "RevCD"]]
        for way, protocol in WAYS.items()
    }
    frame = pd.DataFrame(lines).T.rename_axis(["data", "counted"])
    return Tabled("ways", frame, "RevCD, counted in four ways. Percent, mean ± standard deviation.")


Outcomes = tuple[Records, Records, Records]  # of models, without a loss, by weight
ASKED: Sequence[tuple[str, str, str, Sequence[str]]] = (  # two rows, of which records, scores
    *(("RevCD", row, "models", ("H", "calibrated H")) for row in ("cVAE", "GAN")),
    *(
        ("RevCD", row, "models", ("calibrated H", "T1"))
        for row in ("RevCD, one step", "RevCD without z_t", "ridge")
    ),
    *(("RevCD", row, "losses", ("H",)) for row in REMOVED),
    ("weight 10", "weight 0.1", "weights", ("U",)),
)


def revcd_findings(outcomes: Mapping[str, Outcomes]) -> Tabled:
    """What does RevCD gain over what, by title of records? Tested together for each title.

    Of what is returned, `told` has each difference by title, second row and score.
    """
    asked = [(*rows, of, score) for *rows, of, scores in ASKED for score in scores]
    gained = {title: _differences(asked, *records) for title, records in outcomes.items()}
    lines = {
        (f"{first} over {second}", score): {
            title: told(found[first, second, score]) for title, found in gained.items()
        }
        for first, second, _, score in asked
    }
    frame = pd.DataFrame(lines).T.rename_axis(["what", "points of"])
    text = (
        "Mean difference within a seed and its 95 % interval; *above* and *below* are significant, "
        "tested together in each column."
    )
    return Tabled("findings", frame, text, headline=True, told=gained)


def _differences(
    asked: Sequence[tuple[str, str, str, str]], models: Records, losses: Records, weights: Records
) -> dict[tuple[str, str, str], results.Difference]:
    records = {"models": models, "losses": losses, "weights": weights}
    gains = {
        (first, second, score): results.paired_gains(
            [*records[of]],
            first,
            second,
            score.removeprefix("calibrated "),
            "calibrated" if score.startswith("calibrated") else "clean",
        )
        for first, second, of, score in asked
    }
    return results.differences_by(gains)


def _seeds(records: Records) -> int:
    return len({record["seed"] for record in records})
