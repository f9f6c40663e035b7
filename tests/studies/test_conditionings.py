"""`conditionings`: ways to join, sorted by whether they are told apart."""

import matplotlib.pyplot as plt
import pytest

from tests.studies.records import several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments
from zslnb.revcd import RevCDSettings
from zslnb.studies.conditionings import Conditionings, TimeClocks, WaysToJoin, equally_long

SHIFTS = {"cross": 0.0, "swapped": 0.1, "addition": -0.05, "concatenation": 0.0, "film": 0.02}


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Conditionings:
    monkeypatch.setattr(experiments, "run_rows", lambda rows, *_, **__: several(SHIFTS))
    return Conditionings(toy(), QUICK_REVCD, range(3), "cpu")


def test_each_way_is_above_below_or_not_told_apart(study: Conditionings):
    assert study.against("H") == (
        "swapped, film above it; addition below it; concatenation not told apart from it"
    )
    assert study.finding().endswith(f"only): {study.against('T1')}.")
    assert study.gains("film", "H") == pytest.approx([2, 2, 2])
    assert "**swapped** is above **cross**: +10.0 points of T1" in study.verdicts()[0]
    assert len(study.figure().axes[0].lines) == 2 * 4 + 1
    plt.close("all")


def test_the_table_has_gains_and_the_last_training_error(study: Conditionings):
    table = study.table()
    assert table.loc["film", "H, over cross"] == "+2.0 ± 0.0"
    assert table.loc["swapped", "training error"] == "0.38 ± 0.00"  # 3 over 8 columns
    assert study.lowest_error() == (
        "The training error is lowest with *swapped*. U is at most 20.1 % on average."
    )
    assert study.caption().startswith("**toy, ")


def test_two_seeds_are_too_few(study: Conditionings):
    study.seeds = range(2)
    assert study.against("H") == "too few seeds to tell"


def test_all_train_for_as_long():
    assert equally_long(QUICK_REVCD).epoch_choices == (3,)


def test_slow_clocks_stand_still_and_neighbours_look_alike():
    study = TimeClocks(RevCDSettings(widths=(64, 32, 16)))
    near, far = study.cosines(16)[[1, 250]]
    assert far < near < 1
    assert 0 < study.still < 16
    assert f"{study.still} of 16 columns hardly change" in study.finding()
    assert f"{near:.2f} for neighbours and still {far:.2f} at half" in study.finding()
    assert len(study.figure().axes[1].lines) == 3
    plt.close("all")


def test_concatenation_takes_the_most_weights():
    study = WaysToJoin(toy(), QUICK_REVCD)
    weights = {how: study.weights(how) for how in study.table().index}
    assert weights["cross"] == weights["addition"] < weights["concatenation"]
    assert study.table().columns[-1] == "weights, thousands"
    assert "this profile" in study.caption()
