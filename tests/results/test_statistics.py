"""`zslnb.results.statistics`: mean and spread, and comparisons within seeds."""

import math

import pytest
import torch
from scipy import stats

from zslnb.results.statistics import (
    differences,
    differences_by,
    mean_and_sd,
    paired_gains,
    percent,
    points,
    protocol_gap,
    spread,
    verdicts,
)
from zslnb.seeds import torch_generator


def record(row: str, seed: int, clean: float, released: float | None = None) -> dict:
    shown = clean if released is None else released
    scores = {"clean": dict.fromkeys(("S", "U", "H", "T1"), clean), "released": {"H": shown}}
    return {"row": row, "seed": seed, "scores": scores}


RECORDS = [
    *(record("good", seed, 0.50 + 0.01 * seed, 0.55 + 0.01 * seed) for seed in range(5)),
    *(record("plain", seed, 0.40 + 0.01 * seed) for seed in range(5)),
    *(record("noisy", seed, 0.50 + 0.05 * (-1) ** seed) for seed in range(5)),
]


def test_a_difference_is_taken_within_the_seeds_that_both_rows_have():
    """Both rows rise with the seed, so their difference does not vary at all."""
    assert points(paired_gains(RECORDS, "good", "plain", "H", "clean")) == "+10.0 ± 0.0"
    some = [r for r in RECORDS if r["row"] == "good" or r["seed"] == 2]
    assert paired_gains(some, "good", "plain", "H", "clean") == pytest.approx([10.0])
    with pytest.raises(ValueError, match="'best'"):
        paired_gains(RECORDS, "best", "plain", "H", "clean")


def test_the_gap_is_what_a_protocol_adds_to_another_where_a_record_has_both():
    assert protocol_gap(RECORDS, "good", "H", "released") == "+5.0 ± 0.0"
    last = [{"row": "a", "seed": 0, "scores": {"released": {"H": 0.6}, "last": {"H": 0.4}}}]
    assert protocol_gap([*last, *RECORDS], "a", "H", "released", over="last") == "+20.0"
    assert protocol_gap(RECORDS, "good", "H", "released", over="last") == "n/a"
    with pytest.raises(ValueError, match="'best'"):
        protocol_gap(RECORDS, "best", "H", "released")


@pytest.mark.parametrize(
    ("first", "second", "seeds", "says"),
    [
        ("good", "plain", 5, "**good** is above **plain**: +10.0 points"),
        ("plain", "good", 5, "**plain** is below **good**: -10.0 points"),
        ("good", "noisy", 5, "do not differ significantly"),
        ("good", "good", 5, "do not differ significantly"),
        ("good", "plain", 2, "too few to tell"),
    ],
)
def test_a_verdict_needs_seeds_and_more_than_the_spread(first, second, seeds, says):
    records = [r for r in RECORDS if r["seed"] < seeds]
    assert says in verdicts([(records, first, second, "H")], "clean")[0]


def test_rows_that_share_no_seed_cannot_be_compared():
    some = [r for r in RECORDS if (r["row"] == "good") == (r["seed"] < 2)]
    says = r"Rows 'good' \(seeds 0, 1\) and 'plain' \(seeds 2, 3, 4\) share no seed"
    with pytest.raises(ValueError, match=says):
        verdicts([(some, "good", "plain", "H")], "clean")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.5, 0.51, 0.52], "51.0 ± 1.0"),
        ([0.4, 0.4], "40.0 ± 0.0"),
        ([0.12345], "12.3"),
        ([0.0, 1.0], "50.0 ± 70.7"),
    ],
)
def test_percent_is_mean_and_sample_deviation(values, text):
    assert percent(values) == text


@pytest.mark.parametrize(
    ("gains", "text", "apart"),
    [
        ([1.0, 2.0, 3.0], "+2.0 ± 1.0", False),  # p = 0.074
        ([1.5, 2.0, 2.5], "+2.0 ± 0.5", True),  # p = 0.020
        ([0.4, 0.5, 0.6], "+0.5 ± 0.1", False),  # p = 0.013, of no interest
        ([-1.0, 0.0, 1.0], "+0.0 ± 1.0", False),
        ([-0.01, -0.02, -0.03], "+0.0 ± 0.0", False),
        ([-2.0, -2.0], "-2.0 ± 0.0", None),
        ([0.25], "+0.2", None),
    ],
)
def test_points_have_a_sign_and_three_seeds_tell(gains, text, apart):
    assert points(gains) == text
    assert differences(gains)[0].apart is apart


@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [-3.0, 0.5, 0.4, 0.1, 1.0]])
def test_the_test_is_the_paired_t_test(values):
    found, expected = differences(values)[0], stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert (found.p, found.low, found.high) == pytest.approx((expected.pvalue, *interval))


def test_what_is_asked_together_is_corrected_as_holm_has_it():
    """The smallest counts for all three, the next for the two that are left, the last for one."""
    gains = [1.5, 2.0, 2.5], [4.0, 5.0, 6.0], [-1.0, 0.0, 1.0]
    alone = [differences(g)[0].p for g in gains]
    together = differences(*gains)
    assert [d.p for d in together] == pytest.approx([2 * alone[0], 3 * alone[1], alone[2]])
    assert [d.apart for d in together] == [True, True, False]
    by_name = differences_by(dict(zip("abc", gains, strict=True)))
    assert by_name == dict(zip("abc", together, strict=True))
    assert not any(d.apart for d in differences(*gains, *[gains[2]] * 3))
    assert [d.p for d in differences([1.5, 2.0, 2.5], [1.5, 2.0, 2.5])] == [2 * alone[0]] * 2


def test_the_least_difference_of_interest_can_be_set():
    small = [0.004, 0.005, 0.006]
    assert differences(small)[0].apart is False
    assert differences(small, least=0.001)[0].apart is True
    assert differences([1.0, 1.0, 1.0])[0].apart is True  # never varies
    assert differences([0.0, 0.0, 0.0])[0].apart is False


def test_how_often_the_rule_tells_any_of_several_nothings_apart():
    draws = 9 * torch.randn(1000, 4, 5, generator=torch_generator(0, "test/rule"))
    any_apart = [any(d.apart for d in differences(*four)) for four in draws.tolist()]
    assert 0.03 < sum(any_apart) / len(draws) < 0.06


def test_a_mean_that_rounds_to_nothing_has_no_minus():
    less = [record("less", seed, 0.4996 + 0.01 * seed) for seed in range(5)]
    (says,) = verdicts([([*RECORDS, *less], "less", "good", "H")], "clean")
    assert "+0.0 points" in says
    assert points([-0.04, -0.04]) == "+0.0 ± 0.0"


def test_verdicts_asked_together_are_corrected_together():
    asked = [(RECORDS, "good", other, "H") for other in ("plain", "noisy")]
    good, noisy = verdicts(asked, "clean")
    (alone,) = verdicts(asked[1:], "clean")
    assert good.endswith("+10.0 points of H over 5 seeds (+10.0 to +10.0, p < 0.001).")
    assert noisy == alone  # the larger of two p is its own
    assert "+1.0 points of H over 5 seeds (-6.1 to +8.1, p = 0.715)" in noisy


def test_plain_numbers_have_two_digits_and_a_spread():
    assert spread([0.5, 1.0, 1.5]) == "1.00 ± 0.50"
    assert spread([0.126]) == "0.13"


def test_mean_and_sample_standard_deviation():
    assert mean_and_sd([1.0, 2.0, 6.0]) == pytest.approx((3.0, math.sqrt(7)))
    mean, sd = mean_and_sd([0.4])
    assert mean == 0.4
    assert math.isnan(sd)
