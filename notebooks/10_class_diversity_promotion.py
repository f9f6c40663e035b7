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
#     needs: semantics
#     seconds: 5
# ---

# %% [markdown]
# # Class diversity promotion
#
# *[GenZSL](https://arxiv.org/abs/2505.11882) (ICML 2025; numbered as an earlier version is, see
# [notebook 00](00_start_here.ipynb)), section 3.1, equations 1 and 2, Figure 3.*
#
# To a text encoder, all class names sound alike: every prompt says "a photo of a ...", and every class is a
# bird. Class diversity promotion (CDP), GenZSL's first step, takes away what the names have in common. After
# this page you can
#
# - carry out CDP by hand on three classes, and in one line on a thousand,
# - say why the paper's singular value decomposition takes away one direction,
# - read a mean cosine: which of three means it is, and what it can and cannot show.

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

from zslnb import genzsl, studies
from zslnb.notebook import desk

here = desk.begin("10_class_diversity_promotion", benchmark, semantics, profile, seeds, device)
bench = here.benchmark
torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## Names that sound alike
#
# Each class $c$ comes as one vector $z_c$: its *semantics*, scaled to length one. A text encoder's output
# for a class name is *weak* semantics, says the paper, since nobody described the class. Two classes are
# compared by the cosine of their vectors:

# %%
raw = F.normalize(bench.semantics.double(), dim=1)
refined = genzsl.class_diversity_promotion(raw)
weak, promoted = (studies.ClassCosines(bench, rows) for rows in (raw, refined))
torch.testing.assert_close(weak.matrix, raw @ raw.T)
here.figure(studies.heat_maps(weak, promoted))

# %% [markdown]
# On the aviary nearly all names are similar; unrelated directions would have cosines near 0. CDP takes this
# away, and families of birds remain, along the diagonal (the owls hardly).
#
# ## Three classes, by hand
#
# Take three classes that share a strong common part, the third axis, and differ by a little: each
# is tilted by 30° away from that axis, in three directions 120° apart. Their vectors are the rows
# of $Z$.

# %% tags=["nbval-check-output"]
turn, tilt = torch.arange(3) * 2 * np.pi / 3, np.pi / 6
Z = torch.stack(
    [np.sin(tilt) * turn.cos(), np.sin(tilt) * turn.sin(), torch.full((3,), np.cos(tilt))], dim=1
).double()
Z @ Z.T  # cosines between the three classes

# %% [markdown]
# The singular value decomposition $Z = \sum_i \sigma_i u_i v_i^\top$ needs no computer here. The $v_i$
# are the eigenvectors of
#
# $$Z^\top Z = \mathrm{diag}\big(\tfrac{3}{8}, \tfrac{3}{8}, \tfrac{9}{4}\big),
# \qquad\text{so}\qquad v_1 = (0, 0, 1),\quad \sigma_1 = \tfrac{3}{2},\quad
# u_1 = Z\,v_1 / \sigma_1 = \tfrac{1}{\sqrt 3}(1, 1, 1).$$
#
# The first direction $v_1$ is the common part, and by $u_1$ all three classes have the same amount of it.
#
# > **GenZSL, section 3.1, eqs. 1 and 2**, as reviews of an earlier version quote them. With the orthonormal
# > basis $e_1, \dots, e_K$ that the decomposition of the class vectors gives:
# >
# > $$E' = [e_2, \dots, e_K], \qquad P = E' E'^\top, \qquad \tilde z = P z .$$
# >
# > Classes become nearly perpendicular, "but keep the original relationships".
#
# In the released code $e_i$ is $u_i$, and $z$ are all class vectors, our $Z$:

# %% tags=["nbval-check-output"]
u, sigma, vh = torch.linalg.svd(Z)
P = u[:, 1:] @ u[:, 1:].T
sigma, (P @ Z).round(decimals=3) + 0.0  # singular values, and refined rows

# %% [markdown]
# Only the tilt is left. Written out,
#
# $$P Z = (I - u_1 u_1^\top) \sum_i \sigma_i u_i v_i^\top = Z - \sigma_1 u_1 v_1^\top
# = Z - (Z v_1)\, v_1^\top,$$
#
# so every row loses its component along $v_1$: $\tilde z_c = z_c - \langle z_c, v_1\rangle v_1$. This
# needs no $C \times C$ matrix for $C$ classes, and is what the package does.

# %% [markdown] tags=["exercise"]
# **Exercise 10.1: one direction less** (code, 5 minutes, easy). Compute `deflated`: the rows of $Z$, each
# less its component along $v_1$, without building $P$.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# `torch.linalg.svd` returns $V^\top$: the directions are its *rows*. `Z @ v` has one number a class; it
# needs a second axis before it can multiply the vector $v$.
#
# </details>

# %% tags=["solution"]
v1 = vh[0]
deflated = Z - (Z @ v1)[:, None] * v1

# %% tags=["check"]
mine, deflated = deflated, genzsl.class_diversity_promotion(Z)
desk.check(mine, deflated, "Some row still has a part along v1, or has lost more than that.")
torch.testing.assert_close(P @ Z, deflated)
deflated.norm(dim=1)  # each row keeps its tilt: sin 30° = 0.5

# %%
here.figure(studies.small_case(Z, deflated))

# %% [markdown]
# ## The same on real class names
#
# Both forms agree on the benchmark, for up to three directions. As released, rows are neither centred before
# nor scaled to length one afterwards, so a refined vector is short where its class had much of the common
# part. The shortest, the median and the longest length:

# %%
u, sigma, vh = torch.linalg.svd(raw)
removable = range(min(4, *raw.shape))  # what is left must not be nothing
for n in removable:
    P = u[:, n:] @ u[:, n:].T
    torch.testing.assert_close(P @ raw, genzsl.class_diversity_promotion(raw, n))
refined.norm(dim=1).quantile(torch.tensor([0, 0.5, 1]).double())

# %% [markdown] tags=["exercise"]
# **Exercise 10.2: names that still sound alike** (find the bug, 5 minutes, medium). Here is the same step
# as one often meets it. It runs, and every shape is right, but the names are as alike as before. Compute
# `fixed`, what it should have been.

# %%
_, _, V = torch.linalg.svd(raw)
first = V[:, :1]
colleague = raw - raw @ first @ first.T
print("mean cosine before:", round(genzsl.mean_cosines(raw)["with diagonal"], 2))
print("colleague's, after:", round(genzsl.mean_cosines(colleague)["with diagonal"], 2))

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# What does `torch.linalg.svd` return as its third value, $V$ or $V^\top$? `V` is square here, so that no
# shape gives it away.
#
# </details>

# %% tags=["solution"]
first_direction = V[:1].T  # it is V transposed that comes back: a direction is a row
fixed = raw - raw @ first_direction @ first_direction.T

# %% tags=["check"]
desk.check(fixed, refined, "What is taken away is not yet the component along the first direction.")
round(genzsl.mean_cosines(refined)["with diagonal"], 2)

# %% [markdown]
# Remove more directions, up to 5, and watch the red ground and the blocks along the diagonal:

# %%
studies.by_directions(weak)

# %% [markdown]
# On the aviary the first direction takes the red that all pairs share. Each further one takes from the blocks of
# families (the robins' goes with the second, the hawks' with the third), and the other cells get no paler.
#
# ## Three means that tell three stories
#
# The paper sums up such a map by its mean, which falls to nearly 0. Which mean?
#
# - **With the diagonal** of ones, it is the squared length of the mean vector $m$ of all classes, whatever the
#   angles between single ones. Where classes share a large part, $v_1$ has nearly the direction of $m$, CDP
#   leaves nearly nothing of it, and this mean falls to 0 by construction.
# - **Without the diagonal**, it is $-1/(C-1)$ where the first is 0; for the three classes above, $-1/2$.
# - The **absolute** one is the mean size of a cosine between different classes. Nothing forces it. It says how far
#   from perpendicular pairs are; random directions in $d$ dimensions have about $\sqrt{2 / (\pi d)}$.

# %% [markdown] tags=["appendix"]
# <details><summary>Why: what CDP does to the first two means</summary>
#
# Let the vectors $z_c$ have length one. Then
#
# $$\frac{1}{C^2} \sum_{c, c'} \langle z_c, z_{c'} \rangle
# = \Big\lVert \frac{1}{C} \sum_c z_c \Big\rVert^2 = \lVert m \rVert^2 .$$
#
# CDP takes from $m$, as from every class, its component along $v_1$, and leaves
# $\lVert m \rVert^2 \,(1 - \cos^2(v_1, m))$. (Up to one detail: refined rows differ in length, and a
# cosine divides by that.) Now $v_1$ is the direction that maximises
#
# $$\sum_c \langle z_c, v \rangle^2 = C \langle m, v\rangle^2
# + \sum_c \langle z_c - m, v \rangle^2 .$$
#
# Where all classes share a large common part the first term decides, and $v_1$ is the direction of $m$. Where
# they do not, the mean need not fall at all.
#
# If all $C^2$ cells sum to 0 and the $C$ diagonal ones sum to $C$, the other $C(C-1)$ sum to $-C$: their
# mean is $-1/(C-1)$. In general a mean $a$ with the diagonal is $(Ca - 1)/(C - 1)$ without it.
#
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 10.3: three means** (code, 10 minutes, medium). From the rows of `raw` alone (they have
# length one), compute the mean cosine with the diagonal, without it, and of absolute values without it,
# as the list `by_hand` in this order.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# All cosines at once are `raw @ raw.T`. A mask that leaves the diagonal out is `~torch.eye(len(raw),
# dtype=torch.bool)`.
#
# </details>

# %% tags=["solution"]
cells, apart = raw @ raw.T, ~torch.eye(len(raw), dtype=torch.bool)
by_hand = [float(c.mean()) for c in (cells, cells[apart], cells[apart].abs())]

# %% tags=["check"]
right = [*genzsl.mean_cosines(raw).values()]
wrong = "A mean is off: look at which cells it counts, and where signs go."
desk.check(by_hand, right, wrong, rtol=1e-5, atol=1e-6)
by_hand

# %% [markdown]
# The third row of the table is computed from $v_1$ and $m$ alone:

# %%
m = raw.mean(0)
before, after = genzsl.mean_cosines(raw), genzsl.mean_cosines(refined)
assert np.isclose(before["with diagonal"], m.square().sum())
aligned = float((vh[0] @ m).abs() / m.norm())  # the cosine between v_1 and m
left = float(m.square().sum() * (1 - aligned**2))
means = studies.three_means(weak, promoted, expected=left)
if bench.name == "aviary" and bench.shared_space:
    assert aligned > 0.99
    assert after["with diagonal"] < 0.001 < 0.3 < before["with diagonal"]
    assert after["absolute"] > 1.5 * means.random
here.table(means)

# %% [markdown]
# On the aviary this explains the first two means, up to the lengths that cosines divide by. The absolute one
# falls as well, but stays far above that of random directions.
#
# The worst case shows how little the first mean says. A hundred classes form two tight bundles, and nothing tells the
# fifty classes of a bundle apart. Here is one class of each after CDP. Every pair of the hundred now has cosine 1
# or −1, as far from perpendicular as can be:

# %%
bundles = torch.tensor([[0.9, 0.3], [0.9, -0.3]]).repeat_interleave(50, 0).double()
genzsl.class_diversity_promotion(bundles)[[0, -1]].round(decimals=3) + 0.0

# %% [markdown] tags=["exercise"]
# **Exercise 10.4: the worst case** (predict, 5 minutes, medium). Before you run the check: what are the
# three means of these hundred classes after CDP? Write them down as the list `predicted`, in the order of
# the three stories above.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# The two bundles point in opposite directions afterwards. With the diagonal there are as many cells of 1
# as of -1. How many cells of each are left without it?
#
# </details>

# %% tags=["solution"]
predicted = [0.0, -1 / 99, 1.0]  # in each row 49 cells of 1 and 50 of -1

# %% tags=["check", "nbval-check-output"]
worst = genzsl.mean_cosines(genzsl.class_diversity_promotion(bundles))
wrong = "A mean is not as predicted: count cells of 1 and of -1."
desk.check(predicted, [*worst.values()], wrong, rtol=0, atol=1e-3)
{name: round(value, 4) + 0.0 for name, value in worst.items()}

# %% [markdown]
# The mean with the diagonal is perfect. A value near 0, as the paper prints it, would come out for almost any
# list of names with a common part. What CDP does to single pairs is seen in their spread:

# %%
here.figure(studies.cosine_spread(weak, promoted))

# %% [markdown]
# That spread is useful: GenZSL next picks the seen classes most similar to each class, and among perpendicular ones
# there would be nothing to pick by. On the aviary CDP leaves relatives to pick, though not in every family.
#
# ## More directions, and who is whose neighbour
#
# Why stop at one direction? Here is how much each holds, and what removing more does:

# %%
sweep = studies.directions(bench, removable, (sigma.square() / len(raw)).numpy())
np.testing.assert_allclose(sweep.absolute[1], after["absolute"])
if bench.name == "aviary" and bench.shared_space:
    assert (np.diff(sweep.kept) < 0).all()
    assert sweep.kept[1] > 0.75
    assert sweep.absolute[1:].min() == sweep.absolute[1]
here.figure(sweep)

# %% [markdown]
# A direction that holds far more than the others is what all names share; along the others they differ. On the aviary
# removing a second or a third costs neighbours, and does not bring pairs nearer to perpendicular. Even the first has
# a price: these classes have another nearest class afterwards, some of them one of another family.

# %%
here.table(studies.changed_neighbours(weak, promoted))

# %% [markdown]
# ## Real CLIP text
#
# This page was also run on CLIP ViT-B/32 embeddings of 1000 ImageNet names and of 1203 LVIS names. CUB's row (CLIP
# ViT-B/16) is quoted from reviews of the paper's earlier version:

# %%
here.table(studies.real_names(bench.name, sweep.records))

# %% [markdown]
# Real names share a common part, too, and come nearer to perpendicular than the aviary's: their absolute mean is
# about twice the 0.035 of random directions in 512 dimensions. CUB's printed mean must count the diagonal: without
# it, 200 classes would have about −0.005.
#
# ## What held, what did not
#
# - **Held:** the paper's projection takes away one direction.
# - **The mean cosine** falls to nearly 0 because $v_1$ has the direction of the classes' mean, whatever the angles
#   between classes.
# - **"Nearly perpendicular":** not on the aviary, where cosines are several times those of random directions.
# - **"Keep the original relationships":** most classes of the aviary keep their nearest class, some do not, and
#   each further direction costs more.
#
# For accuracy see [notebook 14](14_genzsl_results.ipynb): on the aviary GenZSL does about as well without CDP.
#
# **Rows filled:** the `similarity` records.
#
# **To think about.** Instead of removing $v_1$ one could subtract the mean vector $m$ from every
# class. Which of the three means would then be exactly what arithmetic says? When would the two
# differ?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# Centred vectors sum to 0. So the mean *inner product* with the diagonal is exactly 0, whatever the
# classes are; without it, it is minus the mean squared length divided by $C - 1$. The cosines follow
# suit, up to the detail above, that they divide by lengths which differ. The absolute mean is still free.
# CDP reaches the same only as far as $v_1$ has the direction of $m$. The two differ where it has not:
# where names share little, or differ in one way more than they agree in all. And they differ class by
# class. Centring takes the same vector from every class, so that differences between classes stay as they
# were; CDP takes from each class as much as it has of $v_1$, and a difference along $v_1$ is lost.
#
# </details>

# %% [markdown]
# **Before:** [Benchmarks and protocol](01_benchmarks_and_protocol.ipynb) ·
# **Next:** [Referent induction](11_referent_induction.ipynb)
