"""`zslnb.revcd.settings`: what is refused, and what profiles reduce."""

import pytest

from zslnb.revcd import RevCDSettings, profile_settings


def test_one_step_leaves_nothing_for_the_weights_of_the_elbo():
    """They start at the second."""
    with pytest.raises(ValueError, match="steps"):
        RevCDSettings(steps=1, sampling_steps=1, weighting="variational")


@pytest.mark.parametrize(
    "extremes",
    [
        {"steps": 1, "sampling_steps": 1},
        {"masked": 0.0, "dropout": 0.0},
        {"reconstruction_weight": 0.0, "noise_weight": 0.0, "kl_weight": 0.0},
        {"classification_weight": 0.0, "guidance": 0.0},
    ],
)
def test_the_least_of_each_is_allowed(extremes):
    assert RevCDSettings(**extremes) != RevCDSettings()


def test_an_unknown_kind_or_profile_lists_the_known():
    with pytest.raises(ValueError, match="kind must be one of revcd, cvae, gan, not 'vae'"):
        profile_settings("smoke", "vae")
    with pytest.raises(ValueError, match="one of smoke, medium, full, not 'tiny'"):
        profile_settings("tiny")
