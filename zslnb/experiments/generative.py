"""Generative methods under the protocols: train, synthesise, classify, score.

GenZSL and the imagination baselines share everything here: the classifier, the choices and the
evaluation. What differs is the generator alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import functional_call

from zslnb.benchmark import Benchmark
from zslnb.experiments.families import Generator, Pair, Settings
from zslnb.experiments.models import trained
from zslnb.experiments.scoring import Looks, all_scores, score_test_images
from zslnb.protocol import (
    ClassifierTrainer,
    Scored,
    SoftmaxClassifier,
    best,
    calibrated_scores,
    hubness_scores,
    train_classifier,
    validation_split,
)

Pick = tuple[int, int]  # synthetic features a class, classifier epochs
Scores = dict[str, Any]


def generative_scores(
    benchmark: Benchmark, settings: Settings, seed: int, device: torch.device | str
) -> Scores:
    """Train a generator; choose synthetic samples and classifier epochs clean, or on test.

    Scores are those of `synthetic_scores`, of a model trained without the validation classes and
    of one trained on all of trainval. "history" is the latter's.
    """
    inner = validation_split(benchmark, seed)
    trial, model = (trained(b, settings, seed, device) for b in (inner, benchmark))
    return {**synthetic_scores(trial, inner, model, benchmark), "history": model.history}


def synthetic_scores(
    trial: Generator, inner: Benchmark, model: Generator, benchmark: Benchmark
) -> Scores:
    """Choose among candidates: how many synthetic features a class, and classifier epochs.

    clean: the pair with the best H of `trial` on the validation split, then one look at the test
    set with `model`. peeked: the very same candidates, but the test set picks the pair. What it
    gains over clean is the price of that selection alone.
    calibrated: clean's pick, with the constant off the seen classes' scores (Chao et al. 2016)
    that is best on the validation split.
    "by n_synthetic" has the clean scores for each number of synthetic samples by itself,
    "validation" the scores that clean and calibrated were chosen by, "hubness" that of clean's
    classifier.

    Args:
        trial: fitted to `inner`, the validation split. model: fitted to `benchmark`.
    """
    on_trial, on_model = dict(candidates(trial, inner)), dict(candidates(model, benchmark))
    tried, on_test = (
        {pick: scores for pick, (scores, _) in found.items()} for found in (on_trial, on_model)
    )
    chosen, peeked = best(tried.items())[0], best(on_test.items())[0]
    on_validation, judged = on_trial[chosen][1].scored(), on_model[chosen][1].scored()
    constant, calibrated = calibrated_scores(on_validation, judged)
    return {
        "clean": on_test[chosen],
        "peeked": on_test[peeked],
        "calibrated": {**calibrated, "T1": on_test[chosen]["T1"]},
        "validation": {
            "clean": tried[chosen],
            "calibrated": calibrated_scores(on_validation, on_validation)[1],
        },
        "chosen": {
            "clean": _named(chosen),
            "peeked": _named(peeked),
            "calibrated": {**_named(chosen), "calibration": constant},
        },
        "by n_synthetic": {
            str(n): on_test[best((p, s) for p, s in tried.items() if p[0] == n)[0]]
            for n in model.settings.n_synthetic_choices
        },
        "hubness": hubness_scores(judged.scores, judged.classes, benchmark),
    }


def _named(pick: Pick) -> dict[str, int]:
    return dict(zip(("n_synthetic", "epochs"), pick, strict=True))


@dataclass(frozen=True)
class Classified:
    """A classifier as it was after some epoch, and the test images that it was made for."""

    model: SoftmaxClassifier  # whose own weights are those of the last epoch
    weights: dict[str, Tensor]
    classes: Int64[Tensor, " K"]
    features: Float[Tensor, "N D"]
    benchmark: Benchmark

    @torch.no_grad()
    def scored(self) -> Scored:
        """Score the test images."""
        score = partial(functional_call, self.model.eval(), self.weights)
        scores = score_test_images(score, self.features, self.benchmark)
        return Scored(scores.cpu(), self.classes.cpu(), self.benchmark)


def candidates(
    model: Generator, benchmark: Benchmark, picks: Collection[Pick] | None = None
) -> Iterator[tuple[Pick, tuple[dict[str, float], Classified]]]:
    """Score every number of synthetic samples with every number of classifier epochs.

    Each candidate's classifier comes with its scores, so that whoever picks one need not train it
    again. With `picks` no more are trained than those take.

    Raises:
        ValueError: a pick that the settings do not have.
    """
    features, settings = unit_features(benchmark, model), model.settings.classifier
    every = [*product(model.settings.n_synthetic_choices, range(1, settings.epochs + 1))]
    for pick in {*(picks or ())}.difference(every):
        raise ValueError(f"No candidate has the synthetic features and epochs {pick}.")
    longest = dict(sorted(every if picks is None else picks))
    for n in [n for n in model.settings.n_synthetic_choices if n in longest]:
        samples = with_synthetic(model, benchmark.unseen, n)
        looks = Looks(features, samples[1].unique(), benchmark)
        kept: list[Classified] = []

        def note(trainer: ClassifierTrainer, looks: Looks = looks, kept: list = kept) -> None:
            looks.look(trainer.scores)
            weights = {name: w.clone() for name, w in trainer.model.state_dict().items()}
            kept.append(Classified(trainer.model, weights, trainer.classes, features, benchmark))

        train_classifier(*samples, replace(settings, epochs=longest[n]), model.seed, note)
        for epoch, candidate in enumerate(zip(looks.scores(), kept, strict=True), 1):
            yield (n, epoch), candidate


def unit_features(benchmark: Benchmark, model: Generator) -> Float[Tensor, "N D"]:
    """Return all features at unit norm, where the model is."""
    return F.normalize(benchmark.features, dim=1).to(model.features.device)


def classifier_scores(
    trainer: ClassifierTrainer, features: Float[Tensor, "N D"], benchmark: Benchmark
) -> dict[str, float]:
    """Return S, U, H and, with only unseen classes allowed, T1 of a classifier on the test set."""
    scores = score_test_images(trainer.scores, features, benchmark)
    return all_scores(scores, trainer.classes, benchmark)


def with_synthetic(
    model: Generator, unseen: Int64[Tensor, " K"], n: int, stream: str = "synthesis"
) -> Pair:
    """Return the real seen training features and n synthetic ones for each unseen class."""
    return with_real(model, model.synthesise(unseen, n, stream))


def with_real(
    model: Generator, synthetic: tuple[Float[Tensor, "M D"], Int64[Tensor, " M"]]
) -> Pair:
    """Return the real seen training features and, after them, the synthetic ones."""
    features, labels = synthetic
    return torch.cat([model.features, features]), torch.cat([model.labels, labels])


def released_scores(
    benchmark: Benchmark, settings: Settings, seed: int, device: torch.device | str
) -> Scores:
    """Train once on all of trainval and report the best that was ever seen on the test set.

    released: best S, U, H and best T1. last: the same after the last epoch of the last round,
    with nothing chosen, so that the difference is the price of choosing. T1 here is of a second
    classifier, of synthetic features alone, as released. "conventional" has that T1's best per
    class and per image, and the generalised classifier's with only unseen classes allowed.
    """
    watcher = BestOnTest(benchmark)
    model = trained(benchmark, settings, seed, device, on_round=watcher)
    return {**watcher.scores(), "history": model.history}


@dataclass
class BestOnTest:
    """Watches training as the released codes do: test after every classifier epoch, keep the best.

    GenZSL's classifiers live through all rounds, as released; f-VAEGAN's are new in each. H and
    T1 come from two classifiers, so they may stem from different epochs.
    """

    benchmark: Benchmark
    best: dict[str, float] = field(default_factory=lambda: {"H": -1.0, "T1": -1.0})
    last: dict[str, float] = field(default_factory=dict)
    conventional: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, int] = field(default_factory=lambda: {"looks": 0})
    trainers: tuple[ClassifierTrainer, ClassifierTrainer] | None = None
    features: Float[Tensor, "N D"] | None = None

    def __call__(self, model: Generator) -> None:
        """Train the classifiers for one more round, and look after each epoch."""
        number, s = len(model.history), model.settings
        unseen = model.synthesise(self.benchmark.unseen, s.n_synthetic, f"synthesis/{number}")
        everything = with_real(model, unseen)
        if self.trainers is None or not s.keep_classifier:
            self.trainers = tuple(_trainer(model, pair[1]) for pair in (everything, unseen))
        if self.features is None:  # the same in every round
            self.features = unit_features(self.benchmark, model)
        both = [Looks(self.features, t.classes, self.benchmark) for t in self.trainers]
        for _ in range(s.classifier.epochs):
            for trainer, pair, looks in zip(self.trainers, (everything, unseen), both, strict=True):
                trainer.train_epoch(*pair)
                looks.look(trainer.scores)
        self._count(number, *both, s.conventional)

    def scores(self) -> Scores:
        """Return the best and the last, as `released_scores` describes it."""
        return {
            "released": self.best,
            "last": self.last,
            "conventional": self.conventional,
            "chosen": {"released": self.chosen},
        }

    def _count(self, number: int, general: Looks, special: Looks, conventional: str) -> None:
        before = self.trainers[0].epoch - len(general.general)
        ways = zip(general.scores(), special.scores(), special.shares(), strict=True)
        for epoch, (scores, of_special, share) in enumerate(ways, before + 1):
            t1 = {"per class": of_special["T1"], "per image": share, "restricted": scores["T1"]}
            self._take({**scores, "T1": t1[conventional]}, t1, {"round": number, "epochs": epoch})

    def _take(self, scores: dict[str, float], t1: dict[str, float], where: dict[str, int]) -> None:
        self.conventional = {k: max(v, self.conventional.get(k, v)) for k, v in t1.items()}
        self.last = scores
        if scores["H"] > self.best["H"]:
            self.best = {**scores, "T1": self.best["T1"]}
            self.chosen |= where
        self.best["T1"] = max(self.best["T1"], scores["T1"])
        self.chosen["looks"] += 1


def _trainer(model: Generator, labels: Int64[Tensor, " N"]) -> ClassifierTrainer:
    width, device = model.features.shape[1], model.features.device
    return ClassifierTrainer(width, labels.unique(), model.settings.classifier, model.seed, device)
