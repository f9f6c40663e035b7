# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
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
# *RevCD ([arXiv 2409.00511](https://arxiv.org/abs/2409.00511), second version), sections 3.1 and 3.3.4,
# equations 1, 2 and 8, Figure 1.*
#
# RevCD turns zero-shot learning round: it makes no features, but estimates the *semantics* of an image, by
# diffusion. This page is about the half of it that needs no training: adding noise to class semantics.
# After it you can
#
# - noise semantics in $T$ small steps or in one, and show that both are the same,
# - say why semantics are standardised first, and what happens to a constant column,
# - say how long a class can be identified, and what is left at the end,
# - derive the step back (eq. 8) from Bayes' rule.
#
# You need [page 00](00_start_here.ipynb) and the normal distribution. Indented parts are the paper's. Our copy of
# it has lost its formulas, but not their numbers; they are rebuilt from the sentences around them and the
# derivation that it cites ([Luo, 2022](https://arxiv.org/abs/2208.11970)).

# %% tags=["colab", "remove-cell"]
# Colab opens a page alone: this brings the rest of the repository; elsewhere it does nothing
import subprocess
import sys

if "google.colab" in sys.modules:
    address = input("Where this repository is published, https://...: ")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--src", "src", "--editable"]
    subprocess.run([*pip, f"git+{address}#egg=zslnb"], check=True)
    sys.path.insert(0, "src/zslnb")

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import numpy as np
import torch

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
# RevCD goes from the feature of *one* image to an estimate of semantics. The class whose own semantics (its
# *prototype*) are nearest is the answer.

# %%
here.figure(studies.revcd_direction())

# %% [markdown]
# ## A little noise, many times
#
# Take an attribute of value 2. In each step multiply it by $\sqrt{0.9}$ and add Gaussian noise of
# variance 0.1. Mean and variance after each of three steps (check the second row by hand: $2 \cdot 0.9$
# and $0.9 \cdot 0.1 + 0.1$):

# %%
mean, variance, rows = 2.0, 0.0, []
for _ in range(3):
    mean, variance = 0.9**0.5 * mean, 0.9 * variance + 0.1
    rows.append((mean, variance))
torch.tensor(rows)

# %% [markdown]
# The last row is $2 \sqrt{0.9^3}$ and $1 - 0.9^3$: one step could have done it. In general:
#
# > **RevCD, section 3.1, eq. 1** (rebuilt). "This forward encoding process has the desired properties of
# > being variance-preserving and completely deterministic, and the final distribution is a standard
# > Gaussian."
# >
# > $$q(z_t \mid z_0) = \mathcal N\big(\sqrt{\bar\alpha_t}\, z_0,\ (1 - \bar\alpha_t) I\big), \qquad
# > \bar\alpha_t = \alpha_1 \cdots \alpha_t, \quad \alpha_t = 1 - \beta_t .$$
#
# Here $z_0$ are a class's semantics, and step $t$ keeps the share $\alpha_t$ of the variance (0.9 above).
# The $\beta_t$ and the number of steps are not in our copy. We take $T = 500$ and let $\beta_t$ rise in a line
# from 0.0001 to 0.02. In code $t$ counts from 0. How much of the amplitude,
# $\sqrt{\bar\alpha_t}$, is left after steps 1, 100, 250 and 500?

# %% [markdown] tags=["appendix"]
# <details><summary>Why one step does what many do</summary>
#
# One step is $q(z_t \mid z_{t-1}) = \mathcal N\big(\sqrt{\alpha_t}\, z_{t-1},\ (1 - \alpha_t) I\big)$. Suppose that
# before it $z_{t-1} = \sqrt{\bar\alpha_{t-1}}\, z_0 + \sqrt{1 - \bar\alpha_{t-1}}\, \varepsilon'$ with
# $\varepsilon' \sim \mathcal N(0, I)$. Then
#
# $$z_t = \sqrt{\alpha_t}\, z_{t-1} + \sqrt{1 - \alpha_t}\, \varepsilon_t
# = \sqrt{\bar\alpha_t}\, z_0
# + \underbrace{\sqrt{\alpha_t (1 - \bar\alpha_{t-1})}\, \varepsilon' + \sqrt{1 - \alpha_t}\,
# \varepsilon_t}_{\text{one Gaussian of variance } \alpha_t - \bar\alpha_t + 1 - \alpha_t
# \,=\, 1 - \bar\alpha_t} .$$
#
# So it holds after it as well, and before the first step it holds with no noise at all.
#
# </details>

# %%
T = 500
alpha = 1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64)
abar = alpha.cumprod(0)  # alpha with a bar
before = torch.cat([torch.ones(1), abar[:-1]])  # abar one step earlier: at first nothing is lost
schedule = revcd.schedule_of(revcd.profile_settings(profile))
torch.testing.assert_close(schedule.alphas_cumprod, abar.float())
abar[[0, 99, 249, 499]].sqrt()

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
f"beta halfway: {1 - alpha[T // 2]:.4f}; theirs: {beta[T // 2]:.4f}"

# %% [markdown]
# Now two attributes, and noise for 500 steps:

# %%
z0 = torch.tensor([[1.5, -1.0]], dtype=torch.float64)
with seeded(0, "lesson/walk"):
    eps = torch.randn(T, 2, dtype=torch.float64)
eps[:3]

# %% [markdown] tags=["exercise"]
# **Exercise 20.2: all steps at once** (code, 5 minutes, easy). Compute `noised`: a row for each step $t$, noised in
# one go by eq. 1, with row $t$ of `eps` as its noise. No loop.

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
package[[0, 99, 249, 499]]  # after steps 1, 100, 250 and 500

# %% [markdown]
# Now step by step. Gather the noises into one on the way, and a single step with it lands on the very same point.

# %%
zt, gathered, path = z0, torch.zeros_like(z0), []
for t in range(T):
    zt = alpha[t].sqrt() * zt + (1 - alpha[t]).sqrt() * eps[t]
    both = (alpha[t] * (1 - before[t])).sqrt() * gathered + (1 - alpha[t]).sqrt() * eps[t]
    gathered = both / (1 - abar[t]).sqrt()
    at_once = schedule.q_sample(z0, torch.tensor([t]), gathered)
    torch.testing.assert_close(at_once, zt, rtol=1e-6, atol=1e-6)
    path.append(zt)
here.figure(studies.noised_walk(schedule, z0[0], torch.cat(path)))

# %% [markdown]
# ## Standardise first
#
# > **RevCD, section 3.3.4.** "We also perform an affine transformation of our semantic space to resemble a
# > zero-mean Gaussian [...] as the variance skews the signal-to-noise ratio when scaled by the noising
# > schedule."
#
# By eq. 1 a column of variance $s^2$ has at step $t$ a *signal-to-noise ratio* of
#
# $$\frac{\bar\alpha_t\, s^2}{1 - \bar\alpha_t} ,$$
#
# so a narrow column is lost in noise early and a wide one late. Standardising (fitted on the *seen*
# classes, applied to all) makes $s = 1$. When does noise overtake the signal, before and after?

# %%
raw, known = bench.semantics.double(), bench.semantics[bench.seen].double()
mean, sd = known.mean(0), known.std(0, correction=0)
varies = sd > 1e-6 * known.abs().amax(0)  # by more than rounding does
by_hand = (raw - mean) / sd
z = revcd.Standardiser.fitted(known)(raw)
torch.testing.assert_close(z[:, varies], by_hand[:, varies])
z = z.float()

snr = abar / (1 - abar)  # of a column of variance 1
ratio = sd[varies, None] ** 2 * snr
here.figure(studies.noise_overtakes(bench.name, ratio, snr))

# %% [markdown]
# Standardised columns have the mean and variance of a Gaussian, not its shape: an attribute that is there or not
# still has two values.
#
# A column that is **constant** over the seen classes would be divided by 0, or by what rounding leaves. The
# package keeps its scale, so it becomes 0, and an unseen class that differs keeps its difference. Seven
# classes with 0.3 each: divided as computed; by the package; and 1.3 by the package.

# %%
column = torch.full((7, 1), 0.3)
naive = (column - column.mean(0)) / column.std(0, correction=0)
fitted = revcd.Standardiser.fitted(column)
torch.testing.assert_close(fitted(column), torch.zeros(7, 1))
torch.testing.assert_close(fitted(column + 1), torch.ones(7, 1))
torch.cat([naive, fitted(column), fitted(column + 1)], dim=1)[:2]

# %% [markdown]
# *Variance-preserving* means: if $z_0$ has variance 1, so has $z_t$, since $\bar\alpha_t \cdot 1 + (1 -
# \bar\alpha_t) = 1$. That needs standardised semantics, and a column that varies.

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
here.table(studies.noised_variance(bench, schedule, z, varies))

# %% [markdown]
# ## A class dissolves
#
# The semantics of an unseen class with one draw of noise, more of it in each row. Right: the class whose
# prototype is nearest by cosine, which is how RevCD decides.

# %%
here.figure(studies.dissolving_class(bench, schedule, z))

# %% [markdown]
# One draw proves little. So noise every class many times, and count how often its own prototype is the
# nearest: standardised, raw, and with a second schedule, whose $\bar\alpha_t$ falls as a squared cosine
# ([Nichol and Dhariwal, 2021](https://arxiv.org/abs/2102.09672)).

# %%
identified = studies.share_identified(bench, schedule, z, here.seeds)
here.figure(identified)

# %%
here.table(studies.schedule_ends(schedule))

# %% [markdown]
# A class is a *direction*: the more columns, the less of each is needed to identify it. So little as the
# linear schedule leaves, it is not quite nothing; the cosine one ends in pure noise.
#
# ## One step back
#
# Backwards, $q(z_{t-1} \mid z_t)$ depends on all the data. But given the clean $z_0$, Bayes' rule has two
# Gaussian factors,
#
# $$q(z_{t-1} \mid z_t, z_0) \;\propto\; q(z_t \mid z_{t-1})\; q(z_{t-1} \mid z_0) .$$
#
# Their product is a Gaussian: precisions (one over the variance) add up, means are weighted by them.
#
# > **RevCD, section 3.1.1, eq. 8** (rebuilt). "Using Bayes' rule and the Markov assumption, [31], we can
# > show that:" it is $\mathcal N(\mu_q, \sigma_q^2(t) I)$ with
# >
# > $$\mu_q = \frac{\sqrt{\alpha_t}\,(1 - \bar\alpha_{t-1})\, z_t + \sqrt{\bar\alpha_{t-1}}\,(1 -
# > \alpha_t)\, z_0}{1 - \bar\alpha_t} , \qquad
# > \sigma_q^2(t) = \frac{(1 - \alpha_t)(1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t} .$$

# %%
t = torch.arange(1, T)
with seeded(0, "lesson/posterior"):
    clean, noise = torch.randn(2, len(t), 1, dtype=torch.float64)
zt = schedule.q_sample(clean, t, noise)
torch.cat([clean, zt], dim=1)[[0, 99, 498]]  # z_0 and z_t, at steps 2, 101 and 500

# %% [markdown] tags=["exercise"]
# **Exercise 20.4: Bayes' rule, by precisions** (code, 15 minutes, hard). Compute `mu` and `sigma2`, mean
# and variance of $z_{t-1}$ given `zt` and `clean`, a row for each step of `t` (`mu` like `zt`, `sigma2` a number a step), from the two
# factors and not from eq. 8. `before[t]` is $\bar\alpha_{t-1}$.

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
from_zt = (alpha[t].sqrt() / (1 - alpha[t]))[:, None] * zt
from_z0 = (before[t].sqrt() / (1 - before[t]))[:, None] * clean
mu, sigma2 = (from_zt + from_z0) / precision[:, None], 1 / precision

# %% tags=["check"]
variance = schedule.posterior_variance(t).double()
package, wrong = schedule.posterior_mean(clean, zt, t), "Weigh each part's mean by its precision."
desk.check(mu, package, wrong, rtol=1e-5, atol=1e-6)
desk.check(sigma2, variance, "The variance is one over the sum of precisions.", rtol=1e-5, atol=0)
torch.cat([package, variance.sqrt()[:, None]], dim=1)[[0, 99, 498]]  # at the same three steps

# %% [markdown]
# By brute force: walk 4,000 copies of $z_0 = 1$ forwards. Of all $z_{t-1}$, 95 % should lie within two
# standard deviations of eq. 8. At the last step back the variance is 0: nothing is left to draw.

# %%
t, z0 = 60, 1.0
with seeded(0, "lesson/pairs"):
    one, other = torch.randn(2, 4000)
earlier = before[t].sqrt() * z0 + (1 - before[t]).sqrt() * one
later = alpha[t].sqrt() * earlier + (1 - alpha[t]).sqrt() * other
at_t, given = torch.full((4000,), t), torch.full((4000, 1), z0, dtype=torch.float64)
mean = schedule.posterior_mean(given, later[:, None], at_t)[:, 0]
sigma = schedule.posterior_variance(at_t).sqrt()
assert abs(((earlier - mean).abs() < 2 * sigma).double().mean() - 0.954) < 0.02
first = torch.zeros(1, dtype=torch.int64)
assert schedule.posterior_variance(first) == 0
torch.testing.assert_close(schedule.posterior_mean(clean[:1], zt[:1], first), clean[:1])
here.figure(studies.step_back(schedule, t, earlier, later, mean))

# %% [markdown]
# At test time $z_0$ is what we want to know. So a network estimates it, from $z_t$, $t$ and the image $x$:
#
# > **RevCD, section 3.1, eq. 2** (rebuilt). "Our aim is to learn a reverse diffusion kernel which removes
# > the noise of the forward process and can estimate a clean sample [...] from random noise conditioned on
# > a visual space:"
# >
# > $$p_\theta(z_{0:T} \mid x) = p(z_T) \prod_{t=1}^{T} p_\theta(z_{t-1} \mid z_t, x), \qquad
# > p(z_T) = \mathcal N(0, I) .$$
#
# That way back starts from pure noise, while a network learns on $z_T$ that still hold 8 % of the class. With the
# best denoiser of a Gaussian, which is known, it costs little, whether each step adds fresh noise (*ancestral*) or
# none (*DDIM*):

# %% [markdown] tags=["appendix"]
# <details><summary>Why the rest of the signal costs little (page 23 comes back to it)</summary>
#
# Let a column of the data be $\mathcal N(m, s^2)$. $z_0$ and $z_t$ are jointly Gaussian, so the best guess is
# linear, with the slope covariance over variance:
#
# $$\mathbb E[z_0 \mid z_t] = m + \frac{\sqrt{\bar\alpha_t}\, s^2}{\bar\alpha_t s^2 + 1 - \bar\alpha_t}
# \big(z_t - \sqrt{\bar\alpha_t}\, m\big) .$$
#
# Walk back with it in two ways: by ancestral sampling, which adds fresh noise in every step, and by DDIM
# ([Song et al., 2021](https://arxiv.org/abs/2010.02502)), which adds none. DDIM is deterministic, and on Gaussian
# data it maps a start to an end by a straight line. A start that lacks $\sqrt{\bar\alpha_T}\, m$ ends short of
# $m$ by
#
# $$\frac{s}{\sqrt{\bar\alpha_T s^2 + 1 - \bar\alpha_T}} \sqrt{\bar\alpha_T}\, m
# \;\approx\; \sqrt{\bar\alpha_T}\, m\, s :$$
#
# the signal left, times how far the answer is from average, times how much is still open. An image that
# identifies its class leaves nothing open. In a standardised column $m^2 + s^2$ is 1 on average, so $m s$ is on
# average at most one half, and the loss on average at most 4 % of a standard deviation.
#
# </details>

# %%
m, s = 1.0, torch.tensor([0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
with seeded(0, "lesson/pairs"):
    clean, noise = m + s * torch.randn(20_000, len(s)), torch.randn(20_000, len(s))
t, left = torch.full((20_000,), 150), abar.float()[150]
zt = schedule.q_sample(clean, t, noise)
by_hand = left.sqrt() * s**2 / (left * s**2 + 1 - left)  # the slope at t = 150
centred = zt - zt.mean(0)
slope = (centred * clean).mean(0) / centred.square().mean(0)  # of a line fitted to the draws
torch.testing.assert_close(slope, by_hand, rtol=0.05, atol=0.01)
best = studies.gaussian_denoiser(schedule, m, s)
torch.testing.assert_close(best(zt, t), m + by_hand * (zt - left.sqrt() * m))
rest = studies.lost_signal(schedule, m, s)
np.testing.assert_allclose(rest.lack[f"DDIM, linear, {T} steps"], rest.predicted, atol=0.01)
here.figure(rest)

# %% [markdown]
# ## What held, what did not
#
# - **Held:** $T$ steps are one step, draw for draw. Eq. 8 is Bayes' rule.
# - **"Variance-preserving":** only standardised columns that vary.
# - **"Completely deterministic":** the schedule is, the noise is not.
# - **"A standard Gaussian" at the end:** nearly, with our $\beta_t$. A class of the aviary is still identified
#   three times as often as by guessing; with the cosine schedule it is not.
#
# **Rows filled:** none.
#
# **To think about.** In training a network meets $z_T$ that still hold a little of the right class. At
# test time it starts from noise that holds none, but happens to lie nearer to some class than to others. What
# will the network make of that, and would fresh noise in every step help?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# It may have learnt that what little there is in $z_T$ points at the right class. Then it takes the lean of a
# random draw for a hint, and starts out for whichever class the noise happens to be near. How much that
# matters depends on how well the image decides: where it does, the hint is overruled. Fresh noise in
# every step should help, since the first draw's lean is forgotten on the way; and a schedule whose
# $\bar\alpha_T$ is 0 teaches no such hint in the first place. Notebook 23 measures what a leaning start and fresh
# noise are worth, and finds nothing on the aviary.
#
# </details>

# %% [markdown]
# **Before:** [What the released code does](15_released_code_audit.ipynb) ·
# **Next:** [Diffusion losses](21_diffusion_losses.ipynb)
