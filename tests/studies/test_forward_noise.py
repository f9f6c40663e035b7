"""`zslnb.studies.forward_noise`: what noise does to semantics, and what DDIM carries on."""

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tests.toys import toy
from zslnb.revcd import NoiseSchedule
from zslnb.seeds import seeded
from zslnb.studies.forward_noise import (
    LostSignal,
    Standardising,
    TellingApart,
    dissolving_class,
    forward_walk,
    step_back,
)

SCHEDULE = NoiseSchedule(500)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def with_a_flat_column():
    b = toy()
    semantics = b.semantics.clone()
    semantics[:, 0], semantics[b.unseen[0], 0] = 0.3, 0.8
    return replace(b, semantics=semantics)


def test_a_walks_finding_says_what_is_left():
    walk = forward_walk(SCHEDULE, torch.ones(1, 2), torch.zeros(500, 2))
    left = float(SCHEDULE.alphas_cumprod[-1].sqrt())
    assert f"After 500 steps {left:.1%} of each is left" in walk.finding()
    assert len(walk.figure().axes[0].lines) == 4


def test_noise_overtakes_a_wide_column_later_and_a_flat_one_is_counted():
    study = Standardising(with_a_flat_column(), SCHEDULE)
    assert study.flat.tolist() == [True] + 7 * [False]
    narrow, unit, wide = study.overtaken(torch.tensor([0.1, 1.0, 10.0]))
    assert narrow < unit < wide
    assert SCHEDULE.alphas_cumprod[int(unit) - 1] == pytest.approx(0.5, abs=0.01)
    assert f"standardised, all of them at step {unit:.0f}" in study.finding()
    assert "1 of 8 columns are without variance; unseen classes differ in 1" in study.columns()
    assert len(study.figure().axes) == 2


def test_standardised_columns_keep_variance_1_and_raw_ones_grow_towards_it():
    study = Standardising(with_a_flat_column(), SCHEDULE)
    table = study.table()
    assert study.off() < 0.3
    assert f"within {study.off():.3f} of 1" in study.caption()
    raw = table.loc["raw, columns that vary"]
    assert raw.iloc[0] < 0.5 < raw.iloc[-1]


def test_a_dissolving_class_is_its_own_nearest_at_first():
    b = toy()
    study = dissolving_class(b, SCHEDULE, Standardising(b, SCHEDULE).z)
    assert study.nearest[0] == b.unseen[0]
    kept = sum(c == b.unseen[0] for c in study.nearest[1:])
    assert f"still the nearest in {kept} of 8 noised rows" in study.finding()
    assert "*bird 6* dissolving." in study.finding()
    assert study.figure().axes[0].texts[1].get_text() == "✓ its own"


def test_classes_are_told_at_first_and_guessed_at_the_end_of_a_schedule_that_leaves_nothing():
    b = toy()
    study = TellingApart(b, SCHEDULE, Standardising(b, SCHEDULE).z, range(2))
    accuracy = study.accuracy["standardised, cosine"]
    assert accuracy.shape == (2, 26)
    assert accuracy[:, 0].min() > 0.95
    assert study.at_end("standardised, cosine") == pytest.approx(study.chance, abs=0.05)
    assert f"guessing tells {study.chance:.1%}. Mean and range over seeds (2)." in study.finding()
    below = np.flatnonzero(accuracy.mean(0) < 0.5)[0]
    assert f"cosine schedule at step {study.grid[below] + 1}." in study.finding()
    assert [*study.table().index] == [
        "linear, 500 steps",
        "linear, 1000 steps",
        "cosine, 500 steps",
    ]
    assert len(study.figure().axes) == 2


def test_pairs_of_neighbours_lie_where_eq_8_says():
    alpha, before = SCHEDULE.alphas[60], SCHEDULE.alphas_cumprod[59]
    with seeded(0, "tests/pairs"):
        one, other = torch.randn(2, 4000)
    earlier = before.sqrt() + (1 - before).sqrt() * one
    later = alpha.sqrt() * earlier + (1 - alpha).sqrt() * other
    study = step_back(SCHEDULE, 60, 1.0, earlier, later)
    assert study.inside == pytest.approx(0.954, abs=0.02)
    assert f"Left: {study.inside:.1%} of the pairs" in study.finding()
    assert len(study.figure().axes) == 2


def test_ddim_ends_short_of_the_mean_as_the_formula_says():
    study = LostSignal(NoiseSchedule(60), 1.0, torch.tensor([0.5, 1.0]))
    ddim, _, ancestral, cosine = study.lack.values()
    assert (ddim < -0.1).all()
    np.testing.assert_allclose(ddim, study.predicted, rtol=0.05)
    assert abs(cosine).max() < 0.01
    assert f"{ddim[1]:+.3f} (DDIM)" in study.finding()
    assert abs(ancestral).max() < abs(ddim).max()
    assert f"DDIM misses the mean by up to {abs(ddim).max():.3f}" in study.cost()
    assert study.figure().axes[1].lines[0].get_ydata() == pytest.approx(study.predicted)
