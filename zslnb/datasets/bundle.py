"""The `.npz` bundle: the format for anyone's own features.

Arrays `features` (N, D), `labels` (N,), `class_names` (C,), `trainval_idx`, `test_seen_idx`,
`test_unseen_idx`, optional `val_classes`, and one or more (C, S) arrays of class semantics under
names of their own. `provenance`, optional, is JSON text: `unit_norm` lists arrays whose rows
have norm one, `default_semantics` names one of the semantics. A bundle without `features` is a
list of class names with semantics, enough to study the semantics alone; in such a list a name
may repeat, and its repeats are numbered.
"""

import hashlib
import json
import os
import platform
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.errors import BenchmarkError

INDEX_KEYS = ("trainval_idx", "test_seen_idx", "test_unseen_idx")
IMAGE_KEYS = ("features", "labels", *INDEX_KEYS)
RESERVED = (*IMAGE_KEYS, "class_names", "val_classes", "provenance")


def read_bundle(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a bundle, without unpickling anything.

    Raises:
        FileNotFoundError: there is no such file.
        BenchmarkError: not an .npz file, or an array in it is a pickle.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no bundle {path.name!r} in {str(path.parent)!r}.")
    if not zipfile.is_zipfile(path):
        raise BenchmarkError(
            f"{path.name}: not an .npz bundle, or cut short; a pickle is never opened, "
            "because opening it could run code."
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: _read_array(path, archive, key) for key in archive.files}
    except zipfile.BadZipFile as error:
        raise BenchmarkError(f"{path.name}: a damaged .npz bundle ({error}).") from error


def write_bundle(path: Path, arrays: Mapping[str, np.ndarray | str]) -> None:
    """Write arrays as an .npz, under another name until all is there, so that it is never half.

    That name is this process's alone: machines may share a disk, and some disks have no locks.
    """
    part = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, **arrays)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_array(path: Path, archive: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    try:
        array = archive[key]
    except (zlib.error, EOFError) as error:
        raise BenchmarkError(f"{path.name}: {key!r} is damaged ({error}).") from error
    except ValueError as error:
        raise BenchmarkError(
            f"{path.name}: array {key!r} is damaged, or holds Python objects (a pickle), which "
            "are never loaded; store plain numbers or strings."
        ) from error
    if not isinstance(array, np.ndarray):  # NumPy hands out other files of the zip as bytes
        raise BenchmarkError(f"{path.name}: {key!r} is not an array.")
    return array


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def semantics_names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Names of the arrays that hold one row for each class."""
    n_classes = len(arrays["class_names"])
    return [
        key
        for key, array in arrays.items()
        if key not in RESERVED and array.ndim == 2 and len(array) == n_classes
    ]


def benchmark_from_arrays(
    arrays: Mapping[str, np.ndarray],
    *,
    name: str,
    file: str,
    semantics: str | None = None,
    features: str | None = None,
    provenance: dict | None = None,
) -> Benchmark:
    """Make a validated `Benchmark` of a bundle's arrays.

    Args:
        arrays: what `read_bundle` returned.
        name: what records will call the benchmark.
        file: what error messages will call it.
        semantics: which (C, S) array; may be left out where there is only one, or a default.
        features: which (N, D) array; `features` unless said.
        provenance: facts to add to the bundle's own.

    Raises:
        BenchmarkError: an array is missing, of the wrong kind, or breaks a rule.
    """
    _require(arrays, ["class_names"], file)
    names = _names(arrays, file)
    text_only = features is None and not {"features", "labels"} & set(arrays)
    own = _own_provenance(arrays, file)
    chosen = _choose_semantics(arrays, semantics, own.get("default_semantics"), file)
    rows = features or "features"
    if not text_only:
        _require(arrays, [rows, *IMAGE_KEYS[1:]], file)
    empty = np.zeros((0, 0), np.float32)
    return Benchmark(
        features=_floats(arrays, rows, file) if not text_only else torch.from_numpy(empty),
        labels=_integers(arrays, "labels", file),
        semantics=_floats(arrays, chosen, file),
        class_names=_told_apart(names) if text_only else names,
        **_indices(arrays, file),
        name=name,
        provenance={
            **own,
            **(provenance or {}),
            "file": file,
            "semantics": chosen,
            "all_semantics": semantics_names(arrays),
            "unit_norm": _promises(own, rows, chosen),
        },
    )


def _indices(arrays: Mapping[str, np.ndarray], file: str) -> dict[str, Tensor]:
    renamed = {"train_idx": "trainval_idx"}
    fields = ("train_idx", "test_seen_idx", "test_unseen_idx", "val_classes")
    return {name: _integers(arrays, renamed.get(name, name), file) for name in fields}


def _promises(own: dict, features: str, semantics: str) -> list[str]:
    roles = {features: "features", semantics: "semantics"}
    return [roles[key] for key in own.get("unit_norm", ()) if key in roles]


def _require(arrays: Mapping[str, np.ndarray], keys: list[str], file: str) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise BenchmarkError(
            f"{file}: array {missing[0]!r} is missing; a bundle needs {', '.join(keys)} "
            f"and this one holds {', '.join(sorted(arrays)) or 'nothing'}."
        )


def _choose_semantics(
    arrays: Mapping[str, np.ndarray], wanted: str | None, default: str | None, file: str
) -> str:
    available = semantics_names(arrays)
    if not available:
        others = [f"{key} {array.shape}" for key, array in arrays.items() if key not in RESERVED]
        raise BenchmarkError(
            f"{file}: no array of semantics with one row for each of "
            f"{len(arrays['class_names'])} classes; it holds {', '.join(others) or 'no other'}."
        )
    if wanted is None and default is None and len(available) > 1:
        raise BenchmarkError(
            f"{file}: several semantics ({', '.join(available)}); choose one with semantics=."
        )
    chosen = wanted or default or available[0]
    if chosen not in available:
        is_array = isinstance(chosen, str) and chosen in arrays
        shape = f", although an array of shape {arrays[chosen].shape}" if is_array else ""
        raise BenchmarkError(
            f"{file}: no semantics {chosen!r}{shape}; available: {', '.join(available)}."
        )
    return chosen


def _floats(arrays: Mapping[str, np.ndarray], key: str, file: str) -> Tensor:
    array = arrays[key]
    if array.dtype.kind not in "fiu":
        raise BenchmarkError(f"{file}: {key} must hold numbers, but its type is {array.dtype}.")
    with np.errstate(over="ignore"):  # what overflows is refused as not finite, by name
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _integers(arrays: Mapping[str, np.ndarray], key: str, file: str) -> Tensor:
    array = arrays.get(key, np.zeros(0, np.int64))
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise BenchmarkError(
            f"{file}: {key} must be a row of whole numbers, but is {array.dtype} "
            f"of shape {array.shape}."
        )
    return torch.from_numpy(array.astype(np.int64))


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Number repeats, which real lists of words have: ImageNet's two kinds of crane."""
    met = [names[:i].count(name) + 1 for i, name in enumerate(names)]
    return tuple(f"{name} ({n})" if n > 1 else name for name, n in zip(names, met, strict=True))


def _names(arrays: Mapping[str, np.ndarray], file: str) -> tuple[str, ...]:
    array = arrays["class_names"]
    if array.dtype.kind != "U" or array.ndim != 1:
        raise BenchmarkError(
            f"{file}: class_names must be a row of text, but is {array.dtype} "
            f"of shape {array.shape}."
        )
    return tuple(str(name) for name in array)


def _own_provenance(arrays: Mapping[str, np.ndarray], file: str) -> dict:
    try:
        own = json.loads(str(arrays.get("provenance", "{}")))
    except json.JSONDecodeError as error:
        raise BenchmarkError(f"{file}: provenance is not JSON ({error}).") from error
    if not isinstance(own, dict):
        raise BenchmarkError(f"{file}: provenance must be a JSON object, not {type(own).__name__}.")
    promised = own.get("unit_norm", [])
    if not isinstance(promised, list):
        raise BenchmarkError(f"{file}: unit_norm must list names of arrays, not be {promised!r}.")
    for name in promised:
        if name not in arrays:
            raise BenchmarkError(f"{file}: unit_norm names {name!r}, which the bundle lacks.")
    return own
