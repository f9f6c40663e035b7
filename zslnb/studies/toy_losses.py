"""Small networks trained on data whose best denoiser is known, one for each way to weigh a loss.

An "image" x from N(0, 1) says most of a single attribute, z_0 = 0.8 x + 0.6 eta.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.device import one_thread
from zslnb.revcd import NoiseSchedule, SemanticUNet, noise_loss, reconstruction_loss
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.exact_denoisers import gaussian_denoiser
from zslnb.studies.study import Study

SLOPE, SD = 0.8, 0.6
NOISE_OUT = "puts out noise, simple"
KINDS = ("clean, simple", "noise, simple", "both, capped", NOISE_OUT)
EARLY = 8  # t of the early step that sentences are about


class ToyLosses(Study):
    """How close does a network come to the best denoiser, by the loss it was trained on?

    Attributes:
        distance: kind of loss -> (R, n) root mean squared distance from the best at n steps, a
            line for each seed. spread: (n,) of z_0 about the best, which nobody can know.
    """

    name = "toy"

    def __init__(
        self, schedule: NoiseSchedule, cap: float, seeds: Sequence[int], updates: int = 400
    ) -> None:
        self.schedule, self.cap, self.seeds, self.updates = schedule, cap, seeds, updates
        last = len(schedule) - 1
        steps = (0, 1, 2, 4, EARLY, 16, 32, 64, *range(100, last, 57))
        self.grid = [*(t for t in steps if t < last), last]
        self.networks = {kind: [self._trained(kind, seed) for seed in seeds] for kind in KINDS}
        self.distance = {
            kind: np.array([[self._off(kind, unet, t) for t in self.grid] for unet in unets])
            for kind, unets in self.networks.items()
        }
        left = schedule.alphas_cumprod[self.grid]
        self.spread = (SD**2 * (1 - left) / (SD**2 * left + 1 - left)).sqrt()

    def best(
        self, zt: Float[Tensor, "B 1"], t: Int64[Tensor, " B"], x: Float[Tensor, "B 1"]
    ) -> Float[Tensor, "B 1"]:
        """Return the best estimate there is."""
        return gaussian_denoiser(self.schedule, SLOPE * x, SD)(zt, t)

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.8, 4))
        self._beside_the_best(axes[0])
        step = np.array(self.grid) + 1.0
        styles = ("-", "--", "-.", (0, (5, 1)))
        for (kind, distance), style in zip(self.distance.items(), styles, strict=True):
            plots.band(axes[1], step, distance, kind, linestyle=style)
        axes[1].plot(step, self.spread, "k:", label="spread of $z_0$")
        axes[1].set(xscale="log", yscale="log", xlabel="step (log scale)")
        axes[1].set(ylabel="distance from the best")
        handles = axes[1].get_legend_handles_labels()
        fig.legend(*handles, loc="outside lower center", ncols=5, fontsize=8)
        return fig

    def finding(self) -> str:
        ends = ", ".join(
            "{:.3f} and {:.3f} ({})".format(*self._ends(kind), kind) for kind in self.distance
        )
        return (
            "One attribute, its best estimate known. Left: a network trained on *both, capped* for "
            f"{self.updates} updates (dots) beside the best estimate (lines). Right: distance from "
            f"the best, mean and range over seeds ({len(self.seeds)}). At step {EARLY + 1} and at "
            f"the last it is {ends}. Dotted: the spread of $z_0$ about the best estimate, which "
            "nobody can know."
        )

    def far(self, kind: str) -> str:
        """Say how far one training ends from the best estimate."""
        early, late = self._ends(kind)
        return f"{early:.3f} off at step {EARLY + 1} and {late:.3f} at the last ({kind})"

    def _ends(self, kind: str) -> tuple[float, float]:
        mean = self.distance[kind].mean(0)
        return float(mean[self.grid.index(EARLY)]), float(mean[-1])

    def _draw(self, t: Int64[Tensor, " B"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, eta, noise = torch.randn(3, len(t), 1)
        z0 = SLOPE * x + SD * eta
        return x, z0, noise, self.schedule.q_sample(z0, t, noise)

    def _loss(self, kind: str, unet: SemanticUNet, t: Int64[Tensor, " B"]) -> Float[Tensor, ""]:
        x, z0, noise, zt = self._draw(t)
        out = unet(zt, t, x)
        if kind == NOISE_OUT:
            return noise_loss(out, noise)
        noise_hat = self.schedule.noise_from_z0(zt, out, t)
        if kind == "clean, simple":
            return reconstruction_loss(out, z0)
        if kind == "noise, simple":
            return noise_loss(noise_hat, noise)
        capped = (self.cap / self.schedule.signal_to_noise(t)).clamp(max=1)
        return reconstruction_loss(out, z0) + noise_loss(noise_hat, noise, capped)

    def _trained(self, kind: str, seed: int) -> SemanticUNet:
        with one_thread(), seeded(seed, "lesson/toy"):
            unet = SemanticUNet(1, 1, (64, 32), dropout=0.0)
            adam = torch.optim.Adam(unet.parameters(), 3e-3, fused=True)
            rate = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.05, self.updates)
            for _ in range(self.updates):
                adam.zero_grad()
                self._loss(kind, unet, torch.randint(len(self.schedule), (512,))).backward()
                torch.nn.utils.clip_grad_norm_(unet.parameters(), 5.0)
                adam.step()
                rate.step()
        return unet.eval()

    @torch.no_grad()
    def _estimate(self, kind: str, unet: SemanticUNet, zt: Tensor, t: Tensor, x: Tensor) -> Tensor:
        out = unet(zt, t, x)
        return self.schedule.z0_from_noise(zt, out, t) if kind == NOISE_OUT else out

    def _off(self, kind: str, unet: SemanticUNet, step: int) -> float:
        t = torch.full((4000,), step)
        with seeded(0, "lesson/toy-test"):
            x, _, _, zt = self._draw(t)
        away = self._estimate(kind, unet, zt, t, x) - self.best(zt, t, x)
        return float(away.square().mean().sqrt())

    def _beside_the_best(self, ax: Axes) -> None:
        kind = "both, capped"
        for t, x in ((t, x) for t in (49, 249) for x in (-1.0, 1.0)):
            colour, marker = "C5" if t == 49 else "C4", "o" if x < 0 else "s"
            left = self.schedule.alphas_cumprod[t].double()
            middle, reach = SLOPE * x * left.sqrt(), 2.5 * (SD**2 * left + 1 - left).sqrt()
            zt = torch.linspace(float(middle - reach), float(middle + reach), 21)[:, None]
            given = zt, torch.full((21,), t), torch.full((21, 1), x)
            ax.plot(zt, self.best(*given), color=colour, linewidth=1)
            dots = self._estimate(kind, self.networks[kind][0], *given)
            ax.plot(zt, dots, marker, color=colour, markersize=4, label=f"step {t + 1}, x = {x:g}")
        ax.set(xlabel="$z_t$", ylabel=r"estimate of $z_0$")
        ax.legend(fontsize=8)
