"""What happens while generators train: losses, the critic's slope, slow rates, and collapse."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from zslnb.benchmark import Benchmark
from zslnb.experiments.families import Generator, Settings
from zslnb.experiments.models import trained
from zslnb.genzsl import GenZSL, mean_cosines
from zslnb.imagination import Imagination
from zslnb.protocol import ClassifierSettings, class_means, evaluate_conventional, train_classifier
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.generators import Device
from zslnb.studies.kept import kept
from zslnb.studies.study import Drawn
from zslnb.studies.style import METHODS, SMALLEST

PANELS = (  # generator, loss term, title
    ("GenZSL", "reconstruction", "squared error"),
    ("GenZSL", "kl", "KL (nats, log scale)"),
    ("GenZSL", "boosting", "boosting term (nats)"),
    ("f-VAEGAN", "reconstruction", "cross-entropy (nats)"),
    ("f-VAEGAN", "kl", "KL (nats)"),
    ("f-VAEGAN", "critic", r"$\mathrm{D}(\hat x) - \mathrm{D}(x)$"),
)
ARMS = {  # trained with texts that are nearly the same -> how its line is drawn
    "GenZSL without CDP": ":",
    "GenZSL, CDP as released": "--",
    "GenZSL, CDP and unit length": "-",
    "cVAE without CDP": ":",
    "cVAE, CDP and unit length": "-",
}
TARGETS = {  # horizontal lines: what they are, and how they are drawn
    "T1": ("GenZSL on the texts as they are (left)", "-"),
    "alike": ("real class means (right)", "-."),
}
Looks = Mapping[str, pd.DataFrame]  # name of a run -> what `Watch` saw of it


@dataclass
class Watch:
    """Trains generators with seed 0, and looks at each after every round.

    A look has the generator's "steps" so far, "T1" of a classifier of synthetic features alone,
    how "alike" synthetic class means are (mean cosine), and, where there is a critic, how "steep"
    it is. `looks` has a frame for each name.
    """

    benchmark: Benchmark
    classifier: ClassifierSettings
    device: Device = "cpu"
    looks: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._features = F.normalize(self.benchmark.features, dim=1).to(self.device)

    def train(self, name: str, settings: Settings, benchmark: Benchmark | None = None) -> Generator:
        """Train on the benchmark, or on one that differs in semantics alone, unless that was done.

        The model and the looks are kept.
        """
        data = self.benchmark if benchmark is None else benchmark

        def watched() -> list[dict[str, float]]:
            looks: list[dict[str, float]] = []
            trained(data, settings, 0, self.device, lambda run: looks.append(self.look(run)))
            return looks

        how = {"settings": asdict(settings), "classifier": asdict(self.classifier)}
        self.looks[name] = pd.DataFrame(kept(__name__, watched, data, self.device, **how))
        return trained(data, settings, 0, self.device)

    def look(self, run: Generator) -> dict[str, float]:
        """Note how a generator in training is doing."""
        x, y = run.synthesise(self.benchmark.unseen, 100)
        judge = train_classifier(x, y, self.classifier, seed=0)
        scored = judge.scores, judge.classes, self._features, self.benchmark
        look = {"steps": run.history[-1]["steps"], "T1": evaluate_conventional(*scored)}
        look["alike"] = mean_cosines(class_means(x, y))["without diagonal"]
        if isinstance(run, Imagination) and run.networks.critic:
            look["steep"] = steepness(run)
        return look


@torch.no_grad()
def steepness(run: Imagination) -> float:
    """Mean length of the critic's gradient, between real and generated training features."""
    rows = torch.arange(0, len(run.labels), max(1, len(run.labels) // 500))
    x, a = run.scaled[rows], run.semantics[run.labels[rows]]
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
    scaled = run.scaled
    guess = class_means(scaled, y)[y].clamp(1e-6, 1 - 1e-6)
    return float(F.binary_cross_entropy(guess, scaled, reduction="sum") / len(y))


def losses(generators: Mapping[str, Generator]) -> Drawn:
    """How do the loss terms of GenZSL and f-VAEGAN go by round?"""
    history = {name: pd.DataFrame(generators[name].history) for name in ("GenZSL", "f-VAEGAN")}
    floor = {name: class_mean_floor(generators[name]) for name in history}
    fig, axes = plt.subplots(2, 3, figsize=(8, 4.6), sharex="row")
    for ax, (name, term, title) in zip(axes.flat, PANELS, strict=True):
        ax.plot(history[name]["steps"], history[name][term], **METHODS[name])
        ax.set_title(f"{name}: {title}", fontsize=SMALLEST)
        if term == "reconstruction":
            ax.axhline(floor[name], color="k", linestyle=":", label="floor: class means")
            ax.legend()
    axes[0, 1].set_yscale("log")
    for ax in axes.flat:
        ax.set_xlabel("steps of the generator")
    for ax in axes[:, 0]:
        ax.set_ylabel("loss term, unweighted")
    ends = {name: rounds.iloc[-1] for name, rounds in history.items()}
    induced, imagined = (end["reconstruction"] - floor[name] for name, end in ends.items())
    text = (
        f"Loss terms by round, one seed. GenZSL's reconstruction ends {induced:+z.3f} from the "
        f"floor of class means, f-VAEGAN's {imagined:+z.2f}; their KL end at "
        f"{ends['GenZSL']['kl']:.0e} and {ends['f-VAEGAN']['kl']:.2f}. Terms of different kinds "
        "cannot be compared in height, only in course."
    )
    alt = (
        "Six panels of loss terms by generator steps. GenZSL's squared error, KL and boosting "
        "term, above, fall smoothly, the error towards a dotted floor. f-VAEGAN's, below, are "
        "rougher: its cross-entropy falls towards a floor, its KL drops, peaks late and drops "
        "again, and the critic's difference shrinks unevenly."
    )
    return Drawn("losses", fig, text, alt=alt)


def penalty_rule(run: Imagination, looks: pd.DataFrame) -> Drawn:
    """Where does f-VAEGAN's rule for the penalty's weight take the critic?"""
    steepness = float(looks["steep"].iloc[-1])
    weights = pd.DataFrame(run.history)["penalty weight"]
    steps, start = looks["steps"], run.settings.penalty_weight
    style = METHODS["f-VAEGAN"]
    fig, axes = plt.subplots(1, 2, figsize=(8, 3))
    axes[0].plot([0, *steps], [start, *weights], **style)
    axes[0].set(yscale="log", ylabel=r"weight $\lambda_{pen}$ (log scale)")
    axes[1].plot(steps, looks["steep"], **style)
    axes[1].axhline(1, color="k", linestyle=":", label="asked for by the formula")
    axes[1].axhline(2, color="k", linestyle="--", label="where the rule holds still")
    axes[1].set(ylabel="mean length of the gradient", ylim=(0, None))
    axes[1].legend(loc="center right")
    for ax in axes:
        ax.set_xlabel("steps of the generator")
    goals = {0: "0 (it is flat)", 1: "1 (as it should be)", 2: "2 (as the rule implies)"}
    nearest = goals[min(goals, key=lambda goal: abs(steepness - goal))]
    text = (
        rf"The released rule at work: $\lambda_{{pen}}$ goes from "
        f"{run.settings.penalty_weight:g} to {weights.iloc[-1]:.2g} (lowest "
        f"{weights.min():.2g}), and the critic's gradient ends at a mean length of "
        f"{steepness:.2f}, nearest to {nearest}."
    )
    alt = (
        "Two panels by generator steps. Left, the penalty's weight falls in a straight line "
        "on a log scale over many powers of ten. Right, the mean length of the critic's "
        "gradient drops at once to nearly zero, far below the lines where the formula and the "
        "rule want it."
    )
    return Drawn("penalty", fig, text, alt=alt, steepness=steepness)


def slow_rates(looks: Looks, names: Sequence[str], published: Mapping[str, float]) -> Drawn:
    """What does a tenth of the learning rate cost each generator, "<name>, rate / 10" in `looks`?

    `published` are the learning rates of the released scripts.
    """
    slow = {name: f"{name}, rate / 10" for name in names}
    fig, ax = plt.subplots(figsize=(7.6, 3.8))
    for name in names:
        for label, line in ((name, "-"), (slow[name], "--")):
            style = {**METHODS[name], "linestyle": line, "label": label}
            ax.plot(looks[label].steps, 100 * looks[label].T1, **style)
    ax.set(xlabel="steps of the generator", ylim=(0, 100))
    ax.set_ylabel("T1, classifier of synthetic\nfeatures alone (%)")
    ax.legend(loc="lower right", ncols=3)
    last = min(float(looks[label].steps.iloc[-1]) for label in slow.values())
    t1 = {name: 100 * np.interp(last, looks[name].steps, looks[name].T1) for name in looks}
    lost = ", ".join(f"{name} {t1[name] - t1[slow[name]]:.0f}" for name in names)
    rates = " and ".join(f"{rate:g} for {name}" for name, rate in published.items())
    text = (
        f"Slow on purpose, one seed. After {int(last)} steps a tenth of the learning rate costs, "
        f"in points of T1, {lost}. The rates of the released scripts for AWA2 are {rates}."
    )
    alt = (
        "T1 by generator steps for GenZSL, cVAE and f-VAEGAN, each with its own learning "
        "rate, solid, and with a tenth of it, dashed. The dashed lines start far below the "
        "solid ones; GenZSL's and the cVAE's climb towards them, f-VAEGAN's stays low."
    )
    return Drawn("slow", fig, text, alt=alt)


def collapse(benchmark: Benchmark, looks: Looks, passes: Mapping[str, int], texts: float) -> Drawn:
    """Class texts that are nearly the same: what do GenZSL and a cVAE make of them?

    Args:
        benchmark: with its own texts, on which `looks` has "GenZSL" too.
        looks: a frame for each of ARMS, trained with such texts.
        passes: how often each of ARMS goes over the data between two looks.
        texts: mean cosine between the texts.
    """
    t1 = {name: 100 * looks[name].T1.to_numpy() for name in looks}
    start, stop = ([t1[name][look] for name in [*ARMS][:3]] for look in (0, -1))
    text = (
        f"Class texts with a mean cosine of {texts:.3f}, one seed. Without CDP all of "
        "GenZSL's synthetic class means start at a cosine of "
        f"{looks['GenZSL without CDP'].alike.iloc[0]:.3f} and T1 at {start[0]:.0f} %; CDP as "
        f"released starts at {start[1]:.0f} %, at unit length at {start[2]:.0f} %. At the end they "
        f"have {stop[0]:.0f}, {stop[1]:.0f} and {stop[2]:.0f} %."
    )
    fig = _collapsing(benchmark, looks, passes, t1["GenZSL"][-1])
    alt = (
        "Two panels by passes over the data, for GenZSL and a cVAE without CDP (dotted), with "
        "CDP as released (dashed) and at unit length (solid). Left, T1: solid lines are high "
        "from the start, the others start low and climb. Right, the mean cosine of class "
        "means: solid lines fall towards that of real means, the others stay near one."
    )
    return Drawn("collapse", fig, text, alt=alt)


def _collapsing(b: Benchmark, looks: Looks, passes: Mapping[str, int], t1: float) -> plt.Figure:
    real = class_means(
        F.normalize(b.features, dim=1)[b.test_unseen_idx], b.labels[b.test_unseen_idx]
    )
    targets = {"T1": t1, "alike": mean_cosines(real)["without diagonal"]}
    fig, axes = plt.subplots(1, 2, figsize=(8, 4))
    for ax, (key, target) in zip(axes, targets.items(), strict=True):
        for name, line in ARMS.items():
            family = "GenZSL" if "GenZSL" in name else "cVAE"
            y = looks[name][key] * (100 if key == "T1" else 1)
            x = passes[name] * np.arange(1, len(y) + 1)
            ax.plot(x, y, label=name, **{**METHODS[family], "linestyle": line})
        ax.axhline(target, color="k", linewidth=0.8, linestyle=TARGETS[key][1])
        ax.set_xlabel("passes over the training data")
    axes[0].set(ylabel="T1, synthetic features alone (%)", ylim=(0, 100))
    axes[1].set(ylabel="mean cosine of class means", ylim=(0, 1.05))
    for label, line in TARGETS.values():
        axes[0].plot([], [], color="k", linewidth=0.8, linestyle=line, label=label)
    plots.shared_legend(fig, axes[0], 2)
    return fig
