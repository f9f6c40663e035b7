"""A CLIP of random weights that takes no time."""

import open_clip
import torch

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 8, "image_size": 16},
    "text_cfg": {"context_length": 16, "width": 16, "heads": 2, "layers": 1},
}


def tiny_model(seed: int = 0, quick_gelu: bool = False) -> open_clip.CLIP:
    """Make one from a seed; the program's own random numbers are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.CLIP(**TINY, quick_gelu=quick_gelu).eval()
