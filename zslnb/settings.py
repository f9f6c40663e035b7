"""What settings of all methods share: bounds that stand in the type hints, and what differs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

Conventional = Literal["per class", "per image"]  # how T1 averages, over classes or test images


@dataclass(frozen=True)
class Bound:
    """What a setting must satisfy, for `Annotated`, and the end of the sentence that refuses it."""

    holds: Callable[[Any], bool]
    words: str


Count = Annotated[int, Bound(lambda n: n >= 1, "be at least 1")]
Whole = Annotated[int, Bound(lambda n: n >= 0, "not be negative")]
Positive = Annotated[float, Bound(lambda x: x > 0, "be positive")]  # NaN is not
NotNegative = Annotated[float, Bound(lambda x: x >= 0, "not be negative")]
Share = Annotated[float, Bound(lambda x: 0 <= x < 1, "lie in 0..1, 1 excluded")]
Finite = Annotated[float, Bound(math.isfinite, "be finite")]
NOT_EMPTY = Bound(len, "hold at least one value")
Counts = Annotated[tuple[Count, ...], NOT_EMPTY]

KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "True or False",
    tuple: "a tuple",
}


class Settings:
    """Base of every method's settings, frozen dataclasses: no value outside its type hint."""

    __no_type_check__ = True  # jaxtyping's, in tests: it would speak before the sentence below

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing, naming the one at fault (ValueError)."""
        for field in fields(self):
            check(field.name, field.type, getattr(self, field.name))


def check(name: str, hint: Any, value: Any) -> None:
    """Raise ValueError, naming the setting, if a value is not what its type hint asks for.

    Understood are `Annotated` with `Bound`, `Literal`, `tuple[X, ...]`, `X | None` and classes.
    """
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        check(name, parts[0], value)
        for bound in parts[1:]:
            if not bound.holds(value):
                raise ValueError(f"{name} must {bound.words}, not {value}.")
    elif kind is Literal:
        one_of(name, value, parts)
    elif kind in (UnionType, Union):
        if not (value is None and NoneType in parts):
            check(name, parts[0], value)
    elif kind is tuple:
        check(name, tuple, value)
        for item in value:
            check(name, parts[0], item)
    elif not _is(value, hint):
        raise ValueError(f"{name} must be {KINDS.get(hint, hint.__name__)}, not {value!r}.")


def _is(value: Any, kind: type) -> bool:
    """Whole numbers are numbers, but True and False are neither."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError, naming the setting, if its value is not one of the allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def at_least_one(name: str, value: int) -> None:
    """Raise ValueError, naming the quantity, if it is not a whole number of at least 1."""
    check(name, Count, value)


def differences(published: Any, here: Any) -> dict[str, tuple[object, object]]:
    """List where two settings of one kind differ: name -> (published, here).

    Settings inside settings are named with the outer one's name in front: "classifier epochs".
    """
    before, after = _flat(asdict(published)), _flat(asdict(here))
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _flat(values: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else None
        flat |= {f"{name} {key}": v for key, v in inner.items()} if inner else {name: value}
    return flat
