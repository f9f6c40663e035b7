"""`zslnb.experiments.ridge`: RevCD's direction in closed form; strict, lenient, calibrated."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import corrupted, toy

from zslnb import Benchmark
from zslnb.experiments import RidgeSettings, run
from zslnb.experiments.judged import CONSTANTS
from zslnb.experiments.ridge import ridge_scores
from zslnb.protocol import gzsl_scores, validation_split

HARD = toy(noise=0.5)  # so hard that settings differ
GRID = RidgeSettings(powers=(-2, 0, 1, 3))
PICKS = [(power, space) for power in GRID.powers for space in GRID.spaces]
PLAIN = ("S", "U", "H")


@pytest.fixture(scope="module")
def scores() -> dict:
    return ridge_scores(HARD, GRID, 0, "cpu")


def cosines(b: Benchmark, power: int, space: str) -> np.ndarray:
    """The whole method in NumPy, for every image and the classes of the split."""
    classes = torch.cat([b.seen, b.unseen]).sort().values.numpy()
    x, z, rows = b.features.double().numpy(), b.semantics.double().numpy(), b.train_idx.numpy()
    x = (x - x[rows].mean(0)) / x[rows].std(0)
    mean, scale = z[b.seen].mean(0), z[b.seen].std(0)
    target = ((z - mean) / scale)[b.labels[rows]]
    middle = target.mean(0)
    gram = x[rows].T @ x[rows] + 10.0**power * np.eye(x.shape[1])
    told = x @ np.linalg.solve(gram, x[rows].T @ (target - middle)) + middle
    near = (z - mean) / scale
    if space == "as given":
        told, near = told * scale + mean, z
    near = near[classes]
    return (told @ near.T) / np.outer(np.linalg.norm(told, axis=1), np.linalg.norm(near, axis=1))


def by_hand(b: Benchmark, power: int, space: str, bias: float = 0.0, seen_rows=None) -> dict:
    classes = torch.cat([b.seen, b.unseen]).sort().values
    lowered = torch.from_numpy(cosines(b, power, space)) - bias * torch.isin(classes, b.seen)
    answers = classes[lowered.argmax(1)]
    rows = b.test_seen_idx if seen_rows is None else seen_rows
    return gzsl_scores(
        b.labels[rows], answers[rows], b.labels[b.test_unseen_idx], answers[b.test_unseen_idx]
    )


def pick_of(chosen: dict) -> tuple[int, str]:
    return round(np.log10(chosen["penalty"])), chosen["space"]


def plain(scores: dict) -> dict:
    return {name: scores[name] for name in PLAIN}


def test_choices_never_see_the_test_set(scores):
    garbage = ridge_scores(corrupted(HARD), GRID, 0, "cpu")
    for protocol in ("clean", "calibrated"):
        assert garbage["chosen"][protocol] == scores["chosen"][protocol]
        assert garbage[protocol] != scores[protocol]
    assert garbage["lenient"]["S"] == scores["lenient"]["S"]  # of training images alone


def test_clean_is_the_best_on_the_validation_split(scores):
    inner = validation_split(HARD, 0)
    tried = {pick: by_hand(inner, *pick)["H"] for pick in PICKS}
    pick = pick_of(scores["chosen"]["clean"])
    assert scores["validation"]["clean"]["H"] == tried[pick] == max(tried.values())
    assert plain(scores["clean"]) == by_hand(HARD, *pick)
    assert min(tried.values()) < max(tried.values())


def test_peeked_is_the_best_on_the_test_set(scores):
    tested = {pick: by_hand(HARD, *pick)["H"] for pick in PICKS}
    assert tested[pick_of(scores["chosen"]["peeked"])] == max(tested.values())
    assert scores["peeked"]["H"] == max(tested.values())


def test_no_constant_does_better_on_the_validation_split(scores):
    chosen, inner = scores["chosen"]["calibrated"], validation_split(HARD, 0)
    pick, constant = pick_of(chosen), chosen["calibration"]
    fine = [by_hand(inner, *each, bias)["H"] for each in PICKS for bias in np.linspace(-1, 1, 21)]
    found = by_hand(inner, *pick, constant)
    assert plain(scores["validation"]["calibrated"]) == found
    assert found["H"] >= max(fine)
    assert plain(scores["calibrated"]) == by_hand(HARD, *pick, constant)


@pytest.mark.parametrize(
    ("strict", "lenient"), [("clean", "lenient"), ("calibrated", "lenient, calibrated")]
)
def test_lenient_differs_in_the_seen_images_alone(scores, strict, lenient):
    chosen = scores["chosen"][strict]
    expected = by_hand(HARD, *pick_of(chosen), chosen.get("calibration", 0.0), HARD.train_idx)
    assert plain(scores[lenient]) == pytest.approx(expected)
    assert scores[lenient]["T1"] == scores[strict]["T1"]


def test_a_curve_is_what_each_constant_gives(scores):
    power = pick_of(scores["chosen"]["clean"])[0]
    assert list(scores["curves"]) == list(GRID.spaces)
    for space, curve in scores["curves"].items():
        assert [len(values) for values in curve.values()] == [len(CONSTANTS)] * 3
        for i in (0, 7, 50):
            strict = by_hand(HARD, power, space, float(CONSTANTS[i]))
            assert (curve["S"][i], curve["U"][i]) == pytest.approx((strict["S"], strict["U"]))
    assert list(scores["by space"]) == list(GRID.spaces)
    space = scores["chosen"]["clean"]["space"]
    assert scores["by space"][space] == scores["clean"]
    assert scores["curves"][space]["S, lenient"][0] == pytest.approx(scores["lenient"]["S"])


def test_it_learns_the_toy():
    """Features are semantics but for a little noise, so one linear map tells all."""
    scores = ridge_scores(toy(seen=20, noise=0.02), RidgeSettings(), 0, "cpu")
    assert scores["clean"]["T1"] > 0.9
    assert scores["clean"]["S"] > 0.9
    assert scores["calibrated"]["H"] > 0.9


def test_one_space_alone_can_be_asked_for():
    for space in GRID.spaces:
        scores = ridge_scores(HARD, replace(GRID, spaces=(space,)), 0, "cpu")
        assert {chosen["space"] for chosen in scores["chosen"].values()} == {space}


@pytest.mark.parametrize(
    ("name", "value"), [("powers", ()), ("powers", (1.5,)), ("spaces", ()), ("spaces", ("raw",))]
)
def test_settings_without_meaning_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        RidgeSettings(**{name: value})


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path, scores):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    record = run("ridge", HARD, GRID, 0)
    assert record == run("ridge", HARD, GRID, 0)
    assert record["scores"] == scores
