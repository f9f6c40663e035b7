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
#       seen_classes_not_for_validation: 3
#       seen_classes_with_two_test_images: 1
#       training_images_of_each_seen_class: 2
#       unseen_classes: 2
#       unseen_classes_with_two_test_images: 2
#     needs: images
#     seconds: 140
# ---

# %% [markdown]
# # Induction against imagination
#
# *[GenZSL](https://arxiv.org/abs/2505.11882) (ICML 2025; numbered as an earlier version is, see
# [notebook 00](00_start_here.ipynb)), sections 1, 3 and 4; Figures 1, 4 and 5.*
#
# Generative zero-shot learning mostly **imagines** features of unseen classes out of noise. GenZSL would
# **induce** them from features of similar seen classes, and promises features that look more real, training
# many times as fast, and no need for hand-made semantics. After this page you can
#
# - write the losses of f-VAEGAN, the rival,
# - compare synthetic features by more than a picture,
# - define a speed-up so that it can fail, and say what it is due to.

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
import warnings
from dataclasses import replace

import torch
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import genzsl, imagination, results, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded, torch_generator

here = desk.begin("13_induction_vs_imagination", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## Two ways to a feature that nobody has seen

# %%
here.figure(studies.paradigms())

# %% [markdown]
# That is how the paper draws it. In the code the inductive VAE, too, makes its feature from noise; the referent
# speaks through the noise's mean and spread only.
#
# ## Imagination in a few lines
#
# [f-VAEGAN](https://arxiv.org/abs/1903.10132) (CVPR 2019) is two models with one generator G. The first is a
# conditional VAE, with an encoder E. Features are scaled to $0 \ldots 1$, so that the error can be a
# cross-entropy:
#
# > **f-VAEGAN**, in the letters of these pages:
# > $$\mathcal L_{VAE} = -\sum_j [x_j \ln \hat x_j + (1 - x_j) \ln (1 - \hat x_j)] +
# > \mathrm{KL}(\mathrm{E}(x, z)\,\|\,\mathcal N(0, I))$$

# %%
B, D, S, L = 6, 5, 3, 2  # a small case: features 5-d, semantics 3-d, latent 2-d
with seeded(0, "lesson/small case"):
    encoder = imagination.Encoder(D, S, 16, L)
    generator, critic = imagination.Generator(L, S, 16, D), imagination.Critic(D, S, 16)
    x, z, noise = torch.rand(B, D), torch.rand(B, S), torch.randn(B, L)
with torch.no_grad():
    for weight in encoder.parameters():
        weight.mul_(10)  # or the latent is next to standard normal, and its KL term nothing
mean, log_var = encoder(x, z)
x_hat = generator(mean + (log_var / 2).exp() * noise, z)
x[0], x_hat[0]

# %% [markdown] tags=["exercise"]
# **Exercise 13.1: a VAE's two losses** (code, 10 minutes, medium). Compute `cross_entropy` and `kl`, the
# two terms of $\mathcal L_{VAE}$, from `x_hat`, `x`, `mean` and `log_var`, a sample a row.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Sums run over columns, means over samples. The KL term is that of notebook 11.
#
# </details>

# %% tags=["solution"]
cross_entropy = -(x * x_hat.log() + (1 - x) * (1 - x_hat).log()).sum(1).mean()
kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1).mean()

# %% tags=["check"]
losses = imagination.cvae_losses(x_hat, x, mean, log_var)
wrong = (
    "The reconstruction term is off: columns near 0 count, too; sum over columns, average samples."
)
desk.check(cross_entropy, losses["reconstruction"], wrong)
desk.check(kl, losses["kl"], "The KL term is off: sum over the latent, mean over samples.")
{name: term.item() for name, term in losses.items()}

# %% [markdown] tags=["exercise"]
# **Exercise 13.2: a latent that says nothing** (find the bug, 5 minutes, medium). Someone takes the
# library's cross-entropy, and the KL term as above. The network trains, and soon puts nothing into the
# latent. Compute `fixed`, the first term as it should be.

# %%
short = F.binary_cross_entropy(x_hat, x)
{"reconstruction": short.item(), "KL": losses["kl"].item()}

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# What does the library average over, unless told otherwise? With 2,048 columns, how much would the KL
# term weigh beside it?
#
# </details>

# %% tags=["solution"]
fixed = F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)

# %% tags=["check"]
desk.check(fixed, losses["reconstruction"], "A sum over columns, and a mean over samples only.")
f"{losses['reconstruction'] / short:.0f} times as much, for {D} columns"

# %% [markdown]
# The second is a Wasserstein GAN. A critic D learns to score real features above generated ones, its gradient
# kept near length one at random points $x'$ between the two:
#
# > **f-VAEGAN**, on average over a batch:
# > $$\mathcal L_{\mathrm{D}} = \mathrm{D}(\hat x, z) - \mathrm{D}(x, z) +
# > \lambda_{pen} (\lVert \nabla_{x'} \mathrm{D}(x', z) \rVert - 1)^2, \qquad
# > \mathcal L_{\mathrm{G}} = \mathcal L_{VAE} - \lambda_{adv}\, \mathrm{D}(\hat x, z)$$
#
# To train the critic one has to differentiate through a gradient; as released, by autograd. But this
# critic has one hidden layer, $\mathrm{D}(x, z) = u^\top \phi(W_x x + W_z z + b) + b'$, and the slope $\phi'$ of
# its leaky ReLU is 1 or 0.2. So the package writes the gradient down: $W_x^\top (u \odot \phi')$.


# %%
def penalty_by_autograd(
    critic: imagination.Critic, real: torch.Tensor, fake: torch.Tensor, z: torch.Tensor
) -> torch.Tensor:
    """Gradient penalty as the released code computes it."""
    share = torch.rand(len(real), 1, device=real.device)
    between = (share * real + (1 - share) * fake).requires_grad_()
    score = critic(between, z).sum()
    (gradient,) = torch.autograd.grad(score, between, create_graph=True)
    return (gradient.norm(dim=1) - 1).square().mean()


with torch.no_grad():
    for weight in critic.parameters():
        weight.mul_(30)  # as drawn they are tiny: slopes of both kinds are to occur
context, point = critic.semantics(z), x.clone().requires_grad_()
(automatic,) = torch.autograd.grad(critic(point, z).sum(), point)
automatic.norm(dim=1)

# %% [markdown] tags=["exercise"]
# **Exercise 13.3: a gradient without autograd** (code, 10 minutes, hard). Compute `gradient`, the
# gradient of each sample's score by its feature. $W_x$ is `critic.features.weight`, $u$ is
# `critic.out.weight`, and `critic.features(x) + context` is what goes into $\phi$.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# The slope of a leaky ReLU is 1 where its input is above 0 and 0.2 elsewhere. Weigh $u$ by it, for each
# sample; then go back through $W_x$.
#
# </details>

# %% tags=["solution"]
slope = torch.where(critic.features(x) + context > 0, 1.0, 0.2)
gradient = (slope * critic.out.weight) @ critic.features.weight

# %% tags=["check"]
torch.testing.assert_close(critic.input_gradient(x, context), automatic)
desk.check(gradient, automatic, "It is not autograd's: check where the slope is 0.2.")

# %%
fake, weights = x_hat.detach(), [critic.features.weight, critic.out.weight]
with seeded(0, "lesson/share"):
    penalty = penalty_by_autograd(critic, x, fake, z)
with seeded(0, "lesson/share"):
    terms = imagination.critic_losses(critic, x, fake, z)
by_hand = {"critic": critic(fake, z).mean() - critic(x, z).mean(), "penalty": penalty}
torch.testing.assert_close(terms, by_hand)
twice, once = (torch.autograd.grad(p, weights) for p in (penalty, terms["penalty"]))
torch.testing.assert_close(once, twice)
{name: term.item() for name, term in terms.items()}

# %% [markdown] tags=["exercise"]
# **Exercise 13.4: flat or steep?** (predict, 3 minutes, easy). What is the penalty of a critic whose
# gradients all have length 0, of one with length 1, and of one with length 2? Put the three into the list
# `predicted`, without the factor $\lambda_{pen}$.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# It is a squared deviation from length one.
#
# </details>

# %% tags=["solution"]
predicted = [1.0, 0.0, 1.0]  # too flat and too steep look the same


# %% tags=["check"]
def penalty_at(length: float) -> float:
    """Penalty of the small critic, scaled so that its mean gradient has this length."""
    slopes = critic.input_gradient(x, context).detach()
    scaled = slopes * length / slopes.norm(dim=1, keepdim=True)
    return float(F.mse_loss(scaled.norm(dim=1), torch.ones(len(x))))


wrong = "Square how far each length is from one."
penalties = [penalty_at(n) for n in (0, 1, 2)]
desk.check(predicted, penalties, wrong, rtol=0, atol=0.01)
[round(penalty, 2) for penalty in penalties]

# %% [markdown]
# ## Both paradigms, one seed
#
# All have one final classifier, and equally many synthetic features. **cVAE** is f-VAEGAN without its critic,
# **f-CLSWGAN** without its VAE but with a loss of its own: a fixed classifier of real seen features is to name the
# generated one's class. After every round we look at **T1 of synthetic features alone** (the classifier never saw a
# seen class; plain **T1**, below, is read off the generalised one), at how **alike** synthetic class means are, and
# at how **steep** the critic is.

# %%
settings = genzsl.profile_settings(bench.name, profile)
same = {"classifier": settings.classifier, "n_synthetic": settings.n_synthetic}
rivals = {
    kind: replace(imagination.profile_settings(bench.name, profile, kind), **same)
    for kind in imagination.KINDS
}
fvaegan, vae = rivals["fvaegan"], rivals["cvae"]
watch = studies.Watch(bench, settings.classifier, here.device)
live = {
    "GenZSL": watch.train("GenZSL", settings),
    "f-VAEGAN": watch.train("f-VAEGAN", fvaegan),
    "cVAE": watch.train("cVAE", vae),
}
here.figure(studies.losses(live))

# %% [markdown]
# A critic that does its work has $\mathrm{D}(\hat x) - \mathrm{D}(x)$ below 0. On the aviary it is above for half
# of the rounds or more: the rival here is not at its best.
#
# As released, the penalty's weight starts at 10. After a step with a mean penalty above 1.05 it is
# multiplied by 1.1, after one below 1.001 divided by 1.1. In between gradients have length 2 or so, not one; and a flat
# critic has a penalty of 1, so its weight goes on falling. (Profiles smoke and medium, at ten times the rate
# released for CUB, fix it at 10.) With the released rule:

# %%
rule = imagination.adapted_penalty_weight
assert (rule(10.0, 1.2), rule(10.0, 1.02), rule(11.0, 0.5)) == (11.0, 10.0, 10.0)
with warnings.catch_warnings(action="ignore"):  # told below
    ruled = watch.train("f-VAEGAN, released rule", replace(fvaegan, adaptive_penalty=True))
penalty_rule = studies.penalty_rule(ruled, watch.looks["f-VAEGAN, released rule"])
here.figure(penalty_rule)
Markdown(imagination.critic_death(ruled.history) or "The critic lives.")

# %% [markdown]
# What is left of f-VAEGAN is a VAE. No loss says so; the package warns.
#
# ## Figure 4: do the features look real?
#
# The paper's figure, we think, shows real and synthetic features of unseen classes in a plane. Ours is fitted to real features alone:

# %%
here.figure(studies.feature_plane(bench, live))

# %% [markdown]
# A plane leaves out most of the space. So count in all dimensions. **Fréchet**, **1-NN** and **to mean** are
# those of [notebook 12](12_boosting_loss.ipynb); **within** is the mean cosine of samples of one class; the
# yardstick is one half of the real features against the other.

# %%
noise = replace(settings, referent="noise")
rows = {"GenZSL": settings, "GenZSL, noise": noise}
rows |= {"f-VAEGAN": fvaegan, "f-CLSWGAN": rivals["gan"], "cVAE": vae}
fidelity = studies.feature_fidelity(bench, rows, here.seeds, here.device)
for name in ("GenZSL", "cVAE"):  # an adversary may take another way on another machine
    first = next(r for r in fidelity.records if r["row"] == name and r["seed"] == 0)
    ends = [run["history"][-1]["reconstruction"] for run in (first["scores"], vars(live[name]))]
    assert math.isclose(*ends, rel_tol=1e-2)
here.table(fidelity)

# %% [markdown]
# Look at *within*: on the aviary the samples of a class are nearly one point, but for f-CLSWGAN's, and the
# nearest neighbour recognises nearly all as synthetic. A classifier may still learn from them: it needs to know first
# where a class *is*.
#
# ## Figure 5: how fast?
#
# > **GenZSL, Figure 5**, AWA2: more than 60 times as fast as f-VAEGAN, and 24.7 % better (points, we think;
# > speed is not defined)
#
# One definition that can fail: **the time f-VAEGAN needs for its own best score, over the time GenZSL needs
# for that score.** Time is the generator's training alone. If GenZSL never reaches the score, there is no
# speed-up, however short its steps. Two controls: *GenZSL, noise* has noise for its referents, so no
# induction; *cVAE* has no adversary.

# %%
watched = studies.watched_settings(bench.name, profile)
rows = {name: watched[name] for name in ("f-VAEGAN", "cVAE", "GenZSL")}
rows["GenZSL, noise"] = replace(rows["GenZSL"], referent="noise")
speed = studies.training_speed(bench, rows, here.seeds, here.device)
here.figure(speed, "figure-5")

# %% [markdown]
# Where f-VAEGAN's H still rises, its best is a low bar that the short schedule sets; its T1 levels off on the
# aviary, and is fairer. Here are all bars, this one rightmost:

# %%
here.figure(studies.speed_by_bar(speed))

# %% [markdown]
# In H the cVAE has most of the speed-up on the aviary; counted in steps, *noise* has all. Time is steps times what a step costs. The first
# factor depends on schedule, learning rate and how often one looks; the second mostly on the critic:

# %%
here.table(studies.step_costs(speed))

# %%
n = next(size["trainval"] for size in results.published_sizes() if size["benchmark"] == "AWA2")
old, new = imagination.published_settings("awa2"), genzsl.published_settings("awa2")
gain, times = (results.published_value("genzsl", f"F5-AWA2-{n}") for n in ("gain", "speedup"))
slow = old.rounds * old.passes * math.ceil(n / old.batch_size)
quick = new.passes * math.ceil(n / new.batch_size)
equal = round(slow * (1 + old.critic_steps) / times / quick)
assert (gain, times, equal, new.rounds, round(new.lr / old.lr)) == (24.7, 60, 8, 150, 100)
{"f-VAEGAN": slow, "its critic": slow * old.critic_steps, "GenZSL, to its first look": quick}

# %% [markdown]
# That is AWA2 by the released scripts (f-VAEGAN's are from a repository of GenZSL's second author; that Figure 5
# used it is our inference). If all steps cost the same, f-VAEGAN's schedule lasts 60 times as long as 8 of
# GenZSL's 150 rounds, at a hundredth of the learning rate: schedule, rate and critic alone can make 60.
#
# ## And better? Does the referent matter?
#
# If induction helps, better referents make better features. So GenZSL with referents from similar classes, from
# random seen classes, or noise in their place, beside two that imagine; protocol *clean*.

# %%
rows = {
    "GenZSL": settings,
    "random classes": replace(settings, referent="random"),
    "noise": noise,
    "f-VAEGAN": imagination.profile_settings(bench.name, profile),
    "cVAE": imagination.profile_settings(bench.name, profile, "cvae"),
}
clean = studies.compared(bench, rows, "GenZSL", here.seeds, here.device, name="clean")
here.table(clean, headline=True)

# %% [markdown]
# On the aviary no referent matters: one without effect ([notebook 11](11_referent_induction.ipynb)) can
# neither help nor do harm. Random classes are the test of induction, since nothing but whose features enter
# changes; noise also has another scale and shape.
#
# ## Two ways to fail, on purpose
#
# **Slow convergence** is the paper's complaint about imagination. Is it the paradigm, the adversary or the
# learning rate? All three at a tenth of the rate:

# %%
slower = {"GenZSL": settings, "cVAE": vae}
slower["f-VAEGAN"] = replace(fvaegan, rounds=max(1, fvaegan.rounds // 2))
for name, used in slower.items():
    watch.train(f"{name}, rate / 10", replace(used, lr=used.lr / 10))
here.figure(studies.slow_rates(watch.looks, [*slower], {"f-VAEGAN": old.lr, "GenZSL": new.lr}))

# %% [markdown]
# A low rate slows all three, the one with an adversary most.
#
# **Semantic collapse.** Add one large random vector to all class texts. A generator that cannot distinguish them
# makes one feature for all classes. Class diversity promotion
# ([notebook 10](10_class_diversity_promotion.ipynb)) is to prevent that; as released it does not scale what is
# left back to length one.

# %%
plain = F.normalize(bench.semantics, dim=1)
generator = torch_generator(0, "lesson/common direction")
common = F.normalize(torch.randn(bench.semantic_dim, generator=generator), dim=0)
collapsed = F.normalize(plain + 10 * common, dim=1)
refined = F.normalize(genzsl.class_diversity_promotion(collapsed), dim=1)
before, after = (genzsl.mean_cosines(s)["without diagonal"] for s in (plain, collapsed))
alike_texts, apart = (replace(bench, semantics=s) for s in (collapsed, refined))
before, after

# %%
every, slim = replace(settings, passes=1, rounds=8), replace(vae, rounds=4)
arms = {
    "GenZSL without CDP": (replace(every, n_removed=0), alike_texts),
    "GenZSL, CDP as released": (every, alike_texts),
    "GenZSL, CDP and unit length": (replace(every, renormalise=True), alike_texts),
    "cVAE without CDP": (slim, alike_texts),
    "cVAE, CDP and unit length": (slim, apart),
}
for name, arm in arms.items():
    watch.train(name, *arm)
passes = {name: used.passes for name, (used, _) in arms.items()}
here.figure(studies.collapse(bench, watch.looks, passes, after))

# %% [markdown]
# On the aviary CDP at unit length cures both generators (one seed): it works on semantics before any generator sees them. As released,
# GenZSL starts far behind, and catches up in part.
#
# ## What held, what did not
#
# Differences count by [notebook 14](14_genzsl_results.ipynb)'s rule: p is corrected for all asked together, intervals
# are not.

# %%
by_referent = studies.verdicts(clean.records, "GenZSL", "random classes", "noise")
lines = [
    "**Held:** losses, gradients and the penalty's rule by hand are the package's. The rule takes "
    f"the critic to a gradient of length {penalty_rule.steepness:.2f}.",
    studies.more_like_real(fidelity.records),
    *(speed.promise(metric) for metric in ("H", "T1")),
    *(speed.origin(metric) for metric in ("H", "T1")),
    *studies.verdicts(clean.records, "GenZSL", "f-VAEGAN"),
    *(f"Referents: {line}" for line in by_referent),
]
Markdown(studies.bullets(lines))

# %% [markdown]
# The paper's figures on AWA2 stay open.
#
# **To think about.** f-CLSWGAN's samples of a class spread, GenZSL's hardly do, and yet a classifier learns from
# those. What would you measure to tell a spread that is worth its price from one that is not?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# Take the spread away, and put it back by measure. Give the classifier each class's synthetic mean with
# none of the spread, with half of it, with all: what H, U and T1 do along this line is what the spread is
# worth. Then ask where it points. Compute the share of it that lies along the directions in which *real*
# features of a class vary (seen ones, which may be looked at), and give the classifier the same amount of
# spread in random directions. A spread that is worth its price beats the random one, and has most of its
# share there; the residuals of notebook 14 do by construction, since they are real.
#
# </details>

# %% [markdown]
# **Before:** [Information boosting](12_boosting_loss.ipynb) · **Next:**
# [GenZSL: the results](14_genzsl_results.ipynb)
