"""The order in which a generator and a classifier see their samples, and looks at the test set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from torch import Tensor

from zslnb import genzsl
from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.experiments.generative import unit_features, with_synthetic
from zslnb.genzsl import GenZSL, GenZSLSettings
from zslnb.protocol import ClassifierTrainer, evaluate_gzsl
from zslnb.seeds import seeded
from zslnb.studies.study import Drawn, Study


@dataclass
class StoredOrders(Study):
    """In which order are a benchmark's training images stored, and what if it were another?"""

    benchmark: Benchmark

    @cached_property
    def _labels(self) -> Int64[Tensor, " N"]:
        return self.benchmark.labels[self.benchmark.train_idx]

    @cached_property
    def orders(self) -> dict[str, Int64[Tensor, " N"]]:
        """Positions among the training images, class by class and shuffled once and for all."""
        with seeded(0, "lesson/stored once"):
            once = torch.randperm(len(self._labels))
        return {"class by class": self._labels.argsort(stable=True), "shuffled once": once}

    @cached_property
    def stored(self) -> dict[str, Benchmark]:
        """The benchmark with its training images listed in each of these orders."""
        b = self.benchmark
        return {name: replace(b, train_idx=b.train_idx[rows]) for name, rows in self.orders.items()}

    @property
    def _changes(self) -> int:
        return int((self._labels.diff() != 0).sum())

    @property
    def in_blocks(self) -> bool:
        """Whether images are stored class by class."""
        return self._changes == len(self.benchmark.seen) - 1

    def finding(self) -> str:
        like = (
            "class by class, like SUN’s"
            if self.in_blocks
            else "in mixed order, like AWA2’s and CUB’s"
        )
        return (
            f"The training images of {self.benchmark.name} are stored {like}: "
            f"{len(self._labels):,} images make {self._changes + 1:,} runs of one class."
        )


def boosting_orders(
    curves: Mapping[str, Float[np.ndarray, " n"]], passes: int, batch_size: int
) -> Drawn:
    """How low does the boosting term get, by the order of the training images?"""
    fig, ax = plt.subplots(figsize=(7.5, 3.3))
    for (name, curve), style in zip(curves.items(), ("-", "--", "-"), strict=True):
        ax.plot(np.arange(1, len(curve) + 1), curve, style, label=name, linewidth=1.2)
    label = f"ln {batch_size}: a batch of one class"
    style = {"color": "k", "linewidth": 0.8, "linestyle": ":"}
    ax.axhline(np.log(batch_size), **style, label=label)
    ax.set(xlabel="training step", ylabel="boosting term of the batch (nats)")
    ax.legend(fontsize=8, ncols=2, loc="lower left")
    ax.set_ylim(0, None)
    ends = {name: curve[-len(curve) // passes :].mean() for name, curve in curves.items()}
    means = ", ".join(f"{end:.2f} {name}" for name, end in ends.items())
    alike = abs(ends["shuffled once"] - ends["shuffled in each pass"]) < 0.2
    text = (
        f"The boosting term over training. In its last pass it is {means}; "
        f"ln {batch_size} is {np.log(batch_size):.2f}."
    )
    if alike:
        text += " An order shuffled once does as well as one that is shuffled always."
    return Drawn("boosting-orders", fig, text)


def looks_of_training(
    benchmark: Benchmark,
    released: GenZSLSettings,
    device: torch.device | str = "cpu",
    rounds: int = 2,
) -> tuple[GenZSL, pd.DataFrame]:
    """Train as released, seed 0, for its first rounds; one classifier lives through all of them.

    Returns:
        The model, and S, U and H in percent of every look: one after each classifier epoch.
    """
    trainers: list[ClassifierTrainer] = []
    curve: list[dict[str, float]] = []

    def look(run: GenZSL) -> None:
        stream = f"synthesis/{len(run.history)}"  # fresh synthetic features in each round
        x, y = with_synthetic(run, benchmark.unseen, released.n_synthetic, stream)
        if not trainers:
            how = released.classifier, 0, device
            trainers.append(ClassifierTrainer(x.shape[1], y.unique(), *how))
        features, judge = unit_features(benchmark, run), trainers[0]
        for _ in range(released.classifier.epochs):
            judge.train_epoch(x, y)
            curve.append(evaluate_gzsl(judge.scores, judge.classes, features, benchmark))

    with one_thread():
        first_rounds = replace(released, rounds=min(rounds, released.rounds))
        run = genzsl.fit(benchmark, first_rounds, 0, device, on_round=look)
    return run, 100 * pd.DataFrame(curve, index=range(1, len(curve) + 1))


@dataclass
class ClassifierOrders(Study):
    """What does the released classifier learn when, by the order in which it is fed?"""

    benchmark: Benchmark
    model: GenZSL
    released: GenZSLSettings
    stored: StoredOrders
    name = "classifier-orders"

    @cached_property
    def followed(self) -> dict[str, pd.DataFrame]:
        """S, U, H and the share of answers that name the last class, after each epoch."""
        by_class, once = self.stored.orders.values()
        with one_thread():
            return {
                "all class by class": self._follow(by_class, shuffle=False),
                "seen shuffled once": self._follow(once, shuffle=False),
                "all shuffled": self._follow(once, shuffle=True),
            }

    def _follow(self, order: Int64[Tensor, " N"], shuffle: bool) -> pd.DataFrame:
        b, model = self.benchmark, self.model
        rows, features = order.to(model.features.device), unit_features(b, model)
        synthetic, synthetic_labels = model.synthesise(b.unseen, self.released.n_synthetic)
        x = torch.cat([model.features[rows], synthetic])
        y = torch.cat([model.labels[rows], synthetic_labels])
        how = replace(self.released.classifier, shuffle=shuffle)
        judge = ClassifierTrainer(x.shape[1], y.unique(), how, 0, x.device)
        last = (judge.classes == y[-1]).nonzero().item()
        test = torch.cat([b.test_seen_idx, b.test_unseen_idx]).to(features.device)
        curve = []
        for _ in range(how.epochs):
            judge.train_epoch(x, y)
            scores = evaluate_gzsl(judge.scores, judge.classes, features, b)
            named = judge.scores(features[test]).argmax(1) == last
            curve.append({**scores, "last class": float(named.float().mean())})
        return 100 * pd.DataFrame(curve, index=range(1, how.epochs + 1))

    def figure(self) -> Figure:
        fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
        for ax, (name, curve) in zip(axes, self.followed.items(), strict=True):
            for metric, style in {"S": "--", "U": ":", "H": "-", "last class": "-."}.items():
                label = "answers that name the last class" if metric == "last class" else metric
                ax.plot(curve.index, curve[metric], style, label=label, linewidth=1.4)
            ax.set(title=name, xlabel="classifier epoch", ylim=(-2, 102))
        axes[0].set_ylabel("% of test images")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        return fig

    def finding(self) -> str:
        ordered = self.followed["all class by class"]
        peaks = ", ".join(
            f"in epoch {curve['H'].idxmax()} ({name}, {curve['H'].max():.0f} %)"
            for name, curve in self.followed.items()
        )
        return (
            f"The released classifier on one model's features. Class by class, S is "
            f"{ordered['S'].iloc[0]:.0f} % after one epoch, and up to "
            f"{ordered['last class'].max():.0f} % of all test images (in epoch "
            f"{ordered['last class'].idxmax()}) are named the very last class. H is highest "
            f"{peaks}. On {self.benchmark.name} the released order is the "
            f"{'left' if self.stored.in_blocks else 'middle'} one."
        )

    def at_the_end(self) -> str:
        """Say what class by class costs or favours after the last epoch."""
        ordered, shuffled = (
            self.followed[name].iloc[-1] for name in ("all class by class", "all shuffled")
        )
        slow, favour = ordered["S"] < shuffled["S"] / 2, ordered["U"] > shuffled["U"] + 2
        text = (
            f"After {self.released.classifier.epochs} epochs U is {ordered['U']:.0f} % class by "
            f"class and {shuffled['U']:.0f} % shuffled; S is {ordered['S']:.0f} % and "
            f"{shuffled['S']:.0f} %. "
        )
        if slow:
            text += "Class by class, seen classes have hardly been learnt yet. "
        elif favour:
            text += (
                "The order is not only slow: unseen classes come last, and that works like a "
                "hidden weight in their favour, which real seen features wear down with time. "
                "Where H is highest depends on when one looks."
            )
        return text


def looks_at_test(
    on_test: pd.DataFrame, on_validation: pd.DataFrame, released: GenZSLSettings
) -> Drawn:
    """What is 'best minus last' made of? Every look of the first rounds, on test and validation.

    Args:
        on_test, on_validation: of `looks_of_training`.
        released: settings of that training.
    """
    h, validation = on_test["H"], on_validation["H"]
    chosen = {
        "best on test": h.idxmax(),
        "chosen on validation": validation.idxmax(),
        "last shown": h.index[-1],
    }
    starts = [*on_test.index[:: released.classifier.epochs]]  # the first look of each round
    fig, ax = plt.subplots(figsize=(8.5, 3.6))
    ax.vlines(starts, 0, 100, color="0.85", linewidth=1)
    for metric, style in {"S": "--", "U": ":", "H": "-"}.items():
        ax.plot(h.index, on_test[metric], style, label=f"{metric}, test", linewidth=1.3)
    ax.plot(validation.index, validation, "-.", label="H, validation", linewidth=1.3)
    for marker, (name, look) in zip("*so", chosen.items(), strict=True):
        style = {"color": "k", "markersize": 8, "label": name, "zorder": 3}
        ax.plot(look, h[look], marker, **style)
    ax.set(xlabel="look (classifier epoch)", ylabel="%", ylim=(0, 100))
    fig.legend(ncols=7, fontsize=8, loc="outside lower center")
    looks = ", ".join(f"{h[at]:.1f} {name} (look {at})" for name, at in chosen.items())
    jump = np.mean([h[at] - h[at - 1] for at in starts[1:]] or [np.nan])
    text = (
        f"One seed, every look of its first {len(starts)} of {released.rounds} rounds. H on test: "
        f"{looks}. Grey lines: the generator has gone on, and features are fresh; the first epoch "
        f"on them moves H by {jump:+.1f} points on average."
    )
    return Drawn("looks", fig, text)
