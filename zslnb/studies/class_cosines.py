"""How alike are classes by their semantics, before class diversity promotion (CDP) and after?"""

from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.genzsl import mean_cosines, top_k_referents
from zslnb.studies import plots
from zslnb.studies.study import Study

READABLE = 80  # classes in a heat-map


@dataclass(frozen=True)
class ClassCosines(Study):
    """How alike are the classes of a benchmark? `embeddings` (C, S) are a row a class."""

    benchmark: Benchmark
    embeddings: Float[Tensor, "C S"]

    @cached_property
    def matrix(self) -> Float[Tensor, "C C"]:
        """The cosine of every two classes."""
        unit = F.normalize(self.embeddings, dim=1)
        return unit @ unit.T

    @property
    def pairs(self) -> Float[Tensor, " P"]:
        """The cosines of different classes, each pair once."""
        return self.matrix[tuple(self._ids())]

    @property
    def names(self) -> list[str]:
        """Class names as one would say them."""
        return plots.spoken_names(self.benchmark)

    def finding(self) -> str:
        ids, pairs, names = self._ids(), self.pairs, self.names
        (a, b), (c, d) = (ids[:, i].tolist() for i in (pairs.argmax(), pairs.argmin()))
        return (
            f"Of {len(pairs):,} pairs of classes the most alike are *{names[a]}* and *{names[b]}* "
            f"(cosine {pairs.max():.2f}), the least *{names[c]}* and *{names[d]}* "
            f"({pairs.min():.2f}). The average pair has {pairs.mean():.2f}; unrelated directions "
            "would have 0."
        )

    def _ids(self) -> Tensor:
        return torch.triu_indices(*self.matrix.shape, offset=1)


@dataclass(frozen=True)
class HeatMaps(Study):
    """What does CDP do to the cosine of every two classes?"""

    before: ClassCosines
    after: ClassCosines
    name = "heat-maps"

    @cached_property
    def order(self) -> list[int]:
        """The classes to show: all, or an even choice by the strongest contrast that is left."""
        raw = self.before.embeddings
        every = torch.arange(len(raw))
        if len(raw) <= READABLE:
            return every.tolist()
        chosen = every[:: -(-len(raw) // (READABLE // 2))]
        contrast = torch.linalg.svd(raw, full_matrices=False).U[chosen, 1]
        return chosen[contrast.argsort()].tolist()

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.3), sharey=True)
        names = [self.before.names[c] for c in self.order]
        panels = {"before CDP": self.before, "after CDP": self.after}
        for ax, (title, cosines) in zip(axes, panels.items(), strict=True):
            shown = cosines.matrix[self.order][:, self.order].numpy()
            image = plots.cosine_heatmap(ax, shown, names)
            ax.set_title(title)
        fig.colorbar(image, ax=axes, label="cosine of two classes", shrink=0.7)
        return fig

    def finding(self) -> str:
        n, before, after = len(self.before.matrix), self.before.pairs, self.after.pairs
        shown = "all classes" if len(self.order) == n else f"{len(self.order)} of {n} classes"
        return (
            f"Cosines between classes of {self.before.benchmark.name} ({shown}). Off the diagonal "
            f"the mean goes from {before.mean():.2f} to {after.mean():.2f}; what remains is not "
            f"white: single pairs reach from {after.min():.2f} to {after.max():.2f}."
        )


@dataclass(frozen=True)
class CosineSpread(Study):
    """What does CDP do to the spread of all cosines, and what would random directions have?"""

    before: ClassCosines
    after: ClassCosines
    name = "histogram"

    @property
    def random(self) -> float:
        """Standard deviation of the cosine of two random directions, about."""
        return self.before.benchmark.semantic_dim**-0.5

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(7, 3.4))
        bins, sd = np.linspace(-1, 1, 81), self.random
        samples = {"before CDP": self.before.pairs, "after CDP": self.after.pairs}
        label = f"random directions in {self.before.benchmark.semantic_dim} dimensions"
        normal = np.exp(-0.5 * (bins / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        plots.density(ax, bins, {name: pairs.numpy() for name, pairs in samples.items()})
        ax.plot(bins, normal, "k:", label=label)
        ax.legend()
        ax.set(xlabel="cosine of two different classes", ylabel="density of pairs", xlim=(-0.75, 1))
        return fig

    def finding(self) -> str:
        before, after = self.before.pairs, self.after.pairs
        return (
            f"Cosines of all pairs. Their mean goes from {before.mean():.2f} to "
            f"{after.mean():.2f}, their standard deviation from {before.std():.2f} to "
            f"{after.std():.2f}, where random directions have {self.random:.2f}: some classes stay "
            "far more alike than others."
        )


@dataclass(frozen=True)
class MeanCosines(Study):
    """Which of three means of the cosines says what?

    `expected` is the mean with the diagonal that arithmetic expects after CDP.
    """

    before: ClassCosines
    after: ClassCosines
    expected: float
    name = "means"

    @property
    def random(self) -> float:
        """Mean size of the cosine of two random directions, about."""
        return float(np.sqrt(2 / (np.pi * self.before.benchmark.semantic_dim)))

    def table(self) -> pd.DataFrame:
        n, before = len(self.before.matrix), mean_cosines(self.before.embeddings)
        rows = {
            "before CDP": before.values(),
            "after CDP": mean_cosines(self.after.embeddings).values(),
            "after CDP, from $v_1$ and $m$ alone": [
                self.expected,
                (n * self.expected - 1) / (n - 1),
                None,
            ],
            "random directions": [1 / n, 0, self.random],
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=[*before])
        return frame.map("{:.2g}".format, na_action="ignore").rename_axis("mean cosine")

    def caption(self) -> str:
        b = self.before.benchmark
        return (
            f"{b.name}, {b.n_classes} classes in {b.semantic_dim} dimensions. The first two means "
            "after CDP hardly look at single pairs; only the third does."
        )


@dataclass(frozen=True)
class ChangedNeighbours(Study):
    """Which classes have another nearest class after CDP?"""

    before: ClassCosines
    after: ClassCosines
    name = "changed"

    @cached_property
    def listed(self) -> pd.DataFrame:
        """All classes whose nearest class changes: before and after, with cosines."""
        sides = {"before": self.before, "after": self.after}
        nearest = {
            side: top_k_referents(c.embeddings, c.embeddings, 1, exclude_self=True)[:, 0]
            for side, c in sides.items()
        }
        changed = (nearest["before"] != nearest["after"]).nonzero()[:, 0]
        names = self.before.names
        columns: dict[str, list] = {"class": [names[c] for c in changed]}
        for side, cosines in sides.items():
            other = nearest[side][changed]
            columns[f"nearest {side}"] = [names[c] for c in other]
            columns[f"cosine {side}"] = cosines.matrix[changed, other].tolist()
        return pd.DataFrame(columns).round(2)

    def table(self) -> pd.DataFrame:
        return self.listed.head(6)

    def caption(self) -> str:
        return (
            f"{len(self.listed)} of {len(self.before.names)} classes change their nearest class; "
            "the first of them."
        )


@dataclass(frozen=True)
class SmallCase(Study):
    """What does CDP leave of three vectors with a common part? Rows (3, 3), before and after."""

    before: Float[Tensor, "3 3"]
    after: Float[Tensor, "3 3"]
    name = "three-classes"

    def figure(self) -> Figure:
        fig = plt.figure(figsize=(7.6, 3.5))
        panels = {"before: a narrow bunch": self.before, "after: only the tilt": self.after}
        for position, (title, rows) in enumerate(panels.items(), start=1):
            ax = fig.add_subplot(1, 2, position, projection="3d", title=title)
            for c, row in enumerate(rows):
                style = {"color": f"C{c}", "label": f"class {c + 1}", "arrow_length_ratio": 0.12}
                ax.quiver(0, 0, 0, *row, **style)
            ax.plot([0, 0], [0, 0], [0, 1], ":", color="0.3", label="$v_1$")
            ax.set(xlim=(-0.6, 0.6), ylim=(-0.6, 0.6), zlim=(0, 1), xticks=[-0.5, 0, 0.5])
            ax.set(yticks=[-0.5, 0, 0.5], zticks=[0, 0.5, 1], xlabel="axis 1", ylabel="axis 2")
            ax.view_init(18, 35)
        plots.shared_legend(fig, ax, 4)
        return fig

    def finding(self) -> str:
        return "Three classes before and after. Without $v_1$ they lie flat, 120° apart."
