"""MATLAB files in the true layouts of xlsa17, small enough to write in a test."""

import contextlib
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from zslnb.datasets import matlab, matlab_child
from zslnb.datasets.xlsa17 import Sizes

AWA2_FOLDER = "/BS/xian/work/data/Animals_with_Attributes2//JPEGImages/"
CUB_FOLDER = "/BS/Deep_Fragments/work/MSc/CUB_200_2011/CUB_200_2011/images/"
SUN_FOLDER = "/BS/Deep_Fragments/work/MSc/data/SUN/images/"
FOLDERS = {"cub": CUB_FOLDER, "sun": SUN_FOLDER, "awa2": AWA2_FOLDER}
# six classes a benchmark, in the order that labels count in, which is not that of the pictures
NAMES = {
    "cub": ["002.Auk", "001.Rock_Wren", "004.Dove", "006.Owl", "003.Crane", "005.Tit+Mouse"],
    "sun": ["abbey", "apse_indoor", "arch", "bakery_shop", "bar", "zoo"],
    "awa2": ["antelope", "grizzly+bear", "ox", "killer+whale", "bat", "zebra"],
}
EACH = 5  # pictures in a class
SIZES = Sizes(seen=4, unseen=2, trainval=16, test_seen=4, test_unseen=10)
ATT = np.arange(18.0).reshape(3, 6)
HEADER = b"MATLAB 5.0 MAT-file, by hand".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
FUNCTION, OBJECT, OPAQUE = 16, 3, 17


def cells(names: Sequence[str]) -> np.ndarray:
    """A column of cells, each a text: how MATLAB keeps a list of names."""
    column = np.empty((len(names), 1), dtype=object)
    column[:, 0] = list(names)
    return column


def column(numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(numbers)[:, None]


def write_mat(path: Path, arrays: dict, *, compressed: bool = True) -> Path:
    """Write arrays; those that are None are left out."""
    kept = {name: array for name, array in arrays.items() if array is not None}
    savemat(path, kept, do_compression=compressed, oned_as="column")
    return path


def write_res101(
    path: Path,
    labels: np.ndarray,
    class_names: Sequence[str],
    /,
    *,
    folder: str = CUB_FOLDER,
    width: int = 4,
    **changes: object,
) -> Path:
    """Write a `res101.mat` of images whose labels, from 1, count in the order of class_names."""
    rng = np.random.default_rng(0)
    files = [f"{folder}{class_names[y - 1]}/{i:05}.jpg" for i, y in enumerate(labels)]
    features = rng.random((width, len(labels))) + labels / len(class_names)
    arrays = {"image_files": cells(files), "features": features, "labels": column(labels)}
    return write_mat(path, {**arrays, **changes})


def class_folder(name: str, class_name: str) -> str:
    """Where a class's pictures lie: SUN's are below their first letter, some one deeper."""
    deeper = "/".join(class_name.rsplit("_", 1))
    return f"{class_name[0]}/{deeper}" if name == "sun" else class_name


def picture_paths(name: str) -> tuple[list[str], np.ndarray]:
    """Paths of a benchmark's pictures in their folder, by class folder, and labels from 1."""
    order = sorted(range(6), key=lambda i: NAMES[name][i])
    paths = [f"{class_folder(name, NAMES[name][i])}/{n:03}.jpg" for i in order for n in range(EACH)]
    return paths, np.repeat(np.array(order) + 1, EACH)


def images_of(labels: np.ndarray, classes: Sequence[int], images: slice) -> np.ndarray:
    """Where, counting from 1, some images of some classes are."""
    return np.concatenate([np.flatnonzero(labels == y)[images] for y in classes]) + 1


def lists_of(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The Proposed Split's lists: the last two classes are unseen, the fourth validates."""
    return {
        "trainval_loc": images_of(labels, [1, 2, 3, 4], slice(0, 4)),
        "test_seen_loc": images_of(labels, [1, 2, 3, 4], slice(4, 5)),
        "test_unseen_loc": images_of(labels, [5, 6], slice(0, 5)),
        # as published: no class in both, and test images among them
        "train_loc": images_of(labels, [1, 2, 3], slice(0, 5)),
        "val_loc": images_of(labels, [4], slice(0, 5)),
    }


def write_split(path: Path, name: str = "cub", **changes: object) -> Path:
    """Write an `att_splits.mat`; `names` change the classes'."""
    lists = {key: column(idx) for key, idx in lists_of(picture_paths(name)[1]).items()}
    names = changes.pop("names", NAMES[name])
    arrays = {"allclasses_names": None if names is None else cells(names)}
    return write_mat(path, arrays | {"att": ATT, "original_att": ATT[::-1] * 10} | lists | changes)


def write_published(folder: Path, name: str, **changes: object) -> None:
    """Write a benchmark's two files; changes are of `res101.mat`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, labels = picture_paths(name)
    files = cells([FOLDERS[name] + path for path in paths])
    changes = {"image_files": files, **changes}
    write_res101(folder / "res101.mat", labels, NAMES[name], width=12, **changes)
    write_split(folder / "att_splits.mat", name)


def element(kind: int, data: bytes) -> bytes:
    """An element of a v5 file: its tag, its data, and zeros up to a multiple of eight."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind: int, name: str, body: bytes, shape: tuple[int, ...] = (1, 1)) -> bytes:
    """A matrix of any class, by hand; scipy writes no function handles or opaque objects."""
    sizes = b"" if kind == OPAQUE else element(5, struct.pack(f"<{len(shape)}i", *shape))
    flags = element(6, struct.pack("<II", kind, 0))
    return element(14, flags + sizes + element(1, name.encode()) + body)


def nested_cells(name: str, depth: int) -> bytes:
    """A cell in a cell in a cell ...: reading it the plain way costs a stack frame a level."""
    inner = matrix(4, "", element(16, b"x"))
    size, heads = len(inner), []
    for level in range(depth):
        head = matrix(1, name if level == depth - 1 else "", b"")[8:]
        size += len(head)
        heads.append(struct.pack("<II", 14, size) + head)
        size += 8
    return b"".join(reversed(heads)) + inner


def add(path: Path, variable: bytes, *, compressed: bool = False) -> Path:
    """Put a variable made by hand before the others of a file."""
    data = path.read_bytes() if path.is_file() else HEADER
    if compressed:
        packed = zlib.compress(variable)
        variable = struct.pack("<II", 15, len(packed)) + packed
    path.write_bytes(data[:128] + variable + data[128:])
    return path


def run_here(path: Path, target: Path, wanted: str) -> tuple[int, str]:
    """Do what `matlab.run_child` does, in this process."""
    stderr = io.StringIO()
    with contextlib.redirect_stderr(stderr):
        status = matlab_child.main(str(path), str(target), wanted)
    return status, stderr.getvalue()


@pytest.fixture
def in_a_child():
    """Read MATLAB files in a process of its own, as users do."""


@pytest.fixture(autouse=True)
def in_this_process(request, monkeypatch):
    """Read them here, wherever this is imported: each process more takes most of a second."""
    if "in_a_child" not in request.fixturenames:
        monkeypatch.setattr(matlab, "run_child", run_here)
