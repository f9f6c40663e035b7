"""`density`: where walks are, and whose half of the way comes sooner."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.toys import QUICK_REVCD, toy
from zslnb import revcd
from zslnb.studies.density import WalkDensity, _crossing


@pytest.fixture(scope="module")
def study() -> WalkDensity:
    data = {"short": toy(semantic_dim=4), "long": toy()}
    models = {kind: [revcd.fit(b, QUICK_REVCD, s) for s in range(2)] for kind, b in data.items()}
    return WalkDensity(models, data)


def test_a_goal_between_two_looks_is_reached_between_their_steps():
    steps, share = np.array([20.0, 10.0, 0.0]), np.array([0.0, 40.0, 100.0])
    assert _crossing(steps, share, 70.0) == pytest.approx(5)
    assert _crossing(steps, share, 0.0) == 20


def test_traces_end_where_all_is_decided(study: WalkDensity):
    for curves in study.curves.values():
        assert curves["decided"][:, -1].tolist() == [100, 100]
        np.testing.assert_allclose(curves["walk"][:, [0, -1]], [[0, 100], [0, 100]], atol=1e-9)
    assert study.traces["long"][0]["perfect"][-1] == pytest.approx(0, abs=1e-6)
    assert study.steps[[0, -1]].tolist() == [20, 0]


def test_table_and_words(study: WalkDensity):
    half = np.mean(study.reached("long", "walk", 50))
    assert study.table().loc["long, 8-d", "walk, 50 %"] == f"{half:.0f}"
    assert f"{half:.0f} (long; a perfect network: " in study.finding()
    assert study.decided() in study.finding()
    lead = np.mean(study.reached("short", "walk", 50)) - half
    word = "sooner" if lead > 0 else "later"
    assert f"{abs(lead):.0f} steps {word} in short (4-d) than in long (8-d)" in study.sooner()
    assert "(of 20, walked downwards)" in study.caption()
    assert len(study.figure().axes) == 2
    plt.close("all")


def test_one_kind_of_semantics_is_compared_with_nothing(study: WalkDensity):
    one = WalkDensity({"long": [revcd.fit(toy(), QUICK_REVCD, 0)]}, study.benchmarks)
    assert one.sooner().startswith("one kind of semantics at hand")
