"""Which classes are images of unseen birds taken for, and what would a handicap give?"""

from collections.abc import Callable, Iterator
from itertools import groupby

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float, Int64
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from zslnb.datasets import aviary
from zslnb.datasets.aviary import paint
from zslnb.studies import plots
from zslnb.studies.slider import Slider
from zslnb.studies.study import Drawn
from zslnb.studies.style import PAGE

SHARES = tuple(i / 50 for i in range(-3, 7))  # of the span of all scores: handicaps to look at


def all_species() -> Drawn:
    """What do the species of the aviary look like, and which are unseen?"""
    unseen = {aviary.SPECIES[i] for i in aviary.split()[0]}
    families = [[*of] for _, of in groupby(aviary.SPECIES, key=lambda one: one.family)]
    fig, ax = plt.subplots(figsize=(PAGE, 0.8 * PAGE))
    for i, members in enumerate(families):
        left, top = i % 2 * (len(members) + 0.4), i // 2 * 1.4
        ax.text(left, top - 0.06, members[0].family, weight="bold")
        for j, one in enumerate(members):
            place = (left + j, left + j + 0.96, top + 0.96, top)
            ax.imshow(paint(one.bird, size=150), extent=place)
            if one in unseen:
                frame = {"fill": False, "edgecolor": plots.FRAME, "linewidth": 2.5}
                ax.add_patch(Rectangle((left + j, top), 0.96, 0.96, **frame))
    ax.set(xlim=(-0.05, 2 * len(members) + 0.4), ylim=(top + 1, -0.4), aspect="equal")
    ax.axis("off")
    text = "The sixty species of the aviary, family by family; unseen ones are framed."
    alt = (
        "Sixty drawings of birds in twelve families of five. Birds of a family share their shape "
        "and differ in colours and patterns; one bird in five, within some families, is framed."
    )
    return Drawn("contact-sheet", fig, text, alt=alt)


def two_species(unseen: int, relative: int) -> Drawn:
    """What do pictures of an unseen species of the aviary look like, and of a seen relative?"""
    birds = (unseen, relative)
    first, second = (aviary.SPECIES[c].name for c in birds)
    pictures = [[aviary.picture(c, i, size=160) for i in range(5)] for c in birds]
    fig = plots.picture_grid(pictures, [["", "", name, "", ""] for name in (first, second)])
    text = f"Above, an unseen class: {first}. Below, a seen relative: {second}."
    alt = (
        "Two rows of five pictures, one species each: the unseen one above, its seen relative "
        "below. Birds of both rows have the same shape and differ in colours; within a row "
        "pose, size, light and background vary."
    )
    return Drawn("pictures", fig, text, alt=alt)


def bias_to_seen(margin: Float[Tensor, " N"]) -> Drawn:
    """How many images of unseen classes go to a seen class?

    `margin` is the best score of any unseen class less that of any seen class, an image each.
    """
    fig, ax = plt.subplots(figsize=(6, 3))
    width = float(margin.abs().max())
    bins = np.linspace(-width, width, 61)
    wins, loses = margin[margin >= 0], margin[margin < 0]
    ax.hist(wins, bins, color="C0", label="an unseen class wins (perhaps the right one)")
    ax.hist(loses, bins, color="C1", hatch="//", label="a seen class wins (always wrong)")
    ax.set_xlabel("best unseen class minus best seen class (cosine)")
    ax.set_ylabel("images of unseen birds")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3))
    taken = 100 * float((margin < 0).float().mean())
    text = f"{taken:.0f} % of the unseen birds' images go to a seen class."
    alt = (
        "A histogram of images of unseen birds by the best unseen class's score minus the "
        "best seen class's. Bars to the right of zero, where an unseen class wins, are more "
        "than those to the left, hatched, where a seen class wins; both are highest next to "
        "zero."
    )
    return Drawn("bias", fig, text, alt=alt)


def mistaken(
    truth: Int64[Tensor, " N"], answers: Int64[Tensor, " N"], seen: Int64[Tensor, " K"]
) -> Drawn:
    """Which seen birds are unseen birds of the aviary taken for, and are they relatives?

    Args:
        truth: classes of N images of unseen birds.
        answers: classes that they were given.
        seen: ids of the seen classes.

    Returns:
        The figure; `pairs` has (an unseen class, the seen class it is taken for, how often), the
        most often first, `share` the fraction of mistakes that stay within the family, and
        `chance` what it would be if a seen class were named at random.
    """
    taken = np.isin(answers, seen)
    ids, often = np.unique(np.stack([truth[taken], answers[taken]]), axis=1, return_counts=True)
    order = np.argsort(-often, kind="stable")
    pairs = [(*map(int, ids[:, i]), int(often[i])) for i in order]
    share = sum(n for unseen, other, n in pairs if _kin(unseen, other)) / often.sum()
    chance = np.mean([_kin(a, b) for a in truth.unique().tolist() for b in seen.tolist()])
    rows = [[pair[i] for pair in pairs[:5]] for i in range(2)]
    names = [[aviary.SPECIES[c].name for c in row] for row in rows]
    fig = plots.picture_grid([[aviary.picture(c, 0, 160) for c in row] for row in rows], names)
    text = (
        "The five most frequent confusions: above, the unseen bird; below, the seen species that "
        "it is taken for. "
        f"{100 * share:.0f} % of all such mistakes stay within the family, where answers "
        f"at random would give {100 * chance:.0f} %."
    )
    alt = (
        "Two rows of five pictures: above, unseen birds; below each, the seen bird that it is "
        "most often taken for, many of the same shape and others only alike in colour."
    )
    return Drawn("mistaken", fig, text, alt=alt, pairs=pairs, share=share, chance=chance)


def _kin(a: int, b: int) -> bool:
    return aviary.SPECIES[a].family == aviary.SPECIES[b].family


def handicap(trade: Callable[[float], dict[str, float]], span: float) -> Drawn:
    """What does a constant off every seen class's score do to S, U and H?

    Args:
        trade: scores with such a handicap: S, U and H as fractions.
        span: the difference between the highest and the lowest score.

    Returns:
        The figure; S, U and H in percent for 80 handicaps are its `curve`, without one `plain`,
        and with that of the highest H `best`.
    """
    curve = _curve(trade, span)
    plain, best = 100 * pd.Series(trade(0.0)), curve.loc[curve.H.idxmax()]
    fig, ax = plt.subplots(figsize=(4.8, 4.2))
    plots.h_lines(ax, 10)
    ax.plot(curve.S, curve.U, linewidth=2, label="a handicap for seen classes")
    for point, mark, label in ((plain, "o", "no"), (best, "s", "best")):
        ax.plot(point.S, point.U, mark, label=f"{label} handicap: H {point.H:.0f}")
    ax.set(xlabel="S, accuracy on seen birds (%)", ylabel="U, accuracy on unseen birds (%)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25))
    text = (
        "Along the grey lines H = 2SU/(S+U) is the same. Without a handicap the average of S and U "
        f"is {(plain.S + plain.U) / 2:.1f} % and H {plain.H:.1f} %. A method with S = 100 % and U "
        "= 0 would average 50 % and have H = 0: nobody can hide behind the seen classes."
    )
    alt = (
        "Accuracy on unseen birds against accuracy on seen birds, over grey contours of equal "
        "H. A curve, a handicap at each point, goes from the upper left to the lower right; "
        "the point of the best H lies on it to the upper left of the point without a "
        "handicap."
    )
    return Drawn("harmonic", fig, text, alt=alt, curve=curve, plain=plain, best=best)


def by_handicap(trade: Callable[[float], dict[str, float]], span: float) -> Slider:
    """Look at S, U, their average and H for one handicap at a time; arguments as `handicap`'s."""
    curve = _curve(trade, span)

    def frames() -> Iterator[tuple[str, str, Figure]]:
        for share in SHARES:
            value, scores = share * span, 100 * pd.Series(trade(share * span))
            bars = {"S": scores.S, "U": scores.U, "average": (scores.S + scores.U) / 2}
            bars["H"] = scores.H
            fig, (left, right) = plt.subplots(1, 2, figsize=(6, 3.4), width_ratios=(1.4, 1))
            plots.h_lines(left, 10)
            left.plot(curve.S, curve.U, linewidth=2)
            left.plot(scores.S, scores.U, "o", color="C1", markersize=10)
            left.set(xlabel="S (%)", ylabel="U (%)", title=f"handicap {value:+.2f}")
            drawn = right.bar([*bars], [*bars.values()], color=["C0", "C0", "0.6", "C1"])
            right.bar_label(drawn, fmt="%.0f")
            right.set(ylim=(0, 100), ylabel="%")
            said = ", ".join(f"{name} {score:.0f} %" for name, score in bars.items())
            yield f"{value:+.2f}", f"Handicap {value:+.2f}: {said}.", fig

    return Slider("Handicap of seen classes (cosine)", frames(), SHARES.index(0.0))


def _curve(trade: Callable[[float], dict[str, float]], span: float) -> pd.DataFrame:
    steps = np.linspace(-0.2 * span, 0.8 * span, 80)
    return 100 * pd.DataFrame([trade(float(step)) for step in steps])
