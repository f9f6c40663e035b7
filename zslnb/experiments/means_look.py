"""Predicted class means looked at as a generator in training is: one classifier, nothing chosen."""

from typing import Any

import torch

from zslnb.benchmark import Benchmark
from zslnb.experiments.generative import classifier_scores, unit_features, with_synthetic
from zslnb.experiments.means import MeansSettings, chosen_kernel, fit_means
from zslnb.protocol import train_classifier, validation_split


def means_look_scores(
    benchmark: Benchmark, settings: MeansSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Predict means, and score the classifier's last epoch, as `speed_scores` does for a generator.

    clean: the kernel is chosen on the validation classes, by the means alone. Synthetic features a
    class are the first of `n_synthetic_choices`, epochs all of the classifier's.
    """
    kernel = chosen_kernel(validation_split(benchmark, seed), settings)
    model = fit_means(benchmark, settings, kernel, seed, device)
    samples = with_synthetic(model, benchmark.unseen, settings.n_synthetic_choices[0])
    trainer = train_classifier(*samples, settings.classifier, seed)
    scores = classifier_scores(trainer, unit_features(benchmark, model), benchmark)
    named = dict(zip(("width", "penalty"), kernel, strict=True))
    return {"clean": scores, "chosen": {"clean": named}}
