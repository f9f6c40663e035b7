"""`zslnb.studies.rule_of_choice`: on made-up records, and on a toy that is run."""

import numpy as np
import pytest
from toys import QUICK, QUICK_REVCD, toy

from zslnb import experiments
from zslnb.studies.printed_gaps import seed_spreads
from zslnb.studies.rule_of_choice import best_on_test, both_recorded, percents_of, run_both


def several(percents: dict[str, list[float]], peeked: float = 0.0) -> list[dict]:
    """Records of rows with these H by seed; the test set picks `peeked` points more."""
    return [
        {
            "row": row,
            "seed": seed,
            "scores": {"clean": {"H": h / 100}, "peeked": {"H": (h + peeked) / 100}},
        }
        for row, by_seed in percents.items()
        for seed, h in enumerate(by_seed)
    ]


def test_percents_are_in_the_order_of_seeds():
    records = several({"GenZSL": [50.0, 60.0]})[::-1]
    assert percents_of(records, "GenZSL").tolist() == [50.0, 60.0]


def test_what_the_test_set_adds_is_paired_within_seeds():
    rows = {"GenZSL": [50.0, 60.0, 40.0], "ridge": [30.0, 31.0, 32.0], "plain CLIP": [55.0] * 3}
    found = best_on_test({"toy": several(rows, peeked=2.0)})
    assert [*found.table().index] == ["GenZSL", "ridge"]  # plain CLIP chooses nothing
    assert found.added["toy"]["GenZSL"].mean == pytest.approx(2.0)
    assert found.table().loc["GenZSL", "toy"].endswith("above")
    nothing = best_on_test({"toy": several(rows, peeked=0.0)})
    assert nothing.table().loc["GenZSL", "toy"] == "+0.0 (+0.0 to +0.0)"


def test_cubs_rows_are_of_both_directions_and_of_one_kind():
    for kind in ("sentences", "attributes"):
        records = both_recorded(kind)
        rows = {record["row"] for record in records}
        assert {"GenZSL", "RevCD", "cVAE", "cVAE x → z", "ridge", "means + spread"} <= rows
        assert "RevCD without z_t" not in rows
        assert {r["benchmark"]["semantics"] for r in records} == {kind}
    assert not np.isclose(
        *(seed_spreads(both_recorded(k))["GenZSL"] for k in ("sentences", "attributes"))
    )


@pytest.mark.usefixtures("build")
def test_rows_of_both_directions_are_run_under_names_of_their_own():
    estimators = {"cVAE": QUICK_REVCD, "ridge": experiments.RidgeSettings()}
    records = run_both(toy(noise=0.5), QUICK, {}, estimators, [0])
    methods = {record["row"]: record["method"] for record in records}
    assert methods["cVAE x → z"] == "revcd"
    assert methods["ridge"] == "ridge"
    assert methods["GenZSL"] == "genzsl"
    assert all({"clean", "peeked"} <= {*record["scores"]} for record in records)
