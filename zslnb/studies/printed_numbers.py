"""Do printed numbers add up: each H with its S and U, the papers' words with their tables?"""

import math
import re
from collections.abc import Iterable
from itertools import groupby

import numpy as np
import pandas as pd

from zslnb.results import published
from zslnb.results.deciding import ROUNDED, Evidence, decide
from zslnb.results.statements import PAPERS, claims, settings
from zslnb.studies.study import Tabled

SLACK = 1e-9  # of floating point
PLACES = {  # source and place -> how a page calls them, in its order
    ("released code", "Table 2"): "GenZSL's Table 2",
    ("SHIP (ICCV 2023)", "Table 4"): "rivals in GenZSL's Table 4",
    ("SHIP (ICCV 2023)", "GZSL table"): "SHIP's own table",
    ("RevCD", "Table 1"): "RevCD's Table 1",
    ("RevCD", "Table 2"): "RevCD's Table 2",
}
ELSEWHERE = "rivals' repositories"
OPPOSITE = {"at least": "below", "above": "at most", "below": "at least"}


def possible_h(seen: float, unseen: float) -> tuple[float, float]:
    """Give the lowest and the highest H of an S and a U that were rounded, in percent.

    H = 2SU / (S + U) rises with both, so its ends are at the ends of the two.

    Raises:
        ValueError: an accuracy that is not positive, or above 100.
    """
    if not (0 < seen <= 100 and 0 < unseen <= 100):
        raise ValueError(f"S and U are percentages above 0, not {seen:g} and {unseen:g}.")
    low, high = ((s * seen + d, s * unseen + d) for s, d in ((1, -ROUNDED), (1, ROUNDED)))
    return 2 * low[0] * low[1] / sum(low), 2 * high[0] * high[1] / sum(high)


def may_be_h(h: float, seen: float, unseen: float) -> bool:
    """Say whether a printed H can be the one of a printed S and U, all to one decimal."""
    lowest, highest = possible_h(seen, unseen)
    return bool(lowest - ROUNDED - SLACK <= h <= highest + ROUNDED + SLACK)


def trade(h: float, seen: float, unseen: float) -> float:
    """Say by how many points two runs must differ for their mean H to be the printed one.

    Runs with S + d, U - d and S - d, U + d have the printed means of S and U, and a mean H that is
    2d^2 / (S + U) below the H of these. Rounding is taken the way that needs the least d; NaN
    where the printed H is too high for any average.
    """
    lowest, highest = possible_h(seen, unseen)
    if h > highest + ROUNDED + SLACK:
        return math.nan
    return math.sqrt(max(0.0, lowest - (h + ROUNDED)) * (seen + unseen) / 2)


def printed_triples() -> pd.DataFrame:
    """Collect every H that is printed with its S and U, once for each table that prints it.

    The rivals in RevCD's Table 1, which genzsl.yml has too, count once. Columns: paper, where,
    benchmark, method, S, U, H, grade, lowest and highest H that S and U allow, and whether it
    holds.
    """
    frames = []
    for paper in PAPERS:
        rows = published(paper)
        rows = rows[rows.metric.isin([*"SUH"]) & ~rows.place.str.endswith("of RevCD")]
        keys = ["place", "source", "benchmark", "method"]
        wide = rows.pivot_table(index=keys, columns="metric", values="value", sort=False)
        grades = rows.groupby(keys, sort=False)["grade"].agg(lambda g: ", ".join(sorted({*g})))
        frames.append(wide.join(grades).dropna(subset=[*"SUH"]).reset_index().assign(paper=paper))
    found = pd.concat(frames, ignore_index=True)
    places = zip(found.source, found.place, strict=True)
    found["where"] = [PLACES.get(pair, ELSEWHERE) for pair in places]
    ends = [possible_h(s, u) for s, u in zip(found.S, found.U, strict=True)]
    found[["lowest", "highest"]] = np.array(ends)
    found["holds"] = [may_be_h(h, s, u) for h, s, u in found[["H", "S", "U"]].to_numpy()]
    return found


def printed_sums() -> Tabled:
    """Which printed H cannot come from the S and U beside it? `triples` are all of them."""
    triples = printed_triples()
    order = [*dict.fromkeys(PLACES.values()), ELSEWHERE]
    off = triples[~triples.holds].sort_values("where", key=lambda w: w.map(order.index))
    lines = [
        {
            "where": f"{row['where']}, {row.benchmark}",
            "method": row.method,
            **{name: f"{row[name]:.1f}" for name in "SUH"},
            "possible H": f"{row.lowest:.2f} to {row.highest:.2f}",
            "an average over runs?": _average(row.H, row.S, row.U),
        }
        for _, row in off.iterrows()
    ]
    by_place = triples.groupby("where").holds.agg(["sum", "size"]).reindex(order).dropna()
    counts = "; ".join(
        f"{name} {r['sum']:.0f} of {r['size']:.0f}" for name, r in by_place.iterrows()
    )
    text = (
        f"**Quoted.** {triples.holds.sum()} of {len(triples)} printed H follow from the S and U "
        f"beside them, rounding granted ({counts}). Here are the others. Last column: two runs "
        "that trade so many points of S for as many of U average to the printed numbers."
    )
    return Tabled("sums", pd.DataFrame(lines), text, triples=triples, off=off)


def _average(h: float, seen: float, unseen: float) -> str:
    d = trade(h, seen, unseen)
    return "no, it is too high" if math.isnan(d) else f"if they trade ± {d:.0f}"


def text_checks() -> Tabled:
    """What do the papers' texts say that their own tables do not?

    `checks` has a line a check: paper, place, what is said, the printed numbers, whether it holds.
    """
    made_on = settings()
    evidence = Evidence([], {paper: published(paper) for paper in made_on}, made_on)
    lines = [
        (PAPERS[claim.paper], claim.place, claim.says, text, holds)
        for claim in claims()
        if claim.printed
        for text, holds in decide(claim, evidence).checks
    ]
    checks = pd.DataFrame(lines, columns=["paper", "place", "said", "printed", "holds"])
    failed = checks[~checks.holds]
    shown = [
        {
            "paper": paper,
            "said": said,
            "in its tables": "; ".join(_negated(line.printed) for line in same),
        }
        for (paper, said), same in _by_claim(failed.itertuples(index=False))
    ]
    counts = "; ".join(
        f"{paper} {int(part.holds.sum())} of {len(part)}" for paper, part in checks.groupby("paper")
    )
    text = (
        "**The papers' words beside their tables.** Comparisons of printed numbers that bear a "
        f"claim out: {counts}. Here are the others; nothing is computed but differences."
    )
    return Tabled("said", pd.DataFrame(shown), text, checks=checks)


def _by_claim(lines: Iterable[tuple]) -> Iterable[tuple[tuple[str, str], list[tuple]]]:
    for key, group in groupby(lines, key=lambda line: (line.paper, line.said)):
        yield key, [*group]


def _negated(text: str) -> str:
    """Word what is so where a check fails."""
    text = re.sub("numbers named [^:]*:", "benchmarks in the tables:", text)
    text = re.sub(r"the median of (\d+) ", r"the median of \1 rows, ", text)
    return re.sub(" is (at least|above|below) ", lambda m: f" is {OPPOSITE[m[1]]} ", text)
