"""Features and text embeddings from a CLIP model: one path for the aviary and for real images.

Only the model, its weights and the pictures differ; preprocessing and tokenizer always come
with the model, never from a default.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Int64
from PIL import Image

PROMPT = "A photo of a {}."


@dataclass(frozen=True)
class ClipEncoder:
    """An open_clip model with the preprocessing and the tokenizer that belong to it.

    `preprocess` maps a picture to a (3, H, W) float32 tensor, `tokenize` maps B texts to (B, T)
    int64 token ids.
    """

    model: torch.nn.Module
    preprocess: Callable[[Image.Image], Float32[torch.Tensor, "3 H W"]]
    tokenize: Callable[[Sequence[str]], Int64[torch.Tensor, "B T"]]


def load_clip(model_name: str = "ViT-B-16", pretrained: str = "openai") -> ClipEncoder:
    """Load a published CLIP with its own preprocessing, activation and tokenizer.

    Arguments: an architecture and a weights tag, both as `open_clip.list_pretrained()` gives
    them. OpenAI's weights were trained with QuickGELU, which follows from the tag. Raises
    ValueError for a pair that open_clip does not know; downloads the weights if they are not
    cached.
    """
    weights = open_clip.get_pretrained_cfg(model_name, pretrained)
    if not weights:
        known = open_clip.list_pretrained_tags_by_model(model_name)
        raise ValueError(f"no weights {pretrained!r} for {model_name!r}; known: {known}")
    model, _, preprocess = open_clip.create_model_and_transforms(
        model_name, pretrained, force_quick_gelu=weights.get("quick_gelu", False)
    )
    return ClipEncoder(model.eval(), preprocess, open_clip.get_tokenizer(model_name))


def _batches(items: Iterable, size: int) -> Iterator[list]:
    iterator = iter(items)
    return iter(lambda: list(itertools.islice(iterator, size)), [])


@torch.inference_mode()
def extract_image_features(
    encoder: ClipEncoder,
    images: Iterable[Image.Image],
    batch_size: int = 128,
    device: torch.device | str = "cpu",
) -> Float32[np.ndarray, "N D"]:
    """Encode pictures: rows (N, D) of unit norm, in the pictures' order.

    The pictures are consumed batch by batch, so an iterable may open them one at a time.
    Raises ValueError when there are none.
    """
    model = encoder.model.to(device).eval()
    rows = []
    for batch in _batches(images, batch_size):
        pixels = torch.stack([encoder.preprocess(image) for image in batch]).to(device)
        rows.append(F.normalize(model.encode_image(pixels).float(), dim=1).cpu())
    if not rows:
        raise ValueError("no pictures to encode")
    return torch.cat(rows).numpy()


@torch.inference_mode()
def extract_text_features(
    encoder: ClipEncoder,
    class_names: Sequence[str],
    prompt: str = PROMPT,
    device: torch.device | str = "cpu",
) -> Float32[np.ndarray, "C D"]:
    """Encode class names, each set into the prompt: rows (C, D) of unit norm.

    Raises ValueError when the prompt has no place for the name.
    """
    if "{}" not in prompt:
        raise ValueError(f"the prompt {prompt!r} has no {{}} for the class name")
    tokens = encoder.tokenize([prompt.format(name) for name in class_names])
    model = encoder.model.to(device).eval()
    return F.normalize(model.encode_text(tokens.to(device)).float(), dim=1).cpu().numpy()
