"""Classifiers that end every method: softmax, nearest class semantics."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.device import Replayed, Terms
from zslnb.networks import Adam, Dropout, draw_small_weights, leave_gradient, perceptron
from zslnb.seeds import seeded
from zslnb.settings import Count, Positive, Settings, Share

BATCHES_AT_ONCE = 64
SLOPE = 0.01  # of LeakyReLU
SOFTMAX_BACKWARD = torch.ops.aten._log_softmax_backward_data.default
LEAKY_BACKWARD = torch.ops.aten.leaky_relu_backward.default


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
        self.layers = perceptron(widths, partial(nn.LeakyReLU, SLOPE), settings.dropout)
        self.dropout = Dropout(settings.dropout)
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
        pair, linear = (self.model, self.optimiser), len(self.model.layers) == 1
        self.step = Replayed(_linear_stepper(*pair) if linear else partial(_step, *pair))
        self.epoch = 0

    @torch.no_grad()
    def train_epoch(self, features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> None:
        """Pass once over (N, D) features with (N,) class ids.

        Raises:
            ValueError: no features, or a class that the classifier does not choose among.
        """
        if not len(features):
            raise ValueError("There are no features to train a classifier on.")
        order = self.classes.argsort()
        places = torch.searchsorted(self.classes, labels, sorter=order)
        targets = order[places.clamp(max=len(order) - 1)]
        strange = labels[self.classes[targets] != labels]
        if len(strange):
            raise ValueError(f"Class {int(strange[0])} is not one the classifier chooses among.")
        self.model.train()
        with seeded(self.seed, f"classifier/epoch{self.epoch}"):
            draw = torch.randperm if self.settings.shuffle else torch.arange
            order, size = draw(len(labels), device=features.device), self.settings.batch_size
            # gathered for many steps at once, which then read rows that lie together
            for rows in order.split(size * BATCHES_AT_ONCE):
                scaled = self.model.scale * features.index_select(0, rows)
                parts = (part.split(size) for part in (scaled, targets.index_select(0, rows)))
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
    scaled: Float[Tensor, "B D"],
    targets: Int64[Tensor, " B"],
) -> Terms:
    """Train once by cross-entropy, as autograd does, in half of the time for layers this small.

    Going back, each layer turns the gradient of what it gave into that of what it got.
    """
    layers = [layer for layer in model.layers if isinstance(layer, nn.Linear)]
    got, between = [scaled], []
    for layer in layers[:-1]:
        h = F.linear(got[-1], layer.weight, layer.bias)
        mask = model.dropout(torch.ones_like(h))
        got.append(F.leaky_relu(h, SLOPE) * mask)
        between.append((h, mask))
    log_p = F.linear(got[-1], layers[-1].weight, layers[-1].bias).log_softmax(1)
    back = torch.zeros_like(log_p).scatter_(1, targets[:, None], -1 / len(targets))
    back = SOFTMAX_BACKWARD(back, log_p, 1, log_p.dtype)
    while layers:
        layer = layers.pop()
        leave_gradient(layer, got.pop(), back)
        if between:
            h, mask = between.pop()
            back = LEAKY_BACKWARD((back @ layer.weight) * mask, h, SLOPE, False)
    optimiser.step()
    return {}  # nobody reads its loss


def _linear_stepper(model: SoftmaxClassifier, optimiser: Adam) -> Callable[[Tensor, Tensor], Terms]:
    """Do as `_step`, for a linear layer: the shortest form of what most runs consist of.

    The gradient of cross-entropy at the logits is (p - one-hot) / B. All gradients are written
    where they have a place from the start, so nobody may clear them.
    """
    (layer,) = model.layers
    weight, bias = layer.weight.detach(), layer.bias.detach()
    layer.weight.grad, layer.bias.grad = torch.zeros_like(weight), torch.zeros_like(bias)
    of_weight, of_bias, minus = layer.weight.grad, layer.bias.grad, weight.new_full((1, 1), -1.0)

    def step(scaled: Float[Tensor, "B D"], targets: Int64[Tensor, " B"]) -> Terms:
        n = len(targets)
        p = torch.addmm(bias, scaled, weight.T).softmax(1)
        p.scatter_add_(1, targets[:, None], minus.expand(n, 1))
        torch.addmm(weight, p.T, scaled, beta=0, alpha=1 / n, out=of_weight)
        torch.sum(p, 0, out=of_bias).div_(n)
        optimiser.step()
        return {}  # nobody reads its loss

    return step


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
