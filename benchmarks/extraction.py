"""Time the extraction of features against the smaller of its two limits, measured in the same run.

The model's limit is its forward pass on batches that are there; the decoder's is reading and
preprocessing without a model. `python benchmarks/extraction.py` prints the three speeds and the
share of the smaller limit that extraction reaches; the aim is 80 %. The pictures are noise as
large as CUB's, and the weights are random, since neither changes the time.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from zslnb.encode.clip import ClipEncoder, encode_pixels
from zslnb.encode.extract import Extraction
from zslnb.encode.pictures import default_workers, read_pictures
from zslnb.seeds import numpy_generator, seeded

AIM = 0.8
ROUNDS = 3
SIZE = (500, 375)  # width and height of a usual picture of CUB


def random_encoder(model_name: str, pretrained: str) -> ClipEncoder:
    """Make a model of random weights, with the activation of a tag's and its own preprocessing."""
    quick = open_clip.get_pretrained_cfg(model_name, pretrained).get("quick_gelu", False)
    with seeded(0, "pace"):
        model, _, preprocess = open_clip.create_model_and_transforms(
            model_name, force_quick_gelu=quick
        )
    return ClipEncoder(model.eval(), preprocess, open_clip.get_tokenizer(model_name), model_name)


def usual_picture(seed: int) -> Image.Image:
    """Draw smooth noise as large as a usual picture, which compresses as photographs do."""
    coarse = numpy_generator(seed, "pace").integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)


def draw(folder: Path, count: int) -> list[str]:
    """Write noise as JPEG files."""
    names = [f"{i}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        usual_picture(i).save(folder / name)
    return names


def speed(images: int, job: Callable[[], object]) -> float:
    """Images per second of one call."""
    start = time.perf_counter()
    job()
    return images / (time.perf_counter() - start)


def measure(job: Extraction, encoder: ClipEncoder, precision: str) -> dict[str, float]:
    """Time the two limits and the whole, one after the other: images per second of each."""
    count, size, cuda = len(job.images), job.batch_size, job.device.type == "cuda"
    batches = [job.images[start : start + size] for start in range(0, count, size)]
    read = partial(read_pictures, job.root, preprocess=encoder.preprocess)
    pixels, _ = next(iter(read(batches[:1])))
    encode = partial(encode_pixels, encoder, device=job.device, precision=precision)
    encode(pixels)  # the first call also chooses its kernels

    def forward() -> None:
        rows = [encode(pixels[: len(batch)]) for batch in batches]
        rows[-1].cpu()  # CUDA does them in order, and is waited for once

    def decode() -> None:
        for _ in read(batches, workers=job.workers, pin_memory=cuda):
            pass

    return {
        "model": speed(count, forward),
        "decoder": speed(count, decode),
        "extraction": speed(count, job.run),
    }


def report(rounds: Sequence[dict[str, float]]) -> None:
    """Print the median speeds, and the share of the smaller limit, with its range."""
    for name in rounds[0]:
        print(f"{name}: {statistics.median(speeds[name] for speeds in rounds):.1f} images/s")
    shares = [speeds["extraction"] / min(speeds["model"], speeds["decoder"]) for speeds in rounds]
    print(
        f"share of the smaller limit: {statistics.median(shares):.0%} "
        f"({min(shares):.0%} to {max(shares):.0%}); the aim is {AIM:.0%}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure in several rounds, each on a folder of its own."""
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="ViT-B-16")
    parser.add_argument("--pretrained", default="openai", help="for its activation alone")
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--images", type=int, default=8192 if cuda else 64)
    parser.add_argument("--batch-size", type=int, default=128 if cuda else 16)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    precision = "float16" if device.type == "cuda" else "float32"
    workers = default_workers(device) if options.workers is None else options.workers
    encoder = random_encoder(options.model, options.pretrained)
    with tempfile.TemporaryDirectory() as folder:
        names = draw(Path(folder), options.images)
        print(f"{options.model}, {device}, {precision}, {workers} workers", flush=True)
        rounds = []
        for i in range(options.rounds):
            job = Extraction(
                *(Path(folder), names, lambda: encoder, Path(folder, f"round {i}"), "random"),
                device=device,
                batch_size=options.batch_size,
                workers=workers,
            )
            rounds.append(measure(job, encoder, precision))
        report(rounds)


if __name__ == "__main__":
    main()
