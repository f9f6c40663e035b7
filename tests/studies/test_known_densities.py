"""`zslnb.studies.known_densities`: the best guess, and the tilted density."""

import matplotlib.pyplot as plt
import pytest
import torch

from zslnb.revcd import NoiseSchedule
from zslnb.seeds import seeded
from zslnb.studies.known_densities import TiltedDensity, gaussian_denoiser, mixture_denoiser

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


@pytest.fixture(scope="module")
def study() -> TiltedDensity:
    classes = {
        "A": torch.tensor([[-0.3, 1.1], [0.7, -0.1]]),
        "B": torch.tensor([[1.4, 0.4], [1.3, -1.3]]),
    }
    return TiltedDensity(classes, 0.35, NoiseSchedule.cosine(50), samples=2000)


def test_gaps_are_chance_at_scale_1_and_more_at_4(study: TiltedDensity):
    gaps = study.gaps.set_index("scale")
    assert gaps.loc[1.0, "ancestral walk"] < 1.3 * gaps.loc[1.0, "chance alone"]
    assert gaps.loc[4.0, "DDIM walk"] > 2 * gaps.loc[4.0, "chance alone"]


def test_guidance_makes_classes_clearer(study: TiltedDensity):
    clear = study.gaps["p(A) > 0.9, DDIM (%)"]
    assert clear[0] < clear[1] < clear[3]


def test_words_and_picture(study: TiltedDensity):
    last = study.gaps.iloc[-1]
    assert f"not for scale 4 ({last['DDIM walk']:.2f}, chance alone" in study.finding()
    assert "between 2,000 walked samples" in study.caption()
    assert len(study.figure().axes) == 8
    plt.close("all")
