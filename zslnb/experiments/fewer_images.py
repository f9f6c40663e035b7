"""What is lost with fewer training images: does induction need fewer than imagination?"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch

from zslnb.benchmark import Benchmark
from zslnb.experiments.induction_limits import RivalsSettings
from zslnb.experiments.means import chosen_kernel, fit_means
from zslnb.experiments.models import trained
from zslnb.experiments.relatives import t1_of
from zslnb.protocol import validation_split
from zslnb.seeds import torch_generator
from zslnb.settings import NOT_EMPTY, Count

FEWEST = 2  # images of a class: its residuals need two
NAMES = ("GenZSL", "cVAE", "means + spread")


@dataclass(frozen=True)
class FewerImagesSettings(RivalsSettings):
    """Settings of the rivals, and how many images are left."""

    # one image of a class is kept in so many
    one_in: Annotated[tuple[Count, ...], NOT_EMPTY] = (1, 4, 16)


def fewer_images_scores(
    benchmark: Benchmark, settings: FewerImagesSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Train on all images of the seen classes, on one in four, and on one in sixteen.

    Passes grow as images get fewer, so that each network sees as many samples as with all. For
    "1", "4", "16": each method's T1 after the classifier's last epoch, and "images", how many a
    class has on average; one that keeps as many images as the one before is left out. Nothing is
    chosen but the kernel of the closed form, with the images left. "lost" is T1 with the most
    images less that with the fewest.
    """
    s, scores = settings, {}
    most, fewest = len(benchmark.train_idx), math.inf
    for n in sorted({*s.one_in}):
        left = thinned(benchmark, n, seed)
        if len(left.train_idx) >= fewest:
            continue
        fewest = len(left.train_idx)
        kinds = (
            replace(one, passes=round(one.passes * most / fewest))
            for one in (s.genzsl, s.imagination)
        )
        models = [trained(left, one, seed, device) for one in kinds]
        kernel = chosen_kernel(validation_split(left, seed), s.means)
        models.append(fit_means(left, s.means, kernel, seed, device))
        named = zip(NAMES, models, strict=True)
        scores[str(n)] = {name: {"T1": t1_of(model, left)} for name, model in named}
        scores[str(n)]["images"] = fewest / len(left.seen)
    first, last = scores[min(scores, key=int)], scores[max(scores, key=int)]
    lost = {name: {"T1": first[name]["T1"] - last[name]["T1"]} for name in NAMES}
    return {**scores, "lost": lost}


def thinned(benchmark: Benchmark, one_in: int, seed: int) -> Benchmark:
    """Keep one in so many training images of each seen class, drawn, but two where it has them."""
    rows = benchmark.train_idx
    if one_in == 1:
        return benchmark
    generator = torch_generator(seed, f"fewer images/{one_in}")
    kept = []
    for label in benchmark.seen:
        of_class = rows[benchmark.labels[rows] == label]
        n = min(len(of_class), max(FEWEST, -(-len(of_class) // one_in)))
        kept.append(of_class[torch.randperm(len(of_class), generator=generator)[:n]])
    return replace(benchmark, train_idx=torch.cat(kept).sort().values)
