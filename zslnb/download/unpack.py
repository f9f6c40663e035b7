"""Unpack an archive that nobody vouches for: nothing outside the target, nothing half done.

Everything goes to a folder beside the target, which takes the target's name once it is complete.
So a run that is killed leaves no target, and a target that is there need not be looked through.
"""

import contextlib
import errno
import gzip
import re
import shutil
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from zslnb.download.sources import SourceError, require_space, size

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not kept apart there
    fcntl = None

MARKER = ".zslnb-complete"
CHUNK = 1 << 20
HEADER_LIMIT = 4 * CHUNK
RATIO = 100  # pictures and matrices stay far below; a bomb reaches a thousand
HARMLESS = 100_000_000  # bytes that may be written whatever the ratio
FULL = (errno.ENOSPC, errno.EDQUOT)
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, struct.error),
    *(EOFError, ValueError, NotImplementedError),
)


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path, target: Path, *, limit_bytes: int, limit_files: int, expected: Sequence[str] = ()
) -> Path:
    """Unpack a .zip, .tar or .tar.gz once; a target that is complete is left as it is.

    Links, devices, names that lead outside, names that clash, encryption, and more than was
    agreed are refused before anything is kept.

    Args:
        archive: the file; not opened if the target is there.
        target: folder to make. One made by hand is taken if it holds what is expected.
        limit_bytes: how much it may unpack to; nor may it grow a hundredfold.
        limit_files: how many files and folders it may hold.
        expected: paths, relative to the target, that it must hold.

    Raises:
        SourceError: refused, damaged, lacking something, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock")):
        if not target.exists():
            part = target.with_name(f".{target.name}.part")
            shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
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


def _require(expected: Sequence[str], folder: Path, what: Path, remedy: str) -> None:
    if missing := [path for path in expected if not (folder / path).exists()]:
        raise SourceError(f"{what} lacks {', '.join(missing)}. {remedy}")


def _unpack(archive: Path, part: Path, limit_bytes: int, limit_files: int) -> None:
    """Write everything and the marker, or say in one error why not."""
    try:
        part.mkdir()
        allowed = min(limit_bytes, max(RATIO * archive.stat().st_size, HARMLESS))
        count = _write_all(archive, part, allowed, limit_files)
        with (part / MARKER).open("x", encoding="utf-8") as marker:
            marker.write(f"{count} files and folders of {archive.name}\n")
    except DAMAGED as error:
        raise SourceError(
            f"{archive} is damaged or cut short ({error}). Delete {archive}* and run again."
        ) from error
    except FileExistsError as error:
        name = Path(error.filename).relative_to(part)
        raise _refused(archive, str(name), "is there twice, or clashes with another") from error
    except OSError as error:
        if error.errno in FULL:
            raise SourceError(
                f"The disk of {part.parent} is full; nothing of {archive.name} was kept there. "
                "Free some, or move everything to a larger disk and set ZSLNB_DATA to it."
            ) from error
        raise SourceError(f"{archive} could not be unpacked: {error}.") from error


def _write_all(archive: Path, part: Path, allowed: int, limit_files: int) -> int:
    """Write every member; return how many. What is written is counted, whatever was declared."""
    count, left = 0, allowed
    for member in _members(archive, part, allowed):
        count += 1
        if count > limit_files:
            raise _refused(archive, member.name, f"is one more than {limit_files:,} files")
        path = part / _inside(member.name, archive)
        if member.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            continue
        if member.size > left:
            raise _refused(archive, member.name, f"makes it more than {size(allowed)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        left -= _write(member, path)
    return count


def _write(member: _Member, path: Path) -> int:
    # "x": where case is not told apart, a second name for the same file is met here
    with member.open() as stream, path.open("xb") as out:
        shutil.copyfileobj(stream, out, CHUNK)
        if out.tell() != member.size:
            raise EOFError(f"{member.name} has {out.tell()} of {member.size} bytes")
    return member.size


def _members(archive: Path, part: Path, allowed: int) -> Iterator[_Member]:
    """Open the archive by what it is, not by what it is called."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive, part, allowed)
    else:
        yield from _tar_members(archive)


def _zip_members(archive: Path, part: Path, allowed: int) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as zipped:
        declared = sum(info.file_size for info in zipped.infolist())
        if declared > allowed:
            raise _refused(archive, "all of it", f"is {size(declared)}, over {size(allowed)}")
        require_space(declared, part, f"Unpacking {archive.name}")
        for info in zipped.infolist():
            if info.flag_bits & 1:
                raise _refused(archive, info.filename, "is encrypted")
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, info.filename, "is a link or a device")
            opens = lambda info=info: zipped.open(info)  # noqa: E731
            yield _Member(info.filename, info.file_size, info.is_dir(), opens)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = _SmallReads(gzip.GzipFile(fileobj=file) if packed else file)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for info in tar:
                if not (info.isreg() or info.isdir()):
                    raise _refused(archive, info.name, "is a link or a device")
                opens = lambda info=info: tar.extractfile(info)  # noqa: E731
                yield _Member(info.name, info.size, info.isdir(), opens)
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


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.search(r"\\|\0|^[A-Za-z]:", name):
        raise _refused(archive, name, "leads outside")
    return path


def _refused(archive: Path, name: str, why: str) -> SourceError:
    return SourceError(
        f"{archive} is refused: {name!r} {why}. Nothing of it was kept. Compare it with the page "
        f"it came from, then delete {archive}* and run again."
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for whoever else does; the system frees it when its holder dies."""
    with path.open("a", encoding="utf-8") as lock:
        if fcntl and not _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            print(f"Another run is at {path.stem.lstrip('.')}; waiting for it.", file=sys.stderr)
            _lock(lock, fcntl.LOCK_EX)
        yield


def _lock(lock: IO[str], how: int) -> bool:
    """Try a lock; False if someone else holds it. A disk without locks gives everyone leave."""
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
