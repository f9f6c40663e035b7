"""The hot paths: what each costs, what its plain form costs, and what the machine allows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

import joblib
import measure
import plain
import torch
import torch.nn.functional as F
from measure import ADAM_BYTES, CORES, Machine, Row, computing_on
from sizes import Sizes

import zslnb
from zslnb import Benchmark, genzsl, imagination, revcd
from zslnb.device import processes_at_once
from zslnb.genzsl import GenZSLSettings, InductiveVAE
from zslnb.protocol import ClassifierSettings, train_classifier

NOISE = 3.0  # of an image, as long as that of its class is
TARGET = 0.9  # of the classifiers' accuracy
RELEASED, BARE = "released form", "bare forward and backward"
AUTOGRAD = "the same, by autograd"


@cache
def aviary() -> Benchmark:
    """Load the built-in benchmark, once in a process."""
    return zslnb.load("aviary")


def cub_like(sizes: Sizes, images: int, semantic_dim: int) -> Benchmark:
    """Make noise round class means, as large as CUB, in the order that images lie in."""
    torch.manual_seed(0)
    c, seen = sizes.classes, sizes.seen
    means = F.normalize(torch.randn(c, sizes.feature_dim), dim=1)
    labels = torch.cat([torch.arange(images) * seen // images, torch.arange(c)])
    noise = torch.randn(len(labels), sizes.feature_dim) * NOISE / sizes.feature_dim**0.5
    test = torch.arange(images, images + c)
    return Benchmark(
        features=F.normalize(means[labels] + noise, dim=1),
        labels=labels,
        semantics=torch.rand(c, semantic_dim) + 0.1,
        class_names=tuple(map(str, range(c))),
        train_idx=torch.arange(images),
        test_seen_idx=test[:seen],
        test_unseen_idx=test[seen:],
        val_classes=torch.zeros(0, dtype=torch.int64),
    )


def rounds(fit: Callable[..., object], machine: Machine) -> list[float]:
    """Seconds of each round of a training but the first, which also starts everything."""
    times: list[float] = []
    fit(lambda run: times.append(machine.now()))
    return [after - before for before, after in pairwise(times)]


def genzsl_rows(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """An epoch of the inductive VAE, and a step of it, at CUB's sizes and the aviary's.

    Bare is its layers' forward and backward by autograd alone, without losses, Adam or a draw.
    """
    cub = cub_like(sizes, sizes.images, sizes.semantic_dim)
    for name, benchmark, settings in (
        ("CUB", cub, sizes.of_genzsl),
        ("aviary", aviary(), sizes.of_aviary),
    ):
        settings = replace(settings, passes=1, rounds=sizes.repeats + 1)
        run = genzsl.prepare(benchmark, settings)
        n, steps = len(run.labels), -(-len(run.labels) // settings.batch_size)
        dims = run.features.shape[1], run.semantics.shape[1]
        size = f"{name}: {n:,} × {dims[0]:,}, semantics {dims[1]:,}, hidden {settings.hidden_dim:,}"
        with computing_on(1):
            epochs = rounds(partial(genzsl.fit, benchmark, settings, 0, machine.device), machine)
            released = plain.GenZSL(
                *(run.features, run.labels, run.semantics),
                anchors=run.anchors,
                referents=run.referents,
                hidden=settings.hidden_dim,
                latent=settings.latent_dim,
                batch=settings.batch_size,
                device=machine.device,
            )
            theirs = [machine.seconds(released.epoch) for _ in range(sizes.repeats)]
            step = bare_step(settings, dims, machine.device)
            step()
            bare = [machine.seconds(step, 20) for _ in range(sizes.repeats)]
            both = gradients(benchmark, settings, machine.device)
            both[0](), both[1]()
            # briefly and often, since a machine's speed changes from second to second
            pairs = [[machine.seconds(way, 5) for way in both] for _ in range(5 * sizes.repeats)]
        operations = measure.flops(gradients(benchmark, settings, "cpu")[0])
        weights = sum(p.numel() for p in run.model.parameters())
        epoch = Row("IVAE epoch", size, RELEASED, epochs, theirs)
        epoch.flops, epoch.bytes = steps * operations, steps * weights * ADAM_BYTES
        step = Row("GenZSL step", size, BARE, [seconds / steps for seconds in epochs], bare)
        step.flops, step.bytes = operations, weights * ADAM_BYTES
        written, plainly = map(list, zip(*pairs, strict=True))
        gradient = Row("gradient of GenZSL's loss", size, AUTOGRAD, written, plainly)
        gradient.flops = operations
        for row in (epoch, step, gradient):
            machine.limit(row)
            yield row


def gradients(
    benchmark: Benchmark, settings: GenZSLSettings, device: str
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Make what leaves the gradient of one batch: as training does it, and by autograd."""
    run = genzsl.prepare(benchmark, settings, 0, device)
    batch = torch.arange(settings.batch_size, device=device) * 7 % len(run.labels)
    referents, weights = run.referent_samples(run.labels[batch]), run.loss_weights

    def written() -> None:
        run.leave_gradients(batch, referents)

    def plainly() -> None:
        terms = run.losses(batch, referents)
        run.model.zero_grad()
        torch.autograd.backward([*terms.values()], [weights[name] for name in terms])

    return written, plainly


def bare_step(settings: GenZSLSettings, dims: tuple[int, int], device: str) -> Callable[[], None]:
    """Make what takes the layers' forward and backward alone, on one batch."""
    model = InductiveVAE(*dims, settings.hidden_dim, settings.latent_dim).to(device)
    x, a = (torch.randn(settings.batch_size, dim, device=device) for dim in dims)

    def step() -> None:
        for parameter in model.parameters():
            parameter.grad = None
        sum(part.sum() for part in model(x, a)).backward()

    return step


def seeds_row(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """Ten seeds beside each other, as experiments run them, against ten times one."""
    settings = replace(sizes.of_aviary, rounds=sizes.seed_rounds)
    n_jobs = processes(machine, sizes)
    how = ", multi-process service" if machine.device == "cuda" and n_jobs > 1 else ""
    row = Row("several seeds", f"aviary, {sizes.seeds} seeds, {n_jobs} at a time{how}")
    row.against, row.threads = f"{sizes.seeds} times one seed", CORES
    with joblib.Parallel(n_jobs=n_jobs) as pool:
        some = partial(several, pool, settings, machine.device)
        some(2 * n_jobs)  # which starts all processes
        for _ in range(sizes.few_repeats):
            row.seconds.append(machine.seconds(partial(some, sizes.seeds)))
            row.theirs.append(sizes.seeds * machine.seconds(partial(some, 1)))
    yield row


def processes(machine: Machine, sizes: Sizes) -> int:
    """Return how many processes train side by side."""
    return sizes.processes or min(processes_at_once(machine.device), sizes.seeds)


def several(pool: joblib.Parallel, settings: GenZSLSettings, device: str, n: int) -> None:
    """Train so many seeds in the processes of a pool."""
    pool(joblib.delayed(one_seed)(settings, seed, device) for seed in range(n))


def one_seed(settings: GenZSLSettings, seed: int, device: str) -> None:
    """Train one seed on one thread, in a process of a pool."""
    with computing_on(1):
        genzsl.fit(aviary(), settings, seed, device)


def imagination_row(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """A step of f-VAEGAN: the critic five times, the generator once."""
    steps, s = sizes.fvaegan_steps, replace(sizes.of_fvaegan, passes=1)
    batch = min(s.batch_size, sizes.images // max(3, steps))
    s = replace(s, batch_size=batch, rounds=sizes.repeats + 1)
    benchmark = cub_like(sizes, steps * batch, sizes.attributes)
    run = imagination.prepare(benchmark, s)
    scaled = run.scaled
    with computing_on(1):
        fit = partial(imagination.fit, benchmark, s, 0, machine.device)
        ours = [seconds / steps for seconds in rounds(fit, machine)]
        released = plain.FVAEGAN(scaled, run.semantics[run.labels], s.hidden_dim, machine.device)
        released.step()
        theirs = [machine.seconds(released.step) for _ in range(max(5, sizes.repeats))]
    one = cub_like(replace(sizes, seen=2), batch, sizes.attributes)
    size = f"batch {batch}, {sizes.feature_dim:,} and {sizes.attributes}, hidden {s.hidden_dim:,}"
    row = Row("f-VAEGAN step", size, RELEASED, ours, theirs[: len(ours)])
    row.flops = measure.flops(partial(imagination.fit, one, replace(s, rounds=1)))
    weights = [sum(p.numel() for p in n.parameters()) for n in released.networks]
    row.bytes = ADAM_BYTES * (weights[0] + weights[1] + 5 * weights[2])
    machine.limit(row)
    yield row


class Reached(Exception):
    """A classifier is as good as asked for."""


def classifier_row(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """Train until nine of ten held-out samples are told right: a linear map against an MLP."""
    benchmark = cub_like(sizes, sizes.images, sizes.attributes)
    means = F.normalize(torch.randn(sizes.classes - sizes.seen, sizes.feature_dim), dim=1)
    synthetic = means.repeat_interleave(sizes.n_synthetic, 0)
    synthetic = F.normalize(synthetic + torch.randn_like(synthetic) / means.shape[1] ** 0.5)
    x = torch.cat([benchmark.features[benchmark.train_idx], synthetic])
    unseen = torch.arange(sizes.seen, sizes.classes).repeat_interleave(sizes.n_synthetic)
    y = torch.cat([benchmark.labels[benchmark.train_idx], unseen])
    held = torch.arange(len(y)) % 10 == 0
    device, settings = machine.device, ClassifierSettings(epochs=sizes.epochs)
    test, truth = x[held].to(device), y[held].to(device)

    def reached(scores: torch.Tensor) -> None:
        if float((scores.argmax(1) == truth).float().mean()) >= TARGET:
            raise Reached

    features, labels = x[~held], y[~held]
    resident = features.to(device), labels.to(device)  # where a generator leaves them

    def ours() -> None:
        train_classifier(*resident, settings, 0, lambda t: reached(t.scores(test)))

    def theirs() -> None:
        released = plain.Classifier(features, labels, sizes.classes, device)
        for _ in range(sizes.epochs):
            released.epoch()
            with torch.no_grad():
                reached(released.model(test))

    size = f"{int((~held).sum()):,} × {x.shape[1]:,}, {sizes.classes} classes, to {TARGET:.0%}"
    row = Row("softmax classifier", f"{size}; limit of one epoch", RELEASED)
    missed: set[str] = set()
    with computing_on(1):
        for _ in range(sizes.few_repeats):
            for job, seconds in ((ours, row.seconds), (theirs, row.theirs)):
                seconds.append(machine.seconds(partial(_until, job, missed)))
    row.note = "".join(f"{name} stopped below; " for name in sorted(missed))
    row.flops = 4 * float((~held).sum()) * x.shape[1] * sizes.classes
    row.bytes = 4.0 * x.numel()
    machine.limit(row)
    yield row


def _until(job: Callable[[], None], missed: set[str]) -> None:
    try:
        job()
        missed.add(job.__name__)
    except Reached:
        pass


def revcd_row(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """Sampling with guidance, against a plain loop in full batches."""
    s = sizes.of_revcd
    run = revcd.fit(cub_like(sizes, 2 * s.batch_size, sizes.attributes), s, 0, machine.device)
    features = torch.randn(sizes.estimated, sizes.feature_dim, device=machine.device)
    x = run.images(features)
    size = f"{sizes.estimated:,} images, {s.steps} steps, scale {s.guidance:g}"
    row = Row("RevCD sampling", size, "plain loop, two passes a step")
    sample = partial(plain.revcd_sampling, run.networks, x, sizes.attributes, s.guidance, s.steps)
    with computing_on(1):
        ours = partial(run.estimate, features)
        ours()  # in evaluation mode from here on, the plain form too
        row.seconds, row.theirs = machine.pairs(ours, sample, sizes.few_repeats)
    row.flops = sampling_flops(sizes)
    weights = sum(p.numel() for p in run.networks.parameters())
    row.bytes = 4.0 * s.steps * (weights + 2 * sizes.estimated * sizes.attributes)
    machine.limit(row)
    yield row


def sampling_flops(sizes: Sizes) -> float:
    """Count for eight images at two and at three steps, and scale what that says of a step."""
    counts = []
    for steps in (2, 3):
        s = replace(sizes.of_revcd, steps=steps, beta_end=0.5)
        run = revcd.fit(cub_like(sizes, 2 * s.batch_size, sizes.attributes), s)
        counts.append(measure.flops(partial(run.estimate, torch.randn(8, sizes.feature_dim))))
    two, three = counts
    return sizes.estimated / 8 * (two + (sizes.of_revcd.steps - 2) * (three - two))


def class_rows(machine: Machine, sizes: Sizes) -> Iterator[Row]:
    """Class diversity promotion, and the two nearest of many candidates."""
    device, width = machine.device, 512
    with computing_on(CORES):
        for n in (sizes.some_classes, sizes.many_classes):
            texts = class_texts(n, width, device)
            row = Row("CDP", f"{n:,} classes × {width}", threads=CORES)
            ours = partial(genzsl.class_diversity_promotion, texts)
            if n == sizes.some_classes:
                row.against = RELEASED
                theirs = partial(plain.diversity_promotion, texts)
                row.seconds, row.theirs = machine.pairs(ours, theirs, sizes.repeats)
            else:
                row.seconds = [machine.seconds(ours)]
            row.flops, row.bytes = n * width * (width + 5.0), 12.0 * n * width
            machine.limit(row, "float64")
            yield row
        for few in (sizes.few, 1):
            t, r = sizes.targets // few, sizes.candidates // few
            targets, candidates = class_texts(t, width, device), class_texts(r, width, device)
            row = Row("top-2 referents", f"{t:,} targets, {r:,} candidates", threads=CORES)
            ours = partial(genzsl.top_k_referents, targets, candidates, 2)
            if few > 1:
                row.against = RELEASED
                theirs = partial(plain.nearest, targets, candidates, 2)
                row.seconds, row.theirs = machine.pairs(ours, theirs, sizes.repeats)
            else:
                row.seconds = [machine.seconds(ours)]
            row.flops, row.bytes = 2.0 * t * r * width, 4.0 * (t + r) * width
            machine.limit(row, "float64")
            yield row


def class_texts(n: int, width: int, device: str) -> torch.Tensor:
    """Draw (n, width) unit-norm rows that share a direction, as class names do."""
    generator = torch.Generator(device).manual_seed(n)
    texts = torch.randn(n, width, generator=generator, device=device)
    texts[:, 0] += width**0.5
    return texts.div_(texts.norm(dim=1, keepdim=True))


PATHS = {
    "genzsl": genzsl_rows,
    "seeds": seeds_row,
    "classifier": classifier_row,
    "imagination": imagination_row,
    "revcd": revcd_row,
    "classes": class_rows,
}
