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
#     needs: images
#     seconds: 60
# ---

# %% [markdown]
# # How many directions
#
# *[GenZSL](https://arxiv.org/abs/2505.11882), section 3.1, removes one direction from the class semantics. For word
# vectors, [Mu and Viswanath](https://arxiv.org/abs/1702.01417) take off the mean and several more. Neither
# says what one direction more or less costs.*
#
# Class diversity promotion (CDP, [page 10](10_class_diversity_promotion.ipynb)) takes away the direction that all class
# texts share. Why one, and not none, two or ten? After this page you can
#
# - remove directions, centre and whiten class vectors by hand, and say what each forgets,
# - tell a direction that says nothing of any class from one that holds meaning,
# - say what the first, the second and the third direction are worth in H and T1.

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
import torch
import torch.nn.functional as F
from IPython.display import display

from zslnb import genzsl, studies
from zslnb.experiments.refinements import Refinement, refine
from zslnb.notebook import desk

here = desk.begin("31_how_many_directions", benchmark, semantics, profile, seeds, device)
bench, title = here.benchmark, studies.benchmark_title(here.benchmark)

# %% [markdown]
# ## One too many, by hand
#
# Four classes in three dimensions. The third axis is what all share, the first tells birds from fish, the second
# small from large. Here are the cosines of the small bird with all four, as directions are removed:

# %% tags=["nbval-check-output"]
names = ["small bird", "large bird", "small fish", "large fish"]
Z = torch.tensor([[1, 0.5, 3], [1, -0.5, 3], [-1, 0.5, 3], [-1, -0.5, 3]]).double()
for n in range(3):
    left = F.normalize(genzsl.class_diversity_promotion(Z, n), dim=1)
    cosines = (left @ left[0]).round(decimals=2) + 0.0
    print(n, "removed:", dict(zip(names, cosines.tolist(), strict=True)))

# %% [markdown]
# Without the shared direction the other bird is nearest, and the fish are far away: that is CDP. Without the next one
# a small bird *is* a small fish. The second direction was not shared, it was the topic.

# %% [markdown] tags=["exercise"]
# **Exercise 31.1: all but the top** (code, 5 minutes, easy). The recipe for word vectors: take the mean of all rows
# off, then remove the leading direction of what is left. Compute `top_off` from `Z`, without `genzsl`. Which of the
# three lines above does it correspond to?

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# The third value of `torch.linalg.svd` has the directions as rows. A row loses its component along a direction as in
# [exercise 10.1](10_class_diversity_promotion.ipynb).
#
# </details>

# %% tags=["solution"]
middle = Z - Z.mean(0)
v = torch.linalg.svd(middle).Vh[0]
top_off = middle - (middle @ v)[:, None] * v

# %% tags=["check"]
wrong = "Take the mean off first, and find the direction in what is left of the rows."
right = genzsl.class_diversity_promotion(Z - Z.mean(0), 1)
desk.check(top_off, right, wrong)
torch.testing.assert_close(right, genzsl.class_diversity_promotion(Z, 2))
right.round(decimals=2) + 0.0  # two are gone: the mean counts as one

# %% [markdown]
# So "the mean and one direction" is two directions of CDP, wherever the first direction is the mean's. The third
# recipe, *whitening*, removes none, but divides each by its spread, so that all have the same variance.

# %% [markdown] tags=["exercise"]
# **Exercise 31.2: all alike** (find the bug, 5 minutes, medium). Someone whitens five random classes in eight
# dimensions. Any two come out with cosine −1/4, as they would whatever the classes: their meaning is gone. Compute
# `fixed` (5, 8), not normalised, in which the mean of the four variances (`sigma.square() / 5`) is added to each
# before its root is divided by.

# %%
some = F.normalize(torch.randn(5, 8, generator=torch.Generator().manual_seed(0)).double(), dim=1)
u, sigma, vh = torch.linalg.svd(some - some.mean(0), full_matrices=False)
white = F.normalize(u[:, :4] @ vh[:4], dim=1)
(white @ white.T).round(decimals=2)

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# The first four columns of `u` are perpendicular to each other and to $(1, 1, 1, 1, 1)$, so the products of its rows
# are the identity less 1/5 everywhere, whatever the classes. The variances are `sigma.square() / 5`, the fifth is 0.
#
# </details>

# %% tags=["solution"]
variances = sigma.square() / len(some)
added = variances.sum() / 4
fixed = u * (sigma / (variances + added).sqrt()) @ vh

# %% tags=["check"]
mine, fixed = fixed, refine(some, Refinement(centred=True, n_removed=0, shrinkage=1.0))
desk.check(mine, fixed, "Divide each direction by the root of its variance plus the mean variance.")
white = F.normalize(fixed, dim=1)
(white @ white.T).round(decimals=2)

# %% [markdown]
# Now some are more alike than others. Below, the mean variance or a tenth of it is added (*shrinkage* 1 and 0.1).
#
# ## What do directions hold?
#
# Here, in CUB's sentences and attributes, and in 1000 ImageNet and 1203 LVIS names encoded by CLIP (all recorded). *In a
# random cone* is what a direction would hold if the vectors shared their mean cosine and nothing else:

# %%
kinds = [k for k in bench.provenance.get("all_semantics", ()) if k != bench.provenance["semantics"]]
relations = studies.run_relations(bench, here.with_semantics(kinds[0]) if kinds else None)
here.table(studies.named_directions(relations, title))

# %% [markdown]
# The first direction is special because **it is the same in all classes**. It lifts every cosine by about the same
# amount: to remove it is about to take the mean off. The little that differs still changes which class is nearest,
# for 13 to 18 % of the classes here and on CUB, and for 30 to 36 % of the lists of a thousand names. The next ones
# stand out of the random cone, nothing of them is the same in all, and most of their ends are topics: household
# goods against dogs, machines against what grows, warblers against water birds, brown birds against yellow ones.
#
# ## What do they cost?
#
# Each refinement goes to the nearest predicted class mean, to means + spread, and to GenZSL
# ([page 14](14_genzsl_results.ipynb)). Look from 0 to 1, and then from 1 to 2. Below is what is left of the semantics:
# squared length; classes that keep their nearest class; how well the cosines of all pairs agree with those of real
# class means (looks) and of the other kind of semantics; and what a linear *probe* reads of the latter.

# %%
settings = genzsl.profile_settings(bench.name, profile)
records = [*relations, *studies.run_refined(bench, settings, here.seeds, here.device, profile)]
found = studies.refinements_compared(records, title, "refinements", kept=records)
here.figure(found, "removed")

# %% [markdown]
# Whether the first direction goes hardly matters; each one more costs. In numbers, with centring and whitening too,
# and then what is left (*kin* are classes whose names end in the same word):

# %%
display(here.table(found, headline=True))
here.table(studies.what_is_left(relations, title, "left"))

# %% [markdown]
# And on CUB, with both kinds of semantics, as recorded by this page at profile `medium` (means + spread with 100
# synthetic features a class, it and GenZSL for up to two directions):

# %% tags=["nbval-check-output"]
for kind in ("sentences", "attributes"):
    if on_cub := studies.refinements_on_cub(kind):
        here.figure(on_cub, f"cub-{kind}-removed")
        display(here.table(on_cub))

# %% [markdown]
# ## What held, what did not
#
# - **The first direction is special**, and simple: 99 % of it is the same in all classes, of the second and third at
#   most 1 %, here as in a thousand real names. Removing it is centring: a class has cosine 0.99 with itself centred,
#   and H and T1 are the same. A random cone would have such a direction, too.
# - **What removing it is worth depends on the method.** On the aviary none differs significantly. On CUB GenZSL gains
#   three points of T1 and of H with sentences, and nothing significant with attributes. The closed forms *lose* one
#   to two points of T1 (means + spread with sentences not significantly): the little that does differ along the
#   first direction is meaning, too, of which the other semantics predict three quarters.
# - **The second and third are meaning.** The other semantics predict 80 to 96 % of them. Without the second, every method
#   of the aviary loses eight points of T1, without the third seven to thirteen more; on CUB every method loses two
#   to five by the second. Agreement with looks drops by 0.27 by the second (Table 3).
# - **All but the top** removes one too many at its smallest, since the mean is the first. Its rule for word
#   vectors, one in a hundred dimensions and the mean, would take eleven off CUB's sentences; with ten off, the nearest
#   mean's T1 is 28 instead of 69.
# - **Whitening** with the mean variance added is within two points of CDP, above or below; with a tenth of it, worse.
# - **In lists of a thousand names** of all kinds the second direction holds 1 to 3 %, not 11 %, and as many classes
#   keep their nearest without it: one too many should harm less there. No images of these are here to tell.
#
# The seeds draw no other classes: an interval over seeds says how sure a number is of *this* split.
#
# **To think about.** In word vectors the second and third direction encode how frequent a word is, and removing them helps.
# When would a second direction of class texts be worth removing, and how could you tell without an image?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# When it, too, says nothing of what a class looks like, but differs between texts: half of the names in another
# language, two prompts, long texts and short ones. It would not be the same in all classes, so the column *same in all*
# misses it. But its ends would be no topics, and attributes, or a second text of the same classes, would not
# predict it. Validation classes with images are the better judge: here they choose none or one.
#
# </details>

# %% [markdown]
# **Before:** [When induction fails](30_when_induction_fails.ipynb) · **Next:** [Means and spread](32_means_and_spread.ipynb)
