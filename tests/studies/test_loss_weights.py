"""`loss_weights`: the parts of the bound, which steps weigh, and where a loss comes from."""

import math
from dataclasses import replace

import pytest
import torch

from tests.toys import QUICK_REVCD, toy
from zslnb import revcd
from zslnb.revcd import NoiseSchedule
from zslnb.studies.loss_weights import DiffusionTraining, LikelihoodBound, LossShares, LossWeights


def test_a_bound_is_too_low_by_its_gap():
    bound = LikelihoodBound({"reconstruction": 2.0, "prior": -0.5, "diffusion": -4.0}, -1.5)
    assert bound.gap == 1.0
    assert bound.table()["nats"].tolist() == [2.0, -0.5, -4.0, -2.5, -1.5]
    assert "The bound is 1.00 nats too low" in bound.caption()


def test_the_simple_noise_loss_listens_to_the_first_steps():
    study = LossWeights(NoiseSchedule(500), cap=5.0)
    noise, capped = study.by_loss["noise, simple"], study.by_loss["noise, capped"]
    assert capped.max() == 5
    torch.testing.assert_close(capped, noise.clamp(max=5))
    torch.testing.assert_close(study.of_clean[1:], noise[1:] * study.of_noise[1:])
    half = int((noise.cumsum(0) / noise.sum() < 0.5).sum()) + 1
    assert half < 10
    assert f"first {half} steps (noise, simple)" in study.finding()
    assert "250 (clean, simple) of 500." in study.finding()
    assert len(study.figure().axes) == 2


def test_training_falls_below_what_nothing_learnt_scores():
    b = toy()
    run = revcd.fit(b, QUICK_REVCD, 0)
    study = DiffusionTraining(run, torch.full((20,), 2.0))
    assert study.nothing["reconstruction"] == pytest.approx(1, abs=1e-4)  # standardised
    assert study.nothing["noise"] == pytest.approx(2, abs=1e-4)
    assert study.nothing["classification"] == pytest.approx(math.log(6))
    assert study.last["reconstruction"] == pytest.approx(run.history[-1]["reconstruction"] / 8)
    assert "3 epochs, one seed. They end at" in study.finding()
    assert len(study.figure().axes) == 3


def test_shares_add_up_and_the_table_has_the_first_steps():
    b, settings = toy(), replace(QUICK_REVCD, steps=100)
    run = revcd.fit(b, settings, 0)
    weights = LossWeights(revcd.schedule_of(settings), 5.0).by_loss
    study = LossShares(weights, revcd.prepare(b, settings, 0), run)
    assert study.early_steps == 2
    for share in study.shares["trained"].values():
        assert share[-1] == pytest.approx(1)
    errors = study.errors["trained"]
    assert study.early("clean, simple") == pytest.approx(float(errors[:2].sum() / errors.sum()))
    assert study.table().loc["noise, simple", "trained"] > study.table().iloc[0]["trained"]
    assert f"{study.early('noise, simple'):.1%} (noise, simple)" in study.finding()
    assert "the first 2 of 100 steps" in study.caption()
    assert len(study.figure().axes) == 3
