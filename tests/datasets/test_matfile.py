"""`zslnb.datasets.matfile`: numbers and text are read, and nothing else gets anywhere."""

import re
import struct
import zlib
from pathlib import Path

import mats
import numpy as np
import pytest
from mats import FUNCTION, OBJECT, OPAQUE, add, cells, element, matrix, nested_cells, write_mat

from zslnb import BenchmarkError
from zslnb.datasets import matfile
from zslnb.datasets.matfile import mat_created, mat_label, read_mat

NUMBERS = {"grid": np.arange(6.0).reshape(2, 3), "wide": np.arange(1000, dtype=np.uint16)[:, None]}
TEXT = {"names": cells(["auk", "bittern", "Käuzchen"]), "title": "birds"}


def write(path: Path, **changes: object) -> Path:
    return write_mat(path, {**NUMBERS, **TEXT, **changes})


def refused(path: Path, message: str, **wanted: object) -> None:
    """Check that reading the file is refused, by its name and with this message."""
    with pytest.raises(BenchmarkError, match=re.escape(mat_label(path)) + ".*" + message):
        read_mat(path, **(wanted or {"numbers": NUMBERS, "text": TEXT}))


@pytest.mark.parametrize("compressed", [True, False])
def test_numbers_and_text_come_as_stored(tmp_path, compressed):
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=compressed)
    found = read_mat(path, numbers=("grid", "wide", "absent"), text=("names", "title"))
    assert set(found) == {*NUMBERS, *TEXT}
    for name, array in NUMBERS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert found["names"].tolist() == ["auk", "bittern", "Käuzchen"]
    assert found["title"].tolist() == ["birds"]


def test_only_the_wanted_variables_are_read(tmp_path):
    path = add(write(tmp_path / "a.mat"), matrix(FUNCTION, "trap", b""))
    assert set(read_mat(path, numbers=("grid",))) == {"grid"}


def test_the_date_of_a_file_is_in_its_header(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Thu Sep 19 2019   \0\0")
    assert mat_created(path) == "Thu Sep 19 2019"
    path.write_bytes(mats.HEADER)
    assert mat_created(path) == ""


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file 'gone\.mat'"):
        read_mat(tmp_path / "gone.mat")


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["names", "grid"])
@pytest.mark.parametrize(
    ("kind", "what"),
    [(FUNCTION, "a function handle"), (OBJECT, "an object"), (OPAQUE, "an opaque object")],
)
def test_what_could_be_code_is_refused_by_name(tmp_path, kind, what, name, compressed):
    body = element(1, b"MCOS") + element(1, b"string") + matrix(13, "", element(6, b"\0" * 4))
    path = add(
        write(tmp_path / "a.mat", names=None), matrix(kind, name, body), compressed=compressed
    )
    refused(path, f"{name} must be .*, but is {what}; .*nothing in it is evaluated")


def test_within_cells_only_text_is_let_through(tmp_path):
    for kind, what in ((FUNCTION, "a function handle"), (OPAQUE, "an opaque object")):
        body = matrix(4, "", element(16, b"auk")) + matrix(kind, "", b"")
        path = add(tmp_path / f"{kind}.mat", matrix(1, "names", body, (2, 1)))
        refused(path, rf"names\[1\] must be text, but is {what}")
    path = write(tmp_path / "numbers.mat", names=np.array([["auk"], [3.0]], dtype=object))
    refused(path, r"names\[1\] must be text, but is a matrix of numbers")


def test_cells_in_cells_are_refused_however_deep(tmp_path):
    # scipy's reader follows them by recursion, and 20,000 of them end the process
    path = add(tmp_path / "a.mat", nested_cells("names", 20_000))
    refused(path, r"names\[0\] must be text, but is a cell array")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"a": 1}}, "grid must be a matrix of numbers, but is a struct"),
        ({"grid": "text"}, "grid must be a matrix of numbers, but is text"),
        ({"grid": cells(["a"])}, "grid must be a matrix of numbers, but is a cell array"),
        ({"grid": np.array([[1j]])}, "grid must be real, but is complex"),
        ({"names": np.eye(2)}, "names must be text, but is a matrix of numbers"),
        (
            {"names": cells(["a", ""])},
            r"names\[1\] must be one line of text, but is 0 x 0 characters",
        ),
    ],
)
def test_another_kind_is_named(tmp_path, changes, message):
    refused(write(tmp_path / "a.mat", **changes), message)


@pytest.mark.parametrize("head", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"])
def test_v73_is_told_apart_and_how_to_save_it_is_said(tmp_path, head):
    path = tmp_path / "a.mat"
    path.write_bytes(head.ljust(512))
    refused(path, r"v7\.3 file \(HDF5\).*save\(\.\.\., '-v7'\)")


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", b"<html>404</html>".ljust(500), b"PK\3\4"])
def test_what_is_no_mat_file_is_refused(tmp_path, content):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    refused(path, "no MATLAB v5 file, or cut short; fetch it again")


def outcome(path: Path) -> dict[str, np.ndarray] | str:
    """What a file gives: its arrays, or the message that refuses it. Nothing else may come."""
    try:
        return read_mat(path, numbers=NUMBERS, text=TEXT)
    except BenchmarkError as error:
        return str(error)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, compressed):
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=compressed)
    whole, between = path.read_bytes(), 0
    for end in range(129, len(whole), 7 if compressed else 31):
        path.write_bytes(whole[:end])
        found = outcome(path)
        if isinstance(found, str):
            assert found.endswith("fetch it again.")
        else:  # cut between two variables: what is there is whole, and the rest will be missed
            assert set(found) < {*NUMBERS, *TEXT}
            between += 1
    assert between < 4


@pytest.mark.parametrize("compressed", [True, False])
def test_damage_anywhere_is_refused_or_harmless(tmp_path, compressed):
    # uncompressed, scipy's reader ends the process within these 400
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=compressed)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(400):
        data = bytearray(whole)
        for at in rng.integers(126, len(data), 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        found = outcome(path)
        if isinstance(found, str):
            assert found.startswith(mat_label(path))
        else:
            assert all(array.dtype.kind in "iufU" for array in found.values())


def test_sizes_beyond_the_data_are_refused_unread(tmp_path):
    body = element(9, bytes(8))
    path = add(tmp_path / "a.mat", matrix(6, "grid", body, (2**30, 2**30)))
    refused(path, "grid claims 1073741824 x 1073741824 items in 72 bytes")
    path = add(tmp_path / "b.mat", matrix(1, "names", b"", (2**31 - 1, 2)))
    refused(path, "names claims .* items")
    path = add(tmp_path / "c.mat", matrix(6, "grid", body, (-1, 1)))
    refused(path, "grid claims -1 x 1 items")


def test_data_that_claim_gigabytes_take_none(tmp_path):
    flags, sizes = element(6, struct.pack("<II", 6, 0)), element(5, struct.pack("<2i", 1, 1))
    lying = flags + sizes + element(1, b"grid") + struct.pack("<II", 9, 2**32 - 8)
    path = add(tmp_path / "a.mat", element(14, lying), compressed=True)
    refused(path, "damaged, or cut short")


def test_a_bomb_is_unpacked_only_up_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(matfile, "LARGEST", 1 << 20)
    bomb = matrix(9, "grid", element(2, bytes(1 << 24)), (1 << 24, 1))
    path = add(tmp_path / "a.mat", bomb, compressed=True)
    assert path.stat().st_size < len(zlib.compress(bomb)) + 200
    refused(path, "grid unpacks to more than 1,048,576 bytes")
    refused(add(tmp_path / "b.mat", bomb), "grid unpacks to more than 1,048,576 bytes")


def test_a_variable_that_is_there_twice_is_refused(tmp_path):
    one = matrix(6, "grid", element(9, bytes(8)))
    refused(add(add(tmp_path / "a.mat", one), one), "grid is there twice")


def test_the_other_byte_order_is_read_too(tmp_path):
    def big(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    sizes = big(5, struct.pack(">2i", 1, 2))
    body = (
        big(6, struct.pack(">II", 6, 0))
        + sizes
        + big(1, b"longer")
        + big(9, struct.pack(">2d", 1, 2))
    )
    path = tmp_path / "a.mat"
    path.write_bytes(mats.HEADER[:124] + struct.pack(">H", 0x0100) + b"MI" + big(14, body))
    assert read_mat(path, numbers=("longer",))["longer"].tolist() == [[1.0, 2.0]]
