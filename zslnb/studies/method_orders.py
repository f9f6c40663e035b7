"""Would methods be in another order if each had its border put for it?"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from zslnb import results
from zslnb.studies.rows import Records, mean_and_word, row_names
from zslnb.studies.seen_unseen import of_row
from zslnb.studies.study import Tabled

Scores = Mapping[str, np.ndarray]  # method -> percent, an entry a seed
RIVALS = ("GenZSL", "RevCD")  # the papers' own methods
ORACLE = "H, best constant (oracle)"
MEASURES = {  # what methods can be put in order by: border, and score with it
    "H, no constant": ("clean", "H"),
    "H, with a constant": ("calibrated", "H"),
    "AUSUC": ("area", ""),
    "T1": ("clean", "T1"),
}


def orders_of_methods(by_title: Mapping[str, Records]) -> Tabled:
    """Who is first by which measure, and how many pairs of methods turn round? By title."""
    columns = {}
    for title, records in by_title.items():
        known = {
            name: {row: of_row(records, row, *keys) for row in row_names(records)}
            for name, keys in MEASURES.items()
        }
        first, *others = known
        columns[title] = {
            ("first by", name): max(scores, key=lambda row, of=scores: of[row].mean())
            for name, scores in known.items()
        }
        columns[title] |= _lead(records)
        for other in others:
            told = _turned(known[first], known[other])
            columns[title] |= {(f"{first}, and {other}", what): said for what, said in told.items()}
    frame = pd.DataFrame(columns).fillna("").rename_axis(["what", "of"])
    text = (
        f"Who is first; the lead of {' over '.join(RIVALS)} in points within a seed, tested "
        "together; and how far two orders of the methods agree: Kendall's τ (1: the same order, "
        "0: unrelated); how many pairs of methods turn round, and of these how many are "
        "significant in both orders (all pairs of both corrected together); and the pair that "
        "turns furthest, in points of either measure."
    )
    return Tabled("orders", frame, text)


def _lead(records: Records) -> dict[tuple[str, str], str]:
    """Say by how much the first of RIVALS leads the second, by each measure."""
    if not {*RIVALS} <= {*row_names(records)}:
        return {}
    first, second = RIVALS
    gains = {
        name: of_row(records, first, *keys) - of_row(records, second, *keys)
        for name, keys in {**MEASURES, ORACLE: ("peeked", "H")}.items()
    }
    found = results.differences_by(gains)
    return {(" over ".join(RIVALS), name): mean_and_word(gain) for name, gain in found.items()}


def _turned(first: Scores, second: Scores) -> dict[str, str]:
    """Compare two orders of the same methods, by what pairs of them differ in within a seed."""
    orders, pairs = {"first": first, "second": second}, [*combinations(first, 2)]
    gains = {(name, a, b): of[a] - of[b] for name, of in orders.items() for a, b in pairs}
    found = results.differences_by(gains)
    both = {pair: [found[name, *pair] for name in orders] for pair in pairs}
    turned = {pair: (one, two) for pair, (one, two) in both.items() if one.mean * two.mean < 0}
    surely = [pair for pair, (one, two) in turned.items() if one.apart and two.apart]
    tau = kendalltau(*([of[row].mean() for row in first] for of in (first, second)))[0]
    told = {
        "Kendall's τ": f"{tau:.2f}",
        "pairs that turn": f"{len(turned)} of {len(pairs)}, {len(surely)} significant",
    }
    furthest = max(
        surely or turned, key=lambda pair: min(abs(d.mean) for d in turned[pair]), default=None
    )
    if furthest:
        one, other = (d.mean for d in turned[furthest])
        ahead, behind = furthest if one > 0 else furthest[::-1]
        told["furthest"] = f"{ahead} over {behind}: {abs(one):+z.1f}, then {-abs(other):+z.1f}"
    return told


def lopsided_rows() -> Tabled:
    """How far apart are the S and U that RevCD prints, and what does that alone cost in H?

    Arithmetic on printed numbers: no method's curve is guessed.
    """
    own, frame = "RevCD", results.published("revcd")
    frame = frame[(frame.place == "Table 1") & frame.metric.isin(["S", "U"])].dropna(subset="value")
    lines = {}
    for benchmark, rows in frame.groupby("benchmark"):
        table = rows.pivot(index="method", columns="metric", values="value").dropna()
        mean, h = table.mean(axis=1), 2 * table.S * table.U / (table.S + table.U)
        cost = (mean - h).sort_values(ascending=False)
        rank = {name: int(of.rank(ascending=False)[own]) for name, of in (("H", h), ("mean", mean))}
        lines[benchmark] = {
            "methods": len(table),
            "|S − U|, median": f"{(table.S - table.U).abs().median():.1f}",
            f"S − U, {own}": f"{table.S[own] - table.U[own]:.1f}",
            "costs H, median": f"{cost.median():.1f}",
            "costs most": ", ".join(f"{row} {cost[row]:.1f}" for row in cost.index[:2]),
            f"rank of {own} by H": rank["H"],
            "by the mean of S and U": rank["mean"],
        }
    text = (
        "RevCD's Table 1, quoted. What it costs in H that S and U differ is the mean of the two "
        "less H. Ranks are from the top, by H as S and U give it."
    )
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("benchmark")
    return Tabled("printed", frame, text)
