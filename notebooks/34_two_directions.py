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
# # Two directions, one bird
#
# *[GenZSL](https://arxiv.org/abs/2505.11882) and [RevCD](https://arxiv.org/abs/2409.00511) side by side. Neither
# paper asks what this page asks.*
#
# GenZSL goes from a class's description to features ($z \to x$), RevCD from a picture's feature to a description
# ($x \to z$). With the border put by validation both reach about the same H ([page 24](24_revcd_results.ipynb)). Are they
# good on the *same* birds? If not, the two know different things, and a pair could be better than either. After
# this page you can
#
# - average the scores of two methods that count in different units,
# - tell complementary methods from methods that are merely unstable,
# - say what a second direction is worth, and to whom.

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
from IPython.display import display

from zslnb import genzsl, revcd, studies
from zslnb.notebook import desk

here = desk.begin("34_two_directions", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## Two units, one sum
#
# Three images and three classes, the right class of each image on the diagonal. The first method's scores are
# logits, the second's are cosines. Each is right about two images of three, and they err on different ones:

# %%
logits = torch.tensor([[9.0, 4.0, 2.0], [6.0, 5.3, 1.0], [2.0, 3.0, 8.0]])
cosines = torch.tensor([[0.2, 0.3, 0.1], [0.1, 0.6, 0.2], [0.3, 0.2, 0.5]])
logits.argmax(1), cosines.argmax(1)

# %% [markdown] tags=["exercise"]
# **Exercise 34.1: the louder one** (find the bug, 5 minutes, easy). Someone adds the two and finds that the
# pair is no better than the first method alone. Compute `fixed`, a sum to which both contribute equally. Take
# each image's mean off, and divide by the mean over images of the standard deviation (`correction=0`) of an
# image's scores.

# %%
(logits + cosines).argmax(1)

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# `scores.std(1, correction=0).mean()` is the unit of a method.
#
# </details>


# %% tags=["solution"]
def levelled(scores: torch.Tensor) -> torch.Tensor:
    """Scores in units of their own spread about an image's mean."""
    centred = scores - scores.mean(1, keepdim=True)
    return centred / scores.std(1, correction=0).mean()


fixed = levelled(logits) + levelled(cosines)

# %% tags=["check"]
by_hand = sum(
    (s - s.mean(1, keepdim=True)) / s.std(1, correction=0).mean() for s in (logits, cosines)
)
desk.check(fixed, by_hand, "Both methods' scores are to have a spread of one, on average.")
by_hand.argmax(1)

# %% [markdown]
# Together they are right about all three. So before two methods are averaged below, each has its candidate and its
# border between seen and unseen classes chosen together on validation classes ([page 33](33_calibration.ipynb)), and
# its scores divided by their spread there. The weight of the second (0.1, 0.3, 0.5, 0.7 or 0.9) and the border of
# the sum are chosen on validation classes as well.
#
# ## Whom do two get right?
#
# A pair of *any* two models may gain: what one gets wrong by chance, the other may get right. So three
# kinds of pairs: two **directions**, two **methods of one direction**, and one **method trained twice**, from
# other draws. *Means + spread* and *ridge* are the closed forms of each direction
# ([pages 14](14_genzsl_results.ipynb) and [24](24_revcd_results.ipynb)).

# %% [markdown] tags=["exercise"]
# **Exercise 34.2: an upper limit** (code, 5 minutes, easy). `first` and `second` say of ten images whether each of
# two methods is right. Compute `limit`, the share that someone would get right who always knows which of the two
# to believe, and `by_chance`, what it would be on average if the two erred independently of each other.

# %%
first = torch.tensor([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], dtype=torch.bool)
second = torch.tensor([1, 1, 1, 1, 1, 1, 0, 1, 0, 0], dtype=torch.bool)
first.float().mean(), second.float().mean()

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Such a person errs where both do. Independent errors: both happen with the product of the two shares.
#
# </details>

# %% tags=["solution"]
limit = float((first | second).float().mean())
by_chance = float(1 - (~first).float().mean() * (~second).float().mean())

# %% tags=["check"]
desk.check(
    limit, 0.8, "Count the images that at least one of the two has right.", rtol=0, atol=1e-3
)
desk.check(by_chance, 0.91, "Both err in 0.3 times 0.3 of the images.", rtol=0, atol=1e-3)

# %% [markdown]
# Methods trained on the same images err on the same images: 0.8 here, and 0.91 if errors were independent. Now for
# real. Look at the coloured parts, images that one of the two alone has right: what the worse of the two has alone is
# what a pair may add to the better. (A sum can also be right where both err.)

# %%
settings = studies.pair_settings(
    genzsl.profile_settings(bench.name, profile), revcd.profile_settings(profile)
)
records = studies.run_pairs(bench, settings, here.seeds, here.device)
found = studies.pairs_of_methods(records, studies.benchmark_title(bench), "pairs", kept=records)
here.figure(found, "shared")

# %% [markdown]
# And what it does win, by averaging:

# %%
here.table(found, headline=True)

# %% [markdown]
# And on CUB, with both kinds of semantics, as recorded:

# %% tags=["nbval-check-output"]
for kind in ("sentences", "attributes"):
    if on_cub := studies.pairs_on_cub(kind):
        here.figure(on_cub, f"cub-{kind}-shared")
        display(here.table(on_cub))

# %% [markdown]
# ## What held, what did not
#
# - **Different birds.** On CUB one of GenZSL and RevCD alone is right about a quarter (sentences) to a third
#   (attributes) of the unseen images: more than twice as many as where GenZSL is trained twice.
# - **A pair of directions is better than either, on CUB.** GenZSL with RevCD gains more than three points of T1 and
#   five of H, with either kind of semantics, all significant.
# - **Part of that may be RevCD's own noise.** It differs from itself three quarters as much, and gains three points and
#   more by being trained twice. But the ridge has no noise, and beside GenZSL it gains about as much. GenZSL trained
#   twice gains nothing that is significant.
# - **Two methods of one direction** gain less: GenZSL adds nothing to means + spread, and the ridge to RevCD
#   about what RevCD does.
# - **No pair is shown to be better** on CUB with attributes than one without any trained generator or diffusion,
#   means + spread with the ridge; with sentences no pair is significantly above means + spread alone.
# - **On the aviary** GenZSL with RevCD or the ridge gains a point or a little more of H, not significantly; in T1 the
#   better of the two stays ahead.
#
# Five seeds, one feature extractor each, a smaller schedule than the papers': a reason to try it on theirs. (The second
# training of one seed is the first of the next, so the pairs of one method overlap, and their p are a little too small.)
#
# **To think about.** The pair of two closed forms trains one linear classifier and solves two linear systems.
# What would a *single* model have to look like that knows what both know?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# Something that scores a picture and a description together, $f(x, z)$, and is trained to be high for those that
# belong together: a compatibility function. The two directions are two special cases: one compares $x$ with a
# prediction from $z$, by a distance in the features' space, the other compares $z$ with a prediction from $x$, by a
# distance in the semantics' space. ESZSL, in the tables of pages 14 and 33, is the bilinear one with a closed form;
# its calibrated H is below that of every pair of two directions here, so the form of $f$ and what it is trained on
# matter. A cheap experiment: let a small network see both scores of an image and class, and train it on validation
# classes alone.
#
# </details>

# %% [markdown]
# **Before:** [The border alone](33_calibration.ipynb) · **Next:** [The audit](35_the_audit.ipynb)
