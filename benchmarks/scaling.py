"""How cost grows: seconds, and bytes where they matter, against one size at a time."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import plain
import torch
from measure import CORES, Machine, PeakMemory, computing_on
from paths import class_texts, cub_like, processes, rounds, several
from sizes import Sizes

from zslnb import genzsl, revcd

WIDTH = 512
CDP, FULL_SVD, TOP = "CDP", "CDP as released: full SVD", "top-2 of C candidates, 1,000 targets"
LEAST = {"seconds": 0.0, "bytes": 1 << 24}  # below, memory is what the allocator makes of it
EPOCH, SAMPLING = "IVAE epoch", "RevCD sampling with guidance"


def series(machine: Machine, sizes: Sizes, quick: bool) -> Iterator[dict]:
    """Measure each curve: what, against what, on how many threads, and its points.

    A point is a size, seconds, and bytes taken at most beyond what was there before.
    """
    classes = (1000, 8000) if quick else (1000, 10_000, 100_000, 1_000_000)
    released = (50, 100) if quick else (1000, 2000, 4000, 8000)
    candidates = (100, 200) if quick else (1000, 10_000, 100_000)
    targets = class_texts(20 if quick else 1000, WIDTH, machine.device)

    def of_classes(function: Callable[[torch.Tensor], object], n: int) -> Callable[[], object]:
        return partial(function, class_texts(n, WIDTH, machine.device))

    top = partial(genzsl.top_k_referents, targets, k=2)
    with computing_on(CORES):
        for what, function, counts in (
            (CDP, genzsl.class_diversity_promotion, classes),
            (FULL_SVD, plain.diversity_promotion, released),
            (TOP, lambda rows: top(candidates=rows), candidates),
        ):
            curve = partial(of_classes, function)
            yield _curve(machine, what, "classes", CORES, counts, curve)
    with computing_on(1):
        yield _epochs(machine, sizes)
        yield from _sampling(machine, sizes)
    yield _seeds(machine, sizes)


def _curve(
    machine: Machine,
    what: str,
    against: str,
    threads: int,
    counts: tuple[int, ...],
    job_of: Callable[[int], Callable[[], object]],
) -> dict:
    points = []
    job_of(counts[0])()  # the first call also starts threads and chooses kernels
    for n in counts:
        job = job_of(n)
        with PeakMemory(machine.device) as memory:
            seconds = machine.seconds(job)
        points.append({"n": n, "seconds": seconds, "bytes": memory.bytes})
    return _curve_of(what, against, threads, points)


def _curve_of(what: str, against: str, threads: int, points: list[dict]) -> dict:
    facts = {"what": what, "against": against, "threads": threads, "points": points}
    slopes = {f"slope of {key}": slope(points, key) for key in ("seconds", "bytes")}
    return facts | slopes


def slope(points: list[dict], key: str) -> float | None:
    """Return the power of n that the last two points grow by; None where one is too small."""
    before, last = points[-2:]
    if min(before.get(key, 0), last.get(key, 0)) <= LEAST[key]:
        return None
    return math.log(last[key] / before[key]) / math.log(last["n"] / before["n"])


def _epochs(machine: Machine, sizes: Sizes) -> dict:
    settings, points = replace(sizes.of_genzsl, passes=1, rounds=2), []
    for images in (sizes.images // 8, sizes.images // 4, sizes.images // 2):
        benchmark = cub_like(sizes, images, sizes.semantic_dim)
        (seconds,) = rounds(partial(genzsl.fit, benchmark, settings, 0, machine.device), machine)
        points.append({"n": images, "seconds": seconds})
    return _curve_of(EPOCH, "images", 1, points)


def _sampling(machine: Machine, sizes: Sizes) -> Iterator[dict]:
    few, images = sizes.of_revcd.steps, sizes.estimated

    def job(steps: int, images: int) -> Callable[[], object]:
        s = replace(sizes.of_revcd, steps=steps)
        run = revcd.fit(cub_like(sizes, 2 * s.batch_size, sizes.attributes), s, 0, machine.device)
        features = torch.randn(images, sizes.feature_dim, device=machine.device)
        return partial(run.estimate, features)

    by_images = images // 4, images // 2, images
    yield _curve(machine, SAMPLING, "images", 1, by_images, lambda n: job(few, n))
    by_steps = max(2, few // 4), few // 2, few
    yield _curve(machine, SAMPLING, "steps", 1, by_steps, lambda n: job(n, images))


def _seeds(machine: Machine, sizes: Sizes) -> dict:
    settings, points = replace(sizes.of_aviary, rounds=sizes.seed_rounds), []
    n_jobs = processes(machine, sizes)
    with joblib.Parallel(n_jobs=n_jobs) as pool:
        some = partial(several, pool, settings, machine.device)
        some(2 * n_jobs)
        for n in sorted({1, max(1, sizes.seeds // 2), sizes.seeds}):
            points.append({"n": n, "seconds": machine.seconds(partial(some, n))})
    return _curve_of("training of the aviary, in processes", "seeds", CORES, points)


def draw(curves: list[dict], path: Path) -> None:
    """Draw time and memory against the number of classes, with slopes, as a picture."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for key, unit, ax in zip(("seconds", "bytes"), ("s", "bytes"), axes, strict=True):
        for curve in (curve for curve in curves if curve["against"] == "classes"):
            points = [point for point in curve["points"] if point[key] > LEAST[key]]
            power = curve[f"slope of {key}"]
            label = curve["what"] + (f", slope {power:.1f}" if power else "")
            ax.loglog([p["n"] for p in points], [p[key] for p in points], "o-", label=label)
        ax.set(xlabel="classes C", ylabel=f"{'time' if unit == 's' else 'memory'} ({unit})")
        ax.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)
