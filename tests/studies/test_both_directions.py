"""`zslnb.studies.both_directions`: methods of both papers side by side, from made-up records."""

import pytest
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, toy

from tests.studies.records import record, several
from zslnb import experiments, results, studies
from zslnb.studies import both_directions

SHIFTS = {"means + spread": 0.05, "GenZSL": 0.0, "cVAE": 0.03, "RevCD": -0.05, "ridge": -0.05}
RECORDS = several(SHIFTS, seeds=5)  # validation's calibrated H falls as the shift grows


def test_one_table_has_the_directions_the_calibrated_scores_and_the_points():
    study = both_directions.both_of(RECORDS, "toy, words", "both-words")
    table = study.table()
    assert table["direction"].tolist() == ["z → x", "z → x", "z → x", "x → z", "x → z"]
    assert table.loc["GenZSL", ["H", "H, calibrated"]].tolist() == ["18.2 ± 0.2", "48.2 ± 0.2"]
    assert table.loc["GenZSL", "T1, over means + spread"] == "-5.0 ± 0.0, below"
    assert table.loc["means + spread", "T1, over means + spread"] == ""
    assert "over 5 seeds" in study.caption()
    assert study.records == ()


def test_the_rows_that_validation_prefers_are_compared():
    answers = both_directions.both_of(RECORDS, "toy", "both").answers
    assert answers == {
        ("best generator over RevCD", "calibrated H"): "GenZSL: +5.0, above",
        ("best generator over RevCD", "T1"): "GenZSL: +5.0, above",
        ("RevCD over ridge", "calibrated H"): "+0.0",
        ("RevCD over ridge", "T1"): "+0.0",
        ("best z → x over best x → z", "calibrated H"): "GenZSL, RevCD: +5.0, above",
        ("best z → x over best x → z", "T1"): "GenZSL, RevCD: +5.0, above",
        ("means + spread over all others", "calibrated H"): "above 4 of 4",
        ("means + spread over all others", "T1"): "above 4 of 4",
    }


def test_data_stand_side_by_side_and_what_was_not_measured_is_left_out():
    tables = [both_directions.both_of(RECORDS, title, "both") for title in ("toy, words", "other")]
    study = both_directions.both_compared([*tables, both_directions.both_of([], "none", "both")])
    assert [*study.table().columns] == ["toy, words", "other"]
    assert study.table().loc[("RevCD over ridge", "T1"), "other"] == "+0.0"
    assert "means + spread (2 of 2)" in study.finding()
    axes = study.figure().axes
    assert [ax.get_title() for ax in axes] == ["toy,\nwords", "other"]
    rows = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert rows == [*SHIFTS][::-1]


def test_rows_without_calibrated_scores_are_shown_and_not_compared():
    old = [record("GenZSL", seed) for seed in range(5)]
    for one in old:
        del one["scores"]["calibrated"]
    study = both_directions.both_of([*old, *RECORDS[15:]], "toy", "both")
    assert study.table().loc["GenZSL", "H, calibrated"] == "n/a"
    assert {question for question, _ in study.answers} == {"RevCD over ridge"}
    assert "GenZSL" not in study.scores


def test_what_nobody_has_measured_is_said_to_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(results, "recorded", lambda run: [])
    study = studies.both_on_cub("words")
    assert study.table()["method"].tolist() == ["not measured"]
    assert study.answers == study.scores == {}


def test_recorded_rows_of_two_pages_meet(monkeypatch: pytest.MonkeyPatch):
    words = {"benchmark": {"semantics": "words"}}
    there = [
        record(f"{row} · words", s, notebook="14_genzsl_results", table="T4", **words)
        for row in ("ESZSL", "cVAE", "random referents")
        for s in range(3)
    ]
    back = [
        record(row, s, notebook="24_revcd_results", table="RevCD T2", **words)
        for row in ("RevCD", "cVAE")
        for s in range(3)
    ]
    runs = {"cub_resnet_fc1000-sentences-medium": [*there, *back]}
    monkeypatch.setattr(results, "recorded", lambda run: runs.get(run, []))
    table = studies.both_on_cub("words").table()
    assert [*table.index] == ["ESZSL", "cVAE", "RevCD", "cVAE x → z"]
    assert table["direction"].tolist() == ["none", "z → x", "x → z", "x → z"]


def test_each_kind_of_semantics_has_its_rows(build):
    rows = {"cVAE": QUICK_REVCD, "ridge": experiments.RidgeSettings()}
    generators = {"GenZSL": QUICK, "f-VAEGAN": QUICK_IMAGINATION}
    by_kind = {"words": toy(), "more words": toy(semantic_dim=5)}
    tables = studies.both_papers(by_kind, generators, rows, range(1))
    assert [table.name for table in tables] == ["both-words", "both-more_words"]
    assert [*tables[1].table().index] == [
        *("ESZSL", "nearest mean", "means + spread", "GenZSL", "f-VAEGAN", "cVAE x → z", "ridge")
    ]
    first = tables[0].records[0]
    assert (first["row"], first["table"]) == ("plain CLIP · words", "both")
