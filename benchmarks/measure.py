"""Clocks, memory, and what this machine can do at best: measured in the same run as the rest."""

import ctypes
import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
ADAM_BYTES = 32  # a weight: weight, gradient and two means read, gradient and three written


@dataclass
class Row:
    """One hot path against one other: seconds of both, repeat by repeat.

    `limit` are the seconds that the machine's rate or bandwidth would take, whichever is more;
    `flops` and `bytes` are what it was computed from. A row without seconds was not measured.
    """

    path: str
    size: str
    against: str = ""
    seconds: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    flops: float = 0.0
    bytes: float = 0.0
    limit: float | None = None
    threads: int = 1
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """How many times as long the other takes, repeat by repeat."""
        return [theirs / ours for ours, theirs in zip(self.seconds, self.theirs, strict=False)]

    def report(self) -> dict[str, object]:
        """Return the row for JSON, with its medians."""
        middle = {
            "median": statistics.median(self.seconds) if self.seconds else None,
            "ratio": statistics.median(self.ratios) if self.ratios else None,
        }
        return {**asdict(self), **middle}


class Machine:
    """A device, how many threads the work on it has, and its limits.

    Args:
        device: "cpu" or "cuda".
        small: measure the limits on matrices that take no time, for a test.
    """

    def __init__(self, device: str, small: bool = False) -> None:
        self.device, self.small = device, small

    def now(self) -> float:
        """Read the clock when all work handed to the device is done."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def seconds(self, job: Callable[[], object], times: int = 1) -> float:
        """Time one call, the mean of so many."""
        start = self.now()
        for _ in range(times):
            job()
        return (self.now() - start) / times

    def pairs(
        self, ours: Callable[[], object], theirs: Callable[[], object], repeats: int
    ) -> tuple[list[float], list[float]]:
        """Time both one after the other, so often, after a first call of each."""
        ours(), theirs()
        both = [(self.seconds(ours), self.seconds(theirs)) for _ in range(repeats)]
        return [a for a, _ in both], [b for _, b in both]

    def limits(self, threads: int) -> dict[str, float]:
        """Rates in FLOP/s of both precisions, and bytes/s, of so many threads; measured once."""
        return self._limits.get(threads if self.device == "cpu" else 0) or self._measure(threads)

    @cached_property
    def _limits(self) -> dict[int, dict[str, float]]:
        return {}

    def _measure(self, threads: int) -> dict[str, float]:
        n = 256 if self.small else 2048 if self.device == "cpu" else 8192
        count = 1 << (18 if self.small else 26 if self.device == "cpu" else 29)
        limits = {}
        with computing_on(threads):
            for name, dtype in (("float32", torch.float32), ("float64", torch.float64)):
                a = torch.randn(n, n, dtype=dtype, device=self.device)
                limits[name] = 2 * n**3 / self._best(lambda a=a: a @ a)
            values = torch.randn(count, device=self.device)
            copy = torch.empty_like(values)
            limits["bytes"] = 8 * count / self._best(lambda: copy.copy_(values))
        self._limits[threads if self.device == "cpu" else 0] = limits
        return limits

    def _best(self, job: Callable[[], object]) -> float:
        job()
        return min(self.seconds(job) for _ in range(5))

    def limit(self, row: Row, precision: str = "float32") -> None:
        """Write into a row the time that its arithmetic or its bytes take at least."""
        limits = self.limits(row.threads)
        row.limit = max(row.flops / limits[precision], row.bytes / limits["bytes"])

    def described(self) -> dict[str, object]:
        """Say which machine this is, and what it can do."""
        return {
            "device": self.device,
            "processor": _processor(),
            "cores": CORES,
            "memory": psutil.virtual_memory().total,
            "gpu": torch.cuda.get_device_name() if self.device == "cuda" else None,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "load before": psutil.getloadavg()[0],
            "limits": {str(threads): limits for threads, limits in self._limits.items()},
            "revision": revision(),
        }


@contextmanager
def computing_on(threads: int) -> Iterator[None]:
    """Compute on so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PeakMemory:
    """Bytes that a block takes at most beyond those before: of this process, or of the GPU."""

    def __init__(self, device: str) -> None:
        self.device, self.bytes = device, 0

    def __enter__(self) -> "PeakMemory":
        """Start to look, every few milliseconds."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            with suppress(
                OSError, AttributeError
            ):  # glibc keeps freed memory, which would hide some
                ctypes.CDLL("libc.so.6").malloc_trim(0)
            self.process, self.done = psutil.Process(), threading.Event()
            self.before = self.process.memory_info().rss
            self.watch = threading.Thread(target=self._look)
            self.watch.start()
        return self

    def _look(self) -> None:
        while not self.done.wait(0.003):
            self.bytes = max(self.bytes, self.process.memory_info().rss - self.before)

    def __exit__(self, *_: object) -> None:
        """Stop."""
        if self.device == "cuda":
            self.bytes = torch.cuda.max_memory_allocated() - self.before
        else:
            self.done.set()
            self.watch.join()


def flops(job: Callable[[], object]) -> float:
    """Count the operations of all matrix products of a call, backward ones included."""
    with FlopCounterMode(display=False) as counter:
        job()
    return counter.get_total_flops()


def _processor() -> str:
    path = Path("/proc/cpuinfo")  # Linux; platform says nothing there
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def revision() -> str | None:
    """Name the commit that is checked out; None where git does not know."""
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()
    return None
