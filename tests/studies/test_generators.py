"""`zslnb.studies.generators`: rows of both kinds of generators, and of none."""

from dataclasses import replace

import pytest
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import studies

BOTH = {"GenZSL": QUICK, "cVAE": replace(QUICK_IMAGINATION, kind="cvae")}


@pytest.mark.parametrize(
    ("study", "methods", "table"),
    [
        ("feature_fidelity", ["fidelity", "imagination_fidelity"], "fidelity"),
        ("training_speed", ["speed", "imagination_speed"], "speed"),
    ],
)
def test_each_kind_of_generator_has_its_experiment(build, study, methods, table):
    records = getattr(studies, study)(toy(), BOTH, range(1)).records
    assert [(r["method"], r["table"]) for r in records] == [(method, table) for method in methods]


def test_generators_are_compared_with_one_of_them(build):
    study = studies.compared(toy(), BOTH, "cVAE", range(1), name="clean")
    assert {r["table"] for r in study.records} == {"clean"}
    assert study.table().loc["cVAE", "H, over cVAE"] == ""
    (h, _) = studies.verdicts(study.records, "GenZSL", "cVAE")
    assert h.startswith("**GenZSL** against **cVAE**")


def test_hubs_are_counted_method_by_method_where_a_record_has_them(build):
    study = studies.compared(toy(), BOTH, "cVAE", range(2), name="clean")
    without = {"row": "old", "scores": {}}
    frame = studies.hubness([*study.records, without], "toy").table()
    assert [*frame.index] == ["GenZSL", "cVAE"]
    assert "±" in frame.iloc[0, 0]
