"""Make the aviary again from its seeds: `zslnb aviary`.

Draws the world, trains the small CLIP on it, and extracts the features of every species
with the weights as they are shipped. One core, about 12 minutes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from zslnb.datasets.aviary import (
    DATA,
    PICTURES_PER_SPECIES,
    Species,
    attribute_vector,
    picture,
    split_rows,
)
from zslnb.datasets.aviary.species import ALL_SPECIES, OUTLIER_SPECIES, SEED, SPECIES
from zslnb.encode.aviary_clip import SHIPPED, TrainingSettings, load_encoder, save_encoder, train
from zslnb.encode.clip import PROMPT, ClipEncoder, extract_image_features, extract_text_features
from zslnb.encode.requests import AviaryRequest

PROVENANCE = {
    "source": "drawn by zslnb.datasets.aviary; features of its own small CLIP",
    "prompt": PROMPT,
    "unit_norm": ["features", "clip_text"],
    "default_semantics": "clip_text",
    "seed": SEED,
}


def extract(encoder: ClipEncoder, species: Sequence[Species]) -> dict[str, np.ndarray]:
    """Extract what a bundle holds of some species, features in half precision to keep it small."""
    ids = [ALL_SPECIES.index(a_species) for a_species in species]
    pairs = [(i, index) for i in ids for index in range(PICTURES_PER_SPECIES)]
    pictures = (picture(*pair) for pair in tqdm(pairs, desc="drawing and encoding"))
    names = [a_species.name for a_species in species]
    return {
        "features": extract_image_features(encoder, pictures).astype(np.float16),
        "class_names": np.array(names),
        "clip_text": extract_text_features(encoder, names),
        "attributes": np.stack([attribute_vector(a_species.bird) for a_species in species]),
    }


def build(folder: Path, settings: TrainingSettings = SHIPPED) -> None:
    """Write clip.safetensors, aviary.npz and outliers.npz to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_encoder(train(settings, SEED), folder / "clip.safetensors")
    encoder = load_encoder(folder / "clip.safetensors")
    arrays = extract(encoder, SPECIES) | split_rows("aviary")
    np.savez_compressed(folder / "aviary.npz", provenance=json.dumps(PROVENANCE), **arrays)
    np.savez_compressed(folder / "outliers.npz", **extract(encoder, OUTLIER_SPECIES))


def build_aviary(request: AviaryRequest) -> None:
    """Build the aviary where the package reads it, or in the folder asked for."""
    build(request.folder or DATA)
