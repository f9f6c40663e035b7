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
#       training_images: 64
#       training_images_of_each_seen_class: 2
#       unseen_classes_with_two_test_images: 1
#     needs: images
#     seconds: 25
# ---

# %% [markdown]
# # Information boosting
#
# *[GenZSL](https://arxiv.org/abs/2505.11882) (ICML 2025; numbered as an earlier version is, see
# [notebook 00](00_start_here.ipynb)), sections 3.3 and 3.4.*
#
# GenZSL's third loss term asks a generated feature to point at its own class's text. The paper calls it
# *target class-guided information boosting*; it is to keep the network from copying its referent
# ([notebook 11](11_referent_induction.ipynb)). After this page you can
#
# - write the term in four lines, as the code has it and as the paper means it,
# - give its lowest value for any batch, and say what false negatives do,
# - make a network copy on purpose, and see when the term stops it,
# - weigh alignment with the text against fidelity.

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
from IPython.display import Markdown

from zslnb import genzsl, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin("12_boosting_loss", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## Three features and two texts
#
# Hide from each generated feature which text it was made for. Let it guess, by a softmax over inner
# products divided by a temperature; then let each text guess its feature. The mean surprise is the
# loss. Here are three features in a plane, the last two of one class. Texts have length 0.5, since
# refined semantics ([notebook 10](10_class_diversity_promotion.ipynb)) are not scaled back to length
# one. Below are the logits: features in rows, texts in columns.

# %%
x_hat = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
z_class, y, tau = torch.tensor([[0.5, 0.0], [0.0, 0.5]]), torch.tensor([0, 1, 1]), 0.25
z = z_class[y]
here.figure(studies.pushes(x_hat, z, tau))
x_hat @ z.T / tau

# %% [markdown]
# $\hat x_1$ and $\hat x_2$ are pushed along their own text's direction, away from the other's. Yet
# $\hat x_3$, which has its text's direction already, is pushed sideways and a little backwards: it shares the
# text with $\hat x_2$; each is a *false negative* of the other.
#
# ## The loss, in print and in code
#
# > **GenZSL, sections 3.3 and 3.4**, as reviews of an earlier version quote the formula:
# > $-e^{\langle \hat x, \tilde z \rangle / \tau} / \sum_{j=1}^{C^s} e^{\langle \hat x, \tilde z \rangle / \tau}$
#
# That is $-1 / C^s$, whatever $\hat x$ is: a logarithm and an index were lost. What it must mean is a softmax
# over the $C^s$ seen classes, each once, where $y_i$ is the feature's own:
#
# $$\mathcal L_{classes} = -\frac{1}{B} \sum_i \ln p_{i y_i}, \qquad
# p_{ic} = \mathrm{softmax}_c \, \langle \hat x_i, \tilde z_c \rangle / \tau .$$
#
# The released code has CLIP's own loss, a symmetric InfoNCE within a batch of $B$ features and the texts of
# their classes, at $\tau = 0.07$: with $p$ the softmax of the rows of the logits $L$, and $q$ of their columns,
#
# $$\mathcal L_{Boost} = -\frac{1}{2B} \sum_i (\ln p_{ii} + \ln q_{ii}), \qquad
# L_{ij} = \langle \hat x_i, \tilde z_j \rangle / \tau .$$

# %% [markdown] tags=["exercise"]
# **Exercise 12.1: the batch form** (code, 10 minutes, medium). Write $\mathcal L_{Boost}$ as a function
# of features `x_hat` and texts `z`, a sample a row, and of the temperature.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# `log_softmax` along one axis lets features pick texts, along the other it lets texts pick features. The
# right picks are on the diagonal of both.
#
# </details>


# %% tags=["solution"]
def batch_form(x_hat: torch.Tensor, z: torch.Tensor, tau: float) -> torch.Tensor:
    """As released: each feature picks its text, each text its feature, within the batch."""
    logits = x_hat @ z.T / tau
    return -(logits.log_softmax(dim=1) + logits.log_softmax(dim=0)).diag().mean() / 2


# %% tags=["check"]
mine, batch_form = batch_form, genzsl.boosting_loss
in_batch = batch_form(x_hat, z, tau)
wrong = "Both softmaxes count, one half each, over the batch."
desk.check(lambda: mine(x_hat, z, tau), in_batch, wrong)
torch.testing.assert_close(batch_form(x_hat, z / 0.5, tau / 0.5), in_batch)
in_batch

# %% [markdown] tags=["exercise"]
# **Exercise 12.2: the classes form** (code, 5 minutes, easy). And $\mathcal L_{classes}$; here `z` has a
# row for each class, and `y` says which class a feature was made for.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# One softmax, over classes. `gather(1, y[:, None])` takes from each row the entry of its own class.
#
# </details>


# %% tags=["solution"]
def classes_form(x_hat: torch.Tensor, z: torch.Tensor, y: torch.Tensor, tau: float) -> torch.Tensor:
    """As the paper means it: each feature picks its class among all seen ones."""
    return -(x_hat @ z.T / tau).log_softmax(dim=1).gather(1, y[:, None]).mean()


# %% tags=["check"]
over_classes = {"mode": "classes", "class_semantics": z_class, "labels": y}
in_classes = genzsl.boosting_loss(x_hat, z, tau, **over_classes)
wrong = "Each feature picks among classes, each class once; and the mean is over features."
desk.check(lambda: classes_form(x_hat, z_class, y, tau), in_classes, wrong)
in_classes

# %%
start = genzsl.prepare(bench, genzsl.profile_settings(bench.name, profile), 0, here.device)
lengths = start.anchors[start.seen].norm(dim=1)
{"text lengths": (lengths.min(), lengths.max())}

# %% [markdown]
# The two forms differ by 0.4 nats, as two samples share a text. Real texts differ in length, and length
# $r$ at temperature $\tau$ is length 1 at $\tau / r$: on the aviary 0.07 acts like 0.08 to 0.16.

# %% [markdown]
# ## A floor of ln B
#
# If all texts of a batch are identical, no feature can find its own: its guess costs $\ln B$, whatever it is.
# In general let class $c$ have $n_c$ samples in the batch. Then
#
# $$\mathcal L_{Boost} \;\ge\; \sum_c \frac{n_c}{B} \ln n_c ,$$
#
# which is $\ln B$ for one class and 0 if no two samples share a class.

# %% [markdown] tags=["appendix"]
# <details><summary>Why: the share that a class leaves to each of its samples</summary>
#
# In row $i$ the own text occurs $n_{y_i}$ times, so its share of the probability is at most $1 / n_{y_i}$.
# Columns of one class are equal, and share one unit of probability among $n_c$ entries on the diagonal; $-\ln$
# is convex, so their mean surprise is least where the shares are equal. Both halves give the bound.
#
# </details>


# %%
def floor(labels: torch.Tensor) -> float:
    """The lowest value that the batch form can have for samples of these classes."""
    counts = labels.unique(return_counts=True)[1].double()
    return float((counts * counts.log()).sum() / len(labels))


X, labels = start.features, start.labels
with seeded(0, "lesson/floor"):
    batches = torch.randperm(len(X), device=X.device).split(64)[:20]
random = torch.tensor(
    [[batch_form(X[b], start.anchors[labels[b]]), floor(labels[b])] for b in batches]
)
assert (random[:, 0] >= random[:, 1]).all()
assert floor(y) == studies.batch_floor(y)
{
    "one class": float(batch_form(X[:64], start.anchors[labels[:1]].expand(64, -1))),
    "term, floor": random.mean(0),
}

# %% [markdown]
# With one text for all, real features stay above $\ln 64 = 4.16$. In random batches, with the texts of their
# classes, the term could get much lower: to 0.7 nats on the aviary.

# %% [markdown] tags=["exercise"]
# **Exercise 12.3: four classes in a batch** (predict, 3 minutes, easy). A batch of 64 has sixteen samples
# of each of four classes. How low can the batch form get? Put it into `predicted`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Each class has $n_c / B = 1/4$ of the batch.
#
# </details>

# %% tags=["solution"]
predicted = math.log(16)

# %% tags=["check"]
lowest = floor(torch.arange(64) // 16)
wrong = "Count how often each text occurs, not how many texts there are."
desk.check(predicted, lowest, wrong, rtol=0, atol=0.01)
round(lowest, 2)

# %% [markdown] tags=["exercise"]
# **Exercise 12.4: nothing left to teach** (find the bug, 10 minutes, medium). Someone trains on batches
# of 64 as below, and wonders why the term stays near its start. Compute `order`, a tensor with the
# numbers of the rows of `X` in an order that mends it.

# %%
stored = labels.argsort(stable=True)  # as folders of images are read: class by class
floors = torch.tensor([floor(labels[batch]) for batch in stored.split(64)])
print(f"mean floor {floors.mean():.2f} nats; one class alone: {math.log(64):.2f}")

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Look at `labels[stored[:64]]`. Which order has few samples of any class in a batch, without looking at
# labels at all?
#
# </details>

# %% tags=["solution"]
order = torch.randperm(len(X), device=X.device)


# %% tags=["check"]
def is_mended(order: torch.Tensor) -> bool:
    """Tell whether each image comes once, and batches leave the term something to teach."""
    mended = torch.tensor([floor(labels[batch]) for batch in order.split(64)])
    return len(order.unique()) == len(X) == len(order) and bool(mended.mean() < 0.5 * floors.mean())


desk.check(order, is_mended, "Each image once, and few of a class in one batch.")
print(f"mean floor of random batches {random[:, 1].mean():.2f} nats")

# %% [markdown]
# So *order* matters. The released code's batches follow the stored order in every pass:

# %%
here.table(studies.order_floors(bench.name, labels.cpu()))

# %% [markdown]
# AWA2's and CUB's published lists are shuffled once and for all; SUN's goes class by class, and has the
# high floor. The package shuffles anew in every pass. Here is a small network in either order:

# %%
small = replace(start.settings, hidden_dim=128, latent_dim=64, batch_size=64, boosting_weight=0.1)
orders = studies.orders(bench, small, here.device)
here.figure(orders)

# %% [markdown]
# Asked for $\mathcal L_{classes}$ (caption), on the aviary the network fed class by class does no better than one
# that never had the term.
#
# ## False negatives
#
# In a shuffled batch, too, some samples share a class, like $\hat x_2$ and $\hat x_3$. With $n_c$ of $N$ training
# images in class $c$, a sample expects $(B - 1) \sum_c n_c (n_c - 1) / (N (N - 1))$ others of its class:

# %%
counts = labels.bincount().double()
chance = float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))
false = studies.false_negatives(bench.name, labels.cpu())
expected = chance * (torch.tensor([*false.batches]).double() - 1)
measured = torch.from_numpy(false.measured).mean(1)
torch.testing.assert_close(measured, expected, rtol=0.1, atol=0.05)
here.figure(false)

# %% [markdown]
# What does the gradient do to them? With $\delta_{ij}$ 1 on the diagonal and 0 elsewhere,
#
# $$\frac{\partial \mathcal L_{Boost}}{\partial \hat x_i}
# = \frac{1}{2 B \tau} \sum_j (p_{ij} + q_{ij} - 2\,\delta_{ij})\, \tilde z_j .$$
#
# A false negative ($\tilde z_j = \tilde z_i$, $j \ne i$) adds $p_{ij} > 0$: a push away from the own text. But
# all copies of it in a row together still pull, by 1 minus the sum of their $p_{ij}$: the push weakens the
# pull, and never wins.

# %% [markdown] tags=["appendix"]
# <details><summary>Why: how much weaker, and what the columns do</summary>
#
# Let $a$ be the pull with the class once in the row. Its share is $1 - a$; with $n$ copies it is
# $n (1 - a)$ of $a + n (1 - a)$, and the pull that is left is
#
# $$\frac{a}{a + n\,(1 - a)} ,$$
#
# between $a / n$ (near the goal) and $a$ (far from it), and exactly 0 where the batch has no other class.
# The columns set samples of one class against each other over a text that belongs to all of them, which
# pushes them to be equally near. That moved $\hat x_3$ backwards in the first figure.
#
# </details>

# %%
model, batch = orders.runs["shuffled"], false.batches[64][0].to(here.device)
batch = batch[labels[batch].argsort()]  # by class, for the eye; the term does not mind
z, tau = model.anchors[labels[batch]], 0.07
with torch.no_grad(), seeded(0, "lesson/heat-map"):
    x_hat = model.model(model.referent_samples(labels[batch]), model.semantics[labels[batch]])[0]
x_hat.requires_grad_()
(automatic,) = torch.autograd.grad(batch_form(x_hat, z, tau), x_hat)
L = (x_hat @ z.T / tau).detach()
p, q, delta = L.softmax(dim=1), L.softmax(dim=0), torch.eye(len(L), device=L.device)
torch.testing.assert_close((p + q - 2 * delta) @ z / (2 * len(L) * tau), automatic)

same = labels[batch][:, None] == labels[batch]
copies, pull = same.sum(1), 1 - (p * same).sum(1)
alone = pull / (p.diag() + pull)
torch.testing.assert_close(alone / (alone + copies * (1 - alone)), pull)
here.figure(studies.pull_taken(L, labels[batch], pull, alone))

# %% [markdown]
# ## Copying its referent
#
# The paper's reason for the term: without it the network might return its referent as it is. But
# reconstruction asks for a sample of the *target* class, and a copy pays for every difference:

# %%
means = torch.zeros(bench.n_classes, X.shape[1], device=X.device).index_add(0, labels, X)
with seeded(0, "lesson/copying"):
    drawn = start.referent_samples(labels)
errors = {"copied referent": drawn, "mean of the target class": means[labels]}
errors = {name: float((2 - 2 * F.cosine_similarity(x, X)).mean()) for name, x in errors.items()}
errors

# %% [markdown]
# The class mean is the best for a network that knows the class and no more. To see copying we must ask for
# it: train a network to reconstruct **its own referent**, with a small KL weight so that the latent may
# carry it. The target's text determines the referent *classes*, so being near a referent proves nothing.
# *Copying* is how much nearer (in cosine) the output is to its own referent than to another from the same
# classes.

# %%
with seeded(0, "lesson/copier"):
    asked = studies.copying_losses(start, batch)
with seeded(0, "lesson/copier"):
    referents = start.referent_samples(labels[batch])
    copied = start.model(referents, start.semantics[labels[batch]])[0]
error = (2 - 2 * F.cosine_similarity(copied, referents)).mean()
torch.testing.assert_close(asked["reconstruction"], error)

copying = studies.copying(bench, small, here.seeds, here.device)
here.figure(copying)

# %% [markdown]
# Under GenZSL's own objective there is nothing to wear down: what is left of copying there is chance, in draws
# that all networks share.
#
# ## What the term does to fidelity
#
# The term moves features towards the text. Can that bring them nearer to real features, too? By the
# error on training images, at the optimum, it cannot. For *unseen* classes it might. With nothing but λ
# changed, measure
#
# - **to the real mean**: cosine of a class's mean synthetic with its mean real feature,
# - **Fréchet distance** of synthetic and real unseen features, as Gaussians of mean $m$ and covariance
#   $\Sigma$: $\|m - m'\|^2 + \mathrm{tr}(\Sigma + \Sigma' - 2 (\Sigma \Sigma')^{1/2})$; 0 is best,
# - **1-NN test**: how often a sample's nearest other sample is of its own kind, real or synthetic (0.5 is
#   best),
# - **to the text**: cosine of synthetic features with their class's text.
#
# Test images only measure.

# %% [markdown] tags=["appendix"]
# <details><summary>Why: a larger λ never reconstructs training images better</summary>
#
# Let $f$ be the rest of the objective and $g$ the term; let $u$ minimise $f + \lambda g$ and $u'$ minimise
# $f + \lambda' g$, $\lambda < \lambda'$. Add
#
# $$f(u) + \lambda g(u) \le f(u') + \lambda g(u'), \qquad
# f(u') + \lambda' g(u') \le f(u) + \lambda' g(u)$$
#
# and $(\lambda' - \lambda)\,(g(u') - g(u)) \le 0$ is left: $g$ falls, and then by the first inequality $f$ rises.
# ($f$ is reconstruction and KL; at an optimum the KL is 0, [notebook 11](11_referent_induction.ipynb), so it is the
# reconstruction that rises.)
#
# </details>

# %%
weight = studies.boosting_weight(bench, start, here.seeds, here.device)
here.table(weight)

# %%
here.figure(weight)

# %% [markdown]
# The features themselves, one seed of each weight: move λ, watch the crosses.

# %%
studies.by_weight(bench, start, here.device)

# %% [markdown]
# On the aviary next to nothing moves up to λ = 0.01. At 0.1 the crosses turn towards their class's text (star),
# at little cost: as a cloud they even come a little nearer to the real images (dots). From λ = 1 on they leave
# them. Which changes count?

# %%
here.table(weight.against_none())

# %% [markdown]
# ## What held, what did not
#
# Both forms, the floor and the gradient by hand are the package's. The rest by the numbers of this run:

# %%
Markdown(f"{copying.verdicts}\n{weight.verdicts()}")

# %% [markdown]
# **To think about.** A classifier is trained on these features and scored on real ones. Would you rather give
# it features that look like the class, or features that are easy to tell from other classes? What does each
# do to the border between seen and unseen?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# What counts is where the border falls. The classifier is trained on real features of seen classes and on
# made-up ones of unseen classes. Features that are easy to tell apart lie further out than real ones do,
# so the border comes to lie too near to the real unseen images, or beyond them: these are then answered
# with seen classes, and U is lost. Features that look like the class put the border in the right place,
# if they also spread like it; a cloud too narrow leaves the seen side more room than it should have.
# Among unseen classes only (T1) the first kind may still win, since there all competitors are exaggerated
# alike.
#
# </details>

# %% [markdown]
# **Before:** [Referent induction](11_referent_induction.ipynb) · **Next:**
# [Induction against imagination](13_induction_vs_imagination.ipynb)
