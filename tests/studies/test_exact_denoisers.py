"""`exact_denoisers`: the best guess is the regression of z_0 on z_t."""

import torch

from zslnb.revcd import NoiseSchedule
from zslnb.seeds import seeded
from zslnb.studies.exact_denoisers import gaussian_denoiser, mixture_denoiser

SCHEDULE, T = NoiseSchedule(100), torch.full((20_000,), 60)


def test_a_gaussians_best_denoiser_is_the_line_of_least_squares():
    with seeded(0, "tests/pairs"):
        z0, noise = 1 + 0.5 * torch.randn(20_000, 1), torch.randn(20_000, 1)
    zt = SCHEDULE.q_sample(z0, T, noise)
    away = zt - zt.mean()
    line = z0.mean() + (away * z0).mean() / away.square().mean() * away
    torch.testing.assert_close(
        gaussian_denoiser(SCHEDULE, 1.0, 0.5)(zt, T), line, rtol=0.02, atol=0.02
    )


def test_a_mixture_of_one_is_a_gaussian_and_of_two_is_symmetric():
    zt, t = torch.tensor([[0.3, -0.2], [0.0, 1.0]]), T[:2]
    centre = torch.tensor([[1.0, 0.5]])
    one = mixture_denoiser(SCHEDULE, centre, 0.4)(zt, t)
    torch.testing.assert_close(one, gaussian_denoiser(SCHEDULE, centre, 0.4)(zt, t))
    both = mixture_denoiser(SCHEDULE, torch.cat([centre, -centre]), 0.4)
    torch.testing.assert_close(both(-zt, t), -both(zt, t))
