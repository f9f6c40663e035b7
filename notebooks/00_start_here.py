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
#     needs: aviary
#     seconds: 5
# ---

# %% [markdown]
# # Start here: recognising birds nobody has shown you
#
# *An introduction to two papers on zero-shot learning:
# [GenZSL](https://arxiv.org/abs/2505.11882) (ICML 2025) and
# [RevCD](https://arxiv.org/abs/2409.00511) (2024). For readers who know PyTorch and have never met
# zero-shot learning.*
#
# After this page you can
#
# - say what *seen*, *unseen*, *conventional* and *generalised* mean, with pictures,
# - explain why the field scores with a harmonic mean and not with an average,
# - measure how far a perfectly ordinary method favours the classes it was trained on.
#
# Twenty minutes, and as long for the exercises.

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
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import Markdown
from torch import Tensor

from zslnb import genzsl, protocol, studies
from zslnb.datasets import aviary
from zslnb.notebook import desk
from zslnb.notebook.sources import contents

here = desk.begin("00_start_here", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## The birds
#
# Every page of this companion runs on birds drawn for it, sixty species in twelve families; some show recorded
# results on photographs (CUB) beside them. The
# twelve species framed below are **unseen**: no method trains on a picture of them. The other
# forty-eight are **seen**.

# %%
here.figure(studies.all_species(), format="jpeg")

# %% [markdown]
# These birds are toy data: they show how the methods work, and prove nothing about photographs.
#
# ## How can anyone recognise an unseen bird?
#
# From a description. Every class, seen or unseen, comes with **semantics**: a vector that describes
# it. There are two kinds here, as in the papers.
#
# - *Strong* semantics: a list of attributes that an expert would write down.
# - *Weak* semantics: a sentence with the class's name, embedded by the text encoder of CLIP. (CLIP is
#   two networks, for images and for texts, trained until an image and its caption get similar
#   vectors.) The name mentions only part of what there is to see.

# %%
bird = int(bench.unseen[0])
species = aviary.SPECIES[bird]
attributes = ", ".join(f"{part} {value}" for part, value in species.bird._asdict().items())
Markdown(f"- strong: {attributes}\n- weak: A photo of a {species.name}.")

# %% [markdown]
# Each image is a **feature**: the vector that CLIP's image encoder makes of it. Here are five
# pictures of that bird, never used in training, and five of a seen relative.

# %%
relative = next(c for c in bench.seen.tolist() if aviary.SPECIES[c].family == species.family)
here.figure(studies.two_species(bird, relative))

# %% [markdown]
# ## Two questions one may ask
#
# - **Conventional** zero-shot learning: which of the twelve *unseen* species is this?
# - **Generalised** zero-shot learning: which of all *sixty* is it?
#
# The second is what anyone would ask outside a laboratory, and it is harder. To see why, take a simple
# method: ridge regression from semantics to features. The rows of $X$ are the features of the
# training images less their mean $\bar x$, those of $Z$ the semantics of these images' classes less
# their mean $\bar z$. Fit a linear map $W$ with a ridge penalty of 1, predict what *every* class
# should look like, and answer with the class whose prediction is nearest to an image's feature $x$:
#
# $$W = (Z^\top Z + I)^{-1} Z^\top X, \qquad
# \hat y = \arg\max_c\; \cos\big(x,\; \bar x + (z_c - \bar z)\, W\big).$$

# %%
x = F.normalize(bench.features, dim=1)  # an image a row
z = F.normalize(bench.semantics, dim=1)  # a class a row
train, Z = x[bench.train_idx], z[bench.labels[bench.train_idx]]
x_mean, z_mean = train.mean(0), Z.mean(0)
tuple(train.shape), tuple(Z.shape), tuple(z.shape)

# %% [markdown]
# Every page has **exercises**, each followed by a worked cell and a check. To try them first, let
# `make exercises` write copies of all pages with blanks; a check there says in a sentence what is
# wrong, and a blank left open stops nothing.

# %% [markdown] tags=["exercise"]
# **Exercise 00.1: what should every class look like?** (code, 10 minutes, medium). Compute $W$ from the
# training images, then `expected`: for each of the classes, seen and unseen, the predicted feature,
# scaled to length one. `train` and `Z` hold an image a row, `z` a class a row.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Take the mean text out of `Z` and of `z`, and the mean image out of `train`; add the mean image back at
# the end. `torch.linalg.solve(A, B)` is `inv(A) @ B` without an inverse.
#
# </details>

# %% tags=["solution"]
centred = Z - z_mean
W = torch.linalg.solve(centred.T @ centred + torch.eye(Z.shape[1]), centred.T @ (train - x_mean))
expected = F.normalize(x_mean + (z - z_mean) @ W, dim=1)

# %% tags=["check"]
mine = expected
expected = genzsl.semantics_to_features(z, train, bench.labels[bench.train_idx], penalty=1.0)
scores = x @ expected.T
wrong = "Some class is predicted elsewhere: check both means, the penalty and the length."
desk.check(mine, expected, wrong, rtol=0, atol=1e-4)


# %%
def percent_right(images: Tensor, rivals: Tensor) -> float:
    """Percent of the images right where these classes compete, averaged over the images' own."""
    truth, answers = bench.labels[images], rivals[scores[images][:, rivals].argmax(1)]
    return 100 * protocol.per_class_accuracy(truth, answers, truth.unique())


images, everyone = bench.test_unseen_idx, torch.arange(bench.n_classes)
conventional, generalised = (percent_right(images, c) for c in (bench.unseen, everyone))
print(f"unseen birds: {conventional:.0f} % right among 12 classes, {generalised:.0f} % among 60")

# %% [markdown] tags=["exercise"]
# **Exercise 00.2: worse than chance** (find the bug, 5 minutes, easy). Someone computes the first of
# these two numbers as below, and concludes that the map is useless. Compute `fixed`, the share (0 to 1) of
# images that are right, as it should have been.

# %%
guess = scores[images][:, bench.unseen].argmax(1)
wrong_share = float((guess == bench.labels[images]).float().mean())
print(f"{wrong_share:.0%} of the images right, where chance is {1 / len(bench.unseen):.0%}")

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# What does `argmax` count: classes, or columns of what it is given?
#
# </details>

# %% tags=["solution"]
fixed = float((bench.unseen[guess] == bench.labels[images]).float().mean())

# %% tags=["check"]
answers = torch.where(torch.isin(everyone, bench.unseen), scores[images], -torch.inf).argmax(1)
right_share = float((answers == bench.labels[images]).float().mean())
desk.check(fixed, right_share, "The guesses are not yet compared as classes.")
f"{fixed:.0%}"

# %% [markdown]
# ## Seen bias
#
# Same pictures, same scores; only the list of possible answers has grown. But among sixty answers
# anybody is wrong more often than among twelve. So, for comparison, let *seen* birds compete in
# twelves: two species from each of six families, as the unseen ones are.

# %%
family = pd.Series([species.family for species in aviary.SPECIES])
ours = family[bench.seen.tolist()]
test_seen, among_twelve = bench.test_seen_idx, []
for draw in range(100):
    six = ours[ours.isin(ours.drop_duplicates().sample(6, random_state=draw))]
    twelve = torch.tensor(six.groupby(six).sample(2, random_state=draw).index)
    own = test_seen[torch.isin(bench.labels[test_seen], twelve)]
    among_twelve.append(percent_right(own, twelve))
few, many = sum(among_twelve) / 100, percent_right(test_seen, everyone)
print(f"seen birds: {few:.0f} % right among 12 classes, {many:.0f} % among 60")

# %% [markdown]
# Seen birds lose about as much, so the fall alone does not show that seen classes are favoured. Look
# at the scores: for each image of an unseen bird, the best score of any unseen class less the best
# score of any seen class. Below zero a seen class wins, and the answer is wrong whichever it is:

# %%
best_seen = scores[images][:, bench.seen].max(1).values
best_unseen = scores[images][:, bench.unseen].max(1).values
here.figure(studies.bias_to_seen(best_unseen - best_seen))

# %% [markdown]
# The map was fitted to seen classes, so it may predict *their* features better, and images go to them for
# that: **seen bias**. Yet most rivals are seen. How many wrong answers are seen classes by our map, and how
# many by plain CLIP ([page 01](01_benchmarks_and_protocol.ipynb)), fitted to no bird?

# %%
compared = {"the map": scores}
if bench.shared_space:  # else no text can be compared with an image
    compared["plain CLIP"] = x @ z.T
for name, cosines in compared.items():
    answers = cosines[images].argmax(1)
    strayed = torch.isin(answers[answers != bench.labels[images]], bench.seen)
    print(f"{name}: {strayed.double().mean():.0%} of the wrong answers are seen classes")
print(f"wrong classes to choose among: {len(bench.seen) / (bench.n_classes - 1):.0%} are seen")

# %% [markdown]
# So here the longer list explains it all; for RevCD ([page 24](24_revcd_results.ipynb)) it does not. Which
# species are the unseen birds mistaken for?

# %%
mistaken = studies.mistaken(bench.labels[images], scores[images].argmax(1), bench.seen)
here.figure(mistaken)

# %% [markdown]
# Mistakes lean towards relatives, the kind of class that GenZSL calls *referents* (page 11). But that
# share is an average. What is it for each species, in percent?

# %%
pairs = pd.DataFrame(mistaken.pairs, columns=["bird", "answer", "images"])
pairs["kin"] = pairs.images * (family[pairs.bird].array == family[pairs.answer].array)
each = pairs.groupby("bird")[["images", "kin"]].sum()
if not semantics:  # what is said below is of the names
    assert each.kin.max() > each.kin.sum() / 4
    assert mistaken.share > 3 * mistaken.chance
sorted((100 * each.kin / each.images).round().astype(int))

# %% [markdown]
# Most species are above chance, but they differ widely, and a single one makes a third of the mistakes
# within families. The sample is twelve species, not hundreds of images.
#
# ## Why the harmonic mean
#
# Let $S$ be the accuracy on seen birds and $U$ that on unseen ones, all sixty classes competing. A
# **handicap**, a constant taken off the score of every seen class, tips the balance: unseen birds win
# back images, seen birds lose theirs. The field sums both up in their harmonic mean $H$, which is high
# only if both are.

# %% [markdown] tags=["exercise"]
# **Exercise 00.3: the harmonic mean** (code, 5 minutes, easy). Write H as a function of S and U. A method
# may score 0 on both.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# It is $2SU / (S + U)$, and 0 where that is 0 divided by 0.
#
# </details>


# %% tags=["solution"]
def harmonic(S: float, U: float) -> float:
    """Harmonic mean of two accuracies; 0 where both are 0."""
    return 2 * S * U / (S + U) if S + U else 0.0


# %% tags=["check"]
points = [(0.9, 0.1), (0.5, 0.5), (1.0, 0.0), (0.0, 0.0)]
right_means = [protocol.harmonic_mean(*point) for point in points]
wrong = "H is wrong for one of the points."
desk.check(lambda: [harmonic(*point) for point in points], right_means, wrong)
{point: round(mean, 2) for point, mean in zip(points, right_means, strict=True)}


# %%
def trade(handicap: float) -> dict[str, float]:
    """Score with a handicap for every seen class."""
    lowered = scores.clone()
    lowered[:, bench.seen] -= handicap
    guess, (seen, unseen) = lowered.argmax(1), (bench.test_seen_idx, bench.test_unseen_idx)
    return protocol.gzsl_scores(
        bench.labels[seen], guess[seen], bench.labels[unseen], guess[unseen]
    )


trade(0.0)

# %% [markdown] tags=["exercise"]
# **Exercise 00.4: as far as it goes** (predict, 5 minutes, medium). Before you draw the whole curve: what
# are S and U under a huge handicap? Put them, as fractions, into the dictionary `predicted`. All you need
# has been computed above.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Which classes can still win? You have met the number that U becomes, under another name.
#
# </details>

# %% tags=["solution"]
predicted = {"S": 0.0, "U": conventional / 100}  # only unseen classes are left to answer

# %% tags=["check"]
extreme = {name: value for name, value in trade(10.0).items() if name in "SU"}
wrong = "Think again who can still answer, and on whose images."
desk.check(predicted, extreme, wrong, rtol=0, atol=0.01)
extreme

# %% [markdown]
# And all handicaps between (those below zero favour seen classes more):

# %%
handicap = studies.handicap(trade, span=float(scores.max() - scores.min()))
assert handicap.best.H > handicap.plain.H
here.figure(handicap)

# %% [markdown]
# Now move the handicap yourself, from one that favours seen birds to one that nearly shuts them out: where do
# the average and H part?

# %%
studies.by_handicap(trade, span=float(scores.max() - scores.min()))

# %% [markdown]
# Where S and U are nearly equal, so are their average and H. To either side H falls much faster, with the
# smaller of the two.
#
# The best handicap was read off the test images. Nobody may report it as a result;
# [page 01](01_benchmarks_and_protocol.ipynb) measures what such peeking is worth.
#
# ## Two papers, two directions
#
# *Generative* methods learn to make one side of the data from the other.
#
# - **GenZSL**, from [page 10](10_class_diversity_promotion.ipynb) on, goes from semantics to features:
#   it turns features of similar seen classes into features of an unseen one, then trains an ordinary
#   classifier on real and made-up features.
# - **RevCD**, from [page 20](20_forward_diffusion.ipynb) on, goes from features to semantics: a
#   diffusion model denoises a random vector into the semantics of the bird in the picture, and the
#   nearest class wins.

# %% [markdown] tags=["appendix"]
# <details><summary>What was read of the two papers, and what was not</summary>
#
# GenZSL's printed paper was not at hand. What these pages say of its text comes from its abstract, from
# public reviews of an earlier version, which quote formulas, and from a summary that is not its authors';
# its released code was read line by line. So its sections, equations, tables and figures are numbered as
# in that earlier version. RevCD's text was at hand in a copy that lost some of its numbers, and no code of
# it was released: "not in the text that we have" says no more than that.
#
# </details>

# %% [markdown]
# ## The notebooks
#
# One letter means one thing on all of them: [the notation](../docs/notation.md).

# %% tags=["nbval-check-output"]
order = "Read them in this order; each also stands alone."
here.table(contents(), "contents", order)

# %% [markdown]
# ## Quick check
#
# 1. A model is trained on horses and cats and tested on zebras *and* horses. Conventional or
#    generalised?
#
# <details><summary>Answer</summary>
# Generalised: test images may be of a seen class (horses), so all three classes compete.
# </details>
#
# 2. Why does GenZSL call CLIP's class-name embeddings weak?
#
# <details><summary>Answer</summary>
# They stem from the name alone, without an expert's attributes.
# </details>
#
# ## What held, what did not
#
# - Unseen birds are recognised less often when all sixty classes compete. So are seen birds: such a fall
#   measures the longer list of answers, and seen bias only beyond that. Of that the map shows none.
# - A third of the unseen birds' images go to a seen class, half of these to a relative: far more than by
#   chance, but unevenly over species.
# - A single number, the handicap, raises H by about three points, read off the test images; no constant
#   can win back more. Where a method draws the border is part of its score, whatever it generates.
#
# **To think about.** If a handicap helps a method that generates nothing, is a generative method's gain
# more than a clever way to set one? See the column *H, calibrated* on [page 14](14_genzsl_results.ipynb),
# where every method has a handicap, chosen on validation classes. This page's map, with a kernel and a
# chosen penalty, is the row *nearest mean* there.

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# It can be, and the plain H does not tell. Two gains have to be kept apart: knowing unseen classes
# better, and drawing the border to them elsewhere. A constant off the seen scores does the second and
# nothing else. So give every method one, chosen on validation classes, and see what is left of its lead;
# or look at T1, which knows no border. On the aviary GenZSL's lead over this page's map goes that way: it
# was mostly the border.
#
# </details>

# %% [markdown]
# **Next:** [01 Benchmarks and protocol](01_benchmarks_and_protocol.ipynb)
