"""`zslnb.download.unpack`: true archives unpack, hostile and damaged ones leave nothing."""

import errno
import gzip
import io
import shutil
import socket
import stat
import tarfile
import zipfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from zslnb.download import unpack as archives
from zslnb.download.sources import SourceError
from zslnb.download.unpack import MARKER, unpack

NOISE = np.random.default_rng(0).bytes(300_000)
BIRDS = {"birds/auk.jpg": NOISE, "birds/crane/1.jpg": b"crane", "list.txt": b"auk"}


def zipped(path: Path, files: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, content in files.items():
            archive.addfile(entry(name, size=len(content)), io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return path


def entry(name: str, **facts: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for fact, value in {"mode": 0o777, **facts}.items():
        setattr(info, fact, value)
    return info


def refused(archive: Path, message: str, **changes: object) -> None:
    target = archive.parent / "target"
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(SourceError, match=message):
        unpack(archive, target, **changes)
    assert sorted(set(archive.parent.rglob("*")) - set(before)) in (
        [],
        [archive.parent / ".target.lock"],
    )


MAKERS = {"birds.zip": zipped, "birds.tgz": tarred, "birds.tar": tarred}


@pytest.fixture(params=MAKERS)
def birds(request, tmp_path) -> Path:
    return MAKERS[request.param](tmp_path / request.param, BIRDS)


def test_every_kind_unpacks(birds, tmp_path):
    target = unpack(birds, tmp_path / "deep" / "target", expected=["birds/crane"])
    for name, content in BIRDS.items():
        assert (target / name).read_bytes() == content
    assert (target / MARKER).read_text() == f"3 files and folders of {birds.name}\n"
    assert sorted(p.name for p in target.parent.iterdir()) == [".target.lock", "target"]
    birds.unlink()  # which a second call does not open
    assert unpack(birds, target, expected=["list.txt"]) == target


def test_files_are_plain_whatever_the_archive_wants(tmp_path):
    archive = tarred(tmp_path / "b.tar", {"run.sh": b"#!/bin/sh"}, entry("d", type=tarfile.DIRTYPE))
    mode = (unpack(archive, tmp_path / "target") / "run.sh").stat().st_mode
    assert not mode & (stat.S_IXUSR | stat.S_ISUID)


def test_what_is_expected_must_be_there(birds, tmp_path):
    refused(birds, r"birds\.\w+ lacks birds/dove\. Delete .*birds\.\w+\*", expected=["birds/dove"])
    target = unpack(birds, tmp_path / "target")
    (target / "list.txt").unlink()
    with pytest.raises(SourceError, match=r"target lacks list\.txt\. Delete .*target and run"):
        unpack(birds, target, expected=["list.txt"])


def test_a_folder_of_somebody_elses_is_not_trusted_blindly(birds, tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(SourceError, match="was not made here"):
        unpack(birds, tmp_path / "target")


OUTSIDE = ["../out.txt", "birds/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt"]


@pytest.mark.parametrize("maker", [zipped, tarred])
@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_outside_are_refused(tmp_path, maker, name):
    archive = maker(tmp_path / ("b.zip" if maker is zipped else "b.tgz"), {"a": b"1", name: b"2"})
    refused(archive, "leads outside. Nothing of it was kept")
    assert not (tmp_path.parent / "out.txt").exists()


KINDS = {
    "link outside": entry("link", type=tarfile.SYMTYPE, linkname="../../etc"),
    "link inside": entry("link", type=tarfile.SYMTYPE, linkname="list.txt"),
    "hard link": entry("link", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device": entry("disk", type=tarfile.BLKTYPE, devmajor=8),
    "pipe": entry("pipe", type=tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("info", KINDS.values(), ids=KINDS)
def test_links_and_devices_of_a_tar_are_refused(tmp_path, info):
    refused(tarred(tmp_path / "b.tgz", BIRDS, info), "is a link or a device")


@pytest.mark.parametrize(
    ("at", "bits", "message"), [(8, 1, "'a' is encrypted"), (41, 0xA0, "'a' is a link or a device")]
)
def test_a_zips_encryption_and_links_are_refused(tmp_path, at, bits, message):
    data = bytearray(zipped(tmp_path / "b.zip", {"a": b"1"}).read_bytes())
    entry_of_a = data.index(b"PK\x01\x02")
    data[entry_of_a + at] = bits
    (tmp_path / "b.zip").write_bytes(data)
    refused(tmp_path / "b.zip", message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a", "a/b", MARKER])
def test_names_that_clash_are_refused(tmp_path, second):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name in ("a", second):
            archive.writestr(name, "text")
    refused(tmp_path / "b.zip", "is there twice, or clashes")


def test_more_than_was_agreed_is_refused(birds):
    refused(birds, r"300 kB, over 200 kB|makes it more than 200 kB", limit_bytes=200_000)
    both = sum(map(len, BIRDS.values())) - 1
    refused(birds, r"300 kB, over 300 kB|'list.txt' makes it more than 300 kB", limit_bytes=both)
    refused(birds, "'list.txt' is one more than 2 files", limit_files=2)


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_a_bomb_is_refused_however_much_was_agreed(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(archives, "HARMLESS", 1000)
    files = {"zeros": bytes(5_000_000)}
    archive = tmp_path / f"bomb{suffix}"
    if suffix == ".zip":
        zipped(archive, files, compression=zipfile.ZIP_DEFLATED)
    else:
        tarred(archive, files)
    refused(archive, r"is 5 MB, over|makes it more than", limit_bytes=10**12)


@pytest.mark.parametrize("lie", [10, 200_000])
def test_a_zip_that_lies_about_a_size_is_found_out(tmp_path, lie):
    path = zipped(tmp_path / "b.zip", {"a": bytes(100_000)}, compression=zipfile.ZIP_DEFLATED)
    sizes = (100_000).to_bytes(4, "little"), lie.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(*sizes))
    refused(path, "is damaged or cut short")


def test_a_tar_header_without_end_is_not_read(tmp_path):
    header = entry("x", type=tarfile.GNUTYPE_LONGNAME, size=10**9).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "b.tgz").write_bytes(gzip.compress(header + bytes(5_000_000)))
    refused(tmp_path / "b.tgz", "damaged .*a header of 1 GB")


def test_a_sparse_file_that_claims_much_is_refused(tmp_path):
    info = entry("holes", size=512)
    info.pax_headers = {"GNU.sparse.size": "99999999999", "GNU.sparse.map": "0,512"}
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(bytes(512)))
    refused(tmp_path / "b.tar", "makes it more than")


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_says_what_to_delete(birds, kept):
    content = birds.read_bytes()
    if birds.suffix == ".tar" and kept > 0.9:
        pytest.skip("only the padding is lost")
    birds.write_bytes(content[: int(len(content) * kept)])
    refused(birds, rf"damaged or cut short .*Delete .*{birds.name}\* and run again")


def test_a_flipped_bit_is_found(birds):
    if birds.suffix == ".tar":
        pytest.skip("a plain tar has no checksum of its contents")
    content = bytearray(birds.read_bytes())
    content[150_000] ^= 1
    birds.write_bytes(content)
    refused(birds, "damaged or cut short")


def test_what_is_no_archive_is_told(tmp_path):
    (tmp_path / "b.zip").write_text("<html>")
    refused(tmp_path / "b.zip", "is damaged")
    refused(tmp_path / "gone.zip", "could not be unpacked: .*No such file")


def test_a_full_disk_leaves_nothing(birds, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives._Guard, "admit", full)
    refused(birds, "is full; nothing of birds.* was kept there. .*ZSLNB_DATA")


def test_a_disk_too_small_is_told_before(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(1, 1, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    refused(zipped(tmp_path / "b.zip", BIRDS), "Unpacking b.zip needs 300 kB")


def test_an_interrupted_unpacking_starts_afresh(birds, tmp_path, monkeypatch):
    part = tmp_path / f".target.{socket.gethostname()}-{2**22 + 1}.part"  # of no process
    part.mkdir()
    (part / "half.jpg").touch()  # of a run that was killed

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archives._Guard, "admit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            unpack(birds, tmp_path / "target")
    assert not part.exists()
    target = unpack(birds, tmp_path / "target")
    assert not (target / "half.jpg").exists()


def test_three_runs_at_once_unpack_once(birds, tmp_path, monkeypatch):
    unpacked = []
    really = archives._unpack
    monkeypatch.setattr(archives, "_unpack", lambda *a: (unpacked.append(a), really(*a)))
    with ThreadPoolExecutor(3) as runs:
        targets = list(runs.map(lambda _: unpack(birds, tmp_path / "target"), range(3)))
    assert targets == [tmp_path / "target"] * 3
    assert len(unpacked) == 1
