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
# *GenZSL (ICML 2025; numbered as an earlier version is, see notebook 00), sections 3.3 and 3.4.*
#
# GenZSL has a third loss term: a generated feature is to point at its own class's text. The paper
# calls it *target class-guided information boosting*, and wants it to keep the network from copying
# its referent. After this page you can
#
# - write the term in four lines, in the form the code has and in the form the paper means,
# - give its lowest value for any batch before training starts, and say what false negatives do,
# - make a network copy on purpose, and see when the term stops it,
# - weigh what the term gives (alignment with the text) against what it takes (fidelity, at large λ).
#
# Half a minute on two cores; under 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import genzsl, studies
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin("12_boosting_loss", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## The term by hand
#
# Take a batch of $B$ generated features $\hat x_i$ (length one) and the texts $\tilde z_i$ of the
# classes they were made for. Hide from $\hat x_i$ which text is its own, and let it guess by a softmax
# over inner products; then let each text guess its feature. The mean surprise is the term:
#
# $$\mathcal L_{Boost} = -\frac{1}{2B} \sum_{i=1}^{B} \left[
# \ln \frac{e^{L_{ii}}}{\sum_j e^{L_{ij}}} + \ln \frac{e^{L_{ii}}}{\sum_j e^{L_{ji}}} \right],
# \qquad L_{ij} = \langle \hat x_i, \tilde z_j \rangle / \tau, \qquad \tau = 0.07 .$$
#
# This is InfoNCE, the loss CLIP itself was trained with, and it is what the released code computes.
# The paper's text sums over the $C^s$ seen classes instead. As its reviews quote it, the formula lost
# its logarithm and its index $j$ in print: $-e^{\langle \hat x, \tilde z \rangle / \tau} /
# \sum_{j=1}^{C^s} e^{\langle \hat x, \tilde z \rangle / \tau}$ is $-1 / C^s$ whatever $\hat x$ is. What
# it must mean is a softmax with each class once:
#
# $$\mathcal L_{classes} = -\frac{1}{B} \sum_i
# \ln \frac{e^{\langle \hat x_i, \tilde z_{y_i} \rangle / \tau}}
# {\sum_{c=1}^{C^s} e^{\langle \hat x_i, \tilde z_c \rangle / \tau}} .$$

# %% [markdown]
# Three features, two classes; the last two samples have the same text. The texts have length 0.5,
# since refined semantics are not scaled back to length one. That makes the softmax softer: length
# $r$ at temperature $\tau$ is length 1 at $\tau / r$.

# %%
x_hat = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
z_class, y, tau = torch.tensor([[0.5, 0.0], [0.0, 0.5]]), torch.tensor([0, 1, 1]), 0.25
z = z_class[y]
x_hat @ z.T / tau

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
    text, feature = logits.log_softmax(dim=1).diag(), logits.log_softmax(dim=0).diag()
    return -(text + feature).mean() / 2


# %% tags=["check"]
mine, batch_form = batch_form, genzsl.boosting_loss
in_batch = batch_form(x_hat, z, tau)
desk.check(
    mine(x_hat, z, tau), in_batch, "Both softmaxes count, with one half each, over the batch."
)
torch.testing.assert_close(batch_form(x_hat, z / 0.5, tau / 0.5), in_batch)

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
desk.check(classes_form(x_hat, z_class, y, tau), in_classes, wrong)

# %%
start = genzsl.prepare(bench, genzsl.profile_settings(bench.name, profile), 0, here.device)
lengths = start.anchors[start.seen].norm(dim=1)
Markdown(
    f"In the small case the batch form is {in_batch:.2f}, the classes form {in_classes:.2f}. On "
    f"{bench.name} the texts in feature space are {lengths.min():.2f} to {lengths.max():.2f} long, so "
    f"that τ = 0.07 acts like {0.07 / lengths.max():.3f} to {0.07 / lengths.min():.3f} would on texts of "
    "length one."
)

# %% [markdown]
# ## A floor of ln B
#
# If all texts of a batch are identical, no feature can tell its own from the rest: every row of $L$
# is constant, and its guess is worth $\ln B$, whatever the features are. The columns can only be
# worse, or equal if the features agree.
#
# More generally let class $c$ have $n_c$ samples in the batch. In row $i$ the own text occurs
# $n_{y_i}$ times, so its share is at most $1 / n_{y_i}$; columns of one class are equal, share one
# unit of probability among $n_c$ entries on the diagonal, and $-\ln$ is convex. Both halves give
#
# $$\mathcal L_{Boost} \;\ge\; \sum_c \frac{n_c}{B} \ln n_c ,$$
#
# which is $\ln B$ for one class and 0 if no two samples share a class.


# %%
def floor(labels: torch.Tensor) -> float:
    """The lowest value that the batch form can have for samples of these classes."""
    counts = labels.unique(return_counts=True)[1].double()
    return float((counts * counts.log()).sum() / len(labels))


# %%
X, labels = start.features, start.labels
alike = start.anchors[labels[:1]].expand(64, -1)
assert math.isclose(
    float(batch_form(X[:1].expand(64, -1), alike, 0.07)), math.log(64), rel_tol=1e-5
)
rows_only = -(X[:64] @ alike.T / 0.07).log_softmax(dim=1).diag()
torch.testing.assert_close(rows_only, torch.full_like(rows_only, math.log(64)))

# %%
with seeded(0, "lesson/floor"):
    batches = torch.randperm(len(X), device=X.device).split(64)[:20]
assert all(batch_form(X[b], start.anchors[labels[b]], 0.07) >= floor(labels[b]) for b in batches)
torch.testing.assert_close(floor(y), 2 / 3 * math.log(2))
assert floor(y) == studies.batch_floor(y)

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
lowest = studies.batch_floor(torch.arange(64) // 16)
wrong = "Count how often each text occurs, not how many texts there are."
desk.check(predicted, lowest, wrong, rtol=0, atol=0.01)
round(lowest, 2)

# %% [markdown] tags=["exercise"]
# **Exercise 12.4: nothing left to teach** (find the bug, 10 minutes, medium). Someone trains on batches
# of 64 as below, and wonders why the term stays near its start. Compute `order`, the rows of `X` in an
# order that mends it.

# %%
stored = labels.argsort(stable=True)  # as folders of images are read: class by class
floors = [floor(labels[batch]) for batch in stored.split(64)]
print(f"mean floor {np.mean(floors):.2f} nats; one class alone: {math.log(64):.2f}")

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
    mended = np.mean([studies.batch_floor(labels[batch]) for batch in order.split(64)])
    return len(order.unique()) == len(X) == len(order) and bool(mended < 0.9 * np.mean(floors))


desk.check(order, is_mended, "Each image once, and few of a class in one batch.")

# %% [markdown]
# So the *order* of the data matters. The released code does not shuffle: batches follow the stored
# order, the same in every pass. If the images are stored class by class, a batch of 64, as published
# (a profile's may be larger), holds few classes, and the term is left with little to teach:

# %%
here.table(studies.order_floors(bench.name, labels.cpu()))

# %% [markdown]
# In the published split files the lists of training images of AWA2 and CUB are shuffled once and for
# all; SUN's goes class by class, sixteen images each, and so has the high floor of that column. The
# aviary's list is mixed, and the package shuffles it anew in every pass unless told otherwise.
#
# See it happen: one seed of a small network, from the same first weights in either order.

# %%
small = replace(start.settings, hidden_dim=128, latent_dim=64, batch_size=64, boosting_weight=0.1)
orders = studies.orders(bench, small, here.device)
here.figure(orders)

# %% [markdown]
# ## False negatives
#
# In a shuffled batch, too, some samples share a class. Each is a *false negative* of the other: its
# text stands among those to be avoided, and it is the very text to be met. With $n_c$ training
# images in class $c$ out of $N$, a sample expects
#
# $$(B - 1) \sum_c \frac{n_c (n_c - 1)}{N (N - 1)}$$
#
# of them in its batch.

# %%
counts = labels.bincount().double()
chance = float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))
false = studies.false_negatives(bench.name, labels.cpu())
expected = chance * (np.array([*false.batches]) - 1)
assert np.allclose(false.measured.mean(1), expected, rtol=0.1, atol=0.05)
here.figure(false)

# %% [markdown]
# What does the gradient do to them? With $p$ the row-wise softmax of $L$ and $q$ the column-wise,
#
# $$\frac{\partial \mathcal L_{Boost}}{\partial \hat x_i}
# = \frac{1}{2 B \tau} \sum_j (p_{ij} + q_{ij} - 2\,\delta_{ij})\, \tilde z_j .$$
#
# The network above, one shuffled batch of it:

# %%
model, batch = orders.runs["shuffled"], false.batches[64][0].to(here.device)
batch = batch[labels[batch].argsort()]  # by class, for the eye; the term does not mind
with torch.no_grad(), seeded(0, "lesson/heat-map"):
    x_hat = model.model(model.referent_samples(labels[batch]), model.semantics[labels[batch]])[0]
z, tau = model.anchors[labels[batch]], 0.07

# %%
x_hat.requires_grad_()
(automatic,) = torch.autograd.grad(genzsl.boosting_loss(x_hat, z, tau), x_hat)
L = (x_hat @ z.T / tau).detach()
p, q, delta = L.softmax(dim=1), L.softmax(dim=0), torch.eye(len(L), device=L.device)
torch.testing.assert_close((p + q - 2 * delta) @ z / (2 * len(L) * tau), automatic)

# %% [markdown]
# A false negative ($\tilde z_j = \tilde z_i$, $j \ne i$) adds $p_{ij} > 0$: it pushes $\hat x_i$ away
# from its own text. But the diagonal's $p_{ii} - 1 < 0$ pulls, and all entries of a row's class together
# pull by $1 - \sum_{j:\, y_j = y_i} p_{ij} \ge 0$. So the push never wins; it makes the pull weaker. If
# $a$ is the pull with the class once in the row, then with $n$ copies it is
#
# $$\frac{a}{a + n\,(1 - a)} ,$$
#
# between $a / n$ (near the goal) and $a$ (far from it), and exactly 0 where the batch has no other
# class. The columns set mates against each other over a text that belongs to all of them, which
# pushes them to be equally near.

# %%
same = labels[batch][:, None] == labels[batch]
copies = same.sum(1)

# %%
pull = 1 - (p * same).sum(1)
alone = pull / (p.diag() + pull)
torch.testing.assert_close(alone / (alone + copies * (1 - alone)), pull)
here.figure(studies.pull_taken(L, labels[batch], pull, alone))

# %% [markdown]
# ## Copying its referent
#
# The paper's reason for the term: without it the network might return its referent as it is. But
# what would reward that? The reconstruction term asks for a sample of the *target* class, and a copy
# of the referent has to pay for every difference between the two classes:

# %%
means = torch.zeros(bench.n_classes, X.shape[1], device=X.device).index_add(0, labels, X)

# %%
with seeded(0, "lesson/copying"):
    drawn, other = start.referent_samples(labels), start.referent_samples(labels)
copy_costs = float((2 - 2 * F.cosine_similarity(drawn, X)).mean())
mean_costs = float((2 - 2 * F.cosine_similarity(means[labels], X)).mean())
Markdown(
    f"Reconstruction error of a copied referent: {copy_costs:.3f}. Of the target class's mean "
    f"direction, the best that knows the class and no more: {mean_costs:.3f}."
)

# %% [markdown]
# So to see copying we must ask for it: train a network to reconstruct **its own referent**, with a
# small KL weight so that the latent may carry it. How do we know a copy? Not by the cosine with the
# referent alone: the target's semantics determine the referent *classes*, so a network can come near
# any referent without looking. A copier is nearer to its own referent than to another sample drawn
# from the same classes; the difference of the two cosines is our measure of copying. (Both draws are the
# same for every network, so one that looks at neither has the luck of these draws, and not quite 0.)

# %%
with seeded(0, "lesson/copier"):
    asked = studies.copying_losses(start, batch)
with seeded(0, "lesson/copier"):
    referents = start.referent_samples(labels[batch])
    x_hat = start.model(referents, start.semantics[labels[batch]])[0]
error = (2 - 2 * F.cosine_similarity(x_hat, referents)).mean()
torch.testing.assert_close(asked["reconstruction"], error)

# %%
copying = studies.copying(bench, small, here.seeds, here.device)
here.table(copying)

# %%
here.figure(copying)

# %% [markdown]
# ## What the term does to fidelity
#
# If the term has nothing to prevent, it still has an effect: it moves features towards the text.
# Can that bring them nearer to real features as well? For the training images, as reconstruction
# measures it and at the optimum, it cannot.
# Let $f$ be the rest of the objective and $g$ the term; let $u$ minimise $f + \lambda g$ and $u'$
# minimise $f + \lambda' g$, $\lambda < \lambda'$. Add
#
# $$f(u) + \lambda g(u) \le f(u') + \lambda g(u'), \qquad
# f(u') + \lambda' g(u') \le f(u) + \lambda' g(u)$$
#
# and $(\lambda' - \lambda)\,(g(u') - g(u)) \le 0$ is left: $g$ falls, and then by the first inequality
# $f$ rises. It is a trade by design. For *unseen* classes no such argument exists: the text might
# carry what the generator cannot know from seen images. So measure it, with GenZSL as in notebook
# 14 and nothing but λ changed:
#
# - **to mean**: cosine of the mean synthetic with the mean real feature of a class,
# - **Fréchet**: squared distance of synthetic and real unseen features, each taken for a Gaussian with
#   mean $m$ and covariance $\Sigma$: $\|m - m'\|^2 + \mathrm{tr}(\Sigma + \Sigma' -
#   2 (\Sigma \Sigma')^{1/2})$; 0 is best,
# - **1-NN**: how often a sample's nearest other sample is of its own kind, real or synthetic; 0.5 is
#   indistinguishable, 1 is told apart always,
# - **to text**: cosine of synthetic features with their class's text.
#
# Test images serve to measure here, and nothing is chosen by them.

# %%
weight = studies.boosting_weight(bench, start, here.seeds, here.device)
here.table(weight)

# %%
here.figure(weight)

# %% [markdown]
# And look at the features themselves, one seed of each weight: move λ, and watch where the crosses go.

# %%
studies.by_weight(bench, start, here.device)

# %% [markdown]
# On the aviary next to nothing moves up to λ = 0.01. From 0.1 on the crosses move towards their class's
# text (star), and at 10 they are far nearer to it than to the real images (dots).

# %% [markdown]
# ## What held, what did not
#
# Written by the numbers of this run. Changes are against λ = 0 within a seed; one counts if a paired
# t test, corrected for all that is asked here (Holm 1979), has p below 0.05 and its mean is above 0.002.

# %%
Markdown(
    "- **Held:** both forms, the floor and the gradient by hand are those of the package.\n"
    f"{copying.verdicts}\n{weight.verdicts()}"
)

# %% [markdown]
# **Rows filled:** the `fidelity` records of the six weights, in `records.jsonl` of the run.
#
# **To think about.** A classifier is trained on these features, and it is scored on real ones. Which
# would you rather give it: features that look like the class, or features that are easy to tell from
# other classes? What would each do at the border between a seen class and an unseen one?

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
