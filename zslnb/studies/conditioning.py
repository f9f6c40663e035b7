"""How time and image join the network, what tokens attend to, and whether the image is heard."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import (
    CONDITIONINGS,
    RevCD,
    RevCDSettings,
    SemanticUNet,
    prototype_scores,
    time_embedding,
)
from zslnb.seeds import seeded, torch_generator
from zslnb.studies import plots, rows
from zslnb.studies.schematics import DOWN, UP
from zslnb.studies.study import Drawn, Study, Tabled

FORMULAS = {  # way to join -> on the way down, and up
    "cross": (DOWN, UP),
    "swapped": (UP, DOWN),
    "addition": (r"$h + \tau + v$",) * 2,
    "concatenation": (r"$W [h, \tau, v]$",) * 2,
    "film": (r"$h \odot (1 + a) + b$, with $[a, b] = \tau + v$",) * 2,
}
OTHERS = [how for how in CONDITIONINGS if how != "cross"]
BORDER = (
    "H is mostly about the border between seen and unseen classes (`calibrated` in the records), "
    "T1 is not"
)


def time_cosines(settings: RevCDSettings, width: int) -> Float[np.ndarray, " T"]:
    """Cosine of two steps' embeddings by their distance."""
    clock = time_embedding(torch.arange(settings.steps), width)
    return F.cosine_similarity(clock, clock[:1]).numpy()


def time_clocks(settings: RevCDSettings) -> Drawn:
    """How unlike do two steps look, embedded for each layer's width?

    Args:
        settings: whose steps and widths; the last width is the narrowest.

    Returns:
        The figure; `narrow` is the narrowest width, `still` how many of its columns hardly change.
    """
    steps, narrow = settings.steps, settings.widths[-1]
    embedded = time_embedding(torch.arange(steps), narrow)
    still = int((embedded.std(0) < 0.05).sum())
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.8, 3.5), width_ratios=(3, 2))
    style = {"aspect": "auto", "cmap": "vlag", "vmin": -1, "vmax": 1}
    image = left.imshow(embedded.T.numpy(), extent=(0.5, steps + 0.5, narrow, 0), **style)
    left.axhline(narrow / 2, color="k", linewidth=0.8)
    left.set(xlabel="step", ylabel="column: sines above, cosines below")
    left.grid(False)
    fig.colorbar(image, ax=left, label="value")
    for width, line in zip(settings.widths, ("-", "--", ":"), strict=True):
        right.plot(range(steps), time_cosines(settings, width), line, label=f"width {width}")
    right.set(xlabel="distance of two steps", ylabel="cosine", ylim=(0, 1.02))
    right.legend(fontsize=8)
    near, far = time_cosines(settings, narrow)[[1, steps // 2]]
    text = (
        f"Left: the embedding of width {narrow} over all {steps} steps. {still} of {narrow} "
        "columns hardly change (standard deviation below 0.05): their clocks are too slow for "
        f"{steps} steps. Right: cosine of two steps' embeddings; {near:.2f} for neighbours and "
        f"still {far:.2f} at half of the way."
    )
    return Drawn("time", fig, text, narrow=narrow, still=still)


def join_weights(benchmark: Benchmark, settings: RevCDSettings, how: str) -> int:
    """Number of trained weights in the U-shaped network."""
    s, width = settings, benchmark.semantic_dim
    unet = SemanticUNet(width, s.tokens * s.token_dim, s.widths, 0.0, how)
    return sum(values.numel() for values in unet.parameters())


def ways_to_join(benchmark: Benchmark, settings: RevCDSettings) -> Tabled:
    """What do the ways to join compute, and how many weights do they take?"""
    ways = pd.DataFrame(FORMULAS, index=["down", "up"]).T.rename_axis("way to join")
    weights = [join_weights(benchmark, settings, how) for how in ways.index]
    ways["weights, thousands"] = [round(n / 1000) for n in weights]
    text = (
        "Five ways to join a layer $h$ with time $\\tau$ and image $v$. Weights are those of the "
        "U-shaped network in this profile."
    )
    return Tabled("ways", ways, text)


class Conditionings(Study):
    """Is the paper's way to join told apart from the others, trained equally long?

    The table has every score; the figure, called "gains", what the others gain over "cross".
    """

    name = "conditionings"
    headline = True

    def __init__(
        self,
        benchmark: Benchmark,
        settings: RevCDSettings,
        seeds: Sequence[int],
        device: torch.device | str,
    ) -> None:
        self.benchmark, self.seeds = benchmark, seeds
        self.settings = equally_long(settings)
        self.records = experiments.run_rows(
            {how: ("revcd", replace(self.settings, conditioning=how)) for how in CONDITIONINGS},
            benchmark,
            seeds,
            device,
            table="RevCD conditioning",
        )

    def table(self) -> pd.DataFrame:
        table = results.results_against(self.records, "cross", "clean")
        table["training error"] = [
            rows.plus_minus(self.last_errors(how), ".2f") for how in table.index
        ]
        return table.rename_axis("way to join")

    def caption(self) -> str:
        kind = self.benchmark.provenance.get("semantics", "semantics")
        return (
            f"**{self.benchmark.name}, {kind}**: strict, percent, mean ± standard deviation over "
            "seeds; points gained over *cross* within a seed."
        )

    def last_errors(self, how: str) -> Float[np.ndarray, " R"]:
        """Reconstruction error at the end of training, per column, seed by seed."""
        curves = rows.values(self.records, how, "history", "reconstruction")
        return curves[:, -1] / self.benchmark.semantic_dim

    def gains(self, how: str, metric: str) -> Float[np.ndarray, " R"]:
        """Points over the paper's way, seed by seed."""
        return 100 * rows.gains(self.records, how, "cross", "clean", metric)

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3), sharey=True)
        for ax, metric in zip(axes, ("H", "T1"), strict=True):
            for y, how in enumerate(OTHERS):
                points = self.gains(how, metric)
                ax.plot(points, np.full(len(points), y), "o", color="C0", alpha=0.6)
                ax.plot(points.mean(), y, "k|", markersize=20)
            ax.axvline(0, color="k", linestyle=":")
            ax.margins(y=0.2)
            ticks = {"yticks": range(len(OTHERS)), "yticklabels": OTHERS}
            ax.set(xlabel=f"points of {metric} over cross", **ticks)
        axes[0].invert_yaxis()
        return fig

    def finding(self) -> str:
        return (
            f"Each dot a seed, each bar the mean. Against *cross*, by H: {self.against('H')}. By "
            f"T1 (unseen images, unseen classes only): {self.against('T1')}."
        )

    def against(self, metric: str) -> str:
        """Say in a few words how the other ways do against the paper's."""
        if len(self.seeds) < 3:
            return "too few seeds to tell"
        sides = {"above it": [], "below it": [], "not told apart from it": []}
        for how in OTHERS:
            points = self.gains(how, metric)
            side = "above it" if points.mean() > 0 else "below it"
            apart = results.told_apart(points.tolist())
            sides[side if apart else "not told apart from it"].append(how)
        return "; ".join(f"{', '.join(ways)} {side}" for side, ways in sides.items() if ways)

    def lowest_error(self) -> str:
        """Say which way has the lowest training error, and how high U gets."""
        lowest = min(CONDITIONINGS, key=lambda how: self.last_errors(how).mean())
        unseen = 100 * rows.by_row(self.records, CONDITIONINGS, "clean", "U").mean(0).max()
        why = f": {BORDER}." if unseen < 10 else "."
        return (
            f"The training error is lowest with *{lowest}*. U is at most {unseen:.1f} % on average"
            f"{why}"
        )

    def verdicts(self) -> list[str]:
        """Say for each other way whether its T1 is told apart from the paper's."""
        return [results.verdict(self.records, how, "cross", "T1", "clean") for how in OTHERS]


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
    """What do the tokens of trained models listen to?"""
    by_seed = [attention_weights(model, benchmark) for model in models]
    average = by_seed[0].mean(0)
    tokens = average.shape[-1]
    entropies = [(-w * w.clamp(min=1e-9).log()).sum(3) for w in by_seed]
    listened_to = [float(entropy.exp().mean()) for entropy in entropies]
    variation = [float(w.std(0).mean()) for w in by_seed]
    heads = len(average)
    fig, axes = plt.subplots(1, heads, figsize=(10, 2.9), sharey=True, squeeze=False)
    for i, (ax, head) in enumerate(zip(axes[0], average, strict=True)):
        image = ax.imshow(head.numpy(), vmin=0, vmax=2 / tokens, cmap="vlag")
        ax.set(title=f"head {i + 1}", xlabel="token asked")
        ax.grid(False)
    axes[0, 0].set_ylabel("token that asks")
    fig.colorbar(image, ax=axes[0], label="mean weight (white: even)")
    text = (
        "Attention of the first seed's model, averaged over test images; "
        f"{1 / tokens:.3f} would be even. The strongest of these averages is "
        f"{float(average.max()):.2f}. Over seeds, a token of one image listens to "
        f"{results.spread(listened_to)} tokens (the exponential of the entropy; even: "
        f"{tokens}), and a weight varies by {results.spread(variation)} from image "
        "to image."
    )
    return Drawn("attention", fig, text)


def blind_attention(models: Sequence[RevCD], benchmark: Benchmark) -> str:
    """Say what changes when each token of a trained model asks all others evenly."""
    features = benchmark.features[all_tests(benchmark)]

    def classes(model: RevCD, stream: str = "estimate") -> Int64[Tensor, " M"]:
        return model.scores(features, stream=stream).argmax(1).cpu()

    kept, other_noise = [], []
    for model in models:
        before = classes(model)
        blind, again = classes(blinded(model)), classes(model, "another draw")
        kept.append(100 * float((before == blind).double().mean()))
        other_noise.append(100 * float((before == again).double().mean()))
    return (
        f"With blind attention {np.mean(kept):.1f} % of the test images keep their class; with "
        f"other noise to start from, and attention as it was, {np.mean(other_noise):.1f} % do "
        f"(means over {len(kept)} seeds)."
    )


def blinded(model: RevCD) -> RevCD:
    """Return the same model with even attention: queries of 0 fit all keys alike."""
    copy = replace(model, networks=deepcopy(model.networks))
    attention = copy.networks.visual.layers.layers[0].self_attn
    with torch.no_grad():
        attention.in_proj_weight[: attention.embed_dim] = 0
        attention.in_proj_bias[: attention.embed_dim] = 0
    return copy


class FeatureTokens(Study):
    """Is the feature's cut into tokens worth anything, its columns shuffled, or uncut?"""

    name = "tokens"

    def __init__(
        self,
        benchmark: Benchmark,
        settings: RevCDSettings,
        seeds: Sequence[int],
        device: torch.device | str,
        as_stored: Sequence[dict],
    ) -> None:
        self.benchmark = benchmark
        draw = torch_generator(0, "lesson/columns")
        order = torch.randperm(benchmark.feature_dim, generator=draw)
        equal = equally_long(settings)
        whole = replace(equal, tokens=1, token_dim=settings.tokens * settings.token_dim)
        shuffled = replace(benchmark, features=benchmark.features[:, order])
        self.records = [
            record
            for row, data, s in (
                ("columns shuffled", shuffled, equal),
                ("one token", benchmark, whole),
            )
            for record in experiments.run_rows(
                {row: ("revcd", s)}, data, seeds, device, table="RevCD tokens"
            )
        ]
        self.compared = [{**r, "row": "as stored"} for r in as_stored] + self.records

    def table(self) -> pd.DataFrame:
        table = results.results_against(self.compared, "as stored", "clean")
        return table.rename_axis("feature")

    def caption(self) -> str:
        return (
            f"{self.benchmark.name}: the feature cut in three ways. Percent, mean ± standard "
            "deviation; points gained over the columns as stored, within a seed."
        )

    def verdicts(self) -> list[str]:
        """Say for each other cut whether it is told apart, by H and T1."""
        return [
            results.verdict(self.compared, row, "as stored", metric, "clean")
            for row in ("columns shuffled", "one token")
            for metric in ("H", "T1")
        ]


NO_IMAGE, NOISE = "no image (the null condition)", "the same image, other noise"
IMAGES_A_CLASS = 8


class ImageSwaps(Study):
    """How far does an estimate turn when its image is exchanged, and at which steps?

    The table is about whole walks; the figure, called "listening", about one estimate at a step.

    Attributes:
        swaps: what is exchanged -> the images to use instead of `images`, class by class.
        turned: way to join -> (R, 4, 2) for each seed and swap the turn of the estimate, 1 - cos,
            and the share (%) of images whose class changes.
    """

    name = "swaps"
    headline = True

    def __init__(self, models: Mapping[str, Sequence[RevCD]], benchmark: Benchmark) -> None:
        self.models, self.benchmark = models, benchmark
        tests = all_tests(benchmark)
        ids, counts = benchmark.labels[tests].unique(return_counts=True)
        classes = ids[counts > 1].tolist()  # another image of the class is needed
        each = min(IMAGES_A_CLASS, int(counts[counts > 1].min()))
        labels = benchmark.labels[tests]
        self.images = torch.stack([tests[labels == c][:each] for c in classes])
        self.swaps = {
            "another image of its class": self.images.roll(1, 1),
            "an image of another class": self.images.roll(len(classes) // 2, 0),
            NO_IMAGE: self.images,
            NOISE: self.images,
        }
        self.turned = {how: np.array([self._turned(m) for m in ms]) for how, ms in models.items()}
        last = len(next(iter(models.values()))[0].networks.schedule) - 1
        steps = (0, 4, 9, 19, 39, *range(69, last, 86))
        self.steps = [*(t for t in steps if t < last), last]

    @cached_property
    def by_step(self) -> dict[str, Float[np.ndarray, "R n 3"]]:
        """Turn of one estimate at n steps, for the three swaps of the image."""
        return {
            how: np.array([[self._turned_at(m, t) for t in self.steps] for m in models])
            for how, models in self.models.items()
        }

    def table(self) -> pd.DataFrame:
        columns = {
            f"{how}: {what}": [rows.plus_minus(cells, ".2f") for cells in turned[:, :, i].T]
            for how, turned in self.turned.items()
            for i, what in enumerate(["turn", "class changes, %"])
        }
        return pd.DataFrame(columns, index=pd.Index(self.swaps, name="exchanged for"))

    def caption(self) -> str:
        return (
            f"How far estimates of {self.images.numel()} test images turn ($1 - \\cos$: 0 not "
            "heard, 1 nothing in common), and how many change their class. Mean ± standard "
            f"deviation over seeds ({self._seeds})."
        )

    def figure(self) -> Figure:
        n = len(self.models)
        fig, axes = plt.subplots(1, n, figsize=(4.8 * n, 3.5), sharey=True, squeeze=False)
        for ax, (how, turns) in zip(axes[0], self.by_step.items(), strict=True):
            for i, (swap, style) in enumerate(zip(self.swaps, ("-", "--", ":"), strict=False)):
                plots.band(ax, np.array(self.steps) + 1.0, turns[:, :, i], swap, linestyle=style)
            ax.set(title=how, xlabel="step", ylim=(0, None))
        axes[0, 0].set_ylabel(r"turn of the estimate, $1 - \cos$")
        handles = axes[0, 0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside lower center", ncols=3, fontsize=8)
        return fig

    def finding(self) -> str:
        other = {how: turns[:, :, 1].mean(0) for how, turns in self.by_step.items()}
        words = "; ".join(
            f"{how} {turns[2]:.2f} at step 10, {turns[-1]:.2f} at the last"
            for how, turns in other.items()
        )
        return (
            "Turn of one estimate when the image is exchanged and $z_t$ kept; mean and range over "
            f"seeds ({self._seeds}). For an image of another class: {words}."
        )

    def listens(self, how: str) -> str:
        """Say what another image does beside what other noise does."""
        _, image, none, noise = self.turned[how][:, :, 0].mean(0)
        return (
            f"with *{how}* another class's image turns the estimate by {image:.2f}, none at all by "
            f"{none:.2f}, other noise by {noise:.2f}"
        )

    @property
    def _seeds(self) -> int:
        return len(next(iter(self.models.values())))

    def _turned(self, model: RevCD) -> list[list[float]]:
        features, turns = self.benchmark.features, []
        before = model.estimate(features[self.images.flatten()], guidance=1.0, stream="swap")
        classes = prototype_scores(before, model.prototypes).argmax(1)
        for swap, images in self.swaps.items():
            scale, stream = 0.0 if swap == NO_IMAGE else 1.0, "other" if swap == NOISE else "swap"
            after = model.estimate(features[images.flatten()], guidance=scale, stream=stream)
            turn = float(1 - F.cosine_similarity(before, after).mean())
            changed = prototype_scores(after, model.prototypes).argmax(1) != classes
            turns.append([turn, 100 * float(changed.double().mean())])
        return turns

    @torch.no_grad()
    def _turned_at(self, model: RevCD, step: int) -> list[float]:
        net, labels = model.networks.eval(), self.benchmark.labels[self.images.flatten()]
        z0 = model.prototypes[labels.to(model.prototypes.device)]
        t = torch.full((len(z0),), step, device=z0.device)
        with seeded(model.seed, "lesson/turned"):
            zt = net.schedule.q_sample(z0, t, torch.randn_like(z0))
        estimates = []
        for swap, images in {"none": self.images, **self.swaps}.items():
            features = self.benchmark.features[images.flatten()].to(z0)
            shown = net.visual(model.images(features))
            condition = net.null.expand_as(shown) if swap == NO_IMAGE else shown
            estimates.append(net.both(zt, t, condition)[0])
        kept, *others, _ = estimates
        return [float(1 - F.cosine_similarity(kept, other).mean()) for other in others]
