"""Where files go: `build/`, the folder of one run, downloads. Never the current folder.

`ZSLNB_BUILD` moves `build/`; `ZSLNB_RUNS` moves the folders of runs only, so that a check can
share the experiments without touching anyone's results. `ZSLNB_DATA` moves what is downloaded.
"""

import contextlib
import errno
import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

NO_LOCKS = (
    errno.ENOLCK,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
)  # of a disk that has none: there all may go on


def repository_root() -> Path | None:
    """Folder that holds the package and its `pyproject.toml`; None when installed elsewhere."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def repository_dir(name: str) -> Path:
    """A folder of the repository; of the current folder when installed elsewhere."""
    return (repository_root() or Path.cwd()) / name


def build_dir() -> Path:
    """Folder for everything that is made: `$ZSLNB_BUILD`, else `build/` of the repository."""
    chosen = os.environ.get("ZSLNB_BUILD")
    return Path(chosen).resolve() if chosen else repository_dir("build")


def data_dir() -> Path:
    """Folder for what is downloaded: `$ZSLNB_DATA`, else the user's cache."""
    import pooch  # here, because only downloads need it

    chosen = os.environ.get("ZSLNB_DATA")
    return Path(chosen).expanduser().resolve() if chosen else pooch.os_cache("zslnb")


def run_name(benchmark: str, semantics: str, profile: str, sha256: str = "") -> str:
    """Name of a run, fit for a folder: `<benchmark>[-<8 digits>][-<semantics>]-<profile>`.

    The digits are those of a bundle's hash, since two bundles may have one name.
    """
    parts = filter(None, (benchmark, sha256[:8], semantics, profile))
    return re.sub(r"[^\w.-]+", "_", "-".join(parts))


def run_dir(benchmark: str, semantics: str, profile: str, sha256: str = "") -> Path:
    """Folder of one run's tables, figures, records and executed notebooks."""
    runs = os.environ.get("ZSLNB_RUNS")
    parent = Path(runs).resolve() if runs else build_dir()
    return parent / run_name(benchmark, semantics, profile, sha256)


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Give a name to write under; the file takes its own once the block has come to its end.

    So a reader never meets half of one. The temporary name holds host, process and thread, so
    that two machines on a shared disk do not meet; whatever fails, no temporary file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{writer_id()}-{threading.get_ident()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, and make its folder; see `written_atomically`."""
    with written_atomically(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def writer_id() -> str:
    """Host and process: no two writers that share a disk have the same."""
    return f"{socket.gethostname()}-{os.getpid()}"


@contextlib.contextmanager
def claimed(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock file, and say whether; where somebody else does, wait for it only if asked to.

    The system frees it when its holder dies.
    """
    import filelock  # here, because reading needs it not

    path.parent.mkdir(parents=True, exist_ok=True)
    lock, is_mine = filelock.FileLock(path), True
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        is_mine = wait
        if wait:
            print(f"Another run is at {path.stem.lstrip('.')}; waiting for it.", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield is_mine
    finally:
        lock.release()
