"""What happens while generators train: losses, the critic's slope, slow rates, and collapse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.experiments.generative import FIT, Generator, Settings
from zslnb.genzsl import GenZSL, mean_cosines
from zslnb.imagination import Imagination
from zslnb.protocol import (
    ClassifierSettings,
    class_means,
    evaluate_conventional,
    train_classifier,
)
from zslnb.seeds import seeded
from zslnb.studies.speed import COLOURS
from zslnb.studies.study import Drawn, Study

PANELS = (  # generator, loss term, title
    ("GenZSL", "reconstruction", "squared error"),
    ("GenZSL", "kl", "KL"),
    ("GenZSL", "boosting", "boosting term"),
    ("f-VAEGAN", "reconstruction", "cross-entropy"),
    ("f-VAEGAN", "kl", "KL"),
    ("f-VAEGAN", "critic", r"critic's $D(\hat x) - D(x)$"),
)


@dataclass
class Watch:
    """Trains generators with seed 0, and looks at each after every round.

    A look has the generator's "steps" so far, "T1" of a classifier of synthetic features alone,
    how "alike" synthetic class means are (mean cosine), and, where there is a critic, how "steep"
    it is. `looks` has a frame for each name, `histories` the losses.
    """

    benchmark: Benchmark
    classifier: ClassifierSettings
    device: torch.device | str = "cpu"
    looks: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._features = F.normalize(self.benchmark.features, dim=1).to(self.device)

    def train(self, name: str, settings: Settings, benchmark: Benchmark | None = None) -> Generator:
        """Train on one thread, on the benchmark or on one that differs in semantics alone."""
        looks: list[dict] = []
        data = self.benchmark if benchmark is None else benchmark
        with one_thread():
            fit = FIT[type(settings)]
            run = fit(data, settings, 0, self.device, on_round=lambda m: looks.append(self.look(m)))
        self.looks[name] = pd.DataFrame(looks)
        return run

    def look(self, run: Generator) -> dict[str, float]:
        """Note how a generator in training is doing."""
        x, y = run.synthesise(self.benchmark.unseen, 100)
        judge = train_classifier(x, y, self.classifier, seed=0)
        scored = judge.scores, judge.classes, self._features, self.benchmark
        alike = mean_cosines(class_means(x, y))["without diagonal"]
        look = {"steps": run.history[-1]["steps"], "T1": evaluate_conventional(*scored)}
        adversarial = isinstance(run, Imagination) and run.networks.critic is not None
        return {**look, "alike": alike} | ({"steep": steepness(run)} if adversarial else {})


@torch.no_grad()
def steepness(run: Imagination) -> float:
    """Mean length of the critic's gradient, between real and generated training features."""
    rows = torch.arange(0, len(run.labels), max(1, len(run.labels) // 500))
    x, a = run.scaled(rows), run.semantics[run.labels[rows]]
    with seeded(0, "lesson/steepness"):
        fake, share = run.networks.make(x, a), torch.rand(len(x), 1, device=x.device)
    critic, between = run.networks.critic, share * x + (1 - share) * fake
    return float(critic.input_gradient(between, critic.semantics(a)).norm(dim=1).mean())


def class_mean_floor(run: GenZSL | Imagination) -> float:
    """Reconstruction error of a generator that knows the class and nothing more.

    At best it returns something like the class mean: GenZSL is held against the squared error of
    the mean's direction, f-VAEGAN against the mean's cross-entropy.
    """
    y = torch.searchsorted(run.seen, run.labels)
    if isinstance(run, GenZSL):
        means = class_means(run.features, y)
        return float((2 - 2 * F.cosine_similarity(means[y], run.features)).mean())
    scaled = run.scaled(torch.arange(len(y), device=y.device))
    guess = class_means(scaled, y)[y].clamp(1e-6, 1 - 1e-6)
    return float(F.binary_cross_entropy(guess, scaled, reduction="sum") / len(y))


def losses(generators: Mapping[str, Generator]) -> Drawn:
    """How do the loss terms of GenZSL and f-VAEGAN go by round?"""
    history = {name: pd.DataFrame(generators[name].history) for name in ("GenZSL", "f-VAEGAN")}
    floor = {name: class_mean_floor(generators[name]) for name in history}
    fig, axes = plt.subplots(2, 3, figsize=(10, 5.2), sharex="row")
    for ax, (name, term, title) in zip(axes.flat, PANELS, strict=True):
        style = {"marker": "o", "markersize": 4, "color": COLOURS[name]}
        ax.plot(history[name]["steps"], history[name][term], **style)
        ax.set(title=f"{name}: {title}")
        if term == "reconstruction":
            ax.axhline(floor[name], color="k", linestyle=":", label="floor: class means")
            ax.legend(fontsize=8)
    axes[0, 1].set_yscale("log")
    for ax in axes[1]:
        ax.set_xlabel("steps of the generator")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss term, unweighted")
    ends = {name: rounds.iloc[-1] for name, rounds in history.items()}
    induced, imagined = (end["reconstruction"] - floor[name] for name, end in ends.items())
    text = (
        f"Loss terms by round, one seed. GenZSL's reconstruction ends {induced:+.3f} from the "
        f"floor of class means, f-VAEGAN's {imagined:+.2f}; their KL end at "
        f"{ends['GenZSL']['kl']:.0e} and {ends['f-VAEGAN']['kl']:.2f}. Terms of different kinds "
        "cannot be compared in height, only in course."
    )
    return Drawn("losses", fig, text)


def penalty_rule(run: Imagination, looks: pd.DataFrame) -> Drawn:
    """Where does f-VAEGAN's rule for the penalty's weight take the critic?"""
    steepness = float(looks["steep"].iloc[-1])
    weights = pd.DataFrame(run.history)["penalty weight"]
    steps, start = looks["steps"], run.settings.penalty_weight
    style = {"marker": "o", "markersize": 4, "color": COLOURS["f-VAEGAN"]}
    fig, axes = plt.subplots(1, 2, figsize=(8.6, 3.2))
    axes[0].plot([0, *steps], [start, *weights], **style)
    axes[0].set(yscale="log", ylabel=r"weight $\lambda_1$ (log scale)")
    axes[1].plot(steps, looks["steep"], **style)
    axes[1].axhline(1, color="k", linestyle=":", label="asked for by the formula")
    axes[1].axhline(2, color="k", linestyle="--", label="where the rule holds still")
    axes[1].set(ylabel="mean length of the gradient", ylim=(0, None))
    axes[1].legend(fontsize=8, loc="lower right")
    for ax in axes:
        ax.set_xlabel("steps of the generator")
    drifted = abs(steepness - 2) < abs(steepness - 1)
    text = (
        rf"The released rule at work: $\lambda_1$ goes from "
        f"{run.settings.penalty_weight:g} to {weights.iloc[-1]:.2g} (lowest "
        f"{weights.min():.2g}), and the critic's gradient ends at a mean length of "
        f"{steepness:.2f}: nearer to "
        f"{'2, as the rule implies' if drifted else '1, as it should be'}."
    )
    return Drawn("penalty", fig, text, steepness=steepness)


def slow_rates(
    looks: Mapping[str, pd.DataFrame], names: Sequence[str], published: Mapping[str, float]
) -> Drawn:
    """What does a tenth of the learning rate cost each generator?

    Args:
        looks: a frame for each name, and one for its slow twin, "<name>, rate / 10".
        names: of the generators.
        published: learning rates of the released scripts.
    """
    slow = {name: f"{name}, rate / 10" for name in names}
    fig, ax = plt.subplots(figsize=(7.6, 3.8))
    for name, mark in zip(names, "vso", strict=True):
        for label, line in ((name, "-"), (slow[name], "--")):
            style = {"marker": mark, "markersize": 4, "color": COLOURS[name], "label": label}
            ax.plot(looks[label].steps, 100 * looks[label].T1, line, **style)
    ax.set(xlabel="steps of the generator", ylim=(0, 100))
    ax.set_ylabel("T1, classifier of synthetic\nfeatures alone (%)")
    ax.legend(fontsize=8, loc="lower right", ncols=3)
    last = min(float(looks[label].steps.iloc[-1]) for label in slow.values())
    t1 = {name: 100 * np.interp(last, looks[name].steps, looks[name].T1) for name in looks}
    lost = ", ".join(f"{name} {t1[name] - t1[slow[name]]:.0f} points" for name in names)
    rates = " and ".join(f"{rate:g} for {name}" for name, rate in published.items())
    text = (
        f"Slow on purpose, one seed. After {int(last)} steps a tenth of the learning rate costs "
        f"{lost}. The rates of the released scripts for AWA2 are {rates}."
    )
    return Drawn("slow", fig, text)


@dataclass
class Collapse(Study):
    """Class texts that are nearly the same: what do GenZSL and a cVAE make of them?

    `looks` has the runs of ARMS, trained with such texts, and "GenZSL", trained with the
    benchmark's own; `passes` is how often each goes over the data between two looks.
    """

    benchmark: Benchmark
    looks: Mapping[str, pd.DataFrame]
    passes: Mapping[str, int]
    texts: float  # mean cosine between the texts
    name = "collapse"

    ARMS = (
        ("GenZSL without CDP", ":"),
        ("GenZSL, CDP as released", "--"),
        ("GenZSL, CDP and unit length", "-"),
        ("cVAE without CDP", ":"),
        ("cVAE, CDP and unit length", "-"),
    )
    PAIRS = (  # the worse, and the cured
        ("GenZSL without CDP", "GenZSL, CDP and unit length"),
        ("GenZSL, CDP as released", "GenZSL, CDP and unit length"),
        ("cVAE without CDP", "cVAE, CDP and unit length"),
    )

    def t1(self, name: str, look: int) -> float:
        """T1 in percent at a look: 0 is the first, -1 the last."""
        return 100 * self.looks[name].T1.iloc[look]

    def _targets(self) -> dict[str, float]:
        b, rows = self.benchmark, self.benchmark.test_unseen_idx
        means = class_means(F.normalize(b.features[rows], dim=1), b.labels[rows])
        return {
            "T1": self.t1("GenZSL", -1),
            "alike": mean_cosines(means)["without diagonal"],
        }

    def figure(self) -> Figure:
        targets = self._targets()
        fig, axes = plt.subplots(1, 2, figsize=(9.8, 4))
        for ax, (key, factor) in zip(axes, {"T1": 100, "alike": 1}.items(), strict=True):
            for name, line in self.ARMS:
                seen, family = self.looks[name], "GenZSL" if "GenZSL" in name else "cVAE"
                passes = self.passes[name] * np.arange(1, len(seen) + 1)
                style = {"marker": "v" if family == "GenZSL" else "s", "markersize": 4}
                style |= {"color": COLOURS[family], "label": name}
                ax.plot(passes, factor * seen[key], line, **style)
            ax.axhline(targets[key], color="k", linewidth=0.8)
            ax.set_xlabel("passes over the training data")
        axes[0].set(ylabel="T1, synthetic features alone (%)", ylim=(0, 100))
        axes[0].set_title("line: GenZSL on the texts as they are", fontsize=9)
        axes[1].set(ylabel="mean cosine of class means", ylim=(0, 1.05))
        axes[1].set_title("line: real class means", fontsize=9)
        handles = axes[0].get_legend_handles_labels()
        fig.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
        return fig

    def finding(self) -> str:
        names = [name for name, _ in self.ARMS[:3]]
        start, stop = ([self.t1(name, look) for name in names] for look in (0, -1))
        return (
            f"Class texts with a mean cosine of {self.texts:.3f}, one seed. Without CDP all of "
            "GenZSL's synthetic class means start at a cosine of "
            f"{self.looks[names[0]].alike.iloc[0]:.3f} and T1 at {start[0]:.0f} %; CDP as released "
            f"starts at {start[1]:.0f} %, at unit length at {start[2]:.0f} %. At the end they have "
            f"{stop[0]:.0f}, {stop[1]:.0f} and {stop[2]:.0f} %."
        )

    def recovery(self) -> list[str]:
        """Say how much of each collapse is made up by training on."""
        return [self._recovers(bad, good) for bad, good in self.PAIRS]

    def _recovers(self, bad: str, good: str) -> str:
        lost, still = (self.t1(good, look) - self.t1(bad, look) for look in (0, -1))
        if lost < 0.5:
            return f"**{bad}** does not start behind *{good}*."
        made_up = min(1.0, 1 - still / lost)
        return (
            f"**{bad}** starts {lost:.0f} points behind *{good}*. Training on makes up "
            f"{made_up:.0%} of that."
        )

    def cure(self) -> str:
        """Say whether CDP at unit length helps both generators, from the first look to the last."""
        cured = all(
            self.t1(good, 0) > self.t1(bad, 0) and self.t1(good, -1) >= self.t1(bad, -1)
            for bad, good in self.PAIRS[::2]
        )
        return (
            f"CDP at unit length {'cures' if cured else 'does not cure'} both generators here, the "
            "one that is to induce and the one that imagines. It works on the semantics before "
            "any generator sees them, so it belongs to neither paradigm."
        )
