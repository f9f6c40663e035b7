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
#     seconds: 20
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
# - watch a perfectly ordinary classifier overlook every new class, and say why.
#
# Twenty seconds on two cores; 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import lesson, protocol
from zslnb.datasets import aviary
from zslnb.ledger import figures
from zslnb.notebooks import contents

here = lesson.begin("00_start_here", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## The birds
#
# Everything in this companion runs on birds drawn for it: sixty species in fifteen families. Of
# twelve species, framed below, no method ever trains on a picture. They are the **unseen** classes,
# the other forty-eight are **seen**.

# %%
sheet = aviary.contact_sheet(size=112)
fig = plt.figure(figsize=(8.2, 8.2 * sheet.height / sheet.width), layout="none")
ax = fig.add_axes((0, 0, 1, 1))
ax.imshow(sheet)
ax.axis("off")
here.figure(
    fig, "contact-sheet", "The sixty species of the aviary; unseen ones are framed.", format="jpeg"
)

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
told = ", ".join(f"{part} {value}" for part, value in species.bird._asdict().items())
Markdown(
    f"- the unseen bird: class {bird}, a *{species.family}*\n- strong: {told}\n"
    f'- weak: "A photo of a {species.name}."'
)

# %% [markdown]
# And each image is a *feature*, the vector that CLIP's image encoder makes of it. Here are five
# pictures of that bird, which training never sees, and five of a seen relative, which it does.

# %%
relative = int(bench.seen[(bench.seen - bird).abs().argmin()])
shown = [[aviary.picture(c, i, size=160) for i in range(5)] for c in (bird, relative)]
captions = [["", "", aviary.SPECIES[c].name, "", ""] for c in (bird, relative)]
here.figure(
    figures.picture_grid(shown, captions),
    "pictures",
    f"Above, an unseen class: {species.name}. Below, a seen relative: {aviary.SPECIES[relative].name}.",
)

# %% [markdown]
# ## Two questions one may ask
#
# - **Conventional** zero-shot learning: which of the twelve *unseen* species is this?
# - **Generalised** zero-shot learning: which of all *sixty* is it?
#
# The second is what anyone would ask outside a laboratory, and it is much harder. To see why, take
# the simplest method there is, a linear map from semantics to class scores with a closed form
# (ESZSL; notebook 01 derives it), and ask it both.

# %%
features = F.normalize(bench.features, dim=1)
text = F.normalize(bench.semantics, dim=1)
matrix = protocol.eszsl(
    features[bench.train_idx], bench.labels[bench.train_idx], text, gamma=1.0, lam=0.1
)
scores = features @ matrix @ text.T

# %%
images = bench.test_unseen_idx
among_unseen = bench.unseen[scores[images][:, bench.unseen].argmax(1)]
among_all = scores[images].argmax(1)
answers = {"12 unseen classes compete": among_unseen, "all 60 classes compete": among_all}
accuracy = {
    name: protocol.per_class_accuracy(bench.labels[images], answer, bench.unseen)
    for name, answer in answers.items()
}
Markdown(
    "\n".join(
        f"- {name}: {100 * value:.0f} % of unseen images right" for name, value in accuracy.items()
    )
)

# %% [markdown]
# ## Seen bias
#
# The pictures are the same, the scores are the same. What changed is who else may answer. Look at
# the best score that any seen class gets, and the best that any unseen class gets, for the same
# images of *unseen* birds:

# %%
best_seen = scores[images][:, bench.seen].max(1).values
best_unseen = scores[images][:, bench.unseen].max(1).values
fig, ax = plt.subplots(figsize=(6, 3.2))
bins = np.linspace(float(scores[images].min()) / 4, float(scores[images].max()), 40)
ax.hist(best_unseen, bins, alpha=0.6, label="best unseen class (the truth is one of these)")
ax.hist(best_seen, bins, histtype="step", linewidth=2, label="best seen class (always wrong)")
ax.set(xlabel="highest compatibility score", ylabel="images of unseen birds")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.28))
taken = float((best_seen > best_unseen).float().mean())
here.figure(fig, "bias", f"{100 * taken:.0f} % of the unseen birds' images go to a seen class.")

# %% [markdown]
# Training pushed the scores of seen classes up wherever pictures look like theirs, and an unseen
# bird looks like its seen relatives. Nothing ever pushed the unseen classes up anywhere. That is
# **seen bias**: not a bug in the method, but what training on seen classes means. Whom does the
# method mistake our bird for?

# %%
mistaken = torch.isin(among_all, bench.seen)
pairs = torch.stack([bench.labels[images][mistaken], among_all[mistaken]])
(truth, taken_for), often = pairs.unique(dim=1, return_counts=True)
worst = often.argsort(descending=True)[:5]
rows = [[aviary.picture(int(c), 0, 160) for c in ids[worst]] for ids in (truth, taken_for)]
names = [[aviary.SPECIES[int(c)].name for c in ids[worst]] for ids in (truth, taken_for)]

# %%
kin = [
    aviary.SPECIES[int(a)].family == aviary.SPECIES[int(b)].family
    for a, b in zip(truth, taken_for, strict=True)
]
share = float(often[torch.tensor(kin)].sum() / often.sum())
here.figure(
    figures.picture_grid(rows, names),
    "mistaken",
    "Above, unseen birds; below, the seen species they are most often taken for. "
    f"{100 * share:.0f} % of all such mistakes stay within the family.",
)

# %% [markdown]
# ## Why the harmonic mean
#
# Let S be the accuracy on seen birds and U that on unseen ones, all sixty classes competing. Take a
# constant off every seen class's score and the balance tips: unseen birds win back their images, seen
# birds lose theirs.


# %%
def trade(handicap: float) -> dict[str, float]:
    """Score with a handicap for every seen class."""
    lowered = scores.clone()
    lowered[:, bench.seen] -= handicap
    guess, (seen, unseen) = lowered.argmax(1), (bench.test_seen_idx, bench.test_unseen_idx)
    return protocol.gzsl_scores(
        bench.labels[seen], guess[seen], bench.labels[unseen], guess[unseen]
    )


span = float(scores.max() - scores.min())
curve = pd.DataFrame([trade(h) for h in np.linspace(-0.2 * span, 0.8 * span, 80)])

# %%
fig, ax = plt.subplots(figsize=(4.8, 4.2))
s, u = np.meshgrid(np.linspace(0.5, 100, 200), np.linspace(0.5, 100, 200))
lines = ax.contour(
    s, u, 2 * s * u / (s + u), levels=range(10, 100, 10), colors="0.7", linewidths=0.8
)
ax.clabel(lines, fmt="H %d", fontsize=7)
ax.plot(100 * curve.S, 100 * curve.U, linewidth=2, label="a handicap for seen classes")
plain, best = trade(0.0), curve.loc[curve.H.idxmax()]
ax.plot(100 * plain["S"], 100 * plain["U"], "o", label=f"no handicap: H {100 * plain['H']:.0f}")
ax.plot(100 * best.S, 100 * best.U, "s", label=f"best handicap: H {100 * best.H:.0f}")
ax.set(xlabel="S, accuracy on seen birds (%)", ylabel="U, accuracy on unseen birds (%)")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25))
average = 50 * (plain["S"] + plain["U"])
here.figure(
    fig,
    "harmonic",
    f"Along the grey lines H = 2SU/(S+U) is the same. Without a handicap the plain average of S and U "
    f"is {average:.0f} %, yet H is only {100 * plain['H']:.0f} %: H lets no one hide behind the seen classes.",
)

# %% [markdown]
# (The best handicap was read off the test images, to draw a curve. Nobody may report it as a result;
# notebook 01 measures what such peeking is worth.)
#
# ## Two papers, two directions
#
# Instead of a handicap, *generative* methods make up what is missing.
#
# - **GenZSL** goes from semantics to features: it turns features of similar seen classes into
#   features of an unseen one, then trains an ordinary classifier on real and made-up features.
# - **RevCD** goes from features to semantics: a diffusion model denoises a random vector into the
#   semantics of the bird in the picture, and the nearest class wins.
#
# ## The notebooks

# %% tags=["nbval-check-output"]
here.table(contents(), "contents", "Read them in this order; each also stands alone.")

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
    f"- Conventional {100 * accuracy['12 unseen classes compete']:.0f} %, generalised "
    f"{100 * accuracy['all 60 classes compete']:.0f} % on the same images of unseen birds: seen bias is "
    "real and large.\n"
    f"- {100 * share:.0f} % of the mistakes stay in the family: the bias is towards relatives, the very "
    "classes GenZSL calls *referents*.\n"
    f"- A single number, the handicap, moves H from {100 * plain['H']:.0f} to {100 * best.H:.0f}: how a "
    "method balances seen and unseen matters as much as what it generates."
)

# %% [markdown]
# **Rows filled:** none; this page trains nothing that is reported.
#
# **To think about.** If a handicap helps so much, is a generative method's gain more than a clever way
# to set one? Keep the question in mind for notebook 14.
