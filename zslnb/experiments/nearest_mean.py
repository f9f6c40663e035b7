"""The nearest predicted class mean: what a map from semantics to features does by itself."""

from typing import Any

import torch
import torch.nn.functional as F

from zslnb.benchmark import Benchmark
from zslnb.closed_form import predicted_means
from zslnb.experiments.means import Kernel, NearestMeanSettings, chosen_kernel, training_set
from zslnb.experiments.scoring import all_scores, competing_classes, score_test_images
from zslnb.protocol import (
    Scored,
    best_constant,
    calibrated_scores,
    hubness_scores,
    nearest_semantics,
    validation_split,
)


def nearest_mean_scores(
    benchmark: Benchmark, settings: NearestMeanSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Predict every class's mean feature; an image is of the class whose mean has the best cosine.

    It is EXEM's nearest exemplar (Changpinyo et al. 2017), for seen classes as for unseen ones.
    clean: the kernel that tells the means of the validation classes best. Nothing else is chosen,
    so peeked agrees. calibrated: with the constant off the seen classes' cosines that is best on
    the validation split. "validation" and "hubness" as in `means_scores`.
    """
    inner = validation_split(benchmark, seed)
    kernel = chosen_kernel(inner, settings)
    on_validation, judged = (_scored(b, settings, kernel) for b in (inner, benchmark))
    constant, calibrated = calibrated_scores(on_validation, judged)
    clean, tried = (all_scores(s.scores, s.classes, s.benchmark) for s in (judged, on_validation))
    named = {"width": kernel[0], "penalty": kernel[1]}
    return {
        "clean": clean,
        "peeked": clean,
        "calibrated": {**calibrated, "T1": clean["T1"]},
        "validation": {"clean": tried, "calibrated": {"H": best_constant(on_validation)[1]}},
        "chosen": {"clean": named, "calibrated": {**named, "calibration": constant}},
        "hubness": hubness_scores(judged.scores, judged.classes, benchmark),
    }


def _scored(benchmark: Benchmark, settings: NearestMeanSettings, kernel: Kernel) -> Scored:
    classes = competing_classes(benchmark)
    means = predicted_means(*training_set(benchmark, settings), *kernel)[classes]
    features = F.normalize(benchmark.features, dim=1)
    scores = score_test_images(lambda x: nearest_semantics(x, means), features, benchmark)
    return Scored(scores, classes, benchmark)
