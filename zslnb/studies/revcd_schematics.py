"""RevCD in boxes and arrows: its direction, and its network."""

from dataclasses import dataclass
from itertools import pairwise

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCDSettings
from zslnb.studies import plots
from zslnb.studies.study import Study

USUAL = {
    "semantics $z$\nof a class": (1.0, 2.9),
    "generator": (3.0, 2.9),
    "many features\n$\\hat x$": (4.9, 2.9),
    "classifier\nof features": (6.9, 2.9),
    "class of\na test image": (8.9, 2.9),
    "noise": (3.0, 3.9),
}
TURNED = {
    "feature $x$\nof an image": (1.0, 1.6),
    "denoiser,\n$T$ steps": (3.0, 1.6),
    "one estimate\n$\\hat z_0$": (4.9, 1.6),
    "nearest\nprototype": (6.9, 1.6),
    "class of\nthe image": (8.9, 1.6),
    "noise $z_T$": (3.0, 0.4),
    "semantics of all classes": (6.9, 0.4),
}
DOWN, UP = r"$h \odot \tau + v$", r"$h \odot v + \tau$"  # the paper's ways to join


class RevCDDirection(Study):
    """From semantics to features, or from a feature to semantics?"""

    name = "direction"

    def figure(self) -> Figure:
        arrows = []
        for boxes in (USUAL, TURNED):
            names = [*boxes]
            arrows += [*pairwise(names[:5]), (names[5], names[1])]
        arrows.append((names[6], names[3]))
        return plots.schematic({**USUAL, **TURNED}, arrows, (9.8, 4.3), ("generator", names[1]))

    def finding(self) -> str:
        return (
            "Above: semantics to features, as GenZSL and most generative methods go. Below: RevCD, "
            "features to semantics. Trained parts are filled. (The paper's Figure 1, redrawn from "
            "its text.)"
        )


@dataclass
class RevCDNetwork(Study):
    """Where do time and image enter the network?"""

    benchmark: Benchmark
    settings: RevCDSettings
    name = "network"

    def figure(self) -> Figure:
        layers, ends, conditions = self._layers(), self._ends(), self._conditions()
        (d1, d2, d3, u1, u2), (z, out, z0), (x, cut, reads, v, t, tau) = map(
            list, (layers, ends, conditions)
        )
        arrows = [*pairwise((z, d1, d2, d3, u1, u2, out, z0)), (d1, u2), (d2, u1)]
        arrows += [*pairwise((x, cut, reads, v)), (t, tau)]
        filled = (*layers, out, reads)
        fig = plots.schematic({**layers, **ends, **conditions}, arrows, (10.6, 5.2), filled)
        ax = fig.axes[0]
        ax.add_patch(Rectangle((2.2, 1.6), 5.4, 3.4, fill=False, linestyle="--", edgecolor="0.4"))
        for x in (5.7, 7.1):
            style = {"arrowstyle": "-|>", "color": "0.3"}
            ax.annotate("", xy=(x, 1.6), xytext=(x, 0.8), arrowprops=style)
        ax.text(7.5, 1.72, "to each of the five layers", fontsize=8, ha="right")
        ax.text(4.9, 4.62, "skip", fontsize=8, ha="center")
        ax.text(4.9, 3.52, "skip", fontsize=8, ha="center")
        return fig

    def finding(self) -> str:
        return (
            "The network of section 3.4, with this profile's widths. Trained parts are filled. On "
            "the way down time multiplies ($\\odot$, column by column) and the image is added; on "
            "the way up it is the other way round."
        )

    def _layers(self) -> dict[str, tuple[float, float]]:
        wide, middle, narrow = self.settings.widths
        return {
            f"down, {wide}\n{DOWN}": (3.2, 4.5),
            f"down, {middle}\n{DOWN}": (3.2, 3.4),
            f"down, {narrow}\n{DOWN}": (4.9, 2.4),
            f"up, {middle}\n{UP}": (6.6, 3.4),
            f"up, {wide}\n{UP}": (6.6, 4.5),
        }

    def _ends(self) -> dict[str, tuple[float, float]]:
        width = self.benchmark.semantic_dim
        return {
            f"noisy semantics\n$z_t$, {width}": (1.0, 4.5),
            "linear": (8.1, 4.5),
            f"estimate\n$\\hat z_0$, {width}": (9.5, 4.5),
        }

    def _conditions(self) -> dict[str, tuple[float, float]]:
        return {
            f"feature $x$\n{self.benchmark.feature_dim}": (1.0, 0.5),
            f"{self.settings.tokens} tokens": (2.8, 0.5),
            "Transformer": (4.3, 0.5),
            "image $v$": (5.7, 0.5),
            "step $t$": (8.6, 0.5),
            "sines, cosines\n$\\tau$": (7.1, 0.5),
        }
