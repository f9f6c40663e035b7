"""Read pictures ahead of the model that encodes them, and say why one cannot be read."""

import signal
import warnings
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from pathlib import Path

import joblib
import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from zslnb.seeds import torch_generator


def default_workers(device: torch.device | str) -> int:
    """How many processes read ahead: a model on the CPU needs the cores itself."""
    return 1 if torch.device(device).type == "cpu" else max(1, joblib.cpu_count() - 1)


def read_pictures(
    root: Path,
    batches: Sequence[Sequence[str]],
    preprocess: Callable[[Image.Image], Float32[torch.Tensor, "3 H W"]],
    *,
    workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader:
    """Read and preprocess pictures batch by batch, ahead of whoever asks.

    Gives for each batch the pixels (B', 3, H, W) of those that can be read, and for each picture
    the reason why it cannot, empty if it can.
    """
    ends = np.cumsum([0, *map(len, batches)]).tolist()
    return DataLoader(
        _Pictures(root, [*chain(*batches)], preprocess),
        batch_sampler=[range(*pair) for pair in pairwise(ends)],
        num_workers=min(workers, len(batches)),
        collate_fn=_collate,
        pin_memory=pin_memory,
        worker_init_fn=_leave_interrupts,
        generator=torch_generator(0, "extraction/loader"),  # not the program's own
    )


class _Pictures(Dataset):
    def __init__(self, root: Path, images: list[str], preprocess: Callable) -> None:
        self.root, self.images, self.preprocess = root, images, preprocess

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor | str:
        """Open and preprocess a picture; the reason in words if that cannot be done."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata: what matters raises
            try:
                with Image.open(self.root / self.images[index]) as image:
                    _refuse_bomb(image)
                    return self.preprocess(image)
            except Exception as error:  # a damaged file can make a decoder raise anything
                return f"{type(error).__name__}: {error}".replace(f"{self.root}/", "")


def _refuse_bomb(image: Image.Image) -> None:
    """Refuse what Pillow only warns of; beyond twice as much it raises by itself."""
    limit, pixels = Image.MAX_IMAGE_PIXELS, image.width * image.height
    if limit and pixels > limit:
        raise Image.DecompressionBombError(f"{pixels:,} pixels, over {limit:,}")


def _collate(items: list[torch.Tensor | str]) -> tuple[torch.Tensor, list[str]]:
    pixels = [item for item in items if not isinstance(item, str)]
    reasons = [item if isinstance(item, str) else "" for item in items]
    return torch.stack(pixels) if pixels else torch.zeros(0, 3, 0, 0), reasons


def _leave_interrupts(_: int) -> None:
    """Let Ctrl-C reach the main process alone, which then ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
