"""`zslnb.datasets.matlab`: numbers and text are read, and nothing else gets anywhere."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import mats
import numpy as np
import pytest
from mats import (  # noqa: F401
    FUNCTION,
    OBJECT,
    OPAQUE,
    add,
    cells,
    element,
    in_a_child,
    in_this_process,
    matrix,
    nested_cells,
    write_mat,
)

from zslnb import BenchmarkError
from zslnb.datasets import matlab, matlab_child
from zslnb.datasets.bundle import read_bundle
from zslnb.datasets.matlab import mat_created, mat_label, read_mat

NUMBERS = {"grid": np.arange(6.0).reshape(2, 3), "wide": np.arange(1000, dtype=np.uint16)[:, None]}
TEXT = {"names": cells(["auk", "bittern", "Käuzchen"]), "title": "birds"}
NAMES = ["auk", "bittern", "Käuzchen", "麻雀"]


def write(path: Path, **changes: object) -> Path:
    return write_mat(path, {**NUMBERS, **TEXT, **changes})


def put(file: h5py.File, name: str, data: np.ndarray, kind: str) -> h5py.Dataset:
    dataset = file.create_dataset(name, data=data)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    return dataset


def write_v73(path: Path, change: Callable = lambda file: None) -> Path:
    """A file as MATLAB 7.3 lays it out: dimensions in reverse, text as numbers of two bytes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in NUMBERS.items():
            put(file, name, array.T, "double")
        texts = enumerate(NAMES)
        items = [put(file, f"#refs#/{i}", codes(text)[:, None], "char") for i, text in texts]
        put(file, "names", np.array([[item.ref for item in items]], dtype=h5py.ref_dtype), "cell")
        put(file, "title", np.stack([codes("auk   "), codes("crane ")]).T, "char")
        change(file)
    data = path.read_bytes()
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Sep 19 14:46:48 2019 HDF5 "
    path.write_bytes(head.ljust(512) + data[512:])
    return path


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-16-le"), "<u2")


def refused(path: Path, message: str) -> None:
    """Check that reading the file is refused, by its name and with this message."""
    with pytest.raises(BenchmarkError, match=re.escape(mat_label(path)) + ".*" + message):
        read_mat(path, numbers=NUMBERS, text=TEXT)


@pytest.mark.usefixtures("in_a_child")
@pytest.mark.parametrize("compressed", [True, False])
def test_numbers_and_text_come_as_stored(tmp_path, compressed):
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=compressed)
    arrays = read_mat(path, numbers=("grid", "wide", "absent"), text=("names", "title"))
    assert set(arrays) == {*NUMBERS, *TEXT}
    for name, array in NUMBERS.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    assert arrays["names"].tolist() == ["auk", "bittern", "Käuzchen"]
    assert arrays["title"].tolist() == ["birds"]


def test_text_as_scipy_writes_a_list_is_a_matrix_of_characters(tmp_path):
    arrays = read_mat(write(tmp_path / "a.mat", names=NAMES), text=("names",))
    assert arrays["names"].tolist() == NAMES


def test_matlab_73_is_read_too(tmp_path):
    path = write_v73(tmp_path / "a.mat")
    arrays = read_mat(path, numbers=NUMBERS, text=TEXT)
    for name, array in NUMBERS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert arrays["names"].tolist() == NAMES
    assert arrays["title"].tolist() == ["auk", "crane"]
    assert mat_created(path) == "Thu Sep 19 14:46:48 2019"


def other_file(file: h5py.File) -> None:
    del file["grid"]
    file["grid"] = h5py.ExternalLink("b.mat", "grid")


def foreign_bytes(file: h5py.File) -> None:
    del file["grid"]
    file.create_dataset("grid", (2, 2), "f8", external=[("/etc/passwd", 0, 32)])


def struct_for_numbers(file: h5py.File) -> None:
    del file["grid"]
    file.create_group("grid")


def cell_of_numbers(file: h5py.File) -> None:
    file["names"][0, 1] = file["wide"].ref


def foreign_text(file: h5py.File) -> None:
    item = file.create_dataset("#refs#/x", (4, 1), "<u2", external=[("/etc/passwd", 0, 8)])
    item.attrs["MATLAB_class"] = np.bytes_("char")
    file["names"][0, 1] = item.ref


def string_array(file: h5py.File) -> None:
    file["title"].attrs["MATLAB_class"] = np.bytes_("string")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_file, "grid must be .*a link to another place"),
        (foreign_bytes, "grid must be .*data of another file"),
        (struct_for_numbers, "grid must be a matrix of numbers, but is of class 'struct'"),
        (cell_of_numbers, r"names\[1\] must be text"),
        (foreign_text, r"names\[1\] must be text, but is 'data of another file'"),
        (string_array, "title must be text, but is of class 'string'.*cellstr makes"),
    ],
)
def test_what_matlab_73_may_not_hold_is_refused(tmp_path, change, message):
    refused(write_v73(tmp_path / "a.mat", change), message)


def test_the_date_of_a_file_is_in_its_header(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Thu Sep 19 2019   \0\0")
    assert mat_created(path) == "Thu Sep 19 2019"
    path.write_bytes(mats.HEADER)
    assert mat_created(path) == ""


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file 'gone\.mat'"):
        read_mat(tmp_path / "gone.mat")


MCOS = element(1, b"MCOS") + element(1, b"string") + matrix(13, "", element(6, b"\0" * 4))
INNER = matrix(4, "", element(16, b"x"))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", ["names", "grid"])
@pytest.mark.parametrize("kind", [FUNCTION, OBJECT])
def test_what_could_be_code_is_refused_by_name(tmp_path, kind, name, compressed):
    path = write(tmp_path / "a.mat", names=None, grid=None)
    add(path, matrix(kind, name, MCOS), compressed=compressed)
    refused(path, f"{name} must be .*nothing in it is evaluated")


def test_a_string_array_is_refused_with_the_way_out(tmp_path):
    path = add(write(tmp_path / "a.mat", names=None), matrix(OPAQUE, "names", MCOS))
    refused(path, "names must be text, but the file holds objects; .*cellstr makes a cell of text")


@pytest.mark.parametrize("kind", [FUNCTION, OPAQUE])
def test_code_beside_what_is_wanted_is_passed_over(tmp_path, kind):
    path = add(write(tmp_path / "a.mat"), matrix(kind, "trap", MCOS))
    assert {*read_mat(path, numbers=NUMBERS, text=TEXT)} == {*NUMBERS, *TEXT}


@pytest.mark.parametrize(
    "item", [matrix(FUNCTION, "", INNER), matrix(OPAQUE, "", MCOS)], ids=["function", "object"]
)
def test_within_cells_code_is_not_let_through(tmp_path, item):
    cell = matrix(1, "names", matrix(4, "", element(16, b"auk")) + item, (2, 1))
    refused(
        add(tmp_path / "a.mat", cell), r"names\[1\] must be text, but is Matlab(Function|Opaque)"
    )


@pytest.mark.usefixtures("in_a_child")
def test_cells_so_deep_that_the_reader_breaks_down_are_told(tmp_path):
    path = add(tmp_path / "a.mat", nested_cells("names", 20_000))
    refused(path, r"damaged, .*; fetch it again\.$")


@pytest.mark.usefixtures("in_a_child")
def test_a_reader_that_does_not_end_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "SECONDS", 0.01)
    refused(write(tmp_path / "a.mat"), "its reader broke down .it took more than")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"a": 1}}, "grid must be a matrix of numbers, but is of class 'struct'"),
        ({"grid": "text"}, "grid must be a matrix of numbers, but is of class 'char'"),
        ({"grid": cells(["a"])}, "grid must be a matrix of numbers, but is of class 'cell'"),
        ({"grid": np.array([[1j]])}, "grid must be real, but is complex"),
        ({"names": np.eye(2)}, "names must be text, but is of class 'double'"),
        (
            {"names": np.array([["a"], [3.0]], object)},
            r"names\[1\] must be text, but is a matrix of",
        ),
        ({"names": cells([cells(["a"])])}, r"names\[0\] must be text, but is a cell"),
        ({"names": cells(["a", ""])}, r"names\[1\] must be one line of text, but has 0"),
    ],
)
def test_another_kind_is_named(tmp_path, changes, message):
    refused(write(tmp_path / "a.mat", **changes), message)


@pytest.mark.parametrize("content", [b"", b"MATLAB", b"<html>404</html>".ljust(500), b"PK\3\4"])
def test_what_is_no_mat_file_is_refused(tmp_path, content):
    path = tmp_path / "a.mat"
    path.write_bytes(content)
    refused(path, "no MATLAB file, or cut short; fetch it again")


def test_a_v73_file_cut_short_is_refused(tmp_path):
    path = write_v73(tmp_path / "a.mat")
    path.write_bytes(path.read_bytes()[:3000])
    refused(path, "damaged, or cut short .*fetch it again")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, compressed):
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=compressed)
    content = path.read_bytes()
    for end in range(129, len(content), 7 if compressed else 31):
        path.write_bytes(content[:end])
        try:  # cut between two variables: what is there is whole, and the rest will be missed
            assert set(read_mat(path, numbers=NUMBERS, text=TEXT)) < {*NUMBERS, *TEXT}
        except BenchmarkError as error:
            assert str(error).endswith("fetch it again.")  # noqa: PT017


READ_EACH = """
import runpy, sys
child = runpy.run_path(sys.argv[1])
child["_bound_memory"]()
for path in sys.argv[3:]:
    status = child["main"](path, path + ".npz", sys.argv[2])
    print("", file=sys.stderr)
    print(status, flush=True)
"""


def read_each(paths: list[Path]) -> list[tuple[int, str]]:
    """Exit status and sentence of the child's reader for each file, until it breaks down."""
    wanted = json.dumps([[*NUMBERS], [*TEXT]])
    command = [sys.executable, "-c", READ_EACH, matlab_child.__file__, wanted, *map(str, paths)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    statuses = [int(status) for status in child.stdout.split()]
    assert (child.returncode == 0) == (len(statuses) == len(paths)), child.stderr
    return [*zip(statuses, child.stderr.split("\n"), strict=False)]


@pytest.mark.slow
@pytest.mark.usefixtures("in_a_child")
def test_damage_anywhere_is_refused_or_harmless(tmp_path):
    """One child reads many files; where one ends it, the next goes on behind that."""
    # uncompressed, SciPy's reader ends its process within these 400
    path = write_mat(tmp_path / "a.mat", {**NUMBERS, **TEXT}, compressed=False)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    paths = [tmp_path / f"{i}.mat" for i in range(400)]
    for path in paths:
        data = bytearray(content)
        for at in rng.integers(126, len(data), 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
    fatal = []
    while paths:
        results = read_each(paths)
        for path, (status, sentence) in zip(paths, results, strict=False):
            if status == 0:
                arrays = read_bundle(path.with_name(f"{path.name}.npz"))
                assert all(array.dtype.kind in "iufU" for array in arrays.values())
            else:
                assert (status, bool(sentence)) == (matlab_child.REFUSED, True)
        fatal += paths[len(results) :][:1]
        paths = paths[len(results) + 1 :]
    assert fatal
    for path in fatal[:5]:
        refused(path, r"damaged, .*; fetch it again\.$")


def test_sizes_beyond_all_measure_are_refused_unread(tmp_path):
    body = element(9, bytes(8))
    path = add(tmp_path / "a.mat", matrix(6, "grid", body, (2**30, 2**30)))
    refused(path, "grid claims 1073741824 x 1073741824 items")
    path = add(tmp_path / "c.mat", matrix(6, "grid", body, (-1, 1)))
    refused(path, "grid claims -1 x 1 items")


def test_data_that_claim_gigabytes_take_none(tmp_path):
    flags, sizes = element(6, struct.pack("<II", 6, 0)), element(5, struct.pack("<2i", 1, 1))
    lying = flags + sizes + element(1, b"grid") + struct.pack("<II", 9, 2**32 - 8)
    refused(add(tmp_path / "a.mat", element(14, lying), compressed=True), "damaged, or cut short")


@pytest.mark.parametrize("compressed", [True, False])
def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(matlab_child, "LARGEST", 1 << 20)
    bomb = matrix(9, "grid", element(2, bytes(1 << 24)), (1 << 24, 1))
    path = add(tmp_path / "a.mat", bomb, compressed=compressed)
    refused(path, "grid claims 16777216 x 1 items, more than 1,048,576 bytes")


def test_the_other_byte_order_is_read_too(tmp_path):
    def big(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    head = big(6, struct.pack(">II", 6, 0)) + big(5, struct.pack(">2i", 1, 2))
    body = head + big(1, b"longer") + big(9, struct.pack(">2d", 1, 2))
    path = tmp_path / "a.mat"
    path.write_bytes(mats.HEADER[:124] + struct.pack(">H", 0x0100) + b"MI" + big(14, body))
    assert read_mat(path, numbers=("longer",))["longer"].tolist() == [[1.0, 2.0]]


def test_a_variable_that_is_there_twice_is_refused(tmp_path):
    one = matrix(6, "grid", element(9, bytes(8)))
    refused(add(add(tmp_path / "a.mat", one), one), "grid is there twice")
