"""`walks`: the package's own estimate, walked here, and ways to walk compared."""

import numpy as np
import pytest
import torch

from tests.toys import QUICK_REVCD, toy
from zslnb import revcd
from zslnb.studies.walks import Samplers, guided_denoiser, some_of_each_class, starting_noise

B = toy()


@pytest.fixture(scope="module")
def models() -> list[revcd.RevCD]:
    return [revcd.fit(B, QUICK_REVCD, seed) for seed in range(2)]


def test_a_guided_walk_is_the_packages_estimate(models: list[revcd.RevCD]):
    rows = B.test_seen_idx[:5]
    walked = revcd.ddim_sample(
        guided_denoiser(models[0], B, rows, 2.0),
        models[0].networks.schedule,
        starting_noise(models[0], 5, "lesson"),
        QUICK_REVCD.sampling_steps,
    )
    estimate = models[0].estimate(B.features[rows], guidance=2.0, stream="lesson")
    torch.testing.assert_close(walked, estimate, rtol=1e-4, atol=1e-4)


def test_images_are_equally_many_of_each_class():
    some = some_of_each_class(B, B.test_seen_idx, 12)
    assert torch.equal(B.labels[some].bincount(), torch.full((6,), 2))
    assert {*some.tolist()} <= {*B.test_seen_idx.tolist()}


def test_walks_are_compared_with_ancestral_steps_and_with_ddim(models: list[revcd.RevCD]):
    study = Samplers(models, B, 12, 8)
    table = study.table()
    assert table["calls an image"].tolist() == [40, 40, 20, 40, 40]
    assert table.iloc[0]["H, over ancestral"] == table.iloc[1].iloc[-1] == ""
    every, few, *_ = study.ways
    same = [float((c[every] == c[few]).double().mean()) for c in study.classes]
    assert study.agreement(every, few) == same
    assert "12 seen and 8 unseen test images, guidance scale 2" in study.caption()
    gain = 100 * np.mean(
        [a["H"] - b["H"] for a, b in zip(study.scores[few], study.scores[every], strict=True)]
    )
    assert f"gains {gain:+.1f}" in study.finding().replace("+-0.0", "+0.0")
    assert study.rest(0.08).startswith("The 8.0% of the signal that is left at the last step")
