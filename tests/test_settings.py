"""`zslnb.settings`: what means nothing is refused by name, and differences are told in full."""

import math
import re
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Literal

import pytest

from zslnb import genzsl, imagination, revcd
from zslnb.experiments import ESZSLSettings
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import ClassifierSettings
from zslnb.revcd import RevCDSettings
from zslnb.settings import (
    Count,
    Counts,
    Finite,
    NotNegative,
    Positive,
    Settings,
    Share,
    differences,
)


@dataclass(frozen=True)
class Inner:
    hidden: tuple[int, ...] = (256, 256)
    epochs: int = 20


@dataclass(frozen=True)
class Outer:
    lr: float = 1e-3
    weights: tuple[float, ...] | None = None
    classifier: Inner = field(default_factory=Inner)
    second: Inner = field(default_factory=Inner)


@dataclass(frozen=True)
class Bounded(Settings):
    rounds: Count = 3
    lr: Positive = 1e-3
    kl: NotNegative = 0.0
    dropout: Share = 0.0
    guidance: Finite = 1.0
    kind: Literal["gan", "cvae"] = "gan"
    shuffle: bool = True
    latent: Count | None = None
    weights: tuple[float, ...] | None = None
    choices: Counts = (1, 2)
    inner: Inner = field(default_factory=Inner)


REFUSED = [
    ("rounds", 0, "be at least 1, not 0"),
    ("rounds", 1.5, "be a whole number, not 1.5"),
    ("rounds", "3", "be a whole number, not '3'"),
    ("rounds", True, "be a whole number, not True"),
    ("lr", 0.0, "be positive, not 0.0"),
    ("lr", -1, "be positive, not -1"),
    ("lr", math.nan, "be positive, not nan"),
    ("lr", None, "be a number, not None"),
    ("kl", -1e-9, "not be negative, not -1e-09"),
    ("kl", math.nan, "not be negative, not nan"),
    ("dropout", 1.0, "lie in 0..1, 1 excluded, not 1.0"),
    ("guidance", math.inf, "be finite, not inf"),
    ("kind", "gna", "be one of gan, cvae, not 'gna'"),
    ("shuffle", 1, "be True or False, not 1"),
    ("latent", 0, "be at least 1, not 0"),
    ("weights", [0.5], r"be a tuple, not [0.5]"),
    ("weights", ("half",), "be a number, not 'half'"),
    ("choices", (), "hold at least one value, not ()"),
    ("choices", (2, 0), "be at least 1, not 0"),
    ("inner", {"epochs": 2}, "be Inner, not {'epochs': 2}"),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_a_value_outside_its_hint_is_refused_by_name(name, value, words):
    for make in (Bounded, lambda **values: replace(Bounded(), **values)):
        with pytest.raises(ValueError, match=re.escape(f"{name} must {words}.")):
            make(**{name: value})


@pytest.mark.parametrize(
    "values", [{"lr": 1}, {"latent": 4}, {"weights": (1, 0.5)}, {"kl": 0}, {"choices": (7,)}]
)
def test_a_value_within_its_hint_is_kept(values):
    """A whole number is a number, too."""
    assert all(getattr(Bounded(**values), name) == value for name, value in values.items())


MEANINGLESS = {  # value -> settings that cannot have it
    GenZSLSettings: {
        "unheard of": "select_on referent boosting_mode mixing prior decoded synthesis"
        " conventional",
        0: "n_referents hidden_dim latent_dim batch_size passes rounds n_synthetic temperature lr",
        -1.0: "kl_weight reconstruction_weight boosting_weight",
        -2: "n_removed",
        1.5: "rounds",
        math.nan: "lr boosting_weight",
        (): "n_synthetic_choices",
        (100, 0): "n_synthetic_choices",
    },
    ImaginationSettings: {
        "unheard of": "kind conventional",
        0: "hidden_dim latent_dim critic_steps batch_size passes rounds n_synthetic lr"
        " adversarial_weight",
        -1.0: "penalty_weight classification_weight",
        math.nan: "lr classification_weight",
        (): "n_synthetic_choices",
        (100, 0): "n_synthetic_choices",
    },
    RevCDSettings: {
        "unheard of": "kind schedule predicts weighting conditioning sampler",
        0: "steps tokens token_dim heads latent_dim critic_steps batch_size epochs sampling_steps"
        " n_samples lr temperature weight_cap penalty_weight",
        1: "batch_size masked dropout",
        501: "sampling_steps",
        -1.0: "reconstruction_weight noise_weight classification_weight kl_weight masked dropout",
        math.nan: "lr kl_weight masked dropout guidance temperature",
        (): "widths guidance_choices epoch_choices",
        (16, 0): "widths epoch_choices",
        (7,): "widths",
        (1.0, math.nan): "guidance_choices",
    },
    ClassifierSettings: {
        0: "epochs batch_size lr small_start",
        -1: "scale",
        1: "dropout",
        (9, 0): "hidden hidden_shares",
    },
    ESZSLSettings: {(): "powers"},
}
EACH_MEANINGLESS = [
    (kind, name, value)
    for kind, values in MEANINGLESS.items()
    for value, names in values.items()
    for name in names.split()
]


@pytest.mark.parametrize(("kind", "name", "value"), EACH_MEANINGLESS)
def test_settings_without_meaning_are_refused_by_name(kind, name, value):
    """At once: not after a whole training, when the first score is asked for."""
    for make in (kind, lambda **values: replace(kind(), **values)):
        with pytest.raises(ValueError, match=name):
            make(**{name: value})


@pytest.mark.parametrize("kind", MEANINGLESS)
def test_settings_do_not_change(kind):
    with pytest.raises(FrozenInstanceError):
        kind().lr = 1.0


# settings of a profile, the published ones, what is reduced, and what is reduced in every profile
PROFILES = {
    "genzsl": (
        lambda profile: genzsl.profile_settings("cub", profile),
        genzsl.published_settings("cub"),
        lambda here: genzsl.reductions(here, "cub"),
        {"hidden_dim", "latent_dim", "rounds", "n_synthetic", "classifier hidden_shares"},
    ),
    **{
        kind: (
            lambda profile, kind=kind: imagination.profile_settings("sun", profile, kind),
            imagination.published_settings("sun", kind),
            lambda here: imagination.reductions(here, "sun"),
            {"hidden_dim", "latent_dim", "rounds", "classifier epochs"},
        )
        for kind in imagination.KINDS
    },
    **{
        f"{kind}, x -> z": (
            lambda profile, kind=kind: revcd.profile_settings(profile, kind),
            RevCDSettings(kind=kind),
            revcd.reductions,
            {"token_dim", "epochs", "epoch_choices", "sampling_steps"},
        )
        for kind in revcd.KINDS
    },
}
# what a benchmark or a kind has of its own is the same in every profile
KEPT = {"kind", "kl_weight", "boosting_weight", "temperature", "n_referents", "adversarial_weight"}
KEPT |= {"penalty_weight"}


@pytest.mark.parametrize("name", PROFILES)
def test_every_reduction_is_listed_with_both_values_and_full_has_none(name):
    at, published, reductions, reduced = PROFILES[name]
    assert at("full") == published
    assert reductions(published) == {}
    for profile in ("smoke", "medium"):
        here = at(profile)
        listed = reductions(here)
        assert reduced <= set(listed)
        assert not KEPT & set(listed)
        for field_name in (f.name for f in fields(here) if f.name != "classifier"):
            values = getattr(published, field_name), getattr(here, field_name)
            assert listed.get(field_name, (values[0],) * 2) == values
    with pytest.raises(ValueError, match="one of smoke, medium, full, not 'tiny'"):
        at("tiny")


def test_differences_are_told_with_both_values_inner_ones_under_the_outer_name():
    """Two inner settings of one name must not hide each other."""
    here = replace(Outer(), weights=(0.5, 0.5), classifier=Inner(()), second=Inner(epochs=2))
    assert differences(Outer(), here) == {
        "weights": (None, (0.5, 0.5)),
        "classifier hidden": ((256, 256), ()),
        "second epochs": (20, 2),
    }
    assert differences(here, Outer())["second epochs"] == (2, 20)
    assert differences(here, here) == {}
