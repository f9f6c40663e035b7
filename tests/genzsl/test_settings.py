"""`zslnb.genzsl.settings`: published values, what profiles reduce, and what is refused."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from toys import QUICK

from zslnb.genzsl import (
    GenZSLSettings,
    profile_settings,
    published_settings,
    reductions,
    released_training,
)
from zslnb.settings import differences

MEANINGLESS = [
    ("select_on", "refind"),
    ("referent", "inducted"),
    ("boosting_mode", "batches"),
    ("mixing", "mixup"),
    ("prior", "learned"),
    ("decoded", "referent"),
    ("synthesis", "tile"),
    ("conventional", "per picture"),
    ("n_referents", 0),
    ("hidden_dim", 0),
    ("latent_dim", -1),
    ("batch_size", 0),
    ("passes", 0),
    ("rounds", 0),
    ("rounds", 1.5),
    ("n_synthetic", 0),
    ("n_synthetic_choices", ()),
    ("n_removed", -1),
    ("kl_weight", -1.0),
    ("reconstruction_weight", -0.1),
    ("boosting_weight", math.nan),
    ("temperature", 0.0),
    ("lr", 0.0),
    ("lr", math.nan),
]


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_settings_without_meaning_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        GenZSLSettings(**{name: value})
    with pytest.raises(ValueError, match=name):
        replace(GenZSLSettings(), **{name: value})


def test_one_choice_below_one_is_refused():
    with pytest.raises(ValueError, match="n_synthetic_choices must be at least 1, not 0"):
        GenZSLSettings(n_synthetic_choices=(100, 0))


@pytest.mark.parametrize("weights", [(1.0,), (0.8, 0.1), (1.2, -0.2)])
def test_weights_must_fit_the_referents(weights):
    with pytest.raises(ValueError, match="weights"):
        GenZSLSettings(n_referents=2, weights=weights)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        GenZSLSettings().lr = 1.0


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
    assert (s.classifier.hidden, s.classifier.epochs, s.classifier.lr) == ((256, 256), 20, 1e-3)


@pytest.mark.parametrize("benchmark", ["cub", "sun"])
def test_full_reduces_nothing_and_others_keep_what_a_benchmark_has_of_its_own(benchmark):
    published = published_settings(benchmark)
    assert profile_settings(benchmark, "full") == published
    assert reductions(published, benchmark) == {}
    assert profile_settings(benchmark, "smoke").boosting_weight == published.boosting_weight


@pytest.mark.parametrize("profile", ["smoke", "medium"])
def test_every_reduction_is_listed_with_both_values(profile):
    before, after = published_settings("cub"), profile_settings("cub", profile)
    listed = reductions(after, "cub")
    assert listed["classifier hidden"] == ((256, 256), ())
    for name in ("hidden_dim", "rounds", "n_synthetic", "latent_dim"):
        assert listed[name] == (getattr(before, name), getattr(after, name))
    unchanged = {"lr", "kl_weight", "boosting_weight", "temperature", "n_referents"}
    assert not unchanged & set(listed)


def test_the_released_training_flips_what_it_says_and_nothing_else():
    assert differences(QUICK, released_training(QUICK)) == {
        "passes": (2, 3),
        "shuffle": (True, False),
        "synthesis": ("drawn", "tiled"),
        "conventional": ("per class", "per image"),
        "classifier hidden": ((), (256, 256)),
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


def test_an_unknown_profile_lists_the_known():
    with pytest.raises(ValueError, match="one of smoke, medium, full, not 'tiny'"):
        profile_settings("cub", "tiny")
