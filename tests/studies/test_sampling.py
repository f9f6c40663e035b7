"""`zslnb.studies.sampling`: walks compared, where they are, and what guidance does."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tests.studies.records import several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, revcd
from zslnb.studies.sampling import (
    GuidanceScales,
    Samplers,
    WalkDensity,
    _crossing,
    guided_denoiser,
    some_of_each_class,
    starting_noise,
)

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


@pytest.fixture(scope="module")
def study() -> WalkDensity:
    data = {"short": toy(semantic_dim=4), "long": toy()}
    models = {kind: [revcd.fit(b, QUICK_REVCD, s) for s in range(2)] for kind, b in data.items()}
    return WalkDensity(models, data)


def test_a_goal_between_two_looks_is_reached_between_their_steps():
    steps, share = np.array([20.0, 10.0, 0.0]), np.array([0.0, 40.0, 100.0])
    assert _crossing(steps, share, 70.0) == pytest.approx(5)
    assert _crossing(steps, share, 0.0) == 20


def test_traces_end_where_all_is_decided(study: WalkDensity):
    for curves in study.curves.values():
        assert curves["decided"][:, -1].tolist() == [100, 100]
        np.testing.assert_allclose(curves["walk"][:, [0, -1]], [[0, 100], [0, 100]], atol=1e-9)
    assert study.traces["long"][0]["perfect"][-1] == pytest.approx(0, abs=1e-6)
    assert study.steps[[0, -1]].tolist() == [20, 0]


def test_table_and_words(study: WalkDensity):
    half = np.mean(study.reached("long", "walk", 50))
    assert study.table().loc["long, 8-d", "walk, 50 %"] == f"{half:.0f}"
    assert f"{half:.0f} (long; a perfect network: " in study.finding()
    assert study.decided() in study.finding()
    lead = np.mean(study.reached("short", "walk", 50)) - half
    word = "sooner" if lead > 0 else "later"
    assert f"{abs(lead):.0f} steps {word} in short (4-d) than in long (8-d)" in study.sooner()
    assert "(of 20, walked downwards)" in study.caption()
    assert len(study.figure().axes) == 2
    plt.close("all")


def test_one_kind_of_semantics_is_compared_with_nothing(study: WalkDensity):
    one = WalkDensity({"long": [revcd.fit(toy(), QUICK_REVCD, 0)]}, study.benchmarks)
    assert one.sooner().startswith("one kind of semantics at hand")


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> GuidanceScales:
    monkeypatch.setattr(experiments, "run_rows", lambda *_, **__: several({"RevCD": 0.0}))
    return GuidanceScales(toy(), QUICK_REVCD, range(3), "cpu")


def test_the_table_has_gains_and_distances(scales: GuidanceScales):
    table = scales.table()
    assert [*table.index] == ["scale 1", "scale 4"]
    assert table.loc["scale 4", "U, over scale 1"] == "+20.0 ± 0.0"
    assert table.loc["scale 4", "off the hull, unseen"] == "2.10 ± 0.10"
    assert "over scale 1 within a seed" in scales.caption()


def test_words_go_from_the_first_scale_to_the_last(scales: GuidanceScales):
    assert scales.accuracy("U").shape == (3, 2)
    assert "U 10.1 to 30.1 %" in scales.finding()
    assert "unseen images move from 0.80 to 2.10 off the hull" in scales.finding()
    assert scales.estimates().startswith("of unseen images move from 0.80 to 2.10 off the hull")
    assert "**scale 4** is above **scale 1**: +20.0 points of U" in scales.verdicts()[0]
    assert len(scales.figure().axes) == 2
    plt.close("all")
