"""How alike are classes by their semantics, before class diversity promotion (CDP) and after?"""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments import SimilaritySettings
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import class_diversity_promotion, mean_cosines, top_k_referents
from zslnb.results import published_value, recorded
from zslnb.studies import plots
from zslnb.studies.slider import Slider
from zslnb.studies.study import Drawn, Tabled

READABLE = 80  # classes in a heat-map
MOST_REMOVED = 5  # directions, under a slider
REAL_NAMES = {"imagenet1k_vitb32": "ImageNet names", "lvis1203_vitb32": "LVIS names"}


class ClassCosines:
    """How alike are the classes of a benchmark? `embeddings` (C, S) are a row a class.

    Attributes:
        matrix: (C, C), the cosine of every two classes.
        pairs: (P,), those of different classes, each pair once.
    """

    def __init__(self, benchmark: Benchmark, embeddings: Float[Tensor, "C S"]) -> None:
        self.benchmark, self.embeddings = benchmark, embeddings
        self.names = plots.spoken_names(benchmark)
        unit = F.normalize(embeddings, dim=1)
        self.matrix = unit @ unit.T
        self.pairs = self.matrix[tuple(torch.triu_indices(*self.matrix.shape, offset=1))]


def readable_order(rows: Float[Tensor, "C S"]) -> list[int]:
    """The classes to show: all, or an even choice by the strongest contrast that is left."""
    every = torch.arange(len(rows))
    if len(rows) <= READABLE:
        return every.tolist()
    chosen = every[:: -(-len(rows) // (READABLE // 2))]
    contrast = torch.linalg.svd(rows, full_matrices=False).U[chosen, 1]
    return chosen[contrast.argsort()].tolist()


def heat_maps(before: ClassCosines, after: ClassCosines) -> Drawn:
    """What does CDP do to the cosine of every two classes?"""
    order, n = readable_order(before.embeddings), len(before.matrix)
    fig, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
    for ax, cosines, title in zip(axes, (before, after), ("before CDP", "after CDP"), strict=True):
        names = [before.names[c] for c in order]
        image = plots.cosine_heatmap(ax, cosines.matrix[order][:, order].numpy(), names)
        ax.set_title(title)
    fig.colorbar(image, ax=axes, label="cosine of two classes", shrink=0.7)
    shown = "all classes" if len(order) == n else f"{len(order)} of {n} classes"
    text = (
        f"Cosines between classes of {before.benchmark.name} ({shown}). The mean of different "
        f"classes goes from {before.pairs.mean():.2f} to {after.pairs.mean():.2f}. After CDP "
        f"single pairs still reach from {after.pairs.min():.2f} to {after.pairs.max():.2f}."
    )
    alt = (
        "Two heat maps side by side, a row and a column a class. Before CDP nearly all cells "
        "are red, that is positive, with darker blocks of families on the diagonal. After it "
        "cells are pale red and blue alike, and mostly the blocks on the diagonal stay dark "
        "red."
    )
    return Drawn("heat-maps", fig, text, alt=alt)


def by_directions(before: ClassCosines) -> Slider:
    """Look at the cosines of every two classes as CDP removes 0, 1, 2, ... directions."""
    order, alike = readable_order(before.embeddings), before.pairs.topk(min(30, len(before.pairs)))
    names = [before.names[c] for c in order]

    def frames() -> Iterator[tuple[str, str, Figure]]:
        for n in range(min(MOST_REMOVED + 1, *before.embeddings.shape)):
            rows = class_diversity_promotion(before.embeddings, n)
            cosines = ClassCosines(before.benchmark, rows)
            fig, ax = plt.subplots(figsize=(5.4, 4.6))
            shown = cosines.matrix[order][:, order].numpy()
            fig.colorbar(plots.cosine_heatmap(ax, shown, names), label="cosine of two classes")
            ax.set_title(f"{n} removed")
            seen = (
                f"{n} removed: the mean cosine of different classes is {cosines.pairs.mean():.2f}, "
                f"the mean absolute one {cosines.pairs.abs().mean():.2f}; pairs that were most "
                f"alike have {cosines.pairs[alike.indices].mean():.2f}."
            )
            yield str(n), seen, fig

    return Slider("Directions removed", frames())


def cosine_spread(before: ClassCosines, after: ClassCosines) -> Drawn:
    """What does CDP do to the spread of all cosines, and what would random directions have?"""
    pairs, left, width = before.pairs, after.pairs, before.benchmark.semantic_dim
    bins, random = np.linspace(-1, 1, 81), width**-0.5
    normal = np.exp(-0.5 * (bins / random) ** 2) / (random * np.sqrt(2 * np.pi))
    fig, ax = plt.subplots(figsize=(7, 3.4))
    plots.density(ax, bins, {"before CDP": pairs.numpy(), "after CDP": left.numpy()})
    ax.plot(bins, normal, "k:", label=f"random directions in {width} dimensions")
    plots.shared_legend(fig, ax, 3)
    ax.set(xlabel="cosine of two different classes", ylabel="density of pairs", xlim=(-1, 1))
    text = (
        f"Cosines of all pairs. Their mean goes from {pairs.mean():.2f} to {left.mean():.2f}, "
        f"their standard deviation from {pairs.std():.2f} to {left.std():.2f}, where random "
        f"directions have {random:.2f}: some classes stay far more alike than others."
    )
    alt = (
        "Histograms of cosines between different classes. Before CDP they lie far to the "
        "right of zero; after it they are centred near zero, but much wider than the narrow "
        "dotted bell curve of random directions."
    )
    return Drawn("histogram", fig, text, alt=alt)


def three_means(before: ClassCosines, after: ClassCosines, expected: float) -> Tabled:
    """Which of three means of the cosines says what?

    `expected` is the mean with the diagonal that arithmetic expects after CDP; `random`, of what is
    returned, the mean size of the cosine of two random directions.
    """
    b, n, measured = before.benchmark, len(before.matrix), mean_cosines(before.embeddings)
    random = float(np.sqrt(2 / (np.pi * b.semantic_dim)))
    rows = {
        "before CDP": measured.values(),
        "after CDP": mean_cosines(after.embeddings).values(),
        "after CDP, from $v_1$ and $m$ alone": [expected, (n * expected - 1) / (n - 1), None],
        "random directions": [1 / n, 0, random],
    }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[*measured])
    frame = frame.map("{:.2g}".format, na_action="ignore").rename_axis("mean cosine")
    text = (
        f"{b.name}, {b.n_classes} classes in {b.semantic_dim} dimensions. After CDP the first two "
        "means follow from $v_1$ and $m$; only the third says how alike single pairs are."
    )
    return Tabled("means", frame, text, random=random)


def changed_neighbours(before: ClassCosines, after: ClassCosines) -> Tabled:
    """Which classes have another nearest class after CDP?"""
    first, second = (
        top_k_referents(c.embeddings, c.embeddings, 1, exclude_self=True)[:, 0].numpy()
        for c in (before, after)
    )
    changed, names = np.flatnonzero(first != second), np.array(before.names)
    columns = {"class": names[changed]}
    for side, cosines, nearest in (("before", before, first), ("after", after, second)):
        columns[f"nearest {side}"] = names[nearest[changed]]
        columns[f"cosine {side}"] = cosines.matrix.numpy()[changed, nearest[changed]]
    text = f"{len(changed)} of {len(names)} classes change their nearest class, these first."
    return Tabled("changed", pd.DataFrame(columns).round(2).head(6), text)


def small_case(before: Float[Tensor, "3 3"], after: Float[Tensor, "3 3"]) -> Drawn:
    """What does CDP leave of three vectors with a common part? Rows (3, 3), before and after."""
    fig = plt.figure(figsize=(7.6, 3.5))
    panels = {"before: a narrow bunch": before, "after: only the tilt": after}
    for position, (title, rows) in enumerate(panels.items(), start=1):
        ax = fig.add_subplot(1, 2, position, projection="3d", title=title)
        for c, row in enumerate(rows):
            style = {"color": f"C{c}", "label": f"class {c + 1}", "arrow_length_ratio": 0.12}
            ax.quiver(0, 0, 0, *row, **style)
        ax.plot([0, 0], [0, 0], [0, 1], ":", color="0.3", label="$v_1$")
        ax.set(xlim=(-0.6, 0.6), ylim=(-0.6, 0.6), zlim=(0, 1), xticks=[-0.5, 0, 0.5])
        ax.set(yticks=[-0.5, 0, 0.5], zticks=[0, 0.5, 1], xlabel="axis 1", ylabel="axis 2")
        ax.zaxis.set_rotate_label(False)
        ax.set_zlabel("axis 3", rotation=90, labelpad=-2)
        ax.view_init(18, 35)
    plots.shared_legend(fig, ax, 4)
    text = "Three classes before and after. Without $v_1$ they lie flat, 120° apart."
    alt = (
        "Two three-dimensional plots of three arrows from the origin. Before, all three point "
        "upwards around a dotted vertical line; after, they lie in the horizontal plane, "
        "equally far apart."
    )
    return Drawn("three-classes", fig, text, alt=alt)


def directions(
    benchmark: Benchmark, removable: Sequence[int], spectrum: Float[np.ndarray, " n"]
) -> Drawn:
    """What do 0, 1, 2, ... removed directions leave of the class cosines and of the neighbours?

    `spectrum` are the shares of the squared length that the directions hold, the largest first.
    Of what is returned, for each number of directions, `kept` are the shares of classes that keep
    their nearest class, and `absolute` the mean absolute cosines.
    """
    rows = {f"{n} removed": ("similarity", SimilaritySettings(n)) for n in removable}
    records = run_rows(rows, benchmark, seeds=[0], n_jobs=1)  # nothing is drawn at random
    kept = np.array([r["scores"]["nearest"]["kept"] for r in records])
    absolute = np.array([r["scores"]["after"]["absolute"] for r in records])
    share = 100 * spectrum[:10]
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(8, 2.7))
    left.bar(range(1, len(share) + 1), share)
    left.set(xlabel="direction $i$", ylabel=r"share $\sigma_i^2 / C$ (%)", xticks=(1, 4, 7, 10))
    for ax, numbers, label, top in (
        (middle, 100 * kept, "classes that keep their\nnearest class (%)", 105),
        (right, absolute, "mean absolute cosine\nof different classes", 1.05 * absolute.max()),
    ):
        ax.plot(removable, numbers, "o-")
        ax.set(xlabel="directions removed", ylabel=label, xticks=removable, ylim=(0, top))
    text = (
        f"The first direction holds {spectrum[0]:.0%} of the squared length, the second "
        f"{spectrum[1]:.0%}. Removing one leaves {kept[1]:.0%} of the nearest classes as they "
        f"were, removing {len(kept) - 1} leaves {kept[-1]:.0%}."
    )
    alt = (
        "Three panels. Left, bars of the share of the squared length that each direction "
        "holds: the first is by far the tallest. Middle, a line that falls as directions are "
        "removed: classes that keep their nearest class. Right, the mean absolute cosine, "
        "which falls with the first direction and hardly after it."
    )
    return Drawn("directions", fig, text, records, alt=alt, kept=kept, absolute=absolute)


def real_names(benchmark: str, records: Sequence[dict]) -> Tabled:
    """What does CDP do to real CLIP's class names, measured and printed, beside this run's?

    `records` are those of `directions`, of the benchmark of this run.
    """
    lines = {f"{REAL_NAMES.get(benchmark, benchmark)} (this run)": _line(records)}
    for run, label in REAL_NAMES.items():
        if run != benchmark:
            lines[label] = _line(recorded(f"{run}-smoke"))
    before, after = (published_value("genzsl", f"F3-CUB-{w}") for w in ("before", "after"))
    printed = {"before, with diagonal": f"{before:g}", "after, with diagonal": f"{after:g}"}
    lines["CUB names (GenZSL, Figure 3: quoted)"] = {"classes": "200"} | printed
    frame = pd.DataFrame(lines).T.rename_axis("class names")
    text = (
        "Mean cosines before and after CDP, measured but for the last row. In real CLIP names, "
        "too, $v_1$ has the direction of the mean vector $m$."
    )
    return Tabled("real-text", frame, text, records, headline=True)


def _line(records: Sequence[dict]) -> dict[str, str]:
    chosen = [r["scores"] for r in records if r["settings"].get("n_removed") == 1]
    if not chosen:
        return {"classes": "not measured"}
    scores = chosen[0]
    return {
        "classes": f"{scores['size']['classes']}",
        "cosine of v₁ and m": f"{scores['common']['alignment']:.4f}",
        "before, with diagonal": f"{scores['before']['with diagonal']:.2g}",
        **{f"after, {name}": f"{value:.2g}" for name, value in scores["after"].items()},
    }
