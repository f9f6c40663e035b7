"""Predicted class means with borrowed spread, in place of a trained generator."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import covariance_root, kernel_ridge, predicted_means, residuals
from zslnb.experiments.generative import synthetic_scores
from zslnb.genzsl import (
    GenZSLSettings,
    ReferentPool,
    class_diversity_promotion,
    top_k_referents,
)
from zslnb.protocol import (
    ClassifierSettings,
    class_means,
    validation_split,
)
from zslnb.seeds import seeded
from zslnb.settings import NOT_EMPTY, Count, Counts, Positive, Settings, Whole, at_least_one

Kernel = tuple[float, float]  # width, penalty
Several = Annotated[tuple[Positive, ...], NOT_EMPTY]
Pair = tuple[Float[Tensor, "M D"], Int64[Tensor, " M"]]


@dataclass(frozen=True)
class NearestMeanSettings(Settings):
    """Settings of the class means that kernel ridge regression predicts from semantics.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    n_removed: Whole = 1  # directions that class diversity promotion takes away
    # of the kernel, in squared distances between semantics of unit norm, which are 0 to 4: the
    # widest is all but linear
    widths: Several = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
    penalties: Several = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class MeansSettings(NearestMeanSettings):
    """Settings of predicted means, of the spread about them, and of the classifier that follows."""

    # whose residuals surround a predicted mean: its referents', any seen class's, draws of one
    # Gaussian with the covariance of all, or none
    spread: Literal["referents", "any", "gaussian", "none"] = "referents"
    n_referents: Count = 2
    n_synthetic_choices: Counts = (100, 400, 1600)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)

    @classmethod
    def beside(cls, settings: GenZSLSettings, **changes: Any) -> "MeansSettings":
        """Take over all that is not the generator's own, so that a row differs in that alone."""
        shared = ("n_removed", "n_referents", "n_synthetic_choices", "classifier")
        return cls(**{**{name: getattr(settings, name) for name in shared}, **changes})


@dataclass(frozen=True)
class Means:
    """Predicted class means, and what surrounds them.

    `features` (N, D) and `labels` (N,) are the training set, `means` (C, D) of all classes,
    `pool` the residuals of the training set, `lenders` (C, k) the ids of the classes whose
    residuals a class borrows, `root` (D, D) that of their covariance.
    """

    settings: MeansSettings
    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    means: Float[Tensor, "C D"]
    pool: ReferentPool
    lenders: Int64[Tensor, "C k"]
    root: Float[Tensor, "D D"] | None
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)  # nothing is trained

    def synthesise(self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis") -> Pair:
        """Draw n residuals about each class's predicted mean.

        Returns:
            (K*n, D) unit-norm features and their (K*n,) class ids.

        Raises:
            ValueError: n below 1.
        """
        at_least_one("The number of synthetic samples a class", n)
        labels = classes.to(self.labels.device).repeat_interleave(n)
        with seeded(self.seed, f"means/{stream}"):
            features = self.means[labels] + self._spread(labels)
        return F.normalize(features, dim=1), labels

    def _spread(self, labels: Int64[Tensor, " M"]) -> Float[Tensor, "M D"] | float:
        if self.settings.spread == "none":
            return 0.0
        if self.root is not None:
            shape = len(labels), len(self.root)
            return torch.randn(shape, device=labels.device) @ self.root
        lenders = self.lenders[labels]
        which = torch.randint(lenders.shape[1], (len(labels), 1), device=labels.device)
        return self.pool.draw(lenders.gather(1, which), torch.ones(1, device=labels.device))


def fit_means(
    benchmark: Benchmark,
    settings: MeansSettings,
    kernel: Kernel,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Means:
    """Predict the means of all classes from those of the seen ones, by one linear system.

    Args:
        benchmark: its `train_idx` rows are read and no other image.
        settings: see `MeansSettings`.
        kernel: width and penalty.
        seed: of what is drawn later.
        device: where to draw, and where the classifier is trained.

    Raises:
        ValueError: more referents than seen classes, or directions than classes.
    """
    features, labels, refined = training_set(benchmark, settings)
    own = residuals(features, labels)
    return Means(
        settings=settings,
        features=features.to(device),
        labels=labels.to(device),
        means=predicted_means(features, labels, refined, *kernel).to(device),
        pool=ReferentPool.of(own.to(device), labels.to(device), benchmark.n_classes),
        lenders=_lenders(refined, labels.unique(), settings).to(device),
        root=covariance_root(own).to(device) if settings.spread == "gaussian" else None,
        seed=seed,
    )


def chosen_kernel(inner: Benchmark, settings: NearestMeanSettings) -> Kernel:
    """Return the width and penalty that predict the means of unseen classes best.

    By the mean squared distance of predicted to real means: of the validation classes, if `inner`
    is a validation split. No classifier is trained for it.
    """
    features, labels, refined = training_set(inner, settings)
    rows = inner.test_unseen_idx
    known = refined[labels.unique()], class_means(features, labels)
    real = class_means(F.normalize(inner.features[rows], dim=1), inner.labels[rows])

    def off(kernel: Kernel) -> float:
        told = kernel_ridge(*known, refined[inner.unseen], *kernel)
        return float((told - real).square().sum(1).mean())

    return min(((w, p) for w in settings.widths for p in settings.penalties), key=off)


def means_scores(
    benchmark: Benchmark, settings: MeansSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Predict means; choose as for a trained generator, with the same candidates.

    Scores are those of `synthetic_scores`. The kernel is chosen on the validation classes by the
    means alone, for peeked as well.
    """
    inner = validation_split(benchmark, seed)
    kernel = chosen_kernel(inner, settings)
    trial, model = (fit_means(b, settings, kernel, seed, device) for b in (inner, benchmark))
    scores = synthetic_scores(trial, inner, model, benchmark)
    named = dict(zip(("width", "penalty"), kernel, strict=True))
    chosen = {protocol: {**pick, **named} for protocol, pick in scores["chosen"].items()}
    return {**scores, "chosen": chosen, "history": model.history}


def training_set(
    benchmark: Benchmark, settings: NearestMeanSettings
) -> tuple[Float[Tensor, "N D"], Int64[Tensor, " N"], Float[Tensor, "C S"]]:
    """Training features of unit norm, their labels, and refined semantics of unit norm."""
    rows = benchmark.train_idx
    raw = F.normalize(benchmark.semantics, dim=1)
    refined = F.normalize(class_diversity_promotion(raw, settings.n_removed), dim=1)
    return F.normalize(benchmark.features[rows], dim=1), benchmark.labels[rows], refined


def _lenders(
    refined: Float[Tensor, "C S"], seen: Int64[Tensor, " K"], settings: MeansSettings
) -> Int64[Tensor, "C k"]:
    """Whose residuals each class borrows: its referents', or any seen class's."""
    if settings.spread == "any":
        return seen.expand(len(refined), -1)
    return seen[top_k_referents(refined, refined[seen], settings.n_referents)]
