"""`zslnb.settings`: what means nothing is refused by name, and differences are told in full."""

import math
import re
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from zslnb.settings import (
    Count,
    Counts,
    Finite,
    NotNegative,
    Positive,
    Settings,
    Share,
    at_least_one,
    differences,
    one_of,
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


def test_one_of_takes_what_is_allowed_and_lists_it():
    one_of("kind", "gan", ("gan", "cvae"))
    with pytest.raises(ValueError, match=r"^kind must be one of gan, cvae, not 'gna'\.$"):
        one_of("kind", "gna", ("gan", "cvae"))


def test_at_least_one_starts_at_one():
    at_least_one("rounds", 1)
    for value in (0, -2):
        with pytest.raises(ValueError, match=rf"^rounds must be at least 1, not {value}\.$"):
            at_least_one("rounds", value)


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


def test_equal_settings_differ_in_nothing():
    assert differences(Outer(), Outer()) == {}


def test_differences_are_told_with_both_values_inner_ones_under_the_outer_name():
    """Two inner settings of one name must not hide each other."""
    here = replace(Outer(), weights=(0.5, 0.5), classifier=Inner(()), second=Inner(epochs=2))
    assert differences(Outer(), here) == {
        "weights": (None, (0.5, 0.5)),
        "classifier hidden": ((256, 256), ()),
        "second epochs": (20, 2),
    }
    assert differences(here, Outer())["second epochs"] == (2, 20)
