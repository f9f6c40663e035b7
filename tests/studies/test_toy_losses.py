"""`toy_losses`: networks beside the best denoiser."""

import pytest
import torch

from zslnb.revcd import NoiseSchedule
from zslnb.studies.toy_losses import EARLY, KINDS, ToyLosses


@pytest.fixture(scope="module")
def study() -> ToyLosses:
    return ToyLosses(NoiseSchedule(300), 5.0, range(2), updates=20)


def test_distances_are_measured_for_each_kind_seed_and_step(study: ToyLosses):
    assert {*study.distance} == {*KINDS}
    assert study.grid[-1] == 299
    assert study.distance["both, capped"].shape == (2, len(study.grid))
    early, late = study.distance["both, capped"].mean(0)[[study.grid.index(EARLY), -1]]
    assert study.far("both, capped") == (
        f"{early:.3f} off at step 9 and {late:.3f} at the last (both, capped)"
    )
    assert f"{early:.3f} and {late:.3f} (both, capped)" in study.finding()
    assert len(study.figure().axes) == 2


def test_the_best_estimate_falls_back_on_the_image_where_noise_is_all(study: ToyLosses):
    zt, t, x = torch.zeros(1, 1), torch.tensor([299]), torch.ones(1, 1)
    left = NoiseSchedule(300).alphas_cumprod[299]
    slope = left.sqrt() * 0.36 / (left * 0.36 + 1 - left)
    assert float(study.best(zt, t, x)) == pytest.approx(float(0.8 - slope * left.sqrt() * 0.8))
    assert float(study.spread[-1]) < 0.6
