"""`zslnb.studies.seen_unseen`, its curves, and orders of methods: on made-up records."""

import pytest
from toys import toy

from zslnb import results
from zslnb.experiments.seen_unseen import CANDIDATES, GRID
from zslnb.studies.curves_and_borders import LOOKS, curves_of_methods
from zslnb.studies.method_orders import lopsided_rows, orders_of_methods
from zslnb.studies.rows import row_names
from zslnb.studies.seen_unseen import (
    borders_of_methods,
    borders_on_cub,
    methods_of_both,
    of_row,
)

# H by where the border lies: clean, moved, calibrated, level, peeked, told; then area and T1
MADE_UP = {
    "means + spread": (0.60, 0.60, 0.61, 0.60, 0.62, 0.75, 0.50, 0.80),
    "GenZSL": (0.50, 0.51, 0.55, 0.54, 0.56, 0.70, 0.45, 0.70),
    "RevCD": (0.30, 0.50, 0.58, 0.40, 0.59, 0.70, 0.44, 0.71),
    "ridge": (0.35, 0.45, 0.45, 0.45, 0.46, 0.65, 0.30, 0.72),
}
BORDERS = ("clean", "moved", "calibrated", "level", "peeked", "told")


def record(row: str, seed: int) -> dict:
    *h, area, t1 = (score + 0.001 * seed for score in MADE_UP[row])
    scores = {
        border: {"S": 0.7, "U": 0.4, "H": value, "T1": t1}
        for border, value in zip(BORDERS, h, strict=True)
    }
    scores |= {"area": area, "curve": [0.7 * float(u < 0.6) for u in GRID]}
    return {"row": row, "seed": seed, "benchmark": {"name": "toy"}, "scores": scores}


RECORDS = [record(row, seed) for row in MADE_UP for seed in range(5)]


def test_each_step_is_the_difference_of_two_borders_within_a_seed():
    found = borders_of_methods(RECORDS, "Title", "borders", kept=RECORDS)
    assert found.told["RevCD", "a constant adds"].mean == pytest.approx(28)
    assert found.told["RevCD", "the border alone"].mean == pytest.approx(20)
    assert found.told["RevCD", "S = U instead"].mean == pytest.approx(-18)
    table = found.table()
    assert table.loc["RevCD", "the border alone"] == "+20.0, above"
    assert table.loc["means + spread", "the border alone"] == "+0.0, not significant"
    assert table.loc["RevCD", "short of the oracle"] == "1.0 ± 0.0"
    assert table.loc["RevCD", "AUSUC"] == "44.2 ± 0.2"
    assert found.records == RECORDS


def test_rows_are_sorted_by_h_with_a_constant():
    order = ["means + spread", "RevCD", "GenZSL", "ridge"]
    found = borders_of_methods(RECORDS, "Title", "borders")
    assert [*found.table().index] == order
    labels = [label.get_text() for label in found.figure().axes[0].get_yticklabels()]
    assert labels == order[::-1]


def test_the_finding_tells_the_directions_apart():
    """RevCD gains 28 points and the ridge 10; GenZSL 5, means + spread 1."""
    said = borders_of_methods(RECORDS, "Title", "borders").finding()
    assert "+1.0 (means + spread) to +28.0 points (RevCD)" in said
    assert "+19.0 to methods from image to semantics, +3.0 to the others" in said


def test_curves_stand_in_the_panel_of_their_direction():
    fig = curves_of_methods(RECORDS, "Title", "curves").figure()
    panels = [{text.get_text() for text in ax.get_legend().get_texts()} for ax in fig.axes]
    assert panels == [{"means + spread", "GenZSL"}, {"means + spread", "RevCD", "ridge"}]


def test_orders_by_hand():
    """By H as they come: means, GenZSL, ridge, RevCD; with a constant RevCD passes the two."""
    table = orders_of_methods({"Title": RECORDS}).table()["Title"]
    asked = "H, no constant, and H, with a constant"
    assert table[asked, "Kendall's τ"] == "0.33"  # four pairs agree, two do not
    assert table[asked, "pairs that turn"] == "2 of 6, 2 significant"
    assert table[asked, "furthest"] == "ridge over RevCD: +5.0, then -13.0"
    assert table["first by", "T1"] == "means + spread"
    assert table["GenZSL over RevCD", "H, no constant"] == "+20.0, above"
    assert table["GenZSL over RevCD", "H, with a constant"] == "-3.0, below"
    assert table["GenZSL over RevCD", "AUSUC"] == "+1.0, above"


def test_one_order_twice_turns_no_pair():
    same = [{**r, "scores": {**r["scores"], "calibrated": r["scores"]["clean"]}} for r in RECORDS]
    table = orders_of_methods({"Title": same}).table()["Title"]
    asked = "H, no constant, and H, with a constant"
    assert table[asked, "Kendall's τ"] == "1.00"
    assert table[asked, "pairs that turn"] == "0 of 6, 0 significant"


def test_what_a_gap_costs_is_the_mean_less_h():
    table = lopsided_rows().table()
    assert table.loc["CUB", "S − U, RevCD"] == "55.2"
    assert table.loc["CUB", "costs most"].startswith("RevCD 12.7")  # 59.9 less 47.2
    assert table.loc["CUB", "rank of RevCD by H"] == 15
    assert table.loc["CUB", "by the mean of S and U"] == 6


def test_every_method_of_both_tables_has_settings_and_a_look():
    """Plain CLIP is there where images and texts share a space, and only there."""
    with_clip = methods_of_both(toy(), "smoke")
    without = methods_of_both(toy(feature_dim=12), "smoke")
    assert {*with_clip} - {*without} == {"plain CLIP"}
    assert {*with_clip} == {*LOOKS}
    assert {type(settings) for settings in with_clip.values()} == {*CANDIDATES}


def test_every_method_is_recorded_of_cub_with_either_semantics():
    methods = [row for row in methods_of_both(toy(), "medium") if row != "plain CLIP"]
    for kind in ("attributes", "sentences"):
        records = borders_on_cub(kind)
        assert row_names(records) == methods
        assert len(records) == 5 * len(methods)
        assert all({*BORDERS, "area"} <= {*r["scores"]} for r in records)
    assert borders_on_cub("names") == []


def test_two_rules_for_two_methods_turn_the_order_that_either_rule_gives():
    """As page 33 says: GenZSL's border alone beside RevCD's put together with its candidate."""
    recorded = {kind: borders_on_cub(kind) for kind in ("attributes", "sentences")}
    birds = results.rows_of(results.recorded("aviary-smoke"), "seen-unseen")
    ahead = {}
    for kind, records in ({"names": birds} | recorded).items():
        h = {
            (row, rule): of_row(records, row, rule).mean()
            for row in ("GenZSL", "RevCD")
            for rule in ("moved", "calibrated")
        }
        assert all(h["GenZSL", rule] > h["RevCD", rule] for rule in ("moved", "calibrated"))
        ahead[kind] = round(h["RevCD", "calibrated"] - h["GenZSL", "moved"], 1)
    assert ahead["names"] == pytest.approx(1.0, abs=0.05)
    assert ahead["attributes"] == pytest.approx(3.0, abs=0.06)
    assert ahead["sentences"] < 0
