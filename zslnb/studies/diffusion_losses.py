"""Which steps revcd.RevCD's losses weigh, what they ask for, and small networks trained on each."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import revcd
from zslnb.networks import Adam
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.kept import kept
from zslnb.studies.known_densities import gaussian_denoiser
from zslnb.studies.study import Answered, Drawn, Study, Tabled
from zslnb.studies.style import SMALLEST

STYLES = ("-", "--", "-.", ":")
TEMPERATURES = {0.05: "-", 0.2: "--", 1.0: "-."}


def loss_weights(
    of_clean: Float[Tensor, " N"],
    of_noise: Float[Tensor, " N"],
    weights: Mapping[str, Float[Tensor, " T"]],
) -> Drawn:
    """How much does an error count at each step?

    `of_clean` and `of_noise` are the weights of eqs. 10 and 13, from the second step on; `weights`
    has, by loss, those of an error of z_0. `half`, of what is returned, is by loss the number of
    first steps that have half of all weight.
    """
    half = {loss: int((w.cumsum(0) / w.sum() < 0.5).sum()) + 1 for loss, w in weights.items()}
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    for part, label, style in (
        (of_clean, "$w_z(t)$, eq. 10", "-"),
        (of_noise, r"$w_\varepsilon(t)$, eq. 13", "-"),
        (of_clean / of_noise, "their ratio, SNR", "k:"),
    ):
        left.plot(range(2, len(part) + 2), part, style, label=label)
    for (loss, w), style in zip(weights.items(), STYLES, strict=False):
        right.plot(range(1, len(w) + 1), w.where(w > 0, math.nan), style, label=loss)
    left.set(ylabel="weight of a squared error")
    right.set(ylabel="weight of a squared error of $z_0$")
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="step (log scale)")
        ax.legend()
    text = (
        "Left: the weights of eqs. 10 and 13, each in its own currency. Right: four losses in the "
        "currency of $z_0$. Half of the total weight lies in the first "
        f"{', '.join(f'{n} ({loss})' for loss, n in half.items())} of {len(of_clean) + 1} steps."
    )
    alt = (
        "Two panels of weights by step, on log scales. Left, the weight of errors of the clean "
        "value falls steeply and that of noise slowly; their ratio falls too. Right, the bound and "
        "the simple noise loss fall over many powers of ten, the capped one is level first, the "
        "clean one always."
    )
    return Drawn("weights", fig, text, alt=alt, half=half)


def diffusion_training(run: revcd.RevCD, capped: Float[Tensor, " T"]) -> Drawn:
    """How far do the three terms fall below those of a network that has learnt nothing?

    It would answer 0, the average of standardised semantics, and guess. `capped` are the weights of
    errors of z_0 in the noise loss; `nothing` and `last`, of what is returned, have each term of
    that network, and of the run at its end.
    """
    history, width = pd.DataFrame(run.history).set_index("epoch"), run.prototypes.shape[1]
    blank = float(run.prototypes[run.labels].square().sum(1).mean()) / width
    nothing = {"reconstruction": blank, "noise": blank * float(capped.mean())}
    nothing["classification"] = math.log(len(run.seen))
    history[["reconstruction", "noise"]] /= width
    last = history.iloc[-1]
    fig, axes = plt.subplots(1, 3, figsize=(8, 2.8))
    units = ("squared error, per column", "capped, per column", "nats")
    for ax, (term, least), unit in zip(axes, nothing.items(), units, strict=True):
        ax.plot(history[term], "o-", markersize=4, label="training")
        ax.axhline(least, color="k", linestyle=":", label="nothing learnt")
        ax.set(title=term, xlabel="epoch", ylabel=unit, ylim=(0, None))
    axes[0].legend()
    ends = ", ".join(
        f"{last[term]:.2f} ({term}, nothing learnt: {least:.2f})" for term, least in nothing.items()
    )
    text = (
        f"The three terms in training, as they enter the sum but for their weights; {len(history)} "
        f"epochs, one seed. They end at {ends}."
    )
    alt = (
        "Three panels by epoch: reconstruction, noise and classification. Each line starts "
        "below a dotted one, a network that has learnt nothing, falls fast at first and then "
        "levels off well above zero, classification the lowest beside its dotted line."
    )
    return Drawn("training", fig, text, alt=alt, nothing=nothing, last=last)


def loss_shares(
    weights: Mapping[str, Float[Tensor, " T"]], untrained: revcd.RevCD, trained: revcd.RevCD
) -> Answered:
    """Which steps does the loss of a network come from, before training and after?

    The table has the first fiftieth of the steps, `early_steps`; `early`, of what is returned, is
    by loss their share in the trained network's.
    """
    errors = {"untrained": errors_by_step(untrained), "trained": errors_by_step(trained)}
    shares = {
        when: {loss: (w * e).cumsum(0) / (w * e).sum() for loss, w in weights.items()}
        for when, e in errors.items()
    }
    width, steps = trained.prototypes.shape[1], len(errors["trained"])
    fig, axes = plt.subplots(1, 3, figsize=(8, 3))
    for (when, e), colour in zip(errors.items(), ("C7", "C4"), strict=True):
        smooth = e.view(-1, 5).mean(1) if steps % 5 == 0 else e
        axes[0].plot(np.linspace(1, steps, len(smooth)), smooth / width, colour, label=when)
    axes[0].set(xlabel="step", ylabel="squared error of $z_0$, per column", ylim=(0, None))
    axes[0].legend()
    for ax, (when, by_loss) in zip(axes[1:], shares.items(), strict=True):
        for (loss, share), style in zip(by_loss.items(), STYLES, strict=False):
            ax.plot(np.arange(1, steps + 1), 100 * share, style, label=loss)
        ax.set(title=when, xscale="log", xlabel="step (log scale)")
        ax.set(ylabel="share of the loss so far (%)")
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower right", ncols=4)
    first = steps // 50
    early = pd.DataFrame(shares).map(lambda share: float(share[first - 1])).rename_axis("loss")
    parts = ", ".join(f"{share:.1%} ({loss})" for loss, share in early["trained"].items())
    column = errors["trained"] / width
    text = (
        f"Left: mean squared error by step; after training {column[:50].mean():.2f} a column over "
        f"the first 50 steps and {column[-50:].mean():.2f} over the last 50. Middle and right: how "
        f"much of the loss comes from the steps so far. The first {first} of {steps} steps make "
        f"{parts} of the trained network's loss."
    )
    caption = f"Share (%) of each loss that comes from the first {first} of {steps} steps."
    facts = {"early": early["trained"], "early_steps": first}
    tabled = Tabled("shares", (100 * early).round(1), caption, **facts)
    alt = (
        "Left, the squared error by step: level and high untrained; trained it is lower and "
        "rises with the step. Middle and right, how much of the loss comes from the steps so "
        "far, untrained and trained: the bound and the simple noise loss rise at once, the "
        "capped one in the middle, the simple clean one only at the last steps."
    )
    return Answered(tabled, Drawn("shares", fig, text, alt=alt))


@torch.no_grad()
def errors_by_step(model: revcd.RevCD, images: int = 20) -> Float[Tensor, " T"]:
    """Mean squared error of the clean sample at each step, over so many training images a step.

    The images are shown; their number is even.
    """
    networks, device = model.networks.eval(), model.labels.device
    steps = len(networks.schedule)
    errors, t = torch.zeros(steps, dtype=torch.float64), torch.arange(steps).repeat(2)
    with seeded(0, "lesson/errors"):
        drawn = torch.randint(len(model.labels), (images * steps,), device=device)
        for rows in drawn.split(2 * steps):
            z0, t_here = model.prototypes[model.labels[rows]], t.to(device)
            zt = networks.schedule.q_sample(z0, t_here, torch.randn_like(z0))
            z0_hat, _ = networks.both(zt, t_here, networks.visual(model.features[rows]))
            errors.index_add_(0, t, (z0_hat - z0).square().sum(1).double().cpu())
    return errors / images


def classification_losses(
    plane: Float[Tensor, "3 2"],
    prototypes: Float[Tensor, "K S"],
    temperature: float,
    benchmark: str,
) -> Drawn:
    """Where is the loss lowest, and when does it mind that an estimate leaves its prototype?

    `plane` has three prototypes, the first one the own; `prototypes` are those of a benchmark's
    seen classes, `temperature` is one of TEMPERATURES. Of what is returned, `lowest` has the best
    direction in degrees by temperature, `quiet` says how far from the own the loss hardly minds.
    """
    turn, mix = torch.linspace(-180, 180, 721), torch.linspace(0, 1, 41)
    circle = torch.stack([turn.deg2rad().cos(), turn.deg2rad().sin()], dim=1)[:, None]
    first, every = torch.zeros(1, dtype=torch.int64), torch.arange(len(prototypes))
    alike = revcd.prototype_scores(prototypes, prototypes).fill_diagonal_(-1)
    ways = [torch.lerp(prototypes, prototypes[alike.argmax(1)], m) for m in mix.tolist()]
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.1))
    lowest, sliding = {}, {}  # by temperature
    for tau, style in TEMPERATURES.items():
        losses = np.array([float(revcd.classification_loss(z, plane, first, tau)) for z in circle])
        lowest[tau] = float(turn[losses.argmin()])
        (line,) = left.plot(turn, losses, style, label=f"τ = {tau:g}")
        left.plot(lowest[tau], losses.min(), "o", color=line.get_color())
        mean = [float(revcd.classification_loss(z, prototypes, every, tau)) for z in ways]
        sliding[tau] = np.array(mean)
        right.plot(100 * mix, sliding[tau], style, label=f"τ = {tau:g}")
    for angle, label in [(0, "own"), (50, "rival"), (-110, "rival")]:
        left.axvline(angle, color="0.5", linestyle=":")
        left.text(angle, 4.6, label, ha="center", fontsize=SMALLEST, backgroundcolor="w")
    left.set(xlabel="direction of the estimate (degrees)", ylabel="loss (nats)", ylim=(-0.1, 5))
    right.set(xlabel="way from the own prototype to the rival (%)", ylabel="mean loss (nats)")
    plots.shared_legend(fig, right, 3)
    share, quiet = (sliding[temperature] < 0.1).mean(), "is above 0.1 from the start"
    if share:
        quiet = f"stays below 0.1 until {share:.0%} of the way"
    text = (
        "Left: loss of the class at 0°, rivals at 50° and -110°. It is lowest at "
        f"{', '.join(f'{angle:.0f}° (τ = {tau:g})' for tau, angle in lowest.items())}. Right: seen "
        f"classes of {benchmark}, from the own prototype to the most similar other; with τ = "
        f"{temperature:g} the loss {quiet}; with τ = 1 a perfect estimate has "
        f"{sliding[1.0][0]:.1f}."
    )
    alt = (
        "Two panels of the classification loss for three temperatures. Left, by the direction "
        "of the estimate: a valley about the own class that is narrow and steep for the "
        "lowest temperature, wide and shallow for the highest, with its lowest point turned "
        "away from the nearer rival. Right, on the way to a rival: flat, then steep for the "
        "lowest, nearly level for the highest."
    )
    return Drawn("classification", fig, text, alt=alt, lowest=lowest, quiet=quiet)


# An "image" x from N(0, 1) says most of a single attribute, z_0 = SLOPE x + SD eta.
SLOPE, SD = 0.8, 0.6
NOISE_OUT = "puts out noise, simple"
KINDS = ("clean, simple", "noise, simple", "both, capped", NOISE_OUT)
EARLY = 8  # t of the early step that sentences are about


def _small() -> revcd.SemanticUNet:
    return revcd.SemanticUNet(1, 1, (64, 32), dropout=0.0)


class ToyLosses(Study):
    """How close does a network come to the best denoiser, by the loss it was trained on?

    Attributes:
        distance: kind of loss -> (R, n) root mean squared distance from the best at n steps, a
            line for each seed. spread: (n,) of z_0 about the best, which nobody can know.
    """

    name = "toy"

    def __init__(
        self, schedule: revcd.NoiseSchedule, cap: float, seeds: Sequence[int], updates: int = 400
    ) -> None:
        self.schedule, self.cap, self.updates = schedule, cap, updates
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

    def figure(self) -> Figure:
        fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.7))
        self._beside_the_best(left)
        step, styles = np.array(self.grid) + 1.0, ("-", "--", "-.", (0, (5, 1)))
        for (kind, distance), style in zip(self.distance.items(), styles, strict=True):
            plots.band(right, step, distance, kind, linestyle=style)
        right.plot(step, self.spread, "k:", label="spread of $z_0$")
        right.set(xscale="log", yscale="log", xlabel="step (log scale)")
        right.set(ylabel="distance from the best (log scale)")
        plots.shared_legend(fig, right, 3)
        return fig

    def alt(self) -> str:
        return (
            "Left, estimates of one attribute by its noised value at two steps and for two "
            "images: dots of the network lie close to straight lines, the best estimates, "
            "steeper at the early step. Right, the distance from the best by step, on log "
            "scales: two of four losses are close early and far at the last steps, the other "
            "two stay level."
        )

    def finding(self) -> str:
        ends = ", ".join(
            "{:.3f} and {:.3f} ({})".format(*self._ends(kind), kind) for kind in self.distance
        )
        return (
            "One attribute, its best estimate known. Left: a network trained on *both, capped* for "
            f"{self.updates} updates (dots) beside the best estimate (lines). Right: distance from "
            f"the best, mean and range over seeds ({len(self.networks[NOISE_OUT])}). At step "
            f"{EARLY + 1} and at the last it is {ends}. Dotted: the spread of $z_0$ about the best "
            "estimate, which nobody can know."
        )

    def _ends(self, kind: str) -> Float[np.ndarray, " 2"]:
        return self.distance[kind].mean(0)[[self.grid.index(EARLY), -1]]

    def _draw(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, eta, noise = torch.randn(3, len(t), 1)
        z0 = SLOPE * x + SD * eta
        return x, z0, noise, self.schedule.q_sample(z0, t, noise)

    def _loss(self, kind: str, unet: revcd.SemanticUNet, t: Tensor) -> Tensor:
        x, z0, noise, zt = self._draw(t)
        out = unet(zt, t, x)
        if kind == NOISE_OUT:
            return revcd.noise_loss(out, noise)
        noise_hat = self.schedule.noise_from_z0(zt, out, t)
        if kind == "clean, simple":
            return revcd.reconstruction_loss(out, z0)
        if kind == "noise, simple":
            return revcd.noise_loss(noise_hat, noise)
        capped = (self.cap / self.schedule.signal_to_noise(t)).clamp(max=1)
        return revcd.reconstruction_loss(out, z0) + revcd.noise_loss(noise_hat, noise, capped)

    def _trained(self, kind: str, seed: int) -> revcd.SemanticUNet:
        with seeded(seed, "lesson/toy"):
            unet = _small()
        known = {"schedule": self.schedule.alphas_cumprod.tolist(), "cap": self.cap}
        known |= {"kind": kind, "seed": seed, "updates": self.updates}
        weights = kept(__name__, partial(self._train, kind, seed), None, **known)
        unet.load_state_dict({name: torch.tensor(part) for name, part in weights.items()})
        return unet.eval()

    def _train(self, kind: str, seed: int) -> dict[str, list]:
        with seeded(seed, "lesson/toy"):
            unet = _small()
            adam = Adam(unet.parameters(), 3e-3, betas=(0.9, 0.999))
            rate = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.05, self.updates)
            for _ in range(self.updates):
                adam.zero_grad()
                self._loss(kind, unet, torch.randint(len(self.schedule), (512,))).backward()
                torch.nn.utils.clip_grad_norm_(unet.parameters(), 5.0)
                adam.step()
                rate.step()
        return {name: part.tolist() for name, part in unet.state_dict().items()}

    @torch.no_grad()
    def _estimate(
        self, kind: str, unet: revcd.SemanticUNet, zt: Tensor, t: Tensor, x: Tensor
    ) -> Tensor:
        out = unet(zt, t, x)
        return self.schedule.z0_from_noise(zt, out, t) if kind == NOISE_OUT else out

    def _off(self, kind: str, unet: revcd.SemanticUNet, step: int) -> float:
        t = torch.full((4000,), step)
        with seeded(0, "lesson/toy-test"):
            x, _, _, zt = self._draw(t)
        best = gaussian_denoiser(self.schedule, SLOPE * x, SD)(zt, t)
        return float((self._estimate(kind, unet, zt, t, x) - best).square().mean().sqrt())

    def _beside_the_best(self, ax: Axes) -> None:
        kind = "both, capped"
        for t, x in ((t, x) for t in (49, 249) for x in (-1.0, 1.0)):
            colour, marker = "C5" if t == 49 else "C4", "o" if x < 0 else "s"
            left = self.schedule.alphas_cumprod[t].double()
            middle, reach = SLOPE * x * left.sqrt(), 2.5 * (SD**2 * left + 1 - left).sqrt()
            zt = torch.linspace(float(middle - reach), float(middle + reach), 21)[:, None]
            steps, image = torch.full((21,), t), torch.full((21, 1), x)
            best = gaussian_denoiser(self.schedule, SLOPE * image, SD)(zt, steps)
            ax.plot(zt, best, color=colour, linewidth=1)
            dots = self._estimate(kind, self.networks[kind][0], zt, steps, image)
            ax.plot(zt, dots, marker, color=colour, markersize=4, label=f"step {t + 1}, x = {x:g}")
        ax.plot([], [], color="0.4", linewidth=1, label="best estimate")
        ax.set(xlabel="$z_t$", ylabel=r"estimate of $z_0$")
        ax.legend()
