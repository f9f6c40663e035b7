"""The published benchmarks by name, from what is on this machine; nothing is downloaded here.

`make data BENCHMARK=cub` brings what is read here, below `files.data_dir()`:

    xlsa17/xlsa17/data/CUB/        res101.mat, att_splits.mat; sent_splits.mat where you have it
    cub-images/                    the pictures as their archive lays them out
    features/cub-ViT-B-16-openai/  features of the pictures, and of the class names (text.npz)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32

from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import file_sha256, read_bundle, write_bundle
from zslnb.datasets.xlsa17 import Images, join, read_features, read_image_list, read_split
from zslnb.download.sources import Source, needed, plan, size, source
from zslnb.errors import BenchmarkError
from zslnb.files import data_dir

if TYPE_CHECKING:  # CLIP takes seconds to import, and features that are there need none of it
    from zslnb.encode.clip import ClipEncoder
    from zslnb.encode.extract import Extracted

WITH_PICTURES = ("cub", "sun", "awa2")
FEATURES_ONLY = ("awa1", "flo", "apy")
REAL = WITH_PICTURES + FEATURES_ONLY
CLIP, RESNET = "clip", "resnet101"
TEXT_SEMANTICS = "clip-text"
SEMANTICS = (TEXT_SEMANTICS, "attributes", "original_attributes", "sentences")
WEIGHTS = "clip-vit-b-16"  # the papers' model, among the sources
TEXT = "text.npz"
SHOWN = 5  # names in a message


def features_of(name: str) -> tuple[str, ...]:
    """Kinds of features that a published benchmark can have, its default first; none if unknown."""
    if name in WITH_PICTURES:
        return (CLIP, RESNET)
    return (RESNET,) if name in FEATURES_ONLY else ()


def load_real(
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

    Raises:
        FileNotFoundError: something is not there; with the command that brings it, and its size.
        BenchmarkError: an unknown wish, a damaged file, or one that is not what was published.
    """
    if name not in REAL:
        from zslnb.errors import unknown_name  # here: the registry builds on this

        raise BenchmarkError(unknown_name("published benchmark", name, REAL))
    place = Place(name, features or features_of(name)[0], root)
    chosen = known_semantics(semantics or (TEXT_SEMANTICS if place.is_clip else "attributes"))
    benchmark = _published(place, "attributes" if chosen == TEXT_SEMANTICS else chosen)
    text = place.read_text() if chosen == TEXT_SEMANTICS else None
    facts = benchmark.provenance
    facts["all_features"] = [kind for kind in features_of(name) if Place(name, kind, root).is_made]
    if place.text_file.is_file():
        facts["all_semantics"] = [TEXT_SEMANTICS, *facts["all_semantics"]]
    if text is None:
        return benchmark
    return _with_text(benchmark, text, place)


@dataclass(frozen=True)
class Place:
    """Where a benchmark's files are, and what to do about those that are not.

    Attributes:
        name: in `REAL`.
        features: "clip", "resnet101", or an open_clip model and its tag as "ViT-L-14/openai".
        root: folder of all data; `data_dir()` unless given.

    Raises:
        BenchmarkError: such a benchmark has no such features.
    """

    name: str
    features: str
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse features that nobody can make."""
        if self.features in features_of(self.name):
            return
        if not (self.name in WITH_PICTURES and "/" in self.features):
            known = ", ".join(features_of(self.name))
            raise BenchmarkError(
                f"There are no features {self.features!r} of {self.name}; available: {known}."
            )

    @property
    def is_clip(self) -> bool:
        """Whether its features are made here, from pictures."""
        return self.features != RESNET

    @property
    def model(self) -> tuple[str, str]:
        """The open_clip model of its texts, and of its features if they are CLIP's; and its tag."""
        named = self.features if "/" in self.features else source(WEIGHTS).tag
        model_name, _, tag = named.partition("/")
        return model_name, tag

    @property
    def published(self) -> Path:
        """Folder of `res101.mat` and `att_splits.mat`."""
        folder = source("xlsa17").folder(self.root) / "xlsa17" / "data"
        return folder / self.name.upper()

    @property
    def made(self) -> Path:
        """Folder of the CLIP features."""
        parts = "-".join([self.name, *self.model]).replace("/", "_")
        return (self.root or data_dir()) / "features" / parts

    @property
    def text_file(self) -> Path:
        """The class names' text features."""
        return self.made / TEXT

    @property
    def pictures(self) -> Path:
        """Folder that the published list's paths start from."""
        archive = source(f"{self.name}-images")
        return archive.folder(self.root) / archive.holds[0]  # which names the pictures' folder

    @property
    def is_made(self) -> bool:
        """Whether its features are there, finished."""
        return (self.made / "features.npz" if self.is_clip else self._file("res101.mat")).is_file()

    @cached_property
    def sources(self) -> list[Source]:
        """What it is made of. Another model than the papers' is not among them."""
        found = needed(self.name, CLIP if self.is_clip else RESNET)
        return [s for s in found if s.name != WEIGHTS or self.model == (*s.tag.split("/"),)]

    @property
    def command(self) -> str:
        """What brings it."""
        default = self.features == features_of(self.name)[0]
        return f"make data BENCHMARK={self.name}" + (
            "" if default else f" FEATURES={self.features}"
        )

    def missing(self, what: str) -> FileNotFoundError:
        """Make an error that says what is not there, and how it comes."""
        if self.name in FEATURES_ONLY:
            return FileNotFoundError(
                f"{what} Put res101.mat and att_splits.mat of its Proposed Split into "
                f"{self.published}. AWA1's and aPY's should be in the archive that `make data "
                f"BENCHMARK=cub FEATURES={RESNET}` unpacks there; FLO's are not."
            )
        planned = plan(self.sources, self.root)
        unknown = int(planned["download"].isna().sum())
        more = f" and {unknown} of unknown size" if unknown else ""
        return FileNotFoundError(
            f"{what} `{self.command}` brings it: {size(planned['download'].sum())}{more} to "
            f"download, {size(planned['disk'].sum())}{more} of disk; with DRY_RUN=1 it says what "
            "it would do."
        )

    def _file(self, name: str) -> Path:
        return self.published / name

    def require(self, name: str) -> Path:
        """Find a published file; raise FileNotFoundError, with the remedy, if it is not there."""
        if not self._file(name).is_file():
            raise self.missing(f"{self.name.upper()}/{name} is not in {self.published.parent}.")
        return self._file(name)

    def image_list(self) -> Images:
        """Read the published list of images; the paths lead from `pictures` on."""
        return read_image_list(self.require("res101.mat"))

    def require_pictures(self, image_files: Sequence[str]) -> None:
        """Check that every picture of the published list is there.

        Raises:
            FileNotFoundError: there is no folder of pictures.
            BenchmarkError: some are not in it; the first are named.
        """
        if not self.pictures.is_dir():
            raise self.missing(f"There are no pictures of {self.name} in {self.pictures.parent}.")
        gone = [name for name in image_files if not (self.pictures / name).is_file()]
        if gone:
            raise BenchmarkError(
                f"{self.name}: {len(gone):,} of {len(image_files):,} pictures that "
                f"{self.name.upper()}/res101.mat lists are not in {self.pictures}: "
                f"{', '.join(gone[:SHOWN])}{', ...' if len(gone) > SHOWN else ''}. If its archive "
                f"was unpacked by hand, move the folder away and run `{self.command}`."
            )

    def read_made(self, image_files: Sequence[str]) -> "Extracted":
        """Read the CLIP features of the published list.

        Raises:
            FileNotFoundError: they have not been made.
            BenchmarkError: they are damaged, or of another list.
        """
        from zslnb.encode.extract import ExtractionError, load_extracted

        if not self.is_made:
            raise self.missing(f"CLIP features of {self.name} have not been made yet.")
        try:
            return load_extracted(self.made, unique(image_files))
        except ExtractionError as error:
            raise BenchmarkError(f"{error} `{self.command}` does that.") from error

    def read_text(self) -> "Text":
        """Read the class names' text features.

        Raises:
            FileNotFoundError: they have not been made.
            BenchmarkError: the file is damaged.
        """
        if not self.text_file.is_file():
            raise self.missing(f"CLIP texts of {self.name}'s class names have not been made yet.")
        arrays = read_bundle(self.text_file)
        try:
            facts = json.loads(str(arrays["provenance"]))
            return Text(arrays["text"], tuple(map(str, arrays["class_names"])), facts)
        except (KeyError, ValueError) as error:
            raise BenchmarkError(
                f"{self.text_file} is damaged ({error}). Delete it and run `{self.command}`."
            ) from error


@dataclass(frozen=True)
class Text:
    """Text features (C, D) of unit norm, the C class names, and the encoder's facts."""

    features: Float32[np.ndarray, "C D"]
    class_names: tuple[str, ...]
    facts: Mapping[str, object]


def save_text(place: Place, encoder: "ClipEncoder", class_names: Sequence[str]) -> Text:
    """Encode class names, each in the prompt, and store them where `load_real` looks."""
    from zslnb.encode.clip import PROMPT
    from zslnb.encode.extract import class_text_features

    rows = class_text_features(encoder, class_names)
    facts = {**encoder.facts(), "prompt": PROMPT}
    place.made.mkdir(parents=True, exist_ok=True)
    arrays = {"text": rows, "class_names": np.array(class_names), "provenance": json.dumps(facts)}
    write_bundle(place.text_file, arrays)
    return Text(rows, tuple(class_names), facts)


def unique(image_files: Sequence[str]) -> list[str]:
    """Each picture once, in the order of the list: a picture gives one feature."""
    return [*dict.fromkeys(image_files)]


def known_semantics(semantics: str) -> str:
    """Return the name of a kind of semantics; BenchmarkError suggests the nearest if unknown."""
    semantics = semantics.replace("clip_text", TEXT_SEMANTICS)  # as the aviary calls its own
    if semantics not in SEMANTICS:
        from zslnb.errors import unknown_name  # here: the registry builds on this

        raise BenchmarkError(unknown_name("kind of semantics", semantics, SEMANTICS))
    return semantics


def _published(place: Place, semantics: str) -> Benchmark:
    """Join the published split with the features that are asked for."""
    split = read_split(place.require("att_splits.mat"))
    sentences = place.published / "sent_splits.mat"
    if semantics == "sentences" and not sentences.is_file():
        raise FileNotFoundError(
            f"There are no sentences of {place.name}: no archive that we know has them. Put "
            f"{sentences.name} into {sentences.parent} if you have it."
        )
    images, facts = _clip_images(place) if place.is_clip else _resnet_images(place)
    benchmark = join(
        images,
        split,
        name=place.name,
        sentences=read_split(sentences) if sentences.is_file() else None,
        semantics=semantics,
    )
    promised = {"unit_norm": ["features"]} if place.is_clip else {}
    return replace(benchmark, provenance=benchmark.provenance | facts | promised)


def _resnet_images(place: Place) -> tuple[Images, dict]:
    file = place.require("res101.mat")
    facts = {"features": RESNET, "model": "ResNet-101", "tag": "as published"}
    return read_features(file), {**facts, "file_sha256": file_sha256(file)}


def _clip_images(place: Place) -> tuple[Images, dict]:
    """Take the published labels, and features that were made here for the same list."""
    images = place.image_list()
    made = place.read_made(images.image_files)
    row = {name: i for i, name in enumerate(made.images)}
    if left_out := made.provenance["unreadable"]:
        raise BenchmarkError(
            f"{made.provenance['images']} pictures of {place.name} were asked for and "
            f"{len(left_out)} left out, so the published sizes do not hold."
        )
    features = torch.from_numpy(made.features[[row[name] for name in images.image_files]])
    model_name, tag = place.model
    told = ("weights_sha256", "features_sha256", "images_sha256", "preprocessing", "precision")
    facts = {"features": place.features, "model": model_name, "tag": tag}
    facts |= {key: made.provenance[key] for key in told}
    return replace(images, features=features, file=f"{place.made.name} of {images.file}"), facts


def _with_text(benchmark: Benchmark, text: Text, place: Place) -> Benchmark:
    """Exchange the semantics for the class names' texts."""
    facts = benchmark.provenance
    if text.class_names != benchmark.class_names:
        raise BenchmarkError(
            f"{place.text_file} is of other class names than {facts['file']}. Delete it and run "
            f"`{place.command}`."
        )
    of_features = facts.get("weights_sha256") if place.is_clip else None
    if of_features not in (None, text.facts["weights_sha256"]):
        raise BenchmarkError(
            f"{place.text_file} was made with other weights than the features beside it. Delete "
            f"it and run `{place.command}`."
        )
    facts = facts | {
        "semantics": TEXT_SEMANTICS,
        "prompt": text.facts["prompt"],
        "text_weights_sha256": text.facts["weights_sha256"],
        "unit_norm": [*facts.get("unit_norm", ()), "semantics"],
    }
    return replace(benchmark, semantics=torch.from_numpy(text.features), provenance=facts)
