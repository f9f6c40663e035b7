"""`zslnb.protocol.classifiers`: softmax training and nearest semantics."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toys import bare, toy

from zslnb.genzsl.settings import RELEASED_CLASSIFIER
from zslnb.protocol import (
    ClassifierSettings,
    ClassifierTrainer,
    SoftmaxClassifier,
    nearest_semantics,
    train_classifier,
)
from zslnb.seeds import seeded

FAST = ClassifierSettings(lr=0.05, batch_size=16, epochs=10)


def samples():
    b = toy()
    return b.features[b.train_idx], b.labels[b.train_idx]


@pytest.mark.parametrize(
    "settings", [FAST, ClassifierSettings(hidden=(32,), dropout=0.1, lr=0.01, epochs=30)]
)
def test_separable_classes_are_learnt(settings):
    features, labels = samples()
    trainer = train_classifier(features, labels, settings, seed=0)
    assert trainer.epoch == settings.epochs
    predictions = trainer.classes[trainer.scores(features).argmax(1)]
    assert (predictions == labels).float().mean() > 0.95


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_nothing_to_train_on_is_refused(hidden):
    settings = ClassifierSettings(hidden=hidden)
    trainer = ClassifierTrainer(3, torch.arange(2), settings, seed=0)
    with pytest.raises(ValueError, match="no features"):
        trainer.train_epoch(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))


def test_same_seed_same_scores_and_another_seed_others():
    features, labels = samples()
    one, same, other = (
        train_classifier(features, labels, FAST, seed).scores(features) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_each_epoch_is_shown_and_may_draw_random_numbers():
    features, labels = samples()
    epochs = []

    def watch(trainer: ClassifierTrainer) -> None:
        epochs.append(trainer.epoch)
        torch.rand(3)

    watched = train_classifier(features, labels, FAST, 0, watch).scores(features)
    assert epochs == list(range(1, 11))
    assert torch.equal(watched, train_classifier(features, labels, FAST, 0).scores(features))


def orders_of(settings: ClassifierSettings, epochs: int) -> list[list[int]]:
    """The rows of each epoch in the order in which they were trained on."""
    trainer = ClassifierTrainer(1, torch.arange(1), settings, seed=0)
    features, seen = torch.arange(42.0)[:, None], []
    trainer.step = lambda x, targets: seen.extend((x[:, 0] / settings.scale).round().int().tolist())
    for _ in range(epochs):
        trainer.train_epoch(features, torch.zeros(42, dtype=torch.int64))
    return [seen[i : i + 42] for i in range(0, len(seen), 42)]


def test_every_epoch_takes_each_sample_once_in_another_order():
    orders = orders_of(FAST, epochs=3)
    assert all(sorted(order) == [*range(42)] for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_outputs_follow_the_classes_whatever_their_order():
    features, labels = samples()
    classes = torch.tensor([4, 0, 5, 2, 1, 3])
    trainer = ClassifierTrainer(8, classes, FAST, seed=0)
    for _ in range(10):
        trainer.train_epoch(features, labels)
    assert (classes[trainer.scores(features).argmax(1)] == labels).float().mean() > 0.95


def test_a_class_it_does_not_choose_among_is_refused():
    features, labels = samples()
    trainer = ClassifierTrainer(8, torch.tensor([0, 1, 2, 4, 5, 9]), FAST, seed=0)
    with pytest.raises(ValueError, match="Class 3 is not one"):
        trainer.train_epoch(features, labels)


def test_without_shuffling_samples_come_in_order():
    assert orders_of(ClassifierSettings(batch_size=16, shuffle=False), 2) == [[*range(42)]] * 2


RELEASED = replace(RELEASED_CLASSIFIER, shuffle=False)  # class by class


def test_layers_are_the_released_ones():
    model = SoftmaxClassifier(512, 200, RELEASED)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Linear", "LeakyReLU", "Dropout", "Linear", "LeakyReLU", "Dropout", "Linear"]
    assert [layer.out_features for layer in model.layers[::3]] == [256, 256, 200]
    assert [layer.p for layer in model.layers[2::3]] == [0.5, 0.5]
    assert [layer.negative_slope for layer in model.layers[1::3]] == [0.01, 0.01]
    for layer in model.layers[::3]:
        assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.03)
        assert not layer.bias.any()


class Released:
    """The released classifier and its loop, written out; dropout draws uniform numbers as ours."""

    def __init__(self, width: int, n_classes: int) -> None:
        half = int(width / 2)
        layers = [nn.Linear(*dims) for dims in ((width, half), (half, half), (half, n_classes))]
        for layer in layers:
            layer.weight.data.normal_(0.0, 0.02)
            layer.bias.data.fill_(0)
        self.layers, weights = layers, [p for layer in layers for p in layer.parameters()]
        self.adam = torch.optim.Adam(weights, lr=1e-3, betas=(0.5, 0.999))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.01)
            x = x * (torch.rand(x.shape) >= 0.5) / 0.5
        return self.layers[-1](x)

    def epoch(self, features: torch.Tensor, labels: torch.Tensor) -> None:
        for x, y in zip(features.split(64), labels.split(64), strict=True):
            loss = nn.CrossEntropyLoss()(self.logits(x), y)
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()


def test_the_released_classifier_takes_the_released_steps():
    """The same weights at first, and after each of two epochs."""
    torch.manual_seed(0)
    features, labels = F.normalize(torch.randn(300, 18), dim=1), torch.arange(300) // 50
    trainer = ClassifierTrainer(18, torch.arange(6), RELEASED, seed=3)
    with seeded(3, "classifier/weights"):
        released = Released(18, 6)
    for epoch in range(3):
        for ours, theirs in zip(trainer.model.layers[::3], released.layers, strict=True):
            torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=1e-6)
            torch.testing.assert_close(ours.bias, theirs.bias, rtol=0, atol=1e-6)
        trainer.train_epoch(features, labels)
        with seeded(3, f"classifier/epoch{epoch}"):
            released.epoch(features, labels)


@pytest.mark.parametrize(
    "how", [{}, {"hidden": (5,), "dropout": 0.0}, {"hidden": (7, 5), "dropout": 0.3}]
)
def test_steps_are_autograd_s(how):
    """Three epochs of batches of 16 and a last one of 10, at a scale, written out."""
    features, labels = samples()
    settings = replace(FAST, scale=7.0, shuffle=False, **how)
    trainer = ClassifierTrainer(8, torch.arange(6), settings, seed=5)
    with seeded(5, "classifier/weights"):
        plain = SoftmaxClassifier(8, 6, settings)
    adam = torch.optim.Adam(plain.parameters(), lr=0.05, betas=(0.5, 0.999))
    for epoch in range(3):
        trainer.train_epoch(features, labels)
        with seeded(5, f"classifier/epoch{epoch}"):
            for x, y in zip(features.split(16), labels.split(16), strict=True):
                adam.zero_grad()
                F.cross_entropy(plain(x), y).backward()
                adam.step()
    torch.testing.assert_close([*trainer.model.parameters()], [*plain.parameters()])


@pytest.mark.parametrize("small", [True, False])
def test_the_start_is_small_only_where_asked_for(small):
    layer = SoftmaxClassifier(9, 4, ClassifierSettings(small_start=small)).layers[0]
    assert bool(layer.bias.any()) is not small


@pytest.mark.parametrize(("width", "widths"), [(128, (64, 12)), (7, (3, 1)), (3, (1, 1))])
def test_shares_of_the_width_are_rounded_down(width, widths):
    settings = ClassifierSettings(hidden_shares=(0.5, 0.1))
    assert settings.widths(width) == widths
    sizes = [layer.out_features for layer in SoftmaxClassifier(width, 5, settings).layers[::3]]
    assert sizes == [*widths, 5]


def test_hidden_layers_are_given_in_one_way():
    with pytest.raises(ValueError, match="give one of them"):
        ClassifierSettings(hidden=(8,), hidden_shares=(0.5,))
    with pytest.raises(ValueError, match="hidden_shares must be positive"):
        ClassifierSettings(hidden_shares=(0.5, -0.5))


def test_nearest_semantics_is_the_cosine():
    features, semantics = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[2.0, 0.0], [1, 1]])
    half = 0.5**0.5
    expected = torch.tensor([[0.6, 1.4 * half], [0.0, half]])
    torch.testing.assert_close(nearest_semantics(features, semantics), expected)


def test_nearest_semantics_needs_one_space():
    with pytest.raises(ValueError, match="Features are 4-d and semantics 3-d"):
        bare(nearest_semantics)(torch.ones(2, 4), torch.ones(5, 3))
