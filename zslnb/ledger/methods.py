"""Each method under both protocols: a benchmark, settings and a seed in, scores out.

A method returns `clean` and `released` scores (S, U, H and conventional T1, fractions), `peeked`
(the clean candidates, picked on the test set) and `chosen`, what each of them picked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import genzsl
from zslnb.benchmark import Benchmark
from zslnb.genzsl import GenZSL, GenZSLSettings, mean_cosines, top_k_referents
from zslnb.protocol import (
    ClassifierTrainer,
    best,
    eszsl,
    evaluate_conventional,
    evaluate_gzsl,
    nearest_semantics,
    train_classifier,
    validation_split,
)
from zslnb.seeds import seeded

Scores = dict[str, dict | list]  # by protocol, and what else a method tells
Pair = tuple[Float[Tensor, "N D"], Int64[Tensor, " N"]]


@dataclass(frozen=True)
class ClipSettings:
    """Plain CLIP has nothing to set."""


@dataclass(frozen=True)
class ESZSLSettings:
    """Powers of ten that ESZSL's two penalties are chosen from (its paper's range)."""

    powers: tuple[int, ...] = (-3, -2, -1, 0, 1, 2, 3)


@dataclass(frozen=True)
class SimilaritySettings:
    """How many singular directions class diversity promotion removes."""

    n_removed: int = 1


def similarity_scores(
    benchmark: Benchmark, settings: SimilaritySettings, seed: int, device: torch.device | str
) -> Scores:
    """Measure cosines between classes, before and after class diversity promotion.

    "before" and "after" are the three means of `mean_cosines`; "nearest" says which part of the
    classes keeps its most similar other class; "common" is the cosine between the first singular
    direction and the mean of the classes; "size" is that of the semantics, C by S.
    """
    raw = F.normalize(benchmark.semantics.double(), dim=1)
    refined = genzsl.class_diversity_promotion(raw, settings.n_removed)
    nearest = [top_k_referents(e, e, 1, exclude_self=True) for e in (raw, refined)]
    kept = float((nearest[0] == nearest[1]).double().mean())
    first = torch.linalg.svd(raw, full_matrices=False).Vh[0]
    return {
        "before": mean_cosines(raw),
        "after": mean_cosines(refined),
        "nearest": {"kept": kept},
        "common": {"alignment": float(F.cosine_similarity(raw.mean(0), first, dim=0).abs())},
        "size": {"classes": benchmark.n_classes, "width": benchmark.semantic_dim},
    }


def clip_scores(
    benchmark: Benchmark, settings: ClipSettings, seed: int, device: torch.device | str
) -> Scores:
    """Classify by the nearest class text; nothing is trained or chosen, so protocols agree."""
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    scores = _all_scores(
        lambda x: nearest_semantics(x, benchmark.semantics[classes]),
        classes,
        benchmark.features,
        benchmark,
    )
    return {"clean": scores, "peeked": scores, "released": scores}


def eszsl_scores(
    benchmark: Benchmark, settings: ESZSLSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL; penalties chosen on validation classes (clean) or on the test set (released)."""
    chosen, _ = best(_eszsl_grid(validation_split(benchmark, seed), settings))
    on_test = dict(_eszsl_grid(benchmark, settings))
    lucky, _ = best(on_test.items())
    return {
        "clean": on_test[chosen],
        "peeked": on_test[lucky],
        "released": on_test[lucky],
        "chosen": {"clean": list(chosen), "released": list(lucky)},
    }


def _eszsl_grid(
    benchmark: Benchmark, settings: ESZSLSettings
) -> Iterator[tuple[tuple[int, int], dict[str, float]]]:
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    train, labels = features[benchmark.train_idx], benchmark.labels[benchmark.train_idx]
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    for gamma in settings.powers:
        for lam in settings.powers:
            matrix = eszsl(train, labels, semantics, 10.0**gamma, 10.0**lam)
            bilinear = matrix @ semantics[classes].T
            scores = _all_scores(lambda x, w=bilinear: x @ w, classes, features, benchmark)
            yield (gamma, lam), scores


@dataclass(frozen=True)
class LooksSettings:
    """How often one looks at the test set, and the ESZSL that never gets better meanwhile."""

    looks: int = 100
    gamma: float = 1.0
    lam: float = 1.0


def looks_scores(
    benchmark: Benchmark, settings: LooksSettings, seed: int, device: torch.device | str
) -> Scores:
    """Fit ESZSL on one bootstrap sample of trainval a look, and test each: equals by design.

    Returns `looks`, the test H of each; no look is better than another but by chance, so the
    best of many measures nothing but how often one looked.
    """
    features = F.normalize(benchmark.features, dim=1)
    semantics = F.normalize(benchmark.semantics, dim=1)
    classes = torch.arange(benchmark.n_classes)[_competing(benchmark)]
    n, scores = len(benchmark.train_idx), []
    with seeded(seed, "looks"):
        for rows in (benchmark.train_idx[torch.randint(n, (n,))] for _ in range(settings.looks)):
            labels = benchmark.labels[rows]
            matrix = eszsl(features[rows], labels, semantics, settings.gamma, settings.lam)
            bilinear = matrix @ semantics[classes].T
            scores.append(evaluate_gzsl(lambda x, w=bilinear: x @ w, classes, features, benchmark))
    return {"looks": [score["H"] for score in scores]}


def _competing(benchmark: Benchmark) -> Tensor:
    return torch.isin(
        torch.arange(benchmark.n_classes), torch.cat([benchmark.seen, benchmark.unseen])
    )


def _all_scores(scorer, classes: Tensor, features: Tensor, benchmark: Benchmark) -> dict:
    gzsl = evaluate_gzsl(scorer, classes, features, benchmark)
    return {**gzsl, "T1": evaluate_conventional(scorer, classes, features, benchmark)}


def genzsl_scores(
    benchmark: Benchmark, settings: GenZSLSettings, seed: int, device: torch.device | str
) -> Scores:
    """Train GenZSL; classifier epochs and synthetic samples chosen clean, or best on test.

    clean: on the validation split, train once, then try every number of synthetic samples and
    every number of classifier epochs; take the pair with the best H to a model trained on all
    of trainval, and look at the test set once.
    peeked: the very same candidates, but the test set picks the pair. What it gains over clean
    is the price of that selection alone.
    released: after every round of training, go on training one classifier on fresh synthetic
    samples, test after each of its epochs, and report the best H and the best T1 ever seen.
    """
    inner = validation_split(benchmark, seed)
    chosen, _ = best(_candidates(genzsl.fit(inner, settings, seed, device), inner))
    watcher = BestOnTest(benchmark, settings.n_synthetic)
    model = genzsl.fit(benchmark, settings, seed, device, on_round=watcher)
    on_test = dict(_candidates(model, benchmark))
    lucky, peeked = best(on_test.items())
    picks = {"clean": chosen, "peeked": lucky}
    return {
        "clean": on_test[chosen],
        "peeked": peeked,
        "released": watcher.scores,
        "chosen": {
            **{
                name: dict(zip(("n_synthetic", "epochs"), pick, strict=True))
                for name, pick in picks.items()
            },
            "released": watcher.chosen,
        },
        "history": model.history,
    }


def _candidates(
    model: GenZSL, benchmark: Benchmark
) -> Iterator[tuple[tuple[int, int], dict[str, float]]]:
    for n in model.settings.n_synthetic_choices:
        scored: list[tuple[tuple[int, int], dict]] = []

        def note(trainer: ClassifierTrainer, n: int = n, scored: list = scored) -> None:
            scored.append(((n, trainer.epoch), _classifier_scores(trainer, model, benchmark)))

        samples = _with_synthetic(model, benchmark.unseen, n)
        train_classifier(*samples, model.settings.classifier, model.seed, note)
        yield from scored


def _classifier_scores(
    trainer: ClassifierTrainer, model: GenZSL, benchmark: Benchmark
) -> dict[str, float]:
    scaled = F.normalize(benchmark.features, dim=1).to(model.features.device)
    return _all_scores(trainer.scores, trainer.classes, scaled, benchmark)


def _with_synthetic(model: GenZSL, unseen: Tensor, n: int, stream: str = "synthesis") -> Pair:
    features, labels = model.synthesise(unseen, n, stream)
    return torch.cat([model.features, features]), torch.cat([model.labels, labels])


@dataclass
class BestOnTest:
    """Watches training as the released code does: test after every epoch, keep the best.

    The classifier lives through all rounds, as released; `looks` counts evaluations on test.
    T1 is the best too, by itself, so it may stem from another epoch than H.
    """

    benchmark: Benchmark
    n_synthetic: int
    scores: dict[str, float] = field(default_factory=lambda: {"H": -1.0, "T1": -1.0})
    looks: int = 0
    chosen: dict[str, int] = field(default_factory=dict)
    trainer: ClassifierTrainer | None = None

    def __call__(self, model: GenZSL) -> None:
        """Train and test for one more round."""
        number = len(model.history)
        features, labels = _with_synthetic(
            model, self.benchmark.unseen, self.n_synthetic, f"synthesis/{number}"
        )
        settings = model.settings.classifier
        if self.trainer is None:
            self.trainer = ClassifierTrainer(
                features.shape[1], labels.unique(), settings, model.seed, features.device
            )
        for _ in range(settings.epochs):
            self.trainer.train_epoch(features, labels)
            self._look(_classifier_scores(self.trainer, model, self.benchmark), number)

    def _look(self, scores: dict[str, float], number: int) -> None:
        self.looks += 1
        t1 = max(self.scores["T1"], scores["T1"])
        if scores["H"] > self.scores["H"]:
            self.scores = scores
            self.chosen = {"round": number, "epochs": self.trainer.epoch}
        self.scores = {**self.scores, "T1": t1}
        self.chosen["looks"] = self.looks
