"""A folder of your own pictures to a benchmark; `PicturesRequest` says what can be asked for."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import benchmark_from_arrays, file_sha256, read_bundle, write_bundle
from zslnb.datasets.extracted import Extracted
from zslnb.datasets.loading import load, refuse_reserved_name
from zslnb.datasets.picture_folder import (
    PictureFolder,
    content_hashes,
    read_attributes,
    read_class_names,
    read_picture_folder,
    some,
)
from zslnb.device import choose_device
from zslnb.encode.clip import (
    ClipEncoder,
    check_clip,
    class_tokens,
    extract_text_features,
    load_clip,
)
from zslnb.encode.division import (
    LEAST,
    choose_classes,
    divide_pictures,
    require_classes,
    require_enough,
)
from zslnb.encode.extract import Extraction, UnreadableImages, require_writable
from zslnb.encode.requests import PicturesRequest, read_shard
from zslnb.errors import BenchmarkError, RequestError
from zslnb.files import build_dir, run_name


@dataclass(frozen=True)
class Plan:
    """A checked request: what every class and picture will be, before any model is loaded.

    `names` and `attributes` follow the folder's classes; `hashes` are of the pictures' content;
    `recipe` is all that decides the bundle.
    """

    request: PicturesRequest
    folder: PictureFolder
    hashes: Mapping[str, str]
    names: tuple[str, ...]
    unseen: tuple[str, ...]
    validation: tuple[str, ...]
    device: torch.device
    attribute_names: tuple[str, ...]
    attributes: Float32[np.ndarray, "C A"] | None
    recipe: dict

    @property
    def parts(self) -> dict[str, str]:
        """What each class, by its folder, is for: "unseen", "validation" or "training"."""
        held_out = dict.fromkeys(self.validation, "validation")
        held_out |= dict.fromkeys(self.unseen, "unseen")
        return {name: held_out.get(name, "training") for name in self.folder.classes}


def make_benchmark(request: PicturesRequest) -> None:
    """Do what is asked for, and say on the console what came of it.

    Raises:
        RequestError: as `prepare` does, or names that are one to CLIP.
        WorkError: the pictures, the weights or the device failed; `UnreadableImages` is one.
    """
    plan, shard = prepare(request), read_shard(request.shard, request.shards)
    print(describe(plan), flush=True)
    if request.dry_run:
        return
    try:
        if shard:
            extraction(plan).run_shard(*shard)
            print(f"Shard {request.shard} is done.")
        else:
            print(describe_made(plan.request.bundle, make(plan)))
    except UnreadableImages as error:
        error.args = (f"{error}\nMend or replace them and run again; or --allow-unreadable.",)
        raise


def prepare(request: PicturesRequest) -> Plan:
    """Read the folder and the files that go with it, and divide the classes.

    Raises:
        RequestError: something is missing, contradictory or too small, or a bundle made of
            something else has the name.
        ExtractionError: a folder that cannot be written to.
    """
    refuse_reserved_name(request.bundle)
    check_clip(request.model, request.pretrained, request.weights)
    device = choose_device(request.device)
    folder = read_picture_folder(request.pictures)
    require_classes(folder)
    folder, hashes = _without_copies(folder)
    names = read_class_names(request.names, folder)
    columns, attributes = (), None
    if request.attributes:
        columns, attributes = read_attributes(request.attributes, folder)
    unseen = choose_classes(request.unseen, "unseen", [*folder.classes], folder, request.seed)
    seen = [name for name in folder.classes if name not in unseen]
    validation = choose_classes(request.validation, "validation", seen, folder, request.seed)
    plan = Plan(
        request=request,
        folder=folder,
        hashes=hashes,
        names=tuple(names.values()),
        unseen=unseen,
        validation=validation,
        device=device,
        attribute_names=columns,
        attributes=attributes,
        recipe=_recipe(request, hashes, names, unseen, validation),
    )
    counts = {name: len(images) for name, images in folder.classes.items()}
    require_enough(folder, plan.parts, counts)
    if not request.overwrite:
        _require_same(request.bundle, plan.recipe)
    for written in (request.bundle.parent, extraction(plan).work):
        require_writable(written)
    return plan


def _without_copies(folder: PictureFolder) -> tuple[PictureFolder, dict[str, str]]:
    """Leave out exact copies, which would stand on both sides of the split; and hash the rest.

    Raises RequestError where one picture is in two classes.
    """
    first: dict[str, str] = {}  # by content, its first picture
    classes: dict[str, list[str]] = {}
    copies = []
    hashes = content_hashes(folder)
    for name, images in folder.classes.items():
        for image in images:
            original = first.setdefault(hashes[image] or image, image)
            if original == image:
                classes.setdefault(name, []).append(image)
            elif original in images:
                copies.append(image)
            else:
                raise RequestError(
                    f"{original} and {image} are one picture in two classes, so what is right for "
                    "it nobody knows. Take it out of one of them, or of both."
                )
    skipped = {**folder.skipped, "copies of other pictures": copies}
    hashes = {image: hashes[image] for images in classes.values() for image in images}
    return replace(folder, classes=classes, skipped=skipped), hashes


def _recipe(
    request: PicturesRequest,
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
        "test_share": request.share_of_test,
        "seed": request.seed,
        "attributes_sha256": file_sha256(attributes) if attributes else None,
        "model_name": request.model,
        "pretrained_tag": request.pretrained,
        "weights_file_sha256": file_sha256(weights) if weights else None,
        "allow_unreadable": request.allow_unreadable,
    }


def _require_same(bundle: Path, recipe: dict) -> None:
    before = _stored_recipe(bundle)
    if bundle.exists() and before != recipe:
        differing = ", ".join(key for key in recipe if before.get(key) != recipe[key])
        what = f"made of something else ({differing})" if before else "not made here"
        raise RequestError(
            f"{bundle} is there already and was {what}. Give another name, or --overwrite it."
        )


def _stored_recipe(bundle: Path) -> dict:
    """Read the recipe of a bundle; empty if there is none, or it is no bundle."""
    try:
        recipe = json.loads(str(read_bundle(bundle)["provenance"]))["recipe"]
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
        job = extraction(plan)
        encoder = job.load()
        _require_different_names(plan, encoder)
        texts = extract_text_features(encoder, plan.names, device=plan.device)
        if request.shards == 1:  # else each process loads its own
            job = replace(job, load=lambda: encoder)
        arrays = assemble(plan, job.run(request.shards), texts)
        benchmark_from_arrays(arrays, name=request.bundle.stem, file=request.bundle.name)
        write_bundle(request.bundle, arrays)
    return load(request.bundle)


def _require_different_names(plan: Plan, encoder: ClipEncoder) -> None:
    folders = zip(plan.names, plan.folder.classes, strict=True)
    labels = [f"{name[:60]} (folder {folder})" for name, folder in folders]
    if same := _equal_rows(class_tokens(encoder, plan.names).numpy(), labels):
        raise RequestError(
            f"To CLIP these names are one, which sees no upper case and reads "
            f"{encoder.tokenize(['']).shape[1]} tokens at most: {same}. Give other names "
            "in a file of names."
        )


def _equal_rows(rows: np.ndarray, names: Sequence[str]) -> str:
    """Say which names have one and the same row; nothing if none have."""
    _, group, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return "; ".join(
        " and ".join(name for name, g in zip(names, group.ravel(), strict=True) if g == same)
        for same in np.flatnonzero(counts > 1)
    )


def extraction(plan: Plan) -> Extraction:
    """Say how the pictures become features; its `run_shard` is for machines that share a disk."""
    request = plan.request
    weights, digest = request.weights, plan.recipe["weights_file_sha256"] or ""
    model = run_name(
        request.model, request.pretrained, f"{weights.name}-{digest[:8]}" if weights else ""
    )
    return Extraction(
        root=plan.folder.root,
        images=plan.folder.images,
        load=partial(load_clip, request.model, request.pretrained, weights=weights),
        folder=request.work or build_dir() / "pictures" / request.bundle.stem / model,
        batch_size=request.batch_size,
        device=str(plan.device),
        workers=request.workers,
        allow_unreadable=request.allow_unreadable,
        hashes=plan.hashes,  # sizes do not tell .bmp files apart
        model=model,
    )


def assemble(
    plan: Plan, extracted: Extracted, texts: Float32[np.ndarray, "C D"]
) -> dict[str, np.ndarray]:
    """Put the arrays of a bundle together.

    Raises:
        RequestError: too few pictures are left, now that the unreadable ones are not among them.
    """
    folders = [*plan.folder.classes]
    ids = {name: i for i, images in enumerate(plan.folder.classes.values()) for name in images}
    labels = np.array([ids[name] for name in extracted.images])
    counts = np.bincount(labels, minlength=len(folders)).tolist()
    require_enough(plan.folder, plan.parts, dict(zip(folders, counts, strict=True)))
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
        "class_names": np.array(plan.names),
        **divide_pictures(
            labels, folders, plan.unseen, plan.request.share_of_test, plan.request.seed
        ),
        "val_classes": np.array([folders.index(name) for name in plan.validation]),
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
        parts = zip(plan.parts.values(), plan.names, strict=True)
        named = [name for of, name in parts if of == part]
        lines.append(f"  classes for {part}: {len(named)} ({some(named, 5)})")
    semantics = "clip_text"
    if plan.attributes is not None:
        semantics += f", attributes ({len(plan.attribute_names)})"
        if same := _equal_rows(plan.attributes, plan.names):
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
