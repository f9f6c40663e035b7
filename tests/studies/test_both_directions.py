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
    verdicts = both_directions.both_of(RECORDS, "toy", "both").verdicts
    assert verdicts[0].startswith("**GenZSL** is above **RevCD**: +5.0 points of calibrated H")
    assert verdicts[1].startswith("**GenZSL** is above **RevCD**: +5.0 points of T1")
    assert verdicts[2].startswith("**RevCD** and **ridge** are not told apart")
    assert len(verdicts) == 6  # the preferred rows of both directions are GenZSL and RevCD
    assert verdicts[4] == (
        "**means + spread** in calibrated H, all asked together: above *GenZSL*, *cVAE*, *RevCD*, "
        "*ridge*."
    )


def test_rows_without_calibrated_scores_are_shown_and_not_compared():
    old = [record("GenZSL", seed) for seed in range(5)]
    for one in old:
        del one["scores"]["calibrated"]
    study = both_directions.both_of([*old, *RECORDS[15:]], "toy", "both")
    assert study.table().loc["GenZSL", "H, calibrated"] == "n/a"
    assert [line.split(":")[0] for line in study.verdicts] == 2 * [
        "**RevCD** and **ridge** are not told apart"
    ]


def test_what_nobody_has_measured_is_said_to_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(results, "recorded", lambda run: [])
    study = studies.both_on_cub("words")
    assert study.table()["method"].tolist() == ["not measured"]
    assert study.verdicts == []


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


def test_each_kind_of_semantics_has_its_rows(build, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)  # to start others takes longer than these
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
