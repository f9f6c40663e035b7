"""`zslnb.studies.sampling`: walks compared, where they are, and what guidance does."""

import numpy as np
import pytest
import torch

from tests.studies.records import several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, revcd
from zslnb.studies import sampling as studies

B = toy()


@pytest.fixture(scope="module")
def models() -> list[revcd.RevCD]:
    return [revcd.fit(B, QUICK_REVCD, seed) for seed in range(2)]


def test_a_guided_walk_is_the_packages_estimate(models: list[revcd.RevCD]):
    rows = B.test_seen_idx[:5]
    walked = revcd.ddim_sample(
        studies.guided_denoiser(models[0], B, rows, 2.0),
        models[0].networks.schedule,
        studies.starting_noise(models[0], 5, "lesson"),
        QUICK_REVCD.sampling_steps,
    )
    estimate = models[0].estimate(B.features[rows], guidance=2.0, stream="lesson")
    torch.testing.assert_close(walked, estimate, rtol=1e-4, atol=1e-4)


def test_images_are_equally_many_of_each_class():
    some = studies.some_of_each_class(B, B.test_seen_idx, 12)
    assert torch.equal(B.labels[some].bincount(), torch.full((6,), 2))
    assert {*some.tolist()} <= {*B.test_seen_idx.tolist()}


def test_walks_are_compared_with_ancestral_steps_and_with_ddim(models: list[revcd.RevCD]):
    study = studies.samplers(models, B)
    table = study.table()
    assert table["calls an image"].tolist() == [40, 40, 20, 4, 2, 40, 40]
    assert table.iloc[0]["T1, over ancestral"] == table.iloc[1].iloc[-1] == ""
    ancestral, ddim, *_, oracle = table.index
    same = [float((c[ancestral] == c[ddim]).double().mean()) for c in study.classes]
    assert study.same[ancestral] == same
    assert table.iloc[0].iloc[-1].startswith(f"{100 * np.mean(same):.1f} ± ")
    assert study.same[ddim] == [1, 1]
    assert study.gains[ancestral] == [0, 0]
    assert table.loc[ddim, "T1, over ancestral"].startswith(f"{np.mean(study.gains[ddim]):+.1f} ±")
    assert "18 seen and 20 unseen test images, guidance scale 2" in study.caption()
    assert oracle == "DDIM, oracle start"


@pytest.fixture(scope="module")
def study() -> studies.WalkDensity:
    data = {"short": toy(semantic_dim=4), "long": B}
    models = {kind: [revcd.fit(b, QUICK_REVCD, s) for s in range(2)] for kind, b in data.items()}
    return studies.WalkDensity(models, data)


def test_a_goal_between_two_looks_is_reached_between_their_steps():
    steps, share = np.array([20.0, 10.0, 0.0]), np.array([0.0, 40.0, 100.0])
    assert studies._crossing(steps, share, 70.0) == pytest.approx(5)
    assert studies._crossing(steps, share, 0.0) == 20


def test_traces_end_where_all_is_decided(study: studies.WalkDensity):
    for curves in study.curves.values():
        assert curves["decided"][:, -1].tolist() == [100, 100]
        np.testing.assert_allclose(curves["walk"][:, [0, -1]], [[0, 100], [0, 100]], atol=1e-9)
    assert study.distances["long"]["perfect"][0, -1] == pytest.approx(0, abs=1e-6)
    assert study.steps[[0, -1]].tolist() == [20, 0]


def test_words_and_picture(study: studies.WalkDensity):
    half = study.reached("long", "walk", 50)
    assert f"{half:.0f} (long; a perfect network: " in study.finding()
    assert study.decided() in study.finding()
    assert len(study.figure().axes) == 2


def test_guidance_goes_from_the_first_scale_to_the_last(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(experiments, "run_rows", lambda *_, **__: several({"RevCD": 0.0}))
    study = studies.guidance_scales(B, QUICK_REVCD, range(3), "cpu")
    table = study.table()
    assert [*table.index] == ["scale 1", "scale 4"]
    assert table.loc["scale 4", "U, over scale 1"] == "+20.0 ± 0.0, above"
    assert table.loc["scale 1", "U, over scale 1"] == ""
    assert study.gains["scale 4", "U"].mean == pytest.approx(20)
    assert "over scale 1 within a seed" in study.caption()
    assert "U 10.1 to 30.1 %" in study.finding()
    assert "unseen images move from 0.80 to 2.10 off the hull" in study.finding()
    assert len(study.figure().axes) == 2
