"""A small world to rehearse in: the publishers' archives in their true layouts, and a small CLIP.

Six classes of five pictures for each benchmark, four of them seen, all served on loopback.
"""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
from clips import TINY, tiny_model
from mats import AWA2_FOLDER, CUB_FOLDER, SUN_FOLDER, cells, column, write_mat
from PIL import Image
from safetensors.torch import save
from web import Web

from zslnb.datasets import published_files
from zslnb.datasets.xlsa17 import PUBLISHED, Sizes
from zslnb.download import fetch
from zslnb.download.sources import WEIGHTS, all_sources

SIZES = Sizes(seen=4, unseen=2, trainval=16, test_seen=4, test_unseen=10)
EACH = 5  # pictures in a class
# labels count in the order of these lists, which is not that of the pictures
NAMES = {
    "cub": ["002.Laysan_Auk", "001.Rock_Wren", "004.Dove", "006.Owl", "003.Crane", "005.Tit"],
    "sun": ["abbey", "apse_indoor", "arch", "bakery_shop", "bar", "zoo"],
    "awa2": ["antelope", "grizzly+bear", "ox", "killer+whale", "bat", "zebra"],
}
FOLDERS = {"cub": CUB_FOLDER, "sun": SUN_FOLDER, "awa2": AWA2_FOLDER}
INSIDE = {
    "cub": "CUB_200_2011/images",
    "sun": "images",
    "awa2": "Animals_with_Attributes2/JPEGImages",
}
RECIPE = {"mean": (0.4,) * 3, "std": (0.3,) * 3, "interpolation": "bicubic", "hf_hub": ""}
RECIPE |= {"resize_mode": "shortest", "quick_gelu": True}


def class_folder(name: str, class_name: str) -> str:
    """Where a class's pictures lie: SUN's are below their first letter, some one deeper."""
    deeper = "/".join(class_name.rsplit("_", 1))
    return f"{class_name[0]}/{deeper}" if name == "sun" else class_name


def picture_paths(name: str) -> tuple[list[str], np.ndarray]:
    """Paths of a benchmark's pictures in their folder, by class folder, and labels from 1."""
    order = sorted(range(6), key=lambda i: NAMES[name][i])
    paths = [f"{class_folder(name, NAMES[name][i])}/{n:03}.jpg" for i in order for n in range(EACH)]
    return paths, np.repeat(np.array(order) + 1, EACH)


def lists_of(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The Proposed Split's lists, from 1: the last two classes are unseen, the fourth validates."""

    def places(classes: Sequence[int], images: slice) -> np.ndarray:
        return np.concatenate([np.flatnonzero(labels == y)[images] for y in classes]) + 1

    return {
        "trainval_loc": places([1, 2, 3, 4], slice(0, 4)),
        "test_seen_loc": places([1, 2, 3, 4], slice(4, 5)),
        "test_unseen_loc": places([5, 6], slice(0, 5)),
        "train_loc": places([1, 2, 3], slice(0, 5)),
        "val_loc": places([4], slice(0, 5)),
    }


def write_published(folder: Path, name: str, **changes: object) -> None:
    """Write a benchmark's two files; changes are of `res101.mat`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, labels = picture_paths(name)
    rng = np.random.default_rng(len(name))
    arrays = {
        "image_files": cells([FOLDERS[name] + path for path in paths]),
        "features": rng.random((12, len(labels))) + labels / 6,
        "labels": column(labels),
    }
    write_mat(folder / "res101.mat", arrays | changes)
    lists = {key: column(numbers) for key, numbers in lists_of(labels).items()}
    attributes = {"att": rng.random((3, 6)), "original_att": 100 * rng.random((3, 6))}
    split = {"allclasses_names": cells(NAMES[name]), **attributes, **lists}
    write_mat(folder / "att_splits.mat", split)


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
    for name, place in {"ZSLNB_DATA": "data", "ZSLNB_BUILD": "build", "HOME": "home"}.items():
        patch.setenv(name, str(folder / place))
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
    patch.setattr(published_files, "PAPERS_MODEL", "small/rehearsal")
    world.publish(WEIGHTS, save(small_clip().state_dict()), tag="small/rehearsal")
    recipe = {**RECIPE, "url": web.address("small.safetensors")}
    patch.setitem(open_clip.factory._MODEL_CONFIGS, "small", TINY)
    patch.setitem(open_clip.pretrained._PRETRAINED, "small", {"rehearsal": recipe})
    return world
