"""`zslnb.revcd.settings`: what is refused, and what profiles reduce."""

import math
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from zslnb.revcd import KINDS, RevCDSettings, profile_settings, reductions

COUNTS = (
    "steps", "tokens", "token_dim", "heads", "latent_dim", "critic_steps", "batch_size", "epochs",
    "sampling_steps", "n_samples",
)  # fmt: skip
POSITIVE = "lr", "temperature", "weight_cap", "penalty_weight"
NOT_NEGATIVE = "reconstruction_weight", "noise_weight", "classification_weight", "kl_weight"
CHOICES = "kind", "schedule", "predicts", "weighting", "conditioning", "sampler"
SHORTER = {"token_dim", "epochs", "epoch_choices", "sampling_steps"}
MEANINGLESS = [
    *[(name, value) for name in COUNTS for value in (0, -1)],
    *[(name, value) for name in POSITIVE for value in (0.0, -1.0, math.nan)],
    *[(name, value) for name in NOT_NEGATIVE for value in (-0.01, math.nan)],
    *[(name, value) for name in ("masked", "dropout") for value in (1.0, -0.1, math.nan)],
    *[(name, "unheard of") for name in CHOICES],
    *[(name, ()) for name in ("widths", "guidance_choices", "epoch_choices")],
    ("sampling_steps", 501),
    ("widths", (7,)),
    ("widths", (16, 0)),
    ("batch_size", 1),
    ("guidance", math.nan),
    ("guidance_choices", (1.0, math.nan)),
    ("epoch_choices", (5, 0)),
]


def refused(name: str, **values: object) -> None:
    with pytest.raises(ValueError, match=name):
        RevCDSettings(**values)
    with pytest.raises(ValueError, match=name):
        replace(RevCDSettings(), **values)


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_settings_without_meaning_are_refused_by_name(name, value):
    """At once: not after a whole training, when the first estimate is asked for."""
    refused(name, **{name: value})


def test_one_step_leaves_nothing_for_the_weights_of_the_elbo():
    """They start at the second."""
    refused("steps", steps=1, sampling_steps=1, weighting="variational")


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


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        RevCDSettings().lr = 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_full_reduces_nothing(kind):
    full = profile_settings("full", kind)
    assert full == RevCDSettings(kind=kind)
    assert reductions(full) == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("profile", "reduced"),
    [("smoke", {*SHORTER, "widths"}), ("medium", {*SHORTER, "guidance_choices"})],
)
def test_every_reduction_is_listed_with_both_values(kind, profile, reduced):
    before, after = RevCDSettings(kind=kind), profile_settings(profile, kind)
    listed = reductions(after)
    assert set(listed) == reduced
    for name in (f.name for f in fields(before)):
        values = getattr(before, name), getattr(after, name)
        assert listed.get(name, (values[0],) * 2) == values
        if name in reduced:
            most, here = (max(v) if isinstance(v, tuple) else v for v in values)
            assert here < most


def test_an_unknown_kind_or_profile_lists_the_known():
    with pytest.raises(ValueError, match="kind must be one of revcd, cvae, gan, not 'vae'"):
        profile_settings("smoke", "vae")
    with pytest.raises(ValueError, match="one of smoke, medium, full, not 'tiny'"):
        profile_settings("tiny")
