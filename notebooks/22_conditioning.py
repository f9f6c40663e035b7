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
#       classes_with_two_test_images: 2
#       seen_classes_not_for_validation: 2
#       training_images_of_each_seen_class: 2
#     needs: images
#     seconds: 110
# ---

# %% [markdown]
# # Conditioning
#
# *[RevCD](https://arxiv.org/abs/2409.00511), second version, sections 3.3 and 3.4, equation 17, Figure 2b.*
#
# RevCD's denoiser gets noisy semantics $z_t$ and estimates the clean ones
# ([20](20_forward_diffusion.ipynb), [21](21_diffusion_losses.ipynb)). Two more inputs condition it: the step $t$, and
# the image. The paper joins both to every layer in a way of its own, *cross Hadamard-addition*. After this page you can
#
# - draw the network and say where time and image enter it,
# - write the time embedding, attention in one line, and five ways to join,
# - test by swapping the image whether a trained network uses it, and at which steps.
#
# Equations are rebuilt. The text gives neither widths nor how a feature becomes tokens: both are ours.

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
import math
from dataclasses import replace

import torch
import torch.nn.functional as F

from zslnb import experiments, revcd, studies
from zslnb.device import one_thread
from zslnb.notebook import desk
from zslnb.seeds import seeded

here = desk.begin(
    "22_conditioning", benchmark, semantics, profile, seeds, device, prefer=revcd.INPUTS
)
bench, settings = here.benchmark, revcd.profile_settings(profile)
torch.set_printoptions(precision=2, sci_mode=False)

# %% [markdown]
# ## The network
#
# > **RevCD, section 3.4:** "three hidden, fully connected dense layers"
#
# A U-Net, with a skip from each layer on the way down to its partner on the way up. Each layer is linear, with batch
# normalisation, ReLU and dropout; then time $\gamma$ and image $v$ join it. The picture is
# ours. Look at the formulas: they differ between down and up.

# %%
here.figure(studies.revcd_network(bench, settings))

# %% [markdown]
# ## Embedding the step
#
# A step is one number. It is given as the angles of $d / 2$ clock hands, each slower than the one before:
#
# > **RevCD, eq. 17** (rebuilt):
# > $$\gamma(t) = [\sin \omega_1 t, \cos \omega_1 t, \ldots, \sin \omega_{d/2} t, \cos \omega_{d/2} t],
# > \qquad \omega_i = 10000^{-2 i / d} .$$
#
# In code $i$ counts from 0. For $d = 8$ the fastest of four clocks turns by one radian a step, each next one ten times
# slower:

# %%
d, T = 8, settings.steps
steps = torch.arange(T)
omega = torch.tensor([10000 ** (-2 * i / d) for i in range(d // 2)])
print("radians a step:", *(f"{turn:g}" for turn in omega.tolist()))

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
    return torch.allclose(sorted_out.float(), package, rtol=0, atol=1e-4)


desk.check(
    gamma, is_gamma, "A row has the sine, then the cosine, of each frequency times the step."
)
package[[0, 1, 10, 100]]

# %% [markdown]
# The package puts all sines first, which the linear map that follows does not mind. The table has steps 0, 1, 10 and
# 100: step 1 has $\sin 1 = 0.84$ in the first column, and the last clock needs 100 steps to get to $\sin 0.1 = 0.10$.
# In the figure look left for columns that never change, and right for how fast two steps stop looking alike.

# %%
here.figure(studies.time_embeddings(settings))
distance = 37
products = (package[distance:] * package[:-distance]).sum(1)
expected = (omega * distance).cos().sum().expand_as(products)
torch.testing.assert_close(products, expected, rtol=0, atol=1e-3)

# %% [markdown]
# Neighbours look nearly the same, so what is learnt at one step carries over to the next; their distance
# alone decides. The slowest clocks hardly move in so few steps.

# %% [markdown] tags=["appendix"]
# <details><summary>Why the distance alone</summary>
#
# Since $\sin a \sin b + \cos a \cos b = \cos(a - b)$, the products of all columns sum to
#
# $$\langle \gamma(t), \gamma(t') \rangle = \sum_i \cos\big(\omega_i (t - t')\big) .$$
#
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 22.2: the clocks hardly move** (find the bug, 5 minutes, easy). In other code time runs from
# 0 to 1, and someone feeds that to the same embedding. Now the first step and the last look as alike to
# the network as neighbours should. Compute `fixed`, the phases as they should be.

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
    both = torch.cat([mine.sin(), mine.cos()], dim=1).float()
    return torch.allclose(both, package, rtol=0, atol=1e-4)


desk.check(fixed, are_phases, "The fastest clock should turn by one radian a step.")
f"the fastest clock turns by {(T - 1) * omega[0]:.0f} radians in {T} steps"

# %% [markdown]
# ## Reading the image
#
# A Transformer reads a *sequence*; a feature is one vector, and the paper does not say how to cut it. We take equal
# parts, fill up the last one with zeros, map each to a token and add a learnt position. Ten columns make four tokens:

# %%
width = 8
with seeded(0, "lesson/encoder"):
    encoder = revcd.VisualEncoder(10, tokens=4, token_dim=width, heads=1, dropout=0.0).eval()
    x = torch.randn(5, 10)
parts = F.pad(x, (0, 2)).view(5, 4, 3)
h = encoder.enter(parts) + encoder.positions
parts[0]

# %% [markdown]
# In attention ([Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)) each token asks all tokens. Linear maps make a
# query, a key and a value of each; the answer is the mean of all values, weighted by how well the query fits the keys:
#
# $$\mathrm{softmax}\Big( \frac{Q K^\top}{\sqrt d} \Big) V .$$

# %%
attention = encoder.layers.layers[0].self_attn
Q, K, V = (h @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=2)
print("images, tokens, columns:", *Q.shape)

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
# The answer is added to the token, and a small network works on each token by itself; all tokens in one row are the
# condition $v$. Below, the weights of one image, a row for each token that asks. Rows sum to 1, and before training
# all weights are not far from $1/4$.

# %%
layer = encoder.layers.layers[0]
asked = layer.norm1(h + answer)
by_hand = layer.norm2(asked + layer.linear2(layer.linear1(asked).relu()))
torch.testing.assert_close(by_hand.flatten(1), encoder(x))
attention(h, h, h)[1][0].detach()

# %% [markdown]
# ## What do the tokens attend to?
#
# Does training change that? White is an even weight. (The models with plain *addition* serve a comparison below.)

# %%
some_seeds, on = here.seeds[:3], here.device
with one_thread():
    models = {
        how: [
            experiments.trained(bench, replace(settings, conditioning=how), s, on)
            for s in some_seeds
        ]
        for how in ("cross", "addition")
    }
here.figure(studies.token_attention(models["cross"], bench))

# %% [markdown]
# Weights are not importance. So make trained attention *blind*: with queries of 0 all keys fit alike. Does that
# change more than other noise to start from?

# %%
blind = studies.blind_attention(models["cross"], bench)
if bench.name == "aviary":
    assert sum(blind.blind) > sum(blind.other_noise)
here.table(blind)

# %% [markdown]
# It changes less. Then what is the cut into tokens worth? The same training on **shuffled** columns, and with **one
# token**, where attention has nothing to choose. Read T1, the accuracy on unseen images among unseen classes
# ([01](01_benchmarks_and_protocol.ipynb)): where U is a percent or two, H says little.

# %% [markdown] tags=["appendix"]
# <details><summary>Why little is to be expected of it</summary>
#
# Words have an order and patches have neighbours; the columns of a feature have neither. Shuffled, the vector says as
# much as before, but it is cut into other tokens. The stored order is itself arbitrary, so a difference between the
# first two rows would be one between two arbitrary cuts.
#
# </details>

# %%
ways = studies.conditionings(bench, settings, some_seeds, here.device)
as_stored = [record for record in ways.records if record["row"] == "cross"]
here.table(studies.feature_tokens(bench, settings, some_seeds, here.device, as_stored))

# %% [markdown]
# Significance is by a paired t test over seeds, corrected for what is asked together
# ([14](14_genzsl_results.ipynb)).
#
# ## Joining: cross Hadamard-addition
#
# > **RevCD, section 3.3.1** (rebuilt): down, a layer $h$ is multiplied by time and the image is added; up, the reverse.
# > $$\text{down: } h \odot W_\gamma \gamma(t) + W_v v, \qquad
# > \text{up: } h \odot W_v v + W_\gamma \gamma(t) .$$
#
# With a layer at 2, time at 0.5 and the image at 3: down $2 \cdot 0.5 + 3 = 4$, up $2 \cdot 3 + 0.5 = 6.5$.

# %%
with seeded(0, "lesson/join"):
    h, v, t = torch.randn(5, 8), torch.randn(5, 6), torch.randint(T, (5,))
    joins = {way: revcd.Join(8, 6, "cross", decoder=way == "up") for way in ("down", "up")}
time = {way: join.time(revcd.time_embedding(t, 8)) for way, join in joins.items()}
seen = {way: join.visual(v) for way, join in joins.items()}
print("images, columns:", *h.shape, "as", *time["up"].shape, "and", *seen["up"].shape)

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
# An added image moves the layer by the same amount whatever is in it; one that multiplies can switch a column off. The
# paper's reasons for its order: noise is "entirely deterministic", and the image is to condition the reconstruction more
# strongly.
#
# Four other ways: *addition* and *concatenation* (mapped back to the width) are the plain ones; *film*
# ([Perez et al., 2018](https://arxiv.org/abs/1709.07871)) scales and shifts by both; *swapped* exchanges down and up.

# %%
here.table(studies.ways_to_join(bench, settings))

# %% [markdown]
# ## Does it matter?
#
# > **RevCD, section 3.3.1:** "We observe that this approach results in a closer alignment of the joint probability
# > space, leading to improved accuracy."
#
# The paper gives no number. So, all five ways with everything else equal, and strict scores (seen accuracy on test
# images; [24](24_revcd_results.ipynb)). Our reading of "closer alignment" is the last column: the squared error of
# $\hat z_0$ per column at the end of training (on the aviary 0.8 is nothing learnt).

# %%
if bench.name == "aviary":
    assert "below it" not in ways.against["T1"]
here.figure(ways, "gains")
here.table(ways)

# %% [markdown]
# Is the paper's join better? In H or T1 no gain is shown, nor that all five are alike: three seeds show
# only differences of many points, such as eight in S over *swapped*. In training error, which is on seen
# classes, concatenation is level.
#
# ## Does the network use the image?
#
# Estimate the semantics of test images; exchange one thing, keep all else down to the noise that the walk starts from;
# see how far the estimate turns: $1 - \cos$ of the two. Compare with the last row, the same image and other noise.

# %%
swaps = studies.image_swaps(models, bench)
if bench.name == "aviary":
    for turned in swaps.turned.values():
        _, other_class, _, noise = turned[:, :, 0].mean(0)
        assert other_class > 5 * noise
here.table(swaps)

# %% [markdown]
# The image decides; other noise gives one in five another class. At every step? With little noise $z_t$ itself
# says the class. Noise each image's prototype to step $t$, swap the image, and look at that one estimate: where a
# curve is high on the left, the network follows the image although $z_t$ has the answer.

# %%
here.figure(studies.listening(models, bench))

# %% [markdown]
# The curves are lower on the left, so $z_t$ is used, but they stop far above 0: even where $z_t$ is all but
# clean, another class's image turns the estimate far.
#
# ## What held, what did not
#
# - **Held:** eq. 17, attention and the paper's join, by hand, are what the package computes.
# - **Attention** stays close to an average, and blinding it changes fewer classes than other noise does.
# - **"Improved accuracy":** no gain of H or T1 was found; three seeds show only large ones.
# - **The image is used** at all steps, and far more than the noise, with both joins.
#
# The birds are drawn: this is no evidence about CUB, SUN or AWA2.
#
# **Rows filled:** *RevCD conditioning* and *RevCD tokens*.
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

# %% [markdown]
# **Before:** [Diffusion losses](21_diffusion_losses.ipynb) · **Next:** [Guidance and sampling](23_guidance_and_sampling.ipynb)
