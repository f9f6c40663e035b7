"""The published benchmarks as xlsa17 ships them: `res101.mat`, `att_splits.mat`, `sent_splits.mat`.

The archive's README says: columns of `features` are images; a class's label is its row in the
list of all classes; columns of `att` follow that list; index lists count from 1. The list is not
in the order of the class numbers (CUB's begins with 002), so whatever comes from another file
is mapped by name. Measured on CUB: similarities between attributes follow those between the
classes' mean features (correlation 0.64) when columns are named by `allclasses_names`, and do
not (0.05) when they are taken for classes 001 to 200.

The Proposed Split has two versions: arXiv 1707.00600 announces "Version 2.0", and people put a
difference of 2 % in a published result down to it (github.com/akshitac8/tfvaegan/issues/24). The
files do not name theirs, but their content does: in files of 2017 and 2018 `train_loc` and
`val_loc` hold images of `test_seen_loc`, in those of 2019 and later none, or both are absent
(github.com/hbdat/cvpr20_DAZLE/issues/1, github.com/stevehuanghe/GDAN/issues/5). The three lists
that matter are the same. Provenance says the version, the date in the file's header and a hash
of the three lists.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets.bundle import file_sha256
from zslnb.datasets.matlab import AGAIN, mat_created, mat_label, read_mat
from zslnb.errors import BenchmarkError

LISTS = ("trainval_loc", "test_seen_loc", "test_unseen_loc")
OPTIONAL_LISTS = ("train_loc", "val_loc")
IMAGE_FOLDERS = re.compile(r"(?:^|/)(?:images|JPEGImages|jpg)/+")
UNKNOWN = -1  # for a value that nobody rated, among percentages: AWA2 has four
DEEPEST = 3  # folders that may make up a class's name: SUN's "apartment_building/outdoor"


class Sizes(NamedTuple):
    """Published counts of a benchmark: classes seen and unseen, and images in the three lists."""

    seen: int
    unseen: int
    trainval: int
    test_seen: int
    test_unseen: int


COUNTED = (
    "seen classes",
    "unseen classes",
    "trainval images",
    "test images of seen classes",
    "test images of unseen classes",
)
# AWA2, CUB, SUN: the split files themselves (papers/benchmarks.yml). AWA1, APY, FLO: as public
# loaders have them; the lists add up to the 30,475, 15,339 and 8,189 images that
# ltpwy/Zero-shot-Image-Classification-Datasets-and-Codes and aaronyun/cycle_clsgan count.
PUBLISHED: dict[str, Sizes] = {
    "AWA1": Sizes(40, 10, 19832, 4958, 5685),
    "AWA2": Sizes(40, 10, 23527, 5882, 7913),
    "CUB": Sizes(150, 50, 7057, 1764, 2967),
    "SUN": Sizes(645, 72, 10320, 2580, 1440),
    "APY": Sizes(20, 12, 5932, 1483, 7924),
    "FLO": Sizes(82, 20, 5631, 1403, 1155),
}


@dataclass(frozen=True)
class Images:
    """Images of a benchmark: features (N, D), labels (N,) from 0, N paths in the image folder.

    There are no paths where the file lists none, as with features of one's own.
    """

    features: Float32[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    image_files: tuple[str, ...]
    file: str


@dataclass(frozen=True)
class Split:
    """Class semantics and index lists of one split file; lists count from 0.

    `attributes` (C, S) has a row for each of `class_names`, as the file spells them, in the
    order that labels count in. What the file lacks is None.
    """

    file: str
    created: str
    attributes: Float32[Tensor, "C S"]
    trainval_idx: Int64[Tensor, " n_trainval"]
    test_seen_idx: Int64[Tensor, " n_test_seen"]
    test_unseen_idx: Int64[Tensor, " n_test_unseen"]
    train_idx: Int64[Tensor, " n_train"] | None = None
    val_idx: Int64[Tensor, " n_val"] | None = None
    original_attributes: Float32[Tensor, "C S"] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def sha256(self) -> str:
        """Hash of the three lists, each sorted: files with the same hash make the same split."""
        digest = hashlib.sha256()
        for idx in (self.trainval_idx, self.test_seen_idx, self.test_unseen_idx):
            digest.update(repr(len(idx)).encode() + idx.sort().values.numpy().tobytes())
        return digest.hexdigest()


def read_images(path: Path, *, features: bool = True) -> Images:
    """Read `res101.mat`: `features` (D, N), `labels` (N, 1) from 1, `image_files` (N, 1) if any.

    Without features, for images that have others, they come as (N, 0): hundreds of megabytes
    stay unread, and `image_files` must be there.

    Raises FileNotFoundError, or BenchmarkError if it is no MATLAB file, or a variable is missing,
    of the wrong kind, or of another number of images.
    """
    file, wanted = mat_label(path), ("features",) if features else ()
    arrays = read_mat(path, numbers=(*wanted, "labels"), text=("image_files",))
    _require(arrays, ("features", "labels") if features else ("labels", "image_files"), file)
    labels = _from_one(arrays["labels"], "labels", file)
    for name in ("features", "image_files"):
        if name in arrays and (count := arrays[name].shape[-1]) != len(labels):
            raise BenchmarkError(
                f"{file}: {name} has {count} images, but labels has {len(labels)}."
            )
    rows = arrays.get("features", np.zeros((0, len(labels))))
    paths = arrays.get("image_files", np.array([])).tolist()
    inside = tuple(_within_image_folder(path, file) for path in paths)
    return Images(_rows(rows, "features", file), labels, inside, file)


def read_split(path: Path) -> Split:
    """Read `att_splits.mat` or `sent_splits.mat`, of either version; raises as `read_images`."""
    file = mat_label(path)
    numbers = ("att", "original_att", *LISTS, *OPTIONAL_LISTS)
    arrays = read_mat(path, numbers=numbers, text=("allclasses_names",))
    _require(arrays, ("att", *LISTS), file)
    names, original = arrays.get("allclasses_names"), arrays.get("original_att")
    classes = arrays["att"].shape[-1]
    for name, array in {"original_att": original, "allclasses_names": names}.items():
        if array is not None and array.shape[-1] != classes:
            raise BenchmarkError(
                f"{file}: {name} has {array.shape[-1]} classes, but att {classes}."
            )
    lists = [name for name in (*LISTS, *OPTIONAL_LISTS) if name in arrays]
    return Split(
        file,
        mat_created(path),
        _rows(arrays["att"], "att", file),
        **{n.replace("_loc", "_idx"): _from_one(arrays[n], n, file) for n in lists},
        original_attributes=None if original is None else _rows(original, "original_att", file),
        class_names=None if names is None else tuple(names.tolist()),
    )


def benchmark_from_xlsa17(
    res101: Path | Images,
    att_splits: Path,
    *,
    name: str,
    sentences: Path | None = None,
    validation: Path | None = None,
    semantics: str = "attributes",
) -> Benchmark:
    """Join images with a split, and check that both are of the same benchmark.

    Args:
        res101: features, labels and image paths; or images with other features.
        att_splits: attributes and the Proposed Split.
        name: what records will call it; its published sizes are looked up by it, in any case.
        sentences: `sent_splits.mat`, whose semantics are mapped by class name.
        validation: a list of class names, one a line, such as `valclasses1.txt`.
        semantics: "attributes", "original_attributes" (not normalised) or "sentences".

    Raises FileNotFoundError, or BenchmarkError where a file is damaged or of another kind, the
    benchmark breaks a rule, a class of one file is not in the other, an image lies in the folder
    of another class than its label's, or the sizes are not those in `PUBLISHED`.
    """
    images = read_images(res101) if isinstance(res101, Path) else res101
    split, spoken = read_split(att_splits), read_split(sentences) if sentences else None
    available = _all_semantics(split, spoken)
    if semantics not in available:
        raise BenchmarkError(
            f"{split.file}: no semantics {semantics!r}; available: {', '.join(available)}."
        )
    facts = {"file": f"{images.file} with {split.file}", "semantics": semantics, **_facts(split)}
    facts["all_semantics"] = _worth_comparing(available)
    if isinstance(res101, Path):
        facts["file_sha256"] = file_sha256(res101)
    val_classes, facts["validation"] = _validation(images, split, spoken, validation)
    benchmark = Benchmark(
        features=images.features,
        labels=images.labels,
        semantics=available[semantics],
        class_names=_class_names(split),
        train_idx=split.trainval_idx,
        test_seen_idx=split.test_seen_idx,
        test_unseen_idx=split.test_unseen_idx,
        val_classes=val_classes,
        name=name,
        provenance=facts,
    )
    benchmark.provenance["folders"] = _check_folders(images, split)
    benchmark.provenance["sizes"] = _check_sizes(benchmark)
    return benchmark


def readable(class_name: str) -> str:
    """Class name as released code prompts with it: no "001." before it, no "_" or "+" in it."""
    return re.sub(r"^\d+\.", "", class_name).replace("_", " ").replace("+", " ")


def _check_sizes(benchmark: Benchmark) -> str:
    """Compare a benchmark's counts with the published ones, found by its name; say what held."""
    expected = PUBLISHED.get(benchmark.name.upper())
    if expected is None:
        return "not checked: none known for this name"
    lists = (benchmark.train_idx, benchmark.test_seen_idx, benchmark.test_unseen_idx)
    counts = map(len, (benchmark.seen, benchmark.unseen, *lists))
    for count, published, what in zip(counts, expected, COUNTED, strict=True):
        if count != published:
            raise BenchmarkError(
                f"{benchmark.provenance['file']}: {count:,} {what}, but {benchmark.name} has "
                f"{published:,}; this is another split or a damaged file."
            )
    return "as published"


def _require(arrays: Mapping[str, np.ndarray], names: Sequence[str], file: str) -> None:
    if missing := [name for name in names if name not in arrays]:
        held = ", ".join(sorted(arrays)) or "none of those looked for"
        raise BenchmarkError(f"{file}: {missing[0]} is missing; it holds {held}.")


def _rows(array: np.ndarray, name: str, file: str) -> Float32[Tensor, "n width"]:
    """Turn a matrix with a column an item into float32 with a row an item."""
    if array.ndim != 2:
        raise BenchmarkError(f"{file}: {name} must be a matrix, but has shape {array.shape}.")
    with np.errstate(over="ignore"):  # what overflows is refused as not finite, by name
        return torch.from_numpy(np.ascontiguousarray(array.T, dtype=np.float32))


def _from_one(array: np.ndarray, name: str, file: str) -> Int64[Tensor, " n"]:
    """Turn MATLAB's column of numbers that count from 1 into a row that counts from 0."""
    if array.ndim != 2 or array.size != max(array.shape):
        raise BenchmarkError(f"{file}: {name} must be a column, but has shape {array.shape}.")
    values = array.ravel()
    # beyond 2**53 a double is no count; NaN fails every comparison
    wrong = ~((values >= 1) & (values < 2**53) & (values == np.floor(values)))
    if wrong.any():
        i = int(wrong.argmax())
        raise BenchmarkError(f"{file}: {name}[{i}] is {values[i]}, but counts go from 1.")
    return torch.from_numpy(values.astype(np.int64) - 1)


def _within_image_folder(image_file: str, file: str) -> str:
    """Path from the data set's image folder on: paths were recorded on the authors' machines."""
    inside = IMAGE_FOLDERS.split(image_file)[-1].lstrip("/")
    if ".." in PurePosixPath(inside).parts:
        raise BenchmarkError(f"{file}: image_files holds {image_file!r}, which leads elsewhere.")
    return inside


def _key(name: str) -> str:
    """What is left of a name, in any script, when case and punctuation are put aside."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return "_".join("".join(kept).split())


def _ids(names: Sequence[str], file: str) -> dict[str, int]:
    """Class ids by name, and by key where no other name has the same ("C+" and "C#")."""
    ids: dict[str, int] = {}
    for i, name in enumerate(names):
        if ids.setdefault(name.casefold(), i) != i:
            raise BenchmarkError(f"{file}: allclasses_names repeats {name!r}.")
    sharing = Counter(map(_key, names))
    return ids | {_key(name): i for i, name in enumerate(names) if sharing[_key(name)] == 1}


def _class_names(split: Split) -> tuple[str, ...]:
    if split.class_names is None:
        return tuple(f"class {i + 1}" for i in range(len(split.attributes)))
    return tuple(readable(name) for name in split.class_names)


def _all_semantics(split: Split, sentences: Split | None) -> dict[str, Float32[Tensor, "C _"]]:
    available = {"attributes": split.attributes}
    if split.original_attributes is not None:
        available["original_attributes"] = split.original_attributes
    if sentences is not None:
        available["sentences"] = sentences.attributes[_rows_of(split, sentences)]
    return available


def _worth_comparing(available: Mapping[str, Tensor]) -> list[str]:
    """All kinds but originals that are the attributes at full length."""
    original = available.get("original_attributes")
    same = original is not None and torch.allclose(
        F.normalize(original, dim=1), F.normalize(available["attributes"], dim=1), atol=1e-5
    )
    return [kind for kind in available if not (same and kind == "original_attributes")]


def _facts(split: Split) -> dict[str, str]:
    """What provenance keeps of a split file."""
    return {
        "class_names": "as published" if split.class_names else "none given: numbered",
        "split_version": _version(split),
        "unknown_attributes": _unknown(split),
        "split_created": split.created or "not told",
        "split_sha256": split.sha256,
    }


def _version(split: Split) -> str:
    """Tell the Proposed Split's version by what train_loc and val_loc hold."""
    lists = [idx for idx in (split.train_idx, split.val_idx) if idx is not None]
    if not lists:
        return "2.0: it has neither train_loc nor val_loc"
    if torch.isin(torch.cat(lists), split.test_seen_idx).any():
        return "1.0: its train_loc and val_loc hold images of test_seen_loc"
    return "2.0: its train_loc and val_loc hold no image of test_seen_loc"


def _unknown(split: Split) -> str:
    """Count attribute values that are marked as unknown; they are kept as published."""
    original = split.original_attributes
    count = 0 if original is None else int((original == UNKNOWN).sum())
    if not count or (original[original != UNKNOWN] < 0).any():  # else -1 is a number like others
        return "none marked"
    return f"{count} of {original.numel():,} values are marked -1; they are kept as published"


def _rows_of(split: Split, other: Split) -> Int64[Tensor, " C"]:
    """Rows of another file's semantics in the order of this one's classes, found by name."""
    for file, names in {split.file: split.class_names, other.file: other.class_names}.items():
        if names is None:
            raise BenchmarkError(
                f"{file}: allclasses_names is missing, and without it the semantics of "
                f"{other.file} cannot be mapped by name."
            )
    return _find([readable(name) for name in other.class_names], split.class_names, other.file)


def _find(among: Sequence[str], names: Sequence[str], file: str) -> Int64[Tensor, " n"]:
    """Where each name is among others, whatever its case and punctuation."""
    ids, read = _ids(among, file), [readable(name) for name in names]
    rows = [ids.get(name.casefold(), ids.get(_key(name))) for name in read]
    if None in rows:
        missing = names[rows.index(None)]
        raise BenchmarkError(f"{file}: no class {missing!r} among its {len(among)}.")
    return torch.tensor(rows, dtype=torch.int64)


def _validation(
    images: Images, split: Split, sentences: Split | None, class_list: Path | None
) -> tuple[Int64[Tensor, " n_val"], str]:
    """Find the validation classes, and say where they come from.

    They are those of `val_loc` with images in trainval and none in `train_loc` (the published
    lists cover test images too, so only their classes serve); a list of names comes first, and
    the sentences' `val_loc` helps out where both files make the same split.
    """
    if class_list is not None:
        names = _read_class_list(class_list)
        return _find(_class_names(split), names, split.file).unique(), "a list of class names"
    same = sentences is not None and sentences.sha256 == split.sha256
    for source in (split, sentences) if same else (split,):
        if source.val_idx is not None:
            held_out = _classes(images, source, "val")
            held_out = held_out[torch.isin(held_out, _classes(images, split, "trainval"))]
            if source.train_idx is not None:
                trained = _classes(images, source, "train")
                held_out = held_out[~torch.isin(held_out, trained)]
            return held_out, f"classes of val_loc in {source.file}"
    return torch.zeros(0, dtype=torch.int64), f"none: {split.file} has no val_loc"


def _read_class_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{mat_label(path)}: no list of class names; {AGAIN}.") from error
    return [line.strip() for line in lines if line.strip()]


def _classes(images: Images, split: Split, part: str) -> Int64[Tensor, " n"]:
    idx = getattr(split, f"{part}_idx")
    beyond = idx >= len(images.labels)
    if beyond.any():
        i = int(beyond.nonzero()[0, 0])
        raise BenchmarkError(
            f"{split.file}: {part}_loc[{i}] is {int(idx[i]) + 1}, but {images.file} has "
            f"{len(images.labels)} images."
        )
    return images.labels[idx].unique()


def _check_folders(images: Images, split: Split) -> str:
    """Refuse an image in the folder of another class than its label's; count the others."""
    if split.class_names is None:
        return "not checked: the classes have no names"
    if not images.image_files:
        return "not checked: the images have no paths"
    ids = _ids(split.class_names, split.file)
    parents = [str(PurePosixPath(path).parent) for path in images.image_files]
    classes = {folder: _folder_class(folder, ids) for folder in set(parents)}
    checked = 0
    for i, (folder, label) in enumerate(zip(parents, images.labels.tolist(), strict=True)):
        if classes[folder] not in (None, label):
            raise BenchmarkError(
                f"{images.file}: image {i}, {images.image_files[i]!r}, lies in the folder of "
                f"another class than its label's, {split.class_names[label]!r} in {split.file}."
            )
        checked += classes[folder] is not None
    return f"{checked} of {len(parents)} images lie in the folder of their class"


def _folder_class(folder: str, ids: Mapping[str, int]) -> int | None:
    """Class that a folder names by its last parts, the longest name first; None if it does not."""
    parts = folder.split("/")
    keys = (_key("_".join(parts[-depth:])) for depth in range(DEEPEST, 0, -1))
    return next((ids[key] for key in keys if key in ids), None)
