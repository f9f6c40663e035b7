"""What the boosting term of a batch can teach, and whether it keeps a generator from copying."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import genzsl
from zslnb.benchmark import Benchmark
from zslnb.device import one_thread
from zslnb.genzsl import GenZSL, GenZSLSettings
from zslnb.networks import Adam
from zslnb.results import published_sizes
from zslnb.seeds import seeded
from zslnb.studies import plots
from zslnb.studies.generators import Device
from zslnb.studies.kept import kept
from zslnb.studies.rows import plus_minus
from zslnb.studies.study import Answered, Drawn, Tabled

BATCH = 64  # as released
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
DRAWS = 200  # batches of each width
IN_ORDER, SHUFFLED, WITHOUT = "class by class", "shuffled", "without the term"
Terms = Callable[[GenZSL, Tensor], Mapping[str, Tensor]]


def pushes(x_hat: Float[Tensor, "B 2"], z: Float[Tensor, "B 2"], temperature: float) -> Drawn:
    """Where does the term push features in a plane, each with the text of its class beside it?

    `push` of what is returned is minus the term's gradient, a row a feature.
    """
    moved = x_hat.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(genzsl.boosting_loss(moved, z, temperature), moved)
    fig, ax = plt.subplots(figsize=(4.6, 3.6))
    angle = np.linspace(0, np.pi / 2, 91)
    ax.plot(np.cos(angle), np.sin(angle), color="0.7", linewidth=0.8)
    texts = z.unique(dim=0)
    ax.plot(*texts.T, "k*", markersize=13, label="text of a class")
    ax.plot([], [], "o", color="0.4", label="feature")
    for i, (point, text, push) in enumerate(
        zip(x_hat, z, -gradient / gradient.norm(), strict=True)
    ):
        colour = f"C{int((texts == text).all(1).nonzero())}"
        ax.plot(*point, "o", color=colour)
        ax.annotate(rf"$\hat x_{i + 1}$", point.tolist(), (8, 6), textcoords="offset points")
        ax.plot(*text, "*", color=colour, markersize=9)
        style = {"arrowstyle": "->", "color": colour, "linewidth": 2}
        ax.annotate("", (point + 0.5 * push).tolist(), point.tolist(), arrowprops=style)
    ax.set(xlabel="first dimension", ylabel="second dimension", aspect="equal")
    ax.set(xlim=(-0.4, 1.5), ylim=(-0.4, 1.4))
    ax.legend(loc="upper right")
    text = (
        "Features (dots, of length one), the texts of their classes (stars, in the colour of their "
        "features), and where the term pushes each feature (arrows)."
    )
    alt = (
        "A plane with a quarter of the unit circle. Three dots on it are features, two stars "
        "inside it the texts of their two classes. Arrows push each feature along the circle, "
        "away from the other class's text; two features of one class are not pushed equally "
        "far."
    )
    return Drawn("pushes", fig, text, alt=alt, push=-gradient)


def batch_floor(labels: Int64[Tensor, " B"]) -> float:
    """The lowest value that the batch form of the term can have for samples of these classes."""
    counts = labels.unique(return_counts=True)[1].double()
    return float((counts * counts.log()).sum() / len(labels))


def mean_floor(labels: Int64[Tensor, " N"], shuffle: bool) -> float:
    """The floor, averaged over the full batches of one pass."""
    with seeded(0, "lesson/orders"):
        order = torch.randperm(len(labels)) if shuffle else torch.arange(len(labels))
    full = [batch for batch in labels[order].split(BATCH) if len(batch) == BATCH]
    return float(np.mean([batch_floor(batch) for batch in full]))


def train_small(
    run: GenZSL, passes: int, terms: Terms = GenZSL.losses, shuffle: bool = True
) -> Float[np.ndarray, "n 2"]:
    """Train a prepared run as `genzsl.fit` does, on batches of classes in order or shuffled.

    Returns:
        The boosting term of each full batch, and its floor; no line if the term has no weight.
    """
    s = run.settings
    adam = Adam(run.model.parameters(), s.lr)
    weights = {"reconstruction": 1, "kl": s.kl_weight, "boosting": s.boosting_weight}
    stored, curve = run.labels.argsort(stable=True), []
    with one_thread(), seeded(run.seed, "lesson/training"):
        for _ in range(passes):
            rows = stored[torch.randperm(len(stored), device=stored.device)] if shuffle else stored
            for batch in rows.split(s.batch_size):
                losses = terms(run, batch)
                adam.zero_grad()
                sum(weights[name] * loss for name, loss in losses.items()).backward()
                adam.step()
                if "boosting" in losses and len(batch) == s.batch_size:
                    curve.append((losses["boosting"].item(), batch_floor(run.labels[batch])))
    return np.array(curve).reshape(-1, 2)


def order_floors(benchmark: str, labels: Int64[Tensor, " N"]) -> Tabled:
    """How low can the term get in batches of `labels` (N,), and of the published benchmarks?"""
    stored = {f"{benchmark}, here": labels.sort().values}
    for size in published_sizes():  # as if all its classes had equally many images
        each = round(size["trainval"] / size["seen"])
        stored[size["benchmark"]] = torch.arange(size["seen"]).repeat_interleave(each)
    rows = {
        name: {
            "images a class": f"{len(labels) / len(labels.unique()):.0f}",
            "floor, class by class": f"{mean_floor(labels, False):.2f}",
            "floor, shuffled": f"{mean_floor(labels, True):.2f}",
        }
        for name, labels in stored.items()
    }
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("training images")
    text = (
        f"Lowest possible term, batches of {BATCH} (ln {BATCH} = {math.log(BATCH):.2f}). AWA2, "
        "CUB and SUN by their published sizes, as if all their classes had equally many images."
    )
    return Tabled("floors", frame, text)


def orders(benchmark: Benchmark, settings: GenZSLSettings, device: Device = "cpu") -> Drawn:
    """What does a small network learn from the term in either order of the images?

    Three are trained live: class by class, shuffled, and shuffled without the term.

    Returns:
        The figure; `runs` are the networks by order, `curves` the term and its floor at each step,
        `learnt` the classes form over all training targets, the same question to every network.
    """
    runs, curves = {}, {}
    for order in (IN_ORDER, SHUFFLED, WITHOUT):
        chosen = replace(settings, boosting_weight=0.0) if order == WITHOUT else settings
        runs[order] = genzsl.prepare(benchmark, chosen, 0, device)
        curves[order] = train_small(runs[order], passes=6, shuffle=order != IN_ORDER)
    del curves[WITHOUT]
    learnt = {order: _classes_form(run) for order, run in runs.items()}
    fig, ax = plt.subplots(figsize=(8, 3.5))
    for order, curve in curves.items():
        (line,) = ax.plot(curve[:, 0], label=order, linewidth=1.2)
        style = {"color": line.get_color(), "linewidth": 1.2, "linestyle": ":"}
        ax.plot(curve[:, 1], label=f"its floor, {order}", **style)
    log = math.log(BATCH)
    ax.axhline(log, color="k", linewidth=0.8, label=f"ln {BATCH}")
    ax.set(xlabel="step", ylabel="boosting term of the batch (nats)", ylim=(0, 1.5 * log))
    fig.legend(loc="outside lower center", ncols=5)
    last = {order: curve[-len(curve) // 6 :].mean(0) for order, curve in curves.items()}
    ends = [f"{term:.2f} {order} (floor {floor:.2f})" for order, (term, floor) in last.items()]
    text = (
        f"The term over training in either order. In the last pass it is {' and '.join(ends)}. "
        "Asked to pick the class among all seen ones, the first network errs by "
        f"{learnt[IN_ORDER]:.2f} nats, the second by {learnt[SHUFFLED]:.2f}, one "
        f"that never had the term by {learnt[WITHOUT]:.2f}."
    )
    alt = (
        "The boosting term by training step. Class by class it stays close below a horizontal "
        "line, the logarithm of the batch size, and just above its own high dotted floor. "
        "Shuffled it falls steeply at first and then slowly, and stays above a much lower "
        "dotted floor."
    )
    return Drawn("orders", fig, text, alt=alt, runs=runs, curves=curves, learnt=learnt)


@torch.no_grad()
def _classes_form(run: GenZSL) -> float:
    with seeded(0, "lesson/yardstick"):
        x_hat = run.model(run.referent_samples(run.labels), run.semantics[run.labels])[0]
    classes = {
        "class_semantics": run.anchors[run.seen],
        "labels": torch.searchsorted(run.seen, run.labels),
    }
    return float(genzsl.boosting_loss(x_hat, run.anchors[run.labels], mode="classes", **classes))


def false_negatives(benchmark: str, labels: Int64[Tensor, " N"]) -> Drawn:
    """How many others of its class does a sample meet in a shuffled batch?

    Returns:
        The figure; `batches` are rows of random batches, by their width, `measured` the others of
        its class, a sample on average: a line for each width, a column for each batch.
    """
    n, of_class = len(labels), labels.bincount().double()
    with seeded(0, "lesson/mates"):
        batches = {b: [torch.randperm(n)[:b] for _ in range(DRAWS)] for b in WIDTHS if b <= n}
    met = [[_others(labels[batch]) for batch in of_width] for of_width in batches.values()]
    floors = [
        np.mean([batch_floor(labels[batch]) for batch in of_width]) for of_width in batches.values()
    ]
    chance = float((of_class * (of_class - 1)).sum() / (n * (n - 1)))  # of a pair of one class
    widths, measured = [*batches], np.array(met)
    expected = chance * (np.array(widths) - 1)
    fig, axes = plt.subplots(1, 2, figsize=(8, 3.1))
    axes[0].plot(widths, expected, label="expected")
    label = "measured, with 90 % of batches"
    axes[0].plot(widths, measured.mean(1), "o", color="C1", label=label)
    axes[0].vlines(widths, *np.quantile(measured, [0.05, 0.95], axis=1), color="C1")
    axes[0].set(yscale="log", ylim=(expected[0] / 3, None))
    axes[0].set_ylabel("others of its class, a sample (log)")
    axes[1].plot(widths, floors, "s-", label="floor of the term")
    axes[1].plot(widths, np.log(widths), "k", linewidth=0.8, label="ln B: all of one class")
    axes[1].set_ylabel("boosting term (nats)")
    for ax in axes:
        ax.set(xscale="log", xlabel="batch size B", xticks=widths, xticklabels=widths)
        ax.minorticks_off()
        ax.legend(loc="upper left")
    text = (
        f"False negatives in shuffled batches of {benchmark}: in a batch of {BATCH} a "
        f"sample expects {(BATCH - 1) * chance:.2f} others of its class, and meets "
        f"{measured[widths.index(BATCH)].mean():.2f}. With them the floor of the term rises."
    )
    alt = (
        "Two panels by batch size, on log scales. Left, the others of its class that a sample "
        "meets rise in a straight line, and measured dots lie on the expected line. Right, "
        "the floor of the term rises with the batch, and stays below the line of a batch of "
        "one class."
    )
    return Drawn("false-negatives", fig, text, alt=alt, batches=batches, measured=measured)


def _others(labels: Int64[Tensor, " B"]) -> float:
    return float((labels[:, None] == labels).sum() / len(labels) - 1)


def pull_taken(
    logits: Float[Tensor, "B B"],
    labels: Int64[Tensor, " B"],
    pull: Float[Tensor, " B"],
    alone: Float[Tensor, " B"],
) -> Drawn:
    """How much of the pull towards their own text do false negatives take from features?

    In `logits` a row is a feature and a column a text; `labels` are the classes of both. `pull` is
    that of each feature in this batch, `alone` that with its class once in the row.
    """
    n, same = len(labels), labels[:, None] == labels
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=(1.25, 1))
    image = left.imshow(logits.cpu().numpy(), cmap="cividis", interpolation="nearest")
    fig.colorbar(image, ax=left, label=r"logit $\langle \hat x_i, \tilde z_j \rangle / \tau$")
    false = same & ~torch.eye(n, dtype=bool, device=labels.device)
    row, column = false.cpu().numpy().nonzero()
    left.plot(column, row, "rs", markersize=3.5, fillstyle="none", label="false negative")
    left.set(xlabel="text $j$ of the batch", ylabel="feature $i$ of the batch")
    left.legend(loc="upper right")
    left.grid(False)
    grid, copies = np.linspace(0, 1, 101), same.sum(1).cpu()
    for k in sorted({1, *copies.tolist()}):
        (line,) = right.plot(grid, grid / (grid + k * (1 - grid)), linewidth=1, label=f"{k}")
        points = alone.cpu()[copies == k].numpy(), pull.cpu()[copies == k].numpy()
        right.plot(*points, "o", markersize=4, color=line.get_color())
    right.set(xlabel="pull with its class once in the row", ylabel="pull in this batch")
    right.legend(title="samples of\nits class")
    lost = float(1 - pull.sum() / alone.sum())
    text = (
        f"One shuffled batch of {n} after training, ordered by class for the eye. "
        f"{int(same.sum()) - n} of its {n * n - n:,} pairs are false negatives (framed). Right: "
        f"they take {lost:.0%} of the pull of features towards their own text. In a batch of one "
        "class there is no pull at all."
    )
    alt = (
        "Left, a heat map of logits, features by texts of one batch: bright blocks along the "
        "diagonal, where cells off the diagonal within a block are framed as false negatives. "
        "Right, the pull in this batch against the pull with the class once in the row, a "
        "line for each number of samples of the class: the more there are, the lower the "
        "line."
    )
    return Drawn("gradient", fig, text, alt=alt)


ASKED = "reconstruct the referent"
WEAK, FULL = "GenZSL, KL weight 0.0001", "GenZSL, KL weight 1"
STRENGTHS = (0.0, 0.1, 1.0, 10.0)
PASSES, SEEDS = 4, 2
PANELS = {
    "copying": "own minus another referent",
    "target class mean": "with the target class's mean",
    "target class text": "with the target class's text",
}


def copying_losses(run: GenZSL, batch: Tensor) -> dict[str, Tensor]:
    """The three terms, with the referent itself for the target of reconstruction."""
    labels = run.labels[batch]
    referents, text = run.referent_samples(labels), run.semantics[labels]
    x_hat, mean, log_var = run.model(referents, text)
    return {
        "reconstruction": genzsl.reconstruction_loss(x_hat, F.normalize(referents, dim=1)),
        "kl": genzsl.kl_divergence(mean, log_var),
        "boosting": genzsl.boosting_loss(x_hat, run.anchors[labels]),
    }


@torch.no_grad()
def closeness(run: GenZSL) -> dict[str, float]:
    """Mean cosine of outputs for all training targets with what they might be like.

    "copying" is how much nearer an output is to its own referent than to another sample drawn
    from the same classes.
    """
    labels = run.labels
    with seeded(0, "lesson/copying"):
        referents, others = run.referent_samples(labels), run.referent_samples(labels)
        x_hat = run.model(referents, run.semantics[labels])[0]
    sums = torch.zeros_like(run.anchors).index_add(0, labels, run.features)
    targets = {
        "own referent": referents,
        "another referent": others,
        "target class mean": sums[labels],
        "target class text": run.anchors[labels],
    }
    cosines = {name: float(F.cosine_similarity(x_hat, x).mean()) for name, x in targets.items()}
    return {"copying": cosines["own referent"] - cosines["another referent"], **cosines}


def copying(
    benchmark: Benchmark, settings: GenZSLSettings, seeds: Sequence[int], device: Device = "cpu"
) -> Answered:
    """Train small networks, two seeds each: asked to copy, and with GenZSL's own objective."""
    few = [*seeds[:SEEDS]]
    how = {"settings": asdict(settings), "seeds": few}
    measure = partial(_measured, benchmark, settings, few, device)
    lines = kept(__name__, measure, benchmark, device, **how)
    run = genzsl.prepare(benchmark, settings, few[-1], device)
    with seeded(0, "lesson/copying"):
        draws = [run.referent_samples(run.labels) for _ in range(2)]
    perfect = 1 - float(F.cosine_similarity(*draws).mean())
    steps = PASSES * -(-len(run.labels) // settings.batch_size)
    return copies(pd.DataFrame(lines), steps, perfect)


def _measured(
    benchmark: Benchmark, settings: GenZSLSettings, seeds: Sequence[int], device: Device
) -> list[dict]:
    objectives = {
        ASKED: (copying_losses, 0.0001),
        WEAK: (GenZSL.losses, 0.0001),
        FULL: (GenZSL.losses, 1.0),
    }
    lines = []
    for (name, (terms, kl)), strength in product(objectives.items(), STRENGTHS):
        chosen = replace(settings, kl_weight=kl, boosting_weight=strength)
        for seed in seeds:
            run = genzsl.prepare(benchmark, chosen, seed, device)
            train_small(run, PASSES, terms)
            lines.append({"objective": name, "λ": strength, "seed": seed, **closeness(run)})
    return lines


def copies(measured: pd.DataFrame, steps: int, perfect: float) -> Answered:
    """How near to their referents are the outputs of small networks, by objective and weight λ?

    Args:
        measured: a row a network: `objective`, `λ`, `seed`, and what `closeness` gives.
        steps: of each network's training.
        perfect: copying of a perfect copy.

    Returns:
        Table and figure; `verdicts` says in two lines whether the paper's reason for the term
        shows.
    """
    groups = measured.drop(columns="seed").groupby(["objective", "λ"], sort=False)
    frame = groups.agg(lambda values: plus_minus(values.to_numpy(), "z.3f")).reset_index()
    text = (
        f"Small networks, {steps} steps each: cosines of the output for training targets, "
        f"mean ± standard deviation over seeds ({measured['seed'].nunique()}). Copying is "
        f"own minus another referent; a perfect copy has {perfect:.3f}."
    )
    mean = groups.mean()["copying"]
    asked, genuine = mean[ASKED], mean.drop(ASKED, level="objective").abs().groupby("λ").max()
    finding = (
        f"A network that is asked to copy does, in part (left: {asked[0.0]:.3f} without the term, "
        f"where a perfect copy has {perfect:.3f}), and the term wears it down: {asked[0.1]:.3f} at "
        f"λ = 0.1, {asked[10.0]:.3f} at λ = 10. Under GenZSL's own objective copying is never "
        f"further from 0 than {genuine.max():.4f}, with or without the term."
    )
    none = genuine[0.0] < 0.1 * asked[0.0]
    verdicts = (
        f"- **Copying** under GenZSL's own objective, with λ = 0: {'none' if none else 'some'} "
        f"({genuine[0.0]:.4f}, where a network that is asked to copy has {asked[0.0]:.3f}). The "
        f"paper's {'reason for the term did not show' if none else 'reason shows'}.\n"
        f"- **The copier** copies {asked[0.0]:.3f} at λ = 0, {asked[0.1]:.3f} at λ = 0.1 and "
        f"{asked[10.0]:.4f} at λ = 10; up to {genuine.max():.4f} is what networks have that do not."
    )
    tabled = Tabled("copying", frame, text, verdicts=verdicts)
    alt = (
        "Three panels of cosines of the output by weight of the boosting term, for three "
        "objectives. Copying of the referent is high only for the network that is asked to "
        "copy, and falls with the weight. The cosine with the class mean falls and that with "
        "the class text rises with the weight, for all three."
    )
    return Answered(tabled, Drawn("copying", _by_weight(measured), finding, alt=alt))


def _by_weight(measured: pd.DataFrame) -> plt.Figure:
    fig, axes = plt.subplots(1, 3, figsize=(8, 3))
    for ax, (measure, title) in zip(axes, PANELS.items(), strict=True):
        for name, mark in zip((ASKED, WEAK, FULL), "osv", strict=True):
            chosen = measured[measured["objective"] == name]
            runs = chosen.pivot(index="seed", columns="λ", values=measure)
            plots.band(ax, STRENGTHS, runs.to_numpy(), name, marker=mark, markersize=5)
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set(title=title, xlabel="weight λ (log scale from 0.1)")
    axes[0].set_ylabel("cosine of the output")
    plots.shared_legend(fig, axes[0], 3)
    return fig
