"""What the real benchmarks are made of: where it is published, how large it is, what it unpacks to.

The facts are in `sources.yml`, each with where it is from. Nothing is downloaded here.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from zslnb.errors import WorkError
from zslnb.files import data_dir

WEIGHTS = "clip-vit-b-16"  # the papers' model, among the sources


class SourceError(WorkError):
    """Something could not be had, or is not what it should be; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """One file that somebody publishes; the head of `sources.yml` explains each field."""

    name: str
    what: str
    page: str
    licence: str
    address: str
    by_hand: str
    file: str = ""
    hash: str | None = None
    download: int | None = None
    unpacked: int | None = None
    holds: Sequence[str] = ()
    benchmarks: Sequence[str] = ()
    features: Sequence[str] = ()

    def archive(self, root: Path | None = None) -> Path:
        """Where the downloaded file is kept; `root` is `data_dir()` unless given."""
        return (root or data_dir()) / "downloads" / self.file

    def folder(self, root: Path | None = None) -> Path:
        """Where it is unpacked to."""
        return (root or data_dir()) / self.name

    def trouble(self, problem: str, root: Path | None = None) -> SourceError:
        """Make an error that says the problem, the page, the address, and how to do it by hand."""
        return SourceError(
            f"{self.name}: {problem}\n"
            f"  page: {self.page}\n"
            f"  address: {self.address}\n"
            f"  by hand: {self.by_hand} Put the file at {self.archive(root)}; the next run finds "
            "and checks it."
        )


@cache
def all_sources() -> dict[str, Source]:
    """Every source by its name, as `sources.yml` lists them."""
    entries = yaml.safe_load(Path(__file__).with_name("sources.yml").read_text(encoding="utf-8"))
    return {entry["name"]: Source(**entry) for entry in entries}


def source(name: str) -> Source:
    """Look a source up by its name."""
    return all_sources()[name]


def pictures_folder(benchmark: str, root: Path | None = None) -> Path:
    """Folder that the paths of a benchmark's published list of pictures start from."""
    archive = source(f"{benchmark}-images")
    return archive.folder(root) / archive.holds[0]  # which names the pictures' folder


def needed(benchmark: str, features: str = "clip") -> list[Source]:
    """List what "cub", "sun" or "awa2" needs, with "clip" or "resnet101" features."""
    every = all_sources().values()
    return [s for s in every if benchmark in s.benchmarks and features in s.features]


class Part(NamedTuple):
    """What a source would take: `state` in words, and bytes, None where nobody knows how many.

    `disk` is what will be written below the data's folder, where weights are not.
    """

    state: str
    download: float | None
    disk: float | None


def plan(sources: Iterable[Source], root: Path | None = None) -> dict[str, Part]:
    """Say by its name what each source would take; nothing is touched."""
    return {s.name: _outlook(s, root) for s in sources}


def _outlook(s: Source, root: Path | None) -> Part:
    if not s.file:
        return Part("to download by open_clip, to its own cache", s.download, 0)
    if s.folder(root).exists():
        return Part("there", 0, 0)
    archive = s.archive(root)
    if archive.exists():
        return Part("downloaded, to be unpacked", 0, s.unpacked or archive.stat().st_size)
    part = archive.with_name(f"{s.file}.part")
    have = part.stat().st_size if part.exists() else 0
    state = f"to download, {size(have)} are there" if have else "to download"
    if s.download is None:
        return Part(state, None, None)
    left = max(s.download - have, 0)
    return Part(state, left, left + (s.unpacked or s.download))


def describe(planned: Mapping[str, Part]) -> str:
    """Say a plan in words: each file with its licence and page, the sums, the disk they go to."""
    width = max(map(len, planned))
    lines = []
    for name, part in planned.items():
        lines.append(f"{name:<{width}}  {size(part.download):>12}  {part.state}")
        if part.download != 0:  # None, an unknown size, is not 0
            s = source(name)
            lines += [f"    {s.what}", f"    licence: {s.licence}", f"    {s.page}"]
    parts = planned.values()
    lines.append(f"To download: {total(part.download for part in parts)}.")
    disk = total(part.disk for part in parts)
    lines.append(
        f"Disk: {disk} in {data_dir()}, where {size(free(data_dir()))} are free; "
        "ZSLNB_DATA moves it."
    )
    return "\n".join(lines)


def total(sizes: Iterable[float | None]) -> str:
    """Write the sum of a plan's sizes, and how many of them nobody knows."""
    sizes = [*sizes]
    unknown = sizes.count(None)
    return size(sum(filter(None, sizes))) + (f" and {unknown} of unknown size" if unknown else "")


def size(count: float | None) -> str:
    """Write a number of bytes as 1.15 GB, 351 MB or 12 kB, in powers of 1000."""
    if count is None:
        return "unknown size"
    for unit, many in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= many:
            return f"{count / many:.3g} {unit}"
    return f"{count:.0f} bytes"


def free(folder: Path) -> int:
    """Bytes free on the disk that a folder is on, or will be on once it is made."""
    return shutil.disk_usage(nearest_existing(folder)).free


def nearest_existing(folder: Path) -> Path:
    """Find a folder, or what there is of the folders that it would be made in."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def require_space(needed: float, folder: Path, why: str) -> None:
    """Raise SourceError unless so many bytes are free where the folder is."""
    if needed > free(folder):
        raise SourceError(
            f"{why} needs {size(needed)} in {folder}, where {size(free(folder))} are free. "
            "Free some, or set ZSLNB_DATA to a folder on a larger disk."
        )
