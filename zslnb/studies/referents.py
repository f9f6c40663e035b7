"""Which seen classes stand in for an unseen one, and what is drawn from them?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.studies import plots
from zslnb.studies.study import Study

SHOWN = 8  # unseen classes, two in a row


@dataclass(frozen=True)
class Referents(Study):
    """Which classes are the referents of the unseen ones?

    `referents` (U, 2) are their ids, a row an unseen class, and `cosines` (U, 2) those of the
    refined semantics.
    """

    benchmark: Benchmark
    referents: Int64[Tensor, "U 2"]
    cosines: Float[Tensor, "U 2"]
    name = "referents"

    def _rows(self) -> list[list[tuple[int, str]]]:
        trios = [
            [(unseen, ""), *((c, f"\n{cos:.2f}") for c, cos in zip(classes, row, strict=True))]
            for unseen, classes, row in zip(
                self.benchmark.unseen.tolist(),
                self.referents.tolist(),
                self.cosines.tolist(),
                strict=True,
            )
        ][:SHOWN]
        return [a + b for a, b in zip(trios[::2], trios[1::2], strict=False)]

    def figure(self) -> Figure:
        names = self.benchmark.class_names
        return plots.picture_grid(
            [[plots.class_picture(self.benchmark, c) for c, _ in row] for row in self._rows()],
            [[names[c] + text for c, text in row] for row in self._rows()],
            framed=(0, 3),
        )

    def finding(self) -> str:
        return (
            f"{2 * len(self._rows())} unseen classes of {self.benchmark.name} (framed), each with "
            "its two referent classes to the right and the cosine of their refined semantics. The "
            "choice sees semantics, never pictures."
        )


@dataclass(frozen=True)
class ChangedReferents(Study):
    """Which unseen classes have other referents when they are chosen on raw semantics?

    `raw` and `refined` (U, k) are the referents' ids under either choice.
    """

    benchmark: Benchmark
    raw: Int64[Tensor, "U k"]
    refined: Int64[Tensor, "U k"]
    name = "changed"

    def listed(self) -> pd.DataFrame:
        """All such classes, with their referents by name."""
        names = np.array(plots.spoken_names(self.benchmark))
        changed = (self.raw != self.refined).any(1)
        choices = {"raw": self.raw[changed], "refined": self.refined[changed]}
        columns = {"unseen class": names[self.benchmark.unseen[changed]]}
        for kind, ids in choices.items():
            columns[f"referents, {kind}"] = [", ".join(names[row]) for row in ids.tolist()]
        return pd.DataFrame(columns)

    def table(self) -> pd.DataFrame:
        return self.listed().head(6)

    def caption(self) -> str:
        return (
            f"{len(self.listed())} of {len(self.raw)} unseen classes have other referents, or in "
            "another order, when chosen on raw semantics; the first of them."
        )


@dataclass(frozen=True)
class Draws(Study):
    """Which pictures of the aviary are mixed?

    `rows` (n, k) of its images were drawn from the classes `referents` (n, k), to be mixed by
    `weights` (k,).
    """

    benchmark: Benchmark
    referents: Int64[Tensor, "n k"]
    rows: Int64[Tensor, "n k"]
    weights: Float[Tensor, " k"]
    name = "draws"

    def figure(self) -> Figure:
        b = self.benchmark
        pictures = [aviary.picture_of_row(int(row), 96, b.name) for row in self.rows.flatten()]
        names = plots.spoken_names(b)
        labels = [
            f"{weight:.1f} × {names[c]}"
            for classes in self.referents.tolist()
            for weight, c in zip(self.weights.tolist(), classes, strict=True)
        ]
        return plots.picture_grid([pictures], [labels], side=1.2)

    def finding(self) -> str:
        return (
            "The training pictures behind the first four draws, two to a draw. Beside the birds "
            "themselves the draws bring in chance: pose, size, background."
        )
