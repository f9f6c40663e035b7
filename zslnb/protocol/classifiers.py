"""Classifiers that end every method: softmax, nearest class semantics."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.device import Replayed, Terms
from zslnb.networks import Adam, draw_small_weights, perceptron
from zslnb.seeds import seeded
from zslnb.settings import Count, Positive, Settings, Share

BATCHES_AT_ONCE = 64


@dataclass(frozen=True)
class ClassifierSettings(Settings):
    """The final softmax classifier of GenZSL.

    The released code has two hidden layers, each half as wide as the features (512 -> 256 -> 256
    -> C), with LeakyReLU(0.01) and dropout 0.5, from small weights, in batches of 64:
    `hidden_shares=(0.5, 0.5), small_start=True`. One linear layer on scaled features is the
    default here: it needs no tuning, and the notebooks measure what the choice is worth.

    Raises:
        ValueError: a setting that means nothing, by name, or hidden layers given both ways.
    """

    hidden: tuple[Count, ...] = ()  # widths of hidden layers
    hidden_shares: tuple[Positive, ...] = ()  # the same as shares of the features' width
    small_start: bool = False  # weights from N(0, 0.02) and zero biases, not torch's default
    dropout: Share = 0.5
    scale: Positive = (
        10.0  # unit-norm features are small numbers; this is their softmax temperature
    )
    lr: Positive = 1e-3
    batch_size: Count = 256
    epochs: Count = 20
    shuffle: bool = True

    def __post_init__(self) -> None:
        """Refuse hidden layers that are given twice, too."""
        super().__post_init__()
        if self.hidden and self.hidden_shares:
            raise ValueError(
                f"hidden {self.hidden} and hidden_shares {self.hidden_shares} both say how wide "
                "the hidden layers are: give one of them."
            )

    def widths(self, feature_dim: int) -> tuple[int, ...]:
        """Return the widths of the hidden layers, shares rounded down but never to nothing."""
        shares = tuple(max(1, int(share * feature_dim)) for share in self.hidden_shares)
        return self.hidden or shares


class SoftmaxClassifier(nn.Module):
    """Class scores of features: linear, or an MLP as in the released code."""

    def __init__(self, feature_dim: int, n_classes: int, settings: ClassifierSettings) -> None:
        super().__init__()
        widths = [feature_dim, *settings.widths(feature_dim), n_classes]
        self.layers = perceptron(widths, partial(nn.LeakyReLU, 0.01), settings.dropout)
        if settings.small_start:
            draw_small_weights(self)
        self.scale = settings.scale

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Return class scores (logits)."""
        return self.layers(self.scale * features)


class ClassifierTrainer:
    """Trains a softmax classifier epoch by epoch, so that it can outlive one set of features.

    Args:
        feature_dim: D.
        classes: ids the classifier chooses among; its outputs follow this order.
        settings: widths, learning rate and batches.
        seed: its own stream; training it never shifts another stream.
        device: where it lives.
    """

    def __init__(
        self,
        feature_dim: int,
        classes: Int64[Tensor, " K"],
        settings: ClassifierSettings,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.classes, self.settings, self.seed = classes.to(device), settings, seed
        with seeded(seed, "classifier/weights"):
            self.model = SoftmaxClassifier(feature_dim, len(classes), settings).to(device)
        self.optimiser = Adam(self.model.parameters(), settings.lr)
        step = _step if len(self.model.layers) > 1 else _linear_step
        self.step = Replayed(partial(step, self.model, self.optimiser))
        self.epoch = 0

    def train_epoch(self, features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> None:
        """Pass once over (N, D) features with (N,) class ids; ValueError for a class unknown."""
        strange = labels[~torch.isin(labels, self.classes)]
        if len(strange):
            raise ValueError(f"Class {int(strange[0])} is not one the classifier chooses among.")
        order = self.classes.argsort()
        targets = order[torch.searchsorted(self.classes, labels, sorter=order)]
        self.model.train()
        with seeded(self.seed, f"classifier/epoch{self.epoch}"):
            draw = torch.randperm if self.settings.shuffle else torch.arange
            order, size = draw(len(labels), device=features.device), self.settings.batch_size
            # gathered for many steps at once, which then read rows that lie together
            for rows in order.split(size * BATCHES_AT_ONCE):
                parts = (part.index_select(0, rows).split(size) for part in (features, targets))
                for batch in zip(*parts, strict=True):
                    self.step(*batch)
        self.epoch += 1

    @torch.no_grad()
    def scores(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Score (N, D) features; columns follow `classes`."""
        self.model.eval()
        return self.model(features)


def _step(
    model: SoftmaxClassifier,
    optimiser: Adam,
    features: Float[Tensor, "B D"],
    targets: Int64[Tensor, " B"],
) -> Terms:
    loss = F.cross_entropy(model(features), targets)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return {"cross-entropy": loss}


@torch.no_grad()
def _linear_step(
    model: SoftmaxClassifier,
    optimiser: Adam,
    features: Float[Tensor, "B D"],
    targets: Int64[Tensor, " B"],
) -> Terms:
    """Do as `_step`, for a linear layer, without autograd, which takes half of its time there.

    The gradient of cross-entropy at the logits is (p - one-hot) / B.
    """
    (layer,) = model.layers
    n = len(targets)
    p = torch.addmm(layer.bias, features, layer.weight.T, alpha=model.scale).softmax(1)
    p.scatter_add_(1, targets[:, None], torch.full_like(p[:, :1], -1.0))
    p /= n
    layer.weight.grad, layer.bias.grad = model.scale * (p.T @ features), p.sum(0)
    optimiser.step()
    return {}  # nobody reads its loss


def train_classifier(
    features: Float[Tensor, "N D"],
    labels: Int64[Tensor, " N"],
    settings: ClassifierSettings,
    seed: int,
    on_epoch: Callable[[ClassifierTrainer], None] | None = None,
) -> ClassifierTrainer:
    """Train a fresh softmax classifier on the classes present in `labels`.

    Args:
        features: (N, D), on the device to train on.
        labels: (N,) class ids.
        settings: see `ClassifierSettings`.
        seed: of the run.
        on_epoch: called with the trainer after each epoch.
    """
    classes = labels.unique()
    trainer = ClassifierTrainer(features.shape[1], classes, settings, seed, features.device)
    for _ in range(settings.epochs):
        trainer.train_epoch(features, labels)
        if on_epoch:
            on_epoch(trainer)
    return trainer


def nearest_semantics(
    features: Float[Tensor, "N D"], semantics: Float[Tensor, "C D"]
) -> Float[Tensor, "N C"]:
    """Cosine of each image feature with each class's semantics: plain CLIP, no training at all.

    Raises:
        ValueError: features and semantics do not share a space.
    """
    if features.shape[1] != semantics.shape[1]:
        raise ValueError(
            f"Features are {features.shape[1]}-d and semantics {semantics.shape[1]}-d: "
            "a cosine needs one shared space, such as CLIP's."
        )
    return F.normalize(features, dim=1) @ F.normalize(semantics, dim=1).T
