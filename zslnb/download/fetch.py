"""Download what a source describes: once, whole, and the same file as before.

A file `F` in the downloads folder has beside it `F.part` while it is incomplete (and
`F.part.json`: which file that is the first half of), `F.json` once it has been checked, and
`F.lock` while a run is at it.
"""

import hashlib
import json
import os
import re
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from zslnb.download.sources import Source, SourceError, free, require_space, size
from zslnb.download.unpack import FULL, unpack
from zslnb.files import claimed, write_atomically

WAITS = (1.0, 5.0, 15.0)  # seconds before each further try that follows a fruitless one
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
WEB_PAGE = "the address gives a web page, not the file."
CHUNK = 1 << 16  # what a cut connection loses at most


def obtain(source: Source, root: Path | None = None) -> Path:
    """Fetch and unpack a source, or find it unpacked; return its folder.

    Once it is unpacked the archive is not needed any more, and may be deleted. Raises SourceError
    as `fetch` and `unpack` do.
    """
    folder, archive = source.folder(root), source.archive(root)
    if not folder.exists():
        fetch(source, root)
    return unpack(archive, folder, expected=source.holds)


def fetch(source: Source, root: Path | None = None, *, waits: Sequence[float] = WAITS) -> Path:
    """Download a source's file, or find it there; return its path once it has been checked.

    A download that was cut, interrupted or out of disk goes on where it stopped. A file that
    somebody put there by hand is checked alike. On a terminal a bar is shown.

    Args:
        source: what to fetch.
        root: folder for all data; `data_dir()` unless given.
        waits: seconds to wait before each further try when nothing comes.

    Raises:
        SourceError: a dead address, no room, or not the file that it should be; with the page,
            the address and how to do it by hand.
    """
    file = source.archive(root)
    with claimed(_beside(file, ".lock"), wait=True):
        is_new = not file.exists()
        if is_new:
            _download(source, root, waits)
        _check(source, root, is_new)
    return file


def _download(source: Source, root: Path | None, waits: Sequence[float]) -> None:
    """Ask for a file as often as it takes; raise SourceError when there is no point."""
    file = source.archive(root)
    part, fruitless = _beside(file, ".part"), 0
    while True:
        before = _bytes(part)
        try:
            _get(source, part, root)
            break
        except requests.RequestException as error:
            fruitless = 0 if _bytes(part) > before else fruitless + 1
            status = getattr(error.response, "status_code", 0)
            is_final = 400 <= status < 500 and status not in (408, 416, 429)
            if is_final or fruitless > len(waits):
                raise source.trouble(f"cannot be downloaded: {error}", root) from error
            seconds = waits[max(fruitless - 1, 0)] if waits else 0.0
            problem = f"{source.name}: {type(error).__name__}, again in {seconds:.0f} s"
            print(f"{problem}, with {size(_bytes(part))} there.", file=sys.stderr)
            time.sleep(seconds)
        except OSError as error:
            why = f"cannot write to {part.parent}: {error}."
            if error.errno in FULL:
                why = (
                    f"the disk of {part.parent} is full ({size(free(part.parent))} free). "
                    f"{size(_bytes(part))} came and are kept: free some and run again, or move the "
                    "folder to a larger disk and set ZSLNB_DATA to it."
                )
            raise SourceError(f"{source.name}: {why}") from error
    _beside(part, ".json").unlink(missing_ok=True)
    os.replace(part, file)


def _get(source: Source, part: Path, root: Path | None) -> None:
    """Ask once for what is missing, and append what comes.

    `If-Range` makes the server send all of a file that has changed since its first half came;
    a server that says nothing to tell files apart by is asked for all of it each time.
    """
    note = _beside(part, ".json")
    old = _read(note)
    have = _bytes(part) if old.get("validator") and old.get("total") else 0
    if have and have == old["total"]:
        return
    asked = {"Range": f"bytes={have}-", "If-Range": old["validator"]} if have else {}
    headers = {"Accept-Encoding": "identity", **asked}
    with requests.get(source.address, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code in (206, 416) and not _is_rest(answer, have, old):
            part.unlink(missing_ok=True)
            raise requests.ConnectionError("the file has changed since its first half came")
        answer.raise_for_status()
        have = have if answer.status_code == 206 else 0
        total = have + int(answer.headers.get("Content-Length", 0)) or None
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise source.trouble(WEB_PAGE, root)
        need = (total or 0) - have + (source.unpacked or total or 0)
        require_space(need, part.parent, f"{source.name}, downloaded and unpacked,")
        if not have:
            part.unlink(missing_ok=True)
            _write(note, {"validator": _validator(answer), "total": total})
        # some servers call a .tar.gz a packed .tar; it stays packed here
        answer.raw.headers.pop("Content-Encoding", None)
        shown = {"desc": source.name, "initial": have, "total": total, "disable": None}
        with part.open("ab") as file, tqdm.wrapattr(file, "write", **shown) as out:
            for chunk in answer.iter_content(CHUNK):
                if not file.tell() and chunk.lstrip().startswith(b"<"):
                    raise source.trouble(WEB_PAGE, root)
                out.write(chunk)
    if total not in (None, _bytes(part)):
        raise requests.ConnectionError(f"cut at {_bytes(part):,} of {total:,} bytes")


def _is_rest(answer: requests.Response, have: int, old: dict) -> bool:
    """Whether an answer is the missing rest of the file that we have the first half of."""
    part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    fits = part and (int(part[1]), int(part[2])) == (have, old.get("total"))
    # a server may leave the validator out here
    return bool(fits) and _validator(answer) in ("", old["validator"])


def _validator(answer: requests.Response) -> str:
    """What tells this file from a later one at its address; empty if the server says nothing."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def _check(source: Source, root: Path | None, is_new: bool) -> None:
    """Check a file, unless it was checked and has not been touched since.

    Where no hash is published the first file's is recorded, and a later one compared with it.
    """
    file = source.archive(root)
    record, state = _beside(file, ".json"), file.stat()
    known = _read(record)
    now = {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    if now.items() <= known.items():
        return
    if problem := _wrong_kind(file):
        raise source.trouble(f"{file.name} is {problem}. Delete {file}* and run again.", root)
    algorithm, _, stated = (source.hash or known.get("hash") or "sha256:").partition(":")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).hexdigest()
    if stated and digest != stated:
        published, advice = "published", f"To fetch it again delete {file} and run again."
        if not source.hash:
            published = f"that of {known.get('checked')}"
            advice += f" If you know why it changed, delete {record} to accept it."
        elif is_new:
            file.unlink()
            advice = "Nothing of it was kept."
        raise source.trouble(
            f"{file.name} is another file: its {algorithm} is {digest}, the one expected, "
            f"{published}, is {stated}. {advice}",
            root,
        )
    checked = {"hash": f"{algorithm}:{digest}", "checked": time.strftime("%Y-%m-%d")}
    _write(record, {**now, **checked, "address": source.address})


def _wrong_kind(file: Path) -> str:
    """Say what a file is, if it is not what its name says; else nothing."""
    with file.open("rb") as stream:
        head = stream.read(64)
    if head.lstrip().startswith(b"<"):
        return "a web page"
    if file.suffix == ".zip" and not zipfile.is_zipfile(file):
        return "no zip archive, or cut short"
    if file.suffix in (".gz", ".tgz") and not head.startswith(b"\x1f\x8b"):
        return "no gzip archive"
    return ""


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _bytes(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _read(note: Path) -> dict:
    """Read a note; one that is missing, or was cut off by a crash, says nothing."""
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _write(note: Path, facts: dict) -> None:
    write_atomically(note, json.dumps(facts, indent=1) + "\n")
