"""Local files of weights, read without running anything that is in them.

Three kinds are read: .safetensors; a torch file of tensors alone, with `weights_only=True`; and a
TorchScript archive, as OpenAI publishes its CLIPs. Of the last only the tensors are read, by the
same restricted reader: its program is never opened, and its classes become empty holders.
"""

import io
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

WEIGHT_FILES = (".safetensors", ".pt", ".pth", ".bin")
NOT_LOADED = (
    *(RuntimeError, KeyError, ValueError, TypeError, AttributeError, StopIteration, EOFError),
    *(UserWarning, pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile),
)
TENSORS = ("data.pkl", "data/", "version", "byteorder")  # parts of a TorchScript archive
NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")  # of OpenAI's


class _Holder:
    """Stands for any module of a TorchScript archive; its attributes are what was stored."""


@contextmanager
def open_clips_own(weights: Path) -> Iterator[Path]:
    """Give a file that open_clip can read: the file itself, or the tensors of a TorchScript one."""
    if not _is_torchscript(weights):
        yield weights.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tensors.safetensors")
        save_file(torchscript_tensors(weights), file)
        yield file


def _is_torchscript(weights: Path) -> bool:
    if not zipfile.is_zipfile(weights):
        return False
    with zipfile.ZipFile(weights) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def torchscript_tensors(weights: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a TorchScript archive by name, and nothing of its program.

    Raises pickle.UnpicklingError where other Python objects are among them.
    """
    kept = io.BytesIO()
    with zipfile.ZipFile(weights) as archive, zipfile.ZipFile(kept, "w") as tensors:
        for info in archive.infolist():
            if info.filename.partition("/")[2].startswith(TENSORS):
                tensors.writestr(info.filename, archive.read(info))
    kept.seek(0)
    modules = [n for n in get_unsafe_globals_in_checkpoint(kept) if n.startswith("__torch__.")]
    kept.seek(0)
    with safe_globals([(_Holder, name) for name in modules]):
        root = torch.load(kept, map_location="cpu", weights_only=True)
    return {name: t.contiguous() for name, t in _tensors(root) if not name.endswith(NO_WEIGHTS)}


def _tensors(module: object, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in vars(module).items():
        if isinstance(value, torch.Tensor):
            yield prefix + name, value
        elif isinstance(value, _Holder):
            yield from _tensors(value, f"{prefix}{name}.")


def reason(error: Exception) -> str:
    """Say why weights were not loaded; what torch advises would run a stranger's program."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds Python objects, which could run code; have its tensors saved alone."
    first = " ".join(str(error).split())
    return "it is damaged, or no file of weights." if "weights_only" in first else first[:300]
