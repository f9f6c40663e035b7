"""What settings of all methods share: refusing what means nothing, and telling what differs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

CONVENTIONAL = ("per class", "per image")  # how T1 averages, over classes or over test images


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError, naming the setting, if its value is not one of the allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def at_least_one(name: str, value: int) -> None:
    """Raise ValueError, naming the quantity, if it is below 1."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")


def positive(settings: Any, *names: str) -> None:
    """Raise ValueError, naming the setting, if one of these is not above 0 (NaN is not)."""
    for name in names:
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name} must be positive, not {getattr(settings, name)}.")


def not_negative(settings: Any, *names: str) -> None:
    """Raise ValueError, naming the setting, if one of these is below 0 or NaN."""
    for name in names:
        if not getattr(settings, name) >= 0:
            raise ValueError(f"{name} must not be negative, not {getattr(settings, name)}.")


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
