"""Turn a MATLAB file into an `.npz`, as a program of its own: SciPy can end its process.

It does so on some damaged bytes, and on cells nested thousands deep; `matlab.read_mat` starts
this, and says in a sentence what became of it. So nothing of the package is imported here.
Numbers stay as they are stored, text becomes a row of strings, and nothing else is handed on.
"""

import contextlib
import json
import math
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any  # a data set of h5py, which only 7.3 needs

import numpy as np

REFUSED = 3  # exit status after a sentence on stderr
LARGEST = 1 << 31  # bytes of one variable; AWA2's features take 0.6e9
NUMBERS = {"double", "single", "logical", *(f"{u}int{8 << n}" for u in ("", "u") for n in range(4))}
UNREAD = "it is not loaded, and nothing in it is evaluated"
OBJECTS = f"{UNREAD}; of a string array MATLAB's cellstr makes a cell of text"


class Refused(ValueError):
    """What a file holds is not wanted; the message says which variable, and why."""


def read(path: Path, numbers: Collection[str], text: Collection[str]) -> dict[str, np.ndarray]:
    """Read the named variables; those that the file lacks are left out.

    Raises Refused for one of another kind, too large, or there twice; SciPy and h5py raise what
    they like.
    """
    with path.open("rb") as stream:
        head = stream.read(1024)
    is_hdf5 = head.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n" in head
    if not is_hdf5 and not head.startswith(b"MATLAB 5.0"):
        raise Refused("no MATLAB file, or cut short; fetch it again")
    arrays = (read_v73 if is_hdf5 else read_v5)(path, numbers, text)
    for name, array in arrays.items():
        if array.dtype.kind == "c":
            raise Refused(f"{name} must be real, but is complex")
        if array.dtype.kind not in "biufU" or array.nbytes > LARGEST:
            raise Refused(f"{name} holds {array.dtype}; {UNREAD}")
    return arrays


def read_v5(path: Path, numbers: Collection[str], text: Collection[str]) -> dict[str, np.ndarray]:
    """Read a file of MATLAB 5 to 7, which SciPy understands."""
    from scipy.io import loadmat, whosmat

    names, has_objects = [*numbers, *text], False
    try:
        listed = [entry for entry in whosmat(path) if entry[0] in names]
        names = [name for name, _, _ in listed]
    except TypeError:  # SciPy cannot list an object, but reads what stands beside one
        listed, has_objects = [], True
    for name, shape, kind in listed:
        if names.count(name) > 1:
            raise Refused(f"{name} is there twice; fetch it again")
        _require_kind(name, kind, name in text)
        _require_size(name, shape, 1)
    arrays = loadmat(path, variable_names=names) if names else {}
    if has_objects and (absent := [name for name in text if name not in arrays]):
        raise Refused(f"{absent[0]} must be text, but the file holds objects; {OBJECTS}")
    names = [name for name in names if name in arrays]
    return {name: _v5_text(name, arrays[name]) if name in text else arrays[name] for name in names}


def _v5_text(name: str, array: np.ndarray) -> np.ndarray:
    """Lines of a cell of texts, or of a matrix of characters, whose rows are padded."""
    if type(array) is np.ndarray and array.dtype.kind == "U":
        return _lines(name, [str(line).rstrip(" ") for line in array.ravel()])
    for i, item in enumerate(array.ravel()):
        kind = type(item).__name__  # SciPy has its own classes for functions and objects
        if type(item) is np.ndarray:
            kind = "a cell array" if item.dtype.kind == "O" else f"a matrix of {item.dtype}"
        if type(item) is not np.ndarray or item.dtype.kind != "U":
            raise Refused(f"{name}[{i}] must be text, but is {kind}; {UNREAD}")
        if item.size != 1:
            raise Refused(f"{name}[{i}] must be one line of text, but has {item.size}")
    return _lines(name, [item.item() for item in array.ravel()])


def read_v73(path: Path, numbers: Collection[str], text: Collection[str]) -> dict[str, np.ndarray]:
    """Read a file of MATLAB 7.3, which is HDF5 with its dimensions in reverse."""
    import h5py

    with h5py.File(path, "r") as file:
        arrays = {}
        for name in sorted({*numbers, *text} & {*file}):
            is_here = isinstance(file.get(name, getlink=True), h5py.HardLink)
            data = file[name] if is_here else None
            kind = _class_of(data) if is_here else "a link to another place"
            _require_kind(name, kind, name in text)
            _require_size(name, data.shape, data.dtype.itemsize)
            if name in numbers:
                arrays[name] = data[()].T
            elif kind == "char":
                arrays[name] = _lines(name, [line.rstrip(" ") for line in _v73_rows(name, data)])
            else:
                items = [file[reference] for reference in data[()].T.ravel(order="F")]
                lines = [_v73_line(f"{name}[{i}]", item) for i, item in enumerate(items)]
                arrays[name] = _lines(name, lines)
        return arrays


def _class_of(data: Any) -> str:
    """MATLAB's class of what lies in this file itself."""
    import h5py

    if not isinstance(data, h5py.Dataset) or "MATLAB_sparse" in data.attrs:
        return "struct"
    if data.external or data.is_virtual:
        return "data of another file"
    kind = data.attrs.get("MATLAB_class", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _v73_rows(name: str, data: Any) -> list[str]:
    """Rows of a matrix of characters, each two bytes of UTF-16; MATLAB marks an empty one."""
    if "MATLAB_empty" in data.attrs:
        return []
    codes = np.atleast_2d(data[()].T)
    if codes.dtype.kind != "u":
        raise Refused(f"{name} must be text, but holds {codes.dtype}; {UNREAD}")
    return [row.astype("<u2").tobytes().decode("utf-16-le") for row in codes]


def _v73_line(name: str, data: Any) -> str:
    if (kind := _class_of(data)) != "char":
        raise Refused(f"{name} must be text, but is {kind!r}; {UNREAD}")
    rows = _v73_rows(name, data)
    if len(rows) != 1:
        raise Refused(f"{name} must be one line of text, but has {len(rows)}")
    return rows[0]


def _lines(name: str, lines: list[str]) -> np.ndarray:
    if empty := [i for i, line in enumerate(lines) if not line]:
        raise Refused(f"{name}[{empty[0]}] must be one line of text, but is empty")
    return np.array(lines, dtype=str)


def _require_kind(name: str, kind: str, is_text: bool) -> None:
    if kind not in (("cell", "char") if is_text else NUMBERS):
        wanted = "text" if is_text else "a matrix of numbers"
        advice = OBJECTS if kind == "string" else UNREAD
        raise Refused(f"{name} must be {wanted}, but is of class {kind!r}; {advice}")


def _require_size(name: str, shape: tuple[int, ...], itemsize: int) -> None:
    if min(shape, default=0) < 0 or math.prod(shape) * itemsize > LARGEST:
        sizes = " x ".join(map(str, shape))
        raise Refused(f"{name} claims {sizes} items, more than {LARGEST:,} bytes; fetch it again")


def _bound_memory() -> None:
    """Let a bomb end this process, not the machine; Windows has no such bound."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (4 * LARGEST, 4 * LARGEST))


def main(source: str, target: str, wanted: str) -> int:
    """Read `source`, write `target`; `wanted` is JSON: names of numbers, names of text."""
    try:
        arrays = read(Path(source), *json.loads(wanted))
    except Exception as error:  # a damaged file can make a reader raise anything
        damage = f"damaged, or cut short ({error or type(error).__name__}); fetch it again"
        sentence = str(error) if isinstance(error, Refused) else damage
        sys.stderr.write(" ".join(sentence.split()))
        return REFUSED
    np.savez(target, **arrays)
    return 0


if __name__ == "__main__":
    _bound_memory()
    sys.exit(main(*sys.argv[1:]))
