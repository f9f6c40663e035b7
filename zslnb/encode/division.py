"""Which classes are unseen, which choose settings, and which pictures are kept for the test."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from zslnb.datasets.bundle import INDEX_KEYS
from zslnb.datasets.picture_folder import PictureFolder, read_lines, some
from zslnb.errors import RequestError
from zslnb.seeds import numpy_generator

# classes: an unseen one to mistake another for, and as many to train on as GenZSL's referents need
LEAST = {"unseen": 2, "validation": 1, "training": 3}
# pictures of a seen class, of which one training picture is held out to choose settings; of others
LEAST_TRAIN, LEAST_TEST, LEAST_UNSEEN = 2, 1, 2


def require_classes(folder: PictureFolder) -> None:
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
        f"{', '.join(counts)}. At least {_least()}.{hint}"
    )


def _least() -> str:
    needed = ", ".join(f"{least} for {part}" for part, least in LEAST.items())
    return f"{sum(LEAST.values())} are needed: {needed}"


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
        RequestError: more than there are, an unknown name, or one that is not among them.
    """
    share = re.fullmatch(r"(\d+(?:\.\d+)?)%", asked)
    if share or asked.isdecimal():
        n = max(LEAST[kind], round(float(share[1]) / 100 * len(among))) if share else int(asked)
        if n > len(among):
            raise RequestError(f"{n} {kind} classes cannot be drawn from {len(among)}.")
        drawn = numpy_generator(seed, f"own/{kind} classes").permutation(len(among))[:n]
        return tuple(among[i] for i in sorted(drawn))
    path = Path(asked).expanduser()
    lines = [line.strip() for line in read_lines(path)]
    listed = [
        folder.find(line, f"{path.name}, line {i}") for i, line in enumerate(lines, 1) if line
    ]
    if stray := [name for name in listed if name not in among]:
        raise RequestError(f"{path.name}: {some(stray)}: without pictures, or unseen already.")
    return tuple(name for name in among if name in listed)


def require_enough(
    folder: PictureFolder, parts: Mapping[str, str], counts: Mapping[str, int]
) -> None:
    """Refuse classes and pictures too few for the methods, and say what is needed.

    Args:
        folder: where they are.
        parts: what each class, by its folder, is for: "unseen", "validation" or "training".
        counts: pictures of each class.

    Raises:
        RequestError: too few of either.
    """
    sizes = {part: [*parts.values()].count(part) for part in LEAST}
    if any(sizes[part] < least for part, least in LEAST.items()):
        present = ", ".join(f"{size} for {part}" for part, size in sizes.items())
        raise RequestError(
            f"{folder.root} has {len(parts)} classes: {present}. At least {_least()}. The classes: "
            f"{some([*parts])}."
        )
    seen = LEAST_TRAIN + LEAST_TEST
    needed = {name: LEAST_UNSEEN if part == "unseen" else seen for name, part in parts.items()}
    if few := [f"{name} has {n}" for name, n in counts.items() if n < needed[name]]:
        raise RequestError(
            f"Too few pictures: {some(few)}. A seen class needs {seen} ({LEAST_TRAIN} to train on, "
            f"{LEAST_TEST} to test), an unseen one {LEAST_UNSEEN}. Add some, or take the folder "
            "out."
        )


def divide_pictures(
    labels: Int64[np.ndarray, " N"],
    folders: Sequence[str],
    unseen: Iterable[str],
    test_share: float,
    seed: int,
) -> dict[str, Int64[np.ndarray, " n"]]:
    """Divide pictures into training and the two tests; each class draws from a stream of its own.

    Of each seen class at least one goes to the test and at least two stay for training.
    Returns row numbers by the names that a bundle has for them.
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
