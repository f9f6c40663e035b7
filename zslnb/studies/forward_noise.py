"""What forward diffusion does to class semantics, and what walks back from its end lack."""

from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int64
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets import aviary
from zslnb.revcd import NoiseSchedule, ancestral_sample, ddim_sample, prototype_scores
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.known_densities import gaussian_denoiser
from zslnb.studies.study import Drawn, Tabled
from zslnb.studies.style import SMALLEST
from zslnb.text import markdown

COPIES = 50  # draws of noise a class, for the variance
COLUMNS_SHOWN = 30
DISSOLVING_STEPS = (24, 49, 99, 149, 199, 299, 399)  # and the last
STARTS = 10_000  # of walks, and as many mirrored ones
Columns = Bool[Tensor, " S"]


def noised_walk(
    schedule: NoiseSchedule, clean: Float[Tensor, " n"], path: Float[Tensor, "T n"]
) -> Drawn:
    """Where do attributes go, noised step by step, and where are they expected?

    `clean` are their values at the start, `path` those after each step.
    """
    step, amplitude = np.arange(1, len(path) + 1), schedule.alphas_cumprod.sqrt().numpy()
    spread = np.sqrt(1 - amplitude**2)
    fig, ax = plt.subplots(figsize=(8, 3.4))
    for i, start in enumerate(clean.tolist()):
        expected, colour = amplitude * start, f"C{i}"
        ax.plot(step, path[:, i], colour, lw=0.9, label=f"attribute {i + 1}, $z_0$ = {start:g}")
        ax.plot(step, expected, "--", color=colour)
        ends = expected - 2 * spread, expected + 2 * spread
        ax.fill_between(step, *ends, color=colour, alpha=0.1)
    ax.plot([], [], "--", color="0.4", label="mean")
    ax.fill_between([], [], color="0.4", alpha=0.2, label="2 standard deviations")
    ax.set(xlabel="step", ylabel="value (standard deviations)", xlim=(0, len(path)))
    ax.legend(loc="upper right", ncols=2)
    text = (
        "Attributes on their walk, each with its mean $\\sqrt{\\bar\\alpha_t} z_0$ (dashed) and "
        f"two standard deviations about it. After {len(path)} steps {amplitude[-1]:.1%} of each is "
        f"left, under noise of standard deviation {spread[-1]:.3f}."
    )
    alt = (
        "Values of two attributes by step: jagged paths that start apart and end in the same "
        "range. A dashed mean for each decays towards zero; a band about it starts with no "
        "width and widens until the two bands overlap almost entirely."
    )
    return Drawn("walk", fig, text, alt=alt)


def noise_overtakes(
    benchmark: str, ratio: Float[Tensor, "n T"], standardised: Float[Tensor, " T"]
) -> Drawn:
    """At which step is a column's noise more than its signal, raw and standardised?

    `ratio` are signal-to-noise ratios of raw columns at each step; `standardised` is the one of
    every column of variance 1.
    """
    steps = len(standardised)
    overtaken, at_once = (ratio > 1).sum(1).numpy() + 1, int((standardised > 1).sum()) + 1
    low, middle, high = np.quantile(overtaken, [0.05, 0.5, 0.95]).astype(int)
    least, median, most = np.quantile(ratio.numpy(), [0.05, 0.5, 0.95], axis=0)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    step = np.arange(1, steps + 1)
    left.plot(step, median, label="raw: middle column, nine in ten")
    left.fill_between(step, least, most, alpha=0.25, linewidth=0)
    left.plot(step, standardised, label="standardised: every column")
    left.axhline(1, color="k", linestyle=":", label="signal = noise")
    left.set(yscale="log", xlabel="step", ylabel="signal-to-noise ratio")
    right.hist(overtaken, bins=np.linspace(0, steps, 51), label="raw")
    right.axvline(at_once, color="C1", label="standardised")
    right.set(xlabel="step at which noise overtakes the signal", ylabel="columns")
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in (left, right):
        ax.legend()
    text = (
        f"{benchmark}, {len(ratio)} columns that vary over the seen classes. Raw, noise overtakes "
        f"the middle column at step {middle} (from {low} to {high} for nine in ten); standardised, "
        f"all of them at step {at_once}."
    )
    alt = (
        "Left, the signal-to-noise ratio by step falls over many powers of ten; the line of "
        "standardised columns lies above the band of raw ones and crosses the dotted line, "
        "signal equal to noise, later. Right, a histogram of the steps at which raw columns "
        "cross it, all before the vertical line of standardised ones."
    )
    return Drawn("standardising", fig, text, alt=alt)


def noised_variance(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"], varies: Columns
) -> Tabled:
    """Does the variance of columns stay 1 while they are noised?

    `z` are standardised semantics; `off`, of what is returned, says how far from 1 the variance of
    those goes that vary.
    """
    t = [0, 99, 249, len(schedule) - 1]
    known, seen = benchmark.semantics[benchmark.seen].double(), z[benchmark.seen]
    rows = {
        "raw, vary": (known - known.mean(0))[:, varies].float(),
        "standardised, vary": seen[:, varies],
        "do not vary": seen[:, ~varies],
    }
    lines = {}
    for kind, columns in rows.items():
        if not columns.shape[1]:
            continue
        many = columns.repeat(COPIES, 1)
        with seeded(0, "lesson/variance"):
            noise = torch.randn_like(many)
        lines[kind] = {"how many": columns.shape[1]}
        for step in t:
            zt = schedule.q_sample(many, torch.full((len(many),), step), noise)
            lines[kind][f"step {step + 1}"] = round(float(zt.var(0).mean()), 3)
    frame = pd.DataFrame(lines.values(), index=[*lines]).rename_axis("columns")
    off = float((frame.loc["standardised, vary"].iloc[1:] - 1).abs().max())
    text = (
        f"Mean variance of a column over the seen classes and {COPIES} draws of noise each. "
        f"Standardised columns stay within {off:.3f} of 1, by chance; the others grow towards it."
    )
    return Tabled("variance", frame, text, off=off)


def dissolving_class(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"]
) -> Drawn:
    """What is left of the first unseen class after some steps, and which prototype is nearest?

    `z` are standardised semantics. Of what is returned, `nearest` are the ids of the prototypes
    that are nearest to the class's own, clean and noised.
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
    beside = {"x": min(COLUMNS_SHOWN, width) - 0.2, "fontsize": SMALLEST}
    fig.axes[0].text(y=-0.8, s="nearest prototype:", **beside)
    for i, c in enumerate(nearest):
        colour, words = ("C2", "✓ its own") if c == unseen else ("C3", f"✗ {plots.label(names[c])}")
        fig.axes[0].text(y=i, s=words, color=colour, va="center", **beside)
    part = "" if width <= COLUMNS_SHOWN else f", {COLUMNS_SHOWN} of its {width} columns"
    text = (
        f"The class *{markdown(names[unseen])}* dissolving{part}. Its own prototype is still the "
        f"nearest in {nearest[1:].count(unseen)} of {len(t)} noised rows."
    )
    alt = (
        "A heat map, a row for each number of steps and a column for each attribute shown: "
        "the pattern of red and blue in the clean row above fades downwards into another one, "
        "of noise. A text beside each row says whether the nearest prototype is still the "
        "class's own, which it is in the upper rows."
    )
    return Drawn("dissolving", fig, text, alt=alt, nearest=nearest)


def _semantics_rows(benchmark: Benchmark, rows: Float[Tensor, "n S"], labels: list[str]) -> Figure:
    width, names = rows.shape[1], []
    if benchmark.provenance.get("semantics") == "attributes":
        names = aviary.attribute_names()
        names = names if len(names) == width else []
    kept = torch.linspace(0, width - 1, min(COLUMNS_SHOWN, width)).long()
    names = [names[i] for i in kept] if names else names
    fig, ax = plt.subplots(figsize=(8, 4.4 if names else 3.2))
    image = ax.imshow(rows[:, kept].numpy(), cmap="vlag", vmin=-3, vmax=3, aspect="auto")
    ax.set_yticks(range(len(rows)), labels)
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.set_xlabel("attribute" if names else "column of the semantics")
    ax.grid(False)
    fig.colorbar(image, ax=ax, label="standard deviations", location="left", shrink=0.8)
    return fig


def share_identified(
    benchmark: Benchmark, schedule: NoiseSchedule, z: Float[Tensor, "C S"], seeds: Iterable[int]
) -> Drawn:
    """How long can a class be identified, by semantics and by schedule?

    `z` are standardised semantics. Of what is returned, `accuracy` has for each way (R, 26) shares
    that are nearest to their own prototype, a line for each seed, `at_end` its mean at the last
    step; `chance` is what guessing gives.
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
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
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
        ax.legend()
    half = {way: _half_lost(grid + 1, shares.mean(0)) for way, shares in accuracy.items()}
    at_end = {way: float(shares[:, -1].mean()) for way, shares in accuracy.items()}
    text = (
        "Half of the noised prototypes are no longer nearest to their own: standardised "
        f"{half['standardised, linear']}, raw {half['raw, linear']}, with the cosine schedule "
        f"{half['standardised, cosine']}. At the last step {at_end['standardised, linear']:.1%} "
        f"still are (linear) and {at_end['standardised, cosine']:.1%} (cosine); guessing gives "
        f"{chance:.1%}. Mean and range over seeds ({len(accuracy['raw, linear'])})."
    )
    alt = (
        "Left, the share of noised prototypes that are nearest to their own, by step: three "
        "curves that stay at the top and then fall to the dotted line of guessing, raw "
        "semantics first, standardised later, with the cosine schedule last. Right, the "
        "signal left by share of the steps done, falling for three schedules, fastest for the "
        "longest linear one."
    )
    facts = {"accuracy": accuracy, "at_end": at_end, "chance": chance}
    return Drawn("identified", fig, text, alt=alt, **facts)


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
    text = "What schedules leave of a class. A thousand steps are usual for images."
    return Tabled("ends", frame, text)


def lost_signal(linear: NoiseSchedule, mean: float, sd: Float[Tensor, " K"]) -> Drawn:
    """How far from the mean do exact walks end that start from pure noise?

    Of what is returned, `lack` is by way to walk (K,) the mean reached less `mean`, `predicted`
    (K,) DDIM's by formula.
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
        f"Walks that start from pure noise; the mean to be reached is {mean:g}. Left, for $s$ = 1: "
        "what the start lacks is lacking at the end with DDIM, and forgotten by ancestral "
        f"sampling, but for $\\bar\\alpha_T m$ = {float(rest) * mean:.3f}. "
        f"Right: mean reached less $m$; for $s$ = 1 {ddim:+z.3f} (DDIM), "
        f"{ancestral:+z.3f} (ancestral) and {at_cosine:+z.3f} (DDIM, cosine schedule). Chance "
        f"moves the ancestral mean by {error:.3f} there."
    )
    alt = (
        "Left, the mean of a walk less what it should be, by step, read from right to left: "
        "DDIM stays level below zero, ancestral sampling climbs to near zero. Right, the mean "
        "reached less the true one, by the spread of the data: DDIM on the linear schedule "
        "falls along the line of the formula; ancestral sampling and the cosine schedule stay "
        "near zero."
    )
    return Drawn("rest", fig, text, alt=alt, lack=lack, predicted=predicted)


def _draw_lack(paths: dict, sd: Tensor, lack: dict, predicted: np.ndarray) -> Figure:
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
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
    right.legend()
    return fig


def step_back(
    schedule: NoiseSchedule,
    t: int,
    earlier: Float[Tensor, " N"],
    later: Float[Tensor, " N"],
    mean: Float[Tensor, " N"],
) -> Drawn:
    """Where is z_{t-1}, given z_t and z_0, and which of the two does its mean follow?

    `earlier` and `later` are pairs of neighbours on walks from one z_0, `mean` is eq. 8 of each.
    """
    every = torch.arange(len(schedule))
    one, none = torch.ones(len(every), 1), torch.zeros(len(every), 1)
    of_z0, of_zt = (schedule.posterior_mean(*of, every)[:, 0] for of in ((one, none), (none, one)))
    sigma, order = schedule.posterior_variance(every).sqrt(), later.argsort()
    inside = float(((earlier - mean).abs() < 2 * sigma[t]).double().mean())
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    left.plot(later, earlier, ".", markersize=2, alpha=0.4, label="pairs")
    left.plot(later[order], mean[order], "k", label="eq. 8, mean ± 2 sd")
    for sign in (-2, 2):
        left.plot(later[order], mean[order] + sign * sigma[t], "k:")
    left.set(xlabel=f"$z_t$, step {t + 1}", ylabel=f"$z_{{t-1}}$, step {t}")
    left.legend(loc="upper left", markerscale=4)
    for values, label in ((of_z0, "weight of $z_0$"), (of_zt, "weight of $z_t$")):
        right.plot(every + 1, values, label=label)
    right.plot(every + 1, sigma, label=r"$\sigma_q(t)$")
    right.set(xscale="log", xlabel="step (log scale)", ylabel="weight, or standard deviation")
    right.legend()
    text = (
        f"Left: {inside:.1%} of the pairs lie within two standard deviations of eq. 8 (95.4% "
        f"expected). Right: the mean follows $z_0$ in the first two steps (weight {of_z0[1]:.2f} "
        f"at step 2, {of_z0[4]:.2f} at step 5), then $z_t$ ({of_zt[99]:.2f} at step 100)."
    )
    alt = (
        "Left, a cloud of dots, the value one step earlier against the value now, along a "
        "straight line between two dotted ones that hold nearly all dots. Right, by step on a "
        "log scale, the weight of the clean value falls from one to zero while that of the "
        "noised value rises to one; the standard deviation rises slowly."
    )
    return Drawn("posterior", fig, text, alt=alt, inside=inside)
