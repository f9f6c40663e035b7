"""Pictures to features with CLIP: stopped anywhere, resumed, shared between machines.

The list is cut into chunks of one batch, each a numbered file that says by a hash what it is of:
the settings, and its pictures' names, sizes and, where they were taken, hashes of their content.
So what is there is not computed again, and a chunk of something else is replaced. A kill loses at
most the batch at hand and those that were being read ahead.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from importlib import metadata
from itertools import islice
from pathlib import Path, PurePosixPath

import joblib
import numpy as np
import torch
from jaxtyping import Float32
from tqdm import tqdm

from zslnb.datasets.bundle import read_bundle, write_bundle
from zslnb.datasets.extracted import RESULT, Extracted, rows_sha256
from zslnb.encode.clip import PRECISIONS, PROMPT, ClipEncoder, device_told, encode_pixels
from zslnb.encode.pictures import default_workers, read_pictures
from zslnb.errors import BenchmarkError, WorkError
from zslnb.files import locked, write_atomically
from zslnb.settings import at_least_one, one_of

SETTINGS = "settings.json"
PACKAGES = ("open_clip_torch", "pillow", "torch", "torchvision")
LINE_SECONDS = 30.0  # between two lines of progress where there is no terminal
SHOWN = 100  # names in a message
NORM_TOLERANCE = 1e-4
BYTES = 10_000  # of a picture's features, in its chunk and in the result, with some to spare


class ExtractionError(WorkError):
    """Features could not be made or put together; the message says what to do."""


class UnreadableImages(ExtractionError):
    """Pictures that cannot be read; `reasons` has the reason of each, by its name."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        lines = [f"  {name}: {reason}" for name, reason in islice(reasons.items(), SHOWN)]
        if len(reasons) > SHOWN:
            lines.append(f"  and {len(reasons) - SHOWN} more")
        super().__init__("\n".join([f"{len(reasons)} of the pictures cannot be read:", *lines]))

    def __reduce__(self) -> tuple:
        """Come whole out of another process."""
        return type(self), (self.reasons,)


@dataclass(frozen=True)
class _Chunk:
    """Features of a part of the list: file, hash of what it is of, pictures, result if any."""

    file: Path
    key: str
    names: tuple[str, ...]
    features: Float32[np.ndarray, "n D"] | None = None
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> list[str]:
        return [name for name in self.names if name not in self.unreadable]


@dataclass(frozen=True)
class Extraction:
    """Which pictures become features, by which model, and where to.

    Attributes:
        root: folder of the pictures.
        images: their paths in it, with "/", in the order of the features; none twice.
        load: gives the encoder; called where the work is done, as in
            `partial(load_clip, "ViT-B-16", "openai")`.
        folder: for the result, and in a sub-folder, named by precision and batch size, chunks.
            One folder, one model and one preprocessing.
        batch_size: pictures in a batch, and in a chunk.
        device: where the model runs; shards share the GPUs if it is "cuda" without a number.
        precision: "float32", "float16" or "bfloat16"; "auto" is float16 on CUDA, as released
            code has it, else float32. Half precision is for CUDA alone.
        workers: threads that read ahead, for each shard; 0 reads in the one that encodes. Unless
            given, 1 beside a model on the CPU, else all cores but one, shared by the shards.
        allow_unreadable: leave out pictures that cannot be read; their names go to provenance.
        hashes: SHA-256 of pictures by name, to tell them apart by more than name and size.
        model: what the caller calls the model; where it is named, nothing is loaded if nothing
            is left to do.
        progress: show a bar; a line now and then where there is no terminal.
    """

    root: Path
    images: Sequence[str]
    load: Callable[[], ClipEncoder]
    folder: Path
    batch_size: int = 128
    device: torch.device | str = "cpu"
    precision: str = "auto"
    workers: int | None = None
    allow_unreadable: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    progress: bool = True

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be meant."""
        at_least_one("batch_size", self.batch_size)
        at_least_one("the number of pictures", len(self.images))
        one_of("precision", self.precision, ("auto", *PRECISIONS))
        if self.precision in ("float16", "bfloat16") and not self._on_cuda:
            raise ValueError(f"precision {self.precision!r} needs CUDA, not {str(self.device)!r}.")
        if len(set(self.images)) < len(self.images):
            twice = next(name for name in self.images if self.images.count(name) > 1)
            raise ValueError(f"{twice!r} is in the list twice; a picture gives one feature.")
        for name in self.images:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"{name!r} leads out of the folder of pictures.")

    @property
    def work(self) -> Path:
        """Folder of chunks and settings, which no other precision or batch size shares."""
        return self.folder / f"{self._precision}-{self.batch_size}"

    def run(self, shards: int = 1) -> Extracted:
        """Extract what is not there yet, and put all together.

        Args:
            shards: parts of the list, each a joblib task for the backend in force: this machine's
                cores, or a Dask cluster that sees the same folders.

        Raises:
            ExtractionError: the folder has other settings or cannot be written to, or a feature
                came out wrong.
            WorkError: the device failed, or its memory does not do.
            UnreadableImages: pictures cannot be read, and that was not allowed.
        """
        at_least_one("shards", shards)
        listing = self._listing()
        if shards == 1:
            self._run_shard(listing, 1, 1)
        else:
            tasks = (joblib.delayed(self._run_shard)(listing, i + 1, shards) for i in range(shards))
            try:
                joblib.Parallel(n_jobs=shards)(tasks)
            except BrokenProcessPool as error:
                raise ExtractionError(
                    f"One of the {shards} processes was killed, most likely because memory ran "
                    "out. What is done is kept: run again with fewer shards."
                ) from error
        return self.merge()

    def run_shard(self, part: int, of: int) -> None:
        """Extract one part of the list, 1 to `of`, on a machine that shares the folder.

        Raises as `run` does, for the pictures of this part.
        """
        if not 1 <= part <= of:
            raise ValueError(f"shards of {of} count from 1 to {of}; there is no {part}.")
        self._allow(self._run_shard(self._listing(), part, of))

    def merge(self) -> Extracted:
        """Put the chunks together in the list's order, and write them to `features.npz`.

        The model is not needed. Every picture must be there once, under the folder's settings,
        with a finite feature of unit norm.

        Raises:
            ExtractionError: something is missing or wrong; the message names it.
            UnreadableImages: pictures were unreadable, and that was not allowed.
        """
        settings, listing = self._stored_settings(), self._listing()
        if not settings:
            raise ExtractionError(f"Nothing has been extracted to {self.work} yet.")
        chunks = [_stored(chunk) for chunk in self._chunks(settings, listing)]
        _require_all(chunks)
        unreadable = _unreadable(chunks)
        self._allow(unreadable)
        if len(unreadable) == len(listing):
            raise UnreadableImages(unreadable)
        features = np.concatenate([chunk.features for chunk in chunks if len(chunk.features)])
        images = [name for chunk in chunks for name in chunk.images]
        _check(features, images)
        provenance = settings | {
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

    def _run_shard(self, listing: list, part: int, of: int) -> dict[str, str]:
        """Do one part; return the reasons of the pictures that cannot be read."""
        require_writable(self.work, BYTES * len(listing) // of)
        self.work.mkdir(parents=True, exist_ok=True)
        alone = locked(self.work / f".shard {part} of {of}.lock")
        with alone, device_told(self.device, self.batch_size):
            return self._extract(listing, part, of)

    def _extract(self, listing: list, part: int, of: int) -> dict[str, str]:
        settings, encoder = self._stored_settings(), None
        if not self.model or settings.get("asked_for") != self.model:
            encoder, settings = self._begin(settings)
        chunks = [_stored(chunk) for chunk in self._chunks(settings, listing)[part - 1 :: of]]
        done, todo = [], []  # unreadable pictures get a new try
        for chunk in chunks:
            again = chunk.features is None or (chunk.unreadable and not self.allow_unreadable)
            (todo if again else done).append(chunk)
        with self._bar(chunks, done, part, of) as bar:
            if todo:
                encoder = encoder or self._begin(settings)[0]
                done += self._encode(encoder, todo, part, of, bar)
        return _unreadable(done)

    def _encode(
        self, encoder: ClipEncoder, todo: Sequence[_Chunk], part: int, of: int, bar: tqdm
    ) -> list[_Chunk]:
        """Encode chunk by chunk, each written before the next is begun."""
        device = self._device(part)
        workers = -(-default_workers(device) // of) if self.workers is None else self.workers
        names = [chunk.names for chunk in todo]
        read = {"workers": workers, "pin_memory": self._on_cuda}
        batches = read_pictures(self.root, names, encoder.preprocess, **read)
        new = []
        for chunk, (pixels, reasons) in zip(todo, batches, strict=True):
            unreadable = {n: why for n, why in zip(chunk.names, reasons, strict=True) if why}
            rows = np.zeros((0, 0), np.float32)
            if len(pixels):
                rows = encode_pixels(encoder, pixels, device, self._precision)
            new.append(replace(chunk, features=rows, unreadable=unreadable))
            _check(rows, new[-1].images)
            facts = {"key": chunk.key, "unreadable": unreadable}
            write_bundle(chunk.file, {"features": rows, "facts": json.dumps(facts)})
            bar.update(len(chunk.names))
        return new

    def _allow(self, unreadable: Mapping[str, str]) -> None:
        if unreadable and not self.allow_unreadable:
            raise UnreadableImages(unreadable)

    def _listing(self) -> list[tuple[str, int | None, str | None]]:
        """Each picture's name, size in bytes and hash; what is not there is told, and has none."""
        paths = {name: self.root / name for name in self.images}
        sizes = {n: path.stat().st_size if path.is_file() else None for n, path in paths.items()}
        gone = {name: "not there" for name, size in sizes.items() if size is None}
        if len(gone) == len(sizes):
            raise ExtractionError(f"None of the pictures is in {self.root}: {self.images[0]}, ...")
        self._allow(gone)
        return [(name, size, self.hashes.get(name)) for name, size in sizes.items()]

    def _chunks(self, settings: dict, listing: list) -> list[_Chunk]:
        """What has to be there, in the list's order, whether it is or not."""
        starts = range(0, len(listing), self.batch_size)
        parts = [listing[start : start + self.batch_size] for start in starts]
        files = [self.work / f"{i:06}.npz" for i in range(len(parts))]
        return [
            _Chunk(file, _sha256_of([settings, part]), tuple(name for name, *_ in part))
            for file, part in zip(files, parts, strict=True)
        ]

    def _begin(self, stored: dict) -> tuple[ClipEncoder, dict]:
        """Load the model, and write the settings to a new folder or refuse one with others."""
        encoder = self.load()
        settings = encoder.facts() | {"prompt": PROMPT, "asked_for": self.model}
        settings |= {"precision": self._precision, "batch_size": self.batch_size}
        if not stored:
            write_atomically(self.work / SETTINGS, json.dumps(settings, indent=1))
            stored = self._stored_settings()  # another machine's, if it was a moment later
        if lines := [
            f"  {key}: {stored.get(key)!r} before, {now!r} now"
            for key, now in settings.items()
            if stored.get(key) != now
        ]:
            lines = [f"{self.work} was begun with other settings:", *lines]
            raise ExtractionError("\n".join([*lines, "Ask for the same, or for another folder."]))
        return encoder, settings

    def _stored_settings(self) -> dict:
        file = self.work / SETTINGS
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        except ValueError as error:
            raise ExtractionError(f"{file} is damaged. Delete {self.work}.") from error

    def _bar(self, chunks: list[_Chunk], done: list[_Chunk], part: int, of: int) -> tqdm:
        live = sys.stderr.isatty()
        return tqdm(
            desc=f"shard {part} of {of}" if of > 1 else "extracting",
            total=_count(chunks),
            initial=_count(done),
            unit=" images",
            position=part - 1 if live else 0,
            file=sys.stderr if live else _Lines(),
            mininterval=0.5 if live else LINE_SECONDS,
            disable=not self.progress,
        )

    def _device(self, part: int) -> torch.device:
        """The device of a shard: of several GPUs each gets its share of the shards."""
        device, count = torch.device(self.device), torch.cuda.device_count()
        if device.type != "cuda" or device.index is not None or count < 2:
            return device
        return torch.device("cuda", (part - 1) % count)

    @property
    def _precision(self) -> str:
        auto = "float16" if self._on_cuda else "float32"
        return auto if self.precision == "auto" else self.precision

    @property
    def _on_cuda(self) -> bool:
        return torch.device(self.device).type == "cuda"


class _Lines:
    """A stream for tqdm that gives each state a line of its own."""

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=sys.stderr, flush=True)

    def flush(self) -> None:
        pass


def require_writable(folder: Path, bytes_needed: int = 0) -> None:
    """Check that a folder is there or can be made, can be written to, and that its disk has room.

    Nothing is touched. Raises ExtractionError.
    """
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise ExtractionError(f"{folder} cannot be written: {nearest} is no folder to write to.")
    if (free := shutil.disk_usage(nearest).free) < bytes_needed:
        needed = f"{bytes_needed / 1e6:,.0f} MB"
        raise ExtractionError(f"{folder} needs {needed}, and {free / 1e6:,.0f} MB are free.")


def _stored(chunk: _Chunk) -> _Chunk:
    """Read what is there of a chunk; a damaged file, or one of something else, is none."""
    try:
        arrays = read_bundle(chunk.file)
        facts = json.loads(str(arrays["facts"]))
        features, key, unreadable = arrays["features"], facts["key"], facts["unreadable"]
    except (FileNotFoundError, BenchmarkError, KeyError, ValueError):
        return chunk
    right = key == chunk.key
    return replace(chunk, features=features, unreadable=unreadable) if right else chunk


def _unreadable(chunks: Sequence[_Chunk]) -> dict[str, str]:
    return {name: why for chunk in chunks for name, why in chunk.unreadable.items()}


def _count(chunks: Sequence[_Chunk]) -> int:
    return sum(len(chunk.names) for chunk in chunks)


def _require_all(chunks: Sequence[_Chunk]) -> None:
    if missing := [chunk for chunk in chunks if chunk.features is None]:
        lines = [f"  from {chunk.names[0]} to {chunk.names[-1]}" for chunk in missing[:SHOWN]]
        if len(missing) > SHOWN:
            lines.append(f"  and {len(missing) - SHOWN} more chunks")
        lines.insert(0, f"{_count(missing)} of {_count(chunks)} pictures are missing:")
        lines.append("Run the shards that have them; what is there is not computed again.")
        raise ExtractionError("\n".join(lines))


def _check(features: Float32[np.ndarray, "N D"], images: Sequence[str]) -> None:
    """Refuse features that do not fit their pictures, or are not finite or of unit norm."""
    if len(features) != len(images):
        raise ExtractionError(f"There are {len(features)} features of {len(images)} pictures.")
    right = np.abs(np.linalg.norm(features, axis=1) - 1) < NORM_TOLERANCE  # NaN is not
    if not right.all():
        wrong = [image for image, ok in zip(images, right, strict=True) if not ok]
        raise ExtractionError(
            f"{len(wrong)} features are not finite or not of unit norm, the first that of "
            f"{wrong[0]}. In half precision a model can overflow: try precision='float32'."
        )


def _sha256_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
