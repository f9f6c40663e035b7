"""What an unseen class loses with its relatives: training without them, or without others."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments import generative
from zslnb.experiments.families import Generator
from zslnb.experiments.induction_limits import InductionLimitsSettings, nearest_seen
from zslnb.experiments.means import chosen_kernel, fit_means
from zslnb.experiments.models import trained
from zslnb.genzsl import prepare
from zslnb.protocol import train_classifier, validation_split
from zslnb.seeds import torch_generator

OTHERS_GONE, RELATIVES_GONE = "others gone", "relatives gone"


def relatives_scores(
    benchmark: Benchmark, settings: InductionLimitsSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Train without the relatives of unseen classes, and without as many other seen classes.

    Relatives are the seen classes nearest to an unseen one, by the semantics and the rule that
    choose GenZSL's referents; the others are drawn from the rest. Semantics stay as they are.
    For "others gone" and "relatives gone" each method's T1 after the classifier's
    last epoch: nothing is chosen but the kernel of the closed form, once, with all classes there.
    "lost" is what is lost by relatives beyond what others cost. "setup" counts what was done, and
    has the mean cosine of unseen classes with the nearest seen one that is left, as `nearest_seen`.
    """
    kernel = chosen_kernel(validation_split(benchmark, seed), settings.means)
    gone, k = relatives_of_unseen(benchmark, settings)
    rest = benchmark.seen[~torch.isin(benchmark.seen, gone)]
    order = torch.randperm(len(rest), generator=torch_generator(seed, "relatives/others"))
    others = rest[order[: len(gone)]]
    scores: dict[str, Any] = {"setup": {"relatives of each": k, "gone": len(gone)}}
    for condition, taken in ((OTHERS_GONE, others), (RELATIVES_GONE, gone)):
        left = without(benchmark, taken)
        kinds = settings.genzsl, settings.noise, settings.imagination
        models = [trained(left, one, seed, device) for one in kinds]
        models.append(fit_means(left, settings.means, kernel, seed, device))
        names = ("GenZSL", "GenZSL, noise", "cVAE", "means + spread")
        scores[condition] = {n: {"T1": t1_of(m, left)} for n, m in zip(names, models, strict=True)}
        cosines = nearest_seen(models[0], benchmark.unseen)
        scores["setup"][f"nearest, {condition}"] = float(cosines.double().mean())
    lost = {n: scores[OTHERS_GONE][n]["T1"] - scores[RELATIVES_GONE][n]["T1"] for n in names}
    return {**scores, "lost": {name: {"T1": value} for name, value in lost.items()}}


def relatives_of_unseen(
    benchmark: Benchmark, settings: InductionLimitsSettings
) -> tuple[Int64[Tensor, " R"], int]:
    """Return the seen classes that are among the k nearest of some unseen one, and k.

    It is as many as settings ask for, and fewer where the relatives would be half of the seen
    classes; where even the nearest ones are, only the first of them.
    """
    s, n = settings, len(benchmark.seen)
    benchmark.require_seen(4, "taking relatives away, or as many others, needs at least four")
    most = min((n - 1) // 2, n - s.genzsl.n_referents - 1)
    for k in range(min(s.n_relatives, n - 1), 0, -1):
        asked = replace(s.genzsl, n_referents=k, referent="induced", weights=None)
        gone = prepare(benchmark, asked).referents[benchmark.unseen].unique()
        if len(gone) <= most:
            break
    return gone[:most], k


def without(benchmark: Benchmark, classes: Int64[Tensor, " R"]) -> Benchmark:
    """Take all images of some seen classes out of a split; their semantics stay."""
    kept = ~torch.isin(benchmark.labels, classes)
    return replace(
        benchmark,
        train_idx=benchmark.train_idx[kept[benchmark.train_idx]],
        test_seen_idx=benchmark.test_seen_idx[kept[benchmark.test_seen_idx]],
        val_classes=benchmark.val_classes[~torch.isin(benchmark.val_classes, classes)],
    )


def t1_of(model: Generator, benchmark: Benchmark) -> float:
    """Return T1 of a model's synthetic features after the last epoch of their classifier."""
    (n, *_), classifier = model.settings.n_synthetic_choices, model.settings.classifier
    samples = generative.with_synthetic(model, benchmark.unseen, n)
    trainer = train_classifier(*samples, classifier, model.seed)
    features = generative.unit_features(benchmark, model)
    return generative.classifier_scores(trainer, features, benchmark)["T1"]
