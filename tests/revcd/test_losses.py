"""`zslnb.revcd.losses`: by hand, and two squared errors that are one."""

import math

import pytest
import torch

from zslnb.revcd import (
    NoiseSchedule,
    classification_loss,
    conditional_dropout,
    noise_loss,
    reconstruction_loss,
)
from zslnb.seeds import seeded, torch_generator

SQUARED = {"reconstruction": reconstruction_loss, "noise": noise_loss}
squared = pytest.mark.parametrize("loss", SQUARED.values(), ids=SQUARED)
ESTIMATE, TRUTH = torch.tensor([[1.0, 2.0], [0.0, 4.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
CORNERS = torch.eye(3)


@squared
def test_an_error_is_summed_over_dimensions_and_averaged_over_the_batch(loss):
    assert loss(ESTIMATE, TRUTH) == (1 + 4 + 9) / 2


@squared
def test_weights_count_samples(loss):
    assert loss(ESTIMATE, TRUTH, torch.tensor([2.0, 0.5])) == (2 * 5 + 9 / 2) / 2
    assert loss(ESTIMATE, TRUTH, torch.ones(2)) == loss(ESTIMATE, TRUTH)


def test_samples_not_shown_do_not_count():
    shown = torch.tensor([True, False])
    assert reconstruction_loss(ESTIMATE, TRUTH, torch.tensor([2.0, 0.5]), shown) == 2 * 5
    labels = torch.tensor([0, 2, 2])
    some = classification_loss(CORNERS, CORNERS, labels, shown=torch.tensor([True, True, False]))
    torch.testing.assert_close(some, classification_loss(CORNERS[:2], CORNERS, labels[:2]))


@squared
def test_half_precision_does_not_overflow(loss):
    far = torch.full((2, 4), 300.0, dtype=torch.float16)
    assert loss(far, -far) == 4 * 600**2


@pytest.mark.parametrize("make", [NoiseSchedule, NoiseSchedule.cosine])
def test_the_elbo_weighs_both_errors_alike(make):
    """Eq. 10 equals eq. 13 where the estimates of clean sample and noise belong together."""
    schedule, generator = make(500), torch_generator(0, "test/losses")
    z0, z0_hat, noise = torch.randn(3, 1, 4, generator=generator, dtype=torch.float64)
    for t in (torch.tensor([step]) for step in (1, 100, 499)):
        zt = schedule.q_sample(z0, t, noise)
        noise_hat = schedule.noise_from_z0(zt, z0_hat, t)
        by_clean = reconstruction_loss(z0_hat, z0, schedule.reconstruction_weights(t))
        by_noise = noise_loss(noise_hat, noise, schedule.noise_weights(t))
        torch.testing.assert_close(by_clean, by_noise, rtol=1e-3, atol=0)


def test_cross_entropy_of_cosines_by_hand():
    """One estimate on the second of three corners, whatever its length; cosines 0, 1, 0."""
    for temperature in (1.0, 0.5, 2.0):
        loss = classification_loss(7 * CORNERS[1:2], CORNERS, torch.tensor([1]), temperature)
        likely = math.exp(1 / temperature)
        assert loss.item() == pytest.approx(math.log((likely + 2) / likely), rel=1e-5)


def test_a_perfect_estimate_costs_nothing_and_a_wrong_one_the_temperature():
    assert classification_loss(5 * CORNERS, CORNERS, torch.arange(3)) < 1e-6
    wrong = classification_loss(CORNERS, CORNERS, torch.tensor([1, 2, 0]))
    assert wrong.item() == pytest.approx(1 / 0.05)


def test_an_estimate_like_all_classes_alike_is_a_guess():
    everything = torch.ones(4, 3)
    loss = classification_loss(everything, 9 * CORNERS, torch.tensor([0, 1, 2, 2]))
    assert loss.item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("temperature", [0.0, -0.05, math.nan])
def test_a_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match=f"temperature must be positive, not {temperature}"):
        classification_loss(CORNERS, CORNERS, torch.arange(3), temperature)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_the_share_of_masked_samples_is_the_probability(share):
    with seeded(0, "test/masked"):
        masked = conditional_dropout(20_000, share, "cpu")
    with seeded(0, "test/masked"):
        assert torch.equal(masked, conditional_dropout(20_000, share, "cpu"))
    assert masked.shape == (20_000,)
    spread = math.sqrt(share * (1 - share) / 20_000)
    assert masked.float().mean().item() == pytest.approx(share, abs=4 * spread)
