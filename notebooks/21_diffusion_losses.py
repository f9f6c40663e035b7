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
# *RevCD (arXiv 2409.00511, second version), sections 3.1 and 3.2, equations 3 to 7 and 9 to 16,
# Figure 2a.*
#
# RevCD trains one network with three losses: recover the clean semantics, recover the noise, and let
# the recovered semantics name the class. The paper derives the first two from one bound and calls
# them complementary. After this page you can
#
# - walk from the bound on the likelihood to a squared error, and say what is dropped on the way,
# - turn an error of the clean sample into one of the noise and back, and say which steps either listens to,
# - write the classification loss, and say what it cannot ask for,
# - check that hiding the image touches the noise loss alone,
# - compare a trained denoiser with the best one there is.
#
# As on the page before: the public text has lost its equations, and those here are rebuilt from the
# sentences around them and from the derivation that the paper cites.

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

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import Markdown
from torch.distributions import Normal, kl_divergence

from zslnb import experiments, revcd, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin(
    "21_diffusion_losses", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench = here.benchmark

# %% [markdown]
# ## A bound in three parts
#
# The network gives $p_\theta(z_{t-1} \mid z_t, x)$, a way back step by step. How likely does it make the
# true semantics $z_0$ of image $x$? That needs an integral over all ways back. Averaging over the known
# way *forwards* instead gives a lower bound (Jensen's inequality, eq. 3),
#
# $$\ln p_\theta(z_0 \mid x) \;\ge\; \mathbb E_{q(z_{1:T} \mid z_0)}
# \ln \frac{p_\theta(z_{0:T} \mid x)}{q(z_{1:T} \mid z_0)} ,$$
#
# which falls into three parts (eq. 4):
#
# $$\underbrace{\mathbb E \ln p_\theta(z_0 \mid z_1, x)}_{\text{reconstruction}}
# - \underbrace{\mathrm{KL}\big(q(z_T \mid z_0)\,\Vert\,p(z_T)\big)}_{\text{prior}}
# - \sum_{t=2}^{T} \underbrace{\mathbb E\, \mathrm{KL}\big(q(z_{t-1} \mid z_t, z_0)\,\Vert\,
# p_\theta(z_{t-1} \mid z_t, x)\big)}_{\text{diffusion}} .$$
#
# The paper drops the first ("typically minimal") and the second ("zero under our assumption"), and
# trains on the third, at random $t$ (eq. 5). How large are they? Take a case where all is known: one
# standardised column, $z_0 \sim \mathcal N(0, 1)$, no image. The best estimate of $z_0$ is then
# $\sqrt{\bar\alpha_t}\, z_t$, its squared error $1 - \bar\alpha_t$ on average, and the truth is $\mathbb E
# \ln p(z_0) = -\frac12 \ln 2\pi e$.

# %%
settings = revcd.profile_settings(profile)
schedule = revcd.schedule_of(settings)
T = len(schedule)
alpha = 1 - torch.linspace(settings.beta_start, settings.beta_end, T, dtype=torch.float64)
abar = alpha.cumprod(0)
before = torch.cat([torch.ones(1), abar[:-1]])
torch.testing.assert_close(schedule.alphas_cumprod, abar.float())

# %% [markdown]
# The steps back have the variance of the true ones, $\sigma_q^2(t)$ (notebook 20). For two Gaussians
# of one variance the KL is the squared distance of their means over twice the variance (eqs. 6, 7);
# how that becomes an error of $z_0$ with the weight below is the next section.

# %%
steps = torch.arange(1, T)
parts = {
    "reconstruction": -0.5 * math.log(2 * math.pi * math.e * float(1 - abar[0])),
    "prior": 0.5 * math.log(float(1 - abar[-1])),
    "diffusion": -float((schedule.reconstruction_weights(steps) * (1 - abar[steps])).sum()),
}
truth = -0.5 * math.log(2 * math.pi * math.e)
bound = sum(parts.values())
assert bound < truth  # a lower bound

# %%
nats = pd.DataFrame({"nats": {**parts, "the bound, all three": bound, "the truth": truth}})
caption = f"""One column of standard Gaussian data with the best denoiser. The bound is \
{truth - bound:.2f} nats too low: the best steps back are a little wider than $\\sigma_q$."""
here.table(nats.round(3).rename_axis("part"), "bound", caption)

# %% [markdown]
# So the prior's part is small, though not zero. The reconstruction's is a log-density, no loss: it is
# positive since a density this narrow is high, and its size says nothing about whether one may drop it.
# What makes that harmless is that it asks for what the first diffusion steps ask for as well.
#
# ## One error, two currencies
#
# The true mean of the step back mixes $z_0$ and $z_t$ (eq. 8). Put the network's estimate $\hat z_0$ in
# place of $z_0$ (eq. 9): the two means differ by the weight of $z_0$ times the error, and (eq. 10)
#
# $$\mathrm{KL} = \underbrace{\frac{1}{2 \sigma_q^2(t)}\, \frac{\bar\alpha_{t-1} (1 - \alpha_t)^2}{(1 -
# \bar\alpha_t)^2}}_{w_z(t)} \lVert \hat z_0 - z_0 \rVert^2 .$$
#
# Or let the network estimate the noise. With $z_0 = (z_t - \sqrt{1 - \bar\alpha_t}\, \varepsilon) /
# \sqrt{\bar\alpha_t}$ (eq. 11) the same mean reads (eq. 12), and the same KL (eq. 13)
#
# $$\mu_q = \frac{1}{\sqrt{\alpha_t}} \Big( z_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,
# \varepsilon \Big), \qquad
# \mathrm{KL} = \underbrace{\frac{1}{2 \sigma_q^2(t)}\, \frac{(1 - \alpha_t)^2}{(1 - \bar\alpha_t)\,
# \alpha_t}}_{w_\varepsilon(t)} \lVert \hat\varepsilon - \varepsilon \rVert^2 .$$

# %%
with seeded(0, "lesson/kl"):
    z0, z0_hat, noise = torch.randn(3, len(steps), 1, dtype=torch.float64)
zt = schedule.q_sample(z0, steps, noise)
noise_hat = schedule.noise_from_z0(
    zt, z0_hat, steps
)  # eq. 11: what this estimate says of the noise

# %%
a, left, prior = alpha[steps], abar[steps], before[steps]
variance = (1 - a) * (1 - prior) / (1 - left)
eq8 = (a.sqrt() * (1 - prior) / (1 - left))[:, None] * zt
eq8 = eq8 + (prior.sqrt() * (1 - a) / (1 - left))[:, None] * z0
eq12 = (zt - ((1 - a) / (1 - left).sqrt())[:, None] * noise) / a.sqrt()[:, None]
torch.testing.assert_close(eq8, eq12)
torch.testing.assert_close(schedule.mean_from_noise(zt, noise, steps), eq12, rtol=1e-5, atol=1e-6)

# %%
of_clean = prior * (1 - a) ** 2 / (1 - left) ** 2 / (2 * variance)  # eq. 10
of_noise = (1 - a) ** 2 / ((1 - left) * a) / (2 * variance)  # eq. 13
torch.testing.assert_close(
    schedule.reconstruction_weights(steps), of_clean.float(), rtol=1e-4, atol=0
)
torch.testing.assert_close(schedule.noise_weights(steps), of_noise.float(), rtol=1e-4, atol=0)

# %% [markdown]
# Three ways to one number, at every step: the KL of two Gaussians as a library has it, the weighted
# error of the clean sample, the weighted error of the noise.

# %%
true, model = (
    Normal(schedule.posterior_mean(z, zt, steps)[:, 0], variance.sqrt()) for z in (z0, z0_hat)
)
kl = kl_divergence(true, model)
torch.testing.assert_close(of_clean * (z0_hat - z0)[:, 0] ** 2, kl, rtol=1e-4, atol=1e-8)
torch.testing.assert_close(of_noise * (noise_hat - noise)[:, 0] ** 2, kl, rtol=1e-4, atol=1e-8)

# %% [markdown]
# So an error is *one* thing in two currencies. By eq. 11 the exchange rate is the signal-to-noise ratio
#
# $$\lVert \hat\varepsilon - \varepsilon \rVert^2 = \underbrace{\frac{\bar\alpha_t}{1 -
# \bar\alpha_t}}_{\mathrm{SNR}(t)} \lVert \hat z_0 - z_0 \rVert^2, \qquad
# w_z(t) = \mathrm{SNR}(t)\, w_\varepsilon(t) = \tfrac12 \big( \mathrm{SNR}(t - 1) - \mathrm{SNR}(t) \big) .$$

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

# %%
snr = abar / (1 - abar)
torch.testing.assert_close((noise_hat - noise) ** 2, snr[steps, None] * (z0_hat - z0) ** 2)
torch.testing.assert_close(of_clean, snr[steps] * of_noise)
torch.testing.assert_close(of_clean, (snr[steps - 1] - snr[steps]) / 2)
torch.testing.assert_close(of_clean.sum(), (snr[0] - snr[-1]) / 2)  # a telescope: all of it

# %% [markdown]
# Section 3.1.2 says that the difference in weighting can be eliminated by a constant. That is what
# everybody does, and calls the losses *simple*: each step counts once. But once **in which currency?**
# A simple loss of the noise is, in the currency of $z_0$, weighted by the SNR. On one scale:
#
# - **clean, simple**: 1,
# - **noise, simple**: $\mathrm{SNR}(t)$,
# - **noise, capped**: $\min(\mathrm{SNR}(t), 5)$, what this package takes for a network that puts out
#   $\hat z_0$ (known as min-SNR weighting; Hang et al., 2023),
# - **the bound**: $w_z(t)$.

# %%
cap = settings.weight_cap
ratio = schedule.signal_to_noise(torch.arange(T))
torch.testing.assert_close(ratio, snr.float(), rtol=1e-4, atol=0)
weights = {
    "clean, simple": torch.ones(T),
    "noise, simple": snr,
    "noise, capped": snr.clamp(max=cap),
}
weights["the bound"] = torch.cat([torch.zeros(1), of_clean])  # it starts at the second step
half = {loss: int((w.cumsum(0) / w.sum() < 0.5).sum()) + 1 for loss, w in weights.items()}

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.6))
axes[0].plot(steps + 1, of_clean, label="$w_z(t)$, eq. 10")
axes[0].plot(steps + 1, of_noise, label=r"$w_\varepsilon(t)$, eq. 13")
axes[0].plot(range(1, T + 1), snr, "k:", label="their ratio, SNR")
axes[0].set(ylabel="weight of a squared error")
for (loss, w), style in zip(weights.items(), ("-", "--", "-.", ":"), strict=True):
    axes[1].plot(range(1, T + 1), w.where(w > 0, math.nan), style, label=loss)
axes[1].set(ylabel="weight of a squared error of $z_0$")
for ax in axes:
    ax.set(xscale="log", yscale="log", xlabel="step (log scale)")
    ax.legend(fontsize=8)
caption = f"""Left: the weights of eqs. 10 and 13, each in its own currency. Right: four losses in \
the currency of $z_0$. Half of the total weight lies in the first {half["noise, simple"]} steps \
(noise, simple), {half["the bound"]} (the bound), {half["noise, capped"]} (noise, capped) and \
{half["clean, simple"]} (clean, simple) of {T}."""
here.figure(fig, "weights", caption)

# %% [markdown]
# A network free to answer differently at every step and every $z_t$ would not care: wherever a
# weight is not 0 its best answer is the mean $\mathbb E[z_0 \mid z_t, x]$. A real one is of limited size and
# trained for a limited time, and learns first what weighs most.
#
# This has a consequence for RevCD. Its text trains *one* network on both losses, and eq. 11 turns one
# estimate into the other. Then the sum of the two is no second opinion but the same error with a third
# weighting, $\lambda_1 + \lambda_2\,\mathrm{SNR}(t)$, except for the samples whose image is hidden
# (below). Were there two outputs, one for each loss, they could disagree; the text does not say so.
#
# ## The classification loss
#
# The third loss lets the estimate name its class (eq. 15), by cross-entropy over the seen classes. The
# paper does not say what its classifier is. Ours has no weights: a softmax over the cosines with the
# prototypes $z_c$, by which inference decides (eq. 24), at a temperature $\tau$:
#
# $$\mathcal L_{cls} = -\frac1B \sum_i \ln \hat y_{i, y_i}, \qquad
# \hat y_{ic} = \frac{e^{\cos(\hat z_{0, i}, z_c) / \tau}}
# {\sum_{c'} e^{\cos(\hat z_{0, i}, z_{c'}) / \tau}} .$$
#
# Three prototypes in a plane, two estimates:

# %%
angles = torch.tensor([0.0, 50.0, -110.0]).deg2rad()
plane = torch.stack([angles.cos(), angles.sin()], dim=1) * torch.tensor([[1.0], [2.0], [1.5]])
estimates = torch.tensor([[2.0, 1.0], [-0.3, 1.2]], requires_grad=True)
targets = torch.tensor([0, 1])

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

# %% [markdown] tags=["exercise"]
# **Exercise 21.3: the wrong axis** (find the bug, 5 minutes, easy). The same probabilities as someone
# else has them: all are between 0 and 1, and the loss goes down in training, but not by naming classes.
# Compute `fixed`.

# %%
alike = F.cosine_similarity(estimates.detach()[:, None], plane, dim=2)
share = (alike / 0.05).softmax(0)
print("a row an estimate, a column a class:", share.numpy().round(2).tolist())

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
    whole = torch.allclose(shares.sum(1), torch.ones(2))
    return whole and torch.allclose(-shares[[0, 1], targets].log().mean(), loss, atol=1e-5)


desk.check(fixed, gives_the_loss, "The probabilities of an estimate over all classes sum to 1.")

# %%
loss.backward()
along = (estimates.grad * estimates).sum(1)
torch.testing.assert_close(along, torch.zeros(2), atol=1e-5, rtol=0)

# %% [markdown]
# Its gradient is perpendicular to the estimate: this loss turns, and never stretches. How *long*
# $\hat z_0$ should be it leaves to the others. And it does not point at the prototype either, but away
# from the rivals (below, left). And on the benchmark (right)? Slide from each seen prototype to its most
# similar other seen one, and see where the loss begins to mind.

# %%
net = revcd.prepare(bench, replace(settings, masked=0.5), 0, here.device)
prototypes = net.prototypes[net.seen].cpu()
turning = studies.classification_losses(plane, prototypes, settings.temperature, bench.name)
here.figure(turning)

# %% [markdown]
# ## Hiding the image
#
# For guidance at test time the network must also know what to say without an image. So in training
# the image's condition is sometimes replaced by a learnt *null* condition. The paper hides it "when
# computing the noise prediction loss": reconstruction and classification leave such samples out. One
# training step by hand, with half of the batch hidden:

# %%
rows = torch.arange(0, len(net.labels), max(1, len(net.labels) // 64), device=here.device)[:64]
x, z0 = net.features[rows], net.prototypes[net.labels[rows]]
targets = torch.searchsorted(net.seen, net.labels[rows])
untrained = net.networks.eval()  # no dropout, and no batch statistics: see below

# %%
with torch.no_grad(), seeded(0, "lesson/step"):
    terms = untrained.losses(x, z0, targets)
with torch.no_grad(), seeded(0, "lesson/step"):  # the same draws, in the same order
    t = torch.randint(T, (len(x),), device=x.device)
    noise = torch.randn_like(z0)
    hidden = revcd.conditional_dropout(len(x), 0.5, x.device)
    hidden[0] = False  # so that none of the losses is ever of nothing

# %%
on = untrained.schedule
with torch.no_grad():
    condition = torch.where(hidden[:, None], untrained.null, untrained.visual(x))
    zt = on.q_sample(z0, t, noise)
    z0_hat = untrained.unet(zt, t, condition)
noise_hat = on.noise_from_z0(zt, z0_hat, t)  # eq. 11

# %%
capped = (cap / on.signal_to_noise(t)).clamp(max=1)  # by which the noise's error is weighted
guess = revcd.prototype_scores(z0_hat, untrained.prototypes) / settings.temperature

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

# %% [markdown]
# Now shake the null condition. If hiding touches the noise loss alone, the other two must not move:


# %%
@torch.no_grad()
def shaken(training: bool) -> dict[str, float]:
    """How much each loss moves when the null condition does, as a share of it."""
    untrained.train(training)
    terms_by_run = []
    for shift in (0.0, 1.0):
        untrained.null += shift
        with seeded(0, "lesson/step"):
            terms_by_run.append(untrained.losses(x, z0, targets))
    untrained.null -= 1.0
    return {name: abs(float(terms_by_run[1][name] / terms_by_run[0][name]) - 1) for name in terms}


alone, mixed = shaken(training=False), shaken(training=True)
assert alone["reconstruction"] == alone["classification"] == 0 < alone["noise"]

# %%
Markdown(
    f"With fixed batch statistics the noise loss moves by {alone['noise']:.1%} and the others by nothing at "
    "all. In training mode some of it gets through: batch normalisation averages over shown and hidden "
    f"samples together: reconstruction moves by {mixed['reconstruction']:.1%}, classification by "
    f"{mixed['classification']:.1%}, noise by {mixed['noise']:.1%}."
)

# %% [markdown]
# ## Steering, which the third loss stands in for
#
# Guidance by a classifier changes the direction of a step, the score, by the gradient of the classifier
# (eq. 14, rebuilt):
#
# $$\nabla_z \ln p(z \mid y) = \nabla_z \ln p(z) + \nabla_z \ln p(y \mid z) .$$
#
# That is Bayes' rule with the gradient taken, so where all densities are known it must hold to the last
# digit. Two Gaussians in a plane, and the posterior for the classifier:

# %%
centres = torch.tensor([[1.0, 0.0], [-1.0, 0.5]])
z = torch.tensor([[0.3, -0.8], [-2.0, 1.0]], requires_grad=True)
log_p = -0.5 * (z[:, None] - centres).square().sum(2)  # ln p(z | y), but for a constant
density, posterior = (
    torch.autograd.grad(value.sum(), z, retain_graph=True)[0]
    for value in (log_p.logsumexp(1), log_p.log_softmax(1)[:, 0])
)
torch.testing.assert_close(density + posterior, centres[0] - z)  # the class's own score
pd.DataFrame({"ln p(z)": density.tolist(), "ln p(y | z)": posterior.tolist()})

# %% [markdown]
# RevCD does not sample that way. Its classifier is a loss: the posterior of the *estimate* among the seen
# prototypes, whose gradient goes to the weights, in training only. What guides its samples is the
# difference of two estimates (notebook 23), which stands for the gradient of a posterior, too.
#
# ## All three together
#
# The sum (eq. 16; algorithm 1 draws a batch, a step and noise for each sample, and descends it):
#
# $$\mathcal L = \lambda_1 \mathcal L_{rec} + \lambda_2 \mathcal L_{noise} + \lambda_3 \mathcal L_{cls} .$$
#
# None of the three is in the text that we have. We take $\lambda_1 = \lambda_3 = 1$ and $\lambda_2 = 0.1$, and divide
# the first two terms by the width of the semantics, so that $\lambda_3$ means the same on any benchmark.
# Where each comes in:

# %%
here.figure(studies.revcd_losses())

# %% [markdown]
# One seed, trained once and kept:

# %%
start = revcd.prepare(bench, settings, 0, here.device)
run = experiments.trained(bench, settings, 0, here.device)  # revcd.fit, if need be

# %% [markdown]
# What would a network score that has learnt nothing but the average class? It answers $\hat z_0 = 0$,
# since the semantics are standardised, and guesses. That is the line to get below.

# %%
training = studies.diffusion_training(run, snr.clamp(max=cap))
here.figure(training)

# %% [markdown]
# ## Which steps are listened to?
#
# A loss is a sum over steps of weight times error, and training changes the error: from a slightly
# noised $z_t$ one could copy $z_0$; late steps have to be guessed from the image. So where does the
# loss come from before training, and where after? The errors are those of training images, shown.


# %%
shares = studies.loss_shares(weights, start, run)
here.figure(shares)

# %%
here.table(shares, "early")

# %% [markdown]
# Even at the first steps, where $z_t$ has the answer but for a hair, an error is left (left picture):
# this small network, briefly trained, has not learnt to copy. The simple noise loss and the bound press
# for little else. But at test time nobody hands the network a $z_t$ with the right answer in it; it
# starts at the last step, with the image and noise. That is what the cap is for.
#
# ## Beside the best denoiser
#
# How close does a trained network come to $\mathbb E[z_0 \mid z_t, x]$? On real data nobody knows it.
# So make data for which we do: an "image" $x \sim \mathcal N(0, 1)$ that says most of a single
# attribute, $z_0 = 0.8\, x + 0.6\, \eta$ with $\eta \sim \mathcal N(0, 1)$. With $m = 0.8\, x$, $s = 0.6$
#
# $$\mathbb E[z_0 \mid z_t, x] = m + \frac{\sqrt{\bar\alpha_t}\, s^2}{\bar\alpha_t s^2 + 1 -
# \bar\alpha_t} \big(z_t - \sqrt{\bar\alpha_t}\, m\big) .$$
#
# A small network, the same data, three weightings; and a fourth network that puts out the noise, for
# which the simple noise loss is the plain one. Its error of $z_0$ is $1 / \sqrt{\mathrm{SNR}(t)}$ times
# as large as that of what it puts out.


# %%
with seeded(0, "lesson/toy-data"):
    x, eta, noise = torch.randn(3, 5, 1)
t = torch.tensor([0, 9, 99, 299, T - 1])
zt = schedule.q_sample(0.8 * x + 0.6 * eta, t, noise)
left, m, s = schedule.alphas_cumprod[t][:, None], 0.8 * x, 0.6
by_hand = m + left.sqrt() * s**2 / (left * s**2 + 1 - left) * (zt - left.sqrt() * m)

# %%
torch.testing.assert_close(studies.gaussian_denoiser(schedule, m, s)(zt, t), by_hand)
toy = studies.ToyLosses(schedule, cap, here.seeds[:3])
here.figure(toy)

# %% [markdown]
# The walk at test time *begins* at the last step. Where a network is no closer to the best there than
# the spread, it begins by guessing. That is not the end of it: a single late step gives $\hat z_0$ little
# weight (notebook 20), and better estimates may follow.
#
# ## What held, what did not
#
# The numbers are this run's. Which loss, alone or together, tells more classes takes many trainings:
# the results page of RevCD asks that, and nothing here decides it.


# %%
last, nothing = training.last, training.nothing
Markdown(
    f"""- **Held:** eqs. 8 and 12 are one mean; the KL of two steps back, the error of eq. 10 and the error of
  eq. 13 are one number, at all {T - 1} steps.
- **"Equivalent optimisation":** the same best answer, yes. The same training, no: between the simple losses
  lies the signal-to-noise ratio, {float(snr[0]):.0f} at the first step and {float(snr[-1]):.4f} at the last. For the
  trained network the first {shares.early_steps} steps make {shares.early["noise, simple"]:.0%} of the simple
  noise loss and {shares.early["clean, simple"]:.1%} of the simple clean one; with the cap at {cap:g},
  {shares.early["noise, capped"]:.0%}.
- **What is dropped** from the bound: the prior's part is {parts["prior"]:+.4f} nats a column, not
  quite zero; the reconstruction's, a log-density, {parts["reconstruction"]:+.2f}: not "minimal", yet harmless
  to drop.
- **Classification** turns estimates and never stretches them; from a prototype to its nearest rival
  it {turning.quiet}.
- **Hiding the image** touches the noise loss alone, but for what batch normalisation lets through in
  training ({mixed["reconstruction"]:.1%} of the reconstruction loss, {mixed["classification"]:.1%} of the
  classification loss, null condition moved by 1, not yet trained).
- **Training** leaves {last["reconstruction"] / nothing["reconstruction"]:.0%} of the reconstruction error,
  {last["noise"] / nothing["noise"]:.0%} of the noise error and {last["classification"]:.2f} nats of
  {nothing["classification"]:.2f}.
- **Beside the best denoiser** a small network is {toy.far("both, capped")} or
  {toy.far("noise, simple")}, where the spread is {float(toy.spread[-1]):.2f}; and one that puts out the noise is
  {toy.far("puts out noise, simple")}."""
)

# %% [markdown]
# **Rows filled:** none; the training here is for looking at, and no accuracy is taken from it.
#
# **To think about.** The targets $z_0$ are the prototypes of the seen classes, a few points and no
# cloud. What is $\mathbb E[z_0 \mid z_t, x]$ then, for an image of an *unseen* class? Can any weighting of
# any of these losses bring it to a point that is not between the seen prototypes?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# The best estimate is still an average of the seen prototypes, weighted by how likely each is given $z_t$
# and $x$: those are the only $z_0$ that training has. An image of an unseen class is given the weights of
# the seen classes that it resembles. So at the optimum every estimate lies in the hull of the seen
# prototypes, and no weighting over steps moves it, since at each step the minimum is the same. The
# classification loss only turns an estimate towards one of the seen prototypes. What leaves the hull does
# so because a network of limited size draws a smooth map, and follows it beyond the images it has met.
#
# </details>
