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
#     needs: images
#     seconds: 190
# ---

# %% [markdown]
# # RevCD: the results
#
# *RevCD (arXiv 2409.00511, second version), section 4: Tables 1 and 2, Figure 4.*
#
# The mechanisms of notebooks 20 to 23, put together and scored. After this page you can
#
# - run the method from an image to S, U and H, and say what *seen accuracy* was measured on,
# - tell how much of a printed number a protocol can be worth,
# - say why a model that estimates semantics from an image seldom answers with an unseen class.
#
# Half a minute on two cores once the experiments have been run, some minutes more from nothing; 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import numpy as np
from IPython.display import Markdown, display

from zslnb import revcd, studies
from zslnb.notebook import desk

here = desk.begin(
    "24_revcd_results", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench = here.benchmark

# %% [markdown]
# ## What is compared
#
# Three generative models that go from the feature of one image to semantics: **RevCD**, a
# conditional VAE (**cVAE**) and a conditional GAN (**GAN**), the comparison of the paper's Table 2.
# All are trained on the same standardised features and semantics, and all end the same way: the
# class whose prototype is nearest by cosine (eqs. 23 and 24).
#
# No code was released and the text prints next to none of its hyper-parameters, so these are ours:

# %%
kinds = {"RevCD": "revcd", "cVAE": "cvae", "GAN": "gan"}
compared = {label: revcd.profile_settings(profile, kind) for label, kind in kinds.items()}
settings = compared["RevCD"]
here.table(studies.SettingsShown(settings, profile))

# %% [markdown]
# ## Strict and lenient
#
# The paper's seen accuracies, 94.5 on AWA2, 87.5 on CUB and 66.9 on SUN, are far above what anyone
# reports on these features. It does not say which images they were counted on. So every table here
# has both:
#
# * **strict**: seen accuracy on test images of seen classes, which no training has met (the
#   Proposed Split);
# * **lenient**: seen accuracy on the *training* images. Unseen accuracy is the same in both.
#
# That the paper did the latter is a guess, and stays one here. Number of epochs and guidance scale
# are chosen on validation classes in both (protocol *clean*, notebook 01).
#
# A third way to count is not the paper's. A method that never answers with an unseen class may still
# know which unseen class it would be. **Calibrated** takes one constant off the cosines of all seen
# classes (Chao et al. 2016), chosen on validation classes: it moves the border between seen and
# unseen, and nothing else.


# %%
models = studies.revcd_models(bench, compared, here.seeds, here.device)
here.table(models)

# %%
here.table(studies.ValidationChoices(models.rows, models.title))

# %% [markdown]
# ## What the paper prints (Table 1)
#
# All of it quoted, none of it computed here. The last column recomputes H from S and U as printed.

# %%
for name in ("AWA2", "CUB", "SUN"):
    display(here.table(studies.RevCDTable1(name)))

# %%
here.table(studies.RevCDTable2())

# %% [markdown]
# What the text says about these tables, and what they say:

# %%
here.table(studies.RevCDTextClaims())

# %% [markdown]
# ## The classification weight (Figure 4)
#
# The one weight that the paper varies. Seen and unseen accuracy over it, strict, and seen accuracy
# counted leniently beside them.

# %%
some_seeds = here.seeds if profile == "full" else here.seeds[:3]
weights = studies.classification_weight(bench, settings, some_seeds, here.device)
here.figure(weights)

# %% [markdown]
# ## Which loss helps?
#
# The paper says that the noise loss beside the reconstruction loss improves the density estimate
# significantly, and gives no number. One loss taken away at a time:

# %%
losses = studies.losses_removed(bench, settings, some_seeds, here.device)
here.table(losses)

# %% [markdown]
# ## Why unseen accuracy is low
#
# What answer does the reconstruction loss reward? Given an image, the estimate with the least
# expected squared error is the *mean* of the semantics that go with such an image. In training those
# are seen prototypes and nothing else, so the best estimate is an average of seen prototypes:
#
# $$\hat z^*(x) = \sum_{y \in \mathcal{Y}^s} p(y \mid x)\, z_y ,$$
#
# a point of their convex hull. On a case that fits on a napkin: an image that could be of three seen
# classes, a grid of possible answers, and the one with the least expected error.

# %%
prototypes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # z_y
p = np.array([0.5, 0.3, 0.2])  # p(y | x)
grid = np.stack(np.meshgrid(*[np.linspace(-1, 2, 61)] * 2), -1).reshape(-1, 1, 2)
expected = ((grid - prototypes) ** 2).sum(2) @ p
answer = grid[expected.argmin(), 0]
assert np.allclose(answer, p @ prototypes)
answer

# %% [markdown]
# An unseen prototype mostly lies outside of the hull. Below, the distance of estimates to it
# (`revcd.hull_distance`), as a share of the distance at which the unseen prototypes lie: 0 is inside,
# 1 as far out as an unseen class.


# %%
blunt = [record for record in losses.rows if record["row"] == "no classification"]
here.table(studies.HullDistances([*models.rows, *blunt], bench.name))

# %% [markdown]
# Leaving the hull is not yet arriving: guidance pushes estimates outwards, away from the average
# image, in whichever direction the image's nearest seen classes lie.

# %% [markdown]
# ## Real features: CUB
#
# The same notebook, given real images' features, wrote the records behind these tables. CUB here is
# 11,788 photographs as ResNet `fc1000` outputs, with expert attributes (312-d) as in the paper, or
# sentences (1024-d): real, but not the paper's features, so a stand-in without a verdict. Profile
# `medium`; rows of the profile `full`: not measured.

# %%
cub = {
    kind: {name: studies.cub_rows(kind, f"RevCD {name}") for name in ("T2", "losses", "F4")}
    for kind in ("attributes", "sentences")
}

# %% tags=["nbval-check-output"]
for kind, tables in cub.items():
    display(here.table(studies.CubModels(tables["T2"], kind), f"cub-{kind}"))

# %% tags=["nbval-check-output"]
if rows := {kind: tables["losses"] for kind, tables in cub.items() if tables["losses"]}:
    display(here.table(studies.CubHull(rows)))

# %%
for kind, tables in cub.items():
    if rows := tables["F4"]:
        title = f"{rows[0]['benchmark']['name']}, {kind}"
        here.figure(studies.ClassificationWeight(rows, title), f"cub-weight-{kind}")

# %% [markdown]
# ## What it would take
#
# Which of the settings on this page would one have picked without a look at the test set? Each
# record has the H that its choices reached on validation classes. Here is RevCD as set above and the
# row with the best of those H, each counted in four ways.

# %%
here.table(studies.ways_to_count(losses.rows, weights.rows, settings, bench.name))

# %% [markdown]
# Where a calibration ends is a choice, too. The curves below make none: they start (dot) where no
# constant is taken off and walk as it grows, for each number of epochs. If a published pair of S and
# U could come from this model on these features by any choice of threshold, it would lie on such a
# curve.


# %%
here.figure(studies.CalibrationCurves(models.rows, bench.name))

# %% [markdown]
# And on CUB, beside the printed pair. The nearest point is found with that pair in hand, so it says
# what is possible and not what one would have chosen; and the distance is one between different
# features and, for sentences, different semantics.

# %% tags=["nbval-check-output"]
printed = studies.printed_scores_of_revcd("CUB")
for kind, tables in cub.items():
    ways = studies.ways_to_count(tables["losses"], tables["F4"], settings, f"CUB, {kind}")
    if ways.rows:
        text = f"**{ways.title}**; printed: S {printed['S']}, U {printed['U']}, H {printed['H']}."
        display(here.table(ways, f"cub-ways-{kind}", text))

# %%
if rows := {kind: tables["T2"] for kind, tables in cub.items() if tables["T2"]}:
    here.figure(studies.CurvesBesidePrinted(rows, printed))

# %% [markdown]
# ## What held, what did not
#
# The paper says that RevCD surpasses the other generative models, that the noise loss helps
# significantly, and that unseen accuracy falls as the classification weight grows. The sentences
# below are written by the records, not by hand.


# %%
outcomes = {models.title: (models.rows, losses.rows, weights.rows)}
outcomes |= {f"CUB, {kind}": tuple(tables.values()) for kind, tables in cub.items()}


def sentences(title: str) -> Markdown:
    """Every sentence for one benchmark."""
    lines = (f"- {sentence}" for sentence in studies.revcd_findings(*outcomes[title]))
    return Markdown("\n".join([f"**{title}**", "", *lines]))


# %%
sentences(models.title)

# %% tags=["nbval-check-output"]
for title in [*outcomes][1:]:
    if all(outcomes[title]):
        display(sentences(title))

# %% [markdown]
# A number on the aviary says how the mechanisms behave on sixty drawn birds. It is no evidence
# about CUB, SUN or AWA2.
#
# **Rows filled:** every record of this page is in `records.jsonl` of the run.
#
# **To think about.** If the best estimate is an average of seen prototypes, what would you change so
# that an image of an unseen class is answered with one: the loss, the prototypes, or the question?
