"""Accuracy class by class, by the distance to the seen classes; induction, imagination, hybrid."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments import generative
from zslnb.experiments.families import Generator, Pair
from zslnb.experiments.means import MeansSettings
from zslnb.experiments.models import trained
from zslnb.experiments.scored import generated, predicted
from zslnb.experiments.scoring import competing_classes, score_test_images
from zslnb.genzsl import GenZSL, GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import (
    Scored,
    best,
    class_means,
    nearest_semantics,
    per_class_accuracy,
    validation_split,
)
from zslnb.settings import NOT_EMPTY, Count, Settings, Share

INDUCED, IMAGINED = "all induced", "all imagined"  # the pure forms of the hybrid


@dataclass(frozen=True)
class RivalsSettings(Settings):
    """Settings of induction, of imagination, and of the closed form.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    genzsl: GenZSLSettings = field(default_factory=GenZSLSettings)
    imagination: ImaginationSettings = field(default_factory=lambda: ImaginationSettings("cvae"))
    means: MeansSettings = field(default_factory=MeansSettings)


@dataclass(frozen=True)
class InductionLimitsSettings(RivalsSettings):
    """Settings of the rivals, of the hybrid, and of what is taken away."""

    # shares of the validation classes that the hybrid's thresholds leave to imagination
    shares: Annotated[tuple[Share, ...], NOT_EMPTY] = (0.0, 0.3, 0.6)
    n_relatives: Count = 3  # of an unseen class: how many of the seen classes nearest to it

    @property
    def noise(self) -> GenZSLSettings:
        """GenZSL's network, loss and schedule as an imagination: noise in the referent's place."""
        return replace(self.genzsl, referent="noise")


@dataclass(frozen=True)
class Hybrid:
    """Induction for classes with a seen one near, imagination for all others.

    A class is near if the cosine to the nearest seen class is at least `threshold`. The classifier
    that follows, and how many features it is given, are the inducing model's.
    """

    induction: GenZSL
    imagination: Generator
    threshold: float
    history: list[dict[str, float]] = field(default_factory=list)  # nothing more is trained

    @property
    def settings(self) -> GenZSLSettings:
        """Whose classifier and candidates follow."""
        return self.induction.settings

    @property
    def features(self) -> Float[Tensor, "N D"]:
        """The training set."""
        return self.induction.features

    @property
    def labels(self) -> Int64[Tensor, " N"]:
        """Class ids of the training set."""
        return self.induction.labels

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.induction.seed

    def synthesise(self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis") -> Pair:
        """Return n unit-norm features for each class, each class by its model, and class ids."""
        classes = classes.to(self.induction.labels.device)
        near = nearest_seen(self.induction, classes) >= self.threshold
        sides = ((self.induction, classes[near]), (self.imagination, classes[~near]))
        parts = [model.synthesise(part, n, stream) for model, part in sides if len(part)]
        return tuple(torch.cat(both) for both in zip(*parts, strict=True))


def nearest_seen(model: GenZSL, classes: Int64[Tensor, " K"]) -> Float[Tensor, " K"]:
    """Cosine of each class's refined semantics with those of the nearest seen class."""
    refined = F.normalize(model.semantics, dim=1)
    return (refined[classes] @ refined[model.seen].T).amax(1)


def limits_scores(
    benchmark: Benchmark, settings: InductionLimitsSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Score each unseen class by itself, and the hybrid of induction and imagination.

    "classes" has, in one order, the unseen classes' names, "nearest": the cosine to the nearest
    seen class as `nearest_seen`, known beforehand, and "visual": that of mean features about
    the mean of the seen ones, which takes test images and so only describes. "accuracy" has for
    each method the share of each class's test images that it gets right among the unseen classes.

    "hybrid": GenZSL's features from a threshold on, the cVAE's below it. Thresholds are those
    cosines that leave some share of the validation classes to imagination; both pure forms are
    candidates. For each its "threshold", the share of unseen classes that is "induced", the H on
    "validation" that it is chosen by, and S, U, H and T1 on the test images. "chosen" is the one
    that validation prefers, the earliest of equals. How long the classifier is trained is chosen
    along with each, as for a method alone.
    """
    s, inner = settings, validation_split(benchmark, seed)
    trial, model = (trained(b, s.genzsl, seed, device) for b in (inner, benchmark))
    rivals = [trained(b, s.imagination, seed, device) for b in (inner, benchmark)]
    hybrid, pure = {}, {}
    for label, threshold in _thresholds(nearest_seen(trial, inner.unseen), s.shares):
        hybrids = [
            Hybrid(inducing, rival, threshold)
            for inducing, rival in zip((trial, model), rivals, strict=True)
        ]
        tried = generative.candidates(hybrids[0], inner)
        chosen, on_validation = best((pick, scores) for pick, (scores, _) in tried)
        scores, classified = dict(generative.candidates(hybrids[1], benchmark, [chosen]))[chosen]
        near = nearest_seen(model, benchmark.unseen) >= threshold
        counted = {"induced": float(near.double().mean()), "validation": on_validation["H"]}
        hybrid[label] = {"threshold": threshold, **counted, **scores}
        if label in (INDUCED, IMAGINED):
            pure[label] = classified.scored()
    scored = {
        "GenZSL": pure[INDUCED],
        "GenZSL, noise": generated(inner, benchmark, s.noise, seed, device)[1],
        "cVAE": pure[IMAGINED],
        "means + spread": predicted(inner, benchmark, s.means, seed, device)[1],
        **({"plain CLIP": _clip(benchmark)} if benchmark.shared_space else {}),
    }
    return {
        "classes": {
            "name": [benchmark.class_names[i] for i in benchmark.unseen],
            "nearest": nearest_seen(model, benchmark.unseen).tolist(),
            "visual": _visual(benchmark).tolist(),
        },
        "accuracy": {name: _by_class(one) for name, one in scored.items()},
        "hybrid": hybrid,
        "chosen": best((label, {"H": h["validation"]}) for label, h in hybrid.items())[0],
    }


def _thresholds(
    nearest: Float[Tensor, " V"], shares: tuple[float, ...]
) -> Iterator[tuple[str, float]]:
    """Name the hybrid's thresholds; -1 induces every class, 2 none.

    A share of 0 induces all validation classes, too, but no class that is farther than they are.
    """
    yield INDUCED, -1.0
    ordered = nearest.sort().values.tolist()
    for share in shares:
        yield f"{100 * share:g} % imagined", ordered[int(share * len(ordered))]
    yield IMAGINED, 2.0


def _clip(benchmark: Benchmark) -> Scored:
    classes = competing_classes(benchmark)
    near = benchmark.semantics[classes]
    scores = score_test_images(lambda x: nearest_semantics(x, near), benchmark.features, benchmark)
    return Scored(scores, classes, benchmark)


def _visual(benchmark: Benchmark) -> Float[Tensor, " U"]:
    b, features = benchmark, F.normalize(benchmark.features, dim=1)
    seen, unseen = (class_means(features[i], b.labels[i]) for i in (b.train_idx, b.test_unseen_idx))
    centred = [F.normalize(means - seen.mean(0), dim=1) for means in (unseen, seen)]
    return (centred[0] @ centred[1].T).amax(1)


def _by_class(scored: Scored) -> list[float]:
    b, unseen = scored.benchmark, ~scored.is_seen
    scores = scored.scores[b.test_unseen_idx][:, unseen]
    answers, truth = scored.classes[unseen][scores.argmax(1)], b.labels[b.test_unseen_idx]
    return [per_class_accuracy(truth, answers, one[None]) for one in b.unseen]
