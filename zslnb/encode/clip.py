"""Features and text embeddings from a CLIP model: one path for the aviary and for real images.

Only the model, its weights and the pictures differ; preprocessing and tokenizer always come
with the model, never from a default.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from huggingface_hub import try_to_load_from_cache
from jaxtyping import Float32, Int64
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.transformer import QuickGELU
from PIL import Image

from zslnb.encode.weights import NOT_LOADED, WEIGHT_FILES, open_clips_own, reason
from zslnb.errors import RequestError, WorkError, did_you_mean

PROMPT = "A photo of a {}."
HUB_NAMES = (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)  # where a tag names no file


@dataclass(frozen=True)
class ClipEncoder:
    """An open_clip model with the preprocessing and the tokenizer that belong to it.

    `preprocess` maps a picture to a (3, H, W) float32 tensor, `tokenize` maps B texts to (B, T)
    int64 token ids. The names are for the record.
    """

    model: torch.nn.Module
    preprocess: Callable[[Image.Image], Float32[torch.Tensor, "3 H W"]]
    tokenize: Callable[[Sequence[str]], Int64[torch.Tensor, "B T"]]
    model_name: str = "unnamed"
    pretrained: str = "unnamed"

    def facts(self) -> dict[str, str | bool]:
        """Say all that decides a feature: the weights by their hash, the preprocessing as text."""
        return {
            "model": self.model_name,
            "pretrained": self.pretrained,
            "weights_sha256": weights_sha256(self.model),
            "quick_gelu": any(isinstance(part, QuickGELU) for part in self.model.modules()),
            "preprocessing": re.sub(r" at 0x[0-9a-f]+", "", repr(self.preprocess)),
        }


def weights_sha256(model: torch.nn.Module) -> str:
    """SHA-256 of a model's tensors, with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def load_clip(
    model_name: str = "ViT-B-16", pretrained: str = "openai", *, weights: Path | None = None
) -> ClipEncoder:
    """Load a CLIP of open_clip's, by name and tag, with its own preprocessing and tokenizer.

    The activation follows from the tag, too: OpenAI's were trained with QuickGELU. What open_clip
    only warns of is an error here. Weights are downloaded if they are not cached; or they come
    from a local file (see `zslnb.encode.weights`), prepared for as the tag's are.

    Raises:
        RequestError: as `check_clip` does, or a local file that holds something else.
        WorkError: weights that cannot be had; the message says how to bring them by hand.
    """
    recipe = check_clip(model_name, pretrained, weights)
    if weights is None:
        with _obtaining(f"The weights {model_name}/{pretrained}"):
            model, preprocess = _create(model_name, pretrained, recipe)
    else:
        try:
            with open_clips_own(weights) as file:
                model, preprocess = _create(model_name, str(file), recipe)  # a path is never a tag
        except NOT_LOADED as error:
            raise RequestError(
                f"{weights.name} does not hold the tensors of a {model_name}, and nothing else: "
                f"{reason(error)}"
            ) from error
        pretrained = f"{weights.name}, prepared as {pretrained}"
    with _obtaining(f"The tokenizer of {model_name}"):  # some models' is on the hub, too
        tokenize = open_clip.get_tokenizer(model_name)
    return ClipEncoder(model.eval(), preprocess, tokenize, model_name, pretrained)


def check_clip(model_name: str, pretrained: str, weights: Path | None = None) -> dict:
    """Check what `load_clip` will be asked for; return what open_clip records of the tag.

    Raises RequestError for a pair that open_clip does not know or that does not fit, and for a
    local file that is not there, or of a kind that is not read.
    """
    recipe = open_clip.get_pretrained_cfg(model_name, pretrained)
    if not recipe:
        models = {name for name, _ in open_clip.list_pretrained()}
        if model_name not in models:
            near = did_you_mean(model_name, models)
            raise RequestError(f"open_clip has no weights of a model {model_name!r}.{near}")
        known = open_clip.list_pretrained_tags_by_model(model_name)
        raise RequestError(
            f"There are no weights {pretrained!r} for {model_name!r}; known: {known}. A local file "
            "is given as weights=, beside the tag whose preprocessing it has."
        )
    if open_clip.get_model_config(model_name).get("quick_gelu") and not recipe.get("quick_gelu"):
        raise RequestError(
            f"{model_name!r} has QuickGELU, but its weights {pretrained!r} are recorded without."
        )
    if weights and not weights.is_file():
        raise RequestError(f"There is no file of weights {str(weights)!r}.")
    if weights and weights.suffix not in WEIGHT_FILES:
        raise RequestError(f"{weights.name}: weights are read from {', '.join(WEIGHT_FILES)} only.")
    return recipe


def weights_are_here(model_name: str, pretrained: str) -> bool:
    """Whether open_clip would find weights in its caches; nothing is downloaded."""
    recipe = check_clip(model_name, pretrained)
    model_id, _, filename = recipe.get("hf_hub", "").rpartition("/")
    if model_id:
        names = [filename] if filename else HUB_NAMES
        return any(isinstance(try_to_load_from_cache(model_id, name), str) for name in names)
    return Path("~/.cache/clip", Path(recipe.get("url", "")).name).expanduser().is_file()


def _create(model_name: str, source: str, recipe: dict) -> tuple[torch.nn.Module, Callable]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", category=UserWarning, module="open_clip")
            # a file says nothing of its preprocessing, and open_clip would take its own default
            return open_clip.create_model_from_pretrained(
                model_name,
                source,
                force_quick_gelu=recipe.get("quick_gelu", False),
                image_mean=recipe["mean"],
                image_std=recipe["std"],
                image_interpolation=recipe["interpolation"],
                image_resize_mode=recipe["resize_mode"],
            )
    except UserWarning as warning:
        raise RequestError(f"open_clip warns of {model_name}: {warning}") from warning


@contextmanager
def _obtaining(what: str) -> Iterator[None]:
    """Turn what open_clip, the hub and the network raise, which is anything, into a sentence."""
    try:
        yield
    except RequestError:
        raise
    except Exception as error:
        first = f"{type(error).__name__}: {error}".splitlines()[0]
        raise WorkError(
            f"{what} cannot be had: {first}\n"
            "  by hand: copy the caches of open_clip (where HF_HOME says, else "
            "~/.cache/huggingface; and ~/.cache/clip) from a machine that has them, or give a file "
            "of the weights as weights."
        ) from error


@torch.inference_mode()
def encode_pixels(
    encoder: ClipEncoder,
    pixels: Float32[torch.Tensor, "B 3 H W"],
    device: torch.device | str = "cpu",
    precision: str = "float32",
) -> Float32[torch.Tensor, "B D"]:
    """Encode a batch of preprocessed pictures: rows (B, D) of unit norm, on the device.

    CUDA is not waited for. In half precision ("float16", "bfloat16") the model runs under
    autocast; the norm is taken in float32 all the same.
    """
    model, dtype = encoder.model.to(device).eval(), getattr(torch, precision)
    with torch.autocast(torch.device(device).type, dtype, enabled=dtype != torch.float32):
        rows = model.encode_image(pixels.to(device, non_blocking=True))
    return F.normalize(rows.float(), dim=1)


def extract_image_features(
    encoder: ClipEncoder, images: Iterable[Image.Image], batch_size: int = 128
) -> Float32[np.ndarray, "N D"]:
    """Encode pictures: rows (N, D) of unit norm, in the pictures' order.

    The pictures are consumed batch by batch, so an iterable may open them one at a time.
    """
    prepared, rows = map(encoder.preprocess, images), []
    while batch := [*islice(prepared, batch_size)]:
        rows.append(encode_pixels(encoder, torch.stack(batch)))
    return torch.cat(rows).numpy()


@torch.inference_mode()
def extract_text_features(
    encoder: ClipEncoder, class_names: Sequence[str]
) -> Float32[np.ndarray, "C D"]:
    """Encode class names, each set into the prompt, on the CPU: rows (C, D) of unit norm."""
    rows = encoder.model.cpu().eval().encode_text(class_tokens(encoder, class_names))
    return F.normalize(rows.float(), dim=1).numpy()


def class_tokens(encoder: ClipEncoder, class_names: Sequence[str]) -> Int64[torch.Tensor, "C T"]:
    """Tokenize class names, each set into the prompt; equal rows are one class to CLIP.

    So are names that differ in case alone, and long ones that differ after the last token.
    """
    return encoder.tokenize([PROMPT.format(name) for name in class_names])
