"""What RevCD's classification loss asks for: a direction away from the rivals, early enough."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.revcd import classification_loss, prototype_scores
from zslnb.studies.study import Study

TEMPERATURES = {0.05: "-", 0.2: "--", 1.0: "-."}


class ClassificationLoss(Study):
    """Where is the loss lowest, and when does it mind that an estimate leaves its prototype?

    Attributes:
        by_angle: temperature -> loss of an estimate in each direction of the plane.
        lowest: temperature -> the best direction, in degrees.
        sliding: temperature -> mean loss from the own prototype to the most similar other.
    """

    name = "classification"

    def __init__(
        self,
        plane: Float[Tensor, "3 2"],
        prototypes: Float[Tensor, "K S"],
        temperature: float,
        benchmark: str,
    ) -> None:
        self.temperature, self.benchmark = temperature, benchmark
        self.turn, self.mix = torch.linspace(-180, 180, 721), torch.linspace(0, 1, 41)
        circle = torch.stack([self.turn.deg2rad().cos(), self.turn.deg2rad().sin()], dim=1)
        first, every = torch.zeros(1, dtype=torch.int64), torch.arange(len(prototypes))
        alike = prototype_scores(prototypes, prototypes).fill_diagonal_(-1)
        ways = [torch.lerp(prototypes, prototypes[alike.argmax(1)], m) for m in self.mix.tolist()]
        self.by_angle, self.sliding = (
            {
                tau: np.array([float(classification_loss(z, p, labels, tau)) for z in estimates])
                for tau in TEMPERATURES
            }
            for estimates, p, labels in ((circle[:, None], plane, first), (ways, prototypes, every))
        )
        self.lowest = {tau: float(self.turn[loss.argmin()]) for tau, loss in self.by_angle.items()}

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.5))
        for tau, style in TEMPERATURES.items():
            (line,) = axes[0].plot(self.turn, self.by_angle[tau], style, label=f"τ = {tau:g}")
            axes[0].plot(self.lowest[tau], self.by_angle[tau].min(), "o", color=line.get_color())
            axes[1].plot(100 * self.mix, self.sliding[tau], style, label=f"τ = {tau:g}")
        for angle, label in [(0, "own"), (50, "rival"), (-110, "rival")]:
            axes[0].axvline(angle, color="0.5", linestyle=":")
            axes[0].text(angle, 4.6, label, ha="center", fontsize=8, backgroundcolor="w")
        axes[0].set(xlabel="direction of the estimate (degrees)", ylabel="loss (nats)")
        axes[0].set(ylim=(-0.1, 5))
        axes[1].set(xlabel="way from the own prototype to the rival (%)", ylabel="mean loss (nats)")
        fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return fig

    def finding(self) -> str:
        lowest = ", ".join(f"{angle:.0f}° (τ = {tau:g})" for tau, angle in self.lowest.items())
        return (
            f"Left: loss of the class at 0°, rivals at 50° and -110°. It is lowest at {lowest}. "
            f"Right: seen classes of {self.benchmark}, from the own prototype to the most similar "
            f"other; with τ = {self.temperature:g} the loss {self.quiet()}; with τ = 1 a perfect "
            f"estimate has {self.sliding[1.0][0]:.1f}."
        )

    def quiet(self) -> str:
        """Say how far on the way to the rival the loss hardly minds."""
        share = float((self.sliding[self.temperature] < 0.1).mean())
        return (
            f"stays below 0.1 until {share:.0%} of the way"
            if share
            else ("is above 0.1 from the start")
        )
