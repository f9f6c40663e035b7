"""A folder of your own pictures to a benchmark; `PicturesRequest` says what can be asked for."""

import hashlib
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from zslnb.benchmark import Benchmark
from zslnb.datasets import picture_folder
from zslnb.datasets.bundle import benchmark_from_arrays, file_sha256, open_bundle, write_bundle
from zslnb.datasets.extracted import Extracted
from zslnb.datasets.loading import load, refuse_reserved_name
from zslnb.datasets.picture_folder import PictureFolder, some
from zslnb.device import choose_device
from zslnb.encode import clip
from zslnb.encode.division import LEAST, divide_classes, divide_pictures, require_enough
from zslnb.encode.extract import Extraction, UnreadableImages, require_writable
from zslnb.encode.requests import PicturesRequest, read_shard
from zslnb.errors import BenchmarkError, RequestError, WorkError
from zslnb.files import build_dir, run_name


@dataclass(frozen=True)
class Plan:
    """A checked request: what every class and picture will be, before any model is loaded.

    `names`, `parts` and `attributes` follow the folder's classes, `hashes` its pictures.
    """

    request: PicturesRequest
    folder: PictureFolder
    hashes: Mapping[str, str]
    names: Mapping[str, str]
    parts: Mapping[str, str]
    device: torch.device
    attribute_names: Sequence[str] = ()
    attributes: Float32[np.ndarray, "C A"] | None = None

    def classes(self, part: str) -> list[str]:
        """Sub-folders of the classes for "unseen", "validation" or "training"."""
        return [name for name, its_part in self.parts.items() if its_part == part]

    @cached_property
    def recipe(self) -> dict:
        """All that decides the bundle, for its provenance, and for telling two apart; no paths."""
        request = self.request
        pictures = json.dumps([*self.hashes.items()]).encode()
        return {
            "pictures": len(self.hashes),
            "pictures_sha256": hashlib.sha256(pictures).hexdigest(),
            "class_folders": self.names,
            "unseen": self.classes("unseen"),
            "validation": self.classes("validation"),
            "test_share": request.share_of_test,
            "seed": request.seed,
            "attributes_sha256": request.attributes and file_sha256(request.attributes),
            "model_name": request.model,
            "pretrained_tag": request.pretrained,
            "weights_file_sha256": request.weights and file_sha256(request.weights),
            "allow_unreadable": request.allow_unreadable,
        }

    @property
    def extraction(self) -> Extraction:
        """How the pictures become features."""
        request, weights = self.request, ""
        if request.weights:
            weights = f"{request.weights.name}-{self.recipe['weights_file_sha256'][:8]}"
        model = run_name(request.model, request.pretrained, weights)
        return Extraction(
            root=self.folder.root,
            images=self.folder.images,
            load=partial(
                clip.load_clip, request.model, request.pretrained, weights=request.weights
            ),
            folder=request.work or build_dir() / "pictures" / request.bundle.stem / model,
            model=model,
            device=self.device,
            batch_size=request.batch_size,
            workers=request.workers,
            allow_unreadable=request.allow_unreadable,
            hashes=self.hashes,  # sizes do not tell .bmp files apart
        )


def make_benchmark(request: PicturesRequest) -> None:
    """Do what is asked for, and say on the console what came of it.

    Raises:
        RequestError: as `prepare` does, or names that are one to CLIP.
        WorkError: the pictures, the weights or the device failed.
    """
    plan, shard = prepare(request), read_shard(request.shard, request.shards)
    print(describe(plan), flush=True)
    if request.dry_run:
        return
    try:
        if shard:
            plan.extraction.run(shard=shard)
            print(f"Shard {request.shard} is done.")
        else:
            print(describe_made(request.bundle, make(plan)))
    except UnreadableImages as error:
        remedy = "Mend or replace them and run again; or --allow-unreadable."
        raise WorkError(f"{error}\n{remedy}") from error


def prepare(request: PicturesRequest) -> Plan:
    """Read the folder and the files that go with it, and divide the classes.

    Raises:
        RequestError: something is missing, contradictory or too small, or a bundle made of
            something else has the name.
        ExtractionError: a folder that cannot be written to.
    """
    refuse_reserved_name(request.bundle)
    clip.check_clip(request.model, request.pretrained, request.weights)
    device = choose_device(request.device)
    folder, hashes = _without_copies(picture_folder.read_picture_folder(request.pictures))
    names = picture_folder.read_class_names(request.names, folder)
    attributes = (
        picture_folder.read_attributes(request.attributes, folder) if request.attributes else ()
    )
    parts = divide_classes(folder, request.unseen, request.validation, request.seed)
    plan = Plan(request, folder, hashes, names, parts, device, *attributes)
    before = _stored_recipe(request.bundle)
    if request.bundle.exists() and before != plan.recipe and not request.overwrite:
        differing = ", ".join(key for key in plan.recipe if before.get(key) != plan.recipe[key])
        what = f"made of something else ({differing})" if before else "not made here"
        raise RequestError(
            f"{request.bundle} is there already and was {what}. Give another name, or "
            "--overwrite it."
        )
    for written in (request.bundle.parent, plan.extraction.work):
        require_writable(written)
    return plan


def _without_copies(folder: PictureFolder) -> tuple[PictureFolder, dict[str, str]]:
    """Leave out exact copies, which would stand on both sides of the split; and hash the rest.

    Raises RequestError where one picture is in two classes.
    """
    first: dict[str, str] = {}  # by content, its first picture
    copies = []
    hashes = picture_folder.content_hashes(folder)
    for image in folder.images:
        original = first.setdefault(hashes[image] or image, image)
        if _class_of(original) != _class_of(image):
            raise RequestError(
                f"{original} and {image} are one picture in two classes, so what is right for "
                "it nobody knows. Take it out of one of them, or of both."
            )
        if original != image:
            copies.append(image)
            del hashes[image]
    classes = {
        name: [image for image in images if image in hashes]
        for name, images in folder.classes.items()
    }
    skipped = {**folder.skipped, "copies of other pictures": copies}
    return replace(folder, classes=classes, skipped=skipped), hashes


def _class_of(image: str) -> str:
    return image.partition("/")[0]


def _stored_recipe(bundle: Path) -> dict:
    """Read the recipe of a bundle; empty if there is none, or it is no bundle."""
    try:
        recipe = json.loads(str(np.asarray(open_bundle(bundle)["provenance"])))["recipe"]
    except (FileNotFoundError, BenchmarkError, KeyError, TypeError, ValueError):
        return {}
    return recipe if isinstance(recipe, dict) else {}


def make(plan: Plan) -> Benchmark:
    """Extract what is not there yet, and write the bundle; one made of the same is left alone.

    Raises:
        ExtractionError: see `Extraction.run`; `UnreadableImages` is one.
        RequestError: names that are one to CLIP, or too few pictures once the unreadable are out.
        WorkError: see `load_clip`.
    """
    request = plan.request
    if request.overwrite or _stored_recipe(request.bundle) != plan.recipe:
        job = plan.extraction
        encoder = job.load()
        _require_different_names(plan, encoder)
        texts = clip.extract_text_features(encoder, [*plan.names.values()])
        if request.shards == 1:  # else each process loads its own
            job = replace(job, load=lambda: encoder)
        arrays = assemble(plan, job.run(request.shards), texts)
        benchmark_from_arrays(arrays, name=request.bundle.stem, file=request.bundle.name)
        write_bundle(request.bundle, arrays)
    return load(request.bundle)


def _require_different_names(plan: Plan, encoder: clip.ClipEncoder) -> None:
    tokens = clip.class_tokens(encoder, [*plan.names.values()])
    labels = [f"{name[:60]} (folder {folder})" for folder, name in plan.names.items()]
    if same := _alike(tokens.tolist(), labels):
        raise RequestError(
            f"To CLIP these names are one, which sees no upper case and reads {tokens.shape[1]} "
            f"tokens at most: {same}. Give other names in a file of names."
        )


def _alike(rows: Iterable[list[float]], names: Iterable[str]) -> str:
    """Say which names have one and the same row; nothing if none have."""
    groups = defaultdict(list)
    for row, name in zip(rows, names, strict=True):
        groups[tuple(row)].append(name)
    return "; ".join(" and ".join(group) for group in groups.values() if len(group) > 1)


def assemble(
    plan: Plan, extracted: Extracted, texts: Float32[np.ndarray, "C D"]
) -> dict[str, np.ndarray]:
    """Put the arrays of a bundle together.

    Raises:
        RequestError: too few pictures are left, now that the unreadable ones are not among them.
    """
    request, ids = plan.request, {folder: i for i, folder in enumerate(plan.parts)}
    labels = np.array([ids[_class_of(image)] for image in extracted.images])
    counts = np.bincount(labels, minlength=len(ids)).tolist()
    require_enough(plan.folder, plan.parts, dict(zip(ids, counts, strict=True)))
    described = {"attributes": plan.attributes} if plan.attributes is not None else {}
    provenance = extracted.provenance | {
        "recipe": plan.recipe,
        "attribute_names": plan.attribute_names,
        "unit_norm": ["features", "clip_text"],
        "default_semantics": "clip_text",
    }
    return {
        "features": extracted.features,
        "labels": labels,
        "class_names": np.array([*plan.names.values()]),
        **divide_pictures(labels, plan.parts, request.share_of_test, request.seed),
        "val_classes": np.array([ids[name] for name in plan.classes("validation")]),
        "clip_text": texts,
        **described,
        "images": np.array(extracted.images),
        "provenance": np.array(json.dumps(provenance)),
    }


def describe(plan: Plan) -> str:
    """Say what was found, what was passed over, and what will be made of it."""
    request, folder = plan.request, plan.folder
    lines = [
        f"{request.pictures}: {len(folder.images):,} pictures of {len(folder.classes)} classes"
    ]
    for reason, names in {"empty": folder.empty, **folder.skipped}.items():
        if names:
            lines.append(f"  passed over, {reason}: {len(names)} ({some(names, 3)})")
    for part in LEAST:
        named = [plan.names[name] for name in plan.classes(part)]
        lines.append(f"  classes for {part}: {len(named)} ({some(named, 5)})")
    semantics = "clip_text"
    if plan.attributes is not None:
        semantics += f", attributes ({len(plan.attribute_names)})"
        if same := _alike(plan.attributes.tolist(), plan.names.values()):
            lines.append(f"  the same attributes, so not told apart by them: {same}")
    weights = f", weights {request.weights.name}" if request.weights else ""
    lines += [
        f"  semantics: {semantics}",
        f"  model: {request.model} {request.pretrained}{weights} on {plan.device}",
        f"  bundle: {request.bundle}",
    ]
    return "\n".join(lines)


def describe_made(bundle: Path, benchmark: Benchmark) -> str:
    """Say what the bundle holds, and what to do with it."""
    lines = [benchmark.summary().to_string()]
    if left_out := benchmark.provenance["unreadable"]:
        lines.append(f"left out, unreadable: {len(left_out)} ({some([*left_out])})")
    quoted = shlex.quote(str(bundle))
    lines.append(f"made: {bundle}")
    lines.append(f"next: make reproduce BENCHMARK={quoted} PROFILE=medium NOTEBOOKS=01")
    return "\n".join(lines)
