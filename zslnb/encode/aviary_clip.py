"""The aviary's own CLIP: its architecture, its tokenizer, and its training on a drawn world.

The model is open_clip's, small. It never sees a bird or a prompt of an unseen or outlier species.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Int64, UInt8
from safetensors import safe_open
from safetensors.torch import save
from tqdm import tqdm

from zslnb.datasets.aviary.species import SEED
from zslnb.device import deterministic
from zslnb.encode.aviary_world import Sighting, caption, random_sightings, world_words
from zslnb.encode.clip import PROMPT, ClipEncoder
from zslnb.seeds import numpy_generator, seeded

PICTURE_SIZE = 48
MEAN, STD = (0.5,) * 3, (0.3,) * 3
ARCHITECTURE = {
    "embed_dim": 128,
    "vision_cfg": {
        "layers": 3, "width": 96, "head_width": 32, "patch_size": 8, "image_size": PICTURE_SIZE,
    },
    "text_cfg": {"context_length": 24, "width": 96, "heads": 3, "layers": 1},
}  # fmt: skip


@dataclass(frozen=True)
class TrainingSettings:
    """How the small CLIP is trained; the defaults are those of the shipped weights."""

    pictures: int = 20_000
    epochs: int = 12
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: float = 0.1  # share of the steps in which the learning rate rises
    sharpness: float = 36.0  # what cosines are multiplied by; held, so that the cone stays narrow
    threads: int = 1  # sums depend on it, so it is part of the recipe


SHIPPED = TrainingSettings()


def training_pictures(sightings: Sequence[Sighting]) -> UInt8[torch.Tensor, "N 3 H W"]:
    """Draw what was seen, one picture a sighting."""
    drawn = tqdm(sightings, desc="drawing the small CLIP's world")
    pictures = [np.asarray(sighting.paint(PICTURE_SIZE)) for sighting in drawn]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def as_pixels(pictures: UInt8[torch.Tensor, "B 3 H W"]) -> Float32[torch.Tensor, "B 3 H W"]:
    """Scale pictures as the encoder's own preprocessing does, a batch at a time."""
    return (pictures.float() / 255 - MEAN[0]) / STD[0]


class SmallTokenizer:
    """CLIP's own byte-pair tokenizer, its ids renumbered to the few that captions use."""

    def __init__(self, vocabulary: Int64[torch.Tensor, " V"]):
        self.vocabulary = vocabulary  # sorted, so the end of text keeps the largest id
        length = ARCHITECTURE["text_cfg"]["context_length"]
        self.pairs = open_clip.SimpleTokenizer(context_length=length)

    def __call__(self, texts: Sequence[str]) -> Int64[torch.Tensor, "B T"]:
        """Tokenize texts; raises ValueError on a word the small CLIP was never taught."""
        tokens = self.pairs(list(texts))
        ids = torch.searchsorted(self.vocabulary, tokens).clamp(max=len(self.vocabulary) - 1)
        known = self.vocabulary[ids] == tokens
        if not known.all():
            strange = [text for text, row in zip(texts, known, strict=True) if not row.all()]
            raise ValueError(f"the small CLIP does not know every word of {strange[0]!r}")
        return ids


def caption_vocabulary() -> Int64[torch.Tensor, " V"]:
    """Return the sorted byte-pair ids of every word a caption can use."""
    words = [*world_words(), PROMPT.format("")]
    return torch.unique(open_clip.SimpleTokenizer(context_length=16)(words))


def build_encoder(vocabulary: Int64[torch.Tensor, " V"]) -> ClipEncoder:
    """Return the small CLIP, untrained, with its preprocessing and tokenizer."""
    text = {**ARCHITECTURE["text_cfg"], "vocab_size": len(vocabulary)}
    model = open_clip.CLIP(ARCHITECTURE["embed_dim"], ARCHITECTURE["vision_cfg"], text)
    preprocess = open_clip.image_transform(PICTURE_SIZE, is_train=False, mean=MEAN, std=STD)
    return ClipEncoder(model, preprocess, SmallTokenizer(vocabulary))


def contrastive_loss(
    images: Float32[torch.Tensor, "B D"],
    texts: Float32[torch.Tensor, "B D"],
    scale: Float32[torch.Tensor, ""],
) -> Float32[torch.Tensor, ""]:
    """Return CLIP's symmetric cross-entropy between pictures and their captions."""
    logits = scale * images @ texts.T
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def shuffled_batches(
    sightings: Sequence[Sighting], settings: TrainingSettings, seed: int
) -> Iterator[tuple[list[int], list[str]]]:
    """Yield row numbers and fresh captions, every sighting once an epoch."""
    rng = numpy_generator(seed, "aviary/batches")
    for _ in range(settings.epochs):
        order = rng.permutation(len(sightings))
        for start in range(0, len(sightings) - settings.batch_size + 1, settings.batch_size):
            rows = order[start : start + settings.batch_size].tolist()
            yield rows, [caption(sightings[row], rng) for row in rows]


def train(settings: TrainingSettings = SHIPPED, seed: int = SEED) -> ClipEncoder:
    """Train the small CLIP on its world from a seed; the same machine gives the same weights.

    About 9 minutes on one core with the default settings.
    """
    sightings = random_sightings(seed, settings.pictures)
    pictures = training_pictures(sightings)
    steps = settings.epochs * (len(sightings) // settings.batch_size)
    with deterministic(settings.threads), seeded(seed, "aviary/initialisation"):
        encoder = build_encoder(caption_vocabulary())
        encoder.model.logit_scale.requires_grad_(False).fill_(np.log(settings.sharpness))
        rate, decay = settings.learning_rate, settings.weight_decay
        optimiser = torch.optim.AdamW(encoder.model.parameters(), lr=rate, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=steps, pct_start=settings.warm_up
        )
        batches = shuffled_batches(sightings, settings, seed)
        for rows, captions in (bar := tqdm(batches, total=steps, desc="training the small CLIP")):
            pixels = as_pixels(pictures[rows])
            loss = contrastive_loss(*encoder.model(pixels, encoder.tokenize(captions)))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
    return encoder


def save_encoder(encoder: ClipEncoder, path: Path) -> None:
    """Write weights (half precision), vocabulary and architecture to one safetensors file."""
    tensors = {name: tensor.half() for name, tensor in encoder.model.state_dict().items()}
    tensors["vocabulary"] = encoder.tokenize.vocabulary
    path.write_bytes(save(tensors, {"architecture": json.dumps(ARCHITECTURE)}))


def load_encoder(path: Path) -> ClipEncoder:
    """Read what `save_encoder` wrote; raises ValueError for another architecture."""
    with safe_open(path, "pt") as file:
        if json.loads(file.metadata()["architecture"]) != ARCHITECTURE:
            raise ValueError(f"{path} holds a model of another architecture")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    encoder = build_encoder(tensors.pop("vocabulary"))
    encoder.model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    encoder.model.eval()
    return encoder
