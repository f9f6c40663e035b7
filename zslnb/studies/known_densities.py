"""Data whose density is known: the best denoiser there is, and what guided walks sample."""

import math
from collections.abc import Callable, Iterator, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

from zslnb.device import one_thread
from zslnb.revcd import NoiseSchedule, ancestral_sample, ddim_sample, guided_noise
from zslnb.seeds import seeded
from zslnb.studies.slider import Slider
from zslnb.studies.study import Study

# z_t and t in, E[z_0 | z_t] out
Denoiser = Callable[[Float[Tensor, "B S"], Int64[Tensor, " B"]], Float[Tensor, "B S"]]


def gaussian_denoiser(
    schedule: NoiseSchedule, mean: Float[Tensor, "#B #S"] | float, sd: Float[Tensor, "#S"] | float
) -> Denoiser:
    """Make the best denoiser of N(mean, sd^2): z_0 and z_t are jointly Gaussian, so it is linear.

    Args:
        schedule: that noised the data.
        mean: of all samples, of each column, or of each sample that will be denoised.
        sd: of all columns or of each.
    """

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        left = schedule.alphas_cumprod[t][:, None]
        return mean + left.sqrt() * sd**2 / (left * sd**2 + 1 - left) * (zt - left.sqrt() * mean)

    return denoise


def mixture_denoiser(schedule: NoiseSchedule, centres: Float[Tensor, "K S"], sd: float) -> Denoiser:
    """Make the best denoiser of K equally likely Gaussians of one width; t is one for all rows."""

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        left = schedule.alphas_cumprod[t[0]]
        variance = left * sd**2 + 1 - left
        # log density of z_t about each centre, without what is the same for all
        logits = left.sqrt() * zt @ centres.T - left * centres.square().sum(1) / 2
        mean = (logits / variance).softmax(1) @ centres  # by whose z_t may be
        return mean + left.sqrt() * sd**2 / variance * (zt - left.sqrt() * mean)

    return denoise


SCALES = (0.0, 1.0, 2.0, 4.0)
FINER = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
CLEAR = 0.9  # a sample is clearly of a class if its probability is above
MASSES = (0.95, 0.75, 0.5, 0.25)  # of the tilted density, within each of its shades
DOTS = 600  # walks in a picture of the slider
FINE, REACH, COARSE = 160, 4.0, 32  # cells a side of the window -4..4, to draw from and to compare


class TiltedDensity(Study):
    """Do guided walks sample p(z) p(x | z)^w?

    The figure, called "plane", shows samples of both; the table, called "tilted", compares them.

    Attributes:
        start: (n, 2) the noise that walks start from.
        walked: sampler -> samples for each of SCALES. direct: the tilted density's own.
        gaps: total variation to the tilted density, and how many samples are clearly of the first
            class, a line for each scale.
    """

    name = "plane"

    def __init__(
        self,
        classes: Mapping[str, Float[Tensor, "k 2"]],
        sd: float,
        schedule: NoiseSchedule,
        samples: int = 5000,
    ) -> None:
        self.classes, self.sd, self.schedule = classes, sd, schedule
        self.centres = next(iter(classes.values())), torch.cat([*classes.values()])  # first, all
        with seeded(0, "lesson/plane"):
            self.start = torch.randn(samples, 2)
        side = torch.linspace(-REACH, REACH, FINE + 1)[:-1] + REACH / FINE
        self.cells = torch.cartesian_prod(side, side)
        with one_thread():
            self.walked = {
                sampler: [self._walk(w, sampler) for w in SCALES]
                for sampler in ("DDIM", "ancestral")
            }
        tilted = [self._log_tilted(self.cells, w).softmax(0) for w in SCALES]
        self.direct = [self._drawn(density) for density in tilted]
        self.gaps = pd.DataFrame([self._line(i, density) for i, density in enumerate(tilted)])

    def table(self) -> pd.DataFrame:
        return self.gaps.round(3)

    def caption(self) -> str:
        return (
            f"Total variation between {len(self.start):,} walked samples and the tilted density (0 "
            "alike, 1 disjoint), beside that of as many samples of the tilted density itself "
            "(chance alone); and how many samples are of class A with a probability above 0.9."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(2, len(SCALES), figsize=(8, 4.5), sharex=True, sharey=True)
        lines = ("guided walk", self.walked["DDIM"], "C1"), ("tilted", self.direct, "C0")
        for row, (label, samples, colour) in zip(axes, lines, strict=True):
            for ax, points in zip(row, samples, strict=True):
                ax.plot(*points[:1500].T.numpy(), ".", color=colour, ms=2, alpha=0.4)
                self._name_blobs(ax)
            row[0].set_ylabel(f"{label}\nsecond attribute")
        for above, below, w in zip(*axes, SCALES, strict=True):
            above.set_title(f"scale {w:g}")
            below.set_xlabel("first attribute")
        return fig

    def alt(self) -> str:
        return (
            "Two rows of scatter plots, a column for each guidance scale. At scale 0 dots "
            "cover the blobs of three classes, at scale 1 the two blobs of class A, alike "
            "above and below. At larger scales the guided walk's dots, above, shrink to a "
            "thin streak away from the other classes, while the tilted density's, below, keep "
            "the shape of two blobs."
        )

    def finding(self) -> str:
        first, last = self.gaps.iloc[1], self.gaps.iloc[-1]
        return (
            "Class A (blobs marked A) by guidance scale. Above: DDIM with exact guided estimates. "
            f"Below: the tilted density. They agree for scale 1 (total variation "
            f"{first['DDIM walk']:.2f}, chance alone {first['chance alone']:.2f}) and not for "
            f"scale 4 ({last['DDIM walk']:.2f}, chance alone {last['chance alone']:.2f})."
        )

    def by_scale(self) -> Slider:
        """Look at the tilted density (shades) and guided walks from one noise (dots), by scale."""
        frames = (self._frame(w) for w in FINER)
        return Slider("Guidance scale", frames, FINER.index(1.0))

    def _frame(self, w: float) -> tuple[str, str, Figure]:
        points = self._walk(w, "DDIM", DOTS)
        cells, at_points = self._log_tilted(self.cells, w), self._log_tilted(points, w)
        edges, density = _edges(cells), cells.softmax(0)
        outside = 100 * float((at_points < edges[0]).double().mean())
        clear = 100 * float(density[self._is_clear(self.cells)].sum())
        fig, ax = plt.subplots(figsize=(5.2, 4.6))
        side = self.cells[:FINE, 1].numpy()
        shades = sns.color_palette("Blues", len(MASSES))
        ax.contourf(side, side, cells.view(FINE, FINE).T.numpy(), [*edges, 1e9], colors=shades)
        ax.plot(*points.T.numpy(), ".", color="C1", ms=3, alpha=0.6)
        self._name_blobs(ax)
        ax.set(xlabel="first attribute", ylabel="second attribute", title=f"scale {w:g}")
        ax.grid(False)
        seen = (
            f"At scale {w:g}, {outside:.0f} % of the walk's samples (dots) lie outside the shades, "
            f"which hold {100 * MASSES[0]:.0f} % of the tilted density; "
            f"{self._clear(points):.0f} % are of class {next(iter(self.classes))} with a "
            f"probability above {CLEAR}, where the density has {clear:.0f} %."
        )
        return f"{w:g}", seen, fig

    def _name_blobs(self, ax: Axes) -> None:
        outlined = [withStroke(linewidth=3, foreground="w")]
        for name, centres in self.classes.items():
            for x, y in centres.tolist():
                ax.text(x, y, name, ha="center", va="center", path_effects=outlined)
        ax.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), aspect="equal")

    def _log_tilted(self, points: Float[Tensor, "M 2"], w: float) -> Float[Tensor, " M"]:
        first, every = self._log_densities(points)  # up to a constant
        return (1 - w) * every + w * first

    def _walk(self, w: float, sampler: str, samples: int | None = None) -> Float[Tensor, "n 2"]:
        given, always = (mixture_denoiser(self.schedule, c, self.sd) for c in self.centres)

        def guided(zt: Tensor, t: Tensor) -> Tensor:
            return guided_noise(given(zt, t), always(zt, t), w)

        start = self.start[:samples]
        with seeded(1, "lesson/plane"):
            if sampler == "ancestral":
                return ancestral_sample(guided, self.schedule, start)
            return ddim_sample(guided, self.schedule, start, len(self.schedule))

    def _log_densities(self, points: Float[Tensor, "M 2"]) -> Iterator[Float[Tensor, " M"]]:
        for centres in self.centres:
            away = (points[:, None] - centres).square().sum(2)
            yield (-away / (2 * self.sd**2)).logsumexp(1) - math.log(len(centres))

    def _drawn(self, density: Float[Tensor, " M"]) -> Float[Tensor, "n 2"]:
        n = len(self.start)
        with seeded(0, "lesson/direct"):
            cells = self.cells[torch.multinomial(density, n, replacement=True)]
            return cells + (torch.rand(n, 2) - 0.5) * 2 * REACH / FINE

    def _line(self, i: int, density: Float[Tensor, " M"]) -> dict[str, float]:
        walked = {sampler: samples[i] for sampler, samples in self.walked.items()}
        line = {"scale": SCALES[i], "chance alone": _total_variation(self.direct[i], density)}
        for sampler, points in walked.items():
            line[f"{sampler} walk"] = _total_variation(points, density)
        line["p(A) > 0.9, DDIM (%)"] = round(self._clear(walked["DDIM"]), 1)
        return {**line, "p(A) > 0.9, tilted (%)": round(self._clear(self.direct[i]), 1)}

    def _clear(self, points: Float[Tensor, "n 2"]) -> float:
        return 100 * float(self._is_clear(points).double().mean())

    def _is_clear(self, points: Float[Tensor, "n 2"]) -> Bool[Tensor, " n"]:
        first, every = self._log_densities(points)
        return (first - every - math.log(len(self.classes))).exp() > CLEAR


def _edges(logs: Float[Tensor, " M"]) -> list[float]:
    """Log densities above which each of MASSES lies, on a grid."""
    falling = logs.sort(descending=True).values
    held = falling.softmax(0).cumsum(0)
    return [float(falling[int((held < mass).sum())]) for mass in MASSES]


def _total_variation(points: Float[Tensor, "n 2"], density: Float[Tensor, " M"]) -> float:
    many = FINE // COARSE
    wanted = density.view(COARSE, many, COARSE, many).sum((1, 3)).numpy()
    edges = np.linspace(-REACH, REACH, COARSE + 1)
    counts = np.histogram2d(*points.T.numpy(), bins=[edges, edges])[0]
    outside = 1 - counts.sum() / len(points)
    return float((np.abs(counts / len(points) - wanted).sum() + outside) / 2)
