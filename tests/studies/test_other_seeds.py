"""`zslnb.studies.other_seeds`: on made-up seeds, and on the ten that are recorded."""

from pathlib import Path

import pytest

from zslnb import results
from zslnb.results.deciding import Run
from zslnb.results.statements import Claim, Comparison
from zslnb.studies.other_seeds import (
    by_other_seeds,
    recorded_twice,
    replicated_in_a_sentence,
    twice,
)

NOISE = (-2, -1, 0, 1, 2)  # what each of five seeds adds to a row, in points
ROWS = {  # a row -> its H less that of "base", by the first five seeds and by the others
    "base": (0, 0),
    "above twice": (20, 20),
    "turned": (10, -10),
    "lost": (10, 0),
    "gained": (0, 10),
}


def run() -> Run:
    records = [
        {
            "row": row,
            "seed": 5 * half + seed,
            "table": "T",
            "benchmark": {"name": "aviary"},
            "scores": {"clean": {"H": 0.5 + (gain + (row != "base") * NOISE[seed]) / 100}},
        }
        for row, gains in ROWS.items()
        for half, gain in enumerate(gains)
        for seed in range(5)
    ]
    return Run("aviary-smoke", records)


def statement(row: str, **changes: object) -> Claim:
    asked = (Comparison(row, above="base", table="T", **changes),)
    return Claim("ours", row, "", "", "", "", "", "", measured=asked)


def test_each_difference_is_decided_by_each_half_and_by_all():
    backwards = Claim(
        "ours", "b", *[""] * 6, measured=(Comparison("base", below="lost", table="T"),)
    )
    found = twice(run(), [backwards, *(statement(row) for row in ROWS if row != "base")])
    standings = {three[0].row: [finding.standing for finding in three] for three in found}
    assert standings == {
        "above twice": ["for", "for", "for"],
        "turned": ["for", "against", "open"],
        "lost": ["for", "open", "for"],
        "gained": ["open", "for", "for"],
    }
    study = by_other_seeds(found)
    assert study.counts.to_numpy().tolist() == [[3, 2, 1, 2], [1, 1, 0, 1]]
    assert study.apart == pytest.approx(10)  # 0, 20, 10, 10
    assert "the first five call significant the others call 2 so" in study.finding()
    assert len(study.figure().axes[0].collections) == 2  # none by neither
    assert "call 2 so and 1 the other way round; of 1 others 1 are" in replicated_in_a_sentence(
        found
    )


def test_a_page_can_say_that_nothing_is_recorded_twice():
    study = by_other_seeds([])
    assert study.counts.to_numpy().tolist() == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert "No difference is recorded" in study.finding()
    assert not study.figure().axes[0].collections
    assert replicated_in_a_sentence([]).startswith("Of 0 differences")


def test_what_does_not_vary_and_what_is_no_difference_of_rows_is_left_out():
    same = {**run().records[0], "row": "same"}
    records = [*run().records, *({**same, "seed": seed} for seed in range(10))]
    number = Claim(
        "ours", "n", "", "", "", "", "", "", measured=(Comparison("lost", 1.0, table="T"),)
    )
    assert twice(Run("aviary-smoke", records), [statement("same"), number]) == []


def test_seeds_that_other_code_was_run_with_are_not_mixed(monkeypatch):
    def recorded(run: str, folder: Path | None = None) -> list[dict]:
        return [{"method": "ridge", "source": "old" if folder else "new", "seed": 5 * bool(folder)}]

    monkeypatch.setattr(results, "recorded", recorded)
    with pytest.warns(match="not of the code .* left out: ridge. Run make reproduce SEEDS=10"):
        assert recorded_twice() == []


def test_ten_seeds_are_recorded():
    found = recorded_twice()
    assert len(found) > 40
    assert {tuple(len(finding.ours) for finding in three) for three in found} == {(5, 5, 10)}
