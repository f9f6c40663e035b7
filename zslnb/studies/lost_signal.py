"""What it costs to walk back from noise that lacks the rest of the signal (DDIM's rest)."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.revcd import NoiseSchedule, ancestral_sample, ddim_sample
from zslnb.seeds import seeded
from zslnb.studies.exact_denoisers import gaussian_denoiser
from zslnb.studies.study import Study

STARTS = 10_000  # and as many mirrored ones


class LostSignal(Study):
    """How far from the mean do exact walks end that start from pure noise?

    Attributes:
        lack: by way to walk, (K,) the mean reached less `mean`. predicted: (K,) DDIM's by formula.
        error: standard error of a mean where s = 1.
    """

    name = "rest"

    def __init__(self, linear: NoiseSchedule, mean: float, sd: Float[Tensor, " K"]) -> None:
        self.linear, self.mean, self.sd = linear, mean, sd
        self.steps, cosine = len(linear), NoiseSchedule.cosine(len(linear))
        with seeded(0, "lesson/start"):
            start = torch.randn(STARTS, len(sd))
        start = torch.cat([start, -start])  # mirrored, so that its mean is exactly 0
        self.paths: dict[str, list[tuple[int, Tensor]]] = {"DDIM": [], "ancestral": []}
        best, best_cosine = (gaussian_denoiser(used, mean, sd) for used in (linear, cosine))
        ddim, ancestral = self._note("DDIM"), self._note("ancestral")
        with seeded(0, "lesson/ancestral"):
            ends = {
                f"DDIM, linear, {self.steps} steps": ddim_sample(
                    best, linear, start, self.steps, ddim
                ),
                "DDIM, linear, 50 steps": ddim_sample(best, linear, start, 50),
                "ancestral, linear": ancestral_sample(best, linear, start, ancestral),
                f"DDIM, cosine, {self.steps} steps": ddim_sample(
                    best_cosine, cosine, start, self.steps
                ),
            }
        self.lack = {way: (z.mean(0) - mean).numpy() for way, z in ends.items()}
        self.error, rest = len(start) ** -0.5, linear.alphas_cumprod[-1]
        self.predicted = (-sd * rest.sqrt() * mean / (rest * sd**2 + 1 - rest).sqrt()).numpy()

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
        for (sampler, visits), style in zip(self.paths.items(), ("-", "--"), strict=True):
            steps, means = zip(*visits, strict=True)
            lacks = torch.stack(means)[:, self._at]
            axes[0].plot(np.array(steps) + 1, lacks, style, label=sampler)
        axes[0].set(xlabel="step (the walk goes from right to left)")
        axes[0].set(ylabel="mean of $z_t$ less what it should be")
        axes[0].axhline(0, color="k", linewidth=0.8)
        axes[0].legend()
        label = "formula, DDIM, linear"
        axes[1].plot(self.sd, self.predicted, "k-", linewidth=0.8, label=label)
        for (way, lacks), marker in zip(self.lack.items(), "osv^", strict=True):
            axes[1].plot(self.sd, lacks, marker, markersize=6, label=way)
        axes[1].set(xlabel="standard deviation $s$ of the data", ylabel="mean reached less $m$")
        axes[1].legend(fontsize=8)
        return fig

    def finding(self) -> str:
        ddim, _, ancestral, cosine = (float(lack[self._at]) for lack in self.lack.values())
        return (
            f"Starts from noise without the rest of the signal, {self.mean:g} the mean to be "
            "reached. Left, for $s$ = 1: DDIM carries the lack to the end, ancestral sampling "
            f"forgets it. Right: what is lacking at the end, for $s$ = 1 {ddim:+z.3f} (DDIM), "
            f"{ancestral:+z.3f} (ancestral) and {cosine:+z.3f} (DDIM, cosine schedule). Chance "
            f"moves the ancestral mean by {self.error:.3f} there."
        )

    def cost(self) -> str:
        """Say by how much each way misses the mean at most."""
        ddim, _, ancestral, cosine = (np.abs(lack).max() for lack in self.lack.values())
        return (
            f"DDIM misses the mean by up to {ddim:.3f} here, ancestral sampling "
            f"by {ancestral:.3f}, DDIM with the cosine schedule by {cosine:.3f}. Chance alone "
            f"moves an ancestral mean by up to {self.error * float(self.sd.max()):.3f}."
        )

    @property
    def _at(self) -> int:
        return self.sd.tolist().index(1.0)

    def _note(self, sampler: str) -> Callable[[int, Tensor, Tensor], None]:
        left = self.linear.alphas_cumprod
        return lambda t, zt, _: self.paths[sampler].append(
            (t, zt.mean(0) - left[t].sqrt() * self.mean)
        )
