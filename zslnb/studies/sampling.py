"""Walks from noise to an estimate: their cost, their guidance, and the densities they pass."""

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import experiments, results
from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.protocol import frechet_distance, gzsl_scores
from zslnb.revcd import (
    RevCD,
    RevCDSettings,
    ancestral_sample,
    ddim_sample,
    ddim_times,
    guided_noise,
    prototype_scores,
)
from zslnb.seeds import seeded, torch_generator
from zslnb.studies import plots, rows
from zslnb.studies.known_densities import Denoiser
from zslnb.studies.study import Study


@torch.no_grad()
def guided_denoiser(model: RevCD, benchmark: Benchmark, images: Tensor, scale: float) -> Denoiser:
    """Estimate z_0 of images with guidance (alg. 2): encode them once, mix at each step.

    Args:
        model: whose network puts out clean samples.
        benchmark, images: rows of the benchmark's features.
        scale: of guidance.
    """
    net = model.networks.eval()
    shown = net.visual(model.images(benchmark.features[images].to(model.features)))
    conditions = net.unet.mapped(torch.cat([shown, net.null.expand_as(shown)]))

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        with torch.no_grad():
            both = net.unet.estimate(zt.repeat(2, 1), t[:1], conditions)
        return guided_noise(*both.chunk(2), scale)

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


class Samplers(Study):
    """What do few steps cost beside all, and what does the start of a walk decide?

    Attributes:
        ways: names of the walks; the last starts with the rest of the right class's signal.
        classes: for each model: way -> the class that each image is given.
        scores: way -> S, U and H, model by model.
    """

    name = "walks"
    headline = True

    def __init__(
        self, models: Sequence[RevCD], benchmark: Benchmark, seen: int = 150, unseen: int = 120
    ) -> None:
        self.benchmark, self.settings = benchmark, models[0].settings
        self.steps = len(models[0].networks.schedule)
        self.few, self.fewer = min(50, self.steps), min(10, self.steps)
        self.parts = [
            some_of_each_class(benchmark, benchmark.test_seen_idx, seen),
            some_of_each_class(benchmark, benchmark.test_unseen_idx, unseen),
        ]
        self.classes = [self._walked(model) for model in models]
        self.ways = [*self.classes[0]]
        n, labels = len(self.parts[0]), benchmark.labels[torch.cat(self.parts)]
        self.scores = {
            way: [
                gzsl_scores(labels[:n], named[way][:n], labels[n:], named[way][n:])
                for named in self.classes
            ]
            for way in self.ways
        }

    def gains(self, way: str, over: str, metric: str) -> list[float]:
        """Points of one way over another, seed by seed."""
        pairs = zip(self.scores[way], self.scores[over], strict=True)
        return [100 * (one[metric] - other[metric]) for one, other in pairs]

    def agreement(self, way: str, other: str) -> list[float]:
        """Share of images to which two ways give one class, seed by seed."""
        return [float((c[way] == c[other]).double().mean()) for c in self.classes]

    def table(self) -> pd.DataFrame:
        every, few, *_ = self.ways
        steps = dict.fromkeys(self.ways, self.few)
        steps |= {every: self.steps, self.ways[2]: self.fewer}
        lines = {}
        for way, scores in self.scores.items():
            line = {"calls an image": 2 * steps[way]}
            line |= {metric: results.percent([s[metric] for s in scores]) for metric in "SUH"}
            gain, same = self.gains(way, every, "H"), self.agreement(way, few)
            line["H, over ancestral"] = "" if way == every else results.points(gain)
            line[f"same class as DDIM, {self.few} (%)"] = (
                "" if way == few else results.percent(same)
            )
            lines[way] = line
        return pd.DataFrame(lines).T.rename_axis("walk")

    def caption(self) -> str:
        seen, unseen = map(len, self.parts)
        return (
            f"{self.benchmark.name}: {seen} seen and {unseen} unseen test images, guidance scale "
            f"{self.settings.guidance:g}; mean ± standard deviation over seeds "
            f"({len(self.classes)}). *Not allowed*: starts with the rest of the right class's "
            "signal."
        )

    def finding(self) -> str:
        every, few, _, other_noise, _ = self.ways
        return (
            f"DDIM in {self.few} steps gains {results.points(self.gains(few, every, 'H'))} points "
            f"of H over {self.steps} ancestral steps and agrees with them on "
            f"{results.percent(self.agreement(every, few))} % of the images; with itself, from "
            f"other noise, on {results.percent(self.agreement(other_noise, few))} %."
        )

    def rest(self, left: float) -> str:
        """Say what the share of the signal that is left at the last step would add."""
        few, rest = self.ways[1], self.ways[-1]
        unseen, both = (results.points(self.gains(rest, few, metric)) for metric in "UH")
        return (
            f"The {left:.1%} of the signal that is left at the last step would add {unseen} points "
            f"of U and {both} of H, could DDIM start with it."
        )

    def _walked(self, model: RevCD) -> dict[str, Int64[Tensor, " m"]]:
        images, schedule = torch.cat(self.parts), model.networks.schedule
        denoise = guided_denoiser(model, self.benchmark, images, self.settings.guidance)
        noise, other = (starting_noise(model, len(images), s) for s in ("walks", "other walks"))
        clean = model.prototypes[self.benchmark.labels[images].to(noise.device)]
        last = torch.full((len(clean),), self.steps - 1, device=noise.device)
        with_rest, ddim = (
            schedule.q_sample(clean, last, noise),
            partial(ddim_sample, denoise, schedule),
        )
        with one_thread(), seeded(model.seed, "lesson/ancestral"):
            ends = {
                f"ancestral, {self.steps} steps": ancestral_sample(denoise, schedule, noise),
                f"DDIM, {self.few} steps": ddim(noise, self.few),
                f"DDIM, {self.fewer} steps": ddim(noise, self.fewer),
                "DDIM, other noise": ddim(other, self.few),
                "DDIM, not allowed": ddim(with_rest, self.few),
            }
        return {
            way: prototype_scores(z, model.prototypes).argmax(1).cpu() for way, z in ends.items()
        }


GOALS = (50, 90)  # percent of the way


class WalkDensity(Study):
    """At which step has a walk come how far, and at which is an image's class decided?

    Attributes:
        steps: (n + 1,) where DDIM's n steps are, counted from 1; 0 is the end. looks: those of them
            at which distances are measured.
        traces: kind of semantics -> for each seed "walk" and "perfect", Fréchet distances at the
            looks, and "decided", the share of estimates whose class is the final one at each step.
        curves: the same as percent of the way, a line for each seed.
    """

    name = "density"
    headline = True

    def __init__(
        self, models: Mapping[str, Sequence[RevCD]], benchmarks: Mapping[str, Benchmark]
    ) -> None:
        self.benchmarks, self.seeds = benchmarks, len(next(iter(models.values())))
        self.total = len(next(iter(models.values()))[0].networks.schedule)
        self.n_steps = min(50, self.total)
        self.steps = np.array([t + 1.0 for t in ddim_times(self.total, self.n_steps)] + [0.0])
        self.looks = [*range(0, self.n_steps, max(1, self.n_steps // 10)), self.n_steps]
        with one_thread():
            self.traces = {
                kind: [self._trace(model, benchmarks[kind]) for model in some]
                for kind, some in models.items()
            }
        self.curves = {
            kind: {
                "walk": np.array([_way_done(t["walk"]) for t in traces]),
                "perfect": np.array([_way_done(t["perfect"]) for t in traces]),
                "decided": 100 * np.array([t["decided"] for t in traces]),
            }
            for kind, traces in self.traces.items()
        }

    def reached(self, kind: str, curve: str, goal: float) -> list[float]:
        """Step at which a curve first reaches a goal, seed by seed; by a line between looks."""
        steps = self.steps if curve == "decided" else self.steps[self.looks]
        return [_crossing(steps, share, goal) for share in self.curves[kind][curve]]

    def table(self) -> pd.DataFrame:
        lines = {}
        for kind, traces in self.traces.items():
            line = {
                "distance, first": rows.plus_minus([t["walk"][0] for t in traces], ".2f"),
                "distance, end": rows.plus_minus([t["walk"][-1] for t in traces], ".2f"),
            }
            for curve in self.curves[kind]:
                for goal in GOALS:
                    line[f"{curve}, {goal} %"] = f"{np.mean(self.reached(kind, curve, goal)):.0f}"
            lines[self._label(kind)] = line
        return pd.DataFrame(lines).T.rename_axis("semantics")

    def caption(self) -> str:
        return (
            f"{next(iter(self.benchmarks.values())).name}: squared Fréchet distance at the first "
            f"and the last look, and the step (of {self.total}, walked downwards) by which half "
            "and 90 % of the way is done by the walk, by a perfect network, and half and 90 % of "
            f"the estimates have their final class. Means over seeds ({self.seeds})."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.8, 3.6))
        for kind, traces in self.traces.items():
            label, x = self._label(kind), self.steps[self.looks]
            walk, perfect = (
                100 * np.array([t[curve] / t[curve][0] for t in traces])
                for curve in ("walk", "perfect")
            )
            plots.band(axes[0], x, walk, label)
            colour = axes[0].lines[-1].get_color()
            axes[0].plot(x, perfect.mean(0), ":", color=colour, label=f"{label}, perfect")
            plots.band(axes[1], self.steps, self.curves[kind]["decided"], label)
        axes[0].set(ylabel="Fréchet distance (% of the first)", ylim=(0, None))
        axes[1].set(ylabel="estimates with their final class (%)", ylim=(0, 103))
        for ax in axes:
            ax.set(xlabel="step (the walk goes from left to right)")
            ax.invert_xaxis()
            ax.legend(fontsize=8)
        return fig

    def finding(self) -> str:
        half = ", ".join(
            f"{np.mean(self.reached(kind, 'walk', 50)):.0f} ({kind}; a perfect network: "
            f"{np.mean(self.reached(kind, 'perfect', 50)):.0f})"
            for kind in self.traces
        )
        return (
            f"Left: how far $z_t$ still is; half of the way is done at step {half}. Right: classes "
            f"decided; in the first estimate already {self.decided()}. Mean and range over seeds "
            f"({self.seeds})."
        )

    def decided(self) -> str:
        """Say how many classes are decided in the first estimate."""
        return ", ".join(
            f"{curves['decided'][:, 0].mean():.0f} % ({kind})"
            for kind, curves in self.curves.items()
        )

    def sooner(self) -> str:
        """Say which semantics were quicker, and whether perfect networks would be as well."""
        if len(self.traces) < 2:
            return "one kind of semantics at hand: nothing to compare."
        low, high = sorted(self.traces, key=lambda kind: self.benchmarks[kind].semantic_dim)
        walk, perfect = (self._lead(low, high, curve) for curve in ("walk", "perfect"))
        dims = [self.benchmarks[kind].semantic_dim for kind in (low, high)]
        return (
            f"half of the way is done {walk} in {low} ({dims[0]}-d) than in {high} ({dims[1]}-d), "
            f"by perfect networks {perfect}; the two differ in more than width."
        )

    def _lead(self, low: str, high: str, curve: str) -> str:
        pairs = zip(self.reached(low, curve, 50), self.reached(high, curve, 50), strict=True)
        lead = np.mean([a - b for a, b in pairs])
        return f"{abs(lead):.0f} steps {'sooner' if lead > 0 else 'later'}"

    def _label(self, kind: str) -> str:
        return f"{kind}, {self.benchmarks[kind].semantic_dim}-d"

    def _trace(self, model: RevCD, benchmark: Benchmark) -> dict[str, Float[np.ndarray, " n"]]:
        images, schedule = benchmark.test_seen_idx, model.networks.schedule
        true = model.prototypes[benchmark.labels[images].to(model.prototypes.device)]
        noise, visits = starting_noise(model, len(images), "trace"), []
        denoise = guided_denoiser(model, benchmark, images, 1.0)
        end = ddim_sample(
            denoise, schedule, noise, self.n_steps, lambda *visit: visits.append(visit)
        )
        visits.append((None, end, end))
        t = [torch.full((len(true),), visits[i][0], device=true.device) for i in self.looks[:-1]]
        perfect = [*(schedule.q_sample(true, step, noise) for step in t), true]
        classes = [prototype_scores(z0, model.prototypes).argmax(1) for _, _, z0 in visits]
        return {
            "walk": _distances([visits[i][1] for i in self.looks], true),
            "perfect": _distances(perfect, true),
            "decided": np.array([float((c == classes[-1]).double().mean()) for c in classes]),
        }


def _distances(samples: Sequence[Tensor], true: Tensor) -> Float[np.ndarray, " n"]:
    return np.array([frechet_distance(z.cpu(), true.cpu()) for z in samples])


def _way_done(distances: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return 100 * (distances[0] - distances) / (distances[0] - distances[-1])


def _crossing(steps: Float[np.ndarray, " n"], share: Float[np.ndarray, " n"], goal: float) -> float:
    i = int(np.argmax(share >= goal))
    return float(
        steps[0] if i == 0 else np.interp(goal, share[i - 1 : i + 1], steps[i - 1 : i + 1])
    )


class GuidanceScales(Study):
    """What does the guidance scale do to S, U, H and T1, and to the estimates?

    Attributes:
        scales: as the records name them. by_scale: a record for each scale and seed.
    """

    name = "guidance"
    headline = True

    def __init__(
        self,
        benchmark: Benchmark,
        settings: RevCDSettings,
        seeds: Sequence[int],
        device: torch.device | str,
    ) -> None:
        self.benchmark = benchmark
        row = {"RevCD": ("revcd", settings)}
        self.records = experiments.run_rows(row, benchmark, seeds, device, table="RevCD guidance")
        self.scales = [*self.records[0]["scores"]["by guidance"]]
        self.by_scale = [
            {**r, "row": f"scale {g}", "scores": {"clean": r["scores"]["by guidance"][g]}}
            for g in self.scales
            for r in self.records
        ]
        self.base = f"scale {self.scales[0]}"

    def hull(self, scale: str, images: str) -> Float[np.ndarray, " R"]:
        """Distance of estimates of "seen" or "unseen" images to the seen hull, seed by seed."""
        return rows.values(self.records, "RevCD", "hull", scale, images)

    def accuracy(self, metric: str) -> Float[np.ndarray, "R n"]:
        """Percent: a line for each seed, a column for each of n scales."""
        labels = [f"scale {g}" for g in self.scales]
        return 100 * rows.by_row(self.by_scale, labels, "clean", metric)

    def table(self) -> pd.DataFrame:
        table = results.results_against(self.by_scale, self.base, "clean", ("U", "H", "T1"))
        for images in ("seen", "unseen"):
            distances = [rows.plus_minus(self.hull(g, images), ".2f") for g in self.scales]
            table[f"off the hull, {images}"] = distances
        return table.rename_axis("guidance")

    def caption(self) -> str:
        kind = self.benchmark.provenance.get("semantics", "semantics")
        return (
            f"**{self.benchmark.name}, {kind}**: strict, percent, mean ± standard deviation; "
            f"points gained over {self.base} within a seed. Off the hull: distance of estimates to "
            "every average of seen prototypes, 1 as far as the unseen prototypes are."
        )

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4))
        x = [float(g) for g in self.scales]
        for metric, style in zip(("S", "U", "H", "T1"), ("-", "--", "-.", ":"), strict=True):
            plots.band(axes[0], x, self.accuracy(metric), metric, linestyle=style, marker="o")
        for images, style in (("seen", "-"), ("unseen", "--")):
            distances = np.array([self.hull(g, images) for g in self.scales]).T
            plots.band(axes[1], x, distances, f"{images} images", linestyle=style, marker="o")
        axes[1].axhline(1, color="k", linestyle=":", label="unseen prototypes")
        axes[0].set(ylabel="accuracy, strict (%)", ylim=(0, 100))
        axes[1].set(ylabel="distance to the hull", ylim=(0, None))
        for ax in axes:
            ax.set(xlabel="guidance scale", xticks=x)
            ax.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        return fig

    def finding(self) -> str:
        ends = {metric: self.accuracy(metric).mean(0)[[0, -1]] for metric in ("S", "U", "T1")}
        scores = ", ".join(f"{metric} {a:.1f} to {b:.1f} %" for metric, (a, b) in ends.items())
        return (
            f"From scale {self.scales[0]} to {self.scales[-1]}: {scores}. Estimates of unseen "
            f"images move from {self._moved('unseen')} off the hull, those of seen ones from "
            f"{self._moved('seen')}. Mean and range over seeds."
        )

    def estimates(self) -> str:
        """Say how far estimates of unseen images move."""
        return (
            f"of unseen images move from {self._moved('unseen')} off the hull from {self.base} to "
            f"scale {self.scales[-1]}; 1 is as far as the unseen prototypes are."
        )

    def verdicts(self) -> list[str]:
        """Say for each larger scale whether it is told apart from the first, by U and T1."""
        return [
            results.verdict(self.by_scale, f"scale {g}", self.base, metric, "clean")
            for g in self.scales[1:]
            for metric in ("U", "T1")
        ]

    def _moved(self, images: str) -> str:
        first, last = (self.hull(self.scales[i], images).mean() for i in (0, -1))
        return f"{first:.2f} to {last:.2f}"
