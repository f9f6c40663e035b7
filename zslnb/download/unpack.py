"""Unpack an archive that nobody vouches for: nothing outside the target, nothing half done.

Everything goes to a folder beside the target, which takes the target's name once it is complete.
So a run that is killed leaves no target, and a target that is there need not be looked through.
"""

import errno
import gzip
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from zslnb.download.sources import SourceError, require_space, size
from zslnb.files import claimed, writer_id

MARKER = ".zslnb-complete"
CHUNK = 1 << 20
HEADER_LIMIT = 4 * CHUNK
# the largest source, AwA2, is 13 GB and has 37,322 pictures, each with its licence
LIMIT_BYTES, LIMIT_FILES = 50_000_000_000, 300_000
RATIO = 100  # pictures and matrices stay far below; a bomb reaches a thousand
HARMLESS = 100_000_000  # bytes that may be written whatever the ratio
FULL = (errno.ENOSPC, errno.EDQUOT)
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError),
    *(tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError),
)


def unpack(
    archive: Path,
    target: Path,
    *,
    expected: Sequence[str] = (),
    limit_bytes: int = LIMIT_BYTES,
    limit_files: int = LIMIT_FILES,
) -> Path:
    """Unpack a .zip, .tar or .tar.gz once; a target that is complete is left as it is.

    Links, devices, names that lead outside, names that clash, encryption, and more than was
    agreed are refused before anything is kept.

    Args:
        archive: the file; not opened if the target is there.
        target: folder to make. One made by hand is taken if it holds what is expected.
        expected: paths, relative to the target, that it must hold.
        limit_bytes: how much it may unpack to; nor may it grow a hundredfold.
        limit_files: how many files and folders it may hold.

    Raises:
        SourceError: refused, damaged, lacking something, or the disk is full.
    """
    with claimed(target.with_name(f".{target.name}.lock"), wait=True):
        if not target.exists():
            _remove_leftovers(target)
            part = target.with_name(f".{target.name}.{writer_id()}.part")
            try:
                _unpack(archive, part, limit_bytes, limit_files)
                _require(expected, part, archive, f"Delete {archive}* and run again.")
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        elif not (expected or (target / MARKER).exists()):
            raise SourceError(f"{target} was not made here. Move it away and run again.")
        _require(expected, target, target, f"Delete {target} and run again.")
    return target


def _remove_leftovers(target: Path) -> None:
    """Remove what runs that were killed on this machine have left; another's may be at work."""
    host, _, _ = writer_id().rpartition("-")
    for part in target.parent.glob(f".{target.name}.{host}-*.part"):
        pid = part.name.removesuffix(".part").rpartition("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(part, ignore_errors=True)


def _require(expected: Sequence[str], folder: Path, what: Path, remedy: str) -> None:
    if missing := [path for path in expected if not (folder / path).exists()]:
        raise SourceError(f"{what} lacks {', '.join(missing)}. {remedy}")


def _unpack(archive: Path, part: Path, limit_bytes: int, limit_files: int) -> None:
    """Write everything and the marker, or say in one error why not."""
    try:
        allowed = min(limit_bytes, max(RATIO * archive.stat().st_size, HARMLESS))
        guard = _Guard(archive, part, allowed, limit_files)
        part.mkdir()
        (_unzip if zipfile.is_zipfile(archive) else _untar)(guard)
        with (part / MARKER).open("x", encoding="utf-8") as marker:
            marker.write(f"{guard.count} files and folders of {archive.name}\n")
    except DAMAGED as error:
        raise SourceError(
            f"{archive} is damaged or cut short ({error}). Delete {archive}* and run again."
        ) from error
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError):
            name = Path(error.filename).relative_to(part)
            raise guard.refused(str(name), "is there twice, or clashes with another") from error
        if error.errno not in FULL:
            raise SourceError(f"{archive} could not be unpacked: {error}.") from error
        raise SourceError(
            f"The disk of {part.parent} is full; nothing of {archive.name} was kept there. "
            "Free some, or move everything to a larger disk and set ZSLNB_DATA to it."
        ) from error


@dataclass
class _Guard:
    """Decides which members of an archive may be written, and counts them."""

    archive: Path
    part: Path
    allowed: int
    limit_files: int
    count: int = 0
    written: int = 0

    def refused(self, name: str, why: str) -> SourceError:
        return SourceError(
            f"{self.archive} is refused: {name!r} {why}. Nothing of it was kept. Compare it with "
            f"the page it came from, then delete {self.archive}* and run again."
        )

    def admit(self, name: str, count: int, *, is_folder: bool, is_plain: bool) -> None:
        """Raise for a member that may not be written."""
        self.count, self.written = self.count + 1, self.written + count
        path = PurePosixPath(name)
        if self.count > self.limit_files:
            raise self.refused(name, f"is one more than {self.limit_files:,} files")
        if not is_plain:
            raise self.refused(name, "is a link or a device")
        if path.is_absolute() or ".." in path.parts or re.search(r"\\|\0|^[A-Za-z]:", name):
            raise self.refused(name, "leads outside")
        if self.written > self.allowed:
            raise self.refused(name, f"makes it more than {size(self.allowed)}")
        if not is_folder and (self.part / path).exists():  # also where case is not told apart
            raise FileExistsError(errno.EEXIST, "there twice", str(self.part / path))


def _unzip(guard: _Guard) -> None:
    with zipfile.ZipFile(guard.archive) as zipped:
        declared = sum(info.file_size for info in zipped.infolist())
        if declared > guard.allowed:
            raise guard.refused("all of it", f"is {size(declared)}, over {size(guard.allowed)}")
        require_space(declared, guard.part, f"Unpacking {guard.archive.name}")
        for info in zipped.infolist():
            if info.flag_bits & 1:
                raise guard.refused(info.filename, "is encrypted")
            kind = stat.S_IFMT(info.external_attr >> 16)
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            guard.admit(info.filename, info.file_size, is_folder=info.is_dir(), is_plain=is_plain)
            path = Path(zipped.extract(info, guard.part))
            if not info.is_dir() and path.stat().st_size != info.file_size:
                raise EOFError(f"{info.filename} has not its {info.file_size} bytes")


def _untar(guard: _Guard) -> None:
    def admit(info: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
        is_plain = info.isreg() or info.isdir()
        guard.admit(info.name, info.size, is_folder=info.isdir(), is_plain=is_plain)
        safe = tarfile.data_filter(info, folder)
        return safe if info.isdir() else safe.replace(mode=0o644, deep=False)

    with guard.archive.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = _SmallReads(gzip.GzipFile(fileobj=file) if is_packed else file)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            tar.extractall(str(guard.part), filter=admit)
        while stream.read(CHUNK):  # to the end, where gzip keeps its checksum
            pass


class _SmallReads:
    """A stream for tarfile, which reads a header whole, however long it says it is."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.seek, self.tell = stream, stream.seek, stream.tell

    def read(self, count: int) -> bytes:
        if count > HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {size(count)}")
        return self.stream.read(count)
