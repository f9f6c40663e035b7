"""`zslnb.studies.speed`: the same score, and what two trainings need for it."""

import math

import pytest

from zslnb.studies.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady


def curve(scores: list[float], seconds: float = 1.0, steps: int = 10) -> list[dict[str, float]]:
    return [
        {"seconds": seconds * i, "steps": steps * i, "samples": 64 * steps * i, "H": score}
        for i, score in enumerate(scores, 1)
    ]


SLOW = curve([0.1, 0.3, 0.5, 0.4], seconds=6.0)


def test_the_first_point_at_the_score_counts():
    assert needed(SLOW, "H", 0.3) == 12.0
    assert needed(SLOW, "H", 0.31, "steps") == 30
    assert needed(SLOW, "H", 0.51, "samples") == math.inf


@pytest.mark.parametrize(
    ("scores", "times", "relation"),
    [
        ([0.2, 0.5, 0.6], 9.0, "="),  # 18 s against 2 s
        ([0.6, 0.2, 0.2], 18.0, ">="),  # had it when first looked at
        ([0.4, 0.4, 0.4], 6.0, "<"),  # 18 s against more than 3 s
    ],
)
def test_the_slower_ones_best_is_the_score(scores, times, relation):
    assert speed_up(SLOW, curve(scores), "H") == SpeedUp(times, relation)


def test_a_lower_bar_is_a_share_of_the_best():
    assert speed_up(SLOW, curve([0.2, 0.35]), "H", share=0.6) == SpeedUp(6.0, "=")
    assert speed_up(SLOW, curve([0.2, 0.35]), "H", share=0.8).relation == "<"


def test_steps_are_compared_as_steps():
    assert speed_up(SLOW, curve([0.2, 0.5], steps=5), "H", "steps") == SpeedUp(3.0, "=")


def test_start_up_and_hiccups_do_not_count():
    late = [{**point, "seconds": point["seconds"] + 4} for point in curve([0.1] * 5)]
    late[4]["seconds"] += 7
    assert [point["seconds"] for point in steady(late)] == pytest.approx([1, 2, 3, 4, 5])
    assert steady(curve([0.1], seconds=3.0))[0]["seconds"] == pytest.approx(3.0)


def test_rows_are_compared_within_seeds():
    rows = {"slow": SLOW, "fast": curve([0.2, 0.5])}
    records = [
        {"row": row, "seed": seed, "scores": {"curve": c}}
        for seed in (0, 1)
        for row, c in rows.items()
    ]
    assert [u.times for u in speed_ups(records, "slow", "fast", "H")] == pytest.approx([9.0, 9.0])
    assert len(speed_ups(records[:3], "slow", "fast", "H")) == 1
    with pytest.raises(ValueError, match="'slow' and 'quick' share no seed"):
        speed_ups(records, "slow", "quick", "H")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([(9.0, "=")], "9.0"),
        ([(12.0, "="), (8.0, "="), (0.5, "=")], "8.0 (0.50 to 12)"),
        ([(12.0, ">="), (8.0, "=")], "≥ 10 (8.0 to 12)"),
        ([(6.0, "<")], "none (below 6.0)"),
        ([(6.0, "<"), (3.0, "<")], "none (below 6.0)"),
        (
            [(6.0, "="), (3.0, "<"), (2.0, "<")],
            "6.0 in 1 of 3 seeds, else none (below 3.0)",
        ),
    ],
)
def test_words_say_what_is_a_bound(found, words):
    assert speed_up_words([SpeedUp(*one) for one in found]) == words
