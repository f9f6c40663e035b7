# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   zslnb:
#     needs: images
#     seconds: 20
# ---

# %% [markdown]
# # Forward diffusion
#
# *RevCD (arXiv 2409.00511, second version), sections 3.1 and 3.3.4, equations 1, 2 and 8, Figure 1.*
#
# RevCD turns zero-shot learning round: instead of imagining images of a class it estimates the
# *semantics* of an image, by diffusion. This page is about the half of diffusion that needs no
# training: how class semantics are spoilt, step by step, and what a step back would look like if we
# knew where we came from. After this page you can
#
# - noise a class's semantics in $T$ small steps or in one, and show that it is the same,
# - say why semantics are standardised first, and what a column without variance does,
# - read a noise schedule: how long a class can be told, and what is left at the end,
# - derive the step back (eq. 8) from Bayes' rule.
#
# The paper's public text has lost its equations: their numbers are there, the formulas are not. We
# have rebuilt them from the sentences around them and from the derivation that the paper cites (Luo,
# *Understanding diffusion models*, 2022). So an equation number here says where ours belongs, not
# what the paper prints.
#
# A quarter of a minute on one core; 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import math
import textwrap
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown

from zslnb import revcd
from zslnb.datasets import aviary
from zslnb.notebook import desk
from zslnb.seeds import seeded
from zslnb.studies import plots

here = desk.begin(
    "20_forward_diffusion", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench = here.benchmark

# %% [markdown]
# ## The direction, reversed
#
# Most generative methods learn to make image features from class semantics, make some for the unseen
# classes, and train a classifier on them. RevCD goes the other way: from the feature of *one* image
# to an estimate of the semantics of its class, which the nearest class prototype then names.

# %%
usual = {
    "semantics $z$\nof a class": (1.0, 2.9),
    "generator": (3.0, 2.9),
    "many features\n$\\hat x$": (4.9, 2.9),
    "classifier\nof features": (6.9, 2.9),
    "class of\na test image": (8.9, 2.9),
    "noise": (3.0, 3.9),
}
turned = {
    "feature $x$\nof an image": (1.0, 1.6),
    "denoiser,\n$T$ steps": (3.0, 1.6),
    "one estimate\n$\\hat z_0$": (4.9, 1.6),
    "nearest\nprototype": (6.9, 1.6),
    "class of\nthe image": (8.9, 1.6),
    "noise $z_T$": (3.0, 0.4),
    "semantics of all classes": (6.9, 0.4),
}

# %%
arrows = []
for boxes in (usual, turned):
    names = [*boxes]
    arrows += [*pairwise(names[:5]), (names[5], names[1])]
arrows.append((names[6], names[3]))
fig = plots.schematic({**usual, **turned}, arrows, (9.8, 4.3), ("generator", names[1]))
caption = (
    "Above: semantics to features, as GenZSL and most generative methods go. Below: RevCD, features to "
    "semantics. Trained parts are filled. (The paper's Figure 1, redrawn from its text.)"
)
here.figure(fig, "direction", caption)

# %% [markdown]
# ## A little noise, many times
#
# Let $z_0$ be the semantics of a class. In each of $T$ steps they shrink a little, and a little noise
# is added:
#
# $$q(z_t \mid z_{t-1}) = \mathcal N\big(\sqrt{\alpha_t}\, z_{t-1},\ (1 - \alpha_t) I\big),
# \qquad \alpha_t = 1 - \beta_t .$$
#
# The $\beta_t$ are fixed beforehand. The paper gives neither them nor $T$; we take $T = 500$ and let
# $\beta_t$ rise in a line from 0.0001 to 0.02. In code $t$ counts from 0: `t = 0` is the paper's step 1.

# %%
T = 500
alpha = 1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64)
abar = alpha.cumprod(0)  # the paper writes alpha with a bar
before = torch.cat([torch.ones(1), abar[:-1]])  # abar of the step before: nothing is lost at first

# %%
schedule = revcd.schedule_of(revcd.profile_settings(profile))
torch.testing.assert_close(schedule.alphas, alpha.float())
torch.testing.assert_close(schedule.alphas_cumprod, abar.float())

# %% [markdown]
# What $T$ steps do, one does as well. Suppose it holds before step $t$ that $z_{t-1} =
# \sqrt{\bar\alpha_{t-1}}\, z_0 + \sqrt{1 - \bar\alpha_{t-1}}\, \varepsilon'$ with $\varepsilon' \sim
# \mathcal N(0, I)$. Then
#
# $$z_t = \sqrt{\alpha_t}\, z_{t-1} + \sqrt{1 - \alpha_t}\, \varepsilon_t
# = \sqrt{\bar\alpha_t}\, z_0
# + \underbrace{\sqrt{\alpha_t (1 - \bar\alpha_{t-1})}\, \varepsilon' + \sqrt{1 - \alpha_t}\,
# \varepsilon_t}_{\text{one Gaussian of variance } \alpha_t - \bar\alpha_t + 1 - \alpha_t
# \,=\, 1 - \bar\alpha_t} .$$
#
# So with $\bar\alpha_t = \alpha_1 \cdots \alpha_t$ (eq. 1)
#
# $$q(z_t \mid z_0) = \mathcal N\big(\sqrt{\bar\alpha_t}\, z_0,\ (1 - \bar\alpha_t) I\big) .$$
#
# Not only the distributions agree. Gather the noises of all steps into one $\varepsilon$ as above, and
# a single step with it lands on the very same point:

# %%
z0 = torch.tensor([[1.5, -1.0]], dtype=torch.float64)
with seeded(0, "lesson/walk"):
    eps = torch.randn(T, 2, dtype=torch.float64)


# %%
zt, gathered, walk = z0, torch.zeros_like(z0), []
for t in range(T):
    zt = alpha[t].sqrt() * zt + (1 - alpha[t]).sqrt() * eps[t]
    both = (alpha[t] * (1 - before[t])).sqrt() * gathered + (1 - alpha[t]).sqrt() * eps[t]
    gathered = both / (1 - abar[t]).sqrt()
    walk.append(zt)
    at_once = schedule.q_sample(z0, torch.tensor([t]), gathered)
    torch.testing.assert_close(at_once, zt, rtol=1e-6, atol=1e-6)

# %%
path = torch.cat(walk).numpy()
step, left = np.arange(1, T + 1), abar.sqrt().numpy()
caption = (
    "Two attributes on their walk, each with its mean $\\sqrt{\\bar\\alpha_t} z_0$ (dashed) and two "
    f"standard deviations about it. After {T} steps {left[-1]:.1%} of each is left, under noise of "
    f"standard deviation {math.sqrt(1 - left[-1] ** 2):.3f}."
)

# %%
fig, ax = plt.subplots(figsize=(8, 3.4))
for i, start in enumerate(z0[0].tolist()):
    spread = 2 * np.sqrt(1 - left**2)
    ax.plot(step, path[:, i], linewidth=0.9, label=f"attribute {i + 1}, $z_0$ = {start:g}")
    ax.plot(step, left * start, "--", color=f"C{i}")
    ax.fill_between(step, left * start - spread, left * start + spread, color=f"C{i}", alpha=0.1)
ax.set(xlabel="step", ylabel="value (standard deviations)", xlim=(0, T))
ax.legend(loc="upper right", fontsize=8)
here.figure(fig, "walk", caption)

# %% [markdown]
# ## Standardise first
#
# Section 3.3.4 maps the semantics to zero mean and unit variance before anything else. We fit the
# map on the *seen* classes and apply it to all. By hand:

# %%
raw, known = bench.semantics, bench.semantics[bench.seen].double()
mean, sd = known.mean(0), known.std(0, correction=0)
varies = sd > 1e-4 * known.abs().amax(0)
by_hand = (raw.double() - mean) / sd

# %%
z = revcd.Standardiser.fitted(bench.semantics[bench.seen])(raw)
torch.testing.assert_close(z[:, varies].double(), by_hand[:, varies], rtol=1e-3, atol=5e-3)

# %% [markdown]
# Why? Noise has variance 1 in every column, signal has what the column has. At step $t$ a column of
# variance $s^2$ has a *signal-to-noise ratio* of
#
# $$\frac{\bar\alpha_t\, s^2}{1 - \bar\alpha_t} ,$$
#
# so a narrow column drowns early and a wide one late. The ratio is 1 where $\bar\alpha_t = 1 / (1 +
# s^2)$. After standardising, all columns that vary drown together.


# %%
def ratio(variance: torch.Tensor) -> np.ndarray:
    """Signal-to-noise ratio of columns of these variances: a line for each column, over t."""
    return (variance[:, None] * abar / (1 - abar)).numpy()


def drowns(variance: torch.Tensor) -> np.ndarray:
    """First step (from 1) at which the noise is as large as the signal."""
    return (ratio(variance) > 1).sum(1) + 1


raw_steps, z_steps = drowns(sd[varies] ** 2), int(drowns(torch.ones(1))[0])

# %%
low, middle, high = np.quantile(raw_steps, [0.05, 0.5, 0.95]).astype(int)
caption = (
    f"{bench.name}, {int(varies.sum())} columns that vary over the seen classes. Raw, noise overtakes "
    f"the middle column at step {middle} (from {low} to {high} for nine in ten); standardised, all of "
    f"them at step {z_steps}."
)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.3))
lines = np.quantile(ratio(sd[varies] ** 2), [0.05, 0.5, 0.95], axis=0)
axes[0].plot(step, lines[1], label="raw: middle column, nine in ten")
axes[0].fill_between(step, lines[0], lines[2], alpha=0.25, linewidth=0)
axes[0].plot(step, ratio(torch.ones(1))[0], label="standardised: every column")
axes[0].axhline(1, color="k", linestyle=":", label="signal = noise")
axes[0].set(yscale="log", xlabel="step", ylabel="signal-to-noise ratio")
axes[0].legend(fontsize=8)
axes[1].hist(raw_steps, bins=np.linspace(0, T, 51), label="raw")
axes[1].axvline(z_steps, color="C1", label="standardised")
axes[1].set(xlabel="step at which noise overtakes the signal", ylabel="columns")
axes[1].legend(fontsize=8)
here.figure(fig, "standardising", caption)

# %% [markdown]
# A column **without** variance over the seen classes would be divided by 0, or, where rounding leaves
# a crumb of variance, blown up to pure rounding noise. The package leaves its scale as it is: such a
# column is 0 for every seen class. An unseen class that differs in it keeps its difference.

# %%
column = torch.full((7, 1), 0.3)  # all alike: its mean is 0.3 but for rounding
naive = float(((column - column.mean(0)) / column.std(0, correction=0))[0])
fitted = revcd.Standardiser.fitted(column)
torch.testing.assert_close(fitted(column), torch.zeros(7, 1))
torch.testing.assert_close(fitted(column + 1), torch.ones(7, 1))
Markdown(
    f"Seven classes with 0.3 each: dividing by the standard deviation as computed makes every one of "
    f"them {naive:.3g}; the package makes them 0, and 1.3 becomes 1."
)

# %%
still = ~varies & (z[bench.seen].abs().amax(0) < 0.1)
flat, crumbs = int(still.sum()), int((~varies & ~still).sum())
differ = int((z[bench.unseen][:, still].abs() > 1e-6).any(0).sum())
values = int(np.median([len(z[bench.seen, j].unique()) for j in varies.nonzero()[:, 0]]))
blown = f"{crumbs} more vary by next to nothing (a ten-thousandth of their size) and are blown up to 1. "

# %%
furthest = [float(z[classes][:, varies].abs().max()) for classes in (bench.seen, bench.unseen)]
Markdown(
    f"On {bench.name} {flat} of {len(sd)} columns are without variance; unseen classes differ in {differ} "
    f"of these. {blown if crumbs else ''}The largest value of a seen class is {furthest[0]:.1f} standard "
    f"deviations, of an unseen one {furthest[1]:.1f}. And a column of the seen classes still takes as many "
    f"different values as before, {values} in the middle case: an affine map gives it the mean and the "
    'variance of a Gaussian, never the shape, although the paper says "resemble".'
)

# %% [markdown]
# One more thing depends on it. Where the semantics have variance 1, so has $z_t$ at every step:
# $\bar\alpha_t \cdot 1 + (1 - \bar\alpha_t) = 1$. That is what *variance-preserving* means, and it does
# not hold for raw semantics, nor for a column that is constant.

# %%
shown, copies = [0, 99, 249, T - 1], 50


def variances(rows: torch.Tensor) -> list[float]:
    """Mean variance of the columns of noised seen semantics, at the steps shown."""
    if not rows.shape[1]:
        return [math.nan] * len(shown)
    many = rows.repeat(copies, 1)
    with seeded(0, "lesson/variance"):
        noise = torch.randn_like(many)
    noised = (schedule.q_sample(many, torch.full((len(many),), t), noise) for t in shown)
    return [float(zt.var(0).mean()) for zt in noised]


# %%
found = {
    "raw, columns that vary": variances((known - mean)[:, varies].float()),
    "standardised, columns that vary": variances(z[bench.seen][:, varies]),
    "columns that do not vary": variances(z[bench.seen][:, still]),
}
table = pd.DataFrame(found, index=[f"step {t + 1}" for t in shown]).T.round(3)
off = float((table.loc["standardised, columns that vary"] - 1).abs().max())
here.table(
    table.rename_axis("mean variance of a column"),
    "variance",
    f"Variance over the seen classes and {copies} draws of noise each. Standardised columns stay within "
    f"{off:.3f} of 1, by chance; the others grow towards it.",
)

# %% [markdown]
# ## A class dissolves
#
# Now the semantics of one real class, noised further from row to row (one draw of noise, more of it
# each time). Beside each row: the class whose prototype is nearest by cosine, which is how RevCD
# will decide in the end.

# %%
shown = torch.tensor([24, 49, 99, 149, 199, 299, 399, T - 1])
own = int(bench.unseen[0])
with seeded(0, "lesson/dissolve"):
    noise = torch.randn(1, z.shape[1])
many = (len(shown), -1)
noised = schedule.q_sample(z[[own]].expand(many), shown, noise.expand(many))
rows = torch.cat([z[[own]], noised])
nearest = revcd.prototype_scores(rows, z).argmax(1).tolist()

# %%
name = [n.split(",")[0].replace("_", " ") for n in bench.class_names]
attributes = aviary.attribute_names() if bench.provenance.get("semantics") == "attributes" else []
attributes = attributes if len(attributes) == z.shape[1] else []
columns = torch.linspace(0, z.shape[1] - 1, min(64, z.shape[1])).long()
part = "" if len(columns) == z.shape[1] else f", {len(columns)} of its {z.shape[1]} columns"
right = sum(c == own for c in nearest[1:])

# %%
fig, ax = plt.subplots(figsize=(10, 4.4 if attributes else 3.4))
image = ax.imshow(rows[:, columns], cmap="vlag", vmin=-3, vmax=3, aspect="auto")
lefts = ["clean", *(f"step {t + 1}: {abar[t].sqrt():.0%} left" for t in shown.tolist())]
ax.set_yticks(range(len(rows)), lefts, fontsize=8)
ax.set_xticks(range(len(attributes)), attributes, rotation=90, fontsize=6)
ax.set_xlabel("attribute" if attributes else "column of the semantics")
ax.grid(False)
ax.text(len(columns) - 0.2, -0.8, "nearest prototype:", fontsize=8)
for i, c in enumerate(nearest):
    marks = {"color": "C2" if c == own else "C3", "fontsize": 8, "va": "center"}
    who = "its own" if c == own else textwrap.shorten(name[c], 30, placeholder="…")
    ax.text(len(columns) - 0.2, i, f"{'✓' if c == own else '✗'} {who}", **marks)
fig.colorbar(image, ax=ax, label="standard deviations", location="left", shrink=0.8)
caption = (
    f"The class *{name[own]}* dissolving{part}. Its own prototype is still the nearest in {right} of "
    f"{len(shown)} noised rows."
)
here.figure(fig, "dissolving", caption)

# %% [markdown]
# ## How long can a class be told?
#
# One draw proves little. Noise every class many times, at many steps, and count how often its own
# prototype is the nearest among all classes: once for semantics that were standardised, once for raw
# ones (which are told by the cosine of raw vectors), and for a second schedule, whose
# $\bar\alpha_t$ falls as a squared cosine (Nichol and Dhariwal, 2021).

# %%
cosine = revcd.NoiseSchedule.cosine(T)
grid = torch.linspace(0, T - 1, 26).long()
draws = max(1, 1200 // bench.n_classes)


def told(used: revcd.NoiseSchedule, prototypes: torch.Tensor, seed: int) -> list[float]:
    """Share of noised prototypes whose own class is the nearest, at each step of the grid."""
    own = torch.arange(len(prototypes)).repeat(draws)
    found = []
    with seeded(seed, "lesson/told"):
        for t in grid:
            noise = torch.randn(len(own), prototypes.shape[1])
            zt = used.q_sample(prototypes[own], t.expand(len(own)), noise)
            right = revcd.prototype_scores(zt, prototypes).argmax(1) == own
            found.append(float(right.float().mean()))
    return found


# %%
ways = {
    "standardised, linear": (schedule, z),
    "standardised, cosine": (cosine, z),
    "raw, linear": (schedule, raw),
}
accuracy = {
    way: np.array([told(*given, seed) for seed in here.seeds]) for way, given in ways.items()
}
chance = 1 / bench.n_classes


# %%
def half(way: str) -> str:
    """Name the first step of the grid at which fewer than half of the classes are told."""
    below = np.flatnonzero(accuracy[way].mean(0) < 0.5)
    return f"at step {grid[below[0]] + 1}" if len(below) else "never"


end = {way: float(found[:, -1].mean()) for way, found in accuracy.items()}
caption = (
    f"Half of the noised prototypes are lost: standardised {half('standardised, linear')}, raw "
    f"{half('raw, linear')}, with the cosine schedule {half('standardised, cosine')}. At the last step "
    f"{end['standardised, linear']:.1%} are still told (linear) and {end['standardised, cosine']:.1%} "
    f"(cosine), where guessing tells {chance:.1%}. Mean and range over seeds ({len(here.seeds)})."
)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
for way, found in accuracy.items():
    plots.band(axes[0], (grid + 1).numpy(), 100 * found, way)
axes[0].axhline(100 * chance, color="k", linestyle=":", label="guessing")
axes[0].set(xlabel="step", ylabel="nearest is the own class (%)")
axes[0].legend(fontsize=8)
thousand = revcd.NoiseSchedule(1000)
for used, label, style in [
    (schedule, f"linear, {T} steps", "-"),
    (cosine, f"cosine, {T} steps", "-"),
    (thousand, "linear, 1000 steps", ":"),
]:
    amplitude = used.alphas_cumprod.sqrt()
    axes[1].plot(torch.linspace(0, 100, len(used)), 100 * amplitude, style, label=label)
axes[1].set(xlabel="share of the steps done (%)", ylabel=r"signal left, $\sqrt{\bar\alpha_t}$ (%)")
axes[1].legend(fontsize=8)
here.figure(fig, "told", caption)

# %%
lefts = {
    f"linear, {T} steps": schedule,
    "linear, 1000 steps": thousand,
    f"cosine, {T} steps": cosine,
}
ends = pd.DataFrame(
    {
        label: {
            "signal left, % of its amplitude": 100 * float(used.alphas_cumprod[-1].sqrt()),
            "signal-to-noise ratio": float(used.signal_to_noise(torch.tensor([len(used) - 1]))),
        }
        for label, used in lefts.items()
    }
).T
here.table(
    ends.rename_axis("at the last step"),
    "ends",
    "What the schedules leave of a class. A thousand steps are usual for images.",
)

# %% [markdown]
# The paper calls the final distribution "a standard Gaussian". With these betas it is close to one,
# and the closer look is worth it: a class is a *direction*, and the more columns the semantics
# have, the less of each is needed to tell it.
#
# ## What the rest of the signal costs
#
# The way back starts from $z_T \sim \mathcal N(0, I)$, with nothing in it, while the denoiser knows
# $z_T$ with $\sqrt{\bar\alpha_T}\, z_0$ in them. Does it matter? On data from $\mathcal N(m, s^2)$
# the best denoiser is known. $z_0$ and $z_t$ are jointly Gaussian, so the best guess is linear, with
# the slope covariance over variance:
#
# $$\mathbb E[z_0 \mid z_t] = m + \frac{\sqrt{\bar\alpha_t}\, s^2}{\bar\alpha_t s^2 + 1 - \bar\alpha_t}
# \big(z_t - \sqrt{\bar\alpha_t}\, m\big) .$$

# %%
m, s = 1.0, torch.tensor([0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])


def exact(used: revcd.NoiseSchedule):
    """Make the best denoiser of columns with mean m and standard deviations s."""

    def denoise(zt: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        left = used.alphas_cumprod[t][:, None]
        return m + left.sqrt() * s**2 / (left * s**2 + 1 - left) * (zt - left.sqrt() * m)

    return denoise


# %% [markdown]
# Is it the best? Draw pairs and fit a line. Then walk back in three ways: by ancestral sampling, which
# adds fresh noise in every step, and by DDIM, which adds none, with either schedule. DDIM is
# deterministic, and on Gaussian data it maps a start to an end by a straight line; a start that lacks
# $\sqrt{\bar\alpha_T}\, m$ ends short of $m$ by
#
# $$\frac{s}{\sqrt{\bar\alpha_T s^2 + 1 - \bar\alpha_T}} \sqrt{\bar\alpha_T}\, m
# \;\approx\; \sqrt{\bar\alpha_T}\, m\, s .$$

# %%
with seeded(0, "lesson/pairs"):
    clean, noise = m + s * torch.randn(20_000, len(s)), torch.randn(20_000, len(s))
t = torch.full((20_000,), 150)
pairs = schedule.q_sample(clean, t, noise)

# %%
centred = pairs - pairs.mean(0)
slope = (centred * clean).mean(0) / centred.square().mean(0)
one = exact(schedule)(torch.ones(1, len(s)), t[:1]) - exact(schedule)(torch.zeros(1, len(s)), t[:1])
torch.testing.assert_close(slope[None], one, rtol=0.05, atol=0.01)

# %%
with seeded(0, "lesson/start"):
    start = torch.randn(10_000, len(s))
start = torch.cat([start, -start])  # mirrored, so that its mean is exactly 0
paths = {"DDIM": [], "ancestral": []}


def watch(name: str):
    """Note how far the mean of z_t lies from where it belongs, at every step."""
    return lambda t, zt, _: paths[name].append(
        (t, zt.mean(0) - schedule.alphas_cumprod[t].sqrt() * m)
    )


# %%
best, best_cosine = exact(schedule), exact(cosine)
with seeded(0, "lesson/ancestral"):
    made = {
        f"DDIM, linear, {T} steps": revcd.ddim_sample(best, schedule, start, T, watch("DDIM")),
        "DDIM, linear, 50 steps": revcd.ddim_sample(best, schedule, start, 50),
        "ancestral, linear": revcd.ancestral_sample(best, schedule, start, watch("ancestral")),
        f"DDIM, cosine, {T} steps": revcd.ddim_sample(best_cosine, cosine, start, T),
    }
lack = {way: (values.mean(0) - m).numpy() for way, values in made.items()}

# %%
rest = abar[-1].float()
predicted = (-s * rest.sqrt() * m / (rest * s**2 + 1 - rest).sqrt()).numpy()
np.testing.assert_allclose(lack[f"DDIM, linear, {T} steps"], predicted, atol=0.01)

# %%
at = s.tolist().index(1.0)
error = len(start) ** -0.5  # standard error of a mean where s = 1
caption = (
    f"Starts from noise without the rest of the signal, {m:g} the mean to be reached. Left, for $s$ = 1: "
    "DDIM carries the lack to the end, ancestral sampling forgets it. Right: what is lacking at the "
    f"end, for $s$ = 1 {lack[f'DDIM, linear, {T} steps'][at]:+z.3f} (DDIM), {lack['ancestral, linear'][at]:+z.3f} "
    f"(ancestral) and {lack[f'DDIM, cosine, {T} steps'][at]:+z.3f} (DDIM, cosine schedule). "
    f"Chance moves the ancestral mean by {error:.3f} there."
)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
for walker, style in zip(paths, ("-", "--"), strict=True):
    steps, means = zip(*paths[walker], strict=True)
    axes[0].plot(np.array(steps) + 1, torch.stack(means)[:, at], style, label=walker)
axes[0].set(
    xlabel="step (the walk goes from right to left)", ylabel="mean of $z_t$ less what it should be"
)
axes[0].axhline(0, color="k", linewidth=0.8)
axes[0].legend()
axes[1].plot(s, predicted, "k-", linewidth=0.8, label="formula, DDIM, linear")
for (way, values), marker in zip(lack.items(), "osv^", strict=True):
    axes[1].plot(s, values, marker, markersize=6, label=way)
axes[1].set(xlabel="standard deviation $s$ of the data", ylabel="mean reached less $m$")
axes[1].legend(fontsize=8)
here.figure(fig, "rest", caption)

# %% [markdown]
# So the cost is a product: of the signal left, of how far the answer is from average ($m$), and of how
# much is still open ($s$). An image that tells its class leaves nothing open, and then nothing is
# lost. In a standardised column $m^2 + s^2$ is 1 on average, so the average $m s$ is at most one half:

# %%
Markdown(
    f"On average over classes, this schedule makes DDIM lose at most {left[-1] / 2:.1%} of a standard "
    "deviation in a standardised column: real, small, and free to avoid."
)

# %% [markdown]
# ## One step back
#
# Forwards is easy. Backwards, $q(z_{t-1} \mid z_t)$ depends on all the data. But if the clean $z_0$ is
# given, Bayes' rule has two Gaussian factors,
#
# $$q(z_{t-1} \mid z_t, z_0) \;\propto\;
# \underbrace{q(z_t \mid z_{t-1})}_{\mathcal N(z_t;\ \sqrt{\alpha_t} z_{t-1},\ 1 - \alpha_t)}
# \underbrace{q(z_{t-1} \mid z_0)}_{\mathcal N(z_{t-1};\ \sqrt{\bar\alpha_{t-1}} z_0,\ 1 - \bar\alpha_{t-1})} ,$$
#
# and in $z_{t-1}$ a product of Gaussians is a Gaussian: precisions add up, means are weighted by them.
# With $\alpha_t (1 - \bar\alpha_{t-1}) + (1 - \alpha_t) = 1 - \bar\alpha_t$ once more,
#
# $$\frac{1}{\sigma_q^2(t)} = \frac{\alpha_t}{1 - \alpha_t} + \frac{1}{1 - \bar\alpha_{t-1}}
# \;\Rightarrow\; \sigma_q^2(t) = \frac{(1 - \alpha_t)(1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t},
# \qquad
# \mu_q = \frac{\sqrt{\alpha_t}\,(1 - \bar\alpha_{t-1})\, z_t + \sqrt{\bar\alpha_{t-1}}\,(1 -
# \alpha_t)\, z_0}{1 - \bar\alpha_t} \quad (8) .$$

# %%
t = torch.arange(1, T)
with seeded(0, "lesson/posterior"):
    clean, noise = torch.randn(2, len(t), 1, dtype=torch.float64)
zt = schedule.q_sample(clean, t, noise)
precision = (alpha[t] / (1 - alpha[t]) + 1 / (1 - before[t]))[:, None]
told_by_zt = (alpha[t].sqrt() / (1 - alpha[t]))[:, None] * zt
told_by_z0 = (before[t].sqrt() / (1 - before[t]))[:, None] * clean
mu = (told_by_zt + told_by_z0) / precision

# %%
torch.testing.assert_close(schedule.posterior_mean(clean, zt, t), mu, rtol=1e-5, atol=1e-6)
variance = schedule.posterior_variance(t).double()
torch.testing.assert_close(variance, 1 / precision[:, 0], rtol=1e-5, atol=0)

# %% [markdown]
# At the last step back (`t = 0`) $\bar\alpha_{t-1} = 1$: the variance is 0 and the mean is $z_0$. Where
# the clean sample is known there is nothing left to draw.

# %%
first = torch.zeros(1, dtype=torch.int64)
assert schedule.posterior_variance(first) == 0
torch.testing.assert_close(schedule.posterior_mean(clean[:1], zt[:1], first), clean[:1])

# %% [markdown]
# And by brute force: walk 4,000 copies of one $z_0$ forwards, and look at pairs of neighbours
# $(z_t, z_{t-1})$. Bayes' rule says where $z_{t-1}$ is to be expected, given $z_t$.

# %%
t, z0 = 60, 1.0
with seeded(0, "lesson/pairs"):
    one, other = torch.randn(2, 4000)

# %%
earlier = before[t].sqrt() * z0 + (1 - before[t]).sqrt() * one
later = alpha[t].sqrt() * earlier + (1 - alpha[t]).sqrt() * other

# %%
expected = schedule.posterior_mean(
    torch.full((4000, 1), z0).double(), later[:, None], torch.full((4000,), t)
)[:, 0]
spread = float(schedule.posterior_variance(torch.tensor([t])).sqrt())
inside = float(((earlier - expected).abs() < 2 * spread).double().mean())
assert abs(inside - 0.954) < 0.02

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6))
order = later.argsort()
axes[0].plot(later, earlier, ".", markersize=2, alpha=0.4, label="pairs")
axes[0].plot(later[order], expected[order], "k", label="eq. 8, mean and 2 standard deviations")
for sign in (-2, 2):
    axes[0].plot(later[order], expected[order] + sign * spread, "k:")
axes[0].set(xlabel=f"$z_t$, step {t + 1}", ylabel=f"$z_{{t-1}}$, step {t}")
axes[0].legend(fontsize=8, loc="upper left")
of_z0 = before.sqrt() * (1 - alpha) / (1 - abar)
of_zt = alpha.sqrt() * (1 - before) / (1 - abar)
for values, label in [(of_z0, "weight of $z_0$"), (of_zt, "weight of $z_t$")]:
    axes[1].plot(step, values, label=label)
axes[1].plot(step, schedule.posterior_variance(torch.arange(T)).sqrt(), label=r"$\sigma_q(t)$")
axes[1].set(xscale="log", xlabel="step (log scale)", ylabel="weight, or standard deviation")
axes[1].legend(fontsize=8)
caption = (
    f"Left: {inside:.1%} of the pairs lie within two standard deviations of eq. 8 (95.4 % expected). "
    f"Right: the mean leans on $z_0$ in the first steps (weight {of_z0[4]:.2f} at step 5) and on $z_t$ "
    f"later ({of_zt[99]:.2f} at step 100)."
)
here.figure(fig, "posterior", caption)

# %% [markdown]
# The whole of RevCD's training is in that picture: at test time $z_0$ is what we want to know, so a
# network has to put an estimate in its place, from $z_t$, $t$ and the image $x$ (eqs. 2 and 9):
#
# $$p_\theta(z_{0:T} \mid x) = p(z_T) \prod_{t=1}^{T} p_\theta(z_{t-1} \mid z_t, x), \qquad
# p(z_T) = \mathcal N(0, I) .$$
#
# The next page turns that into losses.
#
# ## What held, what did not
#
# The numbers are this run's.

# %%
with seeded(1, "lesson/walk"):
    again = schedule.q_sample(z[[own]], torch.tensor([T - 1]), torch.randn(1, z.shape[1]))
apart = float((again - noised[-1:]).square().mean().sqrt())
linear = end["standardised, linear"]
gone = linear < 1.5 * chance
worst = np.abs(lack[f"DDIM, linear, {T} steps"]).max()

# %%
Markdown(
    f"""- **Held:** {T} steps are one step, draw for draw; eq. 8 is Bayes' rule, with variance 0 at the end.
- **Variance-preserving:** for standardised columns, to {off:.3f}. Not for raw ones, and not for the
  {flat} of {len(sd)} columns that are constant over the seen classes.
- **"Completely deterministic"** (the paper, of the way forward): the schedule is. Two draws of one
  class at step {T} are {apart:.2f} standard deviations apart in a column; unrelated noise has 1.41.
- **"A standard Gaussian" at the end:** {"nearly" if gone else "not quite"}. With our betas {left[-1]:.1%}
  of the amplitude is left, and on {bench.name} the class is told in {linear:.1%} of cases where guessing
  has {chance:.1%}; with the cosine schedule {end["standardised, cosine"]:.1%}.
- **The cost** for the exact denoiser: DDIM misses the mean by up to {worst:.3f} here, ancestral sampling
  by {np.abs(lack["ancestral, linear"]).max():.3f}, DDIM with the cosine schedule by
  {np.abs(lack[f"DDIM, cosine, {T} steps"]).max():.3f}. Chance alone moves an ancestral mean by up to
  {error * float(s.max()):.3f}."""
)

# %% [markdown]
# **Rows filled:** none; this page trains nothing.
#
# **To think about.** In training a network meets $z_T$ that still hold a little of the right class. At
# test time it starts from noise that holds none, and every draw of noise happens to lie a little
# nearer to some class than to others. What will the network make of that, and would fresh noise in
# every step help?
