"""`zslnb.imagination.settings`: the released values, what profiles reduce, what is refused."""

import pytest

from zslnb.imagination import (
    KINDS,
    profile_settings,
    published_settings,
)
from zslnb.settings import differences


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
    settings = [profile_settings("sun", profile, kind) for kind in KINDS]
    assert [s.kind for s in settings] == list(KINDS)
    for name in shared:
        assert len({getattr(s, name) for s in settings}) == 1, name


def test_an_unknown_kind_lists_the_known():
    message = "kind must be one of fvaegan, gan, cvae, not 'wgan'"
    with pytest.raises(ValueError, match=message):
        published_settings("cub", "wgan")
    with pytest.raises(ValueError, match=message):
        profile_settings("cub", "smoke", "wgan")
