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
#       training_images_of_each_seen_class: 2
#       unseen_classes: 2
#       unseen_classes_with_two_test_images: 1
#     needs: images
#     seconds: 20
# ---

# %% [markdown]
# # Referent induction
#
# *[GenZSL](https://arxiv.org/abs/2505.11882) (ICML 2025; numbered as an earlier version is, see
# [notebook 00](00_start_here.ipynb)), sections 3.2 to 3.4.*
#
# Most generative methods imagine features of an unseen class out of noise. GenZSL means to *induce* them: it
# takes features of similar seen classes, the **referents**, and learns to turn them into features of the target
# class. After this page you can
#
# - find a class's referents and draw a referent sample,
# - write the inductive VAE and its three losses,
# - test, by swapping one input at a time, which inputs a trained generator uses.
#
# You need [notebook 10](10_class_diversity_promotion.ipynb) and the idea of a VAE
# ([Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114)). Twenty minutes to read. Indented parts report
# the paper.

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
import torch.nn.functional as F

from zslnb import experiments, genzsl, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin("11_referent_induction", benchmark, semantics, profile, seeds, device)
bench = here.benchmark
start = genzsl.prepare(bench, genzsl.profile_settings(bench.name, profile), seed=0)  # untrained

# %% [markdown]
# ## Which classes are similar?
#
# Nobody shows GenZSL a picture of a framed bird. To make its features it chooses two seen birds, by their names.
# Which choices would mislead a painter?

# %%
chosen, z = start.referents[bench.unseen], start.semantics
similar = F.cosine_similarity(z[bench.unseen][:, None], z[chosen], dim=2)
here.figure(studies.chosen_referents(bench, chosen, similar))

# %% [markdown]
# On the aviary most are relatives, but the striped owl (the slider has it) gets a robin and a kiwi:

# %%
studies.by_target(bench, chosen, similar)

# %% [markdown]
# > **GenZSL, section 3.2**, as reviews of an earlier version report it: referent classes are the $k = 2$ seen
# > classes whose refined semantics have the highest cosine with the target's.
#
# *Refined* is by class diversity promotion. In a plane: the target is $(1, 0)$, so its cosines with three seen
# classes are their first coordinates. Which are its referents, best first?

# %%
target, plane = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
refined = genzsl.class_diversity_promotion(F.normalize(bench.semantics, dim=1))
plane @ target[0], genzsl.top_k_referents(target, plane, k=2)

# %% [markdown] tags=["exercise"]
# **Exercise 11.1: the two nearest** (code, 5 minutes, easy). Compute `referents`, a tensor of class ids
# with a row for each unseen class: the two seen classes whose refined semantics (rows of `refined`) have the
# highest cosine with its own, best first.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Refined rows are not of length one. `topk` counts among the seen classes; `bench.seen` says which
# classes they are.
#
# </details>

# %% tags=["solution"]
unit = F.normalize(refined, dim=1)
cosines = unit[bench.unseen] @ unit[bench.seen].T
referents = bench.seen[cosines.topk(2, dim=1).indices]

# %% tags=["check"]
same = genzsl.top_k_referents(refined[bench.unseen], refined[bench.seen], k=2)
mine, referents = referents, bench.seen[same]
desk.check(mine, referents, "Some class has others: are these class ids, by cosine, best first?")
[bench.class_names[i] for i in (bench.unseen[0], *referents[0])]

# %% [markdown] tags=["exercise"]
# **Exercise 11.2: nobody stands in for itself** (find the bug, 5 minutes, easy). In training, seen
# classes are targets and have referents, too. These were found as for unseen classes. Compute `fixed`,
# class ids again, as it should have been.

# %%
of_seen = bench.seen[genzsl.top_k_referents(refined[bench.seen], refined[bench.seen], k=2)]
print(of_seen[:4].tolist(), "are the referents of", bench.seen[:4].tolist())

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Which class has the highest cosine with a seen class, if all seen classes are candidates? The function
# has an option for it.
#
# </details>

# %% tags=["solution"]
others = genzsl.top_k_referents(refined[bench.seen], refined[bench.seen], k=2, exclude_self=True)
fixed = bench.seen[others]

# %% tags=["check"]
wrong = "A class must not be among its own referents; and are these class ids?"
right = start.referents[bench.seen]
desk.check(fixed, right, wrong)
right[:4].tolist()

# %% [markdown]
# ## One sample, one draw from each
#
# > **GenZSL, section 3.2** (as reported): a referent sample is a *mixup* of one feature of each referent class,
# > $$x^{refer} = 0.8\, x_1 + 0.2\, x_2 .$$
#
# The training features $x_1$ and $x_2$ are drawn at random for each target sample, anew in each step. The weights
# are fixed, unlike mixup's ([Zhang et al., 2018](https://arxiv.org/abs/1710.09412)), and the mixture is not scaled
# back to length one. By hand, one sample a class, and the lengths of the first four:

# %%
X, train_labels = start.features, start.labels  # training features, at length one
with seeded(0, "lesson/draw"):
    uniform = torch.rand(referents.shape)
drawn = torch.zeros_like(referents)
for row, classes in enumerate(referents):
    for column, c in enumerate(classes):
        members = (train_labels == c).nonzero()[:, 0]
        drawn[row, column] = members[int(uniform[row, column] * len(members))]
by_hand = 0.8 * X[drawn[:, 0]] + 0.2 * X[drawn[:, 1]]
with seeded(0, "lesson/draw"):
    x_refer = start.pool.draw(referents, start.weights)
torch.testing.assert_close(x_refer, by_hand)
x_refer.norm(dim=1)[:4]

# %%
here.figure(studies.pictures_drawn(bench, referents, drawn, start.weights))

# %% [markdown]
# Pose, size, light and background are chance.

# %% [markdown] tags=["exercise"]
# **Exercise 11.3: how long is a mixture?** (predict, 3 minutes, easy). Two features of length one have a
# cosine of 0.5. How long is 0.8 times the one plus 0.2 times the other? Put it into `predicted`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# $\lVert a + b \rVert^2 = \lVert a \rVert^2 + \lVert b \rVert^2 + 2 \langle a, b \rangle$.
#
# </details>

# %% tags=["solution"]
predicted = (0.8**2 + 0.2**2 + 2 * 0.8 * 0.2 * 0.5) ** 0.5

# %% tags=["check"]
pair = torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5]])  # a cosine of 0.5
long = float((0.8 * pair[0] + 0.2 * pair[1]).norm())
desk.check(predicted, long, "It is another length, and below 1.", rtol=0, atol=0.01)
round(long, 3)

# %% [markdown]
# Are referents near? Mix the *mean* features of both classes, and take the cosine with the mean of the target's test
# images (they only measure). Does refining matter? Compare the first two.

# %%
x = F.normalize(bench.features, dim=1)
mean_of = torch.stack([x[bench.labels == c].mean(0) for c in range(bench.n_classes)])
raw = F.normalize(bench.semantics, dim=1)
on_raw = bench.seen[genzsl.top_k_referents(raw[bench.unseen], raw[bench.seen], k=2)]
with seeded(0, "lesson/random"):
    at_random = bench.seen[torch.rand(len(bench.unseen), len(bench.seen)).topk(2).indices]
near = {}
for how, classes in {"refined": referents, "raw": on_raw, "random": at_random}.items():
    mixed = 0.8 * mean_of[classes[:, 0]] + 0.2 * mean_of[classes[:, 1]]
    near[how] = round(float(F.cosine_similarity(mixed, mean_of[bench.unseen]).mean()), 3)
if bench.name == "aviary":
    assert near["refined"] > near["random"] + 0.1
    assert abs(near["refined"] - near["raw"]) < 0.01
near

# %% [markdown]
# On the aviary referents are near, and refining hardly matters.
#
# ## The inductive VAE
#
# > **GenZSL, section 3.3** (as reported; we write $\sigma$ for its delta):
# > $$\mu, \sigma = \mathrm{IE}(x^{refer}, \tilde z), \qquad o = \mu + \sigma\,\varepsilon, \quad
# > \varepsilon \sim \mathcal N(0, I), \qquad \hat x = \mathrm{ID}(o, \tilde z) .$$
#
# From a referent sample and the target's semantics an encoder makes a Gaussian; from a latent drawn from it, and the
# semantics, a decoder makes a feature.

# %%
here.figure(studies.inductive_vae())

# %% [markdown]
# The paper also writes $x^{refer} + o$, as if the decoder got the referent, too. In the released code, as here, it does
# not, and $\hat x$ is scaled to length one. Step by step, with untrained weights, four columns of $\mu$, $\sigma$ and
# $o$ for the first target. How much of the referent is in $o$?

# %%
vae, z = start.model, refined[bench.unseen]
with torch.no_grad(), seeded(0, "lesson/latent"):
    hidden = vae.encoder[0](torch.cat([x_refer, z], dim=1)).relu()
    mu, log_var = vae.mean(hidden), vae.log_var(hidden)
    o = mu + (log_var / 2).exp() * torch.randn_like(mu)
    hidden = vae.decoder[0](torch.cat([o, z], dim=1)).relu()
    x_hat = F.normalize(vae.decoder[2](hidden), dim=1)
with torch.no_grad(), seeded(0, "lesson/latent"):
    torch.testing.assert_close(vae(x_refer, z), (x_hat, mu, log_var))
torch.stack([mu, (log_var / 2).exp(), o])[:, 0, :4]

# %% [markdown]
# Next to nothing yet: $\mu$ is about 0 and $\sigma$ about 1, so $o$ is noise.
#
# ## Three losses
#
# > **GenZSL, sections 3.3 and 3.4** (as reported), for a target feature $x$ of a seen class:
# > $$\mathrm{KL}\big(q(o \mid x^{refer}, \tilde z)\,\Vert\,p(o \mid \tilde z)\big) -
# > \mathbb E_q \ln p(x \mid o, \tilde z) + \lambda\, \mathcal L_{Boost} .$$
#
# As released, the prior $p(o)$ is $\mathcal N(0, I)$, and a squared error stands for the log-likelihood:
#
# $$\underbrace{\lVert \hat x - x \rVert^2}_{\text{reconstruction}}
# + \underbrace{\tfrac12 \sum_l \big(\mu_l^2 + \sigma_l^2 - 1 - \ln \sigma_l^2\big)}_{\mathrm{KL}}
# + \lambda\, \underbrace{\mathcal L_{Boost}}_{\text{boosting}} .$$
#
# At length one the first is $2 - 2\cos(\hat x, x)$: a cosine of 0.5 costs 1. A latent column with $\mu = 1$ and
# $\sigma = 1$ costs 0.5. In boosting ([notebook 12](12_boosting_loss.ipynb)) each $\hat x$ of a batch is to pick out its
# own $\tilde z$, and each $\tilde z$ its own $\hat x$, by a softmax over $\langle \hat x_i, \tilde z_j \rangle / \tau$.
# Below is the mean cosine of a batch of seen targets with what the untrained network makes. What will the first term be?

# %%
batch = torch.arange(0, len(X), max(1, len(X) // 64))[:64]
x, target_z, anchors = X[batch], refined[train_labels[batch]], start.anchors[train_labels[batch]]
with torch.no_grad(), seeded(0, "lesson/losses"):
    x_hat, mu, log_var = vae(start.referent_samples(train_labels[batch]), target_z)
(x_hat * x).sum(1).mean()

# %% [markdown] tags=["exercise"]
# **Exercise 11.4: three losses** (code, 15 minutes, hard). From `x_hat`, `x`, `mu`, `log_var` and
# `anchors` (the texts $\tilde z$ of the targets' classes, in the space of features), a sample a row, compute
# `reconstruction`, `kl` and `boosting` ($\tau = 0.07$, without λ).

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Sums run over dimensions, averages over samples. $\sigma^2$ is `log_var.exp()`. In `boosting`, a softmax
# over each row says which text a feature picks, one over each column which feature a text picks; the
# right picks are on the diagonal, and the two mean surprises (minus the logarithms of the probabilities) are
# averaged.
#
# </details>

# %% tags=["solution"]
reconstruction = (x_hat - x).square().sum(1).mean()
kl = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).mean()
logits = x_hat @ anchors.T / 0.07
boosting = -(logits.log_softmax(1).diag() + logits.log_softmax(0).diag()).mean() / 2

# %% tags=["check"]
with torch.no_grad(), seeded(0, "lesson/losses"):
    losses = start.losses(batch)
desk.check(reconstruction, losses["reconstruction"], "The reconstruction term is off.")
desk.check(kl, losses["kl"], "The KL term is off: sum over the latent, average over samples.")
desk.check(boosting, losses["boosting"], "The boosting term is off: are both softmaxes in it?")
torch.testing.assert_close(losses["reconstruction"], (2 - 2 * (x_hat * x).sum(1)).mean())
{name: round(float(value), 3) for name, value in losses.items()}

# %% [markdown]
# How low can the first term get without referents? If $\hat x$ depends on the class alone, the best is the direction of
# the class mean $m_y$, which leaves $2 - 2\,\lVert m_y \rVert$ on average. Good use of referents would get below that
# floor:

# %%
means = torch.stack([X[train_labels == c].mean(0) for c in bench.seen])
counts = start.pool.counts[bench.seen]
floor = float(2 - 2 * (counts * means.norm(dim=1)).sum() / counts.sum())
round(floor, 3)

# %% [markdown]
# ## Training
#
# With the published KL weight of 1; with a thousandth of it; and with that for twice as many passes. Does any curve get
# below the floor? Where does the KL go?

# %%
settings = start.settings
model = experiments.trained(bench, settings, seed=0, device=here.device)  # genzsl.fit, if need be
swaps = studies.swaps(bench, settings, here.seeds, here.device)
first = swaps.records[0]["scores"]
live = model.history[-1]["reconstruction"]
assert abs(live - first["history"][-1]["reconstruction"]) < 1e-3
terms = studies.loss_terms(floor, swaps.records)
if bench.name == "aviary":
    assert min(r["scores"]["history"][-1]["reconstruction"] for r in swaps.records) > floor
here.figure(terms)

# %% [markdown]
# On the aviary none gets below; training is short, and the curves still fall. A KL near 0 means $\mu = 0$, $\sigma = 1$
# for any input: *posterior collapse*. The decoder then gets noise in the referent's place.
#
# ## The swap test
#
# Synthesise features of the unseen classes. Then exchange a single input, keep all else down to the noise
# $\varepsilon$, and see how far the output turns: $1 - \cos$ of the two. A generator that induces must turn when its
# referent does. Compare with the last two rows.

# %%
moved = genzsl.referent_swap(model, bench.unseen, n=100)
assert all(np.isclose(moved[s], first["swaps"][s], rtol=0.05, atol=1e-6) for s in genzsl.SWAPS)
if bench.name == "aviary":
    assert swaps.effect["KL weight 1"] < 1e-6
    assert max(swaps.effect.values()) < 0.01
here.figure(swaps)
here.table(swaps)

# %% [markdown]
# On the aviary the semantics decide. With KL weight 1 referents have no effect to speak of. With a thousandth of it,
# samples of random classes turn the output less than a hundredth as far as other semantics do.
#
# ## Why the referent has no effect
#
# Any picture of the referent class is paired with any of the target class. Once the class is known, a referent says
# nothing about the target $x$, and the best generator ignores it, at any KL weight above 0.

# %% [markdown] tags=["appendix"]
# <details><summary>Why: the optimum of the whole objective ignores the referent</summary>
#
# Referent and target are drawn independently once the class is given, so
#
# $$I(x^{refer};\, x \mid \tilde z) = 0, \qquad\text{and with it}\qquad I(o;\, x \mid \tilde z) = 0 ,$$
#
# since $o$ is made of the referent, the semantics and noise ($I$ is mutual information). No decoder can reconstruct $x$
# better with $o$ than from $\tilde z$ alone; the boosting term looks at $\hat x$ and $\tilde z$ only; and a latent that
# depends on the referent costs KL, at any weight above 0. A small KL weight gives no reason to use the referent; it only
# makes forgetting it slow. That is why longer training is shown beside the rest: its KL is lower, its encoder nearer to
# the prior, though it may be far from the end of that way.
#
# </details>

# %% [markdown]
# With class means taken away, the mean cosine of target and referent is 0 within two standard errors.

# %%
with seeded(0, "lesson/independence"):
    paired = start.referent_samples(train_labels)
class_of = torch.searchsorted(bench.seen, train_labels)
paired_means = torch.stack([paired[class_of == i].mean(0) for i in range(len(bench.seen))])
common = F.cosine_similarity(paired - paired_means[class_of], X - means[class_of])
error = float(common.std() / len(common) ** 0.5)
if bench.name == "aviary":
    assert abs(common.mean()) < 2 * error
{"mean cosine": round(float(common.mean()), 3), "standard error": round(error, 3)}

# %% [markdown]
# ## How varied are the samples?
#
# If the output depends on semantics and noise only, and the noise is best ignored (as at the floor), all samples of a
# class come out alike. Are they in the right place? Look at the table's last two columns.

# %%
synthetic = studies.pair_cosines(*model.synthesise(bench.unseen, 100, "swap"))
unseen = bench.test_unseen_idx
real = studies.pair_cosines(bench.features[unseen], bench.labels[unseen])
variety = studies.variety(real, synthetic, swaps.records)
if bench.name == "aviary":
    to_mean = [record["scores"]["to mean"] for record in swaps.records]
    assert np.median(synthetic) > 0.95 > np.median(real)
    assert all(each["synthetic"] > each["referent"] for each in to_mean)
here.figure(variety)
here.table(variety)

# %% [markdown]
# ## What held, what did not
#
# - **Held:** referents, draws, network and losses by hand are those of the package.
# - **Induction:** not found on the aviary. Referents are near, but the generator makes next to no use of them.
# - **Spread:** samples of a class are nearly alike, unlike real ones.
# - **Still useful:** their means are nearer to the real means than the referents' are. What is learnt is a smooth map
#   from semantics to the middle of a class, by regression: that is quick, and may explain the paper's speed.
#
# Then noise in the referent's place should do as well: [13](13_induction_vs_imagination.ipynb) and
# [14](14_genzsl_results.ipynb) test it.
#
# **Rows filled:** `referent_swap`, three settings.
#
# **To think about.** What would you pair with what, or what would the loss have to reward, for the
# referent to tell the generator something about the target that its name does not?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# Something that referent and target share beyond their classes: pose, size, light, background. Pair each
# target with the referent picture that is most like it in these (its nearest neighbour after both
# classes' means are taken out). Then $I(x^{refer};\, x \mid \tilde z)$ is above 0, and reconstruction
# rewards using the referent. For an unseen class there is no target to pair with; but any referent will
# do then, and what comes out varies as the referent does, which gives the class its spread. Or change the
# loss: one that compares whole sets of features, such as a critic's, pays for variety where squared error
# asks for the mean.
#
# </details>

# %% [markdown]
# **Before:** [Class diversity promotion](10_class_diversity_promotion.ipynb) · **Next:** [Information boosting](12_boosting_loss.ipynb)
