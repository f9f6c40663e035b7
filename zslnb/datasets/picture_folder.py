"""A folder of pictures with one sub-folder a class, and the files that may go with it.

Sub-folders go by their own names everywhere. Those in other files are compared after Unicode
normalisation (NFC), because disks store an accent in two ways.
"""

import contextlib
import csv
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image
from PIL.ImageFile import StubImageFile

from zslnb.datasets.bundle import file_sha256
from zslnb.datasets.xlsa17 import readable
from zslnb.errors import RequestError, did_you_mean

# what systems, viewers and cameras leave beside pictures, by name in lower case
LEFT_ASIDE = (
    *(".*", "__macosx", "lost+found", "$recycle.bin", "system volume information"),
    *("desktop.ini", "picasa.ini", "thumbs.db", "ehthumbs*.db", "zbthumbnail.info", "@eadir"),
    *("*.thm", "*.xmp", "*.aae", "*.json", "*.pp3"),
)
SET_ASIDE = "of systems, viewers and cameras"
NEED_PROGRAMS = ("EPS", "MPEG")  # formats that Pillow knows, but opens with others' help only
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a folder by class, and what was passed over.

    `classes` has by sub-folder, sorted, its pictures: paths in `root` with "/", sorted; `empty` are
    sub-folders without a picture; `skipped`, by reason, paths of what is no picture of a class.
    """

    root: Path
    classes: Mapping[str, Sequence[str]]
    empty: Sequence[str] = ()
    skipped: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def images(self) -> tuple[str, ...]:
        """All pictures, class after class."""
        return tuple(image for images in self.classes.values() for image in images)

    @cached_property
    def known(self) -> dict[str, str]:
        """Sub-folders by their normalised names, the empty ones included."""
        return {_normal(name): name for name in (*self.classes, *self.empty)}

    def find(self, name: str, where: str) -> str:
        """Look a sub-folder up; RequestError, saying where it was named, if it is not there."""
        if _normal(name) not in self.known:
            hint = did_you_mean(name, self.known)
            raise RequestError(f"{where}: there is no folder {name!r} in {self.root.name!r}.{hint}")
        return self.known[_normal(name)]


@cache
def picture_endings() -> frozenset[str]:
    """Endings of the kinds of pictures that the Pillow here can read."""
    endings = Image.registered_extensions()  # which also loads all of Pillow's formats
    opened = {kind: entry[0] for kind, entry in Image.OPEN.items() if kind not in NEED_PROGRAMS}
    stubs = {k for k, v in opened.items() if isinstance(v, type) and issubclass(v, StubImageFile)}
    return frozenset(end for end, kind in endings.items() if kind in {*opened} - stubs)


def read_picture_folder(root: Path) -> PictureFolder:
    """List the pictures below each sub-folder, however deep; they are found by their endings.

    Files and folders in `LEFT_ASIDE`, links to folders inside a class, names that are not UTF-8,
    other files, and what lies beside the sub-folders are passed over and listed.

    Raises RequestError if there is no such folder, no sub-folder with a picture, or one that holds
    files and no picture among them.
    """
    if not root.is_dir():
        raise RequestError(f"There is no folder {str(root)!r}.")
    classes, empty, skipped = {}, [], defaultdict(list)
    for path in sorted(root.iterdir(), key=lambda path: path.name):
        shown = printable(path.name)
        if path.is_dir() and shown != path.name:
            raise RequestError(f"The folder {shown!r} is not named in UTF-8: rename it.")
        if reason := _unfit(path) or ("" if path.is_dir() else "in no class's folder"):
            skipped[reason].append(shown)
            continue
        files = defaultdict(list)
        for file, reason in _files_below(path):
            files[reason].append(file.relative_to(root).as_posix())
        images = sorted(files.pop("", []))
        for reason, names in files.items():
            skipped[reason] += map(printable, names)
        if images:
            classes[path.name] = images
        elif {*files} - {SET_ASIDE}:
            files.pop(SET_ASIDE, None)
            raise _lost(path.name, [printable(name) for names in files.values() for name in names])
        else:
            empty.append(path.name)
    if not classes:
        raise RequestError(
            f"{root} has no sub-folder with a picture. Each class needs a sub-folder of its own; "
            f"pictures end in {', '.join(sorted(picture_endings()))}."
        )
    return PictureFolder(root, classes, empty, dict(skipped))


def _files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file, and why it is no picture of the class; nothing for one that is."""
    for path in folder.iterdir():
        reason, is_folder = _unfit(path), path.is_dir()
        if reason:
            yield path, reason
        elif is_folder and path.is_symlink():  # it could lead back here, or to another class
            yield path, "links to folders"
        elif is_folder:
            yield from _files_below(path)
        else:
            is_picture = path.suffix.lower() in picture_endings()
            yield path, "" if is_picture else "not pictures by their endings"


def _unfit(path: Path) -> str:
    if any(fnmatchcase(path.name.casefold(), pattern) for pattern in LEFT_ASIDE):
        return SET_ASIDE
    return "" if printable(path.name) == path.name else "not named in UTF-8"


def _lost(name: str, files: Sequence[str]) -> RequestError:
    endings = Counter(Path(file).suffix.lower() or "no ending" for file in files)
    kinds = ", ".join(f"{count} with {ending}" for ending, count in endings.most_common(3))
    return RequestError(
        f"The folder {name!r} has {len(files)} files and no picture that can be read here: {kinds} "
        f"({some(files, 3)}). Save them as .jpg or .png, or take the folder out."
    )


def printable(name: str) -> str:
    """Return a name with the bytes that are not UTF-8 escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def content_hashes(folder: PictureFolder) -> dict[str, str]:
    """SHA-256 of each picture's bytes; empty for a link that leads nowhere."""
    paths = {name: folder.root / name for name in folder.images}
    return {name: file_sha256(path) if path.is_file() else "" for name, path in paths.items()}


def read_class_names(path: Path | None, folder: PictureFolder) -> dict[str, str]:
    """Give each class its name in words: its folder's, unless a CSV file has another.

    The file has the columns `folder` and `name`, and may leave classes out. Of a folder's name the
    number in front ("001.") is dropped, and "_" and "+" become spaces, as in released code.

    Raises RequestError if it cannot be read, names what is not there, or two classes alike.
    """
    names = {key: _normal(readable(key)) for key in folder.classes}
    if path:
        columns, rows = _read_table(path, folder)
        if columns != ["folder", "name"]:
            raise RequestError(f"{path.name}: its columns must be folder,name, not {columns}.")
        names |= {key: _normal(cells[0]) for key, cells in rows.items() if key in names}
    counts = Counter(names.values())
    for key, name in names.items():
        if not name:
            raise RequestError(f"The folder {key!r} has no name: give it one in a file of names.")
        if counts[name] > 1:
            same = [key for key, other in names.items() if other == name]
            raise RequestError(
                f"The folders {some(same)} would all be called {name!r}: rename them, or give "
                "each a name in a file of names."
            )
    return names


def read_attributes(
    path: Path, folder: PictureFolder
) -> tuple[tuple[str, ...], Float32[np.ndarray, "C A"]]:
    """Read class attributes: CSV, the folder's name first, then a number in every column.

    Gives the A names of the columns, and the numbers in the order of the folder's classes. Raises
    RequestError if the file cannot be read, a class is missing, there twice or not a folder, or a
    cell is not a finite number.
    """
    columns, rows = _read_table(path, folder)
    if len(columns) < 2:
        raise RequestError(f"{path.name} has no column of numbers after the folder's name.")
    if missing := [name for name in folder.classes if name not in rows]:
        raise RequestError(f"{path.name} has no row for {some(missing)}.")
    values = np.empty((len(folder.classes), len(columns) - 1), np.float32)
    for i, name in enumerate(folder.classes):
        for j, (column, text) in enumerate(zip(columns[1:], rows[name], strict=True)):
            values[i, j] = _number(text, f"{path.name}, {name}, {column}")
    return tuple(columns[1:]), values


def _number(text: str, where: str) -> float:
    with contextlib.suppress(ValueError):
        if abs(float(text)) <= LARGEST:  # NaN is not
            return float(text)
    raise RequestError(f"{where}: {text!r} is not a number; write it as 0.5 or 12.")


def _read_table(path: Path, folder: PictureFolder) -> tuple[list[str], dict[str, list[str]]]:
    """Read a CSV file: the names of its columns, and the other cells of each sub-folder's row."""
    (_, columns), *lines = _lines(path) or [(1, [])]
    if len(columns) < 2:
        raise RequestError(
            f"{path.name} needs a first line that names its columns, with commas between them."
        )
    rows: dict[str, list[str]] = {}
    for number, cells in lines:
        where = f"{path.name}, line {number}"
        if len(cells) != len(columns):
            raise RequestError(f"{where}: {len(cells)} cells under {len(columns)} columns.")
        name = folder.find(cells[0], where)
        if name in rows:
            raise RequestError(f"{where}: {name!r} is there twice.")
        rows[name] = cells[1:]
    return columns, rows


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Read the lines of a CSV file that are not empty, each with its number."""
    lines = csv.reader(read_lines(path), strict=True)
    try:
        cells = [(lines.line_num, [cell.strip() for cell in line]) for line in lines]
    except csv.Error as error:
        raise RequestError(f"{path.name}, line {lines.line_num}: {error}.") from error
    return [(number, line) for number, line in cells if any(line)]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file; RequestError if there is none, or it is not UTF-8."""
    if not path.is_file():
        raise RequestError(f"There is no file {str(path)!r}.")
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()  # Excel puts a mark in front
    except UnicodeDecodeError as error:
        raise RequestError(f"{path.name} is not UTF-8 text; save it as such.") from error


def some(names: Sequence[str], shown: int = 10) -> str:
    """List names for a message, the first few of many."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
