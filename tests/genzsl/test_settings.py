"""`zslnb.genzsl.settings`: published values, what profiles reduce, and what is refused."""

from dataclasses import replace

import pytest
from toys import QUICK

from zslnb.genzsl import (
    GenZSLSettings,
    published_settings,
    reductions,
    released_training,
)
from zslnb.settings import differences


@pytest.mark.parametrize("weights", [(1.0,), (0.8, 0.1), (1.2, -0.2)])
def test_weights_must_fit_the_referents(weights):
    with pytest.raises(ValueError, match="weights"):
        GenZSLSettings(n_referents=2, weights=weights)


def test_defaults_are_those_of_the_released_script():
    s = GenZSLSettings()
    assert (s.n_removed, s.n_referents, s.hidden_dim, s.latent_dim) == (1, 2, 2048, 512)
    assert (s.reconstruction_weight, s.kl_weight, s.temperature, s.lr) == (1, 1, 0.07, 1e-3)
    assert (s.batch_size, s.passes, s.rounds) == (64, 3, 150)


@pytest.mark.parametrize(
    ("benchmark", "boosting", "n"),
    [("cub", 0.1, 1600), ("sun", 0.001, 3200), ("awa2", 0.1, 5000), ("aviary", 0.1, 1600)],
)
def test_published_settings_follow_the_benchmark(benchmark, boosting, n):
    s = published_settings(benchmark)
    assert (s.boosting_weight, s.n_synthetic) == (boosting, n)
    classifier = s.classifier
    assert (classifier.widths(512), classifier.small_start) == ((256, 256), True)
    assert (classifier.epochs, classifier.lr, classifier.batch_size) == (20, 1e-3, 64)


def test_the_released_training_flips_what_it_says_and_nothing_else():
    assert differences(QUICK, released_training(QUICK)) == {
        "passes": (2, 3),
        "shuffle": (True, False),
        "synthesis": ("drawn", "tiled"),
        "conventional": ("per class", "per image"),
        "classifier hidden_shares": ((), (0.5, 0.5)),
        "classifier small_start": (False, True),
        "classifier scale": (10.0, 1.0),
        "classifier lr": (0.02, 1e-3),
        "classifier batch_size": (16, 64),
        "classifier shuffle": (True, False),
    }
    fresh = replace(QUICK, keep_classifier=False)
    assert (
        released_training(fresh)
        == released_training(QUICK)
        == released_training(released_training(QUICK))
    )


@pytest.mark.parametrize("benchmark", ["cub", "sun", "awa2"])
def test_the_published_settings_train_as_the_paper_says_not_as_the_code_does(benchmark):
    """Each way in which the scripts differ is there to be switched on, and listed if it is."""
    published = published_settings(benchmark)
    assert set(reductions(released_training(published), benchmark)) == {
        "shuffle",
        "synthesis",
        "conventional",
        "classifier shuffle",
    }
