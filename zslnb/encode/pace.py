"""How fast pictures become features on the device at hand, timed in seconds before hours of it.

Neither the model's weights nor the pictures decide that: the weights here are random, and the
picture is noise as large as one of CUB. So nothing need have been downloaded.
"""

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import joblib
import numpy as np
import open_clip
import torch
from PIL import Image

from zslnb.encode.clip import ClipEncoder, encode_pixels
from zslnb.encode.pictures import default_workers
from zslnb.seeds import numpy_generator, seeded

SIZE = (500, 375)  # width and height of a usual picture of CUB
DECODED = 5
BATCHES = {"cpu": (4, 4), "cuda": (4, 128)}  # how many are timed, and pictures in each


@dataclass(frozen=True)
class Pace:
    """Pictures a second: of the model without reading, and of one process that only reads."""

    model: float
    reader: float
    device: torch.device

    @property
    def together(self) -> float:
        """Pictures a second of both: side by side on a GPU, on the CPU with shared cores."""
        if self.device.type == "cuda":
            return min(self.model, self.reader * default_workers(self.device))
        return 1 / (1 / self.model + 1 / (self.reader * joblib.cpu_count()))


def measure_pace(model_name: str, pretrained: str, device: torch.device) -> Pace:
    """Time a few batches of a model of random weights, and the reading of a few pictures.

    Raises RuntimeError where the device cannot do it, and for a model that open_clip does not know.
    """
    encoder = random_encoder(model_name, pretrained)
    picture = _picture()
    count, size = BATCHES[device.type]
    precision = "float16" if device.type == "cuda" else "float32"
    pixels = torch.stack([encoder.preprocess(Image.open(io.BytesIO(picture)))] * size)
    encode_pixels(encoder, pixels[:1], device, precision)  # the first call also makes ready
    return Pace(
        _speed(size, lambda: encode_pixels(encoder, pixels, device, precision), count),
        _speed(1, lambda: encoder.preprocess(Image.open(io.BytesIO(picture))), DECODED),
        device,
    )


def random_encoder(model_name: str, pretrained: str) -> ClipEncoder:
    """Make a model of random weights, with the activation of a tag's and its own preprocessing.

    Raises RuntimeError for a model that open_clip does not know.
    """
    quick = open_clip.get_pretrained_cfg(model_name, pretrained).get("quick_gelu", False)
    with seeded(0, "pace"), _quiet():
        model, _, preprocess = open_clip.create_model_and_transforms(
            model_name, force_quick_gelu=quick
        )
    return ClipEncoder(model.eval(), preprocess, open_clip.get_tokenizer(model_name), model_name)


def _speed(pictures: int, job: Callable[[], object], times: int) -> float:
    """Pictures a second of the fastest call: what else the machine does at first is no measure."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return pictures / min(seconds)


def _picture() -> bytes:
    stream = io.BytesIO()
    usual_picture(0).save(stream, "JPEG")
    return stream.getvalue()


def usual_picture(seed: int) -> Image.Image:
    """Draw smooth noise as large as a usual picture, which compresses as photographs do."""
    coarse = numpy_generator(seed, "pace").integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip from warning of random weights, which are meant here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
