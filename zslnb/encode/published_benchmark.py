"""Bring a published benchmark: `make data`.

What will be downloaded, the disk it takes and the time on this device are said first, and
`--dry-run` says no more. Then the archives are fetched and unpacked, the published files checked
against published sizes, CLIP features extracted, and the papers' figures for these inputs set
beside what came out. Each step that is done is done for good: the same command goes on where it
stopped. The exit status is 0, 1 if something failed, 2 for a bad input, 130 after Ctrl-C.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from zslnb import studies
from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import write_bundle
from zslnb.datasets.published import (
    Text,
    load_published,
    published_images,
    read_clip_features,
    read_text,
    unique,
)
from zslnb.datasets.published_files import (
    CLIP,
    RESNET,
    WITH_PICTURES,
    PublishedFiles,
    features_of,
)
from zslnb.datasets.xlsa17 import PUBLISHED
from zslnb.device import choose_device
from zslnb.download.fetch import obtain
from zslnb.download.sources import (
    WEIGHTS,
    Source,
    SourceError,
    describe,
    needed,
    pictures_folder,
    plan,
    require_space,
    source,
)
from zslnb.encode.clip import PROMPT, ClipEncoder, load_clip, weights_are_here
from zslnb.encode.extract import (
    Extraction,
    ExtractionError,
    UnreadableImages,
    class_text_features,
)
from zslnb.encode.pace import SIZE, Pace, measure_pace
from zslnb.errors import BenchmarkError, unknown_name
from zslnb.files import data_dir
from zslnb.results.tables import markdown_table

ALL = "all"
SHOWN = 5  # names in a message
BATCH = 128  # pictures in a batch, and at most lost by a kill
FAILURES = (SourceError, ExtractionError, BenchmarkError, OSError)


@dataclass(frozen=True)
class Request:
    """What to bring: benchmarks with their features, the device, parts of the list of pictures.

    `shard` is the one part to do, from 0; None does all `shards` here.
    """

    places: tuple[PublishedFiles, ...]
    device: torch.device
    dry_run: bool = False
    shards: int = 1
    shard: int | None = None


def names_of(benchmark: str) -> tuple[str, ...]:
    """Benchmarks that a name on the command line stands for.

    Raises:
        BenchmarkError: nothing brings such a benchmark.
    """
    if benchmark == ALL:
        return WITH_PICTURES
    if benchmark not in WITH_PICTURES:
        known = (*WITH_PICTURES, ALL)
        raise BenchmarkError(unknown_name("benchmark to download", benchmark, known))
    return (benchmark,)


def outlook(request: Request) -> Iterator[str]:
    """Say what will be downloaded, the disk it takes, and then the time on this device."""
    wanted = still_needed(request.places)
    if wanted:
        planned = plan(wanted)
        if WEIGHTS in planned.index and _weights_are_here(source(WEIGHTS).tag):
            planned.loc[WEIGHTS] = ("there, open_clip's", 0.0, 0.0)
        yield describe(planned)
    else:
        yield "Nothing to download."
    others = {"/".join(p.model) for p in request.places if p.is_clip} - {source(WEIGHTS).tag}
    for tag in sorted(others):
        there = "there" if _weights_are_here(tag) else "to download, of unknown size"
        yield f"Weights {tag}, open_clip's: {there}."
    for place in request.places:
        yield _time(place, request.device)
    if _pace.cache_info().currsize:
        yield (
            f"Timed just now, with random weights on noise of {SIZE[0]} x {SIZE[1]}; larger "
            "pictures take longer to read. How long a download takes is up to the network."
        )


def still_needed(places: Iterable[PublishedFiles]) -> list[Source]:
    """List each source that some benchmark cannot do without, as far as its files tell."""
    found: dict[str, Source] = {}
    for place in places:
        there = set()
        if _is_published(place):
            there.add("xlsa17")
        if place.is_clip and place.features_file.is_file():
            there.add(f"{place.name}-images")
            if place.text_file.is_file():
                there.add(WEIGHTS)
        found |= {s.name: s for s in sources_of(place) if s.name not in there}
    return [*found.values()]


def sources_of(files: PublishedFiles) -> list[Source]:
    """What a benchmark is made of. Another model than the papers' is not among them."""
    sources = needed(files.name, CLIP if files.is_clip else RESNET)
    return [s for s in sources if s.name != WEIGHTS or files.model == (*s.tag.split("/"),)]


def require_pictures(files: PublishedFiles, image_files: Sequence[str]) -> None:
    """Check that every picture of the published list is there.

    Raises:
        FileNotFoundError: there is no folder of pictures.
        BenchmarkError: some are not in it; the first are named.
    """
    folder = pictures_folder(files.name, files.root)
    if not folder.is_dir():
        raise files.missing(f"There are no pictures of {files.name} in {folder.parent}.")
    gone = [name for name in image_files if not (folder / name).is_file()]
    if gone:
        raise BenchmarkError(
            f"{files.name}: {len(gone):,} of {len(image_files):,} pictures that "
            f"{files.name.upper()}/res101.mat lists are not in {folder}: "
            f"{', '.join(gone[:SHOWN])}{', ...' if len(gone) > SHOWN else ''}. If its archive "
            f"was unpacked by hand, move the folder away and run `{files.command}`."
        )


def save_text(files: PublishedFiles, encoder: ClipEncoder, class_names: Sequence[str]) -> Text:
    """Encode class names, each in the prompt, and store them where `load_published` looks."""
    rows = class_text_features(encoder, class_names)
    facts = {**encoder.facts(), "prompt": PROMPT}
    arrays = {"text": rows, "class_names": np.array(class_names), "provenance": json.dumps(facts)}
    write_bundle(files.text_file, arrays)
    return Text(rows, tuple(class_names), facts)


def bring(place: PublishedFiles, request: Request) -> Benchmark | None:
    """Do what is not done yet, and load the benchmark; None where one shard alone was asked for.

    Raises:
        SourceError: something could not be had, or is another file than before.
        BenchmarkError: published files or features that are not what they should be.
        ExtractionError: features could not be made.
        OSError: a disk that cannot be read or written.
    """
    if not _is_published(place):
        obtain(source("xlsa17"), place.root)
    checked = _checked(place)
    _say(f"{place.name}: {checked!r}, sizes {checked.provenance['sizes']}.")
    if not place.is_clip:
        return checked
    image_files = published_images(place).image_files
    if not _holds(place, checked.class_names):
        text = save_text(place, _encoder(place), checked.class_names)
        row = studies.text_acceptance(torch.from_numpy(text.features), place.name, place.model)
        _say(f"{place.name}: {row['quantity']} {row['measured']:.4f}. {_beside(row)}".rstrip())
    if not _is_extracted(place, image_files):
        obtain(source(f"{place.name}-images"), place.root)
        require_pictures(place, image_files)
        _extract(place, request, unique(image_files))
    if request.shard is not None:
        return None
    return load_published(place.name, features=place.features, root=place.root)


def show(benchmark: Benchmark) -> None:
    """Print the acceptance values: what the papers publish of these inputs, and what came out."""
    compared = studies.acceptance(benchmark)
    if not compared.empty:
        print(f"\n{markdown_table(compared)}\n{studies.acceptance_words(compared)}\n", flush=True)


def parse(argv: Sequence[str] | None) -> Request:
    """Read the command line.

    Raises:
        ValueError: an unknown benchmark, features, device, or shard.
    """
    parser = argparse.ArgumentParser(
        prog="python -m zslnb.encode.published_benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--benchmark", required=True, help=", ".join((*WITH_PICTURES, ALL)))
    parser.add_argument(
        "--features", default="", help=f"{CLIP} (default), {RESNET}, or MODEL/TAG of open_clip"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--shards", type=int, default=1, help="parts of the list of pictures")
    parser.add_argument("--shard", type=int, help="do this part alone, from 0; a last run merges")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    args = parser.parse_args(argv)
    if args.shards < 1 or (args.shard is not None and not 0 <= args.shard < args.shards):
        raise ValueError(f"shards of {args.shards} count from 0; there is no {args.shard}.")
    names = names_of(args.benchmark)
    places = tuple(PublishedFiles(name, args.features or features_of(name)[0]) for name in names)
    for model in {place.model for place in places if place.is_clip}:
        weights_are_here(*model)  # which refuses a model that open_clip does not know
    device = choose_device(args.device)
    return Request(places, device, args.dry_run, args.shards, args.shard)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    try:
        request = parse(argv)
    except ValueError as error:
        print(f"zslnb: {error}", file=sys.stderr)
        return 2
    try:
        for line in outlook(request):
            _say(line)
        return 0 if request.dry_run else _bring_all(request)
    except FAILURES as error:
        print(f"zslnb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; what is done is kept, and the same command goes on there.")
        return 130


def _bring_all(request: Request) -> int:
    """Bring one benchmark after another; one that fails stops none of the others."""
    require_space(plan(still_needed(request.places))["disk"].sum(), data_dir(), "All of it")
    status = 0
    for place in request.places:
        try:
            benchmark = bring(place, request)
        except FAILURES as error:
            print(f"zslnb: {place.name}: {_explained(error, place)}", file=sys.stderr, flush=True)
            status = 1
        else:
            if benchmark is not None:
                show(benchmark)
    return status


def _say(text: str) -> None:
    print(text, flush=True)


def _checked(place: PublishedFiles) -> Benchmark:
    """Load the published files, which checks all that is published of them."""
    try:
        return load_published(place.name, features=RESNET, root=place.root)
    except BenchmarkError as error:
        said = source("xlsa17")
        raise said.trouble(
            f"{error}\n  To have it again move {said.folder(place.root)} and "
            f"{said.archive(place.root)} away first.",
            place.root,
        ) from error


def _explained(error: Exception, place: PublishedFiles) -> str:
    """Add what can be done about an error, where its maker could not know."""
    if isinstance(error, UnreadableImages):
        return (
            f"{error}\nHere none is left out, since the published sizes would not hold. To unpack "
            f"the pictures again delete {source(f'{place.name}-images').folder(place.root)}."
        )
    if isinstance(error, ExtractionError):
        return f"{error}\nThe folder is {place.features_folder}; without it all is extracted anew."
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return f"{error}. Data are kept in {data_dir()}; set ZSLNB_DATA to a folder to write to."
    return str(error)


def _is_published(place: PublishedFiles) -> bool:
    files = ("res101.mat", "att_splits.mat")
    return all((place.mat_folder / file).is_file() for file in files)


def _is_extracted(place: PublishedFiles, image_files: Sequence[str]) -> bool:
    """Whether whole features of this very list are there."""
    try:
        read_clip_features(place, image_files)
    except (FileNotFoundError, BenchmarkError):
        return False
    return True


def _holds(place: PublishedFiles, class_names: tuple[str, ...]) -> bool:
    """Whether texts of these very class names are there."""
    try:
        return read_text(place).class_names == class_names
    except (FileNotFoundError, BenchmarkError):
        return False


def _encoder(place: PublishedFiles) -> ClipEncoder:
    try:
        return load_clip(*place.model)
    except Exception as error:  # the hub and the network raise what they like
        said = source(WEIGHTS)
        page = f"  page: {said.page}\n" if "/".join(place.model) == said.tag else ""
        raise SourceError(
            f"The weights {'/'.join(place.model)} cannot be had: {error}\n"
            f"{page}  by hand: {said.by_hand}"
        ) from error


def _extract(place: PublishedFiles, request: Request, images: list[str]) -> None:
    job = Extraction(
        pictures_folder(place.name, place.root),
        images,
        partial(load_clip, *place.model),
        place.features_folder,
        batch_size=BATCH,
        device=request.device,
    )
    if request.shard is not None:
        job.run_shard(request.shard, request.shards)
        _say(f"{place.name}: shard {request.shard} of {request.shards} is done.")
    else:
        job.run(request.shards)


def _beside(row: dict) -> str:
    if row["verdict"] == studies.UNDECIDED:
        return ""
    return f"Published: {row['published']:.4f}; it {row['verdict']}."


def _weights_are_here(tag: str) -> bool:
    return weights_are_here(*tag.split("/"))


def _time(place: PublishedFiles, device: torch.device) -> str:
    """Say how long extraction will take."""
    if not place.is_clip:
        return f"{place.name}: nothing to extract; a minute to check what is downloaded."
    if place.features_file.is_file():
        return f"{place.name}: its features are there."
    sizes = PUBLISHED[place.name.upper()]
    count = sizes.trainval + sizes.test_seen + sizes.test_unseen
    done = BATCH * len([*Path(place.features_folder, "chunks").glob("*.npz")])
    left = max(count - done, 0)
    what = f"{place.name}: {left:,} of {count:,} pictures to extract"
    try:
        pace = _pace(*place.model, device)
    except (RuntimeError, OSError) as error:
        return f"{what}; how long is not known, since {device} could not be timed ({error})."
    each = f"{pace.together:.3g} a second"
    return f"{what}, about {_duration(left / pace.together)} on {device} ({each})."


@cache
def _pace(model_name: str, tag: str, device: torch.device) -> Pace:
    return measure_pace(model_name, tag, device)


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1.5:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


if __name__ == "__main__":
    # a shell that starts this in the background has Ctrl-C ignored; both stop a run in order
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
