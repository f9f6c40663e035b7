"""A small world to rehearse in: the publishers' archives in their true layouts, and a small CLIP.

Six classes of five pictures for each benchmark, four of them seen, all served on loopback.
"""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
from clips import TINY, tiny_model
from mats import NAMES, SIZES, picture_paths, write_published
from PIL import Image
from safetensors.torch import save
from web import Web

from zslnb.datasets import published_files
from zslnb.datasets.xlsa17 import PUBLISHED
from zslnb.download import fetch
from zslnb.download.sources import WEIGHTS, all_sources
from zslnb.encode import published_benchmark

INSIDE = {
    "cub": "CUB_200_2011/images",
    "sun": "images",
    "awa2": "Animals_with_Attributes2/JPEGImages",
}
RECIPE = {"mean": (0.4,) * 3, "std": (0.3,) * 3, "interpolation": "bicubic", "hf_hub": ""}
RECIPE |= {"resize_mode": "shortest", "quick_gelu": True}


def picture(seed: int) -> bytes:
    """A picture of noise, large enough that an archive of them comes in several pieces."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (96, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def picture_archive(name: str, **changes: bytes | None) -> bytes:
    """A benchmark's pictures as they are published; changes by path, None leaves one out."""
    paths, _ = picture_paths(name)
    pictures = {path: picture(i) for i, path in enumerate(paths)} | changes
    return archive_of(name, {p: content for p, content in pictures.items() if content is not None})


def archive_of(name: str, pictures: dict[str, bytes]) -> bytes:
    """Pictures by path, and the lists beside them, packed as a benchmark's are."""
    kept = {f"{INSIDE[name]}/{path}": content for path, content in pictures.items()}
    more = {"cub": ["images.txt", "classes.txt"], "awa2": ["classes.txt"]}.get(name, [])
    kept |= {str(Path(INSIDE[name]).parent / file): b"1\n" for file in more}
    return zipped(kept) if name == "awa2" else tarred(kept)


def published_archive(folder: Path, **changes: dict) -> bytes:
    """`xlsa17.zip`; changes of `res101.mat`, by benchmark."""
    for name in NAMES:
        write_published(folder / name.upper(), name, **changes.get(name, {}))
    files = sorted(folder.rglob("*.mat"))
    return zipped({f"xlsa17/data/{f.relative_to(folder)}": f.read_bytes() for f in files})


def small_clip() -> open_clip.CLIP:
    return tiny_model(quick_gelu=True)


@dataclass(repr=False)
class World:
    """What is served, and how; everything a test changes is put back after it."""

    web: Web
    patch: pytest.MonkeyPatch
    data: Path

    def publish(self, source: str, content: bytes, **changes: object) -> None:
        """Put a file at a source's address, with the hash of it that a publisher would state."""
        known = all_sources()[source]
        path = known.file or "small.safetensors"
        self.web.files[path] = content
        facts = {"address": self.web.address(path), "download": len(content), **changes}
        if known.hash and known.file and "hash" not in changes:
            facts["hash"] = f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
        self.patch.setitem(all_sources(), source, replace(known, **facts))

    def names(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path.lstrip("/") for request in self.web.requests]


def build_world(web: Web, patch: pytest.MonkeyPatch, folder: Path) -> World:
    """Publish everything on loopback, and let every cache be below a folder of the test's own."""
    for name, sub in {"ZSLNB_DATA": "data", "ZSLNB_BUILD": "build", "HOME": "home"}.items():
        patch.setenv(name, str(folder / sub))
    patch.setenv("ZSLNB_DEVICE", "cpu")
    patch.setenv("no_proxy", "*")
    patch.delenv("ZSLNB_RUNS", raising=False)
    waits = {"waits": (0.0, 0.0)}
    fetch_once = fetch.fetch
    patch.setattr(fetch, "fetch", lambda *args, **how: fetch_once(*args, **(waits | how)))
    world = World(web, patch, folder / "data")
    for name in NAMES:
        patch.setitem(PUBLISHED, name.upper(), SIZES)
        world.publish(f"{name}-images", picture_archive(name))
    world.publish("xlsa17", published_archive(folder / "published"))
    for module in (published_files, published_benchmark):
        patch.setattr(module, "PAPERS_MODEL", ("small", "rehearsal"))
    world.publish(WEIGHTS, save(small_clip().state_dict()))
    recipe = {**RECIPE, "url": web.address("small.safetensors")}
    patch.setitem(open_clip.factory._MODEL_CONFIGS, "small", TINY)
    patch.setitem(open_clip.pretrained._PRETRAINED, "small", {"rehearsal": recipe})
    return world
