"""How fast a walk reproduces the density of the semantics (after the paper's Figure 3)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.protocol import frechet_distance
from zslnb.revcd import RevCD, ddim_sample, ddim_times, prototype_scores
from zslnb.studies import plots, rows
from zslnb.studies.study import Study
from zslnb.studies.walks import guided_denoiser, starting_noise

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
