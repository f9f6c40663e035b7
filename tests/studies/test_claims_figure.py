"""The picture of the ledger: what speaks for a statement lies to the right."""

from dataclasses import replace

import pytest

from zslnb.results.deciding import VERDICTS, Finding, Run, Verdict
from zslnb.results.statements import Claim
from zslnb.results.statistics import Difference
from zslnb.studies import style
from zslnb.studies.claims_figure import LABELS, claims_figure, fingerprint, shown

CLAIM = Claim("genzsl", "W-a", "It is above the other.", "Table 1", "CUB", "H", "p", "paper")
RECORD = {"benchmark": {"name": "aviary", "semantics": "clip_text"}, "notebook": "14"}
ABOVE = Finding(
    Run("aviary-smoke", []), RECORD, "GenZSL", "no CDP", "H", (50.0,), (49.0,), "above",
    Difference(2.0, -1.0, 5.0, 0.2, False), "open",
)  # fmt: skip
BELOW = replace(ABOVE, wanted="below", difference=Difference(-8.0, -9.0, -7.0, 0.01, True),
                standing="for")  # fmt: skip
RATIO = replace(ABOVE, metric="speed-up (H) over GenZSL")
ALONE = replace(ABOVE, difference=Difference(2.0, float("nan"), float("nan"), 1.0, None))


def verdict(*findings: Finding) -> Verdict:
    return Verdict(CLAIM, VERDICTS[1], "1 of 2", findings)


def test_what_speaks_for_a_statement_is_positive():
    (label, comparisons), = shown([verdict(ABOVE, BELOW)])  # fmt: skip
    assert label == "It is above the other.\nGenZSL: direction reproduced"
    assert comparisons == [
        ("for", "aviary (names)", 8.0, 7.0, 9.0),
        ("open", "aviary (names)", 2.0, -1.0, 5.0),
    ]


def test_other_units_and_what_has_no_interval_are_left_out():
    assert shown([verdict(RATIO, ALONE), verdict()]) == []


def test_a_stored_picture_is_told_from_a_newer_one():
    now = fingerprint([verdict(ABOVE)])
    assert fingerprint([verdict(ABOVE)]) == now
    moved = replace(ABOVE, difference=Difference(2.1, -1.0, 5.0, 0.2, False))
    assert fingerprint([verdict(moved)]) != now


@pytest.mark.usefixtures("styled")
def test_each_statement_has_a_line_and_each_comparison_a_dot():
    fig = claims_figure([verdict(ABOVE, BELOW), verdict(BELOW)])
    ax, = fig.axes  # fmt: skip
    assert len(ax.get_yticks()) == 2
    dots = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 1]
    assert sorted(float(x[0]) for x in dots) == [2.0, 8.0, 8.0]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == [*LABELS.values()]
    style.check_readable(fig)
