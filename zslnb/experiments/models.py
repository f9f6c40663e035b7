"""Models that were trained once, kept so that no other experiment trains them again.

Of a model its weights and its history are kept; the rest is prepared anew from benchmark and
settings, which costs little (f-CLSWGAN's judge is trained for it). Settings that matter only once
it is trained have no part in its key, so rows of a table that differ in those alone share one
training.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.experiments.families import FIT, PREPARE, after_first_round
from zslnb.experiments.sources import check_unchanged, hash_of, imported_sha256, versions
from zslnb.files import build_dir, claimed, write_atomically

ABANDONED = 24 * 3600  # seconds after which nobody is still writing
LIMIT = 2 * 2**30  # bytes; beyond them those go first that nobody asked for the longest

DEFERS = ContextVar("DEFERS", default=False)  # whether a model in the making puts off who asks


class InTheMakingError(Exception):
    """Another process is training the model that was asked for."""


@contextlib.contextmanager
def deferring() -> Iterator[None]:
    """Raise `InTheMakingError` in this block where else a model would be trained twice at once."""
    before = DEFERS.set(True)
    try:
        yield
    finally:
        DEFERS.reset(before)


def trained(
    benchmark: Benchmark,
    settings: Any,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_round: Callable[[Any], None] | None = None,
) -> Any:
    """Fit a model, or take it from `build/models` if it has been trained before.

    It gives what the `fit` of the settings' family gives on one thread, to the last bit.

    Args:
        benchmark, settings, seed, device: as `fit` takes them.
        on_round: called after each round; whoever watches a training has it trained again.

    Raises:
        ValueError, DivergedError: as `fit`.
        CodeChangedError: the family's code changed on disk since it was imported.
        InTheMakingError: another process is at it, in a `deferring` block and not watched.
    """
    which = benchmark, settings, seed, device
    path = _path(*which)
    with claimed(build_dir() / "claims" / f"{path.stem}.lock") as is_mine:
        if on_round is None:
            if path.exists() and _loaded(model := PREPARE[type(settings)](*which), path):
                return model
            if DEFERS.get() and not is_mine:
                raise InTheMakingError
        model = _trained(*which, on_round)
        _keep(model, path)
    _drop_oldest(path.parent)
    return model


def _trained(
    benchmark: Benchmark,
    settings: Any,
    seed: int,
    device: torch.device | str,
    on_round: Callable[[Any], None] | None,
) -> Any:
    shorter = after_first_round(settings)

    def end_round(model: Any) -> None:
        if shorter is not None and len(model.history) == 1:
            _keep(model, _path(benchmark, shorter, seed, device))
        if on_round is not None:
            on_round(model)

    with one_thread():  # sums depend on how many there are, and a kept model is everybody's
        return FIT[type(settings)](benchmark, settings, seed, device, end_round)


def _keep(model: Any, path: Path) -> None:
    check_unchanged(_roots(model.settings))
    weights = {name: part.cpu().contiguous() for name, part in model.networks.state_dict().items()}
    write_atomically(path, save(weights, {"history": json.dumps(model.history)}))


def _roots(settings: Any) -> tuple[str, ...]:
    return (FIT[type(settings)].__module__,)


def _path(benchmark: Benchmark, settings: Any, seed: int, device: torch.device | str) -> Path:
    training = {k: v for k, v in asdict(settings).items() if k not in settings.AFTER_TRAINING}
    inputs = {
        "benchmark": benchmark.sha256,
        "shared space": benchmark.shared_space,
        "settings": training,
        "seed": seed,
        "device": torch.device(device).type,
        "source": imported_sha256(_roots(settings)),
        "versions": versions(),
    }
    family = _roots(settings)[0].split(".")[1]
    return build_dir() / "models" / f"{family}-{hash_of(inputs)}.safetensors"


def _loaded(model: Any, path: Path) -> bool:
    """Give a prepared model its weights and history; False if the file is damaged, or gone."""
    try:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            history = json.loads(file.metadata()["history"])
        model.networks.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, TypeError, KeyError, ValueError):
        return False
    model.history.extend(history)
    with contextlib.suppress(OSError):
        path.touch()
    return True


def _drop_oldest(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process tidies up, too
        for path in folder.glob(".*.part"):  # of whoever was killed while it wrote
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        files = [(path.stat(), path) for path in folder.glob("*.safetensors")]
        files.sort(key=lambda file: file[0].st_mtime, reverse=True)
        total = 0
        for stat, path in files:
            total += stat.st_size
            if total > LIMIT:
                path.unlink()
