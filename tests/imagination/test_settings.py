"""`zslnb.imagination.settings`: the released values, what profiles reduce, what is refused."""

import math
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from zslnb.imagination import (
    KINDS,
    ImaginationSettings,
    profile_settings,
    published_settings,
    reductions,
)
from zslnb.settings import differences

MEANINGLESS = [
    ("kind", "f-vaegan"),
    ("conventional", "per picture"),
    ("hidden_dim", 0),
    ("latent_dim", 0),
    ("critic_steps", 0),
    ("batch_size", 0),
    ("passes", 0),
    ("rounds", -1),
    ("n_synthetic", 0),
    ("n_synthetic_choices", ()),
    ("lr", 0.0),
    ("lr", math.nan),
    ("adversarial_weight", 0.0),
    ("penalty_weight", -1.0),
    ("classification_weight", -0.01),
    ("classification_weight", math.nan),
]


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_settings_without_meaning_are_refused_by_name(name, value):
    """At once: not after a whole training, when the first score is asked for."""
    with pytest.raises(ValueError, match=name):
        ImaginationSettings(**{name: value})
    with pytest.raises(ValueError, match=name):
        replace(ImaginationSettings(), **{name: value})


def test_one_choice_below_one_is_refused():
    with pytest.raises(ValueError, match="n_synthetic_choices must be at least 1, not 0"):
        ImaginationSettings(n_synthetic_choices=(100, 0))


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        ImaginationSettings().lr = 1.0


@pytest.mark.parametrize(
    ("benchmark", "rounds", "lr", "gamma", "n", "classifier_lr"),
    [
        ("cub", 300, 1e-4, 10, 300, 1e-3),
        ("sun", 400, 1e-3, 1, 400, 5e-4),
        ("awa2", 120, 1e-5, 10, 1800, 1e-3),
        ("aviary", 300, 1e-4, 10, 300, 1e-3),
    ],
)
def test_published_settings_are_the_released_scripts(
    benchmark, rounds, lr, gamma, n, classifier_lr
):
    s = published_settings(benchmark)
    assert (s.kind, s.rounds, s.lr, s.adversarial_weight) == ("fvaegan", rounds, lr, gamma)
    assert (s.n_synthetic, s.classifier.lr, s.classifier.epochs) == (n, classifier_lr, 25)
    assert (s.batch_size, s.passes, s.critic_steps, s.hidden_dim) == (64, 2, 5, 4096)
    assert (s.penalty_weight, s.adaptive_penalty, s.encoded_noise) == (10, True, True)
    assert (s.keep_classifier, s.conventional, s.latent_dim) == (False, "per class", None)


OWN = {"fvaegan": {}, "gan": {"adaptive_penalty": (True, False)}, "cvae": {}}


@pytest.mark.parametrize(("kind", "own"), OWN.items())
def test_published_kinds_differ_in_what_is_known_of_them_alone(kind, own):
    """f-CLSWGAN's paper keeps the penalty's weight fixed."""
    both = published_settings("sun"), published_settings("sun", kind)
    kinds = {} if kind == "fvaegan" else {"kind": ("fvaegan", kind)}
    assert differences(*both) == {**kinds, **own}


@pytest.mark.parametrize("profile", ["smoke", "medium", "full"])
def test_kinds_share_networks_and_classifier_in_every_profile(profile):
    """So that what differs is the idea; how long each trains may differ."""
    shared = ("hidden_dim", "latent_dim", "n_synthetic", "n_synthetic_choices", "classifier")
    made = [profile_settings("sun", profile, kind) for kind in KINDS]
    assert [s.kind for s in made] == list(KINDS)
    for name in shared:
        assert len({getattr(s, name) for s in made}) == 1, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("benchmark", ["cub", "sun"])
def test_full_reduces_nothing(benchmark, kind):
    full = profile_settings(benchmark, "full", kind)
    assert full == published_settings(benchmark, kind)
    assert reductions(full, benchmark) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("profile", ["smoke", "medium"])
def test_every_reduction_is_listed_with_both_values(profile, kind):
    before, after = published_settings("sun", kind), profile_settings("sun", profile, kind)
    listed = reductions(after, "sun")
    for name in (f.name for f in fields(before) if f.name != "classifier"):
        values = getattr(before, name), getattr(after, name)
        assert listed.get(name, (values[0],) * 2) == values
    assert listed["classifier epochs"] == (25, after.classifier.epochs)
    assert {"hidden_dim", "latent_dim", "rounds"} <= set(listed)
    assert not {"kind", "adversarial_weight", "penalty_weight", "adaptive_penalty"} & set(listed)


def test_an_unknown_kind_lists_the_known():
    message = "kind must be one of fvaegan, gan, cvae, not 'wgan'"
    with pytest.raises(ValueError, match=message):
        published_settings("cub", "wgan")
    with pytest.raises(ValueError, match=message):
        profile_settings("cub", "smoke", "wgan")


def test_an_unknown_profile_lists_the_known():
    with pytest.raises(ValueError, match="one of smoke, medium, full, not 'tiny'"):
        profile_settings("cub", "tiny")
