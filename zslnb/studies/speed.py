"""How much sooner one generator learns than another: what each needs for the same score."""

import math
from dataclasses import dataclass
from statistics import median

Curve = list[dict[str, float]]  # of `zslnb.experiments.speed.speed_scores`, a point an evaluation


@dataclass(frozen=True)
class SpeedUp:
    """What the slower needs for a score of its own, over what the faster needs for that score.

    `relation` says what `times` is: "=" the ratio; ">=" a lower bound, where the faster had the
    score when it was first looked at; "<" an upper bound, where it never had it.
    """

    times: float
    relation: str


def steady(curve: Curve) -> Curve:
    """Replace the seconds of each point by its steps times the median seconds of a step.

    Every step does the same work, so its cost is a constant, but a stop-watch also counts what
    other programs cost the process.
    """
    points = [{"seconds": 0.0, "steps": 0}, *curve]
    costs = [
        (b["seconds"] - a["seconds"]) / (b["steps"] - a["steps"])
        for a, b in zip(points, curve, strict=False)
    ]
    cost = median(costs)
    return [{**point, "seconds": cost * point["steps"]} for point in curve]


def needed(curve: Curve, metric: str, target: float, along: str = "seconds") -> float:
    """Return where a curve first reaches a score; infinity if it never does.

    Args:
        curve: of one training.
        metric: "S", "U", "H" or "T1". target: a fraction.
        along: "seconds", "steps" or "samples".
    """
    return next((point[along] for point in curve if point[metric] >= target), math.inf)


def speed_up(
    slower: Curve, faster: Curve, metric: str, along: str = "seconds", share: float = 1.0
) -> SpeedUp:
    """Compare two trainings by what both need for the slower's own best score, or a share of it.

    Args:
        slower, faster: curves of two trainings, tested alike.
        metric, along: as in `needed`.
        share: of the slower's best score; a lower bar is an easier one.
    """
    target = share * max(point[metric] for point in slower)
    own, other = needed(slower, metric, target, along), needed(faster, metric, target, along)
    if math.isinf(other):
        return SpeedUp(own / faster[-1][along], "<")
    return SpeedUp(own / other, ">=" if other == faster[0][along] else "=")


def speed_ups(
    records: list[dict],
    slower: str,
    faster: str,
    metric: str,
    along: str = "seconds",
    share: float = 1.0,
) -> list[SpeedUp]:
    """Compare two rows of `run_rows`, whose records are of speed, within each seed they share.

    Arguments are those of `speed_up`, but for the rows' labels in place of curves.

    Raises:
        ValueError: rows that share no seed.
    """
    of = {
        row: {r["seed"]: steady(r["scores"]["curve"]) for r in records if r["row"] == row}
        for row in (slower, faster)
    }
    shared = sorted({*of[slower]} & {*of[faster]})
    if not shared:
        raise ValueError(f"Rows {slower!r} and {faster!r} share no seed.")
    return [speed_up(of[slower][s], of[faster][s], metric, along, share) for s in shared]


def speed_up_words(found: list[SpeedUp]) -> str:
    """Write speed-ups over seeds: median and range, and in how many seeds the score was reached.

    "≥": in some of these seeds the faster had the score when it was first looked at. Where it never
    had it there is no number, only the bound that the length of its run gives.
    """
    reached, never = ([u for u in found if (u.relation == "<") == side] for side in (False, True))
    bound = f"none (below {_times(max(u.times for u in never))})" if never else ""
    if not reached:
        return bound
    values = [u.times for u in reached]
    words = "≥ " * any(u.relation == ">=" for u in reached) + _times(median(values))
    if len(values) > 1:
        words += f" ({_times(min(values))} to {_times(max(values))})"
    return f"{words} in {len(reached)} of {len(found)} seeds, else {bound}" if never else words


def _times(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
