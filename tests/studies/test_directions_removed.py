"""`zslnb.studies.directions_removed`: what more directions do, and what CDP does to real names."""

import numpy as np
import pytest
from toys import toy

from zslnb import studies
from zslnb.studies import directions_removed


def record(n: int, kept: float) -> dict:
    after = {"with diagonal": 0.5 / (n + 1), "without diagonal": 0.1, "absolute": 0.2}
    return {
        "row": f"{n} removed",
        "seed": 0,
        "settings": {"n_removed": n},
        "scores": {
            "before": {**after, "with diagonal": 0.5},
            "after": after,
            "nearest": {"kept": kept},
            "common": {"alignment": 0.75},
            "size": {"classes": 8, "width": 4},
        },
    }


RECORDS = [record(0, 1.0), record(1, 0.7), record(2, 0.4)]


def test_neighbours_are_followed_as_directions_go() -> None:
    study = studies.Directions("toy", np.array([0.6, 0.3, 0.1]), RECORDS)
    assert study.table().index.tolist() == ["0", "1", "2"]
    assert study.finding() == (
        "The first direction holds 60% of the squared length, the second 30%. Removing one leaves "
        "70% of the nearest classes as they were, removing 2 leaves 40%."
    )
    left, right = study.figure().axes
    assert [bar.get_height() for bar in left.patches] == pytest.approx([60, 30, 10])
    assert right.lines[0].get_ydata() == pytest.approx([100, 70, 40])


def test_the_experiments_are_those_asked_for(build) -> None:
    study = studies.directions(toy(), range(3), np.ones(3))
    assert [r["settings"]["n_removed"] for r in study.records] == [0, 1, 2]
    assert study.kept[0] == 1


def test_real_names_stand_beside_those_of_this_run(monkeypatch) -> None:
    kept = {"imagenet1k_vitb32-smoke": RECORDS}
    monkeypatch.setattr(directions_removed, "recorded", lambda run: kept.get(run, []))
    table = studies.RealNames("toy", RECORDS).table()
    assert table.index.tolist() == ["toy (this run)", "ImageNet names", "LVIS names"]
    assert table.loc["toy (this run)"].equals(table.loc["ImageNet names"].rename("toy (this run)"))
    assert table.loc["ImageNet names", "after, with diagonal"] == "0.25"
    assert table.loc["LVIS names", "classes"] == "not measured"
    table = studies.RealNames("lvis1203_vitb32", RECORDS).table()
    assert table.index.tolist() == ["LVIS names (this run)", "ImageNet names"]
