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
#       seen_classes_not_for_validation: 2
#       training_images_of_each_seen_class: 2
#     needs: images
#     seconds: 22
# ---

# %% [markdown]
# # Diffusion losses
#
# *[RevCD](https://arxiv.org/abs/2409.00511), second version, sections 3.1 and 3.2, equations 3 to 7 and 9 to 16,
# algorithm 1, Figure 2a.*
#
# RevCD trains one network with three losses: recover the clean semantics, recover the noise, name the class.
# After this page you can
#
# - turn an error of the clean sample into one of the noise, and say which steps a loss counts,
# - write all three losses, and say which samples count in each,
# - compare a trained denoiser with the best possible one.
#
# You need [page 20](20_forward_diffusion.ipynb). Twenty minutes to read. Equations are rebuilt; indented parts are
# the paper's.

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
import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from zslnb import experiments, revcd, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin(
    "21_diffusion_losses", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench, settings = here.benchmark, revcd.profile_settings(profile)
torch.set_printoptions(precision=4, sci_mode=False)

# %% [markdown]
# ## Three losses of one network
#
# A class's semantics $z_0$, its prototype, are noised to $z_t$. From $z_t$, the step $t$ and an image $x$ the network
# estimates $z_0$. Which arrows lead to each loss?

# %%
here.figure(studies.revcd_losses())

# %% [markdown]
# ## One error, two currencies
#
# Take one column, at a step with $\bar\alpha_t = 0.64$: the signal is scaled by 0.8, the noise by 0.6. Let $z_0 = 2$,
# $\varepsilon = 0.5$ and the estimate $\hat z_0 = 1.7$. If that were right, which noise would be in $z_t = 1.9$? Both
# squared errors come last:

# %%
z0, noise, z0_hat = 2.0, 0.5, 1.7
zt = 0.8 * z0 + 0.6 * noise
noise_hat = (zt - 0.8 * z0_hat) / 0.6  # eq. 11
torch.tensor([zt, noise_hat, (z0_hat - z0) ** 2, (noise_hat - noise) ** 2])

# %% [markdown]
# Their ratio, $0.16 / 0.09 = 0.64 / 0.36$, is $\bar\alpha_t / (1 - \bar\alpha_t)$, the *signal-to-noise ratio* (SNR).
# At every step an error of $z_0$ *is* one of the noise, in another currency.
#
# > **RevCD, section 3.1.1, eq. 10, and section 3.1.2, eq. 13** (rebuilt). "[...] our formulation of diffusion loss"
# > and "an additional noise loss term that corresponds to our clean-sample predictor":
# > $$\mathbb E\; w_z(t)\, \lVert \hat z_0 - z_0 \rVert^2, \qquad
# > \mathbb E\; w_\varepsilon(t)\, \lVert \hat\varepsilon - \varepsilon \rVert^2$$
#
# Below are both weights (their origin: appendix). See $w_z$, $w_\varepsilon$ and SNR at steps 2, 10, 100 and 500: the
# first is the others' product.

# %%
schedule = revcd.schedule_of(settings)
T = len(schedule)
alpha = 1 - torch.linspace(settings.beta_start, settings.beta_end, T, dtype=torch.float64)
abar = alpha.cumprod(0)
steps, before = torch.arange(1, T), abar[:-1]  # all but the first step; abar one step earlier
a, left, snr = alpha[steps], abar[steps], abar / (1 - abar)
variance = (1 - a) * (1 - before) / (1 - left)  # of the step back
w_z = before * (1 - a) ** 2 / (1 - left) ** 2 / (2 * variance)  # eq. 10
w_noise = (1 - a) ** 2 / ((1 - left) * a) / (2 * variance)  # eq. 13
torch.testing.assert_close(schedule.reconstruction_weights(steps), w_z.float(), rtol=1e-4, atol=0)
torch.testing.assert_close(schedule.noise_weights(steps), w_noise.float(), rtol=1e-4, atol=0)
torch.testing.assert_close(w_z, (snr[:-1] - snr[1:]) / 2)
torch.stack([w_z, w_noise, snr[1:]], dim=1)[[0, T // 50 - 2, T // 5 - 2, T - 2]]

# %% [markdown]
# Both losses are one KL divergence, of the network's step back from the true one. Three columns that should agree: the KL
# by a library, and either weighted error.

# %%
with seeded(0, "lesson/kl"):
    z0, z0_hat, noise = torch.randn(3, len(steps), 1, dtype=torch.float64)
zt = schedule.q_sample(z0, steps, noise)
noise_hat = schedule.noise_from_z0(zt, z0_hat, steps)  # eq. 11
means = [schedule.posterior_mean(z, zt, steps) for z in (z0, z0_hat)]  # eqs. 8 and 9
torch.testing.assert_close(schedule.mean_from_noise(zt, noise, steps), means[0])  # eq. 12
kl = kl_divergence(*(Normal(mean[:, 0], variance.sqrt()) for mean in means))
both = w_z * (z0_hat - z0)[:, 0] ** 2, w_noise * (noise_hat - noise)[:, 0] ** 2
for loss in both:
    torch.testing.assert_close(loss, kl, rtol=1e-4, atol=1e-8)
torch.stack([kl, *both], dim=1)[:3]

# %% [markdown] tags=["exercise"]
# **Exercise 21.1: the exchange rate** (predict, 3 minutes, easy). At a step with a signal-to-noise ratio
# of 100, an estimate of the noise has a squared error of 0.01. What is the squared error of the $z_0$
# that follows from it? Put it into `predicted`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# At little noise, is $z_0$ known better or worse than the noise is?
#
# </details>

# %% tags=["solution"]
predicted = 0.01 / 100

# %% tags=["check"]
share = 100 / 101  # the alpha bar of this ratio
z_off = -((1 - share) ** 0.5) * 0.1 / share**0.5  # eq. 11, for noise that is off by 0.1
desk.check(predicted, z_off**2, "The ratio is the rate; which way round?", rtol=0.01, atol=0)
f"{z_off**2:.4f}"

# %% [markdown]
# ## Each step counts once, but of what?
#
# > **Section 3.1.2.** The difference of the weights "can be eliminated by assigning a fixed constant value [...]. These
# > two complementary formulations [...] correspond to an equivalent optimization problem"
#
# Without weights the losses are *simple*: each step counts once ([Ho et al., 2020](https://arxiv.org/abs/2006.11239)).
# But in which currency? As weights of an error of $z_0$:
#
# - **clean, simple**: 1,
# - **noise, simple**: SNR,
# - **noise, capped**: SNR, at most 5; the package's choice (*min-SNR weighting*,
#   [Hang et al., 2023](https://arxiv.org/abs/2303.09556)),
# - **the bound**: $w_z(t)$.
#
# Look right, at the first steps and the last.

# %%
cap = settings.weight_cap
assert snr[0] > 9000 > 0.01 > snr[-1]
weights = {"clean, simple": torch.ones(T), "noise, simple": snr}
weights |= {"noise, capped": snr.clamp(max=cap), "the bound": torch.cat([torch.zeros(1), w_z])}
here.figure(studies.loss_weights(w_z, w_noise, weights))

# %% [markdown]
# A network without limits would not care: for any positive weight its best answer is
# $\mathbb E[z_0 \mid z_t, x]$. A real one learns first what weighs most. And where *one* network is trained on both,
# the sum is again one error of $z_0$, with weight $\lambda_1 + \lambda_2\,\mathrm{SNR}(t)$ (the λ of eq. 16): no
# second opinion, except where the image is hidden.
#
# ## Naming the class
#
# > **Section 3.1.3, eq. 15** (rebuilt). "[...] we [...] implement this with a cross-entropy loss":
# > $$\mathcal L_{cls} = -\frac1B \sum_i \ln \hat y_{i, y_i}$$
#
# The paper does not name its classifier. Ours has no weights: $\hat y_{ic} = \mathrm{softmax}_c\,
# \cos(\hat z_{0, i}, z_c) / \tau$, over the seen prototypes. Three of them in a plane, at 0°, 50° and −110°, and two
# estimates:

# %%
angles = torch.tensor([0.0, 50.0, -110.0]).deg2rad()
plane = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor([[1.0], [2.0], [1.5]])
estimates = torch.tensor([[2.0, 1.0], [-0.3, 1.2]], requires_grad=True)
targets = torch.tensor([0, 1])
plane, estimates.detach()

# %% [markdown] tags=["exercise"]
# **Exercise 21.2: a classifier without weights** (code, 10 minutes, medium). Compute `by_hand`, the loss
# $\mathcal L_{cls}$ of these two `estimates`, at $\tau = 0.05$: prototypes are the rows of `plane`, the
# right ones are in `targets`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# A cosine divides by both lengths. Then a softmax over prototypes; the first estimate belongs to
# prototype 0, the second to prototype 1.
#
# </details>

# %% tags=["solution"]
cosines = (estimates @ plane.T) / (estimates.norm(dim=1)[:, None] * plane.norm(dim=1))
y_hat = (cosines / 0.05).exp() / (cosines / 0.05).exp().sum(1, keepdim=True)
by_hand = -(y_hat[0, 0].log() + y_hat[1, 1].log()) / 2

# %% tags=["check"]
loss = revcd.classification_loss(estimates, plane, targets, temperature=0.05)
desk.check(by_hand, loss, "It is another number: cosines, divided by 0.05, and a mean over two.")
loss.item()

# %% [markdown] tags=["exercise"]
# **Exercise 21.3: the wrong axis** (find the bug, 5 minutes, easy). The same probabilities as someone
# else has them: all are between 0 and 1, and the loss goes down in training, but not by naming classes.
# Compute `fixed`.

# %%
alike = F.cosine_similarity(estimates.detach()[:, None], plane, dim=2)
share = (alike / 0.05).softmax(0)
print("a row an estimate, a column a class:", share)

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# What should sum to 1 here, and what does?
#
# </details>

# %% tags=["solution"]
fixed = (alike / 0.05).softmax(1)  # classes compete for an estimate, not estimates for a class


# %% tags=["check"]
def gives_the_loss(shares: torch.Tensor) -> bool:
    """Tell whether these probabilities sum to 1 where they should, and have the loss above."""
    shares = shares.float()
    whole = torch.allclose(shares.sum(1), torch.ones(2))
    return whole and torch.allclose(-shares[[0, 1], targets].log().mean(), loss, atol=1e-5)


wrong = (
    "A softmax over classes, of the cosines themselves: rows sum to 1 and give the loss of 21.2."
)
desk.check(fixed, gives_the_loss, wrong)
fixed

# %% [markdown]
# The loss by the direction of an estimate of the first class (left), and, on the benchmark, sliding from each seen
# prototype to its most similar other (right). Where is it least, and when does it rise?

# %%
loss.backward()
along = (estimates.grad * estimates).sum(1)
torch.testing.assert_close(along, torch.zeros(2), atol=1e-5, rtol=0)
net = revcd.prepare(bench, replace(settings, masked=0.5), 0, here.device)
prototypes = net.prototypes[net.seen].cpu()
turning = studies.classification_losses(plane, prototypes, settings.temperature, bench.name)
assert turning.lowest[0.05] < 0  # not at the prototype, but away from the nearer rival
here.figure(turning)

# %% [markdown]
# Least loss is not at the prototype but turned away from the nearer rival. The gradient is perpendicular to the
# estimate: this loss asks for another direction, never another length.

# %% [markdown] tags=["appendix"]
# <details><summary>Guidance by a classifier (eq. 14), which the third loss stands in for</summary>
#
# [Dhariwal and Nichol (2021)](https://arxiv.org/abs/2105.05233) change the direction of a step, the score, by the gradient
# of a classifier (eq. 14, rebuilt):
#
# $$\nabla_z \ln p(z \mid y) = \nabla_z \ln p(z) + \nabla_z \ln p(y \mid z) .$$
#
# That is Bayes' rule with the gradient taken. RevCD does not sample that way. Its classifier is a loss: the posterior of
# the *estimate* among the seen prototypes, whose gradient goes to the weights, in training only. What guides its samples
# is the difference of two estimates ([page 23](23_guidance_and_sampling.ipynb)), which stands for the gradient of a
# posterior, too.
#
# </details>

# %% [markdown]
# ## Hiding the image
#
# > **Section 3.2.** "[...] we adopt a conditional dropout strategy during training, randomly masking the visual
# > condition when computing the noise prediction loss"
#
# So hidden samples, with a learnt *null condition* for the image, count in the noise loss alone. One step by hand, with
# half of the batch hidden:

# %%
rows = torch.arange(0, len(net.labels), max(1, len(net.labels) // 64), device=here.device)[:64]
x, z0 = net.features[rows], net.prototypes[net.labels[rows]]
targets = torch.searchsorted(net.seen, net.labels[rows])
untrained = net.networks.eval()  # no dropout, and no batch statistics: see below
on = untrained.schedule
with torch.no_grad(), seeded(0, "lesson/step"):
    terms = untrained.losses(x, z0, targets)
with torch.no_grad(), seeded(0, "lesson/step"):  # the same draws, in the same order
    t, noise = torch.randint(T, (len(x),), device=x.device), torch.randn_like(z0)
    hidden = revcd.conditional_dropout(len(x), 0.5, x.device)
    hidden[0] = False  # so that none of the losses is ever of nothing
    condition = torch.where(hidden[:, None], untrained.null, untrained.visual(x))
    zt = on.q_sample(z0, t, noise)
    z0_hat = untrained.unet(zt, t, condition)
noise_hat = on.noise_from_z0(zt, z0_hat, t)  # eq. 11
capped = (cap / on.signal_to_noise(t)).clamp(max=1)  # by which the noise's error is weighted
guess = revcd.prototype_scores(z0_hat, untrained.prototypes) / settings.temperature
print(f"{int(hidden.sum())} of {len(x)} samples are hidden")

# %% [markdown] tags=["exercise"]
# **Exercise 21.4: who counts where** (code, 15 minutes, hard). Compute `by_hand`, a dictionary with the
# three terms of this step: "reconstruction", "noise" (weighted by `capped`) and "classification" (from
# the logits `guess`). Errors are summed over columns. `hidden` says of which samples the image was
# hidden.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# The image is hidden for the noise loss, which counts every sample. The other two leave hidden samples
# out, and are means over those that remain.
#
# </details>

# %% tags=["solution"]
errors, noise_errors = (z0_hat - z0).square().sum(1), (noise_hat - noise).square().sum(1)
by_hand = {
    "reconstruction": errors[~hidden].mean(),
    "noise": (capped * noise_errors).mean(),
    "classification": F.cross_entropy(guess[~hidden], targets[~hidden]),
}

# %% tags=["check"]
wrong = "A term is off: which samples count in it, and is its mean over these alone?"
desk.check(by_hand, terms, wrong, rtol=1e-4, atol=1e-4)
{name: round(float(value), 2) for name, value in terms.items()}

# %% [markdown]
# Now move the null condition: only the noise loss may change. By how many per cent does each, with fixed batch statistics
# and in training mode?


# %%
@torch.no_grad()
def moved(training: bool) -> dict[str, float]:
    """By how many per cent each loss moves when the null condition does."""
    untrained.train(training)
    found = []
    for shift in (0.0, 1.0):
        untrained.null += shift
        with seeded(0, "lesson/step"):
            found.append(untrained.losses(x, z0, targets))
    untrained.null -= 1.0
    return {name: round(100 * abs(float(found[1][name] / found[0][name]) - 1), 1) for name in terms}


alone, mixed = moved(training=False), moved(training=True)
assert alone["reconstruction"] == alone["classification"] == 0 < alone["noise"]
alone, mixed

# %% [markdown]
# In training mode a little gets through: batch normalisation averages over shown and hidden samples together.
#
# ## All three together
#
# > **Section 3.2, eq. 16** (rebuilt):
# > $$\mathcal L = \lambda_1 \mathcal L_{rec} + \lambda_2 \mathcal L_{noise} + \lambda_3 \mathcal L_{cls}$$
#
# Algorithm 1 draws a batch, a step and noise for each sample, and descends this sum. The λ are not in the text we have; we
# take 1, 0.1 and 1, with errors per column. The dotted line has learnt nothing: it answers 0, the average prototype, and
# guesses. (Its error is below 1 where columns are constant.)

# %%
start = revcd.prepare(bench, settings, 0, here.device)
run = experiments.trained(bench, settings, 0, here.device)  # revcd.fit, if need be
training = studies.diffusion_training(run, snr.clamp(max=cap))
if bench.name == "aviary":
    assert all(training.last[term] < nothing for term, nothing in training.nothing.items())
here.figure(training)

# %% [markdown]
# ## Which steps make the loss?
#
# From a slightly noised $z_t$ a network could copy $z_0$; late ones must be guessed from the image. Look left for the error
# at the first steps, right for how much of a loss comes from them.

# %%
shares = studies.loss_shares(weights, start, run)
if bench.name == "aviary":
    assert shares.early["clean, simple"] < 0.03
    assert min(shares.early[["noise, simple", "the bound"]]) > 0.8
here.figure(shares)
here.table(shares, "early")

# %% [markdown]
# On the aviary even the first steps keep an error: this small network, briefly trained, has not learnt to copy. More than
# four fifths of the simple noise loss and of the bound come from a fiftieth of the steps. But at test time a network starts
# from noise, at the last step: hence the cap.
#
# ## Beside the best denoiser
#
# How near does training come to $\mathbb E[z_0 \mid z_t, x]$? On real data nobody knows it, so make data: an
# "image" $x$ and one attribute, $z_0 = 0.8\, x + 0.6\, \eta$, with $x$ and $\eta$ from $\mathcal N(0, 1)$. The best estimate
# is linear in $z_t$ (as on page 20). Three networks put out $\hat z_0$, a fourth the noise. Which is nearest at the first
# steps, and which at the last?

# %%
with seeded(0, "lesson/toy-data"):
    x, eta, noise = torch.randn(3, 5, 1)
t = torch.tensor([0, 9, 99, 299, T - 1])
left, m, s = schedule.alphas_cumprod[t][:, None], 0.8 * x, 0.6
zt = schedule.q_sample(m + s * eta, t, noise)
by_hand = m + left.sqrt() * s**2 / (left * s**2 + 1 - left) * (zt - left.sqrt() * m)
torch.testing.assert_close(studies.gaussian_denoiser(schedule, m, s)(zt, t), by_hand)
toy = studies.ToyLosses(schedule, cap, here.seeds[:3])
first, last = ({kind: d.mean(0)[i] for kind, d in toy.distance.items()} for i in (0, -1))
assert min(first, key=first.get) == max(last, key=last.get) == "puts out noise, simple"
assert max(last["clean, simple"], last["both, capped"]) < toy.spread[-1] / 5
assert last["noise, simple"] > toy.spread[-1] / 2
assert max(toy.distance[kind].mean(0).max() for kind in ("clean, simple", "both, capped")) < 0.1
here.figure(toy)

# %% [markdown]
# On the simple noise loss networks are near the best early; at the last step they are about as far off as the spread of
# $z_0$, or further, and so begin by guessing. The other two stay within 0.1.
#
# ## What held, what did not
#
# - **Held:** the KL of two steps back, eq. 10 and eq. 13 are one number at each step.
# - **"An equivalent optimization problem":** the same best answer, yes; the same training, no. Between the simple losses
#   lies the SNR, about 10,000 at the first step and below 0.01 at the last.
# - **Hiding the image** touches the noise loss alone, but for what batch normalisation lets through.
#
# Which losses name more classes: [page 24](24_revcd_results.ipynb).
#
# **Rows filled:** none.
#
# **To think about.** The targets $z_0$ are the prototypes of the seen classes, points and no cloud. What is $\mathbb E[z_0 \mid z_t, x]$ then, for an image of an *unseen* class? Can any weighting of
# any of these losses bring it to a point that is not between the seen prototypes?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# The best estimate is still an average of the seen prototypes, weighted by how likely each is given $z_t$
# and $x$: those are the only $z_0$ that training has. An image of an unseen class is given the weights of
# the seen classes that it resembles. So at the optimum every estimate lies in the hull of the seen
# prototypes, and no weighting over steps of the two squared errors moves it, since at each step the minimum is the
# same. The classification loss can: it is least beyond a prototype, away from its nearer rival, and estimates lie
# further off the hull with it than without ([page 24](24_revcd_results.ipynb)). But it, too, knows seen prototypes
# alone. What else leaves the hull does so because a network of limited size draws a smooth map, and follows it
# beyond the images it has met.
#
# </details>

# %% [markdown] tags=["appendix"]
# ## Appendix: the bound, and what is dropped of it
#
# <details><summary>Why these weights: from the likelihood to a squared error</summary>
#
# The network gives $p_\theta(z_{t-1} \mid z_t, x)$, a way back step by step. How likely does it make the true $z_0$?
# That is an integral over all ways back. Averaging over the known way *forwards* gives a lower bound (Jensen's
# inequality, eq. 3), which falls into three parts (eq. 4):
#
# $$\ln p_\theta(z_0 \mid x) \;\ge\; \mathbb E_{q(z_{1:T} \mid z_0)}
# \ln \frac{p_\theta(z_{0:T} \mid x)}{q(z_{1:T} \mid z_0)}
# = \underbrace{\mathbb E \ln p_\theta(z_0 \mid z_1, x)}_{\text{last step}}
# - \underbrace{\mathrm{KL}\big(q(z_T \mid z_0)\,\Vert\,p(z_T)\big)}_{\text{prior}}
# - \sum_{t=2}^{T} \underbrace{\mathbb E\, \mathrm{KL}\big(q(z_{t-1} \mid z_t, z_0)\,\Vert\,
# p_\theta(z_{t-1} \mid z_t, x)\big)}_{\text{diffusion}} .$$
#
# The paper trains on the third, at random $t$ (eq. 5). Its steps back have the variance of the true ones,
# $\sigma_q^2(t)$. For two Gaussians of one variance the KL is the squared distance of their means over twice the
# variance (eqs. 6 and 7). The true mean mixes $z_0$ and $z_t$ (eq. 8). With $\hat z_0$ in the place of $z_0$ (eq. 9) the
# means differ by the weight of $z_0$ times the error (eq. 10):
#
# $$\mathrm{KL} = \underbrace{\frac{1}{2 \sigma_q^2(t)}\, \frac{\bar\alpha_{t-1} (1 - \alpha_t)^2}{(1 -
# \bar\alpha_t)^2}}_{w_z(t)} \lVert \hat z_0 - z_0 \rVert^2 .$$
#
# With $z_0 = (z_t - \sqrt{1 - \bar\alpha_t}\, \varepsilon) / \sqrt{\bar\alpha_t}$ (eq. 11) the same mean reads (eq. 12),
# and the same KL (eq. 13)
#
# $$\mu_q = \frac{1}{\sqrt{\alpha_t}} \Big( z_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,
# \varepsilon \Big), \qquad
# \mathrm{KL} = \underbrace{\frac{1}{2 \sigma_q^2(t)}\, \frac{(1 - \alpha_t)^2}{(1 - \bar\alpha_t)\,
# \alpha_t}}_{w_\varepsilon(t)} \lVert \hat\varepsilon - \varepsilon \rVert^2 .$$
#
# Both give $w_z(t) = \mathrm{SNR}(t)\, w_\varepsilon(t) = \tfrac12 \big( \mathrm{SNR}(t - 1) - \mathrm{SNR}(t) \big)$.
#
# </details>
#
# > **RevCD, section 3.1.** "The prior loss can be ignored as it does not contain any trainable parameters and is zero under
# > our assumption. The reconstruction loss is typically minimal and can be safely ignored without affecting the outcome."
#
# The "reconstruction loss" here is the part of the last step, $\mathbb E \ln p_\theta(z_0 \mid z_1, x)$. That is a
# log-density: its size depends on the unit of $z_0$, so that it cannot be "minimal". What training can change in it is a
# squared error at step 1. How large are the parts where all is known? Take a column of $\mathcal N(0, 1)$ without an image:
# the best estimate is $\sqrt{\bar\alpha_t}\, z_t$, its squared error $1 - \bar\alpha_t$, and in nats:

# %% tags=["appendix"]
best = 1 - abar
parts = {
    "error at step 1": float(best[0] / (2 * (1 - abar[0]))),
    "prior": -0.5 * math.log(float(1 - abar[-1])),
    "diffusion": float((w_z * best[1:]).sum()),
}
log_density = -0.5 * math.log(2 * math.pi * float(1 - abar[0])) - parts["error at step 1"]
bound = log_density - parts["prior"] - parts["diffusion"]
assert bound < -0.5 * math.log(2 * math.pi * math.e)  # the true ln p(z_0), on average
{part: round(nats, 3) for part, nats in parts.items()}

# %% [markdown] tags=["appendix"]
# So the error at step 1 is a tenth of the part that is trained, and the prior next to nothing, though not zero. Dropping
# both should do no harm: step 1 asks for the estimate that step 2 asks for as well.

# %% [markdown]
# **Before:** [Forward diffusion](20_forward_diffusion.ipynb) · **Next:** [Conditioning](22_conditioning.ipynb)
