"""`zslnb.studies.speed`: the same score, and what two trainings need for it."""

import pytest

from zslnb.studies.speed import (
    SpeedUp,
    TrainingSpeed,
    speed_by_bar,
    speed_up,
    speed_up_words,
    steady,
    step_costs,
)


def curve(scores: list[float], seconds: float = 1.0, steps: int = 10) -> list[dict[str, float]]:
    return [
        {"seconds": seconds * i, "steps": steps * i, "samples": 64 * steps * i, "H": score}
        for i, score in enumerate(scores, 1)
    ]


SLOW = curve([0.1, 0.3, 0.5, 0.4], seconds=6.0)


@pytest.mark.parametrize(
    ("scores", "steps", "how", "expected"),
    [
        ([0.2, 0.5, 0.6], 10, {}, (9.0, "=")),  # 18 s against 2 s
        ([0.6, 0.2, 0.2], 10, {}, (18.0, ">=")),  # had it when first looked at
        ([0.4, 0.4, 0.4], 10, {}, (6.0, "<")),  # 18 s against more than 3 s
        ([0.2, 0.35], 10, {"share": 0.6}, (6.0, "=")),
        ([0.2, 0.35], 10, {"share": 0.8}, (9.0, "<")),
        ([0.2, 0.5], 5, {"along": "steps"}, (3.0, "=")),
    ],
)
def test_both_are_timed_to_a_share_of_the_slower_ones_best(scores, steps, how, expected):
    both = (steady(points) for points in (SLOW, curve(scores, steps=steps)))
    assert speed_up(*both, "H", **how) == SpeedUp(*expected)


def test_start_up_and_hiccups_do_not_count():
    late = [{**point, "seconds": point["seconds"] + 4} for point in curve([0.1] * 5)]
    late[4]["seconds"] += 7
    assert steady(late)["seconds"].tolist() == pytest.approx([1, 2, 3, 4, 5])
    assert steady(curve([0.1], seconds=3.0))["seconds"].tolist() == pytest.approx([3])


def test_rows_are_compared_within_the_seeds_that_both_have():
    records = [
        {"row": row, "seed": seed, "scores": {"curve": c}}
        for seed in (0, 1)
        for row, c in {"f-VAEGAN": SLOW, "fast": curve([0.2, 0.5])}.items()
    ]
    for some, times in ((records, [9.0, 9.0]), (records[:3], [9.0])):
        by_seed = TrainingSpeed(some).speed_ups("fast", "H")
        assert [u.times for u in by_seed] == pytest.approx(times)


@pytest.mark.parametrize(
    ("by_seed", "words"),
    [
        ([(9.0, "=")], "9.0"),
        ([(12.0, "="), (8.0, "="), (0.5, "=")], "8.0 (0.50 to 12)"),
        ([(12.0, ">="), (8.0, "=")], "≥ 10 (8.0 to 12)"),
        ([(6.0, "<")], "none (below 6.0)"),
        ([(6.0, "<"), (3.0, "<")], "none (below 6.0)"),
        ([(6.0, "="), (3.0, "<"), (2.0, "<")], "6.0 in 1 of 3 seeds, else none (below 3.0)"),
    ],
)
def test_words_say_what_is_a_bound(by_seed, words):
    assert speed_up_words([SpeedUp(*one) for one in by_seed]) == words


def timed(row: str, seed: int, scores: list[float], seconds: float) -> dict:
    points = [{**point, "T1": point["H"]} for point in curve(scores, seconds=seconds)]
    return {"row": row, "seed": seed, "settings": {"lr": 1e-3}, "scores": {"curve": points}}


ROWS = {  # scores, and seconds of a point
    "f-VAEGAN": ([0.1, 0.4, 0.5], 6.0),
    "cVAE": ([0.3, 0.5, 0.5], 2.0),
    "GenZSL": ([0.2, 0.5, 0.6], 1.0),
    "GenZSL, noise": ([0.2, 0.44, 0.44], 1.0),
}


def speed(**changed: tuple[list[float], float]) -> TrainingSpeed:
    rows = {**ROWS, **changed}
    return TrainingSpeed([timed(row, seed, *rows[row]) for seed in range(3) for row in rows])


SPEED = speed()


def test_the_table_compares_by_bar_and_by_what_is_counted():
    table = SPEED.table().set_index(["bar", "counted in"])
    assert table.loc[("H, f-VAEGAN's best", "seconds"), "GenZSL"] == "9.0 (9.0 to 9.0)"
    assert table.loc[("H, f-VAEGAN's best", "steps"), "cVAE"] == "1.5 (1.5 to 1.5)"
    assert table.loc[("T1, f-VAEGAN's best", "seconds"), "GenZSL, noise"] == "none (below 6.0)"


def test_a_promise_holds_in_part_or_not_at_all():
    assert SPEED.promise("H").startswith("**Faster to f-VAEGAN's best H: held**, in 3 of 3 seeds.")
    slow = speed(GenZSL=([0.1, 0.2], 1.0))
    assert "did not hold" in slow.promise("H")
    assert "there is no speed-up to explain" in slow.origin("H")
    mixed = [*slow.records[:4], *SPEED.records[4:]]
    assert "held in part" in TrainingSpeed(mixed).promise("H")
    assert "too few to tell" in TrainingSpeed([*SPEED.records[:4]]).promise("H")


def test_the_origin_of_a_speed_up_is_what_the_controls_have():
    # the cVAE has half of it, and so does GenZSL without referents: 18 s against 2 s, 4 s, 2 s
    text = SPEED.origin("H")
    assert "not owed to induction" in text
    assert "has 50% of it, and GenZSL without referents, counted in steps, 0%" in text
    assert "not explained by the controls" in speed(cVAE=([0.1, 0.1], 1.0)).origin("T1")


def test_a_score_that_is_there_at_the_first_look_is_not_divided():
    early = speed(**{"GenZSL": ([0.5, 0.6], 1.0), "GenZSL, noise": ([0.2, 0.5], 1.0)})
    text = early.origin("H")
    assert "at its first look in 3 seeds, and without referents in 0" in text
    assert "%" not in text


def test_a_steps_cost_and_the_adversarys_price():
    study = step_costs(SPEED)
    assert study.table().loc["cVAE"].tolist() == ["200.00 ± 0.00", 64, "0.001", 30]
    assert "The adversary makes a step 3.0 times as dear" in study.caption()


def test_a_line_of_speed_ups_ends_at_the_highest_bar_that_is_reached():
    study = speed_by_bar(SPEED)
    assert "for H *GenZSL* never, *GenZSL, noise* at 88 %, *cVAE* never" in study.finding()
    assert [len(drawn.figure().axes) for drawn in (study, SPEED)] == [2, 6]
    assert "The first evaluation finds H of 10 % (f-VAEGAN), 30 % (cVAE)" in SPEED.finding()
