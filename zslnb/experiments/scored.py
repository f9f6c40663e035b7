"""What each kind of method says of the test images, as validation chose it, with its scores.

Each function gives two `Scored`: of a model trained without the validation classes, on the
validation split, and of one trained on all of trainval, on the benchmark. The first is what a
border, a weight or a threshold is chosen on; the second is looked at once.
"""

import torch

from zslnb.benchmark import Benchmark
from zslnb.experiments import generative
from zslnb.experiments.families import Generator
from zslnb.experiments.means import MeansSettings, chosen_kernel, fit_means
from zslnb.experiments.models import trained
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import Scored, best

Both = tuple[Scored, Scored]  # on the validation split, and on the benchmark


def generated(
    inner: Benchmark,
    benchmark: Benchmark,
    settings: GenZSLSettings | ImaginationSettings,
    seed: int,
    device: torch.device | str,
) -> Both:
    """Score by a trained generator and the classifier of its features.

    Args:
        inner: the validation split of `benchmark`.
        settings: of the generator; its synthetic counts and classifier epochs are the candidates.
        seed, device: of the training.
    """
    models = (trained(part, settings, seed, device) for part in (inner, benchmark))
    return picked(inner, benchmark, *models)


def predicted(
    inner: Benchmark,
    benchmark: Benchmark,
    settings: MeansSettings,
    seed: int,
    device: torch.device | str,
) -> Both:
    """Score by predicted means, borrowed spread, and the classifier of both."""
    kernel = chosen_kernel(inner, settings)
    models = (fit_means(b, settings, kernel, seed, device) for b in (inner, benchmark))
    return picked(inner, benchmark, *models)


def picked(inner: Benchmark, benchmark: Benchmark, trial: Generator, model: Generator) -> Both:
    """Take the candidate with the best H of `trial` on the validation split, on both."""
    tried = dict(generative.candidates(trial, inner))
    chosen = best((pick, scores) for pick, (scores, _) in tried.items())[0]
    tested = dict(generative.candidates(model, benchmark, [chosen]))
    return tried[chosen][1].scored(), tested[chosen][1].scored()
