"""Ways to walk from noise to an estimate with a trained network, and what each costs."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import results
from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.protocol import gzsl_scores
from zslnb.revcd import RevCD, ancestral_sample, ddim_sample, guided_noise, prototype_scores
from zslnb.seeds import seeded, torch_generator
from zslnb.studies.exact_denoisers import Denoiser
from zslnb.studies.study import Study


@torch.no_grad()
def guided_denoiser(model: RevCD, benchmark: Benchmark, images: Tensor, scale: float) -> Denoiser:
    """Estimate z_0 of images with guidance (alg. 2): encode them once, mix at each step.

    Args:
        model: whose network puts out clean samples.
        benchmark, images: rows of the benchmark's features.
        scale: of guidance.
    """
    net = model.networks.eval()
    shown = net.visual(model.images(benchmark.features[images].to(model.features)))
    conditions = net.unet.mapped(torch.cat([shown, net.null.expand_as(shown)]))

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        with torch.no_grad():
            both = net.unet.estimate(zt.repeat(2, 1), t[:1], conditions)
        return guided_noise(*both.chunk(2), scale)

    return denoise


def starting_noise(model: RevCD, n: int, stream: str) -> Float[Tensor, "n S"]:
    """Draw starts from N(0, I), those that the package draws for the stream of that name."""
    with seeded(model.seed, f"revcd/{stream}"):
        return torch.randn(n, model.prototypes.shape[1], device=model.prototypes.device)


def some_of_each_class(
    benchmark: Benchmark, idx: Int64[Tensor, " M"], total: int
) -> Int64[Tensor, " m"]:
    """Pick about so many of these images, equally many of each class, drawn once."""
    order = torch.randperm(len(idx), generator=torch_generator(0, "lesson/part"))
    labels = benchmark.labels[idx[order]]
    each = max(1, total // len(labels.unique()))
    rows = [(labels == c).nonzero()[:each, 0] for c in labels.unique()]
    return idx[order[torch.cat(rows)]]


class Samplers(Study):
    """What do few steps cost beside all, and what does the start of a walk decide?

    Attributes:
        ways: names of the walks; the last starts with the rest of the right class's signal.
        classes: for each model: way -> the class that each image is given.
        scores: way -> S, U and H, model by model.
    """

    name = "walks"
    headline = True

    def __init__(
        self, models: Sequence[RevCD], benchmark: Benchmark, seen: int = 150, unseen: int = 120
    ) -> None:
        self.benchmark, self.settings = benchmark, models[0].settings
        self.steps = len(models[0].networks.schedule)
        self.few, self.fewer = min(50, self.steps), min(10, self.steps)
        self.parts = [
            some_of_each_class(benchmark, benchmark.test_seen_idx, seen),
            some_of_each_class(benchmark, benchmark.test_unseen_idx, unseen),
        ]
        self.classes = [self._walked(model) for model in models]
        self.ways = [*self.classes[0]]
        n, labels = len(self.parts[0]), benchmark.labels[torch.cat(self.parts)]
        self.scores = {
            way: [
                gzsl_scores(labels[:n], named[way][:n], labels[n:], named[way][n:])
                for named in self.classes
            ]
            for way in self.ways
        }

    def gains(self, way: str, over: str, metric: str) -> list[float]:
        """Points of one way over another, seed by seed."""
        pairs = zip(self.scores[way], self.scores[over], strict=True)
        return [100 * (one[metric] - other[metric]) for one, other in pairs]

    def agreement(self, way: str, other: str) -> list[float]:
        """Share of images to which two ways give one class, seed by seed."""
        return [float((c[way] == c[other]).double().mean()) for c in self.classes]

    def table(self) -> pd.DataFrame:
        every, few, *_ = self.ways
        steps = dict.fromkeys(self.ways, self.few)
        steps |= {every: self.steps, self.ways[2]: self.fewer}
        lines = {}
        for way, scores in self.scores.items():
            line = {"calls an image": 2 * steps[way]}
            line |= {metric: results.percent([s[metric] for s in scores]) for metric in "SUH"}
            gain, same = self.gains(way, every, "H"), self.agreement(way, few)
            line["H, over ancestral"] = "" if way == every else results.points(gain)
            line[f"same class as DDIM, {self.few} (%)"] = (
                "" if way == few else results.percent(same)
            )
            lines[way] = line
        return pd.DataFrame(lines).T.rename_axis("walk")

    def caption(self) -> str:
        seen, unseen = map(len, self.parts)
        return (
            f"{self.benchmark.name}: {seen} seen and {unseen} unseen test images, guidance scale "
            f"{self.settings.guidance:g}; mean ± standard deviation over seeds "
            f"({len(self.classes)}). *Not allowed*: starts with the rest of the right class's "
            "signal."
        )

    def finding(self) -> str:
        every, few, _, other_noise, _ = self.ways
        return (
            f"DDIM in {self.few} steps gains {results.points(self.gains(few, every, 'H'))} points "
            f"of H over {self.steps} ancestral steps and agrees with them on "
            f"{results.percent(self.agreement(every, few))} % of the images; with itself, from "
            f"other noise, on {results.percent(self.agreement(other_noise, few))} %."
        )

    def rest(self, left: float) -> str:
        """Say what the share of the signal that is left at the last step would add."""
        few, rest = self.ways[1], self.ways[-1]
        unseen, both = (results.points(self.gains(rest, few, metric)) for metric in "UH")
        return (
            f"The {left:.1%} of the signal that is left at the last step would add {unseen} points "
            f"of U and {both} of H, could DDIM start with it."
        )

    def _walked(self, model: RevCD) -> dict[str, Int64[Tensor, " m"]]:
        images, schedule = torch.cat(self.parts), model.networks.schedule
        denoise = guided_denoiser(model, self.benchmark, images, self.settings.guidance)
        noise, other = (starting_noise(model, len(images), s) for s in ("walks", "other walks"))
        clean = model.prototypes[self.benchmark.labels[images].to(noise.device)]
        last = torch.full((len(clean),), self.steps - 1, device=noise.device)
        with_rest, ddim = (
            schedule.q_sample(clean, last, noise),
            partial(ddim_sample, denoise, schedule),
        )
        with one_thread(), seeded(model.seed, "lesson/ancestral"):
            ends = {
                f"ancestral, {self.steps} steps": ancestral_sample(denoise, schedule, noise),
                f"DDIM, {self.few} steps": ddim(noise, self.few),
                f"DDIM, {self.fewer} steps": ddim(noise, self.fewer),
                "DDIM, other noise": ddim(other, self.few),
                "DDIM, not allowed": ddim(with_rest, self.few),
            }
        return {
            way: prototype_scores(z, model.prototypes).argmax(1).cpu() for way, z in ends.items()
        }
