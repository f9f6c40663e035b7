"""`zslnb.download.fetch`, over real HTTP: every way in which a download can go wrong."""

import errno
import gzip
import hashlib
import io
import json
import shutil
import socket
import zipfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests
from web import serving

from zslnb.download import fetch as fetching
from zslnb.download.fetch import CHUNK, fetch, obtain
from zslnb.download.sources import Source, SourceError

QUICK = (0.0, 0.0)


def zipped(seed: int = 0, size: int = 5 * CHUNK + 123) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("birds/auk.jpg")  # of no date, so that two are the same
        archive.writestr(info, np.random.default_rng(seed).bytes(size))
    return stream.getvalue()


CONTENT = zipped()


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving(files={"birds.zip": CONTENT}) as server:
        yield server


@pytest.fixture
def birds(web) -> Source:
    return Source(
        name="birds",
        what="pictures",
        page="https://birds.example",
        licence="none",
        by_hand="Ask the ornithologist.",
        file="birds.zip",
        address=web.address("birds.zip"),
        holds=("birds/auk.jpg",),
    )


@pytest.fixture
def half(web, birds, tmp_path) -> None:
    """Four pieces of the file, since the run before was cut."""
    web.cuts, web.statuses = [4 * CHUNK], [200, 404]
    with pytest.raises(SourceError, match="404"):
        fetch(birds, tmp_path, waits=QUICK)
    assert beside(tmp_path) == ["birds.zip.lock", "birds.zip.part", "birds.zip.part.json"]


def beside(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "downloads").iterdir())


def test_a_file_is_fetched_once(web, birds, tmp_path, capfd):
    assert fetch(birds, tmp_path).read_bytes() == CONTENT
    assert fetch(birds, tmp_path) == tmp_path / "downloads" / "birds.zip"
    assert len(web.requests) == 1
    assert beside(tmp_path) == ["birds.zip", "birds.zip.json", "birds.zip.lock"]
    assert capfd.readouterr() == ("", "")  # no terminal, no bar


def test_a_download_that_keeps_breaking_goes_on_where_it_stopped(web, birds, tmp_path):
    web.cuts = [2 * CHUNK, CHUNK + 1, CHUNK]
    assert fetch(birds, tmp_path, waits=(0.0,)).read_bytes() == CONTENT
    starts = [f"bytes={n * CHUNK}-" for n in (2, 3, 4)]
    assert [request.range for request in web.requests] == [None, *starts]
    assert all(request.if_range == '"one"' for request in web.requests[1:])
    assert web.sent == len(CONTENT) + 1  # the one byte that was no whole piece


def test_a_later_run_goes_on_as_well(web, birds, tmp_path, half):
    assert fetch(birds, tmp_path).read_bytes() == CONTENT
    assert web.sent == len(CONTENT)


def test_an_interrupted_download_goes_on(web, birds, tmp_path, monkeypatch):
    class Bar(fetching.tqdm):
        def update(self, n: int = 1) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "tqdm", Bar)
        with pytest.raises(KeyboardInterrupt):
            fetch(birds, tmp_path)
    assert fetch(birds, tmp_path).read_bytes() == CONTENT
    assert web.requests[1].range == f"bytes={CHUNK}-"


@pytest.mark.parametrize("changes", [{"ranges": False}, {"etag": None}, {"etag": 'W/"weak"'}])
def test_a_server_that_cannot_resume_starts_over(web, birds, tmp_path, changes):
    vars(web).update(changes, cuts=[2 * CHUNK])
    assert fetch(birds, tmp_path, waits=QUICK).read_bytes() == CONTENT
    assert web.sent == len(CONTENT) + 2 * CHUNK


def test_the_date_serves_where_there_is_no_tag(web, birds, tmp_path):
    vars(web).update(etag=None, modified="Wed, 01 Jan 2020 00:00:00 GMT", cuts=[2 * CHUNK])
    assert fetch(birds, tmp_path, waits=QUICK).read_bytes() == CONTENT
    assert web.sent == len(CONTENT)


@pytest.mark.parametrize("heeds", [True, False], ids=["heeds If-Range", "does not"])
@pytest.mark.parametrize("pieces", [5, 1])  # of the later file; of one the server says 416
def test_a_changed_file_is_not_glued_to_an_old_half(web, birds, tmp_path, half, heeds, pieces):
    later = zipped(seed=1, size=pieces * CHUNK)
    web.changed("birds.zip", later, '"two"')
    web.heeds_if_range = heeds
    assert fetch(birds, tmp_path, waits=QUICK).read_bytes() == later


def test_a_half_that_is_whole_needs_no_request(web, birds, tmp_path):
    part = tmp_path / "downloads" / "birds.zip.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    note = {"validator": '"one"', "total": len(CONTENT)}
    part.with_name("birds.zip.part.json").write_text(json.dumps(note))
    assert fetch(birds, tmp_path).read_bytes() == CONTENT
    assert not web.requests


def test_an_archive_stays_packed_whatever_the_server_calls_it(web, birds, tmp_path):
    web.files["birds.tgz"] = gzip.compress(CONTENT)
    web.headers = {"Content-Encoding": "x-gzip"}
    source = replace(birds, file="birds.tgz", address=web.address("birds.tgz"))
    assert fetch(source, tmp_path).read_bytes() == web.files["birds.tgz"]


def test_a_busy_server_is_asked_again(web, birds, tmp_path):
    web.statuses = [503, 429]
    assert fetch(birds, tmp_path, waits=QUICK).read_bytes() == CONTENT


def nobody(host: str, *_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")


@pytest.mark.parametrize("kind", ["404", "refused", "no such name", "no such protocol"])
def test_a_dead_address_names_page_address_and_the_way_by_hand(
    web, birds, tmp_path, monkeypatch, kind
):
    with serving() as closed:
        addresses = {"404": web.address("gone.zip"), "refused": closed.address("birds.zip")}
    addresses |= {"no such name": "http://b.invalid", "no such protocol": "htp://b.invalid"}
    if kind == "no such name":
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
    source = replace(birds, address=addresses[kind])
    with pytest.raises(SourceError, match=r"^birds: cannot be downloaded: ") as caught:
        fetch(source, tmp_path, waits=QUICK)
    message = str(caught.value)
    assert "page: https://birds.example" in message
    assert f"address: {source.address}" in message
    assert f"Ask the ornithologist. Put the file at {tmp_path}/downloads/birds.zip" in message


def test_a_silent_server_is_given_up(web, birds, tmp_path, monkeypatch):
    web.delay = 0.5
    monkeypatch.setattr(fetching, "TIMEOUT", 0.05)
    with pytest.raises(SourceError, match="Read timed out"):
        fetch(birds, tmp_path, waits=QUICK)
    assert len(web.requests) == 3


def test_a_published_hash_is_held_to(birds, tmp_path):
    right = replace(birds, hash=f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert fetch(right, tmp_path / "right").exists()
    wrong = replace(birds, hash=f"md5:{'0' * 32}")
    with pytest.raises(SourceError, match=r"published, is 0{32}\. Nothing of it was kept"):
        fetch(wrong, tmp_path / "wrong")
    assert beside(tmp_path / "wrong") == ["birds.zip.lock"]


def test_the_first_file_is_remembered_and_another_refused(web, birds, tmp_path):
    file = fetch(birds, tmp_path)
    file.unlink()
    web.changed("birds.zip", zipped(seed=1), '"two"')
    with pytest.raises(SourceError, match=r"delete .*json to accept it") as caught:
        fetch(birds, tmp_path)
    for content in (CONTENT, zipped(seed=1)):
        assert hashlib.sha256(content).hexdigest() in str(caught.value)
    (tmp_path / "downloads" / "birds.zip.json").unlink()
    assert fetch(birds, tmp_path).read_bytes() == zipped(seed=1)
    assert len(web.requests) == 2  # accepted without another download


def test_a_file_changed_on_disk_is_refused_and_kept(birds, tmp_path):
    birds = replace(birds, hash=f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    file = fetch(birds, tmp_path)
    file.write_bytes(zipped(seed=1))
    with pytest.raises(SourceError, match="is another file"):
        fetch(birds, tmp_path)
    assert file.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<!DOCTYPE html>", "a web page"), (CONTENT[:-50], "cut short"), (b"", "no zip archive")],
)
def test_a_file_put_there_by_hand_is_checked(web, birds, tmp_path, content, message):
    file = birds.archive(tmp_path)
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        fetch(birds, tmp_path)
    assert not web.requests
    assert file.exists()  # it is not ours to delete


@pytest.mark.parametrize("by_type", [True, False])
def test_a_web_page_is_not_taken_for_the_archive(web, birds, tmp_path, by_type):
    if by_type:
        web.headers = {"Content-Type": "text/html; charset=utf-8"}
    else:
        web.files["birds.zip"] = b"\n<html>Moved.</html>" * 10_000
    with pytest.raises(SourceError, match="gives a web page"):
        fetch(birds, tmp_path)


def test_a_body_that_ends_early_without_complaint_is_met(web, birds, tmp_path, monkeypatch):
    web.etag = None
    monkeypatch.setattr(requests.Response, "iter_content", lambda *_: iter([CONTENT[:CHUNK]]))
    with pytest.raises(SourceError, match=r"cut at 65,536 of 327,9\d\d bytes"):
        fetch(birds, tmp_path, waits=())


def test_the_disk_is_asked_before_anything_comes(web, birds, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 0, len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(SourceError, match=r"unpacked, needs 656 kB in .* 328 kB are free.*_DATA"):
        fetch(birds, tmp_path)
    assert not (tmp_path / "downloads" / "birds.zip.part").exists()


def full_after(monkeypatch, pieces: int) -> None:
    """Let the disk be full once some pieces are written."""
    opens = Path.open

    class Full(io.FileIO):
        def write(self, data: bytes) -> int:
            if self.tell() >= pieces * CHUNK:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def open_(self, mode="r", *args, **kwargs):
        kind = Full if self.suffix == ".part" and "b" in mode else None
        return kind(self, mode.replace("b", "")) if kind else opens(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_)


def test_a_disk_that_fills_up_keeps_what_came(web, birds, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        full_after(patch, 2)
        with pytest.raises(SourceError, match=r"is full .*131 kB came and are kept.*ZSLNB_DATA"):
            fetch(birds, tmp_path)
    assert fetch(birds, tmp_path).read_bytes() == CONTENT
    assert web.requests[1].range == f"bytes={2 * CHUNK}-"


def test_a_folder_that_cannot_be_written_is_named(web, birds, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fetching, "_write", refuse)
    with pytest.raises(SourceError, match=r"cannot write to .*downloads: .*Permission denied"):
        fetch(birds, tmp_path)


def test_a_bar_and_retries_are_shown_on_a_terminal(web, birds, tmp_path, monkeypatch, capfd):
    web.cuts = [2 * CHUNK]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fetch(birds, tmp_path, waits=QUICK)
    shown = capfd.readouterr().err
    assert "birds: 100%" in shown
    assert "birds: ChunkedEncodingError, again in 0 s, with 131 kB there." in shown


def test_two_runs_at_once_fetch_once(web, birds, tmp_path, capfd):
    web.delay = 0.2
    with ThreadPoolExecutor(2) as runs:
        files = list(runs.map(lambda _: fetch(birds, tmp_path), range(2)))
    assert [file.read_bytes() for file in files] == [CONTENT, CONTENT]
    assert len(web.requests) == 1
    assert capfd.readouterr().err == "Another run is at birds.zip; waiting for it.\n"


def test_obtain_unpacks_and_then_needs_the_archive_no_more(web, birds, tmp_path):
    folder = obtain(birds, tmp_path)
    assert (folder / "birds" / "auk.jpg").stat().st_size == 5 * CHUNK + 123
    birds.archive(tmp_path).unlink()
    assert obtain(birds, tmp_path) == tmp_path / "birds"
    assert len(web.requests) == 1
