"""What a study counts on networks that it trains itself: counted once, and read back after that."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch

from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.experiments.sources import check_unchanged, hash_of, imported_sha256, versions
from zslnb.files import build_dir, write_atomically


def kept(
    study: str,
    compute: Callable[[], Any],
    benchmark: Benchmark | None,
    device: torch.device | str = "cpu",
    **inputs: Any,
) -> Any:
    """Compute numbers on one thread, or read back what the same code made of the same inputs.

    Args:
        study: the module that computes, with its dots; what it imports is part of the key, so it
            must import the families that it trains by name.
        compute: gives what JSON can hold.
        benchmark, device: what it works on; None if that is no benchmark.
        inputs: whatever else decides what comes out; JSON as well.

    Raises:
        CodeChangedError: the study's code changed on disk since it was imported.
    """
    roots = (study,)
    known = {
        "benchmark": benchmark and benchmark.sha256,
        "device": torch.device(device).type,
        "source": imported_sha256(roots),
        "versions": versions(),
        **inputs,
    }
    path = build_dir() / "studies" / f"{study.rpartition('.')[2]}-{hash_of(known)}.json"
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # a damaged file is as good as none
        pass
    with one_thread():
        found = json.dumps(compute())
    check_unchanged(roots)
    write_atomically(path, found)
    return json.loads(found)


def weights_sha256(networks: torch.nn.Module) -> str:
    """Hash a model's weights, which say what it is however it was made."""
    digest = hashlib.sha256()
    for name, part in networks.state_dict().items():
        digest.update(name.encode() + part.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
