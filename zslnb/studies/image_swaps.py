"""Does a trained network listen to the image? One thing is exchanged, everything else kept."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.revcd import RevCD, prototype_scores
from zslnb.seeds import seeded
from zslnb.studies import plots, rows
from zslnb.studies.study import Study
from zslnb.studies.tokens import all_tests

NO_IMAGE, NOISE = "no image (the null condition)", "the same image, other noise"
IMAGES_A_CLASS = 8


class ImageSwaps(Study):
    """How far does an estimate turn when its image is exchanged, and at which steps?

    The table is about whole walks; the figure, called "listening", about one estimate at a step.

    Attributes:
        swaps: what is exchanged -> the images to use instead of `images`, class by class.
        turned: way to join -> (R, 4, 2) for each seed and swap the turn of the estimate, 1 - cos,
            and the share (%) of images whose class changes.
    """

    name = "swaps"
    headline = True

    def __init__(self, models: Mapping[str, Sequence[RevCD]], benchmark: Benchmark) -> None:
        self.models, self.benchmark = models, benchmark
        tests = all_tests(benchmark)
        ids, counts = benchmark.labels[tests].unique(return_counts=True)
        classes = ids[counts > 1].tolist()  # another image of the class is needed
        each = min(IMAGES_A_CLASS, int(counts[counts > 1].min()))
        labels = benchmark.labels[tests]
        self.images = torch.stack([tests[labels == c][:each] for c in classes])
        self.swaps = {
            "another image of its class": self.images.roll(1, 1),
            "an image of another class": self.images.roll(len(classes) // 2, 0),
            NO_IMAGE: self.images,
            NOISE: self.images,
        }
        self.turned = {how: np.array([self._turned(m) for m in ms]) for how, ms in models.items()}
        last = len(next(iter(models.values()))[0].networks.schedule) - 1
        steps = (0, 4, 9, 19, 39, *range(69, last, 86))
        self.steps = [*(t for t in steps if t < last), last]

    @cached_property
    def by_step(self) -> dict[str, Float[np.ndarray, "R n 3"]]:
        """Turn of one estimate at n steps, for the three swaps of the image."""
        return {
            how: np.array([[self._turned_at(m, t) for t in self.steps] for m in models])
            for how, models in self.models.items()
        }

    def table(self) -> pd.DataFrame:
        columns = {
            f"{how}: {what}": [rows.plus_minus(cells, ".2f") for cells in turned[:, :, i].T]
            for how, turned in self.turned.items()
            for i, what in enumerate(["turn", "class changes, %"])
        }
        return pd.DataFrame(columns, index=pd.Index(self.swaps, name="exchanged for"))

    def caption(self) -> str:
        return (
            f"How far estimates of {self.images.numel()} test images turn ($1 - \\cos$: 0 not "
            "heard, 1 nothing in common), and how many change their class. Mean ± standard "
            f"deviation over seeds ({self._seeds})."
        )

    def figure(self) -> Figure:
        n = len(self.models)
        fig, axes = plt.subplots(1, n, figsize=(4.8 * n, 3.5), sharey=True, squeeze=False)
        for ax, (how, turns) in zip(axes[0], self.by_step.items(), strict=True):
            for i, (swap, style) in enumerate(zip(self.swaps, ("-", "--", ":"), strict=False)):
                plots.band(ax, np.array(self.steps) + 1.0, turns[:, :, i], swap, linestyle=style)
            ax.set(title=how, xlabel="step", ylim=(0, None))
        axes[0, 0].set_ylabel(r"turn of the estimate, $1 - \cos$")
        handles = axes[0, 0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside lower center", ncols=3, fontsize=8)
        return fig

    def finding(self) -> str:
        other = {how: turns[:, :, 1].mean(0) for how, turns in self.by_step.items()}
        words = "; ".join(
            f"{how} {turns[2]:.2f} at step 10, {turns[-1]:.2f} at the last"
            for how, turns in other.items()
        )
        return (
            "Turn of one estimate when the image is exchanged and $z_t$ kept; mean and range over "
            f"seeds ({self._seeds}). For an image of another class: {words}."
        )

    def listens(self, how: str) -> str:
        """Say what another image does beside what other noise does."""
        _, image, none, noise = self.turned[how][:, :, 0].mean(0)
        return (
            f"with *{how}* another class's image turns the estimate by {image:.2f}, none at all by "
            f"{none:.2f}, other noise by {noise:.2f}"
        )

    @property
    def _seeds(self) -> int:
        return len(next(iter(self.models.values())))

    def _turned(self, model: RevCD) -> list[list[float]]:
        features, turns = self.benchmark.features, []
        before = model.estimate(features[self.images.flatten()], guidance=1.0, stream="swap")
        classes = prototype_scores(before, model.prototypes).argmax(1)
        for swap, images in self.swaps.items():
            scale, stream = 0.0 if swap == NO_IMAGE else 1.0, "other" if swap == NOISE else "swap"
            after = model.estimate(features[images.flatten()], guidance=scale, stream=stream)
            turn = float(1 - F.cosine_similarity(before, after).mean())
            changed = prototype_scores(after, model.prototypes).argmax(1) != classes
            turns.append([turn, 100 * float(changed.double().mean())])
        return turns

    @torch.no_grad()
    def _turned_at(self, model: RevCD, step: int) -> list[float]:
        net, labels = model.networks.eval(), self.benchmark.labels[self.images.flatten()]
        z0 = model.prototypes[labels.to(model.prototypes.device)]
        t = torch.full((len(z0),), step, device=z0.device)
        with seeded(model.seed, "lesson/turned"):
            zt = net.schedule.q_sample(z0, t, torch.randn_like(z0))
        estimates = []
        for swap, images in {"none": self.images, **self.swaps}.items():
            features = self.benchmark.features[images.flatten()].to(z0)
            shown = net.visual(model.images(features))
            condition = net.null.expand_as(shown) if swap == NO_IMAGE else shown
            estimates.append(net.both(zt, t, condition)[0])
        kept, *others, _ = estimates
        return [float(1 - F.cosine_similarity(kept, other).mean()) for other in others]
