"""`tilted_density`: guided walks sample the tilted density at scale 1 and not at 4."""

import matplotlib.pyplot as plt
import pytest
import torch

from zslnb.revcd import NoiseSchedule
from zslnb.studies.tilted_density import TiltedDensity


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
    assert study.table().equals(study.gaps.round(3))


def test_guidance_makes_samples_surer(study: TiltedDensity):
    sure = study.gaps["surely A, DDIM (%)"]
    assert sure[0] < sure[1] < sure[3]


def test_words_and_picture(study: TiltedDensity):
    last = study.gaps.iloc[-1]
    assert f"{last['DDIM walk']:.2f} where chance alone has" in study.verdict()
    assert f"not for scale 4 ({last['DDIM walk']:.2f}, chance alone" in study.finding()
    assert "between 2,000 walked samples" in study.caption()
    assert len(study.figure().axes) == 8
    plt.close("all")
