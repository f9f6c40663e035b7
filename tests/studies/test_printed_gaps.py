"""`zslnb.studies.printed_gaps`: on made-up records, whose spread and order are known."""

import math

import pytest

from zslnb.studies.printed_gaps import (
    TABLES,
    audit_in_a_sentence,
    gaps_beside_spread,
    neighbours,
    printed_gaps,
    reversals,
    seed_spreads,
)


def several(percents: dict[str, list[float]]) -> list[dict]:
    """Records of rows with these H by seed, clean and as the test set picks."""
    return [
        {
            "row": row,
            "seed": seed,
            "scores": {key: {"H": h / 100} for key in ("clean", "peeked")},
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
    close = (printed_gaps("RevCD's Table 1") <= 3).sum()
    assert f"Of 48 neighbours, as printed, {close}, joined" in found.finding()


def test_one_seed_has_no_spread_and_is_left_out():
    sources = {"toy": several(WIDE), "once": several({"GenZSL": [50.0], "cVAE": [51.0]})}
    assert len(gaps_beside_spread(sources, ["toy"]).table()) == 2  # clean, and best on test
    assert [*reversals(sources).counts] == ["toy"]


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


def test_the_audit_in_a_sentence_counts_by_the_spread_that_it_is_given():
    """With a spread of 10 points two runs differ by 14.1; two gaps of the table are wider."""
    wide, narrow = (several({"GenZSL": [50.0, 50 + d]}) for d in (math.sqrt(2) * 10, 0.0))
    assert audit_in_a_sentence([wide]).startswith("46 of 48 neighbouring rows")
    assert "two runs of one method typically are here, 14.1 points" in audit_in_a_sentence([wide])
    none = audit_in_a_sentence([narrow])
    equal = (printed_gaps("RevCD's Table 1") == 0).sum()
    assert none.startswith(f"{equal} of 48 neighbouring rows")
    assert none.endswith("6 of its 51 H do not follow from the S and U beside them.")
