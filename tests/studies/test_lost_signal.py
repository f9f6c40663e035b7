"""`lost_signal`: DDIM carries the lack to the end, ancestral sampling forgets it."""

import numpy as np
import pytest
import torch

from zslnb.revcd import NoiseSchedule
from zslnb.studies.lost_signal import LostSignal


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
