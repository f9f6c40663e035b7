"""Would five other seeds have said the same? Differences that the ledger asks for, twice."""

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zslnb import results
from zslnb.files import repository_dir
from zslnb.results.deciding import PERCENT, Finding, Run, decided
from zslnb.results.ledger import compared
from zslnb.results.statements import Claim, Comparison, claims, own_findings
from zslnb.studies.study import Answered, Drawn, Tabled

AVIARY, MORE = "aviary-smoke", "ten-seeds"  # a run in results/, and where it has more seeds
SEEDS = (range(5), range(5, 10), range(10))
STANDS = {  # how many of two halves call a difference significant -> look and label
    2: ("C0", "significant by both"),
    1: ("C1", "significant by one of them"),
    0: ("0.6", "by neither"),
}
Thrice = tuple[Finding, Finding, Finding]  # by the first five seeds, by the others, by all ten


def recorded_twice() -> list[Thrice]:
    """Decide by each half of the ten recorded seeds, and by all, what the ledger asks of rows.

    Warns:
        UserWarning: the first five of some rows were recorded anew since, by other code, so that
            these rows are left out.
    """
    first = results.recorded(AVIARY)
    more = results.recorded(AVIARY, repository_dir("results") / MORE)
    made_by = {(r["method"], r["source"]) for r in first}
    if others := sorted({r["method"] for r in more if (r["method"], r["source"]) not in made_by}):
        warnings.warn(
            f"results/{MORE} is not of the code that made results/{AVIARY}, so this is left out: "
            f"{', '.join(others)}. Run make reproduce SEEDS=10, then zslnb record --new --results "
            f"results/{MORE}.",
            stacklevel=2,
        )
        more = [r for r in more if r["method"] not in others]
    return twice(Run(AVIARY, [*first, *more]), [*claims(), *own_findings()])


def twice(run: Run, statements: Sequence[Claim]) -> list[Thrice]:
    """Decide differences of two rows by either half of a run's seeds, and by all, each once.

    Those that are the same for each seed are left out, and those that few seeds were run of.
    """
    asked = [replace(s, measured=tuple(filter(_varies, s.measured))) for s in statements]
    parts = [[r for r in run.records if r["seed"] in seeds] for seeds in SEEDS]
    decided_by = [_findings(asked, replace(run, records=records)) for records in parts]
    found = (tuple(each.get(of) for each in decided_by) for of in decided_by[-1])
    return [
        three
        for three in found
        if [len(f.ours) if f else 0 for f in three] == [*map(len, SEEDS)]
        and three[-1].difference.low < three[-1].difference.high
    ]


def _varies(asked: Comparison) -> bool:
    return not (asked.exact or asked.measure) and isinstance(asked.reference, str)


def _findings(asked: Sequence[Claim], run: Run) -> dict[tuple[str, frozenset], Finding]:
    findings = (finding for verdict in decided(asked, [run]) for finding in verdict.findings)
    return {_of(finding): finding for finding in findings}


def _of(finding: Finding) -> tuple[str, frozenset]:
    """What a difference is of, whichever of the two is named first."""
    scores = finding.metric.split(" against ")
    return finding.record["table"], frozenset(
        zip((finding.row, finding.other), (scores[0], scores[-1]), strict=True)
    )


def by_other_seeds(found: Sequence[Thrice]) -> Answered:
    """How many differences are significant again, by seeds that were not looked at before?

    Of what is returned, `counts` is the table, and `apart` the median distance of two estimates.
    """
    sides = pd.DataFrame([map(_side, three) for three in found], columns=["first", "other", "all"])
    counts = pd.DataFrame(
        {
            "differences": len(part),
            "by the others: significant": (part["other"] != 0).sum(),
            "the other way round": (part["other"] * part["first"] < 0).sum(),
            "by all ten: significant": (part["all"] != 0).sum(),
        }
        for part in (sides[sides["first"] != 0], sides[sides["first"] == 0])
    )
    counts.index = pd.Index(["significant", "not significant"], name="by the first five seeds")
    estimates = np.array([_means(three) for three in found if _in_percent(three)]).reshape(-1, 2)
    apart = float(np.median(np.abs(np.subtract(*estimates.T)))) if len(estimates) else math.nan
    lost = [three for three in found if _side(three[0]) and not _side(three[1])]
    late = [three for three in found if [*map(bool, map(_side, three))] == [False, False, True]]
    caption = (
        "Differences on the aviary that the ledger asks for and seeds can change, each once: "
        "decided by seeds 0 to 4, by seeds 5 to 9, and by all ten, by the ledger's rule (a paired "
        "t test, Holm within a statement; at least a point, in percent). Both estimates "
        f"where only the first five call it significant: {_named(lost)}; and where only all ten "
        f"together do: {_named(late)}."
    )
    tabled = Tabled("other-seeds", counts, caption, counts=counts, apart=apart)
    n, again = counts.loc["significant"].iloc[:2]
    finding = (
        f"Differences on the aviary by five seeds and by five others: {len(estimates)} of "
        f"{len(found)}, those of percents. Two estimates of one are typically {apart:.1f} points "
        f"apart. Of all {n} that the first five call significant the others call {again} so."
        if found
        else "No difference is recorded with ten seeds by the present code."
    )
    alt = (
        "Differences by the second five seeds over those by the first five: points along the "
        "diagonal. Far from zero they are significant by both; near zero many by one or neither."
    )
    return Answered(tabled, Drawn("other-seeds", _figure(found), finding, alt=alt))


def replicated_in_a_sentence(found: Sequence[Thrice]) -> str:
    """Say how many of our differences other seeds bear out."""
    counts = by_other_seeds(found).counts
    n, again, turned, _ = counts.loc["significant"]
    rest, _, _, more = counts.loc["not significant"]
    return (
        f"Of {n} differences on the aviary that seeds 0 to 4, these pages', call significant, "
        f"seeds 5 to 9 call {again} so and {turned or 'none'} the other way round; of {rest} "
        f"others {more} are significant by all ten."
    )


def _named(found: Sequence[Thrice]) -> str:
    """List differences as they came out, with the estimates by the first five seeds and others."""
    named = []
    for three in found:
        first, other = _means(three)
        way = "above" if three[2].difference.mean > 0 else "below"
        rows = {"row": f"*{three[0].row}*", "other": f"*{three[0].other}*"}
        found_so = replace(three[0], **rows, wanted=way)
        named.append(f"{compared(found_so)} ({first:+z.1f}, {other:+z.1f})")
    return ", ".join(named) or "none"


def _in_percent(three: Thrice) -> bool:
    return not {*PERCENT}.isdisjoint(re.split(r", |/| against ", three[0].metric))


def _side(finding: Finding) -> int:
    """1 or -1 where a difference is significant, by its sign; else 0."""
    return 0 if finding.standing == "open" else int(np.sign(finding.difference.mean))


def _means(three: Thrice) -> tuple[float, float]:
    return three[0].difference.mean, three[1].difference.mean


def _figure(found: Sequence[Thrice]) -> Figure:
    fig, ax = plt.subplots(figsize=(5.5, 5))
    shown = [*filter(_in_percent, found)]
    for many, (colour, label) in STANDS.items():
        points = [_means(f) for f in shown if sum(map(bool, map(_side, f[:2]))) == many]
        if points:
            ax.scatter(*zip(*points, strict=True), s=18, c=colour, label=label, edgecolors="none")
    ax.axline((0, 0), slope=1, color="0.75", linewidth=1, zorder=0)
    ax.set(xlabel="difference by seeds 0 to 4 (points)", ylabel="by seeds 5 to 9 (points)")
    if shown:
        ax.legend(loc="upper left")
    return fig
