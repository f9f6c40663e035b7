"""`zslnb.revcd.sampling`: on Gaussian data, where the best denoiser is known."""

import pytest
import torch

from zslnb.revcd import NoiseSchedule, ancestral_sample, ddim_sample, ddim_times, guided_noise
from zslnb.seeds import seeded, torch_generator

SCHEDULE = NoiseSchedule(500)
MEAN, SD = torch.tensor([1.0, -2.0]), torch.tensor([0.3, 1.5])


def best(zt, t, mean=MEAN, sd=SD, schedule=SCHEDULE):
    """E[z_0 | z_t] of data from N(mean, sd^2)."""
    left = schedule.alphas_cumprod.double()[t][:, None].to(zt.dtype)
    gain = sd**2 * left.sqrt() / (left * sd**2 + 1 - left)
    return mean + gain * (zt - left.sqrt() * mean)


def start(n: int = 4000) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch_generator(0, "test/start"))


def test_the_best_denoiser_is_the_true_score():
    """Tweedie (sec. 3.5.1): the noise it implies is the gradient of the noisy log-density."""
    zt, t = start(50), torch.full((50,), 120)
    left = SCHEDULE.alphas_cumprod[120]
    score = -(zt - left.sqrt() * MEAN) / (left * SD**2 + 1 - left)
    implied = -SCHEDULE.noise_from_z0(zt, best(zt, t), t) / (1 - left).sqrt()
    torch.testing.assert_close(implied, score, rtol=1e-4, atol=1e-4)


SAMPLERS = {
    "ancestral": lambda d, z: ancestral_sample(d, SCHEDULE, z),
    "ddim, every step": lambda d, z: ddim_sample(d, SCHEDULE, z, 500),
    "ddim, 50 steps": lambda d, z: ddim_sample(d, SCHEDULE, z, 50),
}


def last(mean: torch.Tensor, sd: torch.Tensor) -> torch.Tensor:
    """Samples of data from N(mean, sd^2), noised up to the last step."""
    left = SCHEDULE.alphas_cumprod[-1]
    return left.sqrt() * mean + (left * sd**2 + 1 - left).sqrt() * start()


@pytest.mark.parametrize("sample", SAMPLERS.values(), ids=SAMPLERS)
def test_noise_becomes_the_data(sample):
    with seeded(0, "test/sample"):
        samples = sample(best, last(MEAN, SD))
    torch.testing.assert_close(samples.mean(0), MEAN, rtol=0, atol=0.08)
    torch.testing.assert_close(samples.std(0), SD, rtol=0.08, atol=0)


def test_ddim_never_makes_up_for_a_start_without_the_rest_of_the_signal():
    """After 500 linear steps 8 % of the mean is left; a start from N(0, I) lacks it.

    The deterministic walk carries the lack to the end, as large as the data is wide. Fresh
    noise in every step forgets it.
    """
    with seeded(0, "test/sample"):
        off = {name: sample(best, start()).mean(0) - MEAN for name, sample in SAMPLERS.items()}
    lack = -SCHEDULE.alphas_cumprod[-1].sqrt() * MEAN * SD
    torch.testing.assert_close(off["ddim, every step"], lack, rtol=0, atol=0.05)
    assert off["ancestral"].abs().max() < 0.08


def test_ddim_draws_nothing_and_ancestral_sampling_does():
    z = start(5)
    assert torch.equal(*(ddim_sample(best, SCHEDULE, z, 20) for _ in range(2)))
    with seeded(0, "test/fresh"):
        one, other = (ancestral_sample(best, SCHEDULE, z) for _ in range(2))
    assert not torch.equal(one, other)


def test_an_ancestral_step_is_eq_18():
    schedule, z = NoiseSchedule(2), start(4)
    with seeded(3, "test/step"):
        samples = ancestral_sample(lambda zt, t: best(zt, t, schedule=schedule), schedule, z)
    with seeded(3, "test/step"):
        eta = torch.randn_like(z)
    t = torch.ones(4, dtype=torch.int64)
    noise = schedule.noise_from_z0(z, best(z, t, schedule=schedule), t)
    alpha, left = schedule.alphas[1], schedule.alphas_cumprod[1]
    mean = (z - (1 - alpha) / (1 - left).sqrt() * noise) / alpha.sqrt()
    between = mean + schedule.posterior_variance(t).sqrt()[:, None] * eta
    expected = best(between, torch.zeros_like(t), schedule=schedule)
    torch.testing.assert_close(samples, expected, rtol=1e-4, atol=1e-4)


def test_guidance_moves_the_density_along_the_line():
    """Conditional and unconditional Gaussians of one variance: the guided mean is beyond both."""
    sd, own, everyone = torch.ones(2), torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.5])

    def denoise(zt, t):
        pair = (best(zt, t, mean, sd) for mean in (own, everyone))
        return guided_noise(*pair, 3.0)

    guided = everyone + 3 * (own - everyone)
    samples = ddim_sample(denoise, SCHEDULE, last(guided, sd), 100)
    torch.testing.assert_close(samples.mean(0), guided, rtol=0, atol=0.1)
    torch.testing.assert_close(samples.std(0), sd, rtol=0.05, atol=0)


def test_guidance_scales_by_hand():
    conditional, unconditional = start(3), start(6)[3:]
    for scale in (0.0, 1.0, 2.5, -1.0):
        expected = (1 - scale) * unconditional + scale * conditional
        torch.testing.assert_close(guided_noise(conditional, unconditional, scale), expected)
    assert torch.equal(guided_noise(conditional, unconditional, 1.0), conditional)


def test_guiding_noise_is_guiding_clean_samples():
    zt, t = start(5), torch.full((5,), 77)
    one, other = best(zt, t), best(zt, t, MEAN + 1)
    noises = (SCHEDULE.noise_from_z0(zt, z0, t) for z0 in (one, other))
    by_noise = SCHEDULE.z0_from_noise(zt, guided_noise(*noises, 2.0), t)
    torch.testing.assert_close(by_noise, guided_noise(one, other, 2.0), rtol=1e-4, atol=1e-4)


def test_ddim_ends_at_the_first_step():
    assert ddim_times(500, 5) == [499, 374, 250, 125, 0]
    assert ddim_times(10, 10) == list(range(9, -1, -1))
    assert ddim_times(10, 1) == [9]


@pytest.mark.parametrize("n", [0, -1, 501])
def test_ddim_takes_steps_that_there_are(n):
    with pytest.raises(ValueError, match=f"1 to 500 .*, not {n}"):
        ddim_sample(best, SCHEDULE, start(2), n)


def test_gradients_reach_the_start_through_any_number_of_steps():
    for sample in SAMPLERS.values():
        z = start(3).requires_grad_()
        sample(best, z).sum().backward()
        assert (z.grad > 0).all()


WATCHED = {
    "ancestral": (500, lambda z, callback: ancestral_sample(best, SCHEDULE, z, callback)),
    "ddim": (50, lambda z, callback: ddim_sample(best, SCHEDULE, z, 50, callback)),
}


@pytest.mark.parametrize(("n", "sample"), WATCHED.values(), ids=WATCHED)
def test_a_callback_sees_every_step(n, sample):
    seen = []
    with seeded(0, "test/watch"):
        sample(start(2), lambda *step: seen.append(step))
    assert (len(seen), seen[0][0], seen[-1][0]) == (n, 499, 0)
    step, zt, z0 = seen[3]
    torch.testing.assert_close(z0, best(zt, torch.full((2,), step)))
