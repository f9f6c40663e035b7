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
#       classes_with_two_test_images: 2
#       seen_classes_not_for_validation: 2
#       training_images_of_each_seen_class: 2
#     needs: images
#     seconds: 110
# ---

# %% [markdown]
# # Conditioning
#
# *RevCD (arXiv 2409.00511, second version), sections 3.3 and 3.4, equation 17, Figure 2b.*
#
# The denoiser is told two things beside the noisy semantics: which step it is, and which image. The
# paper embeds the first in sines and cosines, reads the second by a Transformer, and lets both into
# every layer in a way of its own, *cross Hadamard-addition*. After this page you can
#
# - draw the network and say where time and image enter it,
# - write the time embedding, and say what it makes of two steps near each other,
# - write attention in one line, and say what it has to attend to in a feature vector,
# - write the paper's way to join, and four others, and say whether they are told apart,
# - test by swapping the image whether a trained network listens to it, and at which steps.
#
# As on the pages before: equations are rebuilt (notebook 20 says how). No code was released, and the
# text gives neither widths nor how a feature becomes tokens; what is ours is called ours.
#
# Half a minute on two cores once the experiments have been run, two minutes the first time; under 1 GB.

# %% tags=["parameters"]
benchmark = "aviary"
semantics = ""
profile = "smoke"
seeds = 5
device = "auto"

# %%
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from IPython.display import Markdown

from zslnb import experiments, revcd, studies
from zslnb.device import one_thread
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin(
    "22_conditioning", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench = here.benchmark

# %% [markdown]
# ## The network
#
# "Three hidden, fully connected dense layers", a U-Net with a skip from the way down to the way up.
# Each layer is linear, with batch normalisation, ReLU and dropout; then time $\gamma$ and image $v$
# join it, each mapped to the layer's width. The picture is ours, from the text; Figure 2b was not at
# hand.

# %%
settings = revcd.profile_settings(profile)
here.figure(studies.revcd_network(bench, settings))

# %% [markdown]
# ## Telling the time
#
# A step is one number, and a network would have to stretch it over hundreds of columns. So it is
# given as the phases of $d / 2$ clocks (eq. 17), the slowest $10000^{1 - 2 / d}$ times slower than the
# first: a thousand times for $d = 8$, nearly ten thousand times in a wide layer.
#
# $$\gamma(t) = [\sin \omega_1 t, \cos \omega_1 t, \ldots, \sin \omega_{d/2} t, \cos \omega_{d/2} t],
# \qquad \omega_i = 10000^{-2 i / d} .$$

# %%
d, T = 8, settings.steps
steps = torch.arange(T)
omega = torch.tensor([10000 ** (-2 * i / d) for i in range(d // 2)])

# %% [markdown] tags=["exercise"]
# **Exercise 22.1: eq. 17** (code, 5 minutes, easy). Compute `gamma`, a row for each of `steps`: sine,
# cosine, sine, cosine and so on.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# All phases are an outer product of steps and frequencies. `torch.stack(..., dim=2).flatten(1)`
# interleaves two matrices.
#
# </details>

# %% tags=["solution"]
phases = steps[:, None] * omega
gamma = torch.stack([phases.sin(), phases.cos()], dim=2).flatten(1)  # sine, cosine, sine, ...

# %% tags=["check"]
package = revcd.time_embedding(steps, d)


def is_gamma(mine: torch.Tensor) -> bool:
    """Tell whether sines and cosines are those of the package, which has all sines first."""
    sorted_out = torch.cat([mine[:, 0::2], mine[:, 1::2]], dim=1)
    return torch.allclose(sorted_out, package, rtol=0, atol=1e-4)


desk.check(
    gamma, is_gamma, "A row has the sine, then the cosine, of each frequency times the step."
)

# %% [markdown]
# The package puts all sines first; the linear map that follows does not mind the order. (Here $i$
# counts from 0, so the fastest clock turns by one radian a step.) And since $\sin a \sin b + \cos a
# \cos b = \cos(a - b)$, how alike two steps look depends on their distance alone:
#
# $$\langle \gamma(t), \gamma(t') \rangle = \sum_i \cos\big(\omega_i (t - t')\big) .$$

# %%
apart = 37
alike = (package[apart:] * package[:-apart]).sum(1)
torch.testing.assert_close(alike, (omega * apart).cos().sum().expand_as(alike), rtol=0, atol=1e-3)

# %% [markdown] tags=["exercise"]
# **Exercise 22.2: the clocks stand still** (find the bug, 5 minutes, easy). In other code time runs from
# 0 to 1, and someone feeds that to the same embedding. Now the first step and the last look the same to
# the network. Compute `fixed`, the phases as they should be.

# %%
slow = (steps / T)[:, None] * omega
print(f"the fastest clock turns by {slow[-1, 0]:.2f} radians in {T} steps")

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# How far should the fastest clock turn in one step? The frequencies were made for steps that are counted.
#
# </details>

# %% tags=["solution"]
fixed = steps[:, None] * omega


# %% tags=["check"]
def are_phases(mine: torch.Tensor) -> bool:
    """Tell whether sines and cosines of these are the package's."""
    return torch.allclose(torch.cat([mine.sin(), mine.cos()], dim=1), package, rtol=0, atol=1e-4)


desk.check(fixed, are_phases, "The fastest clock should turn by one radian a step.")

# %%
clocks = {width: revcd.time_embedding(steps, width) for width in settings.widths}
cosines = {width: F.cosine_similarity(clock, clock[:1]) for width, clock in clocks.items()}
narrow = settings.widths[-1]
still = int((clocks[narrow].std(0) < 0.05).sum())

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.8, 3.5), width_ratios=(3, 2))
style = {"aspect": "auto", "cmap": "vlag", "vmin": -1, "vmax": 1}
image = axes[0].imshow(clocks[narrow].T, extent=(0.5, T + 0.5, narrow, 0), **style)
axes[0].axhline(narrow / 2, color="k", linewidth=0.8)
axes[0].set(xlabel="step", ylabel="column: sines above, cosines below")
axes[0].grid(False)
fig.colorbar(image, ax=axes[0], label="value")
for (width, cosine), line in zip(cosines.items(), ("-", "--", ":"), strict=True):
    axes[1].plot(steps, cosine, line, label=f"width {width}")
axes[1].set(xlabel="distance of two steps", ylabel="cosine", ylim=(0, 1.02))
axes[1].legend(fontsize=8)
caption = f"""Left: the embedding of width {narrow} over all {T} steps. {still} of {narrow} \
columns hardly change (standard deviation below 0.05): their clocks are too slow for {T} steps. \
Right: cosine of two steps' embeddings; {cosines[narrow][1]:.2f} for neighbours and still \
{cosines[narrow][T // 2]:.2f} at half of the way."""
here.figure(fig, "time", caption)

# %% [markdown]
# ## Reading the image
#
# A Transformer reads a *sequence*. A feature is one vector. So it has to be cut, and how, the paper
# does not say: we cut it into equal parts, fill the last one up with zeros, map each part to a token
# and add a learnt place. Ten columns, four tokens:

# %%
width = 8
with seeded(0, "lesson/encoder"):
    encoder = revcd.VisualEncoder(10, tokens=4, token_dim=width, heads=1, dropout=0.0).eval()
    x = torch.randn(5, 10)
parts = F.pad(x, (0, 2)).view(5, 4, 3)
h = encoder.enter(parts) + encoder.positions

# %% [markdown]
# Attention lets each token ask all others. From each come a query, a key and a value, three linear
# maps; a token's answer is the mean of all values, weighted by how well its query fits the keys:
#
# $$\mathrm{softmax}\Big( \frac{Q K^\top}{\sqrt d} \Big) V .$$

# %%
attention = encoder.layers.layers[0].self_attn
Q, K, V = (h @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=2)

# %% [markdown] tags=["exercise"]
# **Exercise 22.3: attention in one line** (code, 10 minutes, medium). Compute `mixed`, for each token the
# mean of all values that its query asks for. `Q`, `K` and `V` have an image, a token and a column each;
# $d$ is `width`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# `K.transpose(1, 2)` swaps tokens and columns. The weights of one token's answer sum to 1: over which
# axis?
#
# </details>

# %% tags=["solution"]
mixed = (Q @ K.transpose(1, 2) / math.sqrt(width)).softmax(dim=2) @ V

# %% tags=["check"]
mine, mixed = mixed, F.scaled_dot_product_attention(Q, K, V)
answer = attention.out_proj(mixed)
torch.testing.assert_close(answer, attention(h, h, h)[0])
desk.check(mine, mixed, "It is another mixture: check the root of d, and which weights sum to 1.")

# %% [markdown]
# The answer is added to the token, and a small network works on each token by itself; all tokens in
# one row are the condition $v$.

# %%
layer = encoder.layers.layers[0]
asked = layer.norm1(h + answer)
by_hand = layer.norm2(asked + layer.linear2(layer.linear1(asked).relu()))
torch.testing.assert_close(by_hand.flatten(1), encoder(x))

# %% [markdown]
# ## What do the tokens attend to?
#
# In a trained model. A few seeds are trained here, and as many with plain addition instead of the
# paper's way to join, for a comparison below.

# %%
some_seeds = here.seeds[:3]
with one_thread():
    models = {
        how: [
            experiments.trained(bench, replace(settings, conditioning=how), s, here.device)
            for s in some_seeds
        ]
        for how in ("cross", "addition")
    }

# %%
here.figure(studies.token_attention(models["cross"], bench))

# %% [markdown]
# Weights are not yet importance. A harder question: make attention *blind* in the trained models, so
# that each token asks all others evenly (queries of 0 fit all keys alike). What changes?


# %%
blind = studies.blind_attention(models["cross"], bench)
Markdown(blind)

# %% [markdown]
# There is a reason to expect little of it. Words have an order and patches have neighbours; the
# columns of a feature vector have neither. Shuffled, the vector says as much as before, but it is cut
# into other tokens. So what is the cut worth? The same training on **shuffled** columns, and with
# **one token**, where attention has nothing to choose (as wide a condition, so a wider Transformer).
# The stored order is itself arbitrary: a difference between the first two rows would be one between two
# arbitrary cuts. Read it by T1: where U is a percent or two, H says little.

# %%
ways = studies.conditionings(bench, settings, some_seeds, here.device)
as_stored = [record for record in ways.records if record["row"] == "cross"]
cut = studies.feature_tokens(bench, settings, some_seeds, here.device, as_stored)
here.table(cut)

# %% [markdown]
# ## Joining: cross Hadamard-addition
#
# On the way down a layer $h$ is *multiplied* by time and the image is *added*; on the way up the
# reverse (section 3.3.1). The paper's reasons: noise is "entirely deterministic", and the image is
# to condition the reconstruction more strongly. With $\gamma$ and $v$ mapped to the layer's width:
#
# $$\text{down: } h \odot W_\gamma \gamma(t) + W_v v, \qquad
# \text{up: } h \odot W_v v + W_\gamma \gamma(t) .$$

# %%
with seeded(0, "lesson/join"):
    h, v, t = torch.randn(5, 8), torch.randn(5, 6), torch.randint(T, (5,))
    joins = {way: revcd.Join(8, 6, "cross", decoder=way == "up") for way in ("down", "up")}
time = {way: join.time(revcd.time_embedding(t, 8)) for way, join in joins.items()}
seen = {way: join.visual(v) for way, join in joins.items()}

# %% [markdown] tags=["exercise"]
# **Exercise 22.4: both ways to join** (code, 5 minutes, easy). Compute `joined`, a dictionary with the
# layer after joining, on the way "down" and on the way "up". `time[way]` and `seen[way]` are already
# mapped to the width.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Down: time multiplies and the image is added. Up: the reverse.
#
# </details>

# %% tags=["solution"]
joined = {"down": h * time["down"] + seen["down"], "up": h * seen["up"] + time["up"]}

# %% tags=["check"]
package = {way: join(h, t, v) for way, join in joins.items()}
desk.check(joined, package, "Which of time and image multiplies, which is added, on which way?")

# %% [markdown] tags=["exercise"]
# **Exercise 22.5: twice the layer** (predict, 3 minutes, medium). Another image moves the joined layer by
# some amount. With $2h$ in the place of $h$, how many times that amount does it move it? Put one number
# for "down" and one for "up" into the dictionary `predicted`.

# %% [markdown] tags=["hint"]
# <details><summary>Hint</summary>
#
# Write the difference of two joined layers, and see whether $h$ is still in it.
#
# </details>

# %% tags=["solution"]
predicted = {"down": 1.0, "up": 2.0}

# %% tags=["check"]
times = {}
for way, join in joins.items():
    moves = [(join(n * h, t, v.flip(0)) - join(n * h, t, v)).norm() for n in (1, 2)]
    times[way] = float((moves[1] / moves[0]).detach())
desk.check(predicted, times, "An image that is added does not mind h.", rtol=0, atol=0.01)
times

# %% [markdown]
# What is the difference? An image that is added moves the layer by the same amount whatever is in
# it; one that multiplies says how much each column counts, and can switch it off. Exchange the
# image:

# %%
other = v.flip(0)
moved = {way: join(h, t, other) - join(h, t, v) for way, join in joins.items()}
moved_twice = {way: join(2 * h, t, other) - join(2 * h, t, v) for way, join in joins.items()}
torch.testing.assert_close(moved_twice["down"], moved["down"])  # added: h does not matter
torch.testing.assert_close(moved_twice["up"], 2 * moved["up"])  # multiplied: in proportion to h

# %% [markdown]
# Four other ways, on the same network. *Addition* and *concatenation* (mapped back to the width) are
# the plain ones; *film* scales and shifts by both (Perez et al., 2018); *swapped* is the paper's
# with the two ways exchanged.

# %%
here.table(studies.ways_to_join(bench, settings))

# %% [markdown]
# ## Does it matter?
#
# "We observe that this approach results in a closer alignment of the joint probability space, leading
# to improved accuracy": that is all the paper says, without a number. So, all five, everything else
# equal, with strict scores (seen accuracy on test images; notebook 24 has the lenient count). The last
# column is the squared error of $\hat z_0$ in the last epoch of training, per column: our reading of
# "closer alignment". Nothing learnt would be 1 in a column that varies and 0 in one that does not (on
# average the dotted line of notebook 21).


# %%
here.table(ways)

# %%
here.figure(ways, "gains")

# %%
Markdown(ways.lowest_error)

# %% [markdown]
# So is the paper's join the better one? Where the other four are not told apart from it, three seeds
# show no gain by any of the five; they do not show that all are alike, since only a large difference
# would stand out. Means that differ by a few points, or all lie on one side, are no finding. And where
# U is a percent or two, T1 carries the comparison. Nor need the lowest training error go with the
# highest T1: it is measured on seen classes.
#
# ## Does the network listen to the image?
#
# Estimate the semantics of test images. Then exchange one thing, keep everything else as it was down
# to the noise that the walk starts from, and see how far the estimate turns: $1 - \cos$ of the two.
# The last swap is the yardstick: the same image, other noise. (Guidance scale 1, which is the plain
# conditional estimate; scale 0 is the network without an image.)

# %%
swaps = studies.image_swaps(models, bench)
here.table(swaps)

# %% [markdown]
# Listening need not be the same at every step. With little noise $z_t$ itself says the class, so a
# network *could* do without the image; with much noise it cannot. One might expect it to learn that. Noise
# each image's prototype to step $t$, swap the image, and look at that one estimate: where the curves stay
# high on the left, the network follows the image although $z_t$ has the answer.

# %%
here.figure(studies.listening(models, bench))

# %% [markdown]
# They fall to the left, so $z_t$ is heard, but stop far above 0: even where $z_t$ is all but clean, the
# image of another class turns the estimate a long way, with either join.
#
# ## What held, what did not
#
# The numbers are this run's, and the sentences are written by them.


# %%
sentences = [
    f"**Held:** eq. 17 by hand, attention by hand, and the paper's way to join are the package's. {still} "
    f"of {narrow} columns of the narrowest time embedding hardly change over {T} steps.",
    f"**Attention:** {blind}",
    *cut.verdicts,
    f'**"Closer alignment":** {ways.lowest_error}',
    f'**"Improved accuracy"** by cross Hadamard-addition, on {bench.name}: by H {ways.against["H"]}; by T1 '
    f"{ways.against['T1']}.",
    *ways.verdicts,
    "**The image is heard:** " + "; ".join(swaps.listens.values()) + ".",
]
Markdown("\n".join(f"- {sentence}" for sentence in sentences))

# %% [markdown]
# The aviary's birds are drawn: what they say about the ways to join says nothing about CUB, SUN or
# AWA2.
#
# **Rows filled:** the records of *RevCD conditioning* and *RevCD tokens*, in `records.jsonl` of the run.
#
# **To think about.** On the way up the image multiplies. Suppose its map gave 0 in some column for
# every seen class. Which unseen classes could the network then still describe, and would you rather
# have the image added there?

# %% [markdown] tags=["answer"]
# <details><summary>One answer</summary>
#
# In that column the product is 0 whatever $h$ holds, and only the time is left: what the column should
# say is lost, for seen and unseen classes alike. The network can still describe those unseen classes that
# differ from seen ones in other columns only. An unseen class whose image would need that column stays
# without it, unless its image, unlike all seen ones, opens it, and then with weights that no training has
# set. Added, an image cannot close a column: $h$ always gets through, and the next layer decides. That is
# safer for unseen classes, and says less about how much each column counts.
#
# </details>
