"""Comparisons between rows and protocols, as the notebooks' sentences are made from them."""

import pytest

from zslnb.results.tables import (
    paired_difference,
    protocol_gap,
    results_against,
    spread_caption,
    verdict,
)


def record(row: str, seed: int, clean: float, released: float | None = None) -> dict:
    shown = clean if released is None else released
    scores = {"clean": dict.fromkeys(("S", "U", "H", "T1"), clean), "released": {"H": shown}}
    return {"row": row, "seed": seed, "scores": scores}


RECORDS = [
    *(record("good", seed, 0.50 + 0.01 * seed, 0.55 + 0.01 * seed) for seed in range(5)),
    *(record("plain", seed, 0.40 + 0.01 * seed) for seed in range(5)),
    *(record("noisy", seed, 0.50 + 0.05 * (-1) ** seed) for seed in range(5)),
]


def test_a_difference_is_taken_within_seeds():
    # both rows rise with the seed, so their difference does not vary at all
    assert paired_difference(RECORDS, "good", "plain", "H", "clean") == "+10.0 ± 0.0"


def test_only_shared_seeds_are_compared():
    some = [r for r in RECORDS if r["row"] == "good" or r["seed"] == 2]
    assert paired_difference(some, "good", "plain", "H", "clean") == "+10.0"


def test_the_gap_is_what_a_protocol_adds_to_clean():
    assert protocol_gap(RECORDS, "good", "H", "released") == "+5.0 ± 0.0"


def test_the_gap_can_be_taken_over_another_protocol_where_a_record_has_both():
    last = [{"row": "a", "seed": 0, "scores": {"released": {"H": 0.6}, "last": {"H": 0.4}}}]
    assert protocol_gap([*last, *RECORDS], "a", "H", "released", over="last") == "+20.0"
    assert protocol_gap(RECORDS, "good", "H", "released", over="last") == "n/a"
    with pytest.raises(ValueError, match="'best'"):
        protocol_gap(RECORDS, "best", "H", "released")


def test_every_row_is_set_against_one():
    table = results_against(RECORDS, "plain", "clean", ["H"])
    assert list(table["H, over plain"]) == ["+10.0 ± 0.0", "", "+9.0 ± 5.7"]
    assert list(table["seeds"]) == [5, 5, 5]


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("good", "plain", "**good** is above **plain**: +10.0 points"),
        ("plain", "good", "**plain** is below **good**: -10.0 points"),
        ("good", "noisy", "not told apart"),
        ("good", "good", "not told apart"),
    ],
)
def test_a_verdict_needs_more_than_the_spread(first, second, says):
    assert says in verdict(RECORDS, first, second, "H", "clean")


def test_two_seeds_are_too_few_for_a_verdict():
    two = [r for r in RECORDS if r["seed"] < 2]
    assert "too few to tell" in verdict(two, "good", "plain", "H", "clean")


def test_an_unknown_row_is_named():
    with pytest.raises(ValueError, match="'best'"):
        paired_difference(RECORDS, "best", "plain", "H", "clean")


def test_the_caption_names_who_leads_and_who_trails():
    caption = spread_caption(RECORDS, "H", "clean")
    assert "*good* leads with 52.0 %" in caption
    assert "*plain* trails with 42.0 %" in caption
