"""Where the files of a published benchmark are, and which command brings them.

`make data BENCHMARK=cub` brings what is read here, below `files.data_dir()`:

    xlsa17/xlsa17/data/CUB/        res101.mat, att_splits.mat; sent_splits.mat where you have it
    cub-images/                    the pictures as their archive lays them out
    features/cub-ViT-B-16-openai/  features of the pictures, and of the class names (text.npz)
"""

from dataclasses import dataclass
from pathlib import Path

from zslnb.download.sources import needed, plan, total
from zslnb.errors import BenchmarkError
from zslnb.files import data_dir

WITH_PICTURES = ("cub", "sun", "awa2")
FEATURES_ONLY = ("awa1", "flo", "apy")
PUBLISHED_BENCHMARKS = WITH_PICTURES + FEATURES_ONLY
CLIP, RESNET = "clip", "resnet101"
PAPERS_MODEL = ("ViT-B-16", "openai")  # open_clip's name of it, and the tag of its weights


def features_of(name: str) -> tuple[str, ...]:
    """Kinds of features that a published benchmark can have, its default first; none if unknown."""
    return (CLIP,) * (name in WITH_PICTURES) + (RESNET,) * (name in PUBLISHED_BENCHMARKS)


@dataclass(frozen=True)
class PublishedFiles:
    """Paths of one benchmark's files, with one kind of features.

    `name` is in `PUBLISHED_BENCHMARKS`; `features` are "clip", "resnet101", or an open_clip model
    and its tag as "ViT-L-14/openai"; `root` is the folder of all data, `data_dir()` unless given.
    Raises BenchmarkError if such a benchmark has no such features.
    """

    name: str
    features: str
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse features that nobody can make."""
        of_a_model = self.name in WITH_PICTURES and "/" in self.features
        if self.features not in features_of(self.name) and not of_a_model:
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
        model_name, slash, tag = self.features.partition("/")
        return (model_name, tag) if slash else PAPERS_MODEL

    @property
    def mat_folder(self) -> Path:
        """Folder of `res101.mat` and `att_splits.mat`."""
        return (self.root or data_dir()) / "xlsa17" / "xlsa17" / "data" / self.name.upper()

    @property
    def features_folder(self) -> Path:
        """Folder of the CLIP features, and of the class names' texts."""
        folder = "-".join([self.name, *self.model]).replace("/", "_")
        return (self.root or data_dir()) / "features" / folder

    @property
    def features_file(self) -> Path:
        """The features, finished."""
        in_mat = self.mat_folder / "res101.mat"
        return self.features_folder / "features.npz" if self.is_clip else in_mat

    @property
    def text_file(self) -> Path:
        """The class names' text features."""
        return self.features_folder / "text.npz"

    @property
    def command(self) -> str:
        """What brings it."""
        wish = "" if self.features == features_of(self.name)[0] else f" FEATURES={self.features}"
        return f"make data BENCHMARK={self.name}{wish}"

    def missing(self, what: str) -> FileNotFoundError:
        """Make an error that says what is not there, and how it comes."""
        if self.name in FEATURES_ONLY:
            return FileNotFoundError(
                f"{what} Put res101.mat and att_splits.mat of its Proposed Split into "
                f"{self.mat_folder}. AWA1's and aPY's should be in the archive that `make data "
                f"BENCHMARK=cub FEATURES={RESNET}` unpacks there; FLO's are not."
            )
        parts = plan(needed(self.name, CLIP if self.is_clip else RESNET), self.root).values()
        return FileNotFoundError(
            f"{what} `{self.command}` brings it: {total(p.download for p in parts)} to download, "
            f"{total(p.disk for p in parts)} of disk; "
            "with DRY_RUN=1 it says what it would download."
        )

    def require_mat(self, file_name: str) -> Path:
        """Find a published file; raise FileNotFoundError, with the remedy, if it is not there."""
        path = self.mat_folder / file_name
        if not path.is_file():
            raise self.missing(f"{self.name.upper()}/{file_name} is not in {path.parent.parent}.")
        return path
