"""Which classes are unseen, which choose settings, and which pictures are kept for the test."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from zslnb.datasets.bundle import INDEX_KEYS
from zslnb.datasets.picture_folder import PictureFolder, read_lines, some
from zslnb.encode.requests import read_share
from zslnb.errors import RequestError
from zslnb.seeds import numpy_generator

# classes: an unseen one to mistake another for, and as many to train on as GenZSL's referents need
LEAST = {"unseen": 2, "validation": 1, "training": 3}
NEEDED = f"At least {sum(LEAST.values())} are needed: " + ", ".join(
    f"{least} for {part}" for part, least in LEAST.items()
)
# pictures of a seen class, of which one training picture is held out to choose settings; of others
LEAST_TRAIN, LEAST_TEST, LEAST_UNSEEN = 2, 1, 2


def divide_classes(
    folder: PictureFolder, unseen: str, validation: str, seed: int
) -> dict[str, str]:
    """Say what each class, by its sub-folder, is for: "unseen", "validation" or "training".

    Unseen ones are chosen first, validation among the others, each as asked: "20%", "0.2" or
    "12" of them are drawn, a file lists them by sub-folder.

    Raises RequestError for more than there are, an unknown name, one that is not among them, or
    too few classes or pictures for the methods.
    """
    _require_classes(folder)
    parts = dict.fromkeys(folder.classes, "training")
    for part, asked in (("unseen", unseen), ("validation", validation)):
        among = [name for name in parts if parts[name] == "training"]
        parts |= dict.fromkeys(_choose(asked, part, among, folder, seed), part)
    require_enough(folder, parts, {name: len(images) for name, images in folder.classes.items()})
    return parts


def _require_classes(folder: PictureFolder) -> None:
    """Refuse a folder with too few classes, and say what its sub-folders are."""
    if len(folder.classes) >= sum(LEAST.values()):
        return
    deeper = {i.split("/")[1] for i in folder.images if i.count("/") > 1}
    hint = ""
    if len(folder.classes) == 1 and len(deeper) > 1:
        above = folder.root / next(iter(folder.classes))
        hint = f" In {above} are sub-folders ({some(sorted(deeper), 3)}): is that the folder?"
    counts = [f"{name} ({len(images)} pictures)" for name, images in folder.classes.items()]
    raise RequestError(
        f"{folder.root} has {len(counts)} class{'es' * (len(counts) > 1)}, a sub-folder each: "
        f"{', '.join(counts)}. {NEEDED}.{hint}"
    )


def _choose(
    asked: str, part: str, among: Sequence[str], folder: PictureFolder, seed: int
) -> Sequence[str]:
    share, is_count = read_share(asked), asked.isdecimal()
    if is_count or not math.isnan(share):
        n = int(asked) if is_count else max(LEAST[part], round(share * len(among)))
        if n > len(among):
            raise RequestError(f"{n} {part} classes cannot be drawn from {len(among)}.")
        drawn = numpy_generator(seed, f"own/{part} classes").permutation(len(among))[:n]
        return [among[i] for i in drawn]
    path = Path(asked).expanduser()
    lines = [line.strip() for line in read_lines(path)]
    listed = [
        folder.find(line, f"{path.name}, line {i}") for i, line in enumerate(lines, 1) if line
    ]
    if stray := [name for name in listed if name not in among]:
        raise RequestError(f"{path.name}: {some(stray)}: without pictures, or unseen already.")
    return listed


def require_enough(
    folder: PictureFolder, parts: Mapping[str, str], counts: Mapping[str, int]
) -> None:
    """Raise RequestError for too few classes or pictures (`counts`, of each class)."""
    sizes = Counter(parts.values())
    if any(sizes[part] < least for part, least in LEAST.items()):
        present = ", ".join(f"{sizes[part]} for {part}" for part in LEAST)
        raise RequestError(
            f"{folder.root} has {len(parts)} classes: {present}. {NEEDED}. The classes: "
            f"{some([*parts])}."
        )
    seen = LEAST_TRAIN + LEAST_TEST
    needed = {name: LEAST_UNSEEN if part == "unseen" else seen for name, part in parts.items()}
    if few := [f"{name} has {counts[name]}" for name in parts if counts[name] < needed[name]]:
        raise RequestError(
            f"Too few pictures: {some(few)}. A seen class needs {seen} ({LEAST_TRAIN} to train on, "
            f"{LEAST_TEST} to test), an unseen one {LEAST_UNSEEN}. Add some, or take the folder "
            "out."
        )


def divide_pictures(
    labels: Int64[np.ndarray, " N"], parts: Mapping[str, str], test_share: float, seed: int
) -> dict[str, Int64[np.ndarray, " n"]]:
    """Divide pictures into training and the two tests; each class draws from a stream of its own.

    Labels count the classes of `parts`. Of each seen class at least one picture goes to the test
    and at least two stay for training. Returns row numbers by the names that a bundle has for them.
    """
    rows = {key: [np.zeros(0, np.int64)] for key in INDEX_KEYS}
    for i, (name, part) in enumerate(parts.items()):
        pictures = np.flatnonzero(labels == i)
        if part == "unseen":
            rows["test_unseen_idx"].append(pictures)
            continue
        n = min(max(LEAST_TEST, round(test_share * len(pictures))), len(pictures) - LEAST_TRAIN)
        order = numpy_generator(seed, f"own/test pictures/{name}").permutation(pictures)
        rows["test_seen_idx"].append(order[:n])
        rows["trainval_idx"].append(order[n:])
    return {key: np.sort(np.concatenate(parted)) for key, parted in rows.items()}
