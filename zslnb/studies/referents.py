"""Which classes stand in for an unseen one, and does what is drawn from them change the output?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import SWAPS, GenZSLSettings
from zslnb.studies import plots
from zslnb.studies.generators import Device
from zslnb.studies.rows import Records, row_names, summary, values
from zslnb.studies.slider import Slider
from zslnb.studies.study import Answered, Drawn, Tabled

SHOWN = 8  # unseen classes, two in a row
LISTED = 50  # unseen classes in a list
FULL, WEAK, LONGER = ROWS = ("KL weight 1", "KL weight 0.001", "0.001, twice as long")
OTHER_CLASSES, OTHER_TEXT = SWAPS[1], SWAPS[5]
TERMS = {  # of the loss -> what its panel says
    "reconstruction": "squared error",
    "kl": "KL (nats, log scale)",
    "boosting": "boosting term (nats)",
}
MARKS = "osv"


def chosen_referents(
    benchmark: Benchmark, chosen: Int64[Tensor, "U 2"], cosines: Float[Tensor, "U 2"]
) -> Drawn:
    """Which classes are chosen as referents of the unseen ones, by which cosines?"""
    trios = [
        [(unseen, ""), *((c, f"\n{cos:.2f}") for c, cos in zip(classes, row, strict=True))]
        for unseen, classes, row in zip(
            benchmark.unseen.tolist(), chosen.tolist(), cosines.tolist(), strict=True
        )
    ][:SHOWN]
    rows = [a + b for a, b in zip(trios[::2], trios[1::2], strict=False)]
    pictures = [[plots.class_picture(benchmark, c) for c, _ in row] for row in rows]
    names = [[benchmark.class_names[c] + text for c, text in row] for row in rows]
    text = (
        f"{2 * len(rows)} unseen classes of {benchmark.name} (framed), each with its two referent "
        "classes to the right and the cosine of their refined semantics. The choice sees "
        "semantics, never pictures."
    )
    alt = (
        "A grid of drawings in groups of three: a framed unseen class and, to its right, its "
        "two referent classes, each with its name and a cosine. Where they are birds, most "
        "referents are of the same shape as the framed bird and differ in colours."
    )
    fig = plots.picture_grid(pictures, names, framed=(0, 3))
    return Drawn("referents", fig, text, alt=alt)


def by_target(
    benchmark: Benchmark, chosen: Int64[Tensor, "U 2"], cosines: Float[Tensor, "U 2"]
) -> Slider:
    """Look at the referents of one unseen class at a time, chosen from a list."""
    spoken = plots.spoken_names(benchmark)

    def frames() -> Iterator[tuple[str, str, Figure]]:
        rows = zip(benchmark.unseen.tolist(), chosen.tolist(), cosines.tolist(), strict=True)
        for unseen, classes, row in islice(rows, LISTED):
            texts = [f"{spoken[c]}\n{cos:.2f}" for c, cos in zip(classes, row, strict=True)]
            pictures = [plots.class_picture(benchmark, c, 160) for c in (unseen, *classes)]
            fig = plots.picture_grid([pictures], [[spoken[unseen], *texts]], (0,), side=1.8)
            for ax in fig.axes:
                ax.set_anchor("N")  # or pictures would jump with the lines below them
            of = " and ".join(
                f"{spoken[c]} ({cos:.2f})" for c, cos in zip(classes, row, strict=True)
            )
            yield spoken[unseen], f"{spoken[unseen]}, framed; its referents: {of}.", fig

    return Slider("Unseen class", frames(), named=True)


def pictures_drawn(
    benchmark: Benchmark,
    chosen: Int64[Tensor, "U k"],
    drawn: Int64[Tensor, "U k"],
    weights: Float[Tensor, " k"],
) -> Drawn:
    """Which training pictures are behind the first four draws?

    `chosen` are referent classes, `drawn` the training rows that were drawn from them.
    """
    spoken = plots.spoken_names(benchmark)
    classes, rows = chosen[:4].flatten().tolist(), benchmark.train_idx[drawn[:4]].flatten().tolist()
    pictures = [
        aviary.picture_of_row(row, 96, benchmark.name)
        if plots.class_picture(benchmark, c)
        else None
        for c, row in zip(classes, rows, strict=True)
    ]
    shares = weights.tolist() * len(chosen[:4])
    names = [f"{share:.1f} × {spoken[c]}" for share, c in zip(shares, classes, strict=True)]
    text = f"What is mixed in the first {len(chosen[:4])} draws, {len(weights)} to a draw."
    alt = (
        "A row of training images, two for each draw where there are two referents, each with its "
        "share of the mixture and the name of its class."
    )
    return Drawn("draws", plots.picture_grid([pictures], [names]), text, alt=alt)


def swaps(
    benchmark: Benchmark, settings: GenZSLSettings, seeds: Sequence[int], device: Device = "cpu"
) -> Answered:
    """Swap inputs of GenZSL as it is set, with a weak KL term, and with that for twice as long."""
    weak = replace(settings, kl_weight=0.001)
    tried = (settings, weak, replace(weak, rounds=2 * settings.rounds))
    rows = {row: ("referent_swap", chosen) for row, chosen in zip(ROWS, tried, strict=True)}
    return turns_of(run_rows(rows, benchmark, seeds, device))


def turns_of(records: Records) -> Answered:
    """How far does the output turn when one input is swapped?

    Of what is returned, `effect` has for each row how far samples of random classes for the
    referent turn the output, as a share of how far other semantics do.
    """
    columns = {swap: ("swaps", swap) for swap in SWAPS}
    frame = summary(records, row_names(records), columns, ".1e").T.rename_axis("swapped for")
    turns = {
        row: [values(records, row, "swaps", swap).mean() for swap in (OTHER_CLASSES, OTHER_TEXT)]
        for row in ROWS
    }
    caption = (
        "How far the output turns, $1 - \\cos$, mean ± standard deviation over seeds "
        f"({len(values(records, FULL, 'swaps', OTHER_TEXT))}). 0: the input has no effect. 1: "
        "nothing in common."
    )
    other, text = turns[FULL]
    finding = (
        "How far the output turns when one input is swapped: mean and range over seeds. Above the "
        "line the swaps of the referent, below it two for comparison. With KL weight 1, samples of "
        f"random classes for the referent turn it by {other:.0e}, other semantics by {text:.1g}."
    )
    alt = (
        "A dot plot on a log scale: a row for each input that is swapped, a marker for each "
        "of three trainings, by how far the output turns. Swaps of the referent, above a "
        "line, stay far to the left, most of all with full KL weight; another class's "
        "semantics, the last row, turn the output by far the most."
    )
    effect = {row: other / text for row, (other, text) in turns.items()}
    tabled = Tabled("swaps", frame, caption, records, headline=True, effect=effect)
    return Answered(tabled, Drawn("swaps", _turns(records), finding, alt=alt))


def _turns(records: Records) -> plt.Figure:
    fig, ax = plt.subplots(figsize=(7.6, 3.6))
    for row, mark, shift in zip(ROWS, MARKS, (-0.2, 0, 0.2), strict=True):
        turns = np.array([values(records, row, "swaps", swap) for swap in SWAPS])
        heights = np.arange(len(SWAPS)) + shift
        (line,) = ax.plot(turns.mean(1), heights, mark, label=row)
        ax.hlines(heights, turns.min(1), turns.max(1), color=line.get_color())
    ax.axhline(3.5, color="0.4", linewidth=0.8)
    ax.set(xscale="log", yticks=range(len(SWAPS)), yticklabels=SWAPS, ylim=(5.6, -0.6))
    ax.set_xlabel(r"turn of the output, $1 - \cos$ (log scale)")
    ax.legend(loc="lower left")
    return fig


def loss_terms(floor: float, records: Records) -> Drawn:
    """Where do the loss terms of `swaps` end?

    The floor is the least reconstruction error that a generator without referents can reach; `gap`
    of what is returned is how far above it reconstruction ends, at KL weight 1.
    """
    each = records[0]["settings"]["passes"]
    fig, axes = plt.subplots(1, 3, figsize=(8, 2.8))
    for ax, (term, title) in zip(axes, TERMS.items(), strict=True):
        for i, row in reversed([*enumerate(ROWS)]):
            curve = values(records, row, "history", term)
            passes = each * np.arange(1, curve.shape[1] + 1)
            plots.band(ax, passes, curve, row, marker=MARKS[i], markersize=4, color=f"C{i}")
        ax.set(title=title, xlabel="passes over the data")
    axes[0].axhline(floor, color="k", linestyle=":", label="floor without referents")
    axes[0].set_ylabel("loss term, unweighted")
    axes[1].set_yscale("log")
    plots.shared_legend(fig, axes[0], 4)
    gap = float(values(records, FULL, "history", "reconstruction")[:, -1].mean()) - floor
    ends = {row: values(records, row, "history", "kl")[:, -1] for row in ROWS}
    text = (
        f"Loss terms, mean and range over seeds ({len(ends[FULL])}). Reconstruction with weight 1 "
        f"ends {gap:+z.3f} from the floor. KL ends at {ends[FULL].mean():.0e} with weight 1, at "
        f"{ends[WEAK].mean():.1f} with 0.001, and at {ends[LONGER].mean():.1f} after twice as many "
        "passes."
    )
    alt = (
        "Three panels of loss terms by passes over the data, a line for each of three "
        "trainings. The squared error falls towards a dotted floor and stays above it; the KL "
        "term, on a log scale, falls to almost nothing with full weight and stays large with "
        "small weight; the boosting term falls in much the same way in all."
    )
    return Drawn("losses", fig, text, records, alt=alt, gap=gap)


def variety(
    real: Float[np.ndarray, " P"], synthetic: Float[np.ndarray, " Q"], records: Records
) -> Answered:
    """How various are synthetic samples of an unseen class, beside real ones?

    `real` and `synthetic` are cosines of two samples of one class, of one training.
    """
    columns = {
        "within a class, real": ("within", "real"),
        "within a class, synthetic": ("within", "synthetic"),
        "to the real mean, referents": ("to mean", "referent"),
        "to the real mean, synthetic": ("to mean", "synthetic"),
    }
    frame = summary(records, row_names(records), columns).rename_axis("setting")
    caption = (
        "Mean cosines for the unseen classes: between samples of one class, and of class means "
        "with the real class mean (measured on test images; nothing was chosen by them)."
    )
    fig, ax = plt.subplots(figsize=(7, 3))
    bins = np.linspace(min(0, real.min()), 1, 81)
    plots.density(ax, bins, {"real images": real, "synthetic, KL weight 1": synthetic})
    ax.set(
        xlabel="cosine of two samples of one unseen class", ylabel="density of pairs (log scale)"
    )
    ax.set_yscale("log")
    ax.legend(loc="upper left")
    finding = (
        f"Variety within the unseen classes: the median cosine is {np.median(real):.2f} between "
        f"real samples and {np.median(synthetic):.3f} between synthetic ones."
    )
    tabled = Tabled("variety", frame, caption, records)
    alt = (
        "Two histograms on a log scale of cosines within one unseen class. Those of real "
        "images spread widely over the axis; those of synthetic samples are a narrow peak "
        "close to one."
    )
    return Answered(tabled, Drawn("variety", fig, finding, alt=alt))


def pair_cosines(
    features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"], most: int = 100
) -> Float[np.ndarray, " P"]:
    """Cosines of all pairs of different samples of one class, up to so many samples a class."""
    cosines = []
    for c in labels.unique():
        rows = F.normalize(features[labels == c][:most], dim=1)
        cosines.append((rows @ rows.T)[tuple(torch.triu_indices(len(rows), len(rows), offset=1))])
    return torch.cat(cosines).cpu().numpy()
