"""Mean, spread and paired differences over seeds, as numbers and as text."""

import math
from collections.abc import Sequence

import torch


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the latter is NaN for fewer than two values."""
    tensor = torch.tensor([float(value) for value in values], dtype=torch.float64)
    return float(tensor.mean()), float(tensor.std()) if len(values) > 1 else math.nan


def percent(values: Sequence[float]) -> str:
    """Write fractions as "mean ± sd" in percent; a single value stands alone."""
    return spread([100 * value for value in values], digits=1)


def spread(values: Sequence[float], digits: int = 2, sign: str = "") -> str:
    """Write numbers as "mean ± sd"; a single value stands alone."""
    mean, sd = mean_and_sd(values)
    shown = f"{round(mean, digits) + 0.0:{sign}.{digits}f}"  # + 0.0: never "-0.0"
    return shown if math.isnan(sd) else f"{shown} ± {sd:.{digits}f}"


def points(gains: Sequence[float]) -> str:
    """Write differences in points as "mean ± sd", always with a sign; one alone has no spread."""
    return spread(gains, digits=1, sign="+")


def told_apart(gains: Sequence[float]) -> bool | None:
    """Say whether differences within seeds differ from 0 by the rule of `verdict`; None: too few.

    The rule: at least three seeds, and a mean above 0.05 points and twice its standard error in
    size. At five seeds it lets about one in nine differences through that are nothing.
    """
    mean, sd = mean_and_sd(gains)
    if len(gains) < 3:
        return None
    return abs(mean) > 2 * sd / math.sqrt(len(gains)) and abs(mean) >= 0.05


def by_seed(records: list[dict], row: str, metric: str, protocol: str) -> dict[int, float]:
    """Give a row's scores on one metric by seed, in percent.

    Raises:
        ValueError: no record of that row has that protocol.
    """
    scores = {
        r["seed"]: 100 * r["scores"][protocol][metric]
        for r in records
        if r["row"] == row and protocol in r["scores"]
    }
    if not scores:
        raise ValueError(f"No record of row {row!r} with protocol {protocol!r}.")
    return scores


def paired_gains(
    records: list[dict], first: str, second: str, metric: str, protocol: str
) -> list[float]:
    """Give what row `first` has above row `second` within each seed that both have, in points.

    Raises:
        ValueError: an unknown row, or rows that share no seed.
    """
    ours, theirs = (by_seed(records, row, metric, protocol) for row in (first, second))
    gains = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    if not gains:
        of_first, of_second = (", ".join(map(str, sorted(seeds))) for seeds in (ours, theirs))
        raise ValueError(
            f"Rows {first!r} (seeds {of_first}) and {second!r} (seeds {of_second}) "
            "share no seed, so nothing can be compared within one. Run both for the same seeds."
        )
    return gains


def protocol_gap(
    records: list[dict], row: str, metric: str, protocol: str, over: str = "clean"
) -> str:
    """Write how much `protocol` prints above `over` for a row: points, "mean ± sd" over seeds.

    Only records that have both count; without any it is "n/a".

    Raises:
        ValueError: no such row.
    """
    scores_of_row = [r["scores"] for r in records if r["row"] == row]
    if not scores_of_row:
        raise ValueError(f"No record of row {row!r}.")
    both = [scores for scores in scores_of_row if {protocol, over} <= scores.keys()]
    return points([100 * (s[protocol][metric] - s[over][metric]) for s in both]) if both else "n/a"


def verdict(records: list[dict], first: str, second: str, metric: str, protocol: str) -> str:
    """Say in a sentence whether row `first` beats row `second`, by the rule of `told_apart`."""
    gains = paired_gains(records, first, second, metric, protocol)
    mean, sd = mean_and_sd(gains)
    seeds = "one seed" if len(gains) == 1 else f"{len(gains)} seeds"
    numbers = f"{mean:+.1f} points of {metric} over {seeds}"
    apart = told_apart(gains)
    if apart is None:
        return f"**{first}** against **{second}**: {numbers}, too few to tell."
    if not apart:
        return f"**{first}** and **{second}** are not told apart: {numbers}, spread {sd:.1f}."
    verb = "is above" if mean > 0 else "is below"
    return f"**{first}** {verb} **{second}**: {numbers}, spread {sd:.1f}."
