"""`calibration_curves`: curves averaged over seeds, and the point nearest to a printed pair."""

import pytest

from tests.studies.records import several
from zslnb.studies.calibration_curves import (
    curve,
    curves_beside_printed,
    epochs_tried,
    nearest_point,
    seen_unseen_curves,
)


def record(seed: float, row: str = "RevCD") -> dict:
    curves = {
        "4": {"U": [0.1 + seed, 0.5 + seed], "S": [0.6, 0.2], "S, lenient": [0.7, 0.3]},
        "10": {"U": [0.0, 0.3], "S": [0.7, 0.4], "S, lenient": [0.9, 0.8]},
    }
    return {"row": row, "seed": seed, "scores": {"curves": curves}}


RECORDS = [record(0.0), record(0.1), record(0.4, "other")]


def test_a_curve_is_the_mean_over_the_seeds_of_a_row():
    u, s = curve(RECORDS, "RevCD", 4, "strict")
    assert u.tolist() == pytest.approx([15, 55])
    assert s.tolist() == pytest.approx([60, 20])
    assert curve(RECORDS, "RevCD", 10, "lenient")[1].tolist() == pytest.approx([90, 80])
    assert epochs_tried(RECORDS, "RevCD") == [10, 4]


def test_the_nearest_point_of_all_curves_of_a_count():
    printed = {"S": 83.0, "U": 34.0}
    lenient = nearest_point(RECORDS, "RevCD", "lenient", printed)
    assert lenient == "S 80.0, U 30.0 after 10 epochs, 5.0 away"
    between = nearest_point(RECORDS, "RevCD", "lenient", {"S": 60.0, "U": 45.0})
    assert between == "S 50.0, U 35.0 after 4 epochs, 14.1 away"
    on_a_curve = nearest_point(RECORDS, "RevCD", "strict", {"S": 60.0, "U": 15.0})
    assert on_a_curve.endswith("after 4 epochs, 0.0 away")


def test_curves_are_drawn_and_said():
    study = seen_unseen_curves(several({"RevCD": 0.0}), "toy")
    assert study.finding() == (
        "toy: S over U for every constant. Clean's choice without one has U 10.1 and S 90.1 %; "
        "calibrated, with epochs, guidance and space chosen again and so not on these "
        "curves, U 40.1 and S 70.1 %."
    )
    curves = [line for line in study.figure().axes[0].lines if len(line.get_xdata()) > 1]
    assert len(curves) == 2  # one count each
    beside = curves_beside_printed({"words": RECORDS}, {"S": 83.0, "U": 34.0})
    assert "words, lenient: S 80.0, U 30.0 after 10 epochs" in beside.finding()
    assert beside.figure().axes[0].lines[-1].get_label() == "printed"
