"""Open pictures as a viewer shows them, read them ahead of the model, say why one cannot be read.

Reading is done by threads: decoding and resizing leave Python's lock alone, and threads need no
shared memory, which a container may lack, and no processes, which the system may kill.
"""

import io
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import torch
from jaxtyping import Float32
from PIL import ExifTags, Image, ImageCms

SHORT_SIDE = 448  # no usual CLIP makes the short side longer
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Batch = tuple[Float32[torch.Tensor, "n 3 H W"], list[str]]


class NotShown(ValueError):
    """A picture that no viewer shows, or no machine; the message says why."""


def default_workers(device: torch.device) -> int:
    """How many threads read ahead: a model on the CPU needs the cores itself."""
    return 1 if device.type == "cpu" else max(1, joblib.cpu_count() - 1)


def read_pictures(
    root: Path,
    batches: Sequence[Sequence[str]],
    preprocess: Callable[[Image.Image], Float32[torch.Tensor, "3 H W"]],
    *,
    workers: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """Read and preprocess pictures batch by batch, ahead of whoever asks.

    Gives for each batch the pixels (B', 3, H, W) of those that can be read, and for each picture
    the reason why it cannot, empty if it can. Without workers it reads in the thread that asks.
    """
    read = partial(_read_batch, root, preprocess, pin_memory)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of odd metadata: what matters raises
        yield from _ahead(read, batches, workers) if workers else map(read, batches)


def _ahead(read: Callable[[Sequence[str]], Batch], batches: Sequence, workers: int) -> Iterator:
    """Read in threads, a batch or two more than there are threads before they are asked for."""
    # one core a thread; torch keeps a number for each thread, and one for threads yet to come
    before, one_core = torch.get_num_threads(), partial(torch.set_num_threads, 1)
    pool = ThreadPoolExecutor(workers, initializer=one_core)
    waiting: deque = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(read, batch))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(before)


def _read_batch(root: Path, preprocess: Callable, pin_memory: bool, names: Sequence[str]) -> Batch:
    tensors, reasons = [], []
    for name in names:
        try:
            tensors.append(preprocess(open_as_shown(root / name)))
            reasons.append("")
        except Exception as error:  # a damaged file can make a decoder raise anything
            kind = "" if type(error) is NotShown else f"{type(error).__name__}: "
            reasons.append(f"{kind}{error}".replace(f"{root}/", ""))
    pixels = torch.stack(tensors) if tensors else torch.zeros(0, 3, 0, 0)
    return pixels.pin_memory() if pin_memory and tensors else pixels, reasons


def open_as_shown(path: Path) -> Image.Image:
    """Open a picture as a viewer shows it on a white page: upright, in RGB; of several the first.

    The camera's orientation is obeyed, colours are brought to sRGB by the file's own profile, what
    is transparent becomes white, and of 16-bit grey 65,535 is white.

    Raises:
        NotShown: too large, a strip that resizing would make too large, or without a white.
        OSError: what Pillow cannot read; a damaged file can raise other errors, too.
    """
    with Image.open(path) as image:
        _refuse_too_large(image)
        orientation = _orientation(image)
        shown = _in_rgb(image)
    return shown.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else shown


def _refuse_too_large(image: Image.Image) -> None:
    """Refuse by what a picture is, and by what it becomes when its short side is resized."""
    limit, short = Image.MAX_IMAGE_PIXELS or np.inf, min(image.size)
    pixels = image.width * image.height
    if pixels > limit:
        raise NotShown(f"{pixels:,} pixels, over {limit:,}")
    if pixels * (max(SHORT_SIDE, short) / short) ** 2 > limit:
        raise NotShown(
            f"a strip of {image.width} x {image.height} pixels, too narrow to be resized for CLIP"
        )


def _orientation(image: Image.Image) -> int:
    image.load()  # some formats tell it at their end, and TIFF obeys it here
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # odd metadata are no reason to lose a picture
        return 1


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise NotShown("grey in 32 bits, of which nobody knows the white; save it in 8 or 16")
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return _in_srgb(image)
    clear = image.convert("RGBA")
    colours = _in_srgb(clear.convert("RGB"), image.info.get("icc_profile"))
    return Image.composite(colours, Image.new("RGB", image.size, "white"), clear.getchannel("A"))


def _in_srgb(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    """Bring colours to sRGB where the file says which they are, and says so intelligibly."""
    profile = profile or image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError, ImportError):  # as viewers do
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(given):
                srgb = ImageCms.createProfile("sRGB")
                return ImageCms.profileToProfile(image, given, srgb, outputMode="RGB")
    return image.convert("RGB")
