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
#     at_least:
#       seen_classes: 2
#     needs: images
#     seconds: 8
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
# Half a minute on two cores; under 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown

from zslnb import revcd, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

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
here.figure(studies.revcd_direction())

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

# %% [markdown] tags=["exercise"]
# **Exercise 20.1: a squared schedule** (find the bug, 5 minutes, medium). Someone takes the schedule from
# other code, with the same two ends. It leaves more of the class at the end than ours. Compute `fixed`,
# its $\bar\alpha_t$ as they should be, for `T` steps.

# %%
beta = torch.linspace(1e-4**0.5, 0.02**0.5, T, dtype=torch.float64) ** 2
theirs = (1 - beta).cumprod(0)
print(f"amplitude left at the end: {theirs[-1].sqrt():.1%}; ours: {abar[-1].sqrt():.1%}")

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Both ends agree; look at the step in the middle. What rises in a line here?
#
# </details>

# %% tags=["solution"]
straight = torch.linspace(1e-4, 0.02, T, dtype=torch.float64)  # not its square root
fixed = (1 - straight).cumprod(0)

# %% tags=["check"]
wrong = "The betas themselves are to rise in a line; then multiply up."
desk.check(fixed, schedule.alphas_cumprod, wrong, rtol=1e-5, atol=1e-6)

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

# %% [markdown] tags=["exercise"]
# **Exercise 20.2: all steps at once** (code, 5 minutes, easy). First in one step: compute `noised`, a row
# for each step $t$, by eq. 1 with row $t$ of `eps` as its noise. No loop.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# $1 - \bar\alpha_t$ is a variance. `abar[:, None]` lets each row have its own factor.
#
# </details>

# %% tags=["solution"]
noised = abar[:, None].sqrt() * z0 + (1 - abar[:, None]).sqrt() * eps

# %% tags=["check"]
package = schedule.q_sample(z0.expand(T, 2), torch.arange(T), eps)
wrong = "Signal and noise are not yet scaled so that their variances add up to one."
desk.check(noised, package, wrong, rtol=1e-5, atol=1e-5)

# %% [markdown]
# And now step by step, gathering the noise:

# %%
zt, gathered, path = z0, torch.zeros_like(z0), []
for t in range(T):
    zt = alpha[t].sqrt() * zt + (1 - alpha[t]).sqrt() * eps[t]
    both = (alpha[t] * (1 - before[t])).sqrt() * gathered + (1 - alpha[t]).sqrt() * eps[t]
    gathered = both / (1 - abar[t]).sqrt()
    path.append(zt)
    at_once = schedule.q_sample(z0, torch.tensor([t]), gathered)
    torch.testing.assert_close(at_once, zt, rtol=1e-6, atol=1e-6)

# %%
fig, ax = plt.subplots(figsize=(8, 3.4))
step, amplitude = np.arange(1.0, T + 1), schedule.alphas_cumprod.sqrt().numpy()
spread = np.sqrt(1 - amplitude**2)
for i, start in enumerate(z0[0].tolist()):
    expected = amplitude * start
    ax.plot(step, torch.cat(path)[:, i], lw=0.9, label=f"attribute {i + 1}, $z_0$ = {start:g}")
    ax.plot(step, expected, "--", color=f"C{i}")
    ax.fill_between(step, expected - 2 * spread, expected + 2 * spread, color=f"C{i}", alpha=0.1)
ax.set(xlabel="step", ylabel="value (standard deviations)", xlim=(0, T))
ax.legend(loc="upper right", fontsize=8)
caption = f"""Two attributes on their walk, each with its mean $\\sqrt{{\\bar\\alpha_t}} z_0$ (dashed) \
and two standard deviations about it. After {T} steps {amplitude[-1]:.1%} of each is left, under \
noise of standard deviation {spread[-1]:.3f}."""
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
snr = schedule.signal_to_noise(torch.arange(T))  # of a column of variance 1
ratio = (sd[varies, None] ** 2 * snr).numpy()
overtaken, at_once = (ratio > 1).sum(1) + 1, int((snr > 1).sum()) + 1  # steps, from 1
low, middle, high = np.quantile(overtaken, [0.05, 0.5, 0.95]).astype(int)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.3))
least, median, most = np.quantile(ratio, [0.05, 0.5, 0.95], axis=0)
axes[0].plot(step, median, label="raw: middle column, nine in ten")
axes[0].fill_between(step, least, most, alpha=0.25, linewidth=0)
axes[0].plot(step, snr, label="standardised: every column")
axes[0].axhline(1, color="k", linestyle=":", label="signal = noise")
axes[0].set(yscale="log", xlabel="step", ylabel="signal-to-noise ratio")
axes[1].hist(overtaken, bins=np.linspace(0, T, 51), label="raw")
axes[1].axvline(at_once, color="C1", label="standardised")
axes[1].set(xlabel="step at which noise overtakes the signal", ylabel="columns")
for ax in axes:
    ax.legend(fontsize=8)
caption = f"""{bench.name}, {varies.sum()} columns that vary over the seen classes. Raw, noise \
overtakes the middle column at step {middle} (from {low} to {high} for nine in ten); standardised, \
all of them at step {at_once}."""
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
flat = ~varies & (z[bench.seen].abs().amax(0) < 0.1)  # constant, and not blown up
Markdown(studies.fixed_columns(bench, z, varies, flat))

# %% [markdown]
# One more thing depends on it. Where the semantics have variance 1, so has $z_t$ at every step:
# $\bar\alpha_t \cdot 1 + (1 - \bar\alpha_t) = 1$. That is what *variance-preserving* means, and it does
# not hold for raw semantics, nor for a column that is constant.

# %% [markdown] tags=["exercise"]
# **Exercise 20.3: a column that is constant** (predict, 3 minutes, easy). It is 0 for every class after
# standardising. What is its variance in $z_t$ at the step with $\bar\alpha_t = 0.25$? Put it into
# `predicted`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# What does a column of variance 0 add to the noise's own variance?
#
# </details>

# %% tags=["solution"]
predicted = 0.75

# %% tags=["check"]
t = int((schedule.alphas_cumprod - 0.25).abs().argmin())
with seeded(0, "lesson/constant"):
    only_noise = torch.zeros(20_000, 1), torch.full((20_000,), t), torch.randn(20_000, 1)
draws = schedule.q_sample(*only_noise)
wrong = "Only noise is in it, and not yet all of it."
desk.check(predicted, float(draws.var()), wrong, rtol=0, atol=0.02)
round(float(draws.var()), 2)

# %%
noised = studies.noised_variance(bench, schedule, z, varies, flat)
here.table(noised)

# %% [markdown]
# ## A class dissolves
#
# Now the semantics of one real class, noised further from row to row (one draw of noise, more of it
# each time). Beside each row: the class whose prototype is nearest by cosine, which is how RevCD
# will decide in the end.

# %%
dissolving = studies.dissolving_class(bench, schedule, z)
here.figure(dissolving)

# %% [markdown]
# ## How long can a class be told?
#
# One draw proves little. Noise every class many times, at many steps, and count how often its own
# prototype is the nearest among all classes: once for semantics that were standardised, once for raw
# ones (which are told by the cosine of raw vectors), and for a second schedule, whose
# $\bar\alpha_t$ falls as a squared cosine (Nichol and Dhariwal, 2021).

# %%
telling = studies.telling_apart(bench, schedule, z, here.seeds)
here.figure(telling)

# %%
here.table(studies.schedule_ends(schedule))

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
left = abar.float()[150]
by_hand = left.sqrt() * s**2 / (left * s**2 + 1 - left)  # the slope at t = 150

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
torch.testing.assert_close(slope, by_hand, rtol=0.05, atol=0.01)
best = studies.gaussian_denoiser(schedule, m, s)
torch.testing.assert_close(best(pairs, t), m + by_hand * (pairs - left.sqrt() * m))

# %%
rest = studies.lost_signal(schedule, m, s)
np.testing.assert_allclose(rest.lack[f"DDIM, linear, {T} steps"], rest.predicted, atol=0.01)
here.figure(rest)

# %% [markdown]
# So the cost is a product: of the signal left, of how far the answer is from average ($m$), and of how
# much is still open ($s$). An image that tells its class leaves nothing open, and then nothing is
# lost. In a standardised column $m^2 + s^2$ is 1 on average, so the average $m s$ is at most one half:

# %%
Markdown(
    f"On average over classes, this schedule makes DDIM lose at most {abar[-1].sqrt() / 2:.1%} of a "
    "standard deviation in a standardised column: real, small, and free to avoid."
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

# %% [markdown] tags=["exercise"]
# **Exercise 20.4: Bayes' rule, by precisions** (code, 15 minutes, hard). Compute `mu` and `sigma2`, mean
# and variance of $z_{t-1}$ given `zt` and `clean`, a row for each step of `t`, from the two factors and
# not from eq. 8. `before[t]` is $\bar\alpha_{t-1}$.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# As a function of $z_{t-1}$ the first factor is a Gaussian at $z_t / \sqrt{\alpha_t}$ with precision
# $\alpha_t / (1 - \alpha_t)$. The second has precision $1 / (1 - \bar\alpha_{t-1})$. Add precisions;
# weigh means by them.
#
# </details>

# %% tags=["solution"]
precision = alpha[t] / (1 - alpha[t]) + 1 / (1 - before[t])
told_by_zt = (alpha[t].sqrt() / (1 - alpha[t]))[:, None] * zt
told_by_z0 = (before[t].sqrt() / (1 - before[t]))[:, None] * clean
mu, sigma2 = (told_by_zt + told_by_z0) / precision[:, None], 1 / precision

# %% tags=["check"]
variance = schedule.posterior_variance(t).double()
package, wrong = schedule.posterior_mean(clean, zt, t), "Weigh each part's mean by its precision."
desk.check(mu, package, wrong, rtol=1e-5, atol=1e-6)
desk.check(sigma2, variance, "The variance is one over the sum of precisions.", rtol=1e-5, atol=0)

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
clean = torch.full((4000, 1), z0, dtype=torch.float64)
mean = schedule.posterior_mean(clean, later[:, None], torch.full((4000,), t))
sigma = float(variance[t - 1].sqrt())
inside = float(((earlier - mean[:, 0]).abs() < 2 * sigma).double().mean())
assert abs(inside - 0.954) < 0.02

# %%
every, one, none = torch.arange(T), torch.ones(T, 1), torch.zeros(T, 1)
of_z0, of_zt = (schedule.posterior_mean(*of, every) for of in ((one, none), (none, one)))
order = later.argsort()
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6))
axes[0].plot(later, earlier, ".", markersize=2, alpha=0.4, label="pairs")
axes[0].plot(later[order], mean[order], "k", label="eq. 8, mean and 2 standard deviations")
for sign in (-2, 2):
    axes[0].plot(later[order], mean[order] + sign * sigma, "k:")
axes[0].set(xlabel=f"$z_t$, step {t + 1}", ylabel=f"$z_{{t-1}}$, step {t}")
axes[0].legend(fontsize=8, loc="upper left")
axes[1].plot(step, of_z0, label="weight of $z_0$")
axes[1].plot(step, of_zt, label="weight of $z_t$")
axes[1].plot(step, schedule.posterior_variance(every).sqrt(), label=r"$\sigma_q(t)$")
axes[1].set(xscale="log", xlabel="step (log scale)", ylabel="weight, or standard deviation")
axes[1].legend(fontsize=8)
caption = f"""Left: {inside:.1%} of the pairs lie within two standard deviations of eq. 8 (95.4 % \
expected). Right: the mean leans on $z_0$ in the first steps (weight {float(of_z0[4]):.2f} at step \
5) and on $z_t$ later ({float(of_zt[99]):.2f} at step 100)."""
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
clean, last = z[bench.unseen[:1]], torch.tensor([T - 1])
with seeded(1, "lesson/walk"):
    again = schedule.q_sample(clean, last, torch.randn(1, z.shape[1]))
apart = float((again - dissolving.rows[-1:]).square().mean().sqrt())
linear = telling.at_end["standardised, linear"]
nearly = "nearly" if linear < 1.5 * telling.chance else "not quite"

# %%
Markdown(
    f"""- **Held:** {T} steps are one step, draw for draw; eq. 8 is Bayes' rule, with variance 0 at the end.
- **Variance-preserving:** for standardised columns, to {noised.off:.3f}. Not for raw ones, and not for the
  {flat.sum()} of {len(sd)} columns that are constant over the seen classes.
- **"Completely deterministic"** (the paper, of the way forward): the schedule is. Two draws of one
  class at step {T} are {apart:.2f} standard deviations apart in a column; unrelated noise has 1.41 on
  average.
- **"A standard Gaussian" at the end:** {nearly}. With our betas {abar[-1].sqrt():.1%}
  of the amplitude is left, and on {bench.name} the class is told in {linear:.1%} of cases where guessing
  has {telling.chance:.1%}; with the cosine schedule {telling.at_end["standardised, cosine"]:.1%}.
- **The cost** for the exact denoiser, with $m$ = {m:g} and $s$ up to {float(s.max()):g}: {rest.cost}"""
)

# %% [markdown]
# **Rows filled:** none; this page trains nothing.
#
# **To think about.** In training a network meets $z_T$ that still hold a little of the right class. At
# test time it starts from noise that holds none, and every draw of noise happens to lie a little
# nearer to some class than to others. What will the network make of that, and would fresh noise in
# every step help?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# It has learnt that what little there is in $z_T$ points at the right class. So it takes the lean of a
# random draw for a hint, and starts out for whichever class the noise happens to be near. How much that
# matters depends on how well the image decides: where it does, the hint is overruled. Fresh noise in
# every step helps, since the first draw's lean is forgotten on the way; and a schedule whose
# $\bar\alpha_T$ is 0 teaches no such hint in the first place. Notebook 23 measures it.
#
# </details>
