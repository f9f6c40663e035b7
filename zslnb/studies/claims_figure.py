"""Every statement of both papers that scores decide, and how far these speak for or against it."""

import hashlib
import json
import textwrap
from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from zslnb.results.deciding import PERCENT, Finding, Verdict
from zslnb.results.ledger import benchmark
from zslnb.results.statements import PAPERS
from zslnb.studies.style import PAGE

SIDES = {"for": ("C2", "o"), "against": ("C3", "s"), "open": ("0.6", ".")}
LABELS = {
    "for": "significant, as claimed",
    "against": "significant, the other way round",
    "open": "not significant",
}
LINE = 58  # letters of a label
Shown = tuple[str, list[tuple[str, str, float, float, float]]]  # a label, and what lies beside it


def shown(verdicts: Iterable[Verdict]) -> list[Shown]:
    """List each statement with its comparisons in points: side, benchmark, mean and interval.

    A positive mean speaks for the statement. What has another unit or no interval is left out, and
    so is a statement that nothing is left of.
    """
    found = []
    for verdict in verdicts:
        kept = [_signed(f) for f in verdict.findings if _in_points(f)]
        if kept:
            said = textwrap.fill(verdict.claim.says, LINE)
            found.append((f"{said}\n{PAPERS[verdict.claim.paper]}: {verdict.word}", sorted(kept)))
    return found


def fingerprint(verdicts: Iterable[Verdict]) -> str:
    """Give a hash of all that the figure shows, to tell whether one that is stored is current."""
    return hashlib.sha256(json.dumps(shown(verdicts)).encode()).hexdigest()


def claims_figure(verdicts: Iterable[Verdict]) -> Figure:
    """Draw each comparison's mean and 95 % interval, a line for each statement."""
    lines = shown(verdicts)
    rooms = [1.5 + label.count("\n") for label, _ in lines]  # in lines of text
    fig, ax = plt.subplots(figsize=(PAGE, 0.17 * sum(rooms) + 0.9))
    at, places = 0.0, []
    for number, (room, (_, comparisons)) in enumerate(zip(rooms, lines, strict=True)):
        places.append(at + room / 2)
        ax.axhspan(at, at + room, color="0.5", alpha=0.08 * (number % 2), linewidth=0)
        for i, (side, _, mean, low, high) in enumerate(comparisons, 1):
            y = at + room * i / (len(comparisons) + 1)
            colour, marker = SIDES[side]
            ax.plot([low, high], [y, y], color=colour, linewidth=1)
            ax.plot(mean, y, marker, color=colour, markersize=5)
        at += room
    for side, (colour, marker) in SIDES.items():
        ax.plot([], [], marker, color=colour, markersize=5, label=LABELS[side])
    ax.axvline(0, color="0.2", linewidth=0.8)
    ax.set_xscale("symlog", linthresh=5, linscale=1)
    ax.set_xticks(
        [-50, -20, -5, -1, 1, 5, 20, 50], ["−50", "−20", "−5", "−1", "1", "5", "20", "50"]
    )
    ax.set_yticks(places, [label for label, _ in lines], fontsize=9)
    ax.set(ylim=(max(at, 1.0), 0), xlabel="points in its favour (mean, 95 % interval)")
    ax.grid(visible=False, axis="y")
    fig.legend(loc="outside upper center", ncols=3, fontsize=9)
    return fig


def _in_points(finding: Finding) -> bool:
    told = finding.difference
    return bool(told and told.low == told.low and finding.metric in PERCENT and finding.wanted)


def _signed(finding: Finding) -> tuple[str, str, float, float, float]:
    told, turn = finding.difference, -1 if finding.wanted == "below" else 1
    low, high = sorted((turn * told.low, turn * told.high))
    means = (round(turn * told.mean, 3), round(low, 3), round(high, 3))
    return (finding.standing, benchmark(finding), *means)
