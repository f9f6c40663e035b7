"""The order in which a generator and a classifier see their samples, and looks at the test set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.generative import unit_features, with_synthetic
from zslnb.experiments.models import trained
from zslnb.genzsl import GenZSL, GenZSLSettings
from zslnb.protocol import ClassifierTrainer, evaluate_gzsl
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.kept import kept, weights_sha256
from zslnb.studies.study import Drawn, Study
from zslnb.studies.style import SCORES

UNSEEN = "unseen class"  # the share of all answers that name one
UNSEEN_LOOK = {"color": "k", "linestyle": "-."}


@dataclass
class StoredOrders(Study):
    """In which order are a benchmark's training images stored, and what if it were another?"""

    benchmark: Benchmark

    def __post_init__(self) -> None:
        self._labels = self.benchmark.labels[self.benchmark.train_idx]
        self._runs = 1 + int((self._labels.diff() != 0).sum())
        self.in_blocks = self._runs == len(self.benchmark.seen)

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

    def finding(self) -> str:
        block, mixed = "class by class, like SUN’s", "in mixed order, like AWA2’s and CUB’s"
        return (
            f"The training images of {self.benchmark.name} are stored "
            f"{block if self.in_blocks else mixed}: {len(self._labels):,} images make "
            f"{self._runs:,} runs of one class."
        )


def boosting_orders(
    curves: Mapping[str, Float[np.ndarray, " n"]], passes: int, batch_size: int
) -> Drawn:
    """How low does the boosting term get, by the order of the training images?"""
    fig, ax = plt.subplots(figsize=(7.5, 3.3))
    for (name, curve), style in zip(curves.items(), ("-", "--", "-"), strict=True):
        ax.plot(np.arange(1, len(curve) + 1), curve, style, label=name, linewidth=1.2)
    floor, label = np.log(batch_size), f"ln {batch_size}: a batch of one class"
    ax.axhline(floor, color="k", linewidth=0.8, linestyle=":", label=label)
    ax.set(xlabel="training step", ylabel="boosting term of the batch (nats)")
    ax.legend(ncols=2, loc="lower left")
    ax.set_ylim(0, None)
    ends = {name: curve[-len(curve) // passes :].mean() for name, curve in curves.items()}
    text = (
        "The boosting term over training. In its last pass it is "
        f"{', '.join(f'{end:.2f} {name}' for name, end in ends.items())}; "
        f"ln {batch_size} is {floor:.2f}."
    )
    if abs(ends["shuffled once"] - ends["shuffled in each pass"]) < 0.2:
        text += " An order shuffled once does as well as one that is shuffled always."
    alt = (
        "The boosting term by training step, a line for each order of the images. Class by "
        "class it stays close below a dotted line, the logarithm of the batch size; the two "
        "shuffled orders fall together, steeply and then slowly, with a dip where a pass "
        "ends."
    )
    return Drawn("boosting-orders", fig, text, alt=alt)


def looks_of_training(
    benchmark: Benchmark, released: GenZSLSettings, device: torch.device | str = "cpu"
) -> tuple[GenZSL, pd.DataFrame]:
    """Train as released, seed 0, for its first two rounds; one classifier lives through both.

    Returns:
        The model, and S, U and H in percent of every look: one after each classifier epoch. Both
        are kept.
    """
    first_rounds = replace(released, rounds=min(2, released.rounds))

    def looks() -> list[dict[str, float]]:
        trainers: list[ClassifierTrainer] = []
        curve: list[dict[str, float]] = []
        look = partial(_look, benchmark, released, device, trainers, curve)
        trained(benchmark, first_rounds, 0, device, look)
        return curve

    curve = kept(__name__, looks, benchmark, device, settings=asdict(first_rounds))
    run = trained(benchmark, first_rounds, 0, device)
    return run, 100 * pd.DataFrame(curve, index=range(1, len(curve) + 1))


def _look(
    benchmark: Benchmark,
    released: GenZSLSettings,
    device: torch.device | str,
    trainers: list[ClassifierTrainer],
    curve: list[dict[str, float]],
    run: GenZSL,
) -> None:
    stream = f"synthesis/{len(run.history)}"  # fresh synthetic features in each round
    x, y = with_synthetic(run, benchmark.unseen, released.n_synthetic, stream)
    if not trainers:
        trainers.append(ClassifierTrainer(x.shape[1], y.unique(), released.classifier, 0, device))
    features, judge = unit_features(benchmark, run), trainers[0]
    for _ in range(released.classifier.epochs):
        judge.train_epoch(x, y)
        curve.append(evaluate_gzsl(judge.scores, judge.classes, features, benchmark))


def classifier_orders(model: GenZSL, released: GenZSLSettings, stored: StoredOrders) -> Drawn:
    """What does the released classifier learn when, by the order in which it is fed?

    `followed` of what is returned has S, U, H and the share of answers that name an unseen class,
    after each epoch, for each order.
    """
    b, (by_class, once) = stored.benchmark, stored.orders.values()
    orders = {
        "all class by class": (by_class, False),
        "seen shuffled once": (once, False),
        "all shuffled": (once, True),
    }
    known = {"settings": asdict(released), "model": weights_sha256(model.networks)}
    followed = {}
    for name, how in orders.items():
        follow = partial(_follow, b, model, released, *how)
        curve = kept(__name__, follow, b, model.features.device, **known, order=name)
        followed[name] = 100 * pd.DataFrame(curve, index=range(1, len(curve) + 1))
    fig, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True)
    for ax, (name, curve) in zip(axes, followed.items(), strict=True):
        for metric in "SUH":
            ax.plot(curve.index, curve[metric], label=metric, **SCORES[metric])
        label = "answers that name an unseen class"
        ax.plot(curve.index, curve[UNSEEN], label=label, **UNSEEN_LOOK)
        ax.set(title=name, xlabel="classifier epoch", ylim=(-2, 102))
    axes[0].set_ylabel("% of test images")
    plots.shared_legend(fig, axes[0], 4)
    ordered = followed["all class by class"]
    peaks = ", ".join(
        f"in epoch {curve['H'].idxmax()} ({name}, {curve['H'].max():.0f} %)"
        for name, curve in followed.items()
        if curve["H"].max() >= 1
    )
    text = (
        "The released classifier on one model's features. Class by class, S is "
        f"{ordered['S'].iloc[0]:.0f} % after one epoch, and {ordered[UNSEEN].iloc[0]:.0f} % of all "
        f"test images are named an unseen class. H is highest {peaks}. "
        f"On {b.name} the released order is the {'left' if stored.in_blocks else 'middle'} one."
    )
    alt = (
        "Three panels by classifier epoch, one for each order of its training data. Class by "
        "class and with seen images shuffled once, nearly all answers name an unseen class, "
        "and S, U and H stay low. With everything shuffled that share falls, while U, H and S "
        "rise."
    )
    return Drawn("classifier-orders", fig, text, alt=alt, followed=followed)


def _follow(
    b: Benchmark, model: GenZSL, released: GenZSLSettings, order: Int64[Tensor, " N"], shuffle: bool
) -> list[dict[str, float]]:
    rows, features = order.to(model.features.device), unit_features(b, model)
    synthetic, synthetic_labels = model.synthesise(b.unseen, released.n_synthetic)
    x = torch.cat([model.features[rows], synthetic])
    y = torch.cat([model.labels[rows], synthetic_labels])
    how = replace(released.classifier, shuffle=shuffle)
    judge = ClassifierTrainer(x.shape[1], y.unique(), how, 0, x.device)
    unseen = torch.isin(judge.classes, b.unseen.to(judge.classes.device))
    test = torch.cat([b.test_seen_idx, b.test_unseen_idx]).to(features.device)
    curve = []
    for _ in range(how.epochs):
        judge.train_epoch(x, y)
        scores = evaluate_gzsl(judge.scores, judge.classes, features, b)
        named = unseen[judge.scores(features[test]).argmax(1)]
        curve.append({**scores, UNSEEN: float(named.float().mean())})
    return curve


def looks_at_test(
    on_test: pd.DataFrame, on_validation: pd.DataFrame, released: GenZSLSettings
) -> Drawn:
    """What is 'best minus last' made of, by the looks of `looks_of_training`?"""
    h, validation = on_test["H"], on_validation["H"]
    chosen = {
        "best on test": h.idxmax(),
        "chosen on validation": validation.idxmax(),
        "last shown": h.index[-1],
    }
    starts = [*on_test.index[:: released.classifier.epochs]]  # the first look of each round
    fig, ax = plt.subplots(figsize=(8, 3.6))
    style = {"color": "0.5", "linewidth": 1, "linestyle": "--", "label": "a new round"}
    ax.vlines(starts[1:], 0, 100, **style)
    for metric in "SUH":
        ax.plot(h.index, on_test[metric], label=f"{metric}, test", **SCORES[metric])
    style = {"color": SCORES["H"]["color"], "linestyle": "-."}
    ax.plot(validation.index, validation, label="H, validation", **style)
    for marker, (name, look) in zip("*so", chosen.items(), strict=True):
        ax.plot(look, h[look], marker, color="k", markersize=8, label=name, zorder=3)
    ax.set(xlabel="look (classifier epoch)", ylabel="accuracy (%)", ylim=(0, 100))
    fig.legend(ncols=4, loc="outside lower center")
    looks = ", ".join(f"{h[at]:.1f} {name} (look {at})" for name, at in chosen.items())
    jump = np.mean([h[at] - h[at - 1] for at in starts[1:]] or [np.nan])
    average = " on average" if len(starts) > 2 else ""
    text = (
        f"One seed, every look of its first {len(starts)} of {released.rounds} rounds. H on test: "
        f"{looks}. {'The marks coincide. ' * (len({*chosen.values()}) == 1)}Grey, dashed: the "
        "generator has gone on, and features are fresh; the first epoch on "
        f"them moves H by {jump:+z.1f} points{average}."
    )
    alt = (
        "S, U and H on test images and H on validation by look, with a vertical dashed line "
        "where a new round starts. All rise slowly; U is above the others. Markers on the "
        "line of H show the looks that are best on test, chosen on validation, and last."
    )
    return Drawn("looks", fig, text, alt=alt)
