"""Features that were extracted from pictures, as `zslnb.encode` leaves them in a folder."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from zslnb.datasets.bundle import read_bundle
from zslnb.errors import BenchmarkError

RESULT = "features.npz"


@dataclass(frozen=True)
class Extracted:
    """Features (N, D) of unit norm, the N pictures in their order, and where they are from."""

    features: Float32[np.ndarray, "N D"]
    images: tuple[str, ...]
    provenance: dict


def load_extracted(folder: Path, images: Sequence[str]) -> Extracted:
    """Read what an extraction left in its folder; neither the model nor the pictures are needed.

    Raises FileNotFoundError if there is no result yet, and BenchmarkError if it is damaged, or made
    of another list than `images`.
    """
    file = folder / RESULT
    try:
        arrays = read_bundle(file)
        provenance = json.loads(str(arrays["provenance"]))
        result = Extracted(arrays["features"], tuple(map(str, arrays["images"])), provenance)
        damaged = provenance["features_sha256"] != rows_sha256(result.features)
        left_out = provenance["unreadable"]
    except (BenchmarkError, KeyError, ValueError) as error:
        raise BenchmarkError(f"{file} is damaged ({error}). Merge again.") from error
    if damaged:
        raise BenchmarkError(f"{file} is damaged: its features have another hash. Merge again.")
    if [n for n in images if n not in left_out] != list(result.images):
        raise BenchmarkError(f"{file} was made of another list of pictures. Extract again.")
    return result


def rows_sha256(rows: np.ndarray) -> str:
    """SHA-256 of an array with its type and shape."""
    return hashlib.sha256(f"{rows.dtype} {rows.shape}".encode() + rows.tobytes()).hexdigest()
