"""Your own pictures to a benchmark: PICTURES mine.npz --unseen 20%.

PICTURES has one sub-folder a class. CLIP turns pictures into features and class names into
semantics; classes are divided into seen and unseen, pictures of seen ones into training and test.
Everything is checked before the model is loaded, and a run that is stopped goes on where it was.
The exit status is 0 if the bundle is there, 2 if not, 130 after Ctrl-C.
"""

import argparse
import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64

from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import (
    INDEX_KEYS,
    benchmark_from_arrays,
    file_sha256,
    read_bundle,
    write_bundle,
)
from zslnb.datasets.loading import load, refuse_reserved_name
from zslnb.datasets.picture_folder import (
    FolderError,
    PictureFolder,
    content_hashes,
    copies,
    read_attributes,
    read_class_names,
    read_lines,
    read_picture_folder,
    some,
)
from zslnb.device import choose_device
from zslnb.encode.clip import extract_text_features, load_clip
from zslnb.encode.extract import Extracted, Extraction, ExtractionError, UnreadableImages
from zslnb.errors import BenchmarkError
from zslnb.files import build_dir, run_name
from zslnb.genzsl import GenZSLSettings
from zslnb.seeds import numpy_generator
from zslnb.text import print_any_name

# an unseen class to mistake another for, and k referents besides the class itself
LEAST = {"unseen": 2, "validation": 1, "training": GenZSLSettings().n_referents + 1}
LEAST_TRAIN, LEAST_TEST = 2, 1  # pictures of a seen class


@dataclass(frozen=True)
class Request:
    """What to make of which pictures.

    Attributes:
        pictures: folder with one sub-folder a class.
        bundle: the `.npz` file to make; its name is the benchmark's.
        unseen: which classes are unseen: a share ("20%"), a count ("12"), or the path of a text
            file with a sub-folder's name on each line.
        validation: likewise, which of the seen classes settings are chosen on.
        test_share: share of each seen class's pictures that is kept for the test, 0 to 1.
        names, attributes: CSV files, see `zslnb.datasets.picture_folder`.
        model_name, pretrained, weights: see `load_clip`.
        seed: of all that is drawn.
        device: "auto", "cpu", "cuda" or "cuda:1".
        batch_size, workers, allow_unreadable: see `Extraction`.
        shards: how many processes share the pictures.
        work: folder for what is extracted; below `build/own` if None.
        overwrite: replace a bundle that was made of something else.
    """

    pictures: Path
    bundle: Path
    unseen: str = "20%"
    validation: str = "25%"
    test_share: float = 0.2
    names: Path | None = None
    attributes: Path | None = None
    model_name: str = "ViT-B-16"
    pretrained: str = "openai"
    weights: Path | None = None
    seed: int = 0
    device: str = "auto"
    batch_size: int = 128
    workers: int | None = None
    allow_unreadable: bool = False
    shards: int = 1
    work: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.bundle.suffix != ".npz":
            raise FolderError(f"The bundle's name must end in .npz; {str(self.bundle)!r} does not.")
        refuse_reserved_name(self.bundle)
        if not 0 < self.test_share < 1:
            raise FolderError(f"The share of test pictures lies in 0..1, not {self.test_share:g}.")


@dataclass(frozen=True)
class Plan:
    """A checked request: what every class and picture will be, before any model is loaded.

    `names` and `attributes` follow the folder's classes; `copies` are pictures with the very
    content of an earlier one; `recipe` is all that decides the bundle.
    """

    request: Request
    folder: PictureFolder
    names: tuple[str, ...]
    unseen: tuple[str, ...]
    validation: tuple[str, ...]
    device: torch.device
    attribute_names: tuple[str, ...]
    attributes: Float32[np.ndarray, "C A"] | None
    copies: tuple[str, ...]
    recipe: dict

    def part(self, name: str) -> str:
        """Say what a class, by its folder, is for: "unseen", "validation" or "training"."""
        held_out = "validation" if name in self.validation else "training"
        return "unseen" if name in self.unseen else held_out


def prepare(request: Request) -> Plan:
    """Read the folder and the files that go with it, and divide the classes.

    Raises:
        FolderError: something is missing, contradictory or too small, or a bundle made of
            something else has the name.
    """
    folder = read_picture_folder(request.pictures, least=sum(LEAST.values()))
    names = read_class_names(request.names, folder)
    columns, attributes = (), None
    if request.attributes:
        columns, attributes = read_attributes(request.attributes, folder)
    unseen = choose_classes(request.unseen, "unseen", [*folder.classes], folder, request.seed)
    seen = [name for name in folder.classes if name not in unseen]
    validation = choose_classes(request.validation, "validation", seen, folder, request.seed)
    hashes = content_hashes(folder)
    plan = Plan(
        request=request,
        folder=folder,
        names=tuple(names.values()),
        unseen=unseen,
        validation=validation,
        device=choose_device(request.device),
        attribute_names=columns,
        attributes=attributes,
        copies=copies(hashes),
        recipe=_recipe(request, hashes, names, unseen, validation),
    )
    require_enough(plan, {name: len(images) for name, images in folder.classes.items()})
    if not request.overwrite:
        _require_same(request.bundle, plan.recipe)
    return plan


def choose_classes(
    asked: str, kind: str, among: Sequence[str], folder: PictureFolder, seed: int
) -> tuple[str, ...]:
    """Choose classes as asked: "20%" or "12" of them are drawn, a file lists them by folder.

    Args:
        asked: share, count or path.
        kind: "unseen" or "validation"; a share is never less than such a part needs.
        among: sub-folders to choose from, in their order, which the choice keeps.
        folder: where they are.
        seed: of the draw.

    Raises:
        FolderError: more than there are, an unknown name, or one that is not among them.
    """
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", asked)
    if share or asked.isdecimal():
        n = max(LEAST[kind], round(float(share[1]) / 100 * len(among))) if share else int(asked)
        if n > len(among):
            raise FolderError(f"{n} {kind} classes cannot be drawn from {len(among)}.")
        drawn = numpy_generator(seed, f"own/{kind} classes").permutation(len(among))[:n]
        return tuple(among[i] for i in sorted(drawn))
    path = Path(asked).expanduser()
    lines = [line.strip() for line in read_lines(path)]
    listed = [
        folder.find(line, f"{path.name}, line {i}") for i, line in enumerate(lines, 1) if line
    ]
    if stray := [name for name in listed if name not in among]:
        raise FolderError(f"{path.name}: {some(stray)}: without pictures, or unseen already.")
    return tuple(name for name in among if name in listed)


def require_enough(plan: Plan, counts: Mapping[str, int]) -> None:
    """Refuse classes and pictures too few for the methods, and say what is needed.

    Args:
        plan: which class is in which part.
        counts: pictures of each class, by folder.

    Raises:
        FolderError: too few of either.
    """
    parts = [plan.part(name) for name in counts]
    if any(parts.count(part) < least for part, least in LEAST.items()):
        needed = ", ".join(f"{least} for {part}" for part, least in LEAST.items())
        there = ", ".join(f"{parts.count(part)} for {part}" for part in LEAST)
        raise FolderError(
            f"{plan.request.pictures} has {len(counts)} classes: {there}. At least "
            f"{sum(LEAST.values())} are needed: {needed}. The classes: {some([*counts])}."
        )
    needed = {name: 1 if name in plan.unseen else LEAST_TRAIN + LEAST_TEST for name in counts}
    if few := [f"{name} has {n}" for name, n in counts.items() if n < needed[name]]:
        raise FolderError(
            f"Too few pictures: {some(few)}. A seen class needs {LEAST_TRAIN + LEAST_TEST} "
            f"({LEAST_TRAIN} to train on, {LEAST_TEST} to test), an unseen one 1. Add some, or "
            "take the folder out."
        )


def _recipe(
    request: Request,
    hashes: Mapping[str, str],
    names: Mapping[str, str],
    unseen: Sequence[str],
    validation: Sequence[str],
) -> dict:
    """All that decides a bundle, for its provenance, and for telling two apart; no paths."""
    weights, attributes = request.weights, request.attributes
    return {
        "pictures": len(hashes),
        "pictures_sha256": hashlib.sha256(json.dumps([*hashes.items()]).encode()).hexdigest(),
        "class_folders": dict(names),
        "unseen": [*unseen],
        "validation": [*validation],
        "test_share": request.test_share,
        "seed": request.seed,
        "attributes_sha256": file_sha256(attributes) if attributes else None,
        "model_name": request.model_name,
        "pretrained_tag": request.pretrained,
        "weights_file_sha256": file_sha256(weights) if weights else None,
        "allow_unreadable": request.allow_unreadable,
    }


def _require_same(bundle: Path, recipe: dict) -> None:
    """Refuse to replace a bundle that was made of something else."""
    made_of = _made_of(bundle)
    if bundle.exists() and made_of != recipe:
        differing = ", ".join(key for key in recipe if made_of.get(key) != recipe[key])
        what = f"made of something else ({differing})" if made_of else "not made here"
        raise FolderError(
            f"{bundle} is there already and was {what}. Give another name, or --overwrite it."
        )


def _made_of(bundle: Path) -> dict:
    """Read the recipe of a bundle; empty if there is none, or it is no bundle."""
    try:
        provenance = json.loads(str(read_bundle(bundle)["provenance"]))
        return provenance["recipe"]
    except (FileNotFoundError, BenchmarkError, KeyError, TypeError, ValueError):
        return {}


def make(plan: Plan) -> Benchmark:
    """Extract what is not there yet, and write the bundle; one made of the same is left alone.

    Raises:
        ExtractionError: see `Extraction.run`; `UnreadableImages` is one.
        FolderError: without the unreadable pictures too few are left.
        ValueError: see `load_clip`.
    """
    request = plan.request
    if request.overwrite or _made_of(request.bundle) != plan.recipe:
        extraction = job(plan)
        encoder = extraction.load()
        texts = extract_text_features(encoder, plan.names, device=plan.device)
        if request.shards == 1:  # else each process loads its own
            extraction = replace(extraction, load=lambda: encoder)
        arrays = assemble(plan, extraction.run(request.shards), texts)
        benchmark_from_arrays(arrays, name=request.bundle.stem, file=request.bundle.name)
        request.bundle.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(request.bundle, arrays)
    return load(request.bundle)


def job(plan: Plan) -> Extraction:
    """Say how the pictures become features; its `run_shard` is for machines that share a disk."""
    request = plan.request
    weights = request.weights.name if request.weights else ""
    precision = "half" if plan.device.type == "cuda" else "full"
    kind = run_name(request.model_name, request.pretrained, weights)
    # a folder holds features of one kind only, so another kind gets another
    work = build_dir() / "own" / request.bundle.stem / f"{kind}-{precision}-{request.batch_size}"
    return Extraction(
        root=plan.folder.root,
        images=plan.folder.images,
        load=partial(load_clip, request.model_name, request.pretrained, weights=request.weights),
        folder=request.work or work,
        batch_size=request.batch_size,
        device=str(plan.device),
        workers=request.workers,
        allow_unreadable=request.allow_unreadable,
        hash_contents=True,  # sizes do not tell .bmp files apart
    )


def assemble(
    plan: Plan, made: Extracted, texts: Float32[np.ndarray, "C D"]
) -> dict[str, np.ndarray]:
    """Put the arrays of a bundle together.

    Raises:
        FolderError: too few pictures are left, now that the unreadable ones are not among them.
    """
    folders = [*plan.folder.classes]
    ids = {name: i for i, images in enumerate(plan.folder.classes.values()) for name in images}
    labels = np.array([ids[name] for name in made.images])
    counts = np.bincount(labels, minlength=len(folders)).tolist()
    require_enough(plan, dict(zip(folders, counts, strict=True)))
    own = {"attributes": plan.attributes} if plan.attributes is not None else {}
    provenance = made.provenance | {
        "recipe": plan.recipe,
        "attribute_names": plan.attribute_names,
        "unit_norm": ["features", "clip_text"],
        "shared_space": ["features", "clip_text"],
        "default_semantics": "clip_text",
    }
    return {
        "features": made.features,
        "labels": labels,
        "class_names": np.array(plan.names),
        **divide_pictures(labels, folders, plan.unseen, plan.request.test_share, plan.request.seed),
        "val_classes": np.array([folders.index(name) for name in plan.validation]),
        "clip_text": texts,
        **own,
        "images": np.array(made.images),
        "provenance": np.array(json.dumps(provenance)),
    }


def divide_pictures(
    labels: Int64[np.ndarray, " N"],
    folders: Sequence[str],
    unseen: Iterable[str],
    test_share: float,
    seed: int,
) -> dict[str, Int64[np.ndarray, " n"]]:
    """Divide pictures into training and the two tests; each class draws from a stream of its own.

    Of each seen class at least one goes to the test and at least two stay for training.
    """
    parts = {part: [np.zeros(0, np.int64)] for part in INDEX_KEYS}
    for i, folder in enumerate(folders):
        rows = np.flatnonzero(labels == i)
        if folder in unseen:
            parts["test_unseen_idx"].append(rows)
            continue
        n = min(max(LEAST_TEST, round(test_share * len(rows))), len(rows) - LEAST_TRAIN)
        order = numpy_generator(seed, f"own/test pictures/{folder}").permutation(rows)
        parts["test_seen_idx"].append(order[:n])
        parts["trainval_idx"].append(order[n:])
    return {part: np.sort(np.concatenate(rows)) for part, rows in parts.items()}


def describe(plan: Plan) -> str:
    """Say what was found, what was passed over, and what will be made of it."""
    request, folder = plan.request, plan.folder
    lines = [
        f"{request.pictures}: {len(folder.images):,} pictures of {len(folder.classes)} classes"
    ]
    for reason, names in {"empty": folder.empty, **folder.skipped}.items():
        if names:
            lines.append(f"  passed over, {reason}: {len(names)} ({some(names, 3)})")
    if plan.copies:
        lines.append(f"  copies of other pictures: {len(plan.copies)} ({some(plan.copies, 3)})")
    for part in LEAST:
        named = [n for f, n in zip(folder.classes, plan.names, strict=True) if plan.part(f) == part]
        lines.append(f"  classes for {part}: {len(named)} ({some(named, 5)})")
    semantics = "clip_text"
    if plan.attributes is not None:
        semantics += f", attributes ({len(plan.attribute_names)})"
    weights = f", weights {request.weights.name}" if request.weights else ""
    lines += [
        f"  semantics: {semantics}",
        f"  model: {request.model_name} {request.pretrained}{weights} on {plan.device}",
        f"  bundle: {request.bundle}",
    ]
    return "\n".join(lines)


def finish(plan: Plan, benchmark: Benchmark) -> str:
    """Say what the bundle holds, and what to do with it."""
    left_out, bundle = benchmark.provenance["unreadable"], shlex.quote(str(plan.request.bundle))
    return "\n".join(
        [
            benchmark.summary().to_string(),
            *benchmark.remarks,
            *([f"left out, unreadable: {len(left_out)} ({some([*left_out])})"] if left_out else []),
            f"made: {plan.request.bundle}",
            f"next: make reproduce BENCHMARK={bundle} PROFILE=medium NOTEBOOKS=01",
        ]
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line: the fields of a `Request`, and `dry_run` and `shard`."""
    head, _, notes = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m zslnb.encode.picture_benchmark", description=head, epilog=notes
    )
    add = parser.add_argument
    add("pictures", type=_path, help="folder with one sub-folder of pictures a class")
    add("bundle", type=_path, help="the .npz file to make")
    add("--unseen", help='share of the classes ("20%%"), count, or file with a folder on each line')
    add("--validation", help="likewise, of the seen classes: to choose settings on (25%%)")
    add("--test-share", type=_share, help="of each seen class's pictures, kept for the test (20%%)")
    add("--names", type=_path, help="CSV with columns folder,name: class names in words")
    add("--attributes", type=_path, help="CSV: a folder, then numbers, with a line of names on top")
    add("--model", dest="model_name", help="any architecture that open_clip knows (ViT-B-16)")
    add("--pretrained", help="the tag of its weights (openai)")
    add("--weights", type=_path, help="local file of weights, prepared for as the tag's are")
    add("--seed", type=int, help="of all that is drawn (0)")
    add("--device", help="auto, cpu, cuda or cuda:1")
    add("--batch-size", type=int, help="pictures at a time (128)")
    add("--workers", type=int, help="processes that read ahead")
    add("--shards", type=int, help="processes that share the pictures (1)")
    add("--shard", type=_shard, metavar="I/N", help="do part I of N only; then run without this")
    add("--work", type=_path, help="folder for what is extracted, which machines may share")
    add("--allow-unreadable", action="store_true", help="leave out pictures that cannot be read")
    add("--overwrite", action="store_true", help="replace a bundle made of something else")
    add("--dry-run", action="store_true", help="check everything and say what would be made")
    return parser.parse_args(argv)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text).expanduser()


def _share(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _shard(text: str) -> tuple[int, int]:
    index, of = map(int, text.split("/"))
    return index, of


def main(argv: Sequence[str] | None = None) -> int:
    """Make the bundle; 0 if it is there, 2 if it cannot be made, 130 after Ctrl-C."""
    given = {key: value for key, value in vars(parse(argv)).items() if value is not None}
    shard, dry = given.pop("shard", None), given.pop("dry_run")
    print_any_name()
    try:
        plan = prepare(Request(**given))
        print(describe(plan), flush=True)
        if shard and not dry:
            job(plan).run_shard(shard[0] - 1, shard[1])
        elif not dry:
            print(finish(plan, make(plan)))
    except UnreadableImages as error:
        print(f"zslnb: {error}\nHere that is the option --allow-unreadable.", file=sys.stderr)
        return 2
    except (ExtractionError, ValueError, OSError) as error:
        print(f"zslnb: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
