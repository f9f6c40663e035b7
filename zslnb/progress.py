"""One line that says which notebook runs, for how long, and for how long still."""

import shutil
import time
from collections.abc import Iterable, Mapping
from io import TextIOBase

from zslnb.manifest import RAN, SKIPPED, Outcome

NO_TERMINAL_SECONDS = 30.0  # between two lines where the last one cannot be overwritten


class Progress:
    """The progress of one run.

    Args:
        run: its name.
        expected: seconds of each notebook, in the order they run.
        stream: a terminal, where a line is overwritten in place, or anything else.
    """

    def __init__(self, run: str, expected: Mapping[str, float], stream: TextIOBase) -> None:
        """Say what will run."""
        self.expected, self.stream, self.live = dict(expected), stream, stream.isatty()
        self.names, self.done, self.name = [*expected], 0, ""
        self.begun = self.started = self.said = time.monotonic()
        count = f"{len(self.names)} notebook{'s' * (len(self.names) != 1)}"
        self._say(f"{run}: {count}, about {clock(sum(expected.values()))}.")

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
        total = self.started - self.begun + sum(map(self.expected.get, self.names[self.done - 1 :]))
        line = (
            f"{self._position} {self.name} {clock(now - self.started)} of about "
            f"{clock(self.expected[self.name])}, all {clock(self.elapsed)} of about "
            f"{clock(max(total, self.elapsed))}"
        )
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
