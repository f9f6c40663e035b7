"""`zslnb.studies.printed_gaps`: on made-up records, whose spread and order are known."""

import math

import numpy as np
import pytest
from toys import HARD, QUICK, QUICK_REVCD

from zslnb import experiments
from zslnb.studies.printed_gaps import (
    TABLES,
    best_on_test,
    both_recorded,
    gaps_beside_spread,
    neighbours,
    printed_gaps,
    reversals,
    run_both,
    seed_spreads,
)


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


WIDE = {"GenZSL": [50.0, 52.0], "f-VAEGAN": [40.0, 44.0], "ridge": [30.0, 30.0]}


def test_a_spread_is_of_what_is_trained():
    assert seed_spreads(several(WIDE)) == pytest.approx(
        {"GenZSL": math.sqrt(2), "f-VAEGAN": 2 * math.sqrt(2)}
    )


@pytest.mark.parametrize("rows", [{"GenZSL": [50.0]}, {"ridge": [30.0, 31.0]}])
def test_a_spread_needs_two_seeds_of_a_trained_method(rows):
    with pytest.raises(ValueError, match="two seeds or more"):
        seed_spreads(several(rows))


def test_neighbours_are_sorted_and_gaps_are_theirs():
    """GenZSL's Table 4 has six known H, its own among them."""
    known = neighbours("GenZSL's Table 4")
    assert [*known] == ["CUB"]
    assert known["CUB"].tolist() == [57.4, 57.1, 55.6, 55.0, 52.9, 35.3]
    assert printed_gaps("GenZSL's Table 4") == pytest.approx([0.3, 1.5, 0.6, 2.1, 17.6])
    assert [len(printed_gaps(table)) for table in TABLES] == [17 + 17 + 14, 2 + 2 + 1, 5]


def test_gaps_are_counted_against_two_runs():
    """Spreads of 1.4 and 2.8: median 2.1, two runs differ by 3.0."""
    found = gaps_beside_spread({"toy": several(WIDE)}, ["toy"])
    assert found.apart == pytest.approx(3.0)
    row = found.table().iloc[0]
    assert row["two runs differ by"] == "3.0"
    assert row["GenZSL's Table 4"] == "4 of 5"
    assert row["RevCD's Table 2"] == "0 of 5"
    assert f"{(printed_gaps(chr(82) + 'evCD' + chr(39) + 's Table 1') <= 3).sum()}, joined" in (
        found.finding()
    )


def test_the_figure_has_every_row_and_its_misprints():
    fig = gaps_beside_spread({"toy": several(WIDE)}, ["toy"]).figure()
    assert [len(ax.texts) for ax in fig.axes] == [18, 18, 15]
    drawn = {label: [] for label in ("H of its S and U", "not H of its S and U")}
    for ax in fig.axes:
        for line in ax.lines:
            if line.get_label() in drawn:
                drawn[line.get_label()].append(len(line.get_xdata()))
    assert drawn == {"H of its S and U": [16, 17, 12], "not H of its S and U": [2, 1, 3]}


def test_an_order_that_another_seed_turns_round_is_counted():
    """Seed 0 has A ahead by 1, seed 1 has B ahead by 3; the unit is root of 2 + 2 = 2."""
    counts = reversals({"toy": several({"GenZSL": [51.0, 49.0], "cVAE": [50.0, 52.0]})}).counts
    assert counts["toy"] == {"less than one": (1, 1), "one to two": (1, 1), "more than two": (0, 0)}


def test_an_order_that_never_changes_is_never_turned_round():
    steady = {"GenZSL": [80.0, 80.1, 80.2], "cVAE": [50.0, 50.1, 50.2]}
    counts = reversals({"toy": several(steady)}).counts["toy"]
    assert counts["more than two"] == (0, 6)


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
    records = run_both(HARD, QUICK, {}, estimators, [0])
    methods = {record["row"]: record["method"] for record in records}
    assert methods["cVAE x → z"] == "revcd"
    assert methods["ridge"] == "ridge"
    assert methods["GenZSL"] == "genzsl"
    assert all({"clean", "peeked"} <= {*record["scores"]} for record in records)
