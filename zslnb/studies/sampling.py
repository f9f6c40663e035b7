"""Walks from noise to an estimate: their cost, their guidance, and the densities they pass."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import results, revcd
from zslnb.benchmark import Benchmark
from zslnb.protocol import frechet_distance, gzsl_scores, per_class_accuracy
from zslnb.revcd import RevCD, RevCDSettings, prototype_scores
from zslnb.seeds import seeded, torch_generator
from zslnb.studies import plots
from zslnb.studies.kept import kept, weights_sha256
from zslnb.studies.known_densities import Denoiser
from zslnb.studies.revcd_results import benchmark_title, run_revcd
from zslnb.studies.rows import Device, by_row, values
from zslnb.studies.study import Answered, Drawn, Study, Tabled
from zslnb.studies.style import SCORES


@torch.no_grad()
def guided_denoiser(model: RevCD, benchmark: Benchmark, images: Tensor, scale: float) -> Denoiser:
    """Estimate z_0 of images (rows of the benchmark) with guidance, as algorithm 2 does.

    They are encoded once, and mixed at each step. The model's network puts out clean samples.
    """
    net = model.networks.eval()
    shown = net.visual(model.images(benchmark.features[images].to(model.features)))
    conditions = net.unet.mapped(torch.cat([shown, net.null.expand_as(shown)]))

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        with torch.no_grad():
            both = net.unet.estimate(zt, net.unet.timed(t[:1]), conditions)
        return revcd.guided_noise(*both.chunk(2), scale)

    return denoise


def starting_noise(model: RevCD, n: int, stream: str) -> Float[Tensor, "n S"]:
    """Draw starts from N(0, I), those that the package draws for the stream of that name."""
    with seeded(model.seed, f"revcd/{stream}"):
        return torch.randn(n, model.prototypes.shape[1], device=model.prototypes.device)


def some_of_each_class(
    benchmark: Benchmark, idx: Int64[Tensor, " M"], total: int
) -> Int64[Tensor, " m"]:
    """Pick about so many of these images, equally many of each class, drawn once."""
    order = torch.randperm(len(idx), generator=torch_generator(0, "lesson/part"))
    labels = benchmark.labels[idx[order]]
    each = max(1, total // len(labels.unique()))
    rows = [(labels == c).nonzero()[:each, 0] for c in labels.unique()]
    return idx[order[torch.cat(rows)]]


def samplers(models: Sequence[RevCD], benchmark: Benchmark) -> Tabled:
    """What do few steps cost beside all, and what does the start of a walk decide?

    Of what is returned, `classes` has for each model by walk the class that each image is given,
    `gains` by walk a gain in T1 for each model, over ancestral steps, and `same` the share of
    images that get DDIM's class.
    """
    seen = some_of_each_class(benchmark, benchmark.test_seen_idx, 150)
    images = torch.cat([seen, some_of_each_class(benchmark, benchmark.test_unseen_idx, 120)])
    n, labels, schedule = len(seen), benchmark.labels[images], models[0].networks.schedule
    total, few = len(schedule), min(50, len(schedule))
    walked = [_classes_of(model, benchmark, images) for model in models]
    classes = [{walk: found[0] for walk, found in w.items()} for w in walked]
    scores = {
        walk: [
            gzsl_scores(labels[:n], c[walk][:n], labels[n:], c[walk][n:])
            | {"T1": per_class_accuracy(labels[n:], w[walk][1, n:], labels[n:].unique())}
            for c, w in zip(classes, walked, strict=True)
        ]
        for walk in walked[0]
    }
    ancestral, ddim = [*scores][:2]
    base = [score["T1"] for score in scores[ancestral]]
    gains = {
        walk: [100 * (score["T1"] - t1) for score, t1 in zip(of_walk, base, strict=True)]
        for walk, of_walk in scores.items()
    }
    same = {walk: [float((c[walk] == c[ddim]).double().mean()) for c in classes] for walk in scores}
    taken = (total, *_step_counts(total), few, few)
    lines = {
        walk: {
            "calls an image": 2 * steps,
            **{m: results.percent([s[m] for s in scores[walk]]) for m in ("U", "T1")},
            "T1, over ancestral": "" if walk == ancestral else results.points(gains[walk]),
            f"same class as DDIM, {few} (%)": "" if walk == ddim else results.percent(same[walk]),
        }
        for walk, steps in zip(scores, taken, strict=True)
    }
    left = float(schedule.alphas_cumprod[-1].sqrt())
    text = (
        f"{benchmark.name}: {n} seen and {len(images) - n} unseen test images, guidance scale "
        f"{models[0].settings.guidance:g}; mean ± standard deviation over seeds ({len(models)}). "
        f"*Oracle start*: holds the {left:.1%} of the right class's signal that the schedule "
        "leaves."
    )
    frame = pd.DataFrame(lines).T.rename_axis("walk")
    return Tabled("walks", frame, text, headline=True, classes=classes, gains=gains, same=same)


def _step_counts(total: int) -> list[int]:
    return [*dict.fromkeys(min(steps, total) for steps in (50, 10, 2, 1))]


def _classes_of(
    model: RevCD, benchmark: Benchmark, images: Int64[Tensor, " m"]
) -> dict[str, Int64[Tensor, "2 m"]]:
    """Each image's class at the end of each walk: all classes competing, then the unseen ones."""
    walked = partial(_walked, model, benchmark, images)
    known = {"kind": "walks", "images": images.tolist()}
    found = kept(__name__, walked, benchmark, model.prototypes.device, **known, **_known(model))
    return {walk: torch.tensor(classes) for walk, classes in found.items()}


def _known(model: RevCD) -> dict[str, object]:
    return {
        "settings": asdict(model.settings),
        "seed": model.seed,
        "model": weights_sha256(model.networks),
    }


def _walked(model: RevCD, benchmark: Benchmark, images: Tensor) -> dict[str, list[list[int]]]:
    schedule, guidance = model.networks.schedule, model.settings.guidance
    denoise = guided_denoiser(model, benchmark, images, guidance)
    noise, other = (starting_noise(model, len(images), s) for s in ("walks", "other walks"))
    clean = model.prototypes[benchmark.labels[images].to(noise.device)]
    last = torch.full((len(clean),), len(schedule) - 1, device=noise.device)
    oracle = schedule.q_sample(clean, last, noise)
    counts = _step_counts(len(schedule))
    with seeded(model.seed, "lesson/ancestral"):
        ends = {
            f"ancestral, {len(schedule)} steps": revcd.ancestral_sample(denoise, schedule, noise),
            **{
                f"DDIM, {steps} step{'s' * (steps > 1)}": revcd.ddim_sample(
                    denoise, schedule, noise, steps
                )
                for steps in counts
            },
            "DDIM, other noise": revcd.ddim_sample(denoise, schedule, other, counts[0]),
            "DDIM, oracle start": revcd.ddim_sample(denoise, schedule, oracle, counts[0]),
        }
    return {walk: _both_ways(model, benchmark.unseen, z) for walk, z in ends.items()}


def _both_ways(model: RevCD, unseen: Tensor, estimates: Tensor) -> list[list[int]]:
    cosines = prototype_scores(estimates, model.prototypes).cpu()
    return [cosines.argmax(1).tolist(), unseen[cosines[:, unseen].argmax(1)].tolist()]


class WalkDensity(Study):
    """At which step has a walk come how far, and at which is an image's class decided?

    Attributes:
        steps: (n + 1,) where DDIM's n steps are, from 1; 0 is the end. Distances are measured at
            some of them, the `looks`.
        distances: kind of semantics -> "walk" and "perfect" (R, looks), Fréchet distances.
        curves: the same as percent of the way, and "decided" (R, n + 1), the percent of estimates
            whose class is the final one.
    """

    name = "density"

    def __init__(
        self, models: Mapping[str, Sequence[RevCD]], benchmarks: Mapping[str, Benchmark]
    ) -> None:
        first = next(iter(models.values()))
        self.benchmarks, self.seeds = benchmarks, len(first)
        self.total = len(first[0].networks.schedule)
        n = min(50, self.total)
        self.steps = np.array([t + 1.0 for t in revcd.ddim_times(self.total, n)] + [0.0])
        self.looks = [*range(0, n, max(1, n // 10)), n]
        self.distances, self.curves = {}, {}
        for kind, trained in models.items():
            traces = [self._kept_trace(model, benchmarks[kind]) for model in trained]
            walk, perfect, decided = (np.array(curve) for curve in zip(*traces, strict=True))
            self.distances[kind] = {"walk": walk, "perfect": perfect}
            self.curves[kind] = {"walk": _way_done(walk), "perfect": _way_done(perfect)}
            self.curves[kind]["decided"] = 100 * decided

    def reached(self, kind: str, curve: str, goal: float) -> float:
        """Step at which a curve first reaches a goal, on average; by a line between looks."""
        steps = self.steps if curve == "decided" else self.steps[self.looks]
        return float(np.mean([_crossing(steps, run, goal) for run in self.curves[kind][curve]]))

    def figure(self) -> Figure:
        fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.3))
        for kind, distances in self.distances.items():
            label, x = self._label(kind), self.steps[self.looks]
            walk, perfect = (100 * (runs / runs[:, :1]) for runs in distances.values())
            plots.band(left, x, walk, label)
            colour = left.lines[-1].get_color()
            left.plot(x, perfect.mean(0), ":", color=colour, label=f"{label}, perfect")
            plots.band(right, self.steps, self.curves[kind]["decided"], label)
        left.set(ylabel="squared Fréchet distance\n(% of the first)", ylim=(0, None))
        right.set(ylabel="estimates with their final class (%)", ylim=(0, 103))
        for ax in (left, right):
            ax.set(xlabel="step (the walk goes from left to right)")
            ax.invert_xaxis()
            ax.legend()
        return fig

    def alt(self) -> str:
        return (
            "Two panels by step, from left to right as the walk goes. Left, the distance to "
            "the true semantics falls for both kinds of semantics; the solid lines of trained "
            "networks end above zero, the dotted ones of perfect networks at zero. Right, the "
            "share of estimates that have their final class is high from the first step, "
            "is level or a little lower midway, and rises to all at the end."
        )

    def finding(self) -> str:
        half = ", ".join(
            f"{self.reached(kind, 'walk', 50):.0f} ({kind}; a perfect network: "
            f"{self.reached(kind, 'perfect', 50):.0f})"
            for kind in self.curves
        )
        return (
            f"Left: how far $z_t$ still is, by squared Fréchet distance; half of the way that each "
            "walk goes in the end, which is not all of it, is done "
            f"at step {half}. Right: estimates that have their final class; of the first ones "
            f"already {self.decided()}. Mean and range over seeds ({self.seeds})."
        )

    def decided(self) -> str:
        """Say how many images have their final class in the first estimate."""
        return ", ".join(
            f"{curves['decided'][:, 0].mean():.0f} % ({kind})"
            for kind, curves in self.curves.items()
        )

    def _label(self, kind: str) -> str:
        return f"{kind}, {self.benchmarks[kind].semantic_dim}-d"

    def _kept_trace(self, model: RevCD, benchmark: Benchmark) -> Sequence[list[float]]:
        trace = partial(self._trace, model, benchmark)
        return kept(
            __name__, trace, benchmark, model.prototypes.device, kind="trace", **_known(model)
        )

    def _trace(self, model: RevCD, benchmark: Benchmark) -> tuple[list[float], ...]:
        images, schedule = benchmark.test_seen_idx, model.networks.schedule
        true = model.prototypes[benchmark.labels[images].to(model.prototypes.device)]
        noise, visits = starting_noise(model, len(images), "trace"), []
        denoise = guided_denoiser(model, benchmark, images, 1.0)
        n = len(self.steps) - 1
        end = revcd.ddim_sample(denoise, schedule, noise, n, lambda *visit: visits.append(visit))
        visits.append((None, end, end))
        t = [torch.full((len(true),), visits[i][0], device=true.device) for i in self.looks[:-1]]
        perfect = [*(schedule.q_sample(true, step, noise) for step in t), true]
        classes = [prototype_scores(z0, model.prototypes).argmax(1) for _, _, z0 in visits]
        return (
            [frechet_distance(visits[i][1].cpu(), true.cpu()) for i in self.looks],
            [frechet_distance(z.cpu(), true.cpu()) for z in perfect],
            [float((c == classes[-1]).double().mean()) for c in classes],
        )


def _way_done(distances: Float[np.ndarray, "R n"]) -> Float[np.ndarray, "R n"]:
    return 100 * (distances[:, :1] - distances) / (distances[:, :1] - distances[:, -1:])


def _crossing(steps: Float[np.ndarray, " n"], share: Float[np.ndarray, " n"], goal: float) -> float:
    i = int(np.argmax(share >= goal))
    around = slice(max(0, i - 1), i + 1)
    return float(np.interp(goal, share[around], steps[around]))


def guidance_scales(
    benchmark: Benchmark, settings: RevCDSettings, seeds: Sequence[int], device: Device
) -> Answered:
    """What does the guidance scale do to S, U, H and T1, and to the estimates?

    Of what is returned, `gains` has for each larger scale and for U and T1 what is gained over the
    first, tested together.
    """
    records = run_revcd("RevCD guidance", {"RevCD": settings}, benchmark, seeds, device)
    scales = [*records[0]["scores"]["by guidance"]]
    base, *larger = labels = [f"scale {g}" for g in scales]
    by_scale = [
        {**r, "row": label, "scores": {"clean": r["scores"]["by guidance"][g]}}
        for g, label in zip(scales, labels, strict=True)
        for r in records
    ]
    accuracy = {m: 100 * by_row(by_scale, labels, "clean", m) for m in ("S", "U", "H", "T1")}
    hull = {
        images: np.array([values(records, "RevCD", "hull", g, images) for g in scales]).T
        for images in ("seen", "unseen")
    }
    asked = [(g, metric) for metric in ("U", "T1") for g in larger]
    points = {(g, m): results.paired_gains(by_scale, g, base, m, "clean") for g, m in asked}
    gains = results.differences_by(points)
    frame = results.results_table(by_scale, "clean").drop(columns="seeds").rename_axis("guidance")
    for metric in ("U", "T1"):
        frame[f"{metric}, over {base}"] = ""
    for (g, metric), gained in points.items():
        word = gains[g, metric].word("above", "below")
        frame.loc[g, f"{metric}, over {base}"] = f"{results.points(gained)}, {word}"
    caption = (
        f"**{benchmark_title(benchmark)}**: strict, percent, mean ± standard deviation over "
        f"{len(accuracy['U'])} seeds; points gained over {base} within a seed, tested together."
    )
    ends = {name: runs.mean(0)[[0, -1]] for name, runs in (accuracy | hull).items()}
    scores = ", ".join("{} {:.1f} to {:.1f} %".format(m, *ends[m]) for m in ("S", "U", "T1"))
    unseen, seen = ("{:.2f} to {:.2f}".format(*ends[images]) for images in ("unseen", "seen"))
    text = (
        f"From scale {scales[0]} to {scales[-1]}: {scores}. Estimates of unseen images move from "
        f"{unseen} off the hull (the averages of seen prototypes), those of seen ones from {seen}; "
        "1 is as far off as the unseen prototypes are. Mean and range over seeds."
    )
    fig = _draw_scales(scales, accuracy, hull)
    tabled = Tabled("guidance", frame, caption, records, headline=True, gains=gains)
    alt = (
        "Two panels by guidance scale. Left, S and T1 stay nearly level, well above U and H, "
        "which rise slowly from almost nothing. Right, the distance of estimates to the hull "
        "of seen prototypes rises in a nearly straight line, the same for seen and unseen "
        "images, through the dotted level of the unseen prototypes."
    )
    return Answered(tabled, Drawn("guidance", fig, text, alt=alt))


def _draw_scales(
    scales: Sequence[str], accuracy: Mapping[str, np.ndarray], hull: Mapping[str, np.ndarray]
) -> Figure:
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    x = [float(g) for g in scales]
    for metric, percent in accuracy.items():
        plots.band(left, x, percent, metric, **{**SCORES[metric], "marker": "o"})
    for (images, distances), style in zip(hull.items(), ("-", "--"), strict=True):
        plots.band(right, x, distances, f"{images} images", linestyle=style, marker="o")
    right.axhline(1, color="k", linestyle=":", label="unseen prototypes")
    left.set(ylabel="accuracy, strict (%)", ylim=(0, 100))
    right.set(ylabel="distance to the hull (unseen: 1)", ylim=(0, None))
    for ax in (left, right):
        ax.set(xlabel="guidance scale", xticks=x)
        ax.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return fig
