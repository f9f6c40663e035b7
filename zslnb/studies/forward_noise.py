"""What forward diffusion does to class semantics, and what walks back from its end lack."""

import math
from collections.abc import Callable, Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.revcd import NoiseSchedule, Standardiser, ancestral_sample, ddim_sample, prototype_scores
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.known_densities import gaussian_denoiser
from zslnb.studies.study import Drawn, Study
from zslnb.text import markdown

COPIES = 50  # draws of noise a class, for the variance
COLUMNS_SHOWN = 64
DISSOLVING_STEPS = (24, 49, 99, 149, 199, 299, 399)  # and the last


def forward_walk(
    schedule: NoiseSchedule, z0: Float[Tensor, "1 S"], path: Float[Tensor, "T S"]
) -> Drawn:
    """Where do a few attributes go on their way to noise?

    Args:
        schedule: of T steps.
        z0: S attributes.
        path: the same after each step.
    """
    fig, ax = plt.subplots(figsize=(8, 3.4))
    step, left = _steps(schedule), schedule.alphas_cumprod.sqrt().numpy()
    spread = 2 * np.sqrt(1 - left**2)
    for i, start in enumerate(z0[0].tolist()):
        label, mean = f"attribute {i + 1}, $z_0$ = {start:g}", left * start
        ax.plot(step, path[:, i], linewidth=0.9, label=label)
        ax.plot(step, mean, "--", color=f"C{i}")
        ax.fill_between(step, mean - spread, mean + spread, color=f"C{i}", alpha=0.1)
    ax.set(xlabel="step", ylabel="value (standard deviations)", xlim=(0, len(step)))
    ax.legend(loc="upper right", fontsize=8)
    left = float(schedule.alphas_cumprod[-1].sqrt())
    text = (
        "Two attributes on their walk, each with its mean "
        "$\\sqrt{\\bar\\alpha_t} z_0$ (dashed) "
        f"and two standard deviations about it. After {len(schedule)} steps {left:.1%} of "
        f"each is left, under noise of standard deviation {math.sqrt(1 - left**2):.3f}."
    )
    return Drawn("walk", fig, text)


class Standardising(Study):
    """When does noise overtake the signal of a column, raw and standardised?

    The figure answers that, the table whether the variance stays 1 meanwhile, and `columns` says
    what standardising cannot do.

    Attributes:
        z: (C, S) standardised semantics. varies, flat: (S,) columns that vary over the seen
            classes, and those that do not.
    """

    name = "standardising"

    def __init__(self, benchmark: Benchmark, schedule: NoiseSchedule) -> None:
        self.benchmark, self.schedule = benchmark, schedule
        known = benchmark.semantics[benchmark.seen].double()
        self.centred, self.sd = known - known.mean(0), known.std(0, correction=0)
        self.varies = self.sd > 1e-4 * known.abs().amax(0)
        self.z = Standardiser.fitted(benchmark.semantics[benchmark.seen])(benchmark.semantics)
        self.flat = ~self.varies & (self.z[benchmark.seen].abs().amax(0) < 0.1)

    def ratio(self, variance: Float[Tensor, " K"]) -> Float[np.ndarray, "K T"]:
        """Signal-to-noise ratio of columns of these variances: a line for each, over steps."""
        snr = self.schedule.signal_to_noise(torch.arange(len(self.schedule)))
        return (variance[:, None] * snr).numpy()

    def overtaken(self, variance: Float[Tensor, " K"]) -> Float[np.ndarray, " K"]:
        """First step (from 1) at which the noise is as large as the signal."""
        return (self.ratio(variance) > 1).sum(1) + 1.0

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.3))
        step, raw = _steps(self.schedule), self.sd[self.varies] ** 2
        low, middle, high = np.quantile(self.ratio(raw), [0.05, 0.5, 0.95], axis=0)
        axes[0].plot(step, middle, label="raw: middle column, nine in ten")
        axes[0].fill_between(step, low, high, alpha=0.25, linewidth=0)
        axes[0].plot(step, self.ratio(torch.ones(1))[0], label="standardised: every column")
        axes[0].axhline(1, color="k", linestyle=":", label="signal = noise")
        axes[0].set(yscale="log", xlabel="step", ylabel="signal-to-noise ratio")
        axes[1].hist(self.overtaken(raw), bins=np.linspace(0, len(step), 51), label="raw")
        axes[1].axvline(self.overtaken(torch.ones(1))[0], color="C1", label="standardised")
        axes[1].set(xlabel="step at which noise overtakes the signal", ylabel="columns")
        for ax in axes:
            ax.legend(fontsize=8)
        return fig

    def finding(self) -> str:
        steps = self.overtaken(self.sd[self.varies] ** 2)
        low, middle, high = np.quantile(steps, [0.05, 0.5, 0.95]).astype(int)
        return (
            f"{self.benchmark.name}, {int(self.varies.sum())} columns that vary over the seen "
            f"classes. Raw, noise overtakes the middle column at step {middle} (from {low} to "
            f"{high} for nine in ten); standardised, all of them at step "
            f"{self.overtaken(torch.ones(1))[0]:.0f}."
        )

    def table(self) -> pd.DataFrame:
        t, seen = [0, 99, 249, len(self.schedule) - 1], self.z[self.benchmark.seen]
        rows = {
            "raw, columns that vary": self.centred[:, self.varies].float(),
            "standardised, columns that vary": seen[:, self.varies],
            "columns that do not vary": seen[:, self.flat],
        }
        variances = {kind: self._variances(columns, t) for kind, columns in rows.items()}
        table = pd.DataFrame(variances, index=[f"step {step + 1}" for step in t]).T.round(3)
        return table.rename_axis("mean variance of a column")

    def caption(self) -> str:
        return (
            f"Variance over the seen classes and {COPIES} draws of noise each. Standardised "
            f"columns stay within {self.off():.3f} of 1, by chance; the others grow towards it."
        )

    def off(self) -> float:
        """Furthest that the variance of standardised columns goes from 1."""
        return float((self.table().loc["standardised, columns that vary"] - 1).abs().max())

    def columns(self) -> str:
        """Say which columns have no variance, and what standardising leaves as it was."""
        b, z = self.benchmark, self.z
        crumbs = int((~self.varies & ~self.flat).sum())
        differ = int((z[b.unseen][:, self.flat].abs() > 1e-6).any(0).sum())
        distinct = [len(z[b.seen, j].unique()) for j in self.varies.nonzero()[:, 0]]
        blown = (
            f"{crumbs} more vary by next to nothing (a ten-thousandth of their size) and are blown "
            "up to 1. "
        )
        seen, unseen = (float(z[ids][:, self.varies].abs().max()) for ids in (b.seen, b.unseen))
        return (
            f"On {b.name} {int(self.flat.sum())} of {len(self.sd)} columns are without variance; "
            f"unseen classes differ in {differ} of these. {blown if crumbs else ''}The largest "
            f"value of a seen class is {seen:.1f} standard deviations, of an unseen one "
            f"{unseen:.1f}. And a column of the seen classes still takes as many different values "
            f"as before, {int(np.median(distinct))} in the middle case: an affine map gives it the "
            "mean and the variance of a Gaussian, never the shape, although the paper says "
            '"resemble".'
        )

    def _variances(self, rows: Float[Tensor, "N K"], steps: Iterable[int]) -> list[float]:
        if not rows.shape[1]:
            return [math.nan for _ in steps]
        many = rows.repeat(COPIES, 1)
        with seeded(0, "lesson/variance"):
            noise = torch.randn_like(many)
        noised = (self.schedule.q_sample(many, torch.full((len(many),), t), noise) for t in steps)
        return [float(zt.var(0).mean()) for zt in noised]


def dissolving_class(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"]
) -> Drawn:
    """What is left of the first unseen class after some steps, and which prototype is nearest?

    Args:
        benchmark: whose classes they are.
        schedule: of the noise.
        z: standardised semantics.

    Returns:
        The figure; `rows` (9, S) are the class's semantics, clean and noised, `nearest` the ids of
        the nearest prototypes.
    """
    own = int(benchmark.unseen[0])
    t = torch.tensor([*DISSOLVING_STEPS, len(schedule) - 1])
    with seeded(0, "lesson/dissolve"):
        noise = torch.randn(1, z.shape[1])
    many = (len(t), -1)
    noised = schedule.q_sample(z[[own]].expand(many), t, noise.expand(many))
    rows = torch.cat([z[[own]], noised])
    nearest = prototype_scores(rows, z).argmax(1).tolist()
    shares = schedule.alphas_cumprod[t].sqrt().tolist()
    labels = [f"step {step + 1}: {share:.0%} left" for step, share in zip(t, shares, strict=True)]
    fig, names = _semantics_rows(benchmark, rows, ["clean", *labels]), plots.spoken_names(benchmark)
    width = rows.shape[1]
    _name_nearest(fig.axes[0], [(names[c], c == own) for c in nearest], min(COLUMNS_SHOWN, width))
    right = sum(c == own for c in nearest[1:])
    part = "" if width <= COLUMNS_SHOWN else f", {COLUMNS_SHOWN} of its {width} columns"
    text = (
        f"The class *{markdown(names[own])}* dissolving{part}. Its own prototype is still the "
        f"nearest in {right} of {len(t)} noised rows."
    )
    return Drawn("dissolving", fig, text, rows=rows, nearest=nearest)


def _semantics_rows(
    benchmark: Benchmark, rows: Float[Tensor, "n S"], labels: Sequence[str]
) -> Figure:
    width, names = rows.shape[1], []
    if benchmark.provenance.get("semantics") == "attributes":
        names = aviary.attribute_names()
        names = names if len(names) == width else []
    kept = torch.linspace(0, width - 1, min(COLUMNS_SHOWN, width)).long()
    fig, ax = plt.subplots(figsize=(10, 4.4 if names else 3.4))
    image = ax.imshow(rows[:, kept].numpy(), cmap="vlag", vmin=-3, vmax=3, aspect="auto")
    ax.set_yticks(range(len(rows)), labels, fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    ax.set_xlabel("attribute" if names else "column of the semantics")
    ax.grid(False)
    fig.colorbar(image, ax=ax, label="standard deviations", location="left", shrink=0.8)
    return fig


def _name_nearest(ax: Axes, nearest: Sequence[tuple[str, bool]], width: int) -> None:
    ax.text(width - 0.2, -0.8, "nearest prototype:", fontsize=8)
    for i, (name, right) in enumerate(nearest):
        style = {"color": "C2" if right else "C3", "fontsize": 8, "va": "center"}
        ax.text(width - 0.2, i, "✓ its own" if right else f"✗ {plots.label(name)}", **style)


class TellingApart(Study):
    """How long can a class be told, by semantics and by schedule?

    The figure says it step by step, the table what the schedules leave at their last step.

    Attributes:
        cosine: the second schedule. accuracy: by way, (R, 26) shares told, a line for each seed.
        chance: the share that guessing tells.
    """

    name = "told"

    def __init__(
        self,
        benchmark: Benchmark,
        schedule: NoiseSchedule,
        z: Float[Tensor, "C S"],
        seeds: Iterable[int],
    ) -> None:
        self.linear, self.cosine = schedule, NoiseSchedule.cosine(len(schedule))
        self.grid = torch.linspace(0, len(schedule) - 1, 26).long()
        self.seeds, self.chance = list(seeds), 1 / benchmark.n_classes
        ways = {
            "standardised, linear": (schedule, z),
            "standardised, cosine": (self.cosine, z),
            "raw, linear": (schedule, benchmark.semantics),
        }
        self.accuracy = {
            way: np.array([self._recognised(*inputs, seed) for seed in self.seeds])
            for way, inputs in ways.items()
        }

    def at_end(self, way: str) -> float:
        """Share told at the last step, on average over seeds."""
        return float(self.accuracy[way][:, -1].mean())

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
        for way, shares in self.accuracy.items():
            plots.band(axes[0], (self.grid + 1).numpy(), 100 * shares, way)
        axes[0].axhline(100 * self.chance, color="k", linestyle=":", label="guessing")
        axes[0].set(xlabel="step", ylabel="nearest is the own class (%)")
        for (label, used), style in zip(self._schedules().items(), ("-", "-", ":"), strict=True):
            amplitude, done = used.alphas_cumprod.sqrt(), torch.linspace(0, 100, len(used))
            axes[1].plot(done, 100 * amplitude, style, label=label)
        axes[1].set(xlabel="share of the steps done (%)")
        axes[1].set(ylabel=r"signal left, $\sqrt{\bar\alpha_t}$ (%)")
        for ax in axes:
            ax.legend(fontsize=8)
        return fig

    def finding(self) -> str:
        linear, raw, cosine = "standardised, linear", "raw, linear", "standardised, cosine"
        return (
            f"Half of the noised prototypes are lost: standardised {self._half(linear)}, raw "
            f"{self._half(raw)}, with the cosine schedule {self._half(cosine)}. At the last step "
            f"{self.at_end(linear):.1%} are still told (linear) and {self.at_end(cosine):.1%} "
            f"(cosine), where guessing tells {self.chance:.1%}. Mean and range over seeds "
            f"({len(self.seeds)})."
        )

    def table(self) -> pd.DataFrame:
        lines = {
            label: {
                "signal left, % of its amplitude": 100 * float(used.alphas_cumprod[-1].sqrt()),
                "signal-to-noise ratio": float(used.signal_to_noise(torch.tensor([len(used) - 1]))),
            }
            for label, used in self._schedules().items()
        }
        return pd.DataFrame(lines).T.iloc[[0, 2, 1]].rename_axis("at the last step")

    def caption(self) -> str:
        return "What the schedules leave of a class. A thousand steps are usual for images."

    def _schedules(self) -> dict[str, NoiseSchedule]:
        steps = len(self.linear)
        return {
            f"linear, {steps} steps": self.linear,
            f"cosine, {steps} steps": self.cosine,
            "linear, 1000 steps": NoiseSchedule(1000),
        }

    def _recognised(
        self, schedule: NoiseSchedule, prototypes: Float[Tensor, "C S"], seed: int
    ) -> list[float]:
        labels = torch.arange(len(prototypes)).repeat(max(1, 1200 // len(prototypes)))
        shares = []
        with seeded(seed, "lesson/told"):
            for t in self.grid:
                noise = torch.randn(len(labels), prototypes.shape[1])
                zt = schedule.q_sample(prototypes[labels], t.expand(len(labels)), noise)
                right = prototype_scores(zt, prototypes).argmax(1) == labels
                shares.append(float(right.float().mean()))
        return shares

    def _half(self, way: str) -> str:
        below = np.flatnonzero(self.accuracy[way].mean(0) < 0.5)
        return f"at step {self.grid[below[0]] + 1}" if len(below) else "never"


def step_back(
    schedule: NoiseSchedule,
    t: int,
    z0: float,
    earlier: Float[Tensor, " N"],
    later: Float[Tensor, " N"],
) -> Drawn:
    """Does eq. 8 say where z_{t-1} lies, given z_t and z_0?

    Args:
        schedule: of T steps.
        t, z0: the step, and the clean value of all pairs.
        earlier, later: pairs of z_{t-1} and z_t.

    Returns:
        The figure; `inside` is the share of the pairs within two standard deviations of eq. 8.
    """
    clean, steps = torch.full((len(later), 1), z0).double(), torch.full((len(later),), t)
    mean = schedule.posterior_mean(clean, later[:, None], steps)[:, 0]
    sd = float(schedule.posterior_variance(steps[:1]).sqrt())
    inside = float(((earlier - mean).abs() < 2 * sd).double().mean())
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6))
    order = later.argsort()
    left.plot(later, earlier, ".", markersize=2, alpha=0.4, label="pairs")
    left.plot(later[order], mean[order], "k", label="eq. 8, mean and 2 standard deviations")
    for sign in (-2, 2):
        left.plot(later[order], mean[order] + sign * sd, "k:")
    left.set(xlabel=f"$z_t$, step {t + 1}", ylabel=f"$z_{{t-1}}$, step {t}")
    left.legend(fontsize=8, loc="upper left")
    of_z0, of_zt = _mean_weights(right, schedule)
    text = (
        f"Left: {inside:.1%} of the pairs lie within two standard deviations of eq. 8 (95.4 % "
        "expected). Right: the mean leans on $z_0$ in the first steps (weight "
        f"{of_z0[4]:.2f} at step 5) and on $z_t$ later ({of_zt[99]:.2f} at step 100)."
    )
    return Drawn("posterior", fig, text, inside=inside)


def _mean_weights(
    ax: Axes, schedule: NoiseSchedule
) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
    # draws what the mean of eq. 8 makes of z_0 and z_t, and its width; returns the first two
    t = torch.arange(len(schedule))
    one, none = torch.ones(len(t), 1), torch.zeros(len(t), 1)
    of_z0 = schedule.posterior_mean(one, none, t)[:, 0]
    of_zt = schedule.posterior_mean(none, one, t)[:, 0]
    ax.plot(_steps(schedule), of_z0, label="weight of $z_0$")
    ax.plot(_steps(schedule), of_zt, label="weight of $z_t$")
    ax.plot(_steps(schedule), schedule.posterior_variance(t).sqrt(), label=r"$\sigma_q(t)$")
    ax.set(xscale="log", xlabel="step (log scale)", ylabel="weight, or standard deviation")
    ax.legend(fontsize=8)
    return of_z0, of_zt


def _steps(schedule: NoiseSchedule) -> Float[np.ndarray, " T"]:
    return np.arange(1.0, len(schedule) + 1)


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
