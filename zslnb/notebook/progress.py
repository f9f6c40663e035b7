"""One line that says which notebook runs, for how long, and for how long still."""

import shutil
import time
from collections.abc import Iterable, Mapping
from io import TextIOBase

from zslnb.notebook.manifest import RAN, SKIPPED, Outcome

NO_TERMINAL_SECONDS = 30.0  # between two lines where the last one cannot be overwritten


class Progress:
    """The progress of one run.

    Args:
        run: its name.
        expected: seconds of each notebook, in the order they run; None where nobody can know.
        stream: a terminal, where a line is overwritten in place, or anything else.
    """

    def __init__(self, run: str, expected: Mapping[str, float | None], stream: TextIOBase) -> None:
        """Say what will run."""
        self.expected, self.stream, self.live = dict(expected), stream, stream.isatty()
        self.names, self.done, self.name = [*expected], 0, ""
        self.begun = self.started = self.said = time.monotonic()
        self._say(f"{run}: {foretold(self.expected)}.")

    def skipped(self, outcomes: Iterable[Outcome]) -> None:
        """Say which notebooks do not apply."""
        for outcome in outcomes:
            if outcome.status == SKIPPED:
                self._say(f"Skipped {outcome.notebook}: it {outcome.reason}.")

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.begun

    def start(self, name: str) -> None:
        """A notebook starts."""
        self.name, self.started, self.done = name, time.monotonic(), self.done + 1
        self.tick(force=True)

    def tick(self, force: bool = False) -> None:
        """Show the time again: in place on a terminal, else only now and then."""
        now = time.monotonic()
        if not (self.live or force or now - self.said >= NO_TERMINAL_SECONDS):
            return
        self.said = now
        left = known_sum(map(self.expected.get, self.names[self.done - 1 :]))
        total = None if left is None else max(self.started - self.begun + left, self.elapsed)
        own = _of_about(now - self.started, self.expected[self.name])
        line = f"{self._position} {self.name} {own}, all {_of_about(self.elapsed, total)}"
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + line[:width].ljust(width))
            self.stream.flush()
        else:
            self._say(line)

    def finish(self, outcome: Outcome) -> None:
        """Say how a notebook went."""
        if self.live:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
        self._say(f"{self._position} {sentence(outcome)}")

    @property
    def _position(self) -> str:
        return f"[{self.done}/{len(self.names)}]"

    def _say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)


def foretold(expected: Mapping[str, float | None]) -> str:
    """Say how many notebooks there are, and how long they will take as far as that is known."""
    seconds = known_sum(expected.values())
    time = (
        "time not known before a first run here" if seconds is None else f"about {clock(seconds)}"
    )
    return f"{len(expected)} notebook{'s' * (len(expected) != 1)}, {time}"


def known_sum(seconds: Iterable[float | None]) -> float | None:
    """Add seconds; None if one of them is not known."""
    seconds = [*seconds]
    return None if None in seconds else sum(seconds)


def _of_about(seconds: float, expected: float | None) -> str:
    return clock(seconds) + ("" if expected is None else f" of about {clock(expected)}")


def clock(seconds: float) -> str:
    """Write a time as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def sentence(outcome: Outcome) -> str:
    """Say in one line how a notebook went."""
    size = f"{clock(outcome.seconds)}, {outcome.peak_memory / 1e9:.1f} GB at most"
    if outcome.status == RAN:
        return f"{outcome.notebook} ran, {outcome.cells} cells, {size}"
    where = f" in cell {outcome.cell}" if outcome.cell else ""
    return f"{outcome.notebook} {outcome.status.upper()}{where} ({size}): {outcome.reason}"
