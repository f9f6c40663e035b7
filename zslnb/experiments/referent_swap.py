"""The experiment "referent_swap": train GenZSL, then ask what its outputs depend on."""

import torch
import torch.nn.functional as F

from zslnb import genzsl
from zslnb.benchmark import Benchmark
from zslnb.experiments.models import trained
from zslnb.genzsl import GenZSLSettings
from zslnb.protocol import class_means
from zslnb.seeds import seeded

SAMPLES = 100  # synthetic features a class


def swap_scores(
    benchmark: Benchmark, settings: GenZSLSettings, seed: int, device: torch.device | str
) -> dict:
    """Train GenZSL, swap its inputs, and compare its samples of unseen classes with real ones.

    Test images serve to measure, never to train or to choose. "swaps" are `referent_swap`'s for
    the unseen classes; "within" is the mean cosine between samples of one unseen class; "to mean"
    the cosine of the real class mean with the mean of the referents and of the synthetic samples.
    """
    model = trained(benchmark, settings, seed, device)
    synthetic, labels = model.synthesise(benchmark.unseen, SAMPLES, "swap")
    with seeded(seed, "genzsl/swap/means"):
        referents = model.referent_samples(labels)
    rows = benchmark.test_unseen_idx
    real, real_labels = F.normalize(benchmark.features[rows], dim=1), benchmark.labels[rows]
    real_means = class_means(real, real_labels)
    means = {"referent": referents, "synthetic": synthetic}
    return {
        "swaps": genzsl.referent_swap(model, benchmark.unseen, SAMPLES),
        "within": {
            "real": genzsl.within_class_cosine(real, real_labels),
            "synthetic": genzsl.within_class_cosine(synthetic, labels),
        },
        "to mean": {
            name: float(F.cosine_similarity(class_means(rows, labels).cpu(), real_means).mean())
            for name, rows in means.items()
        },
        "history": model.history,
    }
