"""`zslnb.settings`: what means nothing is refused by name, and differences are told in full."""

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from zslnb.settings import at_least_one, differences, not_negative, one_of, positive


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


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_positive_names_the_one_at_fault(value):
    positive(SimpleNamespace(lr=1e-9, scale=1), "lr", "scale")
    with pytest.raises(ValueError, match=rf"^scale must be positive, not {value}\.$"):
        positive(SimpleNamespace(lr=1.0, scale=value), "lr", "scale")


@pytest.mark.parametrize("value", [-1e-9, -1, math.nan])
def test_not_negative_takes_zero(value):
    not_negative(SimpleNamespace(kl=0.0, boost=0), "kl", "boost")
    with pytest.raises(ValueError, match=rf"^boost must not be negative, not {value}\.$"):
        not_negative(SimpleNamespace(kl=1.0, boost=value), "kl", "boost")


def test_only_the_named_ones_are_looked_at():
    positive(SimpleNamespace(lr=1.0, other=-1), "lr")
    not_negative(SimpleNamespace(lr=1.0, other=-1), "lr")


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
