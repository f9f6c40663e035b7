"""What RevCD's losses listen to: weights step by step, and where a trained network's loss lies."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.revcd import NoiseSchedule, RevCD
from zslnb.seeds import seeded
from zslnb.studies.study import Study

STYLES = ("-", "--", "-.", ":")
IMAGES_A_STEP = 20


@dataclass
class LikelihoodBound(Study):
    """How large are the three parts of the bound, and how far below the truth is it?

    Attributes:
        parts: name -> nats. truth: the expected log-density, in nats.
    """

    parts: Mapping[str, float]
    truth: float
    name = "bound"

    @property
    def gap(self) -> float:
        """By how much the bound is too low."""
        return self.truth - sum(self.parts.values())

    def table(self) -> pd.DataFrame:
        rows = {
            **self.parts,
            "the bound, all three": self.truth - self.gap,
            "the truth": self.truth,
        }
        return pd.DataFrame({"nats": rows}).round(3).rename_axis("part")

    def caption(self) -> str:
        return (
            f"One column of standard Gaussian data with the best denoiser. The bound is "
            f"{self.gap:.2f} nats too low: the best steps back are a little wider than $\\sigma_q$."
        )


class LossWeights(Study):
    """Which steps does a loss listen to, in the currency of z_0?

    Attributes:
        by_loss: loss -> (T,) weights of a squared error of z_0.
    """

    name = "weights"

    def __init__(self, schedule: NoiseSchedule, cap: float) -> None:
        t = torch.arange(len(schedule))
        self.snr = schedule.signal_to_noise(t).double()
        # the bound starts at the second step
        self.of_clean, self.of_noise = (
            torch.cat([torch.zeros(1), of(t[1:])]).double()
            for of in (schedule.reconstruction_weights, schedule.noise_weights)
        )
        self.by_loss = {
            "clean, simple": torch.ones_like(self.snr),
            "noise, simple": self.snr,
            "noise, capped": self.snr.clamp(max=cap),
            "the bound": self.of_clean,
        }

    def figure(self) -> Figure:
        step = np.arange(1, len(self.snr) + 1)
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6))
        axes[0].plot(step[1:], self.of_clean[1:], label="$w_z(t)$, eq. 10")
        axes[0].plot(step[1:], self.of_noise[1:], label=r"$w_\varepsilon(t)$, eq. 13")
        axes[0].plot(step, self.snr, "k:", label="their ratio, SNR")
        axes[0].set(ylabel="weight of a squared error")
        for (loss, weights), style in zip(self.by_loss.items(), STYLES, strict=True):
            axes[1].plot(step, weights.where(weights > 0, math.nan), style, label=loss)
        axes[1].set(ylabel="weight of a squared error of $z_0$")
        for ax in axes:
            ax.set(xscale="log", yscale="log", xlabel="step (log scale)")
            ax.legend(fontsize=8)
        return fig

    def finding(self) -> str:
        half = {
            loss: int((weights.cumsum(0) / weights.sum() < 0.5).sum()) + 1
            for loss, weights in self.by_loss.items()
        }
        return (
            "Left: the weights of eqs. 10 and 13, each in its own currency. Right: four losses in "
            "the currency of $z_0$. Half of the total weight lies in the first "
            f"{half['noise, simple']} steps (noise, simple), {half['the bound']} (the bound), "
            f"{half['noise, capped']} (noise, capped) and {half['clean, simple']} (clean, simple) "
            f"of {len(self.snr)}."
        )


class DiffusionTraining(Study):
    """How far do the three terms fall below those of a network that has learnt nothing?

    It would answer 0, the average of standardised semantics, and guess.

    Attributes:
        terms: name -> one value an epoch. nothing, last: name -> value of that network, and at
            the end.
    """

    name = "training"

    def __init__(self, run: RevCD, capped: Float[Tensor, " T"]) -> None:
        history, width = pd.DataFrame(run.history), run.prototypes.shape[1]
        blank = float(run.prototypes[run.labels].square().sum(1).mean()) / width
        self.nothing = {
            "reconstruction": blank,
            "noise": blank * float(capped.mean()),
            "classification": math.log(len(run.seen)),
        }
        self.epochs = history["epoch"]
        self.terms = {
            term: history[term] / (1 if term == "classification" else width)
            for term in self.nothing
        }
        self.last = {term: float(values.iloc[-1]) for term, values in self.terms.items()}

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 3, figsize=(10, 3.1))
        units = ("per column of the semantics", "per column, capped", "nats")
        for ax, (term, values), unit in zip(axes, self.terms.items(), units, strict=True):
            ax.plot(self.epochs, values, "o-", markersize=4, label="training")
            ax.axhline(self.nothing[term], color="k", linestyle=":", label="nothing learnt")
            ax.set(title=term, xlabel="epoch", ylabel=unit, ylim=(0, None))
        axes[0].legend(fontsize=8)
        return fig

    def finding(self) -> str:
        ends = ", ".join(
            f"{self.last[term]:.2f} ({term}, nothing learnt: {nothing:.2f})"
            for term, nothing in self.nothing.items()
        )
        return (
            "The three terms in training, as they enter the sum but for their weights; "
            f"{len(self.epochs)} epochs, one seed. They end at {ends}."
        )


class LossShares(Study):
    """Which steps does the loss of a network come from, before training and after?

    Attributes:
        errors: "untrained" and "trained" -> (T,) squared error of z_0 at each step.
        shares: the same -> loss -> (T,) share of the loss that comes from the steps so far.
        early_steps: a fiftieth of the steps, which the table and `early` are about.
    """

    name = "shares"

    def __init__(
        self, weights: Mapping[str, Float[Tensor, " T"]], untrained: RevCD, trained: RevCD
    ) -> None:
        self.width = trained.prototypes.shape[1]
        self.errors = {
            when: errors_by_step(model)
            for when, model in (("untrained", untrained), ("trained", trained))
        }
        self.shares = {
            when: {loss: (w * e).cumsum(0) / (w * e).sum() for loss, w in weights.items()}
            for when, e in self.errors.items()
        }
        self.steps = len(self.errors["trained"])
        self.early_steps = self.steps // 50

    def early(self, loss: str) -> float:
        """Share of a trained network's loss that comes from the first steps."""
        return float(self.shares["trained"][loss][self.early_steps - 1])

    def figure(self) -> Figure:
        step = np.arange(1, self.steps + 1)
        fig, axes = plt.subplots(1, 3, figsize=(11, 3.5))
        for (when, errors), style in zip(self.errors.items(), ("C7", "C4"), strict=True):
            smooth = errors.view(-1, 5).mean(1) if self.steps % 5 == 0 else errors
            x = np.linspace(1, self.steps, len(smooth))
            axes[0].plot(x, smooth / self.width, style, label=when)
        axes[0].set(xlabel="step", ylabel="squared error of $z_0$, per column", ylim=(0, None))
        axes[0].legend(fontsize=8)
        for ax, (when, by_loss) in zip(axes[1:], self.shares.items(), strict=True):
            for (loss, share), style in zip(by_loss.items(), STYLES, strict=True):
                ax.plot(step, 100 * share, style, label=loss)
            ax.set(title=when, xscale="log", xlabel="step (log scale)")
            ax.set(ylabel="share of the loss so far (%)")
        fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower right", ncols=4)
        return fig

    def finding(self) -> str:
        errors, losses = self.errors["trained"] / self.width, self.shares["trained"]
        parts = ", ".join(f"{self.early(loss):.1%} ({loss})" for loss in losses)
        return (
            f"Left: mean squared error by step; after training {errors[:50].mean():.2f} a column "
            f"over the first 50 steps and {errors[-50:].mean():.2f} over the last 50. Middle and "
            "right: how much of the loss comes from the steps so far. The first "
            f"{self.early_steps} of {self.steps} steps make {parts} of the trained network's loss."
        )

    def table(self) -> pd.DataFrame:
        last = self.early_steps - 1
        lines = {
            when: {loss: 100 * float(share[last]) for loss, share in by_loss.items()}
            for when, by_loss in self.shares.items()
        }
        return pd.DataFrame(lines).round(1).rename_axis("loss")

    def caption(self) -> str:
        return (
            f"Share (%) of each loss that comes from the first {self.early_steps} of {self.steps} "
            "steps."
        )


@torch.no_grad()
def errors_by_step(model: RevCD, images: int = IMAGES_A_STEP) -> Float[Tensor, " T"]:
    """Mean squared error of the clean sample at each step, over so many training images a step.

    The images are shown; their number is even.
    """
    networks, device = model.networks.eval(), model.labels.device
    steps = len(networks.schedule)
    errors, t = torch.zeros(steps, dtype=torch.float64), torch.arange(steps).repeat(2)
    with seeded(0, "lesson/errors"):
        for rows in torch.randint(len(model.labels), (images * steps,), device=device).split(
            2 * steps
        ):
            z0, t_here = model.prototypes[model.labels[rows]], t.to(device)
            zt = networks.schedule.q_sample(z0, t_here, torch.randn_like(z0))
            z0_hat, _ = networks.both(zt, t_here, networks.visual(model.features[rows]))
            errors.index_add_(0, t, (z0_hat - z0).square().sum(1).double().cpu())
    return errors / images
