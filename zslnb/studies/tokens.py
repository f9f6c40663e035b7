"""What do the tokens of a feature attend to, and what is the cut into tokens worth?"""

from collections.abc import Sequence
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

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCD, RevCDSettings
from zslnb.seeds import torch_generator
from zslnb.studies.conditionings import equally_long
from zslnb.studies.study import Study


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


class TokenAttention(Study):
    """What do the tokens of trained models listen to?"""

    name = "attention"

    def __init__(self, models: Sequence[RevCD], benchmark: Benchmark) -> None:
        by_seed = [attention_weights(model, benchmark) for model in models]
        self.average = by_seed[0].mean(0)
        self.tokens = self.average.shape[-1]
        entropies = [(-w * w.clamp(min=1e-9).log()).sum(3) for w in by_seed]
        self.listened_to = [float(entropy.exp().mean()) for entropy in entropies]
        self.variation = [float(w.std(0).mean()) for w in by_seed]

    def figure(self) -> Figure:
        heads = len(self.average)
        fig, axes = plt.subplots(1, heads, figsize=(10, 2.9), sharey=True, squeeze=False)
        for i, (ax, head) in enumerate(zip(axes[0], self.average, strict=True)):
            image = ax.imshow(head.numpy(), vmin=0, vmax=2 / self.tokens, cmap="vlag")
            ax.set(title=f"head {i + 1}", xlabel="token asked")
            ax.grid(False)
        axes[0, 0].set_ylabel("token that asks")
        fig.colorbar(image, ax=axes[0], label="mean weight (white: even)")
        return fig

    def finding(self) -> str:
        return (
            "Attention of the first seed's model, averaged over test images; "
            f"{1 / self.tokens:.3f} would be even. The strongest of these averages is "
            f"{float(self.average.max()):.2f}. Over seeds, a token of one image listens to "
            f"{results.spread(self.listened_to)} tokens (the exponential of the entropy; even: "
            f"{self.tokens}), and a weight varies by {results.spread(self.variation)} from image "
            "to image."
        )


class BlindAttention(Study):
    """What changes when each token of a trained model asks all others evenly?

    Attributes:
        kept: share (%) of test images that keep their class, seed by seed, with blind attention;
            other_noise: with attention as it was, from other noise.
    """

    def __init__(self, models: Sequence[RevCD], benchmark: Benchmark) -> None:
        features = benchmark.features[all_tests(benchmark)]

        def classes(model: RevCD, stream: str = "estimate") -> Int64[Tensor, " M"]:
            return model.scores(features, stream=stream).argmax(1).cpu()

        self.kept, self.other_noise = [], []
        for model in models:
            before = classes(model)
            blind, again = classes(blinded(model)), classes(model, "another draw")
            self.kept.append(100 * float((before == blind).double().mean()))
            self.other_noise.append(100 * float((before == again).double().mean()))

    def finding(self) -> str:
        return (
            f"With blind attention {np.mean(self.kept):.1f} % of the test images keep their class; "
            "with other noise to start from, and attention as it was, "
            f"{np.mean(self.other_noise):.1f} % do (means over {len(self.kept)} seeds)."
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
