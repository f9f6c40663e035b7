"""What can be asked for, as the command line's options; nothing here takes long to import."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from zslnb.errors import RequestError


@dataclass(frozen=True)
class PicturesRequest:
    """Make a benchmark of your own pictures: a folder with one sub-folder a class.

    CLIP turns pictures into features and class names into semantics; classes are divided into seen
    and unseen, pictures of seen ones into training and test. All is checked before the model is
    loaded, and a run that is stopped goes on where it was.

    Attributes:
        pictures: folder with one sub-folder of pictures a class.
        bundle: the .npz file to make; its name is the benchmark's.
        unseen: share of the classes ("20%" or 0.2), count ("12"), or file of sub-folders, one a
            line.
        validation: likewise, of the seen classes: to choose settings on.
        test_share: of each seen class's pictures, kept for the test: "20%" or 0.2.
        names: CSV with columns folder,name: class names in words.
        attributes: CSV: a sub-folder, then numbers, with a line of names on top.
        model: any architecture that open_clip knows.
        pretrained: the tag of its weights.
        weights: local file of weights, prepared for as the tag's are.
        seed: of all that is drawn.
        device: auto, cpu, cuda or cuda:1.
        batch_size: pictures at a time.
        workers: threads that read ahead.
        shards: processes that share the pictures; several GPUs are shared among them.
        shard: do part I of N only, as 2/4; then run once without this.
        work: folder for what is extracted, which machines may share.
        allow_unreadable: leave out pictures that cannot be read.
        overwrite: replace a bundle that was made of something else.
        dry_run: check everything and say what would be made.
    """

    pictures: Annotated[Path, arg(metavar="PICTURES")]
    bundle: Annotated[Path, arg(metavar="BUNDLE.npz")]
    unseen: str = "20%"
    validation: str = "25%"
    test_share: str = "20%"
    names: Path | None = None
    attributes: Path | None = None
    model: str = "ViT-B-16"
    pretrained: str = "openai"
    weights: Path | None = None
    seed: int = 0
    device: str = "auto"
    batch_size: int = 128
    workers: int | None = None
    shards: int = 1
    shard: str = ""
    work: Path | None = None
    allow_unreadable: bool = False
    overwrite: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.bundle.suffix != ".npz":
            raise RequestError(f"The bundle must end in .npz; {str(self.bundle)!r} does not.")
        if not 0 < self.share_of_test < 1:
            raise RequestError(
                "The share of test pictures lies in 0..1 and is written as 20% or 0.2; "
                f"it cannot be {self.test_share!r}."
            )
        if self.batch_size < 1:
            raise RequestError(f"batch_size must be at least 1, not {self.batch_size}.")
        if self.workers is not None and self.workers < 0:
            raise RequestError(f"workers must not be negative, not {self.workers}.")
        read_shard(self.shard, self.shards)

    @property
    def share_of_test(self) -> float:
        """`test_share` as a number; NaN if it is none."""
        return read_share(self.test_share)


@dataclass(frozen=True)
class DataRequest:
    """Bring a published benchmark: download and check it, and extract its features.

    What will be downloaded and the disk it takes are said first. Each step that is done is done for
    good: the same command goes on where it stopped.

    Attributes:
        benchmark: cub, sun, awa2, or all for one after the other.
        features: clip, resnet101, or MODEL/TAG of open_clip; clip unless given.
        weights: local file of CLIP's weights, where open_clip cannot download them.
        device: auto, cpu, cuda or cuda:1.
        shards: processes that share the pictures; several GPUs are shared among them.
        shard: do part I of N of the pictures only, as 2/4; then run once without this.
        dry_run: say what would be done, and stop.
    """

    benchmark: Annotated[str, arg(metavar="BENCHMARK")]
    features: str = ""
    weights: Path | None = None
    device: str = "auto"
    shards: int = 1
    shard: str = ""
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        read_shard(self.shard, self.shards)


@dataclass(frozen=True)
class AviaryRequest:
    """Draw the built-in benchmark and train its small CLIP again from seeds: one core, 12 minutes.

    Attributes:
        folder: where to write; where the package reads it, unless given.
    """

    folder: Path | None = None


def read_share(text: str) -> float:
    """Read "20%" or "0.2" as a number; NaN for any other text."""
    match = re.fullmatch(r"(\d*\.?\d+)(%?)", text)
    return float(match[1]) / (100 if match[2] else 1) if match else math.nan


def read_shard(text: str, shards: int = 1) -> tuple[int, int] | None:
    """Read "2/4", the second of four parts; None if nothing is written.

    Raises RequestError for another form, or beside a number of shards to be done here.
    """
    part, slash, of = text.partition("/")
    if shards < 1:
        raise RequestError(f"shards must be at least 1, not {shards}.")
    if not text:
        return None
    if shards > 1:
        raise RequestError("shards= does all parts here, shard= one of them: give one of the two.")
    if not (slash and part.isdecimal() and of.isdecimal() and 1 <= int(part) <= int(of)):
        raise RequestError(f"A shard is written I/N, from 1/4 to 4/4 of four; not {text!r}.")
    return int(part), int(of)
