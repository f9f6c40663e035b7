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
#     needs: aviary
#     seconds: 5
# ---

# %% [markdown]
# # Start here: recognising birds nobody has shown you
#
# *GenZSL (ICML 2025) and RevCD (2024), introductions. For readers who know PyTorch and have never
# met zero-shot learning.*
#
# After this page you can
#
# - say what *seen*, *unseen*, *conventional* and *generalised* mean, with pictures,
# - explain why the field scores with a harmonic mean and not with an average,
# - watch a perfectly ordinary method overlook new classes, and say how much of that is bias.
#
# A quarter of a minute on two cores; under 1 GB.

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
from zslnb.studies import plots

here = desk.begin("00_start_here", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## The birds
#
# Everything in this companion runs on birds drawn for it: sixty species in twelve families. Of
# twelve species, framed below, no method ever trains on a picture. They are the **unseen** classes,
# the other forty-eight are **seen**.

# %%
sixty = "The sixty species of the aviary; unseen ones are framed."
here.figure(plots.sheet(aviary.contact_sheet(size=112)), "contact-sheet", sixty, format="jpeg")

# %% [markdown]
# The birds are toy data, and honest about it: they show how the methods work, and prove nothing
# about photographs.
#
# ## How can anyone recognise an unseen bird?
#
# By being *told* about it. Every class, seen or unseen, comes with **semantics**: a vector that
# describes it. There are two kinds here, as in the papers.
#
# - *Strong* semantics: a list of attributes that an expert would write down.
# - *Weak* semantics: the embedding of a sentence with the class's name, by CLIP's text encoder. The
#   name mentions only part of what there is to see.

# %%
bird = int(bench.unseen[0])
species = aviary.SPECIES[bird]
attributes = ", ".join(f"{part} {value}" for part, value in species.bird._asdict().items())
Markdown(
    f"- the unseen bird: class {bird}, a *{species.family}*\n- strong: {attributes}\n"
    f'- weak: "A photo of a {species.name}."'
)

# %% [markdown]
# And each image is a *feature*, the vector that CLIP's image encoder makes of it. Here are five
# pictures of that bird, which training never sees, and five of a seen relative, which it does.

# %%
kin = [c for c in bench.seen.tolist() if aviary.SPECIES[c].family == species.family]
relative = kin[0]
shown = [[aviary.picture(c, i, size=160) for i in range(5)] for c in (bird, relative)]
names = [aviary.SPECIES[c].name for c in (bird, relative)]
fig = plots.picture_grid(shown, [["", "", name, "", ""] for name in names])
caption = f"Above, an unseen class: {names[0]}. Below, a seen relative: {names[1]}."
here.figure(fig, "pictures", caption)

# %% [markdown]
# ## Two questions one may ask
#
# - **Conventional** zero-shot learning: which of the twelve *unseen* species is this?
# - **Generalised** zero-shot learning: which of all *sixty* is it?
#
# The second is what anyone would ask outside a laboratory, and it is much harder. To see why, take
# the simplest method there is. On seen classes, learn to predict an image's feature $x$ from its
# class's text $z$ by ridge regression; then predict what *every* class should look like, and answer
# with the class whose prediction is nearest:
#
# $$W = (Z^\top Z + I)^{-1} Z^\top X, \qquad \hat y = \arg\max_c\; \cos(x, \bar x + z_c W),$$
#
# with the mean image $\bar x$ taken out of all features, and the mean text out of all texts, first.

# %%
X = F.normalize(bench.features, dim=1)
z = F.normalize(bench.semantics, dim=1)
train, Z = X[bench.train_idx], z[bench.labels[bench.train_idx]]
x_mean, z_mean = train.mean(0), Z.mean(0)

# %% [markdown]
# Now it is your turn. **Exercises** stand on every page, with how long they take. Here each is followed
# by its worked cell and a check. To try them first, let `make exercises` write copies of all pages with
# blanks; a check there says in a sentence what is wrong, and a blank left open stops nothing.

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
scores = X @ expected.T
wrong = "Some class is predicted elsewhere: check both means, the penalty and the length."
desk.check(mine, expected, wrong, rtol=0, atol=1e-4)

# %% [markdown]
# The package holds the same map, and every notebook that needs it uses that one.


# %%
def right(images: Tensor, rivals: Tensor) -> float:
    """Percent of the images right where these classes compete, averaged over the images' own."""
    truth, answers = bench.labels[images], rivals[scores[images][:, rivals].argmax(1)]
    return 100 * protocol.per_class_accuracy(truth, answers, truth.unique())


# %%
images, everyone = bench.test_unseen_idx, torch.arange(bench.n_classes)
conventional, generalised = right(images, bench.unseen), right(images, everyone)
Markdown(
    f"- 12 unseen classes compete: {conventional:.0f} % of unseen images right\n"
    f"- all 60 classes compete: {generalised:.0f} % of unseen images right"
)

# %% [markdown] tags=["exercise"]
# **Exercise 00.2: worse than chance** (find the bug, 5 minutes, easy). Someone computes the first of
# these two numbers as below, and concludes that the map is useless. Compute `fixed`, the share of images
# that are right, as it should have been.

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
# The pictures are the same, the scores are the same. What changed is who else may answer. And among sixty
# anybody is wrong more often than among twelve. So, for comparison, let *seen* birds compete in twelves:
# two species of each of six families, as the unseen ones are.

# %%
family = pd.Series([species.family for species in aviary.SPECIES])
ours = family[bench.seen.tolist()]
test_seen, twelves = bench.test_seen_idx, []
for draw in range(100):
    six = ours[ours.isin(ours.drop_duplicates().sample(6, random_state=draw))]
    twelve = torch.tensor(six.groupby(six).sample(2, random_state=draw).index)
    own = test_seen[torch.isin(bench.labels[test_seen], twelve)]
    twelves.append(right(own, twelve))
few, many = sum(twelves) / len(twelves), right(test_seen, everyone)
Markdown(f"- seen birds: {few:.0f} % right among twelve of them, {many:.0f} % among all sixty")

# %% [markdown]
# So seen birds lose about as much, and the fall alone does not show that seen classes are favoured. Look
# at the scores instead. For each image of an unseen bird, take the best score any unseen class gets and
# subtract the best score any seen class gets. Below zero a seen class wins, and the answer is wrong
# whatever it is:

# %%
best_seen = scores[images][:, bench.seen].max(1).values
best_unseen = scores[images][:, bench.unseen].max(1).values
here.figure(studies.bias_to_seen(best_unseen - best_seen))

# %% [markdown]
# The map was fitted to the seen classes: it comes closer to *their* typical features than to those of
# the others, to which it can only extrapolate. So where an unseen bird resembles a seen one, the seen
# one may be the better match. That is **seen bias**: not a bug in the method, but what training on seen
# classes means. (What it costs here, Figure 5 will tell.) Whom does the method mistake the unseen birds
# for?

# %%
mistaken = studies.mistaken(bench.labels[images], scores[images].argmax(1), bench.seen)
here.figure(mistaken)

# %%
mistakes = pd.DataFrame(mistaken.pairs, columns=["bird", "answer", "all"])
stays = family[mistakes["bird"]].to_numpy() == family[mistakes["answer"]].to_numpy()
each = mistakes.assign(kin=mistakes["all"] * stays).groupby("bird")[["all", "kin"]].sum()
share, most = 100 * each["kin"] / each["all"], each["kin"].idxmax()
uneven = (
    f"the *{aviary.SPECIES[most].name}* alone makes {each['kin'].max()} of the {each['kin'].sum()} "
    f"mistakes within a family; {int((share > 100 * mistaken.chance).sum())} of the "
    f"{len(bench.unseen)} species are above chance, with shares from {share.min():.0f} to "
    f"{share.max():.0f} %"
)
Markdown(f"That share is an average over unequal birds: {uneven}.")

# %% [markdown]
# ## Why the harmonic mean
#
# Let $S$ be the accuracy on seen birds and $U$ that on unseen ones, all sixty classes competing. Take a
# constant off every seen class's score and the balance tips: unseen birds win back their images, seen
# birds lose theirs.

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
desk.check([harmonic(*point) for point in points], right_means, "H is wrong for one of the points.")
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
desk.check(predicted, extreme, "Think again who can still answer, and on whose images.")
extreme

# %%
handicap = studies.handicap(trade, span=float(scores.max() - scores.min()))
here.figure(handicap)

# %% [markdown]
# Now move the handicap yourself, from one that favours seen birds to one that nearly shuts them out: where do
# the average and H part?

# %%
studies.by_handicap(trade, span=float(scores.max() - scores.min()))

# %% [markdown]
# Where S and U are nearly equal, so are their average and H. To either side H falls much faster, with the
# smaller of the two.

# %% [markdown]
# (The best handicap was read off the test images, to draw a curve. Nobody may report it as a result;
# notebook 01 measures what such peeking is worth.)
#
# ## Two papers, two directions
#
# Instead of a handicap, *generative* methods learn to make one side of the data from the other.
#
# - **GenZSL** goes from semantics to features: it turns features of similar seen classes into
#   features of an unseen one, then trains an ordinary classifier on real and made-up features.
# - **RevCD** goes from features to semantics: a diffusion model denoises a random vector into the
#   semantics of the bird in the picture, and the nearest class wins.
#
# > **What was read, and what was not.** GenZSL's printed paper was not at hand. What these pages say of its
# > text comes from its abstract, from public reviews of an earlier version, which quote formulas, and from a
# > summary that is not its authors'; its released code was read line by line. So its sections, equations,
# > tables and figures carry the numbers of that earlier version. RevCD's text was at hand in a copy that
# > lost some of its numbers, and no code of it was released: "not in the text that we have" says no more
# > than that.
#
# ## The notebooks
#
# One letter means one thing on all of them: [the notation](../docs/notation.md).

# %% tags=["nbval-check-output"]
order = "Read them in this order; each also stands alone. Seconds: the first time, on two cores."
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
# 2. In a standard VAE, what does the decoder reconstruct? And in GenZSL?
#
# <details><summary>Answer</summary>
# In a standard VAE the input itself. In GenZSL a feature of the <em>target</em> class, although the
# input is a feature of its referents: similar but other classes (notebook 11).
# </details>
#
# 3. Why does GenZSL call CLIP's class-name embeddings weak?
#
# <details><summary>Answer</summary>
# They stem from the class name alone, without the attributes an expert would list, and they all
# share a large common part, which class diversity promotion takes away (notebook 10).
# </details>
#
# ## What held, what did not

# %%
Markdown(
    f"- Conventional {conventional:.0f} %, generalised {generalised:.0f} % on the same images of "
    f"unseen birds. Seen birds go from {few:.0f} to {many:.0f} % when their rivals grow from twelve "
    "to sixty: such a fall measures the longer list of answers as well as seen bias.\n"
    f"- {100 * mistaken.share:.0f} % of the mistakes stay in the family "
    f"({100 * mistaken.chance:.0f} % by chance): they lean towards relatives, the kind of class "
    f"that GenZSL calls *referents*. But not evenly: {uneven}.\n"
    f"- A single number, the handicap, moves H from {handicap.plain.H:.1f} to "
    f"{handicap.best.H:.1f}, read off the test images: no constant can win back more. Where "
    "a method draws the border is part of its score, whatever it generates."
)

# %% [markdown]
# **Rows filled:** none; this page trains nothing that is reported.
#
# **To think about.** If a handicap helps a method that generates nothing, is a generative method's gain
# more than a clever way to set one? Notebook 14 has an answer: in the column *H, calibrated* of its clean
# table every method has such a handicap, honestly chosen on validation classes. This page's map, with a
# kernel and a chosen penalty, is its row *nearest mean*. Compare that with GenZSL, before and after: on
# the aviary the handicap brings the map up to GenZSL, and brings GenZSL itself hardly anything. (Above
# both is a row that makes features up and trains no generator: *means + spread*.)

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
