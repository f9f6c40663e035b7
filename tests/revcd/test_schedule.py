"""`zslnb.revcd.schedule`: the coefficients, and the identities of eqs. 1 to 13."""

import math

import pytest
import torch

from zslnb.revcd import NoiseSchedule
from zslnb.seeds import torch_generator

DOUBLE = torch.float64
BOTH = {"linear": NoiseSchedule(500), "cosine": NoiseSchedule.cosine(500)}
both = pytest.mark.parametrize("schedule", BOTH.values(), ids=BOTH)


def draws(n: int, width: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(0, "test/schedule")
    z0, noise = torch.randn(2, n, width, generator=generator, dtype=DOUBLE)
    return z0, noise


def every_step(schedule: NoiseSchedule) -> tuple[torch.Tensor, ...]:
    """All steps of a schedule, with clean samples, noise, and noisy samples that go together."""
    t = torch.arange(len(schedule))
    z0, noise = draws(len(t))
    return t, z0, noise, schedule.q_sample(z0, t, noise)


def test_the_linear_schedule_is_the_papers_field():
    schedule = NoiseSchedule(500)
    assert schedule.alphas.shape == schedule.alphas_cumprod.shape == (500,)
    assert schedule.alphas.dtype == schedule.alphas_cumprod.dtype == torch.float32
    betas = torch.linspace(1e-4, 0.02, 500, dtype=DOUBLE)
    torch.testing.assert_close(schedule.alphas, (1 - betas).float())
    torch.testing.assert_close(schedule.alphas_cumprod, (1 - betas).cumprod(0).float())
    assert schedule.alphas_cumprod[-1] < 0.01  # next to nothing of the sample is left


def test_the_cosine_schedule_falls_as_a_squared_cosine():
    left = NoiseSchedule.cosine(500).alphas_cumprod
    middle = math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert left[249] == pytest.approx(middle / start, rel=1e-5)
    assert (left.diff() < 0).all()
    assert 0 < left[-1] < 1e-3


@both
def test_noising_keeps_the_variance(schedule):
    t = torch.full((20_000,), 200)
    z0, noise = draws(len(t))
    noisy = schedule.q_sample(z0, t, noise)
    assert noisy.var(0).mean() == pytest.approx(1, abs=0.02)


@both
def test_noising_step_by_step_is_noising_at_once(schedule):
    """Eq. 1: the mean shrinks by sqrt(alpha) a step, the variance is the rest."""
    mean, variance = 1.0, 0.0
    for step, alpha in enumerate(schedule.alphas.double()):
        mean, variance = mean * alpha.sqrt(), variance * alpha + (1 - alpha)
        if step in (0, 7, 250, 499):
            left = schedule.alphas_cumprod[step].double()
            assert mean == pytest.approx(float(left.sqrt()), rel=1e-4)
            assert variance == pytest.approx(float(1 - left), rel=1e-3)


@both
def test_clean_sample_and_noise_tell_each_other(schedule):
    t, z0, noise, zt = every_step(schedule)
    torch.testing.assert_close(schedule.z0_from_noise(zt, noise, t), z0, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(schedule.noise_from_z0(zt, z0, t), noise, rtol=1e-7, atol=1e-7)


@both
def test_both_ways_to_the_mean_agree(schedule):
    """Eq. 8 equals eq. 12 where clean sample and noise belong together."""
    t, z0, noise, zt = every_step(schedule)
    by_noise = schedule.mean_from_noise(zt, noise, t)
    torch.testing.assert_close(schedule.posterior_mean(z0, zt, t), by_noise, rtol=1e-8, atol=1e-8)


@both
def test_the_posterior_is_bayes_rule(schedule):
    """q(z_{t-1} | z_t, z_0) from its two Gaussian factors: precisions add up."""
    t, z0, _, zt = every_step(schedule)
    t, z0, zt = t[1:], z0[1:], zt[1:]
    alpha, before = schedule.alphas.double()[t], schedule.alphas_cumprod.double()[t - 1]
    precision = 1 / (1 - before) + alpha / (1 - alpha)
    torch.testing.assert_close(
        schedule.posterior_variance(t).double(), 1 / precision, rtol=1e-3, atol=0
    )
    mean = (before.sqrt() / (1 - before))[:, None] * z0
    mean = (mean + (alpha.sqrt() / (1 - alpha))[:, None] * zt) / precision[:, None]
    torch.testing.assert_close(schedule.posterior_mean(z0, zt, t), mean, rtol=1e-3, atol=1e-4)


@both
def test_the_last_step_back_is_certain(schedule):
    zero = torch.zeros(2, dtype=torch.int64)
    z0, zt = torch.randn(2, 2, 3, generator=torch_generator(0, "test/zero"))
    assert schedule.posterior_variance(zero).tolist() == [0, 0]
    torch.testing.assert_close(schedule.posterior_mean(z0, zt, zero), z0)


@both
def test_the_weights_of_the_elbo(schedule):
    """Eq. 10 is half a drop of the signal-to-noise ratio, and eq. 13 the same error's weight."""
    t = torch.arange(1, len(schedule))
    ratio = schedule.signal_to_noise(t).double()
    drop = schedule.signal_to_noise(t - 1).double() - ratio
    weights = schedule.reconstruction_weights(t).double()
    torch.testing.assert_close(weights, drop / 2, rtol=2e-3, atol=1e-6)
    torch.testing.assert_close(
        schedule.noise_weights(t).double() * ratio, weights, rtol=1e-4, atol=0
    )


def test_the_kl_between_steps_is_the_weighted_error():
    """Eqs. 6, 7, 10: KL of two Gaussians of one variance, for an estimate that is off by one."""
    schedule, t = BOTH["linear"], torch.tensor([1, 50, 499])
    z0, zt = torch.randn(2, 3, 1, generator=torch_generator(0, "test/kl"), dtype=DOUBLE)
    scale = schedule.posterior_variance(t).double().sqrt()
    true, off = (
        torch.distributions.Normal(schedule.posterior_mean(z, zt, t)[:, 0], scale)
        for z in (z0, z0 + 1)
    )
    kl = torch.distributions.kl_divergence(true, off)
    torch.testing.assert_close(schedule.reconstruction_weights(t).double(), kl, rtol=1e-4, atol=0)


@both
def test_the_first_step_has_no_weight(schedule):
    for weights in (schedule.reconstruction_weights, schedule.noise_weights):
        with pytest.raises(ValueError, match="start at t = 1"):
            weights(torch.tensor([3, 0]))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: NoiseSchedule(0), "diffusion steps must be at least 1, not 0"),
        (lambda: NoiseSchedule.cosine(-5), "diffusion steps must be at least 1, not -5"),
        (lambda: NoiseSchedule(10, 0.0, 0.02), "beta"),
        (lambda: NoiseSchedule(10, -1e-4, 0.02), "beta"),
        (lambda: NoiseSchedule(10, 1e-4, 1.0), "beta"),
    ],
)
def test_a_schedule_has_steps_and_betas_between_nothing_and_everything(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_what_comes_out_has_the_precision_of_what_went_in():
    schedule, t = NoiseSchedule(10), torch.arange(3)
    for dtype in (torch.float32, DOUBLE, torch.float16):
        z = torch.ones(3, 2, dtype=dtype)
        assert schedule.q_sample(z, t, z).dtype == dtype
        assert schedule.posterior_mean(z, z, t).dtype == dtype
        assert schedule.z0_from_noise(z, z, t).dtype == dtype
