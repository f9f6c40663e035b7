"""The aviary: sixty drawn bird species, the benchmark that comes with the package.

Toy data, honest about it: see CARD.md for what it is and what it must never be used to claim.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from zslnb.datasets.aviary.drawing import draw, paint
from zslnb.datasets.aviary.sheet import contact_sheet
from zslnb.datasets.aviary.species import (
    ALL_SPECIES,
    OUTLIER_SPECIES,
    SEED,
    SPECIES,
    VALUES,
    Bird,
    Species,
    attribute_names,
    attribute_vector,
    split,
)
from zslnb.seeds import numpy_generator

DATA = Path(__file__).parent / "data"
PICTURES_PER_SPECIES = 70
TRAIN_PICTURES = 50  # of each seen species, as in CUB; the rest are its test pictures


def picture(species: int, index: int, size: int = 48) -> Image.Image:
    """Draw picture `index` (0 to 69) of a species, the very one its features come from.

    `species` counts in `ALL_SPECIES`: 0 to 59 are the classes of "aviary", from 60 on the
    outliers. `size` is in pixels; features come from 48. Raises IndexError beyond.
    """
    if not (0 <= index < PICTURES_PER_SPECIES and 0 <= species < len(ALL_SPECIES)):
        raise IndexError(f"the aviary has no picture {index} of species {species}")
    rng = numpy_generator(SEED, f"aviary/picture/{species}/{index}")
    return draw(ALL_SPECIES[species].bird, rng, size)


def picture_of_row(row: int, size: int = 48, name: str = "aviary") -> Image.Image:
    """Draw the picture behind a row of the features of "aviary" or "aviary-outliers"."""
    position, index = divmod(row, PICTURES_PER_SPECIES)
    return picture(species_of(name)[position], index, size)


def species_of(name: str) -> list[int]:
    """Return, for each class of "aviary" or "aviary-outliers", its place in `ALL_SPECIES`.

    The outliers take the place of the unseen species: 48 seen classes, then the outliers.
    Raises ValueError for another name.
    """
    if name == "aviary":
        return list(range(len(SPECIES)))
    if name == "aviary-outliers":
        unseen, _ = split()
        return [i for i in range(len(ALL_SPECIES)) if i not in unseen]
    raise ValueError(f"the aviary has no benchmark {name!r}; it has 'aviary', 'aviary-outliers'")


def split_rows(name: str) -> dict[str, np.ndarray]:
    """Return a benchmark's split: labels (N,), its three row indices, and val_classes.

    Rows to train on come in a random order, as in the published lists of CUB and AWA2; a stable
    sort by label gives them class by class, as SUN's are.
    """
    species = species_of(name)
    unseen, validation = split()
    labels = np.repeat(np.arange(len(species)), PICTURES_PER_SPECIES)
    held_out = [s in unseen or s >= len(SPECIES) for s in species]
    is_unseen = np.array(held_out)[labels]
    is_train = np.arange(len(labels)) % PICTURES_PER_SPECIES < TRAIN_PICTURES
    order = numpy_generator(SEED, "aviary/order")
    return {
        "labels": labels,
        "trainval_idx": order.permutation(np.flatnonzero(~is_unseen & is_train)),
        "test_seen_idx": np.flatnonzero(~is_unseen & ~is_train),
        "test_unseen_idx": np.flatnonzero(is_unseen),
        "val_classes": np.array([species.index(i) for i in validation]),
    }


def load_arrays(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of the bundle "aviary" (60 classes) or "aviary-outliers" (48 + 8).

    `aviary.npz` is a whole bundle; `outliers.npz` holds the outliers' own rows, which follow
    the seen classes' here. Raises ValueError for another name.
    """
    species = np.array(species_of(name))
    with np.load(DATA / "aviary.npz") as file:
        arrays = dict(file)
    if name == "aviary":
        return arrays
    with np.load(DATA / "outliers.npz") as file:
        outliers = dict(file)
    divided = split_rows(name)
    first = species[divided["labels"]] * PICTURES_PER_SPECIES
    rows = first + np.arange(len(first)) % PICTURES_PER_SPECIES
    for key, array in outliers.items():
        chosen = rows if key == "features" else species
        arrays[key] = np.concatenate([arrays[key], array])[chosen]
    return arrays | divided
