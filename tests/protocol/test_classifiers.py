"""`zslnb.protocol.classifiers`: softmax training and nearest semantics."""

import pytest
import torch
from toys import bare, toy

from zslnb.protocol import (
    ClassifierSettings,
    ClassifierTrainer,
    SoftmaxClassifier,
    nearest_semantics,
    train_classifier,
)

FAST = ClassifierSettings(lr=0.05, batch_size=16, epochs=10)


def samples():
    b = toy()
    return b.features[b.train_idx], b.labels[b.train_idx]


@pytest.mark.parametrize("settings", [FAST, ClassifierSettings((32,), 0.1, lr=0.01, epochs=30)])
def test_separable_classes_are_learnt(settings):
    features, labels = samples()
    trainer = train_classifier(features, labels, settings, seed=0)
    assert trainer.epoch == settings.epochs
    predictions = trainer.classes[trainer.scores(features).argmax(1)]
    assert (predictions == labels).float().mean() > 0.95


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
    trainer.step = lambda x, targets: seen.extend(x[:, 0].int().tolist())
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


def test_layers_are_the_released_ones():
    model = SoftmaxClassifier(512, 200, ClassifierSettings(hidden=(256, 256), scale=1.0))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Linear", "LeakyReLU", "Dropout", "Linear", "LeakyReLU", "Dropout", "Linear"]
    assert [layer.out_features for layer in model.layers[::3]] == [256, 256, 200]


def test_nearest_semantics_is_the_cosine():
    features, semantics = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[2.0, 0.0], [1, 1]])
    half = 0.5**0.5
    expected = torch.tensor([[0.6, 1.4 * half], [0.0, half]])
    torch.testing.assert_close(nearest_semantics(features, semantics), expected)


def test_nearest_semantics_needs_one_space():
    with pytest.raises(ValueError, match="Features are 4-d and semantics 3-d"):
        bare(nearest_semantics)(torch.ones(2, 4), torch.ones(5, 3))
