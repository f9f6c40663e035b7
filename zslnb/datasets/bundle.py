"""The `.npz` bundle: the format for anyone's own features.

Arrays `features` (N, D), `labels` (N,), `class_names` (C,), `trainval_idx`, `test_seen_idx`,
`test_unseen_idx`, optional `val_classes`, and one or more (C, S) arrays of class semantics under
names of their own. `provenance`, optional, is JSON text: `unit_norm` lists arrays whose rows
have norm one, `shared_space` lists arrays of features and of semantics that one model put into
one space, as CLIP does, and `default_semantics` names one of the semantics. A bundle without
`features` is a list of class names with semantics, enough to study the semantics alone; in such
a list a name may repeat, and its repeats are numbered.
"""

import contextlib
import hashlib
import io
import json
import math
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy_format
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.errors import BenchmarkError
from zslnb.files import written_atomically

INDEX_KEYS = ("trainval_idx", "test_seen_idx", "test_unseen_idx")
RESERVED = ("features", "labels", *INDEX_KEYS, "class_names", "val_classes", "provenance")
PIECE = 1 << 20  # bytes that are read and converted at a time
DAMAGE = (zlib.error, EOFError, ValueError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile)


@dataclass(frozen=True)
class StoredArray:
    """An array of a bundle that stays on disk until it is asked for, as by `np.asarray`."""

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        """Rows."""
        return self.shape[0]

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        """Read it, in the type asked for from the start: both are never in memory at once."""
        with (
            _as_damage(self.path, self.key),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{self.key}.npy") as stream,
        ):
            if dtype is None or self.dtype.kind not in "fiu" or self.ndim == 0:
                return npy_format.read_array(stream, allow_pickle=False)
            _, columns_first, _ = _header(stream)
            array = np.empty(self.shape, dtype)
            lines = array.T if columns_first else array
            step = max(1, PIECE // max(1, self.dtype.itemsize * math.prod(lines.shape[1:])))
            for start in range(0, len(lines), step):
                part = lines[start : start + step]
                data = stream.read(part.size * self.dtype.itemsize)
                with np.errstate(over="ignore"):  # what overflows is refused as not finite
                    part[...] = np.frombuffer(data, self.dtype).reshape(part.shape)
            if stream.read(1):  # at its end the checksum is compared
                raise ValueError("it holds more than its shape says")
            return array


Arrays = Mapping[str, np.ndarray | StoredArray]


def open_bundle(path: Path) -> dict[str, StoredArray]:
    """List every array of a bundle, and read none.

    Raises FileNotFoundError, or BenchmarkError if it is no .npz file or holds a pickle.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no bundle {path.name!r} in {str(path.parent)!r}.")
    if not zipfile.is_zipfile(path):
        raise BenchmarkError(
            f"{path.name}: not an .npz bundle, or cut short; a pickle is never opened, "
            "because opening it could run code."
        )
    with _as_damage(path, "the list of arrays"), zipfile.ZipFile(path) as archive:
        stored = (_stored_array(path, archive, info) for info in archive.infolist())
        return {array.key: array for array in stored}


def read_bundle(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a bundle, without unpickling anything; raises as `open_bundle`."""
    return {key: np.asarray(array) for key, array in open_bundle(path).items()}


def write_bundle(path: Path, arrays: Mapping[str, np.ndarray | str]) -> None:
    """Write arrays as an .npz, whole or not at all."""
    with written_atomically(path) as part, part.open("wb") as stream:
        np.savez(stream, **arrays)


def _stored_array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> StoredArray:
    key = info.filename.removesuffix(".npy")
    if key == info.filename:
        raise BenchmarkError(f"{path.name}: {key!r} is not an array.")
    with _as_damage(path, key), archive.open(info) as stream:
        shape, _, dtype = _header(stream)
    if dtype.hasobject:
        raise BenchmarkError(
            f"{path.name}: array {key!r} holds Python objects (a pickle), which are never loaded; "
            "store plain numbers or strings."
        )
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise BenchmarkError(f"{path.name}: {key!r} is damaged (it ends early).")
    return StoredArray(path, key, shape, dtype)


def _header(stream: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape of an array, whether its columns come first, and its type."""
    if npy_format.read_magic(stream) == (1, 0):
        return npy_format.read_array_header_1_0(stream)
    return npy_format.read_array_header_2_0(stream)


@contextlib.contextmanager
def _as_damage(path: Path, key: str) -> Iterator[None]:
    """Say of which array it is that reading failed."""
    try:
        yield
    except BenchmarkError:
        raise
    except DAMAGE as error:
        raise BenchmarkError(f"{path.name}: {key!r} is damaged ({error}).") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def semantics_names(arrays: Arrays) -> list[str]:
    """Names of the arrays that hold one row for each class."""
    n_classes = len(arrays["class_names"])
    return [
        key
        for key, array in arrays.items()
        if key not in RESERVED and array.ndim == 2 and len(array) == n_classes
    ]


def benchmark_from_arrays(
    arrays: Arrays,
    *,
    name: str,
    file: str,
    semantics: str | None = None,
    features: str | None = None,
    provenance: dict | None = None,
) -> Benchmark:
    """Make a `Benchmark` of a bundle's arrays, of which only those that it needs are read.

    Args:
        arrays: what `open_bundle` returned, or arrays.
        name, file: what records and messages will call the benchmark.
        semantics: which (C, S) array; may be left out where there is only one, or a default.
        features: which (N, D) array; `features` unless said.
        provenance: facts to add to the bundle's own.

    Raises BenchmarkError for an array that is missing, of the wrong kind, or breaks a rule.
    """
    names, facts = _names(arrays, file), _read_provenance(arrays, file) | (provenance or {})
    chosen = _choose_semantics(arrays, semantics, facts.get("default_semantics"), file)
    rows = features or "features"
    roles = {rows: "features", chosen: "semantics"}
    text_only = features is None and not {"features", "labels"} & {*arrays}
    if not text_only:
        _require(arrays, [rows, "labels", *INDEX_KEYS], file)
    return Benchmark(
        features=torch.zeros(0, 0) if text_only else _floats(arrays, rows, file),
        labels=_integers(arrays, "labels", file),
        semantics=_floats(arrays, chosen, file),
        class_names=_told_apart(names) if text_only else names,
        train_idx=_integers(arrays, "trainval_idx", file),
        test_seen_idx=_integers(arrays, "test_seen_idx", file),
        test_unseen_idx=_integers(arrays, "test_unseen_idx", file),
        val_classes=_integers(arrays, "val_classes", file),
        name=name,
        provenance={
            **facts,
            "file": file,
            "semantics": chosen,
            "all_semantics": semantics_names(arrays),
            "unit_norm": [roles[key] for key in facts.get("unit_norm", ()) if key in roles],
            "shared_space": {*roles} <= {*facts.get("shared_space", ())},
        },
    )


def _require(arrays: Arrays, keys: list[str], file: str) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise BenchmarkError(
            f"{file}: array {missing[0]!r} is missing; a bundle needs {', '.join(keys)} "
            f"and this one holds {', '.join(sorted(arrays)) or 'nothing'}."
        )


def _choose_semantics(arrays: Arrays, wanted: str | None, default: str | None, file: str) -> str:
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


def _floats(arrays: Arrays, key: str, file: str) -> Tensor:
    array = arrays[key]
    if array.dtype.kind not in "fiu":
        raise BenchmarkError(f"{file}: {key} must hold numbers, but its type is {array.dtype}.")
    with np.errstate(over="ignore"):  # what overflows is refused as not finite, by name
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _integers(arrays: Arrays, key: str, file: str) -> Tensor:
    if key not in arrays or arrays[key].shape == (0,):  # np.array([]) is one of floats
        return torch.zeros(0, dtype=torch.int64)
    _require_row(arrays, key, "iu", "whole numbers", file)
    return torch.from_numpy(np.array(arrays[key], dtype=np.int64))


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Number repeats, which real lists of words have: ImageNet's two kinds of crane."""
    met: Counter[str] = Counter()
    numbered = []
    for name in names:
        met[name] += 1
        numbered.append(f"{name} ({met[name]})" if met[name] > 1 else name)
    return tuple(numbered)


def _require_row(arrays: Arrays, key: str, kinds: str, what: str, file: str) -> None:
    array = arrays[key]
    if array.dtype.kind not in kinds or array.ndim != 1:
        raise BenchmarkError(
            f"{file}: {key} must be a row of {what}, but is {array.dtype} of shape {array.shape}."
        )


def _names(arrays: Arrays, file: str) -> tuple[str, ...]:
    _require(arrays, ["class_names"], file)
    _require_row(arrays, "class_names", "U", "text", file)
    names = tuple(map(str, np.asarray(arrays["class_names"])))
    if blank := [i for i, name in enumerate(names) if not name.strip()]:
        raise BenchmarkError(f"{file}: class_names[{blank[0]}] is empty.")
    return names


def _read_provenance(arrays: Arrays, file: str) -> dict:
    try:
        facts = json.loads(str(np.asarray(arrays.get("provenance", "{}"))))
    except json.JSONDecodeError as error:
        raise BenchmarkError(f"{file}: provenance is not JSON ({error}).") from error
    if not isinstance(facts, dict):
        raise BenchmarkError(
            f"{file}: provenance must be a JSON object, not {type(facts).__name__}."
        )
    if "prompt" in facts and "clip_text" in arrays:  # made by zslnb.encode, whose CLIP made both
        facts = {"shared_space": ["features", "clip_text"]} | facts
    for field in ("unit_norm", "shared_space"):
        listed = facts.get(field, [])
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise BenchmarkError(f"{file}: {field} must list names of arrays, not be {listed!r}.")
        for name in listed:
            if name not in arrays:
                raise BenchmarkError(f"{file}: {field} names {name!r}, which the bundle lacks.")
    return facts
