"""The one place random numbers come from.

A run has one seed. Each consumer names its own stream, so adding a draw in one place
leaves every other stream as it was.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch


def seed_for(seed: int, stream: str) -> int:
    """Derive the 63-bit seed of a named stream from the run's seed."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def torch_generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch generator for one stream, on the device that will draw from it."""
    return torch.Generator(device=device).manual_seed(seed_for(seed, stream))


def numpy_generator(seed: int, stream: str) -> np.random.Generator:
    """Return a NumPy generator for one stream."""
    return np.random.default_rng(seed_for(seed, stream))


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Draw from one stream on every device inside the block, and leave the outside untouched.

    Blocks nest: what happens inside one never shifts the draws of the block around it.
    """
    with torch.random.fork_rng(devices=range(_gpus())):
        # without a GPU torch.manual_seed would note a call for later, and where it came from
        generator = torch if _gpus() else torch.default_generator
        generator.manual_seed(seed_for(seed, stream))
        yield


@cache
def _gpus() -> int:
    """Count them once: where there is none, torch looks for a driver each time."""
    return torch.cuda.device_count()
