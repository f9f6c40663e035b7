"""Where files go: `build/`, the folder of one run, downloads. Never the current folder.

`ZSLNB_BUILD` moves `build/`; `ZSLNB_RUNS` moves the folders of runs only, so that a check can
share the experiments without touching anyone's results. `ZSLNB_DATA` moves what is downloaded.
"""

import os
import re
import socket
import threading
from pathlib import Path


def repository_root() -> Path | None:
    """Folder that holds the package and its `pyproject.toml`; None when installed elsewhere."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def build_dir() -> Path:
    """Folder for everything that is made: `$ZSLNB_BUILD`, else `build/` of the repository."""
    chosen = os.environ.get("ZSLNB_BUILD")
    return Path(chosen).resolve() if chosen else (repository_root() or Path.cwd()) / "build"


def data_dir() -> Path:
    """Folder for what is downloaded: `$ZSLNB_DATA`, else the user's cache."""
    import pooch  # here, because only downloads need it

    chosen = os.environ.get("ZSLNB_DATA")
    return Path(chosen).expanduser().resolve() if chosen else pooch.os_cache("zslnb")


def run_name(benchmark: str, semantics: str, profile: str, sha256: str = "") -> str:
    """Name of a run, fit for a folder: `<benchmark>[-<8 digits>][-<semantics>]-<profile>`.

    The digits are those of a bundle's hash, since two bundles may have one name.
    """
    parts = [part for part in (benchmark, sha256[:8], semantics, profile) if part]
    return re.sub(r"[^\w.-]+", "_", "-".join(parts))


def run_dir(benchmark: str, semantics: str, profile: str, sha256: str = "") -> Path:
    """Folder of one run's tables, figures, records and executed notebooks."""
    runs = os.environ.get("ZSLNB_RUNS")
    parent = Path(runs).resolve() if runs else build_dir()
    return parent / run_name(benchmark, semantics, profile, sha256)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader never meets half of one, and make its folder.

    The temporary name holds host, process and thread, so that two machines on a shared disk do not
    meet; whatever fails, no temporary file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}"
    part = path.with_name(f".{path.name}.{writer}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
