"""MATLAB v5 files from strangers: named arrays of numbers or of text, and nothing else.

Read here and not with `scipy.io.loadmat`, because that ends the process on some damaged files,
and on cells nested thousands deep, where an error should be told; and it hands out function
handles and objects like any array. The part of the format that the benchmarks use is small.
Nothing in a file is ever evaluated. Layout: MathWorks, "MAT-File Format", Level 5.
"""

import io
import math
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from zslnb.errors import BenchmarkError

HEADER_BYTES, TAG_BYTES, CHUNK = 128, 8, 1 << 16
LARGEST = 1 << 31  # bytes of one variable; AWA2's features take 0.6e9
MATRIX, COMPRESSED = 14, 15  # types of an element that hold others
NUMBER_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
NUMBER_TYPES |= {12: "i8", 13: "u8"}
TEXT_TYPES = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, CHAR, OPAQUE, NUMBERS = 1, 4, 17, range(6, 16)  # classes of a matrix
COMPLEX = 0x800  # among its flags
UNWANTED = {2: "a struct", 3: "an object", 5: "a sparse matrix", 16: "a function handle"}
UNWANTED |= {CELL: "a cell array", CHAR: "text", OPAQUE: "an opaque object"}
AGAIN = "fetch it again"
UNREAD = "it is not loaded, and nothing in it is evaluated"


class Layout(NamedTuple):
    """What the head of a matrix says: its class, its sizes, its name, and where its data start."""

    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    name: str
    start: int


def mat_label(path: Path) -> str:
    """Name of a file in messages: with its folder, because each benchmark has an `att_splits`."""
    return f"{path.parent.name}/{path.name}"


def mat_created(path: Path) -> str:
    """Date of writing in a v5 file's header, as it stands there; empty if it names none."""
    with path.open("rb") as stream:
        head = stream.read(HEADER_BYTES - 12).decode("latin-1")
    found = re.search(r"Created on: ([\w: ]+)", head)
    return found.group(1).strip() if found else ""


def read_mat(
    path: Path, *, numbers: Collection[str] = (), text: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Read the named variables that a MATLAB v5 file holds, and skip all others unread.

    Args:
        path: the file.
        numbers: variables that are real matrices; they keep the type they are stored in.
        text: variables that are text, or cells of text: they come as a row of strings.

    Raises:
        FileNotFoundError: there is no such file.
        BenchmarkError: no v5 file (v7.3 is HDF5), a damaged one, or a variable of another
            kind: a struct, an object, a function handle, a cell that holds more than text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path.name!r} in {str(path.parent)!r}.")
    found = {}
    with path.open("rb") as stream:
        header = _header(stream, path)
        order = "<" if header[126:128] == b"IM" else ">"
        try:
            for data in _variables(stream, order, {*numbers, *text}):
                layout = _layout(data, order)
                _check(data, layout, layout.name in text)
                read = _lines if layout.name in text else _numbers
                found[layout.name] = read(data, layout, order)
        except BenchmarkError as error:
            raise BenchmarkError(f"{mat_label(path)}: {error}") from error
        except DAMAGE as error:
            raise BenchmarkError(
                f"{mat_label(path)}: damaged, or cut short ({error}); {AGAIN}."
            ) from error
    return found


# what a broken file raises
DAMAGE = (struct.error, zlib.error, ValueError, OSError, EOFError, LookupError, OverflowError)


def _header(stream: BinaryIO, path: Path) -> bytes:
    header = stream.read(HEADER_BYTES)
    if header.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n" in header:
        raise BenchmarkError(
            f"{mat_label(path)}: a MATLAB v7.3 file (HDF5), and only v5 is read; "
            "save it again in MATLAB with save(..., '-v7')."
        )
    if len(header) < HEADER_BYTES or not header.startswith(b"MATLAB 5.0"):
        raise BenchmarkError(f"{mat_label(path)}: no MATLAB v5 file, or cut short; {AGAIN}.")
    return header


def _variables(stream: BinaryIO, order: str, wanted: set[str]) -> Iterator[memoryview]:
    """Yield each wanted variable, unpacked."""
    met = set()
    while tag := stream.read(TAG_BYTES):
        kind, size = struct.unpack(f"{order}II", tag)
        start = stream.tell()
        unpack = _inflated if kind == COMPRESSED else _stored
        # 512 bytes are enough for the head of any matrix whose name is wanted
        name = _layout(memoryview(b"".join(unpack(stream, size, 512, tag))), order).name
        if name in wanted:
            if name in met:
                raise BenchmarkError(f"{name} is there twice; {AGAIN}.")
            met.add(name)
            stream.seek(start)
            yield _whole(unpack(stream, size, LARGEST, tag), order, name)
        if start + size > stream.seek(0, io.SEEK_END):
            raise EOFError("it ends within a variable")
        stream.seek(start + size)


def _stored(stream: BinaryIO, size: int, limit: int, tag: bytes) -> Iterator[bytes]:
    """Yield a variable that is not compressed, in pieces, until just past a limit of bytes."""
    yield tag
    left = min(size, limit + 1)
    while left > 0 and (piece := stream.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece


def _inflated(stream: BinaryIO, size: int, limit: int, tag: bytes) -> Iterator[bytes]:
    """Yield a compressed variable in pieces; stop at the first that passes the limit."""
    inflate, done = zlib.decompressobj(), 0
    while size > 0 and done <= limit and (piece := stream.read(min(CHUNK, size))):
        size -= len(piece)
        piece = inflate.decompress(piece)
        done += len(piece)
        yield piece
    if done <= limit and not inflate.eof:
        raise EOFError("its compressed data end early")


def _whole(pieces: Iterator[bytes], order: str, name: str) -> memoryview:
    data = io.BytesIO()
    for piece in pieces:
        data.write(piece)
        if data.tell() > LARGEST:
            raise BenchmarkError(f"{name} unpacks to more than {LARGEST:,} bytes; {AGAIN}.")
    view = data.getbuffer()
    _, size = struct.unpack_from(f"{order}II", view)
    if len(view) < TAG_BYTES + size:
        raise EOFError(f"{name} ends early")
    return view


def _element(data: memoryview, at: int, order: str) -> tuple[int, int, int, int]:
    """Type, start, size of the element at a place, and where the next one starts."""
    word, size = struct.unpack_from(f"{order}II", data, at)
    if word >> 16:  # a short element keeps its data, at most four bytes, in its tag
        return word & 0xFFFF, at + 4, word >> 16, at + TAG_BYTES
    return word, at + TAG_BYTES, size, at + TAG_BYTES + size + -size % 8


def _content(data: memoryview, at: int, order: str) -> tuple[int, memoryview]:
    """Type and bytes of the element at a place."""
    kind, start, size, _ = _element(data, at, order)
    if start + size > len(data):
        raise EOFError("an element is larger than what holds it")
    return kind, data[start : start + size]


def _layout(data: memoryview, order: str, at: int = 0) -> Layout:
    """Read the head of the matrix at a place: flags, dimensions, name."""
    kind, start, _, _ = _element(data, at, order)
    if kind != MATRIX:
        raise ValueError(f"an element of type {kind} where a matrix should be")
    _, flags, _, after = _element(data, start, order)
    flags = struct.unpack_from(f"{order}I", data, flags)[0]
    kind = flags & 0xFF
    shape: tuple[int, ...] = ()
    if kind != OPAQUE:  # an opaque object has no dimensions
        _, start, size, after = _element(data, after, order)
        shape = struct.unpack_from(f"{order}{size // 4}i", data, start)
    *_, start = _element(data, after, order)
    name = bytes(_content(data, after, order)[1]).decode("latin-1")
    return Layout(kind, bool(flags & COMPLEX), shape, name, start)


def _check(data: memoryview, layout: Layout, is_text: bool) -> None:
    """Refuse, by its name, a variable of another kind, or larger than its own data."""
    name, wanted = layout.name, "text" if is_text else "a matrix of numbers"
    if layout.kind not in ((CELL, CHAR) if is_text else NUMBERS):
        raise BenchmarkError(f"{name} must be {wanted}, but is {_what(layout)}; {UNREAD}.")
    if layout.is_complex:
        raise BenchmarkError(f"{name} must be real, but is complex.")
    if min(layout.shape, default=0) < 0 or math.prod(layout.shape) > len(data):
        sizes = " x ".join(map(str, layout.shape))
        raise BenchmarkError(f"{name} claims {sizes} items in {len(data):,} bytes; {AGAIN}.")


def _what(layout: Layout) -> str:
    known = UNWANTED | dict.fromkeys(NUMBERS, "a matrix of numbers")
    return known.get(layout.kind, f"of class {layout.kind}")


def _numbers(data: memoryview, layout: Layout, order: str) -> np.ndarray:
    """Read a matrix's numbers, which MATLAB keeps column by column, as no wider than needed."""
    kind, content = _content(data, layout.start, order)
    return np.frombuffer(content, order + NUMBER_TYPES[kind]).reshape(layout.shape, order="F")


def _lines(data: memoryview, layout: Layout, order: str) -> np.ndarray:
    """Read one text, or a cell of texts; nothing else is looked into."""
    if layout.kind == CHAR:
        return np.array([_line(data, layout, order)])
    lines, at = [], layout.start
    for i in range(math.prod(layout.shape)):
        item = _layout(data, order, at)
        if item.kind != CHAR:
            raise BenchmarkError(
                f"{layout.name}[{i}] must be text, but is {_what(item)}; {UNREAD}."
            )
        lines.append(_line(data, item._replace(name=f"{layout.name}[{i}]"), order))
        *_, at = _element(data, at, order)
    return np.array(lines, dtype=str)


def _line(data: memoryview, layout: Layout, order: str) -> str:
    if math.prod(layout.shape) == 0 or layout.shape[0] != 1:
        sizes = " x ".join(map(str, layout.shape))
        raise BenchmarkError(f"{layout.name} must be one line of text, but is {sizes} characters.")
    kind, content = _content(data, layout.start, order)
    codec = TEXT_TYPES[kind]
    if codec in ("utf-16", "utf-32"):
        codec += "-le" if order == "<" else "-be"
    return bytes(content).decode(codec)
