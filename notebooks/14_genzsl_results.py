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
#     seconds: 45
# ---

# %% [markdown]
# # GenZSL: the results table
#
# *GenZSL (ICML 2025), section 4, Tables 1 to 3.*
#
# The mechanisms of the other notebooks, put together and scored. After this page you can
#
# - run the method from features to S, U, H and read each number,
# - tell a number that was chosen inside the training data from one that was chosen on the test set,
# - say which of GenZSL's ingredients earn their place on the benchmark in front of you.
#
# One minute on two cores once the experiments have been run (three from nothing); 1 GB.

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
import seaborn as sns
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import genzsl, ledger, lesson, protocol

here = lesson.begin("14_genzsl_results", benchmark, semantics, profile, seeds, device)
bench = here.benchmark

# %% [markdown]
# ## What is compared
#
# **GenZSL** learns to turn a feature of similar seen classes (the *referent*) into a feature of
# the target class, synthesises features for the unseen classes, and trains an ordinary classifier
# on real seen and synthetic unseen features together. Its rows below differ from it in one thing
# each:
#
# | row | what changes |
# | --- | --- |
# | no CDP | class semantics stay as they are; nothing common is removed |
# | no boosting | λ = 0: only reconstruction and KL are trained |
# | noise for the referent | Gaussian noise enters where the referent would; all else stays |
#
# Two rows need no generator at all. **Plain CLIP** picks the class whose text is nearest to the
# image. **ESZSL** (2015) is a bilinear map with a closed form. A generative method that does not
# beat them has not earned its keep. Where features and semantics share no space, plain CLIP does
# not exist, and the boosting term has no published meaning; it then compares with semantics mapped
# to feature space by ridge regression, which is our addition, not the paper's.

# %%
settings = genzsl.profile_settings(bench.name, profile)
rows = {
    "plain CLIP": ("clip", None),
    "ESZSL": ("eszsl", None),
    "GenZSL": ("genzsl", settings),
    "no CDP": ("genzsl", replace(settings, n_removed=0)),
    "no boosting": ("genzsl", replace(settings, boosting_weight=0.0)),
    "noise for the referent": ("genzsl", replace(settings, referent="noise")),
}
shared_space = bench.feature_dim == bench.semantic_dim
if not shared_space:
    rows.pop("plain CLIP")

# %% [markdown]
# The profile decides how much of the published schedule is run. What it changes:

# %%
changed = genzsl.reductions(settings, bench.name)
frame = pd.DataFrame.from_dict(changed, orient="index", columns=["published", "here"]).astype(str)
frame.index.name = "setting"
here.table(frame, "reductions", f"What the profile `{profile}` changes in the published settings.")

# %% [markdown]
# ## Two ways to arrive at a number
#
# * **clean**: the number of synthetic features and of classifier epochs is chosen on validation
#   classes, cut out of the training data. Then one model is trained on all of trainval and tested
#   once.
# * **released**: what the published code does. After every round of training the classifier goes
#   on for some epochs on fresh synthetic features, the *test set* is scored after each, and the
#   best score is reported.
#
# T1, the conventional score, is read off the same classifier with only unseen classes allowed to
# answer. (The published code trains another one for it, on synthetic features alone.)
#
# All experiments below are records: each is computed once, here or in an earlier run, and read
# back after that.

# %%
records = ledger.run_rows(rows, bench, here.seeds, here.device)
here.keep(records)
clean = ledger.results_table(records, "clean")
here.table(
    clean.rename_axis("method"),
    "clean",
    f"**{bench.name}, protocol clean.** Percent, mean ± standard deviation over seeds. S and U: "
    "per-class accuracy on seen and unseen test images with all classes competing; H: their "
    "harmonic mean; T1: unseen images, only unseen classes competing.",
    headline=True,
)

# %%
released = ledger.results_table(records, "released")
here.table(
    released.rename_axis("method"),
    "released",
    f"**{bench.name}, protocol released.** The same methods, each number the best that was seen "
    "on the test set. Not comparable with the table above; shown because papers print such numbers.",
    headline=True,
)

# %% [markdown]
# ## One seed, step by step
#
# A record is only worth what the steps behind it are. Here they are for seed 0, with the choice
# that `clean` made on its validation classes: train, synthesise, train a classifier on real seen
# and synthetic unseen features, test once.

# %%
first = next(r for r in records if r["row"] == "GenZSL" and r["seed"] == 0)
choice = first["scores"]["chosen"]["clean"]
with ledger.one_thread():
    model = genzsl.fit(bench, settings, seed=0, device=here.device)
    features, labels = model.synthesise(bench.unseen, choice["n_synthetic"])

# %%
from torch import cat

classifier = replace(settings.classifier, epochs=choice["epochs"])
with ledger.one_thread():
    trained = protocol.train_classifier(
        cat([model.features, features]), cat([model.labels, labels]), classifier, seed=0
    )
scaled = F.normalize(bench.features, dim=1).to(here.device)
scores = protocol.evaluate_gzsl(trained.scores, trained.classes, scaled, bench)
scores["T1"] = protocol.evaluate_conventional(trained.scores, trained.classes, scaled, bench)

# %% [markdown]
# The four numbers are those of the record, to the last digit on the same kind of device:

# %%
assert all(abs(scores[name] - first["scores"]["clean"][name]) < 1e-3 for name in scores)
Markdown(", ".join(f"{name} {100 * value:.1f} %" for name, value in scores.items()))

# %% [markdown]
# ## Which ingredient helps?
#
# One dot is one seed. Seeds are shared by the rows, so the fair question is how much a row changes
# *within* a seed; the table under the picture answers it.

# %%
long = ledger.scores_frame(records)
fig, ax = plt.subplots(figsize=(7, 4))
sns.stripplot(
    data=long[long.metric == "H"],
    x="percent",
    y="row",
    hue="protocol",
    hue_order=protocol.PROTOCOLS,
    dodge=True,
    jitter=False,
    alpha=0.8,
    ax=ax,
)
ax.set(xlabel="H, harmonic mean of seen and unseen accuracy (%)", ylabel="")
ax.yaxis.grid(True)
ax.legend(title="protocol", loc="lower left")
here.figure(fig, "rows", ledger.spread_caption(records, "H", "clean"))

# %%
pairs = {
    "GenZSL minus no CDP": ("GenZSL", "no CDP"),
    "GenZSL minus no boosting": ("GenZSL", "no boosting"),
    "GenZSL minus noise for the referent": ("GenZSL", "noise for the referent"),
    "GenZSL minus ESZSL": ("GenZSL", "ESZSL"),
    "GenZSL minus plain CLIP": ("GenZSL", "plain CLIP"),
}
against = {name: pair for name, pair in pairs.items() if {*pair} <= {*rows}}
effects = pd.DataFrame(
    {
        f"{metric}, {kind}": {
            name: ledger.paired_difference(records, *pair, metric, kind)
            for name, pair in against.items()
        }
        for metric, kind in [("H", "clean"), ("T1", "clean"), ("H", "released")]
    }
)
here.table(
    effects.rename_axis("difference"),
    "effects",
    "Points gained, mean ± standard deviation of the differences within a seed.",
)

# %% [markdown]
# ## What looking at the test set is worth
#
# *Peeked* takes the very candidates of *clean*, the same trained model and the same classifiers,
# and lets the test set pick among them: what it gains is the price of peeking and of nothing else.
# *Released* peeks too, but also differs in its schedule (one number of synthetic features, one
# classifier that is never reset), so it may land on either side. Notebook 01 shows how the price
# grows with the number of looks.

# %%
gains = [
    {
        "method": label,
        "H, peeked minus clean": ledger.protocol_gap(records, label, "H", "peeked"),
        "H, released minus clean": ledger.protocol_gap(records, label, "H", "released"),
    }
    for label, (method, _) in rows.items()
    if method != "clip"
]
here.table(
    pd.DataFrame(gains), "gap", "Points of H that choosing on the test set adds, over seeds."
)

# %% [markdown]
# ## What the paper prints
#
# For its own benchmarks, with CLIP ViT-B/16 features, best on test, one seed. None of these numbers
# was computed here, and none can be compared with the tables above: other data, other features,
# another protocol.

# %%
quoted = ledger.published("genzsl")
main = quoted[
    quoted.method.isin(["GenZSL", "plain CLIP"]) & quoted.metric.isin(["T1", "U", "S", "H"])
]
wide = main.pivot_table(index=["benchmark", "method"], columns="metric", values="value", sort=False)
here.table(
    wide[["T1", "U", "S", "H"]].reset_index(),
    "printed",
    "**Quoted, not reproduced.** GenZSL's Tables 1, 2 and 4. On CUB, plain CLIP's U of "
    f"{ledger.published_value('genzsl', 'T4-CUB-CLIP-U')} is above GenZSL's "
    f"{ledger.published_value('genzsl', 'T2-CUB-U')}.",
)

# %% [markdown]
# ## Real features
#
# The same notebook, given real images' features, wrote the records behind this table. CUB here is
# 11,788 images as ResNet `fc1000` outputs with sentence semantics: real, but neither the features
# nor the semantics of the paper, so a stand-in without a verdict.

# %% tags=["nbval-check-output"]
run = ledger.recorded("cub_resnet_fc1000-sentences-medium")
real = [r for r in run if r["notebook"] == here.notebook]
table = (
    ledger.results_table(real, "clean").rename_axis("method")
    if real
    else pd.DataFrame({"method": ["not measured"]})
)
here.table(
    table, "cub", "**CUB, ResNet fc1000 features, sentences, protocol clean** (profile medium)."
)

# %%
used = next((r["settings"] for r in real if r["row"] == "GenZSL"), None)
shorter = genzsl.reductions(genzsl.settings_from_record(used), "cub") if used else {}
text = "; ".join(f"{name} {now} (published {then})" for name, (then, now) in shorter.items())
Markdown(f"Reduced from the published settings: {text}." if text else "")

# %% tags=["nbval-check-output"]
measured = {r["row"] for r in real}
found = [ledger.verdict(real, *p, "H", "clean") for p in pairs.values() if {*p} <= measured]
ends = {
    row: np.mean([r["scores"]["history"][-1]["reconstruction"] for r in real if r["row"] == row])
    for row in ("GenZSL", "no boosting")
    if row in measured
}
if len(ends) == 2:
    found.append(
        "Why boosting costs here: the reconstruction error ends at "
        f"{ends['GenZSL']:.3f} with it and at {ends['no boosting']:.3f} without. It pulls features "
        "towards their class's text, mapped to feature space, and away from their class."
    )
Markdown("\n".join(f"- {sentence}" for sentence in found))

# %% [markdown]
# ## What held, what did not
#
# The sentences below are written by the records of this run, not by hand.

# %%
said = [ledger.verdict(records, *pair, "H", "clean") for pair in against.values()]
if shared_space:
    said.append(ledger.verdict(records, "GenZSL", "plain CLIP", "T1", "clean"))
Markdown("\n".join(f"- {sentence}" for sentence in said))

# %% [markdown]
# Read the comparison with plain CLIP with care: plain CLIP trains on nothing, while every other row
# has seen labelled images of the seen classes. That helps S, and through S it helps H; on unseen
# classes alone (T1) it need not help at all.
#
# A number on the aviary says how the mechanisms behave on sixty drawn birds. It is no evidence
# about CUB, SUN or AWA2.
#
# **Rows filled:** every record of this page is in `records.jsonl` of the run.
#
# **To think about.** Hold the noise row against GenZSL's, here and on CUB. What would the training
# objective have to reward for the referent to matter? (Notebook 11 takes the question apart.)
