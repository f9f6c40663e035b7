"""Mean, spread and paired differences over seeds, as numbers and as text."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import t as distribution

LEAST = 1.0  # points: the least difference that a page calls one
LEVEL, INTERVAL = 0.05, 0.95
Gains = Sequence[float] | Float[np.ndarray, "_"]  # or other values, one a seed
K = TypeVar("K")


def mean_and_sd(values: Gains) -> tuple[float, float]:
    """Mean and sample standard deviation; the latter is NaN for fewer than two values."""
    tensor = torch.tensor([float(value) for value in values], dtype=torch.float64)
    return float(tensor.mean()), float(tensor.std()) if len(values) > 1 else math.nan


def percent(values: Gains) -> str:
    """Write fractions as "mean ± sd" in percent; a single value stands alone."""
    return spread([100 * value for value in values], digits=1)


def spread(values: Gains, digits: int = 2, sign: str = "") -> str:
    """Write numbers as "mean ± sd"; a single value stands alone."""
    mean, sd = mean_and_sd(values)
    shown = f"{mean:{sign}z.{digits}f}"  # z: never "-0.0"
    return shown if math.isnan(sd) else f"{shown} ± {sd:.{digits}f}"


def points(gains: Gains) -> str:
    """Write differences in points as "mean ± sd", always with a sign; one alone has no spread."""
    return spread(gains, digits=1, sign="+")


@dataclass(frozen=True)
class Difference:
    """What a paired t test says of differences within seeds, in their own unit.

    `low` and `high` bound the mean's 95 % interval; `p` is corrected for all that was asked with
    it (Holm 1979); `apart`: whether it differs from 0, None if there are fewer than three seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    apart: bool | None

    def word(self, up: str, down: str) -> str:
        """Call it by the word for more than nothing, or for less, where it is either."""
        if self.apart is None:
            return "too few seeds to tell"
        return (up if self.mean > 0 else down) if self.apart else "not significant"


def differences(*gains: Gains, least: float = LEAST) -> list[Difference]:
    """Test each of several sets of differences within seeds against 0.

    One is significant if its corrected p is below 0.05 and its mean is at least `least`
    in size. The chance that any of them is, though all are nothing, stays below one in twenty.

    Args:
        gains: what is asked in one table, each with a value a seed.
        least: the least difference of interest, in the unit of `gains`.
    """
    tests = [_t_test(values) for values in gains]
    corrected = _holm([p for *_, p in tests])
    return [
        Difference(mean, low, high, p, p < LEVEL and abs(mean) >= least if len(g) > 2 else None)
        for g, (mean, low, high, _), p in zip(gains, tests, corrected, strict=True)
    ]


def differences_by(gains: Mapping[K, Gains], least: float = LEAST) -> dict[K, Difference]:
    """Test sets of differences as `differences` does, by what each is of."""
    return dict(zip(gains, differences(*gains.values(), least=least), strict=True))


def _t_test(values: Gains) -> tuple[float, float, float, float]:
    """Mean, the bounds of its interval, and p; differences that never vary need no test."""
    mean, sd = mean_and_sd(values)
    if len(values) < 2:
        return mean, math.nan, math.nan, 1.0
    error = sd / math.sqrt(len(values))
    if error <= 1e-9 * abs(mean) or not error:  # what rounding alone makes
        return mean, mean, mean, float(mean == 0)
    t = distribution(len(values) - 1)
    half = t.isf((1 - INTERVAL) / 2) * error
    return mean, mean - half, mean + half, 2 * t.sf(abs(mean) / error)


def _holm(p: Sequence[float]) -> list[float]:
    """Correct p values for being asked together: the smallest counts for all of them, and so on."""
    corrected, largest = [1.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = corrected[i] = max(largest, min(1.0, float((len(p) - rank) * p[i])))
    return corrected


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


def verdicts(asked: Iterable[tuple[list[dict], str, str, str]], protocol: str) -> list[str]:
    """Say in sentences whether rows beat others, by the rule of `differences`, asked together.

    Args:
        asked: records, first row, second row and metric of each comparison.
        protocol: whose scores are compared.

    Raises:
        ValueError: as `paired_gains`.
    """
    asked = [*asked]
    gains = [paired_gains(*comparison, protocol) for comparison in asked]
    return [
        _sentence(first, second, metric, len(values), difference)
        for (_, first, second, metric), values, difference in zip(
            asked, gains, differences(*gains), strict=True
        )
    ]


def _sentence(first: str, second: str, metric: str, n: int, found: Difference) -> str:
    numbers = f"{found.mean:+z.1f} points of {metric} over {n} seed{'s' * (n > 1)}"
    if found.apart is None:
        return f"**{first}** against **{second}**: {numbers}, too few to tell."
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
    numbers = f"{numbers} ({found.low:+.1f} to {found.high:+.1f}, {p})"
    if not found.apart:
        return f"**{first}** and **{second}** do not differ significantly: {numbers}."
    return f"**{first}** is {'above' if found.mean > 0 else 'below'} **{second}**: {numbers}."
