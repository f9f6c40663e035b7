"""Whom are images of unseen classes taken for, and what would a handicap for seen classes give?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.datasets import aviary
from zslnb.studies import plots
from zslnb.studies.study import Drawn, Study


def bias_to_seen(margin: Float[Tensor, " N"]) -> Drawn:
    """How many images of unseen classes go to a seen class?

    Args:
        margin: the best score of any unseen class less that of any seen class, an image each.
    """
    fig, ax = plt.subplots(figsize=(6, 3))
    width = float(margin.abs().max())
    bins = np.linspace(-width, width, 61)
    wins, loses = margin[margin >= 0], margin[margin < 0]
    ax.hist(wins, bins, color="C0", label="an unseen class wins (perhaps the right one)")
    ax.hist(loses, bins, color="C1", hatch="//", label="a seen class wins (always wrong)")
    ax.set_xlabel("best unseen class minus best seen class (cosine)")
    ax.set_ylabel("images of unseen birds")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3))
    taken = 100 * float((margin < 0).float().mean())
    return Drawn("bias", fig, f"{taken:.0f} % of the unseen birds' images go to a seen class.")


@dataclass(frozen=True)
class Mistaken(Study):
    """Which seen birds are unseen birds of the aviary taken for, and are they relatives?

    `truth` (N,) are the classes of N images of unseen birds, `answers` (N,) the classes that they
    were given, `seen` (K,) the ids of the seen classes.
    """

    truth: Int64[Tensor, " N"]
    answers: Int64[Tensor, " N"]
    seen: Int64[Tensor, " K"]
    name = "mistaken"

    @cached_property
    def pairs(self) -> list[tuple[int, int, int]]:
        """An unseen class, the seen class it is taken for, and how often; the most often first."""
        taken = np.isin(self.answers, self.seen)
        ids = np.stack([self.truth[taken], self.answers[taken]])
        (unseen, seen), often = np.unique(ids, axis=1, return_counts=True)
        order = np.argsort(-often, kind="stable")
        return [(int(unseen[i]), int(seen[i]), int(often[i])) for i in order]

    @property
    def share(self) -> float:
        """Fraction of the mistakes that stay within the family."""
        kin = sum(often for unseen, seen, often in self.pairs if _kin(unseen, seen))
        return kin / sum(often for _, _, often in self.pairs)

    @property
    def chance(self) -> float:
        """What fraction it would be if a seen class were named at random."""
        unseen = self.truth.unique().tolist()
        kin = [_kin(a, b) for a in unseen for b in self.seen.tolist()]
        return sum(kin) / len(kin)

    def figure(self) -> Figure:
        rows = [[pair[i] for pair in self.pairs[:5]] for i in range(2)]
        names = [[aviary.SPECIES[c].name for c in row] for row in rows]
        return plots.picture_grid([[aviary.picture(c, 0, 160) for c in row] for row in rows], names)

    def finding(self) -> str:
        return (
            "Above, unseen birds; below, the seen species they are most often taken for. "
            f"{100 * self.share:.0f} % of all such mistakes stay within the family, where answers "
            f"at random would give {100 * self.chance:.0f} %."
        )


def _kin(a: int, b: int) -> bool:
    return aviary.SPECIES[a].family == aviary.SPECIES[b].family


@dataclass(frozen=True)
class Handicap(Study):
    """What does a constant off every seen class's score do to S, U and H?

    `trade` scores with such a handicap: S, U and H as fractions. `span` is the difference between
    the highest and the lowest score.
    """

    trade: Callable[[float], dict[str, float]]
    span: float
    name = "harmonic"

    @cached_property
    def curve(self) -> pd.DataFrame:
        """S, U and H in percent, for 80 handicaps."""
        steps = np.linspace(-0.2 * self.span, 0.8 * self.span, 80)
        return 100 * pd.DataFrame([self.trade(float(handicap)) for handicap in steps])

    @cached_property
    def plain(self) -> pd.Series:
        """S, U and H in percent without a handicap."""
        return 100 * pd.Series(self.trade(0.0))

    @property
    def best(self) -> pd.Series:
        """S, U and H in percent with the handicap of the highest H."""
        return self.curve.loc[self.curve.H.idxmax()]

    def figure(self) -> Figure:
        fig, ax = plt.subplots(figsize=(4.8, 4.2))
        s, u = np.meshgrid(np.linspace(0.5, 100, 200), np.linspace(0.5, 100, 200))
        equal = {"levels": range(10, 100, 10), "colors": "0.7", "linewidths": 0.8}
        lines = ax.contour(s, u, 2 * s * u / (s + u), **equal)
        ax.clabel(lines, fmt="H %d", fontsize=7)
        ax.plot(self.curve.S, self.curve.U, linewidth=2, label="a handicap for seen classes")
        for point, mark, label in ((self.plain, "o", "no"), (self.best, "s", "best")):
            ax.plot(point.S, point.U, mark, label=f"{label} handicap: H {point.H:.0f}")
        ax.set(xlabel="S, accuracy on seen birds (%)", ylabel="U, accuracy on unseen birds (%)")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25))
        return fig

    def finding(self) -> str:
        return (
            "Along the grey lines H = 2SU/(S+U) is the same. Without a handicap the average of S "
            f"and U is {(self.plain.S + self.plain.U) / 2:.1f} % and H {self.plain.H:.1f} %. A "
            "method with S = 100 % and U = 0 would average 50 % and have H = 0: nobody can hide "
            "behind the seen classes."
        )
