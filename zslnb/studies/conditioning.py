"""How time and image join the network, what tokens attend to, whether the image has an effect."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import results
from zslnb.benchmark import Benchmark
from zslnb.results.statistics import paired_gains
from zslnb.revcd import (
    CONDITIONINGS,
    RevCD,
    RevCDSettings,
    SemanticUNet,
    prototype_scores,
    time_embedding,
)
from zslnb.seeds import seeded, torch_generator
from zslnb.studies import plots
from zslnb.studies.kept import kept, weights_sha256
from zslnb.studies.revcd_results import benchmark_title, run_revcd
from zslnb.studies.rows import Device, Records, plus_minus, values
from zslnb.studies.schematics import DOWN, UP
from zslnb.studies.study import Answered, Drawn, Tabled

FORMULAS = {  # way to join -> on the way down, and up
    "cross": (DOWN, UP),
    "swapped": (UP, DOWN),
    "addition": (r"$h + \gamma + v$",) * 2,
    "concatenation": (r"$W [h, \gamma, v]$",) * 2,
    "film": (r"$h \odot (1 + a) + b$, with $[a, b] = \gamma + v$",) * 2,
}
OTHERS = [how for how in CONDITIONINGS if how != "cross"]
Models = Mapping[str, Sequence[RevCD]]  # way to join -> trained models, one a seed


def time_embeddings(settings: RevCDSettings) -> Drawn:
    """What do the embeddings of all steps look like, and how alike are two of them?"""
    total, narrow = settings.steps, settings.widths[-1]
    clocks = {width: time_embedding(torch.arange(total), width) for width in settings.widths}
    cosines = {width: F.cosine_similarity(clock, clock[:1]) for width, clock in clocks.items()}
    still = int((clocks[narrow].std(0) < 0.05).sum())
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.1), width_ratios=(3, 2))
    style = {"aspect": "auto", "cmap": "vlag", "vmin": -1, "vmax": 1}
    image = axes[0].imshow(clocks[narrow].T.numpy(), extent=(0.5, total + 0.5, narrow, 0), **style)
    axes[0].axhline(narrow / 2, color="k", linewidth=0.8)
    axes[0].set(xlabel="step", ylabel="column: sines above, cosines below")
    axes[0].grid(False)
    fig.colorbar(image, ax=axes[0], label="value")
    for i, (width, cosine) in enumerate(cosines.items()):
        axes[1].plot(cosine.numpy(), ("-", "--", ":")[i % 3], label=f"width {width}")
    axes[1].set(xlabel="distance of two steps", ylabel="cosine", ylim=(0, 1.02))
    axes[1].legend()
    text = (
        f"Left: the embedding of width {narrow} over all {total} steps. {still} of {narrow} "
        "columns hardly change (standard deviation below 0.05). Right: cosine of two steps' "
        f"embeddings; {cosines[narrow][1]:.2f} for neighbours and still "
        f"{cosines[narrow][total // 2]:.2f} at half of the way."
    )
    alt = (
        "Left, a heat map of the embedding, columns by steps: stripes of red and blue that "
        "are fine in the first columns of sines and of cosines and widen until the last "
        "columns hardly change. Right, the cosine of two steps' embeddings by their distance: "
        "it drops steeply, then falls slowly with ripples, alike for three widths."
    )
    return Drawn("time", fig, text, alt=alt)


def ways_to_join(benchmark: Benchmark, settings: RevCDSettings) -> Tabled:
    """What do the ways to join compute, and how many weights do they take?"""
    s, ways = settings, pd.DataFrame(FORMULAS, index=["down", "up"]).T.rename_axis("way to join")
    unets = (
        SemanticUNet(benchmark.semantic_dim, s.tokens * s.token_dim, s.widths, 0.0, how)
        for how in ways.index
    )
    weights = [sum(weight.numel() for weight in unet.parameters()) for unet in unets]
    ways["weights, thousands"] = [round(n / 1000) for n in weights]
    text = (
        "Five ways to join a layer $h$ with time $\\gamma$ and image $v$. Weights are those of the "
        "U-shaped network in this profile."
    )
    return Tabled("ways", ways, text)


def conditionings(
    benchmark: Benchmark, settings: RevCDSettings, seeds: Sequence[int], device: Device
) -> Answered:
    """Does the paper's way to join differ from the others, trained equally long?

    The table has every score; the figure, called "gains", what the others gain over "cross". Of
    what is returned, `against` says by metric in a few words how the others do.
    """
    rows = {how: replace(equally_long(settings), conditioning=how) for how in CONDITIONINGS}
    records = run_revcd("RevCD conditioning", rows, benchmark, seeds, device)
    gains = {
        metric: {how: paired_gains(records, how, "cross", metric, "clean") for how in OTHERS}
        for metric in ("H", "T1")
    }
    against = {metric: _against(by_way) for metric, by_way in gains.items()}
    text = (
        f"Each dot a seed, each bar the mean. Against *cross*, by H: {against['H']}. By T1 (unseen "
        f"images, unseen classes only): {against['T1']}."
    )
    errors = {  # at the end of training, per column
        how: values(records, how, "history", "reconstruction")[:, -1] / benchmark.semantic_dim
        for how in CONDITIONINGS
    }
    table = results.results_against(records, "cross", "clean").rename_axis("way to join")
    table["training error"] = [plus_minus(errors[how], ".2f") for how in table.index]
    caption = (
        f"**{benchmark_title(benchmark)}**: strict, percent, mean ± standard deviation over seeds; "
        "points gained over *cross* within a seed."
    )
    facts = {"against": against, "headline": True}
    tabled = Tabled("conditionings", table, caption, records, **facts)
    alt = (
        "Two panels, points of H and of T1 gained over the paper's way to join, a row for "
        "each other way: dots are seeds, a bar is their mean, a dotted line is no gain. Dots "
        "of a row are far apart beside the distance of most bars from the line."
    )
    return Answered(tabled, Drawn("conditionings", _draw_gains(gains), text, alt=alt))


def _draw_gains(gains: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    for ax, (metric, by_way) in zip(axes, gains.items(), strict=True):
        for y, points in enumerate(by_way.values()):
            labels = ("", "") if y else ("a seed", "mean")
            ax.plot(points, np.full(len(points), y), "o", color="C0", alpha=0.6, label=labels[0])
            ax.plot(np.mean(points), y, "k|", markersize=20, label=labels[1])
        ax.axvline(0, color="k", linestyle=":", label="no gain")
        ax.margins(y=0.2)
        ax.set(xlabel=f"points of {metric} over cross", yticks=range(len(by_way)))
        ax.set_yticklabels(by_way)
    axes[0].invert_yaxis()
    plots.shared_legend(fig, axes[0], 3, markerscale=0.6)
    return fig


def _against(gains: Mapping[str, Sequence[float]]) -> str:
    sides = {"above it": [], "below it": [], "not significantly different": []}
    for how, found in zip(gains, results.differences(*gains.values()), strict=True):
        if found.apart is None:
            return "too few seeds to tell"
        side = "above it" if found.mean > 0 else "below it"
        sides[side if found.apart else "not significantly different"].append(how)
    return "; ".join(f"{', '.join(ways)} {side}" for side, ways in sides.items() if ways)


def equally_long(settings: RevCDSettings) -> RevCDSettings:
    """Leave no number of epochs to choose: all rows are trained for as long."""
    return replace(settings, epoch_choices=(settings.epochs,))


def all_tests(benchmark: Benchmark) -> Int64[Tensor, " M"]:
    """Rows of all test images, those of seen classes first."""
    return torch.cat([benchmark.test_seen_idx, benchmark.test_unseen_idx])


@torch.no_grad()
def attention_weights(model: RevCD, benchmark: Benchmark) -> Float[Tensor, "M H K K"]:
    """Attention of M test images: (image, head, token that asks, token asked)."""
    net = model.networks.eval().visual
    x = model.images(benchmark.features[all_tests(benchmark)].to(model.features))
    parts = F.pad(x, (0, net.tokens * net.part - x.shape[1])).view(len(x), net.tokens, net.part)
    tokens = net.enter(parts) + net.positions
    attention = net.layers.layers[0].self_attn
    return attention(tokens, tokens, tokens, average_attn_weights=False)[1].cpu()


def token_attention(models: Sequence[RevCD], benchmark: Benchmark) -> Drawn:
    """What do the tokens of trained models attend to?"""
    by_seed = [attention_weights(model, benchmark) for model in models]
    average, tokens = by_seed[0].mean(0), by_seed[0].shape[-1]
    entropies = [(-w * w.clamp(min=1e-9).log()).sum(3) for w in by_seed]
    listened_to = [float(entropy.exp().mean()) for entropy in entropies]
    variation = [float(w.std(0).mean()) for w in by_seed]
    fig, axes = plt.subplots(1, len(average), figsize=(8, 2.5), sharey=True, squeeze=False)
    for i, (ax, head) in enumerate(zip(axes[0], average, strict=True)):
        image = ax.imshow(head.numpy(), vmin=0, vmax=2 / tokens, cmap="vlag")
        ax.set(title=f"head {i + 1}", xlabel="token asked")
        ax.grid(False)
    axes[0, 0].set_ylabel("token that asks")
    fig.colorbar(image, ax=axes[0], label="mean weight (white: even)")
    text = (
        f"Attention of the first seed's model, averaged over test images; {1 / tokens:.3f} would "
        f"be even. The strongest of these averages is {float(average.max()):.2f}. Over seeds, a "
        f"token of one image attends to {results.spread(listened_to)} tokens (the exponential of "
        f"the entropy; even: {tokens}), and a weight varies by {results.spread(variation)} from "
        "image to image."
    )
    alt = (
        "A heat map for each attention head, tokens that ask by tokens asked. Nearly all "
        "cells are almost white, that is, the attention is even; a few are pale red or pale "
        "blue, without a pattern."
    )
    return Drawn("attention", fig, text, alt=alt)


def blind_attention(models: Sequence[RevCD], benchmark: Benchmark) -> Tabled:
    """What changes when each token of a trained model asks all others evenly?

    Of what is returned, `blind` and `other_noise` have for each model the percent of test images
    that keep their class.
    """
    features, blind, other_noise = benchmark.features[all_tests(benchmark)], [], []
    for model in models:
        before = model.scores(features).argmax(1)
        changed = blinded(model).scores(features), model.scores(features, stream="another draw")
        for same, scores in zip((blind, other_noise), changed, strict=True):
            same.append(100 * float((before == scores.argmax(1)).double().mean()))
    rows = {"attention, now blind": blind, "noise to start from": other_noise}
    frame = pd.DataFrame({"same class, %": {row: plus_minus(p, ".1f") for row, p in rows.items()}})
    text = (
        f"How many of {len(features)} test images keep their class, at guidance "
        f"{models[0].settings.guidance:g} (page 23); mean ± standard deviation over seeds "
        f"({len(models)})."
    )
    facts = {"blind": blind, "other_noise": other_noise}
    return Tabled("blind", frame.rename_axis("what changes"), text, **facts)


def blinded(model: RevCD) -> RevCD:
    """Return the same model with even attention: queries of 0 fit all keys alike."""
    copy = replace(model, networks=deepcopy(model.networks))
    attention = copy.networks.visual.layers.layers[0].self_attn
    with torch.no_grad():
        attention.in_proj_weight[: attention.embed_dim] = 0
        attention.in_proj_bias[: attention.embed_dim] = 0
    return copy


def feature_tokens(
    benchmark: Benchmark,
    settings: RevCDSettings,
    seeds: Sequence[int],
    device: Device,
    as_stored: Records,
) -> Tabled:
    """Is the feature's cut into tokens worth anything, its columns shuffled, or uncut?

    `as_stored` are records of the columns as they are.
    """
    order = torch.randperm(benchmark.feature_dim, generator=torch_generator(0, "lesson/columns"))
    shuffled = replace(benchmark, features=benchmark.features[:, order])
    equal = equally_long(settings)
    whole = replace(equal, tokens=1, token_dim=settings.tokens * settings.token_dim)
    rows = {"columns shuffled": (equal, shuffled), "one token": (whole, benchmark)}
    records = [
        record
        for row, (cut, data) in rows.items()
        for record in run_revcd("RevCD tokens", {row: cut}, data, seeds, device)
    ]
    compared = [{**r, "row": "as stored"} for r in as_stored] + records
    frame = results.results_against(compared, "as stored", "clean").rename_axis("feature")
    gains = {row: paired_gains(compared, row, "as stored", "T1", "clean") for row in rows}
    text = (
        f"{benchmark.name}: the feature cut in three ways. Percent, mean ± standard deviation; "
        "points gained over the columns as stored, within a seed. Against them, by T1: "
        f"{_against(gains)}."
    )
    return Tabled("tokens", frame, text, records)


NO_IMAGE, NOISE = "no image (the null condition)", "the same image, other noise"
IMAGES_A_CLASS = 8
Swaps = Mapping[str, Int64[Tensor, "K n"]]


def exchanged(benchmark: Benchmark) -> tuple[Int64[Tensor, "K n"], Swaps]:
    """Test images, as many of each class; and by kind of swap those to use in their stead."""
    tests = all_tests(benchmark)
    labels = benchmark.labels[tests]
    ids, counts = labels.unique(return_counts=True)
    ids, counts = ids[counts > 1], counts[counts > 1]  # another image of the class is needed
    each = min(IMAGES_A_CLASS, int(counts.min()))
    images = torch.stack([tests[labels == c][:each] for c in ids])
    return images, {
        "another image of its class": images.roll(1, 1),
        "an image of another class": images.roll(len(ids) // 2, 0),
        NO_IMAGE: images,
        NOISE: images,
    }


def image_swaps(models: Models, benchmark: Benchmark) -> Tabled:
    """How far does the estimate of a whole walk turn when its image is exchanged?

    Of what is returned, `turned` has for each way to join (R, 4, 2), for each seed and swap, the
    turn of the estimate, 1 - cos, and the share (%) of images whose class changes.
    """
    images, swaps = exchanged(benchmark)
    n_seeds = len(next(iter(models.values())))
    turned = {
        how: np.array([turns(model, benchmark, images, swaps) for model in trained])
        for how, trained in models.items()
    }
    columns = {
        f"{how}: {what}": [plus_minus(cells, ".2f") for cells in lines[:, :, i].T]
        for how, lines in turned.items()
        for i, what in enumerate(["turn", "class changes, %"])
    }
    text = (
        f"How far estimates of {images.numel()} test images turn ($1 - \\cos$: 0 no effect, 1 "
        "nothing in common), and how many change their class, without guidance, so more than "
        f"above. Mean ± standard deviation over seeds ({n_seeds})."
    )
    frame = pd.DataFrame(columns, index=pd.Index(swaps, name="exchanged for"))
    return Tabled("swaps", frame, text, headline=True, turned=turned)


def turns(
    model: RevCD, benchmark: Benchmark, images: Int64[Tensor, "K n"], swaps: Swaps
) -> list[list[float]]:
    """For each swap the turn of the estimate, and the share (%) of images whose class changes."""
    features, lines = benchmark.features, []
    before = model.estimate(features[images.flatten()], guidance=1.0, stream="swap")
    classes = prototype_scores(before, model.prototypes).argmax(1)
    for swap, others in swaps.items():
        scale, stream = 0.0 if swap == NO_IMAGE else 1.0, "other" if swap == NOISE else "swap"
        after = model.estimate(features[others.flatten()], guidance=scale, stream=stream)
        turn = float(1 - F.cosine_similarity(before, after).mean())
        changed = prototype_scores(after, model.prototypes).argmax(1) != classes
        lines.append([turn, 100 * float(changed.double().mean())])
    return lines


def listening(models: Models, benchmark: Benchmark) -> Drawn:
    """At which steps does one estimate turn when its image is exchanged?

    Of what is returned, `turned` has for each way to join (R, n, 3), for each seed, step of `steps`
    and swap of the image, the turn 1 - cos.
    """
    images, swaps = exchanged(benchmark)
    swaps = {swap: others for swap, others in swaps.items() if swap != NOISE}
    first = next(iter(models.values()))
    last = len(first[0].networks.schedule) - 1
    steps = [*(t for t in (0, 4, 9, 19, 39, *range(69, last, 86)) if t < last), last]
    turned = {
        how: np.array([_turned_kept(m, benchmark, images, swaps, steps) for m in trained])
        for how, trained in models.items()
    }
    n = len(models)
    fig, axes = plt.subplots(1, n, figsize=(8, 3.2), sharey=True, squeeze=False)
    for ax, (how, curves) in zip(axes[0], turned.items(), strict=True):
        for i, (swap, style) in enumerate(zip(swaps, ("-", "--", ":"), strict=True)):
            plots.band(ax, np.array(steps) + 1.0, curves[:, :, i], swap, linestyle=style)
        ax.set(title=how, xlabel="step", ylim=(0, None))
    axes[0, 0].set_ylabel(r"turn of the estimate, $1 - \cos$")
    plots.shared_legend(fig, axes[0, 0], 3)
    other = {how: curves[:, :, 1].mean(0) for how, curves in turned.items()}
    words = "; ".join(
        f"{how} {turns[2]:.2f} at step 10, {turns[-1]:.2f} at the last"
        for how, turns in other.items()
    )
    text = (
        "Turn of one estimate when the image is exchanged and $z_t$ kept; mean and range over "
        f"seeds ({len(first)}). For an image of another class: {words}."
    )
    alt = (
        "A panel for each way to join: how far the estimate turns when the image is "
        "exchanged, by step. Three lines rise with the noise: an image of another class turns "
        "it most, no image less, another image of the class least. All are well above zero at "
        "the first steps already."
    )
    return Drawn("listening", fig, text, alt=alt, turned=turned, steps=steps)


def _turned_kept(
    model: RevCD, benchmark: Benchmark, images: Tensor, swaps: Swaps, steps: Sequence[int]
) -> list[list[float]]:
    def turned() -> list[list[float]]:
        return [_turned_at(model, benchmark, images, swaps, t) for t in steps]

    known = {"steps": [*steps], "seed": model.seed, "model": weights_sha256(model.networks)}
    return kept(__name__, turned, benchmark, model.prototypes.device, **known)


@torch.no_grad()
def _turned_at(model: RevCD, benchmark: Benchmark, images: Tensor, swaps: Swaps, step: int) -> list:
    net, labels = model.networks.eval(), benchmark.labels[images.flatten()]
    z0 = model.prototypes[labels.to(model.prototypes.device)]
    t = torch.full((len(z0),), step, device=z0.device)
    with seeded(model.seed, "lesson/turned"):
        zt = net.schedule.q_sample(z0, t, torch.randn_like(z0))
    estimates = []
    for swap, others in {"none": images, **swaps}.items():
        shown = net.visual(model.images(benchmark.features[others.flatten()].to(z0)))
        condition = net.null.expand_as(shown) if swap == NO_IMAGE else shown
        estimates.append(net.both(zt, t, condition)[0])
    kept, *after = estimates
    return [float(1 - F.cosine_similarity(kept, estimate).mean()) for estimate in after]
