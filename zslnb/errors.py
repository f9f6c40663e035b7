"""What can go wrong, as exceptions, and how a wrong name is told."""

import difflib
from collections.abc import Iterable


class RequestError(ValueError):
    """Something was asked for that cannot be; the message says what can (exit status 2)."""


class WorkError(RuntimeError):
    """Something that was asked for rightly failed; the message names it (exit status 1)."""


class BenchmarkError(RequestError):
    """A benchmark breaks one of its own rules; the message says which, where and by what."""


class DivergedError(WorkError):
    """A loss stopped being finite; the message says at which step, and what the losses were.

    `history` holds the rounds before, as the model's `history` does.
    """

    def __init__(self, message: str, history: list[dict[str, float]]) -> None:
        super().__init__(message, history)  # both, or the error would not survive pickling
        self.history = history

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, what was probably meant, and what there is."""
    known = list(known)
    return f"There is no {kind} {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest names, as the end of a sentence; nothing if none is near."""
    folded = {other.casefold(): other for other in known}  # papers write CUB
    near = difflib.get_close_matches(name.casefold(), [*folded], n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(folded[key]) for key in near)}?" if near else ""
