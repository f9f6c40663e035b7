"""Extraction of features against the smaller of its two limits.

The model's limit is its forward pass on batches that are there; the decoder's is reading and
preprocessing without a model. The pictures are noise as large as CUB's, and the weights are
random, since neither changes the time.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from measure import CORES, Machine, Row
from PIL import Image
from sizes import Sizes

from zslnb.seeds import numpy_generator, seeded

SIZE = (500, 375)  # width and height of a usual picture of CUB


def draw(folder: Path, count: int) -> list[str]:
    """Write JPEG files of smooth noise, which compresses as photographs do: 32 over and over."""
    names = [f"{i}.jpg" for i in range(count)]
    for i, name in enumerate(names[:32]):
        coarse = numpy_generator(i, "pace").integers(0, 256, (48, 64, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
        picture.save(folder / name)
    for i, name in enumerate(names[32:]):
        shutil.copyfile(folder / names[i % 32], folder / name)
    return names


def extraction_row(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """Seconds a picture, against the slower of model and decoder."""
    row = Row(
        "extraction, a picture",
        f"{sizes.clip}, {sizes.pictures:,} pictures of {SIZE[0]} × {SIZE[1]}",
    )
    row.against, row.threads = "slower of model and decoder", CORES
    try:
        encoder = random_encoder(sizes.clip)
    except ModuleNotFoundError as missing:
        row.note = f"not measured: {missing.name} is not installed"
        yield row
        return
    with tempfile.TemporaryDirectory() as folder:
        names = draw(Path(folder), sizes.pictures)
        for i in range(sizes.few_repeats):
            whole, *limits = one_round(machine, encoder, Path(folder), names, f"round {i}")
            row.seconds.append(whole / len(names))
            row.theirs.append(max(limits) / len(names))
    row.limit = min(row.theirs)
    yield row


def random_encoder(model_name: str) -> object:
    """Make a model of random weights, with OpenAI's activation and its own preprocessing."""
    import open_clip

    from zslnb.encode.clip import ClipEncoder

    quick = open_clip.get_pretrained_cfg(model_name, "openai").get("quick_gelu", False)
    with seeded(0, "pace"):
        model, _, preprocess = open_clip.create_model_and_transforms(
            model_name, force_quick_gelu=quick
        )
    return ClipEncoder(model.eval(), preprocess, open_clip.get_tokenizer(model_name), model_name)


def one_round(
    machine: Machine, encoder: object, folder: Path, names: Sequence[str], result: str
) -> tuple[float, float, float]:
    """Seconds of the whole, of the model alone, and of the decoder alone."""
    from zslnb.encode.clip import encode_pixels
    from zslnb.encode.extract import Extraction
    from zslnb.encode.pictures import default_workers, read_pictures

    device = torch.device(machine.device)
    cuda = device.type == "cuda"
    job = Extraction(
        *(folder, names, lambda: encoder, folder / result, "random weights"),
        device=device,
        batch_size=128 if cuda else 16,
        workers=default_workers(device),
    )
    batches = [
        job.images[start : start + job.batch_size]
        for start in range(0, len(job.images), job.batch_size)
    ]
    read = partial(read_pictures, folder, batches, encoder.preprocess)
    pixels, _ = next(iter(read_pictures(folder, batches[:1], encoder.preprocess)))
    precision = "float16" if cuda else "float32"
    encode = partial(encode_pixels, encoder, device=device, precision=precision)
    encode(pixels)  # the first call also chooses its kernels
    model = machine.seconds(lambda: [encode(pixels[: len(batch)]) for batch in batches])
    decoder = machine.seconds(lambda: [*map(len, read(workers=job.workers, pin_memory=cuda))])
    return machine.seconds(job.run), model, decoder
