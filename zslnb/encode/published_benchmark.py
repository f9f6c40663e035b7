"""Bring a published benchmark; `DataRequest` says what can be asked for.

Archives are fetched and unpacked, the published files checked against published sizes, CLIP
features extracted. Each step that is done is done for good.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from zslnb.benchmark import Benchmark
from zslnb.datasets import published
from zslnb.datasets.bundle import write_bundle
from zslnb.datasets.published_files import (
    CLIP,
    PAPERS_MODEL,
    RESNET,
    WITH_PICTURES,
    PublishedFiles,
    features_of,
)
from zslnb.datasets.xlsa17 import PUBLISHED
from zslnb.device import choose_device
from zslnb.download import sources
from zslnb.download.fetch import obtain
from zslnb.encode import clip
from zslnb.encode.extract import Extraction, ExtractionError, UnreadableImages
from zslnb.encode.requests import DataRequest, read_shard
from zslnb.errors import BenchmarkError, RequestError, WorkError, unknown_name
from zslnb.files import data_dir

ALL = "all"
SHOWN = 5  # names in a message
BATCH = 128  # pictures in a batch, and at most lost by a kill
TextWords = Callable[[torch.Tensor, PublishedFiles], str]


def bring(
    request: DataRequest, text_words: TextWords, benchmark_words: Callable[[Benchmark], str]
) -> None:
    """Bring what is asked for, or say what that would take.

    Args:
        request: what to bring.
        text_words: says what is known of the class names' text features, before hours of work.
        benchmark_words: says what is known of a benchmark.

    Raises:
        RequestError: an unknown benchmark, features, device, or file of weights.
        WorkError: something could not be had or done; of several benchmarks one stops no other.
    """
    wanted = check(request)
    for line in outlook(request, wanted):
        print(line, flush=True)
    if request.dry_run:
        return
    planned = sources.plan(still_needed(wanted)).values()
    sources.require_space(sum(part.disk or 0 for part in planned), data_dir(), "All of it")
    failed: list[str] = []
    for files in wanted:
        try:
            benchmark = _bring(files, request, text_words)
        except (WorkError, BenchmarkError, OSError) as error:
            failed.append(files.name)
            reason = f"{files.name}: {_explained(error, files)}"
            if len(wanted) > 1:
                print(f"zslnb: {reason}", file=sys.stderr, flush=True)
            continue
        if benchmark is not None and (words := benchmark_words(benchmark)):
            print(words, flush=True)
    if failed:
        all_told = f"{', '.join(failed)} could not be brought, as said above."
        raise WorkError(all_told if len(wanted) > 1 else reason)


def check(request: DataRequest) -> list[PublishedFiles]:
    """Check what is asked for, or raise RequestError; give the files of each benchmark."""
    known = (*WITH_PICTURES, ALL)
    if request.benchmark not in known:
        raise RequestError(unknown_name("benchmark to download", request.benchmark, known))
    names = WITH_PICTURES if request.benchmark == ALL else [request.benchmark]
    wanted = [PublishedFiles(name, request.features or features_of(name)[0]) for name in names]
    for files in wanted:
        if files.is_clip:
            clip.check_clip(*files.model, request.weights)
        elif request.weights or request.shard or request.shards > 1:
            raise RequestError(
                f"Features {files.features!r} are published, not made here: weights=, shard= and "
                "shards= mean nothing beside them."
            )
    choose_device(request.device)
    return wanted


def outlook(request: DataRequest, wanted: Sequence[PublishedFiles]) -> Iterator[str]:
    """Say what will be downloaded, the disk it takes, and how many pictures are to extract."""
    if needed := still_needed(wanted):
        planned = sources.plan(needed)
        if sources.WEIGHTS in planned:
            if request.weights:
                planned[sources.WEIGHTS] = sources.Part(f"there, {request.weights.name}", 0, 0)
            elif clip.weights_are_here(*PAPERS_MODEL):
                planned[sources.WEIGHTS] = sources.Part("there, open_clip's", 0, 0)
        yield sources.describe(planned)
    else:
        yield "Nothing to download."
    for model in sorted({f.model for f in wanted if f.is_clip} - {PAPERS_MODEL}):
        state = "there" if clip.weights_are_here(*model) else "to download, of unknown size"
        yield f"Weights {'/'.join(model)}, open_clip's: {state}."
    for files in wanted:
        yield f"{files.name}: {_to_extract(files)}"


def _to_extract(files: PublishedFiles) -> str:
    if not files.is_clip:
        return "nothing to extract; a minute to check what is downloaded."
    if files.features_file.is_file():
        return "its features are there."
    sizes = PUBLISHED[files.name.upper()]
    count = sizes.trainval + sizes.test_seen + sizes.test_unseen
    done = max((len([*work.glob("*.npz")]) for work in files.features_folder.glob("*/")), default=0)
    left = max(count - BATCH * done, 0)
    return f"{left:,} of {count:,} pictures to extract; a bar will say how long that takes."


def still_needed(wanted: Iterable[PublishedFiles]) -> list[sources.Source]:
    """List each source that some benchmark cannot do without, as far as its files tell."""
    needed: dict[str, sources.Source] = {}
    for files in wanted:
        has_features = files.is_clip and files.features_file.is_file()
        present = {
            "xlsa17": _has_mat_files(files),
            f"{files.name}-images": has_features,
            # another model needs weights that are no source
            sources.WEIGHTS: files.model != PAPERS_MODEL
            or (has_features and files.text_file.is_file()),
        }
        listed = sources.needed(files.name, CLIP if files.is_clip else RESNET)
        needed |= {s.name: s for s in listed if not present[s.name]}
    return [*needed.values()]


def _bring(files: PublishedFiles, request: DataRequest, text_words: TextWords) -> Benchmark | None:
    """Do what is not done yet, and load the benchmark; None where one shard alone was asked for."""
    if not _has_mat_files(files):
        obtain(sources.source("xlsa17"), files.root)
    checked = _checked(files)
    print(f"{files.name}: {checked!r}, sizes {checked.provenance['sizes']}.", flush=True)
    if not files.is_clip:
        return checked
    load_model = partial(clip.load_clip, *files.model, weights=request.weights)
    if not _is_whole(lambda: published.read_text(files).class_names == checked.class_names):
        texts = _save_texts(files, load_model, checked.class_names)
        words = text_words(torch.from_numpy(texts), files)
        print(f"{files.name}: {words}", flush=True)
    images = published.published_images(files).image_files
    if not _is_whole(lambda: bool(published.read_clip_features(files, images))):
        obtain(sources.source(f"{files.name}-images"), files.root)
        require_pictures(files, images)
        weights = f" of {request.weights.name}" if request.weights else ""
        Extraction(
            root=sources.pictures_folder(files.name, files.root),
            images=published.unique(images),
            load=load_model,
            folder=files.features_folder,
            model="/".join(files.model) + weights,
            device=choose_device(request.device),
            batch_size=BATCH,
        ).run(request.shards, read_shard(request.shard, request.shards))
    if request.shard:
        print(f"{files.name}: shard {request.shard} is done.", flush=True)
        return None
    return published.load_published(files.name, features=files.features, root=files.root)


def _save_texts(
    files: PublishedFiles, load_model: Callable, class_names: Sequence[str]
) -> np.ndarray:
    encoder = load_model()
    rows = clip.extract_text_features(encoder, class_names)
    facts = json.dumps({**encoder.facts(), "prompt": clip.PROMPT})
    arrays = {"text": rows, "class_names": np.array(class_names), "provenance": facts}
    write_bundle(files.text_file, arrays)
    return rows


def _checked(files: PublishedFiles) -> Benchmark:
    """Load what is published, which compares it with the published sizes."""
    try:
        return published.load_published(files.name, features=RESNET, root=files.root)
    except BenchmarkError as error:
        archive = sources.source("xlsa17")
        raise archive.trouble(
            f"{error}\n  To have it again move {archive.folder(files.root)} and "
            f"{archive.archive(files.root)} away first.",
            files.root,
        ) from error


def require_pictures(files: PublishedFiles, images: Sequence[str]) -> None:
    """Refuse a folder that lacks pictures of the published list, and name the first."""
    folder = sources.pictures_folder(files.name, files.root)
    if missing := [name for name in images if not (folder / name).is_file()]:
        more = ", ..." if len(missing) > SHOWN else ""
        raise BenchmarkError(
            f"{len(missing):,} of {len(images):,} pictures that {files.name.upper()}/res101.mat "
            f"lists are not in {folder}: {', '.join(missing[:SHOWN])}{more}. If its archive was "
            f"unpacked by hand, move the folder away and run `{files.command}`."
        )


def _explained(error: Exception, files: PublishedFiles) -> str:
    """Add what can be done about an error, where its maker could not know."""
    if isinstance(error, UnreadableImages):
        archive = sources.source(f"{files.name}-images").folder(files.root)
        return (
            f"{error}\nNone is left out, since the published sizes would not hold. To unpack the "
            f"pictures again delete {archive}, and run again."
        )
    if isinstance(error, ExtractionError):
        return f"{error}\nThe folder is {files.features_folder}; without it all is extracted anew."
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return f"{error}. Data are kept in {data_dir()}; set ZSLNB_DATA to a folder to write to."
    return str(error)


def _has_mat_files(files: PublishedFiles) -> bool:
    names = ("res101.mat", "att_splits.mat")
    return all((files.mat_folder / name).is_file() for name in names)


def _is_whole(read: Callable[[], bool]) -> bool:
    """Whether something can be read, and is what it should be."""
    try:
        return read()
    except (FileNotFoundError, BenchmarkError):
        return False
