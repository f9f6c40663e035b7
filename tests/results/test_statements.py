"""The claims in words, and the schema of their file."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

from zslnb.results.claims import published
from zslnb.results.statements import OF_OTHERS, PAPERS, claims, own_findings, settings

NUMBER = (
    "- {id: T1-CUB-H, place: T1, benchmark: CUB, method: m, metric: H, value: 1.5, source: s, "
    "protocol: not stated, grade: paper}\n"
)
WHOLE = {
    "paper": "genzsl", "id": "W-a", "says": "It is.", "place": "Section 1", "benchmark": "all",
    "metric": "H", "protocol": "not stated", "grade": "paper", "why": "no run",
}  # fmt: skip
# entries without a number that claim nothing: why the number is not there
NO_CLAIM = r"the table has a dash|the row exists|the values are unknown|nobody says|said to"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    for paper in PAPERS:
        (tmp_path / f"{paper}.yml").write_text(NUMBER)
    return tmp_path


def written(papers: Path, **changes: object) -> Path:
    entry = {k: v for k, v in (WHOLE | changes).items() if v is not None}
    lines = ", ".join(f"{k}: {v}" for k, v in entry.items())
    (papers / "claims.yml").write_text(f"claims:\n- {{{lines}}}\n")
    return papers


def test_a_claim_has_what_its_file_says_and_numbers_come_after_statements(papers):
    first, number, other = claims(written(papers))
    assert (first.id, first.says, first.is_number) == ("W-a", "It is.", False)
    assert (number.id, number.value, number.says) == ("T1-CUB-H", 1.5, "m on CUB: H 1.5.")
    assert (number.paper, other.paper) == ("genzsl", "revcd")


def test_what_a_statement_lacks_it_takes_from_the_number_of_the_same_id(papers):
    found = claims(written(papers, id="T1-CUB-H", place=None, benchmark=None, metric=None))
    assert [c.id for c in found if c.paper == "genzsl"] == ["T1-CUB-H"]
    assert (found[0].place, found[0].benchmark, found[0].is_number) == ("T1", "CUB", False)


def test_its_value_only_where_the_number_is_what_is_claimed(papers):
    found = claims(written(papers, id="T1-CUB-H", number="true"))
    assert found[0].value == 1.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": "genzls"}, "W-a needs a paper, one of genzsl, revcd"),
        ({"metric": None}, "W-a lacks 'metric'"),
        ({"sais": "so"}, "W-a has an unknown 'sais'. Did you mean 'says'"),
        ({"grade": "rumour"}, "W-a has grade 'rumour'"),
        ({"why": None}, "W-a needs measured, printed, or why it has neither"),
        (
            {"measured": "[{row: a, table: T2}]"},
            "W-a, measured needs exactly one of above and below",
        ),
        ({"measured": "[{row: a, above: b}]"}, "W-a, measured needs a table or a notebook"),
        ({"printed": "[{that: a}]"}, "W-a, printed needs exactly one of above, below, equals"),
        ({"printed": "[{equals: 3}]"}, "W-a, printed needs exactly one of that and count"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_wrong(papers, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        claims(written(papers, **changes))


OURS = "{id: a, says: It is., place: page 14, measured: [{row: a, above: b, table: T2}]}"


def test_a_finding_of_ours_is_a_claim_of_no_paper(papers):
    assert own_findings(written(papers)) == []
    (papers / "claims.yml").write_text(f"ours:\n- {OURS}\n")
    (found,) = own_findings(papers)
    assert (found.paper, found.id, found.measured[0].above) == ("ours", "a", "b")
    assert not found.nothing
    assert [claim.paper for claim in claims(papers)] == [*PAPERS]  # its number, of each


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (OURS.partition(", measured")[0] + "}", "a needs measured"),
        (OURS.replace("says", "sais"), "a has an unknown 'sais'. Did you mean 'says'"),
        (OURS.replace("place", "null"), "a has an unknown None"),
        (OURS.replace("place: page 14, ", ""), "a lacks 'place'"),
    ],
)
def test_a_wrong_finding_is_named_with_what_is_wrong(papers, wrong, message):
    (papers / "claims.yml").write_text(f"ours:\n- {wrong}\n")
    with pytest.raises(ValueError, match=re.escape(message)):
        own_findings(papers)


def test_an_id_stands_once(papers):
    path = written(papers) / "claims.yml"
    path.write_text(path.read_text() + path.read_text().partition("\n")[2])
    with pytest.raises(ValueError, match=r"claims.yml: W-a twice"):
        claims(papers)


def test_claims_that_are_not_there_are_said_so(papers):
    with pytest.raises(FileNotFoundError, match=r"papers/claims.yml"):
        claims(papers)


@pytest.mark.parametrize("paper", PAPERS)
def test_every_entry_of_a_paper_is_a_claim_or_says_why_not(paper):
    stated = {claim.id for claim in claims() if claim.paper == paper}
    own = published(paper)
    own = own[~own.protocol.isin(OF_OTHERS)]
    missing = own[~own.index.isin(stated)]
    numbers = missing.dropna(subset="value")  # said twice: once is enough
    columns = ["benchmark", "method", "metric", "value"]
    counted = own[own.index.isin(stated)][columns].apply(tuple, axis=1)
    assert numbers[columns].apply(tuple, axis=1).isin([*counted]).all()
    assert missing[missing.value.isna()].note.str.contains(NO_CLAIM).all()


def test_three_claims_come_first():
    assert sorted(claim.first for claim in claims() if claim.first) == [1, 2, 3]


def test_every_printed_number_has_a_way_of_counting():
    made_on = settings()
    assert {*made_on} == {*PAPERS}
    for claim in claims():
        if claim.is_number:
            assert claim.protocol in made_on[claim.paper].ways


def test_what_a_claim_compares_is_a_row_of_some_study():
    text = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "results").glob("*/*.jsonl"))
    rows = {*re.findall(r'"row": "((?:[^"\\]|\\.)*)"', text)}
    rows = {row.encode().decode("unicode_escape") for row in rows}
    asked = [c for claim in claims() for c in claim.measured]
    named = {n for c in asked for n in (c.row, c.reference, c.against) if isinstance(n, str) and n}
    assert named <= rows
