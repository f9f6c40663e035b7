"""`zslnb.studies.training_orders`: orders of samples, and looks at the test set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.experiments.generative import released_scores

RELEASED = replace(genzsl.released_training(QUICK), rounds=3)


def test_a_benchmark_stored_class_by_class_is_told_from_a_mixed_one():
    orders = studies.StoredOrders(toy())
    assert orders.in_blocks
    assert "class by class, like SUN’s: 42 images make 6 runs of one class." in orders.finding()
    mixed = studies.StoredOrders(orders.stored["shuffled once"])
    assert not mixed.in_blocks
    assert "in mixed order" in mixed.finding()
    again = mixed.stored["class by class"]
    assert again.labels[again.train_idx].diff().min() == 0


@pytest.mark.parametrize(("once", "says"), [(1.1, True), (1.3, False)])
def test_orders_are_compared_in_the_last_pass(once, says):
    names = ("class by class", "shuffled once", "shuffled in each pass")
    curves = {
        name: np.array([9.0, 9.0, end, end]) for name, end in zip(names, (4, once, 1), strict=True)
    }
    study = studies.boosting_orders(curves, passes=2, batch_size=64)
    assert "In its last pass it is 4.00 class by class" in study.finding()
    assert ("does as well as one" in study.finding()) == says


@pytest.fixture(scope="module")
def looked():
    return studies.looks_of_training(toy(), RELEASED)


def test_looks_are_those_of_the_released_record(looked):
    """One classifier lives through both rounds, a look an epoch."""
    _, on_test = looked
    assert [*on_test.index] == [*range(1, 7)]
    scores = released_scores(toy(), replace(RELEASED, rounds=2), 0, "cpu")
    assert on_test["H"].max() == pytest.approx(100 * scores["released"]["H"])
    assert on_test["H"].iloc[-1] == pytest.approx(100 * scores["last"]["H"])


def test_what_the_classifier_learns_by_order(looked):
    study = studies.classifier_orders(looked[0], RELEASED, studies.StoredOrders(toy()))
    assert [len(curve) for curve in study.followed.values()] == [3, 3, 3]
    assert "On toy the released order is the left one." in study.finding()


def test_three_looks_are_marked_and_jumps_averaged():
    index = range(1, 7)
    on_test = pd.DataFrame({"S": 50.0, "U": 50.0, "H": [10, 30, 20, 15, 40, 35]}, index=index)
    on_validation = pd.DataFrame({"H": [1, 9, 2, 3, 4, 5]}, index=index)
    study = studies.looks_at_test(on_test, on_validation, RELEASED)
    assert (
        "40.0 best on test (look 5), 30.0 chosen on validation (look 2), 35.0 last shown (look 6)"
    ) in study.finding()
    assert "first 2 of 3 rounds" in study.finding()
    assert "moves H by -5.0 points" in study.finding()
