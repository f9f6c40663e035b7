"""`zslnb.studies.both_directions`: methods of both papers side by side, from made-up records."""

from dataclasses import replace

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


def test_the_recorded_rows_of_cub_are_those_of_the_borders_without_the_control(
    monkeypatch: pytest.MonkeyPatch,
):
    words = {"benchmark": {"semantics": "words"}, "table": "seen-unseen"}
    rows = ("ESZSL", "cVAE", "GenZSL, noise", "RevCD", "cVAE x → z")
    there = [record(row, seed, **words) for row in rows for seed in range(3)]
    runs = {"cub_resnet_fc1000-sentences-medium": there}
    monkeypatch.setattr(results, "recorded", lambda run: runs.get(run, []))
    table = studies.both_on_cub("words").table()
    assert [*table.index] == ["ESZSL", "cVAE", "RevCD", "cVAE x → z"]
    assert table["direction"].tolist() == ["none", "z → x", "x → z", "x → z"]


def test_each_kind_of_semantics_has_its_rows_and_one_rule_for_the_border(build):
    methods = {
        "ESZSL": experiments.ESZSLSettings(),
        "GenZSL": QUICK,
        "GenZSL, noise": replace(QUICK, referent="noise"),
        "f-VAEGAN": QUICK_IMAGINATION,
        "RevCD": QUICK_REVCD,
        "ridge": experiments.RidgeSettings(),
    }
    table = studies.both_papers(toy(), methods, "more words", range(1))
    assert table.name == "both-more_words"
    assert [*table.table().index] == ["ESZSL", "GenZSL", "f-VAEGAN", "RevCD", "ridge"]
    assert {(r["table"], r["method"]) for r in table.records} == {("both", "seen_unseen")}
    assert [r["row"] for r in table.records][:2] == ["ESZSL · more words", "GenZSL · more words"]
