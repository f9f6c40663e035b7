"""Where tensors go, and on how many threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from zslnb.errors import RequestError, unknown_name


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device that is there.

    "auto" is `$ZSLNB_DEVICE` where that is set, else a CUDA device, else the CPU.

    Raises:
        RequestError: no such kind of device, or none of that kind here.
    """
    if name == "auto":
        name = os.environ.get("ZSLNB_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
    }
    if kind not in counts or (colon and not number.isdecimal()):
        raise RequestError(unknown_name("device", name, ["auto", "cpu", "cuda", "cuda:1"]))
    if int(number or 0) >= counts[kind]:
        raise RequestError(f"Device {name!r} is not there: torch sees {counts[kind]} of that kind.")
    return torch.device(name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that a run gives the same numbers alone and beside others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Compute with deterministic algorithms on so many threads, since sums depend on both."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
