"""The published benchmarks by name, from what is on this machine; nothing is downloaded here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import read_bundle
from zslnb.datasets.extracted import Extracted, load_extracted
from zslnb.datasets.published_files import PUBLISHED_BENCHMARKS, RESNET, PublishedFiles, features_of
from zslnb.datasets.xlsa17 import Images, benchmark_from_xlsa17, read_images
from zslnb.errors import BenchmarkError, unknown_name

TEXT_SEMANTICS = "clip-text"
SEMANTICS = (TEXT_SEMANTICS, "attributes", "original_attributes", "sentences")
ENCODER_FACTS = ("weights_sha256", "features_sha256", "images_sha256", "preprocessing", "precision")


def load_published(
    name: str,
    *,
    features: str | None = None,
    semantics: str | None = None,
    root: Path | None = None,
) -> Benchmark:
    """Load a published benchmark from the files that are here.

    Args:
        name: "cub", "sun", "awa2"; or "awa1", "flo", "apy", where their files are.
        features: "clip" (512-d, unit norm; the default of the first three) or "resnet101"
            (2048-d, as published; the default of the others). An open_clip model and its tag,
            as "ViT-L-14/openai", are CLIP features of another model.
        semantics: "clip-text" (default beside CLIP features), "attributes" (default beside
            ResNet's), "original_attributes", or "sentences" (CUB, where `sent_splits.mat` lies
            beside `att_splits.mat`).
        root: folder of all data; `data_dir()` unless given.

    Raises FileNotFoundError, with the command that brings what is not there; BenchmarkError for an
    unknown wish, a damaged file, or one that is not what was published.
    """
    if name not in PUBLISHED_BENCHMARKS:
        raise BenchmarkError(unknown_name("published benchmark", name, PUBLISHED_BENCHMARKS))
    files = PublishedFiles(name, features or features_of(name)[0], root)
    chosen = known_semantics(semantics or (TEXT_SEMANTICS if files.is_clip else "attributes"))
    benchmark = _joined(files, "attributes" if chosen == TEXT_SEMANTICS else chosen)
    facts = benchmark.provenance
    kinds = {kind: PublishedFiles(name, kind, root) for kind in features_of(name)}
    facts["all_features"] = [kind for kind in kinds if kinds[kind].features_file.is_file()]
    if files.text_file.is_file():
        facts["all_semantics"] = [TEXT_SEMANTICS, *facts["all_semantics"]]
    if chosen != TEXT_SEMANTICS:
        return benchmark
    return _with_text(benchmark, read_text(files), files)


def known_semantics(semantics: str) -> str:
    """Return the name of a kind of semantics; BenchmarkError suggests the nearest if unknown."""
    semantics = semantics.replace("clip_text", TEXT_SEMANTICS)  # as the aviary calls its own
    if semantics not in SEMANTICS:
        raise BenchmarkError(unknown_name("kind of semantics", semantics, SEMANTICS))
    return semantics


def published_images(files: PublishedFiles) -> Images:
    """Read the published list of images; its paths start from the folder of pictures."""
    return read_images(files.require_mat("res101.mat"), features=False)


def unique(image_files: Sequence[str]) -> list[str]:
    """Each picture once, in the order of the list: a picture gives one feature."""
    return [*dict.fromkeys(image_files)]


def read_clip_features(files: PublishedFiles, image_files: Sequence[str]) -> Extracted:
    """Read the CLIP features of the published list.

    Raises FileNotFoundError if they have not been made, BenchmarkError if they are damaged or of
    another list.
    """
    if not files.features_file.is_file():
        raise files.missing(f"CLIP features of {files.name} have not been made yet.")
    try:
        return load_extracted(files.features_folder, unique(image_files))
    except BenchmarkError as error:
        raise BenchmarkError(f"{error} `{files.command}` does that.") from error


@dataclass(frozen=True)
class Text:
    """Text features (C, D) of unit norm, the C class names, and the encoder's facts."""

    features: Float32[np.ndarray, "C D"]
    class_names: tuple[str, ...]
    facts: Mapping[str, object]


def read_text(files: PublishedFiles) -> Text:
    """Read the class names' text features; raises as `read_clip_features`."""
    if not files.text_file.is_file():
        raise files.missing(f"CLIP texts of {files.name}'s class names have not been made yet.")
    arrays = read_bundle(files.text_file)
    try:
        facts = json.loads(str(arrays["provenance"]))
        return Text(arrays["text"], tuple(map(str, arrays["class_names"])), facts)
    except (KeyError, ValueError) as error:
        raise _unfit_text(files, f"is damaged ({error})") from error


def _unfit_text(files: PublishedFiles, why: str) -> BenchmarkError:
    return BenchmarkError(f"{files.text_file} {why}. Delete it and run `{files.command}`.")


def _joined(files: PublishedFiles, semantics: str) -> Benchmark:
    """Join the published split with the features that are asked for."""
    split = files.require_mat("att_splits.mat")
    sentences = files.mat_folder / "sent_splits.mat"
    if semantics == "sentences" and not sentences.is_file():
        raise FileNotFoundError(
            f"There are no sentences of {files.name}: no archive that we know has them. Put "
            f"{sentences.name} into {sentences.parent} if you have it."
        )
    validation = files.mat_folder / "valclasses1.txt"  # the archive has it beside some splits
    if files.is_clip:
        images, facts = _clip_images(files)
    else:
        images = files.require_mat("res101.mat")
        facts = {"features": RESNET, "model": "ResNet-101", "tag": "as published"}
    benchmark = benchmark_from_xlsa17(
        images,
        split,
        name=files.name,
        sentences=sentences if sentences.is_file() else None,
        validation=validation if validation.is_file() else None,
        semantics=semantics,
    )
    return replace(benchmark, provenance=benchmark.provenance | facts)


def _clip_images(files: PublishedFiles) -> tuple[Images, dict]:
    """Take the published labels, and features that were made here for the same list."""
    images = published_images(files)
    extracted = read_clip_features(files, images.image_files)
    row = {name: i for i, name in enumerate(extracted.images)}
    if left_out := extracted.provenance["unreadable"]:
        raise BenchmarkError(
            f"{extracted.provenance['images']} pictures of {files.name} were asked for and "
            f"{len(left_out)} left out, so the published sizes do not hold."
        )
    features = torch.from_numpy(extracted.features[[row[name] for name in images.image_files]])
    model_name, tag = files.model
    facts = {"features": files.features, "model": model_name, "tag": tag}
    facts |= {key: extracted.provenance[key] for key in ENCODER_FACTS}
    facts["unit_norm"] = ["features"]
    source = f"{files.features_folder.name} of {images.file}"
    return replace(images, features=features, file=source), facts


def _with_text(benchmark: Benchmark, text: Text, files: PublishedFiles) -> Benchmark:
    """Exchange the semantics for the class names' texts."""
    facts = benchmark.provenance
    if text.class_names != benchmark.class_names:
        raise _unfit_text(files, f"is of other class names than {facts['file']}")
    of_features = facts.get("weights_sha256") if files.is_clip else None
    if of_features not in (None, text.facts["weights_sha256"]):
        raise _unfit_text(files, "was made with other weights than the features beside it")
    facts = facts | {
        "semantics": TEXT_SEMANTICS,
        "prompt": text.facts["prompt"],
        "text_weights_sha256": text.facts["weights_sha256"],
        "unit_norm": [*facts.get("unit_norm", ()), "semantics"],
        "shared_space": files.is_clip,
    }
    return replace(benchmark, semantics=torch.from_numpy(text.features), provenance=facts)
