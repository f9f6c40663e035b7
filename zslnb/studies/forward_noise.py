"""What forward diffusion does to class semantics, and what walks back from its end lack."""

from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.revcd import NoiseSchedule, ancestral_sample, ddim_sample, prototype_scores
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.known_densities import gaussian_denoiser
from zslnb.studies.study import Drawn, Tabled
from zslnb.text import markdown

COPIES = 50  # draws of noise a class, for the variance
COLUMNS_SHOWN = 64
DISSOLVING_STEPS = (24, 49, 99, 149, 199, 299, 399)  # and the last
STARTS = 10_000  # of walks, and as many mirrored ones
Columns = Bool[Tensor, " S"]


def fixed_columns(
    benchmark: Benchmark, z: Float[Tensor, "C S"], varies: Columns, flat: Columns
) -> str:
    """Say which columns are flat, without variance, and what standardising leaves as it was."""
    b = benchmark
    crumbs = int((~varies & ~flat).sum())
    differ = int((z[b.unseen][:, flat].abs() > 1e-6).any(0).sum())
    distinct = [len(z[b.seen, j].unique()) for j in varies.nonzero()[:, 0]]
    blown = (
        f"{crumbs} more vary by next to nothing (a ten-thousandth of their size) and are blown up "
        "to 1. "
    )
    seen, unseen = (float(z[ids][:, varies].abs().max()) for ids in (b.seen, b.unseen))
    return (
        f"On {b.name} {int(flat.sum())} of {len(flat)} columns are without variance; unseen "
        f"classes differ in {differ} of these. {blown if crumbs else ''}The largest value of a "
        f"seen class is {seen:.1f} standard deviations, of an unseen one {unseen:.1f}. And a "
        "column of the seen classes still takes as many different values as before, "
        f"{int(np.median(distinct))} in the middle case: an affine map gives it the mean and the "
        'variance of a Gaussian, never the shape, although the paper says "resemble".'
    )


def noised_variance(
    benchmark: Benchmark,
    schedule: NoiseSchedule,
    z: Float[Tensor, "C S"],
    varies: Columns,
    flat: Columns,
) -> Tabled:
    """Does the variance of columns stay 1 while they are noised?

    `z` are standardised semantics; `off`, of what is returned, says how far from 1 their variance
    goes.
    """
    t = [0, 99, 249, len(schedule) - 1]
    known, seen = benchmark.semantics[benchmark.seen].double(), z[benchmark.seen]
    rows = {
        "raw, columns that vary": (known - known.mean(0))[:, varies].float(),
        "standardised, columns that vary": seen[:, varies],
        "columns that do not vary": seen[:, flat],
    }
    variances = {}
    for kind, columns in rows.items():
        many = columns.repeat(COPIES, 1)
        with seeded(0, "lesson/variance"):
            noise = torch.randn_like(many)
        noised = (schedule.q_sample(many, torch.full((len(many),), step), noise) for step in t)
        variances[kind] = [float(zt.var(0).mean()) for zt in noised]
    frame = pd.DataFrame(variances, index=[f"step {step + 1}" for step in t]).T.round(3)
    off = float((frame.loc["standardised, columns that vary"] - 1).abs().max())
    text = (
        f"Variance over the seen classes and {COPIES} draws of noise each. Standardised columns "
        f"stay within {off:.3f} of 1, by chance; the others grow towards it."
    )
    return Tabled("variance", frame.rename_axis("mean variance of a column"), text, off=off)


def dissolving_class(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"]
) -> Drawn:
    """What is left of the first unseen class after some steps, and which prototype is nearest?

    `z` are standardised semantics. Of what is returned, `rows` (9, S) are the class's own, clean
    and noised, and `nearest` the ids of the nearest prototypes.
    """
    unseen, width, names = int(benchmark.unseen[0]), z.shape[1], plots.spoken_names(benchmark)
    t = torch.tensor([*DISSOLVING_STEPS, len(schedule) - 1])
    clean = z[[unseen]]
    with seeded(0, "lesson/dissolve"):
        noise = torch.randn_like(clean).expand(len(t), -1)
    rows = torch.cat([clean, schedule.q_sample(clean.expand(len(t), -1), t, noise)])
    nearest = prototype_scores(rows, z).argmax(1).tolist()
    shares = schedule.alphas_cumprod[t].sqrt().tolist()
    labels = [f"step {step + 1}: {share:.0%} left" for step, share in zip(t, shares, strict=True)]
    fig = _semantics_rows(benchmark, rows, ["clean", *labels])
    beside = {"x": min(COLUMNS_SHOWN, width) - 0.2, "fontsize": 8}
    fig.axes[0].text(y=-0.8, s="nearest prototype:", **beside)
    for i, c in enumerate(nearest):
        colour, words = ("C2", "✓ its own") if c == unseen else ("C3", f"✗ {plots.label(names[c])}")
        fig.axes[0].text(y=i, s=words, color=colour, va="center", **beside)
    part = "" if width <= COLUMNS_SHOWN else f", {COLUMNS_SHOWN} of its {width} columns"
    text = (
        f"The class *{markdown(names[unseen])}* dissolving{part}. Its own prototype is still the "
        f"nearest in {nearest[1:].count(unseen)} of {len(t)} noised rows."
    )
    return Drawn("dissolving", fig, text, rows=rows, nearest=nearest)


def _semantics_rows(benchmark: Benchmark, rows: Float[Tensor, "n S"], labels: list[str]) -> Figure:
    width, names = rows.shape[1], []
    if benchmark.provenance.get("semantics") == "attributes":
        names = aviary.attribute_names()
        names = names if len(names) == width else []
    kept = torch.linspace(0, width - 1, min(COLUMNS_SHOWN, width)).long()
    names = [names[i] for i in kept] if names else names
    fig, ax = plt.subplots(figsize=(10, 4.4 if names else 3.4))
    image = ax.imshow(rows[:, kept].numpy(), cmap="vlag", vmin=-3, vmax=3, aspect="auto")
    ax.set_yticks(range(len(rows)), labels, fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    ax.set_xlabel("attribute" if names else "column of the semantics")
    ax.grid(False)
    fig.colorbar(image, ax=ax, label="standard deviations", location="left", shrink=0.8)
    return fig


def telling_apart(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"], seeds: Iterable[int]
) -> Drawn:
    """How long can a class be told, by semantics and by schedule?

    `z` are standardised semantics. Of what is returned, `accuracy` has for each way (R, 26) shares
    told, a line for each seed, `at_end` its mean at the last step; `chance` is what guessing tells.
    """
    grid, chance = torch.linspace(0, len(schedule) - 1, 26).long(), 1 / benchmark.n_classes
    cosine = NoiseSchedule.cosine(len(schedule))
    ways = {
        "standardised, linear": (schedule, z),
        "standardised, cosine": (cosine, z),
        "raw, linear": (schedule, benchmark.semantics),
    }
    accuracy = {
        way: np.array([_recognised(*inputs, grid, seed) for seed in seeds])
        for way, inputs in ways.items()
    }
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
    for way, shares in accuracy.items():
        plots.band(left, (grid + 1).numpy(), 100 * shares, way)
    left.axhline(100 * chance, color="k", linestyle=":", label="guessing")
    left.set(xlabel="step", ylabel="nearest is the own class (%)")
    for (label, used), style in zip(_schedules(schedule).items(), ("-", "-", ":"), strict=True):
        amplitude, done = used.alphas_cumprod.sqrt(), torch.linspace(0, 100, len(used))
        right.plot(done, 100 * amplitude, style, label=label)
    right.set(xlabel="share of the steps done (%)")
    right.set(ylabel=r"signal left, $\sqrt{\bar\alpha_t}$ (%)")
    for ax in (left, right):
        ax.legend(fontsize=8)
    half = {way: _half_lost(grid + 1, shares.mean(0)) for way, shares in accuracy.items()}
    at_end = {way: float(shares[:, -1].mean()) for way, shares in accuracy.items()}
    text = (
        f"Half of the noised prototypes are lost: standardised {half['standardised, linear']}, raw "
        f"{half['raw, linear']}, with the cosine schedule {half['standardised, cosine']}. At the "
        f"last step {at_end['standardised, linear']:.1%} are still told (linear) and "
        f"{at_end['standardised, cosine']:.1%} (cosine), where guessing tells {chance:.1%}. Mean "
        f"and range over seeds ({len(accuracy['raw, linear'])})."
    )
    return Drawn("told", fig, text, accuracy=accuracy, at_end=at_end, chance=chance)


def _half_lost(steps: Int64[Tensor, " n"], shares: Float[np.ndarray, " n"]) -> str:
    """Say where a share falls below a half, between two steps of a coarse grid by a line."""
    (below,) = np.nonzero(shares < 0.5)
    if not len(below):
        return "never"
    i = max(int(below[0]), 1)
    step = np.interp(-0.5, -shares[i - 1 : i + 1], steps[i - 1 : i + 1].numpy())
    return f"at step {step:.0f}"


def _recognised(schedule: NoiseSchedule, prototypes: Tensor, grid: Tensor, seed: int) -> list:
    labels = torch.arange(len(prototypes)).repeat(max(1, 1200 // len(prototypes)))
    shares = []
    with seeded(seed, "lesson/told"):
        for t in grid:
            noise = torch.randn(len(labels), prototypes.shape[1])
            zt = schedule.q_sample(prototypes[labels], t.expand(len(labels)), noise)
            right = prototype_scores(zt, prototypes).argmax(1) == labels
            shares.append(float(right.float().mean()))
    return shares


def _schedules(schedule: NoiseSchedule) -> dict[str, NoiseSchedule]:
    return {
        f"linear, {len(schedule)} steps": schedule,
        f"cosine, {len(schedule)} steps": NoiseSchedule.cosine(len(schedule)),
        "linear, 1000 steps": NoiseSchedule(1000),
    }


def schedule_ends(schedule: NoiseSchedule) -> Tabled:
    """What do a linear schedule, a longer and a cosine one leave at their last step?"""
    lines = {
        label: {
            "signal left, % of its amplitude": 100 * float(used.alphas_cumprod[-1].sqrt()),
            "signal-to-noise ratio": float(used.signal_to_noise(torch.tensor([len(used) - 1]))),
        }
        for label, used in _schedules(schedule).items()
    }
    frame = pd.DataFrame(lines).T.iloc[[0, 2, 1]].rename_axis("at the last step")
    text = "What the schedules leave of a class. A thousand steps are usual for images."
    return Tabled("ends", frame, text)


def lost_signal(linear: NoiseSchedule, mean: float, sd: Float[Tensor, " K"]) -> Drawn:
    """How far from the mean do exact walks end that start from pure noise?

    Of what is returned, `lack` is by way to walk (K,) the mean reached less `mean`, `predicted`
    (K,) DDIM's by formula; `cost` says by how much each way misses the mean at most.
    """
    n, cosine, unit = len(linear), NoiseSchedule.cosine(len(linear)), sd.tolist().index(1.0)
    with seeded(0, "lesson/start"):
        start = torch.randn(STARTS, len(sd))
    start = torch.cat([start, -start])  # mirrored, so that its mean is exactly 0
    paths: dict[str, dict[int, float]] = {"DDIM": {}, "ancestral": {}}

    def note(sampler: str) -> Callable[[int, Tensor, Tensor], None]:
        left = linear.alphas_cumprod.sqrt() * mean
        return lambda t, zt, _: paths[sampler].update({t: float((zt.mean(0) - left[t])[unit])})

    best, best_cosine = (gaussian_denoiser(used, mean, sd) for used in (linear, cosine))
    with seeded(0, "lesson/ancestral"):
        ends = {
            f"DDIM, linear, {n} steps": ddim_sample(best, linear, start, n, note("DDIM")),
            "DDIM, linear, 50 steps": ddim_sample(best, linear, start, 50),
            "ancestral, linear": ancestral_sample(best, linear, start, note("ancestral")),
            f"DDIM, cosine, {n} steps": ddim_sample(best_cosine, cosine, start, n),
        }
    lack = {way: (z.mean(0) - mean).numpy() for way, z in ends.items()}
    rest, error = linear.alphas_cumprod[-1], len(start) ** -0.5  # of a mean where s = 1
    predicted = (-sd * rest.sqrt() * mean / (rest * sd**2 + 1 - rest).sqrt()).numpy()
    fig = _draw_lack(paths, sd, lack, predicted)
    ddim, _, ancestral, at_cosine = (float(missed[unit]) for missed in lack.values())
    text = (
        f"Starts from noise without the rest of the signal, {mean:g} the mean to be reached. Left, "
        "for $s$ = 1: DDIM carries the lack to the end, ancestral sampling forgets it. Right: what "
        f"is lacking at the end, for $s$ = 1 {ddim:+z.3f} (DDIM), {ancestral:+z.3f} (ancestral) "
        f"and {at_cosine:+z.3f} (DDIM, cosine schedule). Chance moves the ancestral mean by "
        f"{error:.3f} there."
    )
    ddim, _, ancestral, at_cosine = (np.abs(missed).max() for missed in lack.values())
    cost = (
        f"DDIM misses the mean by up to {ddim:.3f} here, ancestral sampling by {ancestral:.3f}, "
        f"DDIM with the cosine schedule by {at_cosine:.3f}. Chance alone moves an ancestral mean "
        f"by up to {error * float(sd.max()):.3f}."
    )
    return Drawn("rest", fig, text, lack=lack, predicted=predicted, cost=cost)


def _draw_lack(paths: dict, sd: Tensor, lack: dict, predicted: np.ndarray) -> Figure:
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
    for (sampler, lacks), style in zip(paths.items(), ("-", "--"), strict=True):
        left.plot(np.array([*lacks]) + 1, [*lacks.values()], style, label=sampler)
    left.set(xlabel="step (the walk goes from right to left)")
    left.set(ylabel="mean of $z_t$ less what it should be")
    left.axhline(0, color="k", linewidth=0.8)
    left.legend()
    right.plot(sd, predicted, "k-", linewidth=0.8, label="formula, DDIM, linear")
    for (way, missed), marker in zip(lack.items(), "osv^", strict=True):
        right.plot(sd, missed, marker, markersize=6, label=way)
    right.set(xlabel="standard deviation $s$ of the data", ylabel="mean reached less $m$")
    right.legend(fontsize=8)
    return fig
