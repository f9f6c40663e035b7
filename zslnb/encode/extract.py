"""Pictures to features with CLIP: stopped anywhere, resumed, shared between machines.

The list is cut into chunks of one batch. A chunk is a file, named by the hash of all that decides
what is in it: the settings, and its pictures' names and sizes. So a chunk that is there is never
computed again, whoever made it, and one of another model or another list is never taken for it.
A kill loses at most the batch at hand and those that were being read ahead.
"""

import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from itertools import islice
from pathlib import Path, PurePosixPath

import joblib
import numpy as np
import torch
from jaxtyping import Float32
from tqdm import tqdm

from zslnb.datasets.bundle import file_sha256, read_bundle, write_bundle
from zslnb.datasets.extracted import RESULT, Extracted, rows_sha256
from zslnb.datasets.xlsa17 import readable
from zslnb.encode.clip import PRECISIONS, PROMPT, ClipEncoder, encode_pixels, extract_text_features
from zslnb.encode.pictures import default_workers, read_pictures
from zslnb.errors import BenchmarkError
from zslnb.files import locked, write_atomically
from zslnb.settings import at_least_one, one_of

SETTINGS = "settings.json"
PACKAGES = ("open_clip_torch", "pillow", "torch", "torchvision")
LINE_SECONDS = 30.0  # between two lines of progress where there is no terminal
SHOWN = 100  # names in a message
NORM_TOLERANCE = 1e-4


class ExtractionError(RuntimeError):
    """Features could not be made or put together; the message says what to do."""


class UnreadableImages(ExtractionError):
    """Pictures that cannot be read; `reasons` has the reason of each, by its name."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        lines = [f"  {name}: {reason}" for name, reason in islice(reasons.items(), SHOWN)]
        if len(reasons) > SHOWN:
            lines.append(f"  and {len(reasons) - SHOWN} more")
        super().__init__(
            "\n".join(
                [
                    f"{len(reasons)} of the pictures cannot be read:",
                    *lines,
                    "Mend or replace them and run again, which costs their batches only; or leave "
                    "them out knowingly with allow_unreadable=True.",
                ]
            )
        )

    def __reduce__(self) -> tuple:
        """Come whole out of another process."""
        return type(self), (self.reasons,)


_Listing = list[tuple[str, int | None, str | None]]  # name, bytes, hash of the content


@dataclass(frozen=True)
class _Chunk:
    features: Float32[np.ndarray, "n D"]
    facts: dict


@dataclass(frozen=True)
class Extraction:
    """Which pictures become features, by which model, and where to.

    Attributes:
        root: folder of the pictures.
        images: their paths in it, with "/", in the order of the features; none twice.
        load: gives the encoder; called where the work is done, as in
            `partial(load_clip, "ViT-B-16", "openai")`.
        folder: for chunks and result. One folder, one model and one preprocessing.
        batch_size: pictures in a batch, and in a chunk.
        device: where the model runs.
        precision: "float32", "float16" or "bfloat16"; "auto" is float16 on CUDA, as released
            code has it, else float32. Half precision is for CUDA alone.
        workers: processes that read ahead, for each shard; 0 reads in this one. Unless given,
            1 beside a model on the CPU, else all cores but one.
        allow_unreadable: leave out pictures that cannot be read; their names go to provenance.
        hash_contents: tell pictures apart by their content too, not by name and size alone.
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
    hash_contents: bool = False
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

    def run(self, shards: int = 1) -> Extracted:
        """Extract what is not there yet, and put all together.

        Args:
            shards: parts of the list, each a joblib task for the backend in force: this machine's
                cores, or a Dask cluster that sees the same folders.

        Raises:
            ExtractionError: the folder has other settings, or a feature came out wrong.
            UnreadableImages: pictures cannot be read, and that was not allowed.
        """
        at_least_one("shards", shards)
        if not any((self.root / name).is_file() for name in self.images):
            raise ExtractionError(f"None of the pictures is in {self.root}: {self.images[0]}, ...")
        self._listing(self.images)  # what is not there is told before the work
        if shards == 1:
            self._run_shard(0, 1)
        else:
            tasks = (joblib.delayed(self._run_shard)(i, shards) for i in range(shards))
            joblib.Parallel(n_jobs=shards)(tasks)
        return self.merge()

    def run_shard(self, index: int, of: int) -> None:
        """Extract one part of the list, 0 to `of` - 1, on a machine that shares the folder.

        Raises as `run` does, for the pictures of this part.
        """
        if not 0 <= index < of:
            raise ValueError(f"shards of {of} count from 0 to {of - 1}; there is no {index}.")
        self._allow(self._run_shard(index, of))

    def merge(self) -> Extracted:
        """Put the chunks together in the list's order, and write them to `features.npz`.

        The model is not needed. Every picture must be there once, under the folder's settings,
        with a finite feature of unit norm.

        Raises:
            ExtractionError: something is missing or wrong; the message names it.
            UnreadableImages: pictures were unreadable, and that was not allowed.
        """
        settings = self._stored_settings()
        listing = self._listing(self.images, settings["hash_contents"])
        parts = _parts(listing, settings["batch_size"])
        chunks = [_read_chunk(self.folder / _chunk_name(settings, part)) for part in parts]
        _require_all(chunks, parts)
        unreadable = _joined(chunk.facts["unreadable"] for chunk in chunks)
        self._allow(unreadable)
        if len(unreadable) == len(listing):
            raise UnreadableImages(unreadable)
        features = np.concatenate([chunk.features for chunk in chunks if len(chunk.features)])
        images = [name for name in self.images if name not in unreadable]
        _check(features, images)
        provenance = _provenance(settings, listing, features, [chunk.facts for chunk in chunks])
        whole = {"features": features, "images": np.array(images)}
        write_bundle(self.folder / RESULT, whole | {"provenance": json.dumps(provenance)})
        return Extracted(features, tuple(images), provenance)

    def _run_shard(self, index: int, of: int) -> dict[str, str]:
        """Do one part; return the reasons of the pictures that cannot be read."""
        (self.folder / "chunks").mkdir(parents=True, exist_ok=True)
        with locked(self.folder / f".shard {index + 1} of {of}.lock"):
            encoder = self.load()
            settings = self._settings(encoder)
            self._agree_on(settings)
            share = np.array_split(np.arange(0, len(self.images), self.batch_size), of)[index]
            names = [self.images[start : start + self.batch_size] for start in share]
            files = {self._chunk_file(settings, part): part for part in names}
            done = {file: chunk for file in files if (chunk := self._finished(file))}
            todo = {file: part for file, part in files.items() if file not in done}
            label = f"shard {index + 1} of {of}" if of > 1 else "extracting"
            with self._bar(label, index, done, files) as bar:
                new = self._encode(encoder, settings, todo, bar)
            return _joined([chunk.facts["unreadable"] for chunk in done.values()] + new)

    def _encode(
        self, encoder: ClipEncoder, settings: dict, todo: Mapping[Path, Sequence[str]], bar: tqdm
    ) -> list[dict[str, str]]:
        """Encode chunk by chunk, each written before the next is begun."""
        if not todo:
            return []
        found = []
        loader = read_pictures(
            self.root,
            list(todo.values()),
            encoder.preprocess,
            workers=self._reading,
            pin_memory=self._on_cuda,
        )
        start = time.perf_counter()
        for (file, names), (pixels, reasons) in zip(todo.items(), loader, strict=True):
            unreadable = {n: why for n, why in zip(names, reasons, strict=True) if why}
            images = [name for name in names if name not in unreadable]
            rows = np.zeros((0, 0), np.float32)
            if images:
                rows = encode_pixels(encoder, pixels, self.device, settings["precision"])
            _check(rows, images)
            now = time.perf_counter()
            facts = {"images": images, "unreadable": unreadable, "seconds": now - start}
            _save_chunk(file, rows, facts | self._machine)
            found.append(unreadable)
            bar.update(len(names))
            start = now
        return found

    def _finished(self, file: Path) -> _Chunk | None:
        """Find a chunk that need not be computed; one with unreadable pictures gets a new try."""
        chunk = _read_chunk(file)
        again = chunk and chunk.facts["unreadable"] and not self.allow_unreadable
        return None if again else chunk

    def _allow(self, unreadable: Mapping[str, str]) -> None:
        if unreadable and not self.allow_unreadable:
            raise UnreadableImages(unreadable)

    def _listing(self, images: Sequence[str], hash_contents: bool = False) -> _Listing:
        """Each picture's name, its size in bytes, and the hash of its content if that is asked."""
        paths = [self.root / name for name in images]
        there = [path.is_file() for path in paths]
        gone = dict.fromkeys((n for n, t in zip(images, there, strict=True) if not t), "not there")
        self._allow(gone)
        return [
            (
                name,
                path.stat().st_size if t else None,
                file_sha256(path) if t and hash_contents else None,
            )
            for name, path, t in zip(images, paths, there, strict=True)
        ]

    def _chunk_file(self, settings: dict, images: Sequence[str]) -> Path:
        listing = self._listing(images, settings["hash_contents"])
        return self.folder / _chunk_name(settings, listing)

    def _settings(self, encoder: ClipEncoder) -> dict:
        """All that decides a feature, its picture aside."""
        precision = "float16" if self._on_cuda else "float32"
        return encoder.facts() | {
            "prompt": PROMPT,
            "precision": precision if self.precision == "auto" else self.precision,
            "batch_size": self.batch_size,
            "hash_contents": self.hash_contents,
        }

    def _agree_on(self, settings: dict) -> None:
        """Write the settings to a new folder, or refuse one that has others."""
        file = self.folder / SETTINGS
        with locked(self.folder / ".settings.lock"):
            if not file.exists():
                write_atomically(file, json.dumps(settings, indent=1))
        there = self._stored_settings()
        if differing := [key for key in settings if there.get(key) != settings[key]]:
            lines = [
                f"  {key}: {there.get(key)!r} there, {settings[key]!r} now" for key in differing
            ]
            raise ExtractionError(
                "\n".join([f"{self.folder} was begun with other settings:", *lines])
                + "\nAsk for the same, or for another folder."
            )

    def _stored_settings(self) -> dict:
        file = self.folder / SETTINGS
        if not file.exists():
            raise ExtractionError(f"Nothing has been extracted to {self.folder} yet.")
        return json.loads(file.read_text(encoding="utf-8"))

    def _bar(self, label: str, place: int, done: Mapping, files: Mapping[Path, Sequence]) -> tqdm:
        live = sys.stderr.isatty()
        return tqdm(
            desc=label,
            total=sum(map(len, files.values())),
            initial=sum(len(files[file]) for file in done),
            unit=" images",
            position=place if live else 0,
            file=sys.stderr if live else _Lines(),
            mininterval=0.5 if live else LINE_SECONDS,
            disable=not self.progress,
        )

    @property
    def _on_cuda(self) -> bool:
        return torch.device(self.device).type == "cuda"

    @property
    def _reading(self) -> int:
        if multiprocessing.current_process().daemon:  # as Dask's are: they may not start others
            return 0
        return self.workers if self.workers is not None else default_workers(self.device)

    @cached_property
    def _machine(self) -> dict:
        cuda = torch.cuda.get_device_name(self.device) if self._on_cuda else None
        versions = {name: metadata.version(name) for name in PACKAGES}
        return {"device": cuda or str(self.device), "versions": versions}


def class_text_features(
    encoder: ClipEncoder, class_names: Sequence[str], device: torch.device | str = "cpu"
) -> Float32[np.ndarray, "C D"]:
    """Encode class names, cleaned as released, each as "A photo of a {name}.": rows (C, D)."""
    return extract_text_features(encoder, [readable(name) for name in class_names], device=device)


class _Lines:
    """A stream for tqdm that gives each state a line of its own."""

    def write(self, text: str) -> None:
        if text.strip():
            print(text.strip(), file=sys.stderr, flush=True)

    def flush(self) -> None:
        pass


def _chunk_name(settings: dict, listing: _Listing) -> str:
    return f"chunks/{_sha256_of([settings, listing])[:32]}.npz"


def _read_chunk(file: Path) -> _Chunk | None:
    """Read a chunk; None where there is none, or a damaged one, which is as good as none."""
    try:
        arrays = read_bundle(file)
        chunk = _Chunk(arrays["features"], json.loads(str(arrays["facts"])))
        whole = chunk.facts["sha256"] == rows_sha256(chunk.features)
    except (FileNotFoundError, BenchmarkError, KeyError, ValueError):
        return None
    return chunk if whole else None


def _save_chunk(file: Path, rows: Float32[np.ndarray, "n D"], facts: dict) -> None:
    facts = facts | {"sha256": rows_sha256(rows)}
    write_bundle(file, {"features": rows, "facts": json.dumps(facts)})


def _parts(listing: _Listing, size: int) -> list[_Listing]:
    return [listing[start : start + size] for start in range(0, len(listing), size)]


def _require_all(chunks: Sequence[_Chunk | None], parts: Sequence[_Listing]) -> None:
    """Refuse chunks that are not there, or do not hold the pictures that they stand for."""
    missing, place = [], 0
    for chunk, part in zip(chunks, parts, strict=True):
        names = [name for name, *_ in part]
        if chunk is None:
            missing.append((place, names))
        elif [n for n in names if n not in chunk.facts["unreadable"]] != chunk.facts["images"]:
            raise ExtractionError(f"The chunk of {names[0]} holds other pictures. Delete it.")
        place += len(names)
    if missing:
        count = sum(len(names) for _, names in missing)
        lines = [
            f"  {start} to {start + len(names) - 1}, from {names[0]} to {names[-1]}"
            for start, names in missing[:SHOWN]
        ]
        more = [f"  and {len(missing) - SHOWN} more chunks"] if len(missing) > SHOWN else []
        raise ExtractionError(
            "\n".join(
                [f"{count} of {place} pictures are missing, in the list's order:", *lines, *more]
            )
            + "\nRun the shards that have them; what is there is not computed again."
        )


def _check(features: Float32[np.ndarray, "N D"], images: Sequence[str]) -> None:
    """Refuse features that do not fit their pictures, or are not finite or of unit norm."""
    if len(features) != len(images):
        raise ExtractionError(f"There are {len(features)} features of {len(images)} pictures.")
    right = np.abs(np.linalg.norm(features, axis=1) - 1) < NORM_TOLERANCE  # NaN is not
    if not right.all():
        wrong = [image for image, ok in zip(images, right, strict=True) if not ok]
        raise ExtractionError(
            f"{len(wrong)} features are not finite or not of unit norm, the first that of "
            f"{wrong[0]}. In half precision a model can overflow: try precision='float32' in "
            "another folder."
        )


def _provenance(
    settings: dict, listing: _Listing, features: Float32[np.ndarray, "N D"], facts: list[dict]
) -> dict:
    """Say what decided the features, what was left out, and what they were computed with."""
    seconds = sum(one["seconds"] for one in facts)
    versions = {json.dumps(one["versions"], sort_keys=True) for one in facts}
    return settings | {
        "images": len(listing),
        "images_sha256": _sha256_of(listing),
        "features_sha256": rows_sha256(features),
        "unreadable": _joined(one["unreadable"] for one in facts),
        "devices": sorted({one["device"] for one in facts}),
        "versions": [json.loads(text) for text in sorted(versions)],
        "images_per_second": len(listing) / seconds,  # of one process
        "unit_norm": ["features"],
    }


def _joined(reasons: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {name: why for one in reasons for name, why in one.items()}


def _sha256_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
