"""Pictures to features with CLIP: stopped anywhere, resumed, shared between machines.

The list is cut into chunks of one batch, each a numbered file that says by a hash what it is of:
the settings, and its pictures' names, sizes and, where they were taken, hashes of their content.
So what is there is not computed again, and a chunk of something else is replaced. A kill loses at
most the batch at hand, on CUDA the one before, and those that were being read ahead.
"""

import hashlib
import json
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath

import joblib
import numpy as np
import torch
from jaxtyping import Float32
from tqdm import tqdm

from zslnb.datasets.bundle import read_bundle, write_bundle
from zslnb.datasets.extracted import RESULT, Extracted, rows_sha256
from zslnb.download.sources import free, nearest_existing, size
from zslnb.encode.clip import PROMPT, ClipEncoder, encode_pixels
from zslnb.encode.pictures import default_workers, read_pictures
from zslnb.errors import BenchmarkError, WorkError
from zslnb.files import claimed, write_atomically

SETTINGS = "settings.json"
PACKAGES = ("open_clip_torch", "pillow", "torch", "torchvision")
SHOWN = 100  # names in a message
NORM_TOLERANCE = 1e-4
BYTES = 10_000  # of a picture's features, in its chunk and in the result, with some to spare


class ExtractionError(WorkError):
    """Features could not be made or put together; the message says what to do."""


class UnreadableImages(ExtractionError):
    """Pictures that cannot be read; `reasons` has the reason of each, by its name."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(reasons)  # alone, or the error would not survive pickling
        self.reasons = reasons

    def __str__(self) -> str:
        """Name the first of them."""
        lines = [f"  {name}: {why}" for name, why in self.reasons.items()]
        more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        head = f"{len(lines)} of the pictures cannot be read:"
        return "\n".join([head, *lines[:SHOWN], *more])


@dataclass
class _Chunk:
    """A part of the list: its file, the hash of what it is of, and the result if there is one."""

    file: Path
    key: str
    names: Sequence[str]
    features: Float32[np.ndarray, "n D"] | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> list[str]:
        return [name for name in self.names if name not in self.unreadable]

    def read(self) -> "_Chunk":
        """Take what the file holds; one that is damaged, or of something else, holds nothing."""
        with suppress(FileNotFoundError, BenchmarkError, KeyError, ValueError):
            arrays = read_bundle(self.file)
            facts = json.loads(str(arrays["facts"]))
            if facts["key"] == self.key:
                self.features, self.unreadable = arrays["features"], facts["unreadable"]
        return self

    def write(self, features: Float32[np.ndarray, "n D"], reasons: Sequence[str]) -> None:
        """Check a result, and write it to the file."""
        named = zip(self.names, reasons, strict=True)
        self.features, self.unreadable = features, {name: why for name, why in named if why}
        _check(features, self.images)
        facts = {"key": self.key, "unreadable": self.unreadable}
        write_bundle(self.file, {"features": features, "facts": json.dumps(facts)})


@dataclass(frozen=True)
class Extraction:
    """Which pictures become features, by which model, and where to.

    On CUDA the model runs in half precision, as in released code; the norm is float32's.

    Attributes:
        root: folder of the pictures.
        images: their paths in it, with "/", in the order of the features; none twice.
        load: gives the encoder; called where the work is done, and only if work is left.
        folder: for the result, and in a sub-folder, named by precision and batch size, chunks.
            One folder, one model and one preprocessing.
        model: what the caller calls the model.
        device: where the model runs; shards share the GPUs if it is "cuda" without a number.
        batch_size: pictures in a batch, and in a chunk.
        workers: threads that read ahead, for each shard; 0 reads in the one that encodes. Unless
            given, 1 beside a model on the CPU, else all cores but one, shared by the shards.
        allow_unreadable: leave out pictures that cannot be read; their names go to provenance.
        hashes: SHA-256 of pictures by name, to tell them apart by more than name and size.
    """

    root: Path
    images: Sequence[str]
    load: Callable[[], ClipEncoder]
    folder: Path
    model: str
    device: torch.device
    batch_size: int = 128
    workers: int | None = None
    allow_unreadable: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for a list that cannot be meant."""
        if len(set(self.images)) < len(self.images):
            raise ValueError("A picture is in the list twice; each gives one feature.")
        for name in self.images:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{name!r} leads out of the folder of pictures.")

    @property
    def work(self) -> Path:
        """Folder of chunks and settings, which no other precision or batch size shares."""
        return self.folder / f"{self._precision}-{self.batch_size}"

    def run(self, shards: int = 1, shard: tuple[int, int] | None = None) -> Extracted | None:
        """Extract what is not there yet, and put all together.

        Args:
            shards: parts of the list, each in a process of its own.
            shard: do part I of N only, as (1, 4), on a machine that shares the folder; then
                nothing is put together, and nothing returned.

        Raises:
            ExtractionError: the folder has other settings or cannot be written to, or a feature
                came out wrong.
            WorkError: the device failed, or its memory does not do.
            UnreadableImages: pictures cannot be read, and that was not allowed.
        """
        if shard:
            self._allow(self._extract(*shard))
            return None
        tasks = (joblib.delayed(self._extract)(part + 1, shards) for part in range(shards))
        try:
            joblib.Parallel(n_jobs=shards)(tasks)
        except BrokenProcessPool as error:
            raise ExtractionError(
                f"One of the {shards} processes was killed, most likely because memory ran "
                "out. What is done is kept: run again with fewer shards."
            ) from error
        return self.merge()

    def merge(self) -> Extracted:
        """Put the chunks together in the list's order, and write them to `features.npz`.

        The model is not needed. Every picture must be there once, under the folder's settings,
        with a finite feature of unit norm; raises as `run` does.
        """
        listing = self._listing()
        chunks = self._chunks(listing)
        if missing := [name for c in chunks if c.features is None for name in c.names]:
            raise ExtractionError(
                f"{len(missing)} of {len(listing)} pictures are missing, from {missing[0]} to "
                f"{missing[-1]}. Run the shards that have them; what is there is kept."
            )
        unreadable = _unreadable(chunks)
        self._allow(unreadable)
        features = np.concatenate([chunk.features for chunk in chunks if len(chunk.features)])
        images = [name for chunk in chunks for name in chunk.images]
        _check(features, images)
        provenance = self._stored_settings() | {
            "images": len(listing),
            "images_sha256": _sha256_of(listing),
            "features_sha256": rows_sha256(features),
            "unreadable": unreadable,
            "device": torch.cuda.get_device_name(self.device) if self._on_cuda else "cpu",
            "versions": {name: metadata.version(name) for name in PACKAGES},
            "unit_norm": ["features"],
        }
        arrays = {"features": features, "images": np.array(images)}
        write_bundle(self.folder / RESULT, arrays | {"provenance": json.dumps(provenance)})
        return Extracted(features, tuple(images), provenance)

    def _extract(self, part: int, of: int) -> dict[str, str]:
        """Do one part; return the reasons of the pictures that cannot be read."""
        listing = self._listing()
        require_writable(self.work, BYTES * len(listing) // of)
        with claimed(self.work / f".shard {part} of {of}.lock", wait=True):
            begin = cache(self._begin)  # at most once, since it loads the model
            if self._stored_settings().get("asked_for") != self.model:
                begin()
            chunks = self._chunks(listing, part, of)
            todo = [  # unreadable pictures get a new try
                chunk
                for chunk in chunks
                if chunk.features is None or (chunk.unreadable and not self.allow_unreadable)
            ]
            if todo:
                self._encode(begin(), chunks, todo, part, of)
        return _unreadable(chunks)

    def _encode(
        self, encoder: ClipEncoder, chunks: list[_Chunk], todo: list[_Chunk], part: int, of: int
    ) -> None:
        """Encode chunk by chunk; on CUDA each is written while the next one runs."""
        device = self._device(part)
        workers = self.workers
        if workers is None:
            workers = math.ceil(default_workers(device) / of)
        batches = read_pictures(
            self.root,
            [chunk.names for chunk in todo],
            encoder.preprocess,
            workers=workers,
            pin_memory=self._on_cuda,
        )
        running: deque = deque()
        try:
            with _bar(chunks, todo, part, of) as bar:
                for chunk, (pixels, reasons) in zip(todo, batches, strict=True):
                    rows = torch.zeros(0, 0)
                    if len(pixels):
                        rows = encode_pixels(encoder, pixels, device, self._precision)
                    running.append((chunk, _on_its_way(rows), reasons))
                    ahead = int(self._on_cuda and chunk is not todo[-1])
                    while len(running) > ahead:
                        first, arrived, its_reasons = running.popleft()
                        first.write(arrived(), its_reasons)
                        bar.update(len(first.names))
        except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
            first_line = str(error).partition("\n")[0]
            raise WorkError(
                f"{device} failed with {self.batch_size} pictures at a time ({first_line}). Run "
                "again, with smaller batches or on another device; what is done is kept."
            ) from error

    def _allow(self, unreadable: Mapping[str, str]) -> None:
        if unreadable and not (self.allow_unreadable and len(unreadable) < len(self.images)):
            raise UnreadableImages(unreadable)

    def _listing(self) -> list[tuple[str, int | None, str | None]]:
        """Each picture's name, size in bytes and hash; what is not there is told, and has none."""
        listing = []
        for name in self.images:
            path = self.root / name
            count = path.stat().st_size if path.is_file() else None
            listing.append((name, count, self.hashes.get(name)))
        self._allow({name: "not there" for name, count, _ in listing if count is None})
        return listing

    def _chunks(self, listing: list, part: int = 1, of: int = 1) -> list[_Chunk]:
        """What a part of all has to give, in the list's order, with what is there of it."""
        settings, size, chunks = self._stored_settings(), self.batch_size, []
        for start in range(0, len(listing), size)[part - 1 :: of]:
            listed = listing[start : start + size]
            file, key = self.work / f"{start // size:06}.npz", _sha256_of([settings, listed])
            chunks.append(_Chunk(file, key, [name for name, *_ in listed]).read())
        return chunks

    def _begin(self) -> ClipEncoder:
        """Load the model, and write the settings to a new folder or refuse one with others."""
        encoder = self.load()
        settings = encoder.facts() | {"prompt": PROMPT, "asked_for": self.model}
        settings |= {"precision": self._precision, "batch_size": self.batch_size}
        if not self._stored_settings():
            write_atomically(self.work / SETTINGS, json.dumps(settings, indent=1))
        stored = self._stored_settings()  # another machine's, if it was a moment earlier
        differing = [
            f"  {key}: {stored.get(key)!r} before, {now!r} now\n"
            for key, now in settings.items()
            if stored.get(key) != now
        ]
        if differing:
            raise ExtractionError(
                f"{self.work} was begun with other settings:\n{''.join(differing)}"
                "Ask for the same, or for another folder."
            )
        return encoder

    def _stored_settings(self) -> dict:
        file = self.work / SETTINGS
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def _device(self, part: int) -> torch.device:
        """The device of a shard: of several GPUs each gets its share of the shards."""
        count = torch.cuda.device_count()
        if not self._on_cuda or self.device.index is not None or count < 2:
            return self.device
        return torch.device("cuda", (part - 1) % count)

    @property
    def _precision(self) -> str:
        return "float16" if self._on_cuda else "float32"

    @property
    def _on_cuda(self) -> bool:
        return self.device.type == "cuda"


def require_writable(folder: Path, bytes_needed: int = 0) -> None:
    """Check that a folder is there or can be made, can be written to, and that its disk has room.

    Nothing is touched. Raises ExtractionError.
    """
    parent = nearest_existing(folder)
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise ExtractionError(f"{folder} cannot be written: {parent} is no folder to write to.")
    if free(parent) < bytes_needed:
        raise ExtractionError(
            f"{folder} needs {size(bytes_needed)}, and {size(free(parent))} are free."
        )


def _on_its_way(rows: torch.Tensor) -> Callable[[], np.ndarray]:
    """Start copying rows to the host; what is given waits for them, and for nothing after them."""
    copy = rows.to("cpu", non_blocking=True)
    arrival = torch.cuda.current_stream(rows.device).record_event() if rows.is_cuda else None

    def arrived() -> np.ndarray:
        if arrival:
            arrival.synchronize()
        return copy.numpy()

    return arrived


def _bar(chunks: Sequence[_Chunk], todo: Sequence[_Chunk], part: int, of: int) -> tqdm:
    """Show progress; where there is no terminal, in a line now and then."""
    total, left = (sum(len(chunk.names) for chunk in some) for some in (chunks, todo))
    shown = {"position": part - 1, "mininterval": 0.5}
    if not sys.stderr.isatty():
        shown = {"mininterval": 30.0, "bar_format": "{desc}: {percentage:.0f}%{r_bar}\n"}
    desc = f"shard {part} of {of}" if of > 1 else "extracting"
    return tqdm(desc=desc, total=total, initial=total - left, unit=" images", **shown)


def _unreadable(chunks: Sequence[_Chunk]) -> dict[str, str]:
    return {name: why for chunk in chunks for name, why in chunk.unreadable.items()}


def _check(features: Float32[np.ndarray, "N D"], images: Sequence[str]) -> None:
    """Refuse features that do not fit their pictures, or are not finite or of unit norm."""
    if len(features) != len(images):
        raise ExtractionError(f"There are {len(features)} features of {len(images)} pictures.")
    right = np.abs(np.linalg.norm(features, axis=1) - 1) < NORM_TOLERANCE  # NaN is not
    if not right.all():
        raise ExtractionError(
            f"{(~right).sum()} features are not finite or not of unit norm, the first that of "
            f"{images[int(right.argmin())]}. On CUDA the model runs in half precision, in which "
            "it can overflow: try the CPU."
        )


def _sha256_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
