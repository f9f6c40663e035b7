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
#       training_images_of_each_seen_class: 2
#       unseen_classes: 2
#       unseen_classes_with_two_test_images: 1
#     needs: images
#     seconds: 60
# ---

# %% [markdown]
# # Referent induction
#
# *GenZSL (ICML 2025), sections 3.2 and 3.3.*
#
# Most generative zero-shot methods imagine the features of an unseen class out of noise. GenZSL
# means to *induce* them: it takes features of similar seen classes, the **referents**, and learns to
# turn them into features of the target class. After this page you can
#
# - find a class's referents and draw a referent sample,
# - write the inductive VAE and its three losses in a few lines each,
# - test, by swapping one input at a time, what a trained generator really listens to.
#
# Half a minute on two cores once the experiments have been run, minutes more from nothing; 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import experiments, genzsl
from zslnb.datasets import aviary
from zslnb.device import one_thread
from zslnb.notebook import desk
from zslnb.protocol import mean_and_sd
from zslnb.seeds import seeded
from zslnb.studies import plots

here = desk.begin("11_referent_induction", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## Who stands in for whom?
#
# A class is compared with the seen classes by the cosine of their semantics, refined by class
# diversity promotion (notebook 10). The $k$ most similar are its referent classes; the paper takes
# $k = 2$. A seen class must not be its own referent, or it would learn to copy itself.

# %%
refined = genzsl.class_diversity_promotion(F.normalize(bench.semantics, dim=1))
unit = F.normalize(refined, dim=1)
cosines = unit[bench.unseen] @ unit[bench.seen].T
best = cosines.topk(2, dim=1)
referents = bench.seen[best.indices]

# %%
same = genzsl.top_k_referents(refined[bench.unseen], refined[bench.seen], k=2)
assert torch.equal(bench.seen[same], referents)
start = genzsl.prepare(bench, genzsl.profile_settings(bench.name, profile), seed=0)
assert torch.equal(start.referents[bench.unseen], referents)
assert (start.referents[bench.seen] != bench.seen[:, None]).all()  # nobody stands in for itself

# %%
trios = torch.cat([bench.unseen[:, None], referents], dim=1)[:8].tolist()
scores = [["", *(f"\n{cos:.2f}" for cos in row)] for row in best.values.tolist()]
rows = [a + b for a, b in zip(trios[::2], trios[1::2], strict=False)]
texts = [a + b for a, b in zip(scores[:8:2], scores[1:8:2], strict=False)]

# %%
fig = plots.picture_grid(
    [[plots.class_picture(bench, c) for c in row] for row in rows],
    [
        [bench.class_names[c] + text for c, text in zip(*pair, strict=True)]
        for pair in zip(rows, texts, strict=True)
    ],
    framed=(0, 3),
)
caption = (
    f"{2 * len(rows)} unseen classes of {bench.name} (framed), each with its two referent classes to "
    "the right and the cosine of their refined semantics. The choice sees semantics, never pictures."
)
here.figure(fig, "referents", caption)

# %% [markdown]
# Does it matter that the semantics are refined first? Chosen on raw semantics, some referents would
# be others:

# %%
raw = F.normalize(bench.semantics, dim=1)
on_raw = bench.seen[genzsl.top_k_referents(raw[bench.unseen], raw[bench.seen], k=2)]
changed = (on_raw != referents).any(1).nonzero()[:, 0]
name = np.array([n.replace("_", " ") for n in bench.class_names])

# %%
listed = pd.DataFrame(
    {
        "unseen class": name[bench.unseen[changed]],
        "referents, raw": [", ".join(name[row]) for row in on_raw[changed]],
        "referents, refined": [", ".join(name[row]) for row in referents[changed]],
    }
)
here.table(
    listed.head(6),
    "changed",
    f"{len(changed)} of {len(referents)} unseen classes have other referents, or in another order, "
    "when chosen on raw semantics; the first of them.",
)

# %% [markdown]
# ## One sample, one draw from each referent
#
# A referent *sample* mixes one random training feature of each referent class,
#
# $$x^{refer} = 0.8\, x_1 + 0.2\, x_2, \qquad x_i \text{ drawn uniformly from referent class } i ,$$
#
# anew for each target sample and each step. The paper calls this mixup; the weights, though, are
# fixed. As released, the mixture is not scaled back to length one. By hand, for one sample each:

# %%
X, train_labels = start.features, start.labels  # training features, at length one
with seeded(0, "lesson/draw"):
    uniform = torch.rand(referents.shape)

# %%
members = {int(c): (train_labels == c).nonzero()[:, 0] for c in bench.seen}
drawn = [
    [int(members[c][int(u * len(members[c]))]) for c, u in zip(classes, row, strict=True)]
    for classes, row in zip(referents.tolist(), uniform, strict=True)
]
by_hand = torch.stack([0.8 * X[first] + 0.2 * X[second] for first, second in drawn])

# %%
with seeded(0, "lesson/draw"):
    x_refer = start.pool.draw(referents, start.weights)
torch.testing.assert_close(x_refer, by_hand)
Markdown(f"Their lengths: {x_refer.norm(dim=1).min():.2f} to {x_refer.norm(dim=1).max():.2f}.")

# %%
if plots.class_picture(bench, 0):
    photos = bench.train_idx[torch.tensor(drawn[:4])]
    pictures = [aviary.picture_of_row(int(row), 96, bench.name) for row in photos.flatten()]
    labels = [
        f"{w:.1f} × {name[c]}"
        for pair in referents[:4].tolist()
        for w, c in zip(start.weights, pair, strict=True)
    ]
    fig = plots.picture_grid([pictures], [labels], side=1.2)
    caption = (
        "The training pictures behind the first four draws, two to a draw. Beside the birds themselves "
        "the draws bring in chance: pose, size, background."
    )
    here.figure(fig, "draws", caption)

# %% [markdown]
# ## The inductive VAE
#
# An encoder looks at a referent sample and the target's semantics and says where in a latent space
# to look; a decoder turns a latent drawn there, and the target's semantics, into a feature.
#
# $$\mu, \log\sigma^2 = \mathrm{IE}(x^{refer}, \tilde z), \qquad o = \mu + \sigma\,\varepsilon,
# \quad \varepsilon \sim \mathcal N(0, I), \qquad
# \hat x = \frac{\mathrm{ID}(o, \tilde z)}{\lVert \mathrm{ID}(o, \tilde z) \rVert}$$

# %%
boxes = {
    "referent\n$x^{refer}$": (0.8, 1.9),
    "encoder IE": (2.4, 1.9),
    "$\\mu,\\ \\log\\sigma^2$": (4.0, 1.9),
    "latent\n$o = \\mu + \\sigma\\varepsilon$": (5.6, 1.9),
    "decoder ID": (7.2, 1.9),
    "feature\n$\\hat x$": (8.7, 1.9),
    "semantics of the target $\\tilde z$": (4.8, 0.6),
    "noise $\\varepsilon$": (5.6, 3.0),
}

# %%
first, encoder, moments, latent, decoder, last, text, noise = boxes
arrows = [(first, encoder), (encoder, moments), (moments, latent), (latent, decoder)]
arrows += [(decoder, last), (text, encoder), (text, decoder), (noise, latent)]
fig = plots.schematic(boxes, arrows, (9.4, 3.5), filled=(encoder, decoder))
caption = (
    "The inductive VAE; trained parts are filled. A referent can reach the feature in one way only, "
    "through the latent; the target's semantics have a way of their own."
)
here.figure(fig, "network", caption)

# %% [markdown]
# The paper also writes $x^{refer} + o$, as if the referent were handed to the decoder too. In the
# released code it is not, and here neither. Step by step, with untrained weights:

# %%
vae, z = start.model, refined[bench.unseen]
with torch.no_grad(), seeded(0, "lesson/latent"):
    hidden = vae.encoder[0](torch.cat([x_refer, z], dim=1)).relu()
    mu, log_var = vae.mean(hidden), vae.log_var(hidden)
    o = mu + (log_var / 2).exp() * torch.randn_like(mu)
    hidden = vae.decoder[0](torch.cat([o, z], dim=1)).relu()
    x_hat = F.normalize(vae.decoder[2](hidden), dim=1)

# %%
with torch.no_grad(), seeded(0, "lesson/latent"):
    forward = vae(x_refer, z)
torch.testing.assert_close(forward, (x_hat, mu, log_var))

# %% [markdown]
# ## Three losses
#
# Training looks at seen classes only: each training sample $x$ is a target, its referents come from
# *other* seen classes. The sum to be minimised is
#
# $$\underbrace{\lVert \hat x - x \rVert^2}_{\text{reconstruct the target}}
# + \underbrace{\tfrac12 \sum_l \big(\mu_l^2 + \sigma_l^2 - 1 - \log \sigma_l^2\big)}_{
# \text{KL: keep the latent near } \mathcal N(0, I)}
# + \lambda\, \underbrace{\mathcal L_{Boost}}_{\text{point at the own class's text}} .$$
#
# As its reviews quote it, the paper's boosting formula lost a logarithm and an index in print; the
# released code leaves no doubt: in a batch, each $\hat x$ is to pick out its own $\tilde z$, and each $\tilde z$ its own
# $\hat x$, by a softmax over $\langle \hat x_i, \tilde z_j \rangle / \tau$.

# %%
batch = torch.arange(0, len(X), max(1, len(X) // 64))[:64]
x, target_z, anchors = X[batch], refined[train_labels[batch]], start.anchors[train_labels[batch]]
with torch.no_grad(), seeded(0, "lesson/losses"):
    x_hat, mu, log_var = vae(start.referent_samples(train_labels[batch]), target_z)

# %%
reconstruction = (x_hat - x).square().sum(1).mean()
kl = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).mean()
logits = x_hat @ anchors.T / 0.07
boosting = -(logits.log_softmax(1).diag() + logits.log_softmax(0).diag()).mean() / 2

# %%
with torch.no_grad(), seeded(0, "lesson/losses"):
    losses = start.losses(batch)
expected = {"reconstruction": reconstruction, "kl": kl, "boosting": boosting}
torch.testing.assert_close(losses, expected)
torch.testing.assert_close(reconstruction, (2 - 2 * (x_hat * x).sum(1)).mean())

# %% [markdown]
# For vectors of length one the reconstruction term is $2 - 2\cos(\hat x, x)$. That gives a floor to
# hold it against: if $\hat x$ may depend on the class and nothing else, the best it can be is the
# direction of the class mean $m_y$, and then the term is $2 - 2\,\lVert m_y \rVert$ on average. A
# generator that makes good use of its referents would get below that floor.

# %%
means = torch.stack([X[train_labels == c].mean(0) for c in bench.seen])
counts = start.pool.counts[bench.seen]
floor = float(2 - 2 * (counts * means.norm(dim=1)).sum() / counts.sum())

# %% [markdown]
# ## Training
#
# One seed, live. The same training is an experiment with a record for each seed: with the published
# KL weight of 1, with a thousandth of it, and with a thousandth for twice as many passes.

# %%
settings = start.settings
with one_thread():
    model = genzsl.fit(bench, settings, seed=0, device=here.device)
weak = replace(settings, kl_weight=0.001)
longer = replace(weak, rounds=2 * settings.rounds)
rows = {
    "KL weight 1": ("referent_swap", settings),
    "KL weight 0.001": ("referent_swap", weak),
    "0.001, twice as long": ("referent_swap", longer),
}

# %%
records = experiments.run_rows(rows, bench, here.seeds, here.device)
here.keep(records)
first = records[0]["scores"]
live = model.history[-1]["reconstruction"]
assert abs(live - first["history"][-1]["reconstruction"]) < 1e-3


# %%
def runs(row: str, *keys: str) -> np.ndarray:
    """Scores of one row, a line for each seed: histories as curves, single numbers as they are."""
    found = [r["scores"] for r in records if r["row"] == row]
    if keys[0] == "history":
        return np.array([[one[keys[1]] for one in s["history"]] for s in found])
    return np.array([s[keys[0]][keys[1]] for s in found])


def plus_minus(values: np.ndarray, form: str) -> str:
    """Write mean ± standard deviation over seeds; a single seed stands alone."""
    mean, sd = mean_and_sd(values.tolist())
    return f"{mean:{form}}" + ("" if np.isnan(sd) else f" ± {sd:{form}}")


# %%
curves = {term: {row: runs(row, "history", term) for row in rows} for term in losses}
gap = curves["reconstruction"]["KL weight 1"][:, -1].mean() - floor
ends = {row: curve[:, -1].mean() for row, curve in curves["kl"].items()}

# %%
fig, axes = plt.subplots(1, 3, figsize=(10, 3.3))
for ax, (term, by_row) in zip(axes, curves.items(), strict=True):
    for (row, curve), marker in reversed([*zip(by_row.items(), "osv", strict=True)]):
        passes = settings.passes * np.arange(1, curve.shape[1] + 1)
        colour = f"C{[*rows].index(row)}"
        plots.band(ax, passes, curve, row, marker=marker, markersize=4, color=colour)
    ax.set(title=term if term != "kl" else "KL", xlabel="passes over the training data")
axes[0].axhline(floor, color="k", linestyle=":", label="floor without referents")
axes[0].set_ylabel("loss term, unweighted")
axes[1].set_yscale("log")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
caption = (
    f"Loss terms, mean and range over seeds ({len(here.seeds)}). Reconstruction with weight 1 ends "
    f"{gap:+.3f} from the floor. KL ends at {ends['KL weight 1']:.0e} with weight 1, at "
    f"{ends['KL weight 0.001']:.1f} with 0.001, and at {ends['0.001, twice as long']:.1f} after twice "
    "as many passes."
)
here.figure(fig, "losses", caption)

# %% [markdown]
# A KL of nearly 0 says that the encoder answers $\mu = 0$, $\sigma = 1$ whatever it is shown. That
# is *posterior collapse*. If it has happened, the decoder gets pure noise where the referent was
# meant to speak. So ask it.
#
# ## The swap test
#
# Synthesise features of the unseen classes. Then exchange a single input, keep everything else as
# it was down to the latent noise $\varepsilon$, and see how far the output turns: $1 - \cos$ of the
# two outputs. A generator that induces from its referents must turn when the referent does. Two
# further swaps, of the noise and of the semantics, serve as yardsticks.

# %%
moved = genzsl.referent_swap(model, bench.unseen, n=100)
assert all(np.isclose(moved[s], first["swaps"][s], rtol=0.05, atol=1e-6) for s in genzsl.SWAPS)

# %%
swaps = pd.DataFrame(
    {row: {s: plus_minus(runs(row, "swaps", s), ".1e") for s in genzsl.SWAPS} for row in rows}
)
here.table(
    swaps.rename_axis("swapped for"),
    "swaps",
    f"How far the output turns, $1 - \\cos$, mean ± standard deviation over seeds ({len(here.seeds)}). "
    "0: the input is not heard. 1: nothing in common.",
    headline=True,
)

# %%
fig, ax = plt.subplots(figsize=(8, 3.8))
for row, marker, shift in zip(rows, "osv", (-0.2, 0, 0.2), strict=True):
    values = np.array([runs(row, "swaps", s) for s in genzsl.SWAPS])
    place = np.arange(len(values)) + shift
    ax.plot(values.mean(1), place, marker, label=row)
    ax.hlines(place, values.min(1), values.max(1), color=ax.lines[-1].get_color())
ax.axhline(3.5, color="0.4", linewidth=0.8)
ax.set(xscale="log", yticks=range(len(values)), yticklabels=genzsl.SWAPS, ylim=(5.6, -0.6))
ax.set_xlabel(r"turn of the output, $1 - \cos$ (log scale)")
ax.legend(loc="lower left")
turn = {s: runs("KL weight 1", "swaps", s).mean() for s in genzsl.SWAPS}
caption = (
    "What the trained generator hears: mean and range over seeds. Above the line the swaps that a "
    "referent could answer to, below it the yardsticks. With KL weight 1, samples of random classes "
    f"for the referent turn the output by {turn[genzsl.SWAPS[1]]:.0e}, other semantics by "
    f"{turn[genzsl.SWAPS[5]]:.1g}."
)
here.figure(fig, "swaps", caption)

# %% [markdown]
# ## Real and synthetic variety
#
# If the output depends on semantics and pure noise only, and the noise is best ignored (the floor
# above belongs to a generator that ignores it), then all samples of a class come out nearly alike.


# %%
def within(features: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Cosines of all pairs of different samples of one class, up to 100 samples a class."""
    found = []
    for c in labels.unique():
        own = F.normalize(features[labels == c][:100], dim=1)
        found.append((own @ own.T)[tuple(torch.triu_indices(len(own), len(own), offset=1))])
    return torch.cat(found).cpu().numpy()


synthetic = within(*model.synthesise(bench.unseen, 100, "swap"))
real = within(bench.features[bench.test_unseen_idx], bench.labels[bench.test_unseen_idx])

# %%
fig, ax = plt.subplots(figsize=(7, 3))
bins = np.linspace(min(0, real.min()), 1, 81)
ax.hist(real, bins, density=True, alpha=0.65, label="real images")
ax.hist(synthetic, bins, density=True, alpha=0.65, label="synthetic, KL weight 1")
ax.set(xlabel="cosine of two samples of one unseen class", ylabel="density of pairs", yscale="log")
ax.legend(loc="upper left")
caption = (
    f"Variety within the unseen classes: the median cosine is {np.median(real):.2f} between real "
    f"samples and {np.median(synthetic):.3f} between synthetic ones."
)
here.figure(fig, "variety", caption)

# %%
columns = {
    "within a class, real": ("within", "real"),
    "within a class, synthetic": ("within", "synthetic"),
    "to the real mean, referents": ("to mean", "referent"),
    "to the real mean, synthetic": ("to mean", "synthetic"),
}
variety = pd.DataFrame(
    {
        title: {row: plus_minus(runs(row, *keys), ".3f") for row in rows}
        for title, keys in columns.items()
    }
)
here.table(
    variety.rename_axis("setting"),
    "variety",
    "Cosines for the unseen classes: between samples of one class, and of class means with the real "
    "class mean (measured on test images; nothing was chosen by them).",
)

# %% [markdown]
# ## Why nobody listens to the referent
#
# It is not a matter of too strong a KL term, nor of training too little. Referent and target are
# drawn independently once the class is given: *any* training picture of the referent class is
# paired with *any* of the target class. So
#
# $$I(x^{refer};\, x \mid \tilde z) = 0, \qquad\text{and with it}\qquad I(o;\, x \mid \tilde z) = 0 ,$$
#
# since $o$ is made of the referent, the semantics and noise. No decoder can reconstruct $x$
# better with $o$ than from $\tilde z$ alone; the boosting term looks at $\hat x$ and $\tilde z$ only;
# and a latent that tells of the referent costs KL, at any weight above 0. The optimum of the whole
# objective therefore ignores the referent. A small KL weight lets go of it late and lightly, but
# gives no reason to keep it: that is why the last row, trained for longer, is shown beside the
# second.
#
# The independence can be seen in the data: take away class means, and a target has nothing in
# common with its referent.

# %%
with seeded(0, "lesson/independence"):
    paired = start.referent_samples(train_labels)
class_of = torch.searchsorted(bench.seen, train_labels)
paired_means = torch.stack([paired[class_of == i].mean(0) for i in range(len(bench.seen))])

# %%
common = F.cosine_similarity(paired - paired_means[class_of], X - means[class_of])
error = float(common.std() / len(common) ** 0.5)
Markdown(
    f"Mean cosine of a target and its referent, both less their class mean: {common.mean():.3f}, "
    f"with a standard error of {error:.3f}, over {len(common):,} pairs."
)

# %% [markdown]
# ## What held, what did not
#
# The numbers are this run's, and so are the verdicts. An input is *not heard* if swapping it turns
# the output less than a ten-thousandth as far as swapping the semantics does, *hardly heard* below
# a tenth, else *heard*.


# %%
def verdict(row: str) -> str:
    """Say whether a setting's generator hears its referents, by the rule above."""
    other, text = (runs(row, "swaps", genzsl.SWAPS[i]).mean() for i in (1, 5))
    heard = "not" if other < 1e-4 * text else "hardly" if other < 0.1 * text else "indeed"
    return (
        f"- **{row}:** the referent is **{heard} heard**. Samples of random classes in its place turn "
        f"the output by {other:.0e}, other semantics by {text:.1g}."
    )


Markdown(
    "- **Held:** neighbours, draws, network and losses by hand are those of the package.\n"
    + "\n".join(verdict(row) for row in rows)
    + f"\n- **The floor** of a generator without referents is {floor:.3f}; training ends {gap:+.3f} "
    "from it."
)

# %% [markdown]
# A generator that does not hear its referents can still be useful: it is a smooth map from semantics
# to the middle of a class, learnt by regression. That is quick to train, and it may be
# where the paper's speed comes from. But it is not induction, and Gaussian noise in the referent's place
# should then do as well. Notebook 14 runs that control.
#
# **Rows filled:** the `referent_swap` records of the three settings, in `records.jsonl` of the run.
#
# **To think about.** What would you pair with what, or what would the loss have to reward, for the
# referent to tell the generator something about the target that its name does not?
