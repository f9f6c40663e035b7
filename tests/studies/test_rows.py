import numpy as np
import pytest

from zslnb.results.statistics import Difference
from zslnb.studies.rows import by_row, mean_and_word, plus_minus, row_names, summary, told, values

RECORDS = [
    {"row": row, "seed": seed, "scores": {"clean": {"H": h}, "history": [{"kl": h}, {"kl": 2 * h}]}}
    for row, seed, h in [("b", 0, 1.0), ("b", 1, 3.0), ("a", 1, 2.0), ("a", 0, 4.0)]
]


def test_values_are_a_number_for_each_seed_or_a_curve():
    assert row_names(RECORDS) == ["b", "a"]
    assert values(RECORDS, "a", "clean", "H").tolist() == [2, 4]
    assert values(RECORDS, "b", "history", "kl").tolist() == [[1, 2], [3, 6]]
    assert by_row(RECORDS, ["a", "b"], "clean", "H").tolist() == [[2, 1], [4, 3]]


def test_an_unknown_row_is_named():
    with pytest.raises(ValueError, match="'c'"):
        values(RECORDS, "c", "clean")


def test_one_seed_stands_without_a_spread():
    assert plus_minus([2.0], ".1f") == "2.0"
    assert plus_minus(np.array([1.0, 3.0]), ".2f") == "2.00 ± 1.41"


def test_summary_lays_rows_by_columns():
    frame = summary(RECORDS, ["b", "a"], {"H, clean": ("clean", "H")}, ".1f")
    assert frame.loc["a", "H, clean"] == "3.0 ± 1.4"
    assert [*frame.index] == ["b", "a"]


def test_a_difference_that_rounds_to_nothing_is_no_less_than_nothing():
    found = Difference(mean=-0.04, low=-0.24, high=0.16, p=0.5, apart=False)
    assert told(found) == "+0.0 (-0.2 to +0.2)"
    assert mean_and_word(found) == "+0.0, not significant"
    assert mean_and_word(None) == ""
    assert told(Difference(-1.5, -2.0, -1.0, 0.01, True)) == "-1.5 (-2.0 to -1.0), below"
