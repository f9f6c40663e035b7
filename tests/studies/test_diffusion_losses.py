"""`zslnb.studies.diffusion_losses`: which steps weigh, where rivals are, how far networks end."""

import math
from dataclasses import replace

import pytest
import torch

from tests.toys import QUICK_REVCD, toy
from zslnb import revcd
from zslnb.revcd import NoiseSchedule
from zslnb.studies import diffusion_losses as studies

B = toy()


def test_half_of_a_weight_lies_in_its_first_steps():
    weights = {"even": torch.ones(10), "early": torch.tensor([0.0, 9.0, *[1.0] * 8])}
    study = studies.loss_weights(torch.full((9,), 6.0), torch.full((9,), 2.0), weights)
    assert study.half == {"even": 5, "early": 2}
    assert "in the first 5 (even), 2 (early) of 10 steps" in study.finding()
    left, right = study.figure().axes
    assert [line.get_ydata()[0] for line in left.lines] == [6, 2, 3]  # the last is their ratio
    assert [line.get_xdata()[0] for line in left.lines] == [2, 2, 2]
    assert math.isnan(right.lines[1].get_ydata()[0])  # no weight, so nothing to draw on a log scale


def test_training_falls_below_what_nothing_learnt_scores():
    run = revcd.fit(B, QUICK_REVCD, 0)
    study = studies.diffusion_training(run, torch.full((20,), 2.0))
    assert study.nothing["reconstruction"] == pytest.approx(1, abs=1e-4)  # standardised
    assert study.nothing["noise"] == pytest.approx(2, abs=1e-4)
    assert study.nothing["classification"] == pytest.approx(math.log(6))
    assert study.last["reconstruction"] == pytest.approx(run.history[-1]["reconstruction"] / 8)
    assert "3 epochs, one seed. They end at" in study.finding()
    assert len(study.figure().axes) == 3


def test_the_table_has_the_share_of_the_first_steps():
    settings = replace(QUICK_REVCD, steps=100)
    run = revcd.fit(B, settings, 0)
    weights = {"clean, simple": torch.ones(100), "noise, simple": torch.linspace(9, 0, 100)}
    study = studies.loss_shares(weights, revcd.prepare(B, settings, 0), run)
    assert study.early_steps == 2
    errors = studies.errors_by_step(run)
    assert study.early["clean, simple"] == pytest.approx(float(errors[:2].sum() / errors.sum()))
    assert study.table().loc["noise, simple", "trained"] > study.table().iloc[0]["trained"]
    assert f"{study.early['noise, simple']:.1%} (noise, simple)" in study.finding()
    assert "the first 2 of 100 steps" in study.caption()
    every_share_ends_at_100 = [line.get_ydata()[-1] for line in study.figure().axes[2].lines]
    assert every_share_ends_at_100 == pytest.approx([100, 100])


PLANE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.3, -0.9]])  # own, and a rival on either side


def test_the_best_direction_leans_away_from_the_nearer_rival():
    study = studies.classification_losses(PLANE, torch.eye(4), 0.05, "toy")
    assert study.lowest[0.05] < study.lowest[1.0] < 0
    assert study.quiet in study.finding()
    assert "stays below 0.1 until" in study.quiet
    assert "is lowest at" in study.finding()
    assert len(study.figure().axes) == 2


def test_a_loss_that_minds_from_the_start_is_said_to():
    alike = torch.eye(4) + 10
    assert (
        studies.classification_losses(PLANE, alike, 0.05, "toy").quiet
        == "is above 0.1 from the start"
    )


@pytest.fixture(scope="module")
def study() -> studies.ToyLosses:
    return studies.ToyLosses(NoiseSchedule(300), 5.0, range(2), updates=20)


def test_distances_are_measured_for_each_kind_seed_and_step(study: studies.ToyLosses):
    assert {*study.distance} == {*studies.KINDS}
    assert study.grid[-1] == 299
    assert study.distance["both, capped"].shape == (2, len(study.grid))
    early, late = study.distance["both, capped"].mean(0)[[study.grid.index(studies.EARLY), -1]]
    assert f"{early:.3f} and {late:.3f} (both, capped)" in study.finding()
    assert float(study.spread[-1]) < 0.6
    assert len(study.figure().axes) == 2
