"""`zslnb.experiments.two_directions`: two methods' scores, averaged and compared, by hand."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, QUICK_REVCD, corrupted, toy

from zslnb.experiments import MeansSettings, TwoDirectionsSettings, run
from zslnb.experiments import two_directions as module
from zslnb.experiments.two_directions import PAIRS, two_directions_scores
from zslnb.protocol import Scored

HARD = toy(noise=0.5)
SETTINGS = TwoDirectionsSettings(QUICK, MeansSettings.beside(QUICK), QUICK_REVCD)
CLASSES = torch.arange(8)


@pytest.fixture(scope="module")
def scores(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZSLNB_BUILD", str(tmp_path_factory.mktemp("build")))
        return two_directions_scores(HARD, SETTINGS, 0, "cpu")


def scored(right: torch.Tensor, seed: int, scale: float = 1.0, shift: float = 0.0) -> Scored:
    """Scores by which an image's own class is far ahead where `right`, and chance elsewhere."""
    noise = torch.rand(len(HARD.labels), 8, generator=torch.Generator().manual_seed(seed))
    own = torch.nn.functional.one_hot(HARD.labels, 8)
    return Scored(scale * (noise + 5 * own * right[:, None]) + shift, CLASSES, HARD)


def test_the_shares_of_a_pair_are_all_images_and_belong_to_the_two_accuracies(scores):
    for label, (first, second) in PAIRS.items():
        shares, alone = scores["shared"][label], scores["alone"]
        cases = [shares[name] for name in ("both", "first", "second", "neither")]
        assert sum(cases) == pytest.approx(1)
        assert shares["both"] + shares["first"] == pytest.approx(alone[first]["T1"])
        assert shares["both"] + shares["second"] == pytest.approx(alone[second]["T1"])
        assert shares["same answer"] >= shares["both"] - 1e-9


def test_weights_and_borders_never_see_the_test_set(scores):
    garbage = two_directions_scores(corrupted(HARD), SETTINGS, 0, "cpu")
    weights = [
        {label: pair["weight"] for label, pair in s["pairs"].items()} for s in (scores, garbage)
    ]
    assert weights[0] == weights[1]
    assert garbage["alone"]["ridge"] != scores["alone"]["ridge"]


def test_two_that_err_on_other_images_are_better_together():
    half = torch.arange(len(HARD.labels)) % 2 == 0
    first, second = scored(half, 1), scored(~half, 2, scale=1000.0, shift=-7.0)
    levelled = [module._levelled(s, s) for s in (first, second)]
    pair = module._paired(*levelled, (0.1, 0.5, 0.9))
    alone = module._scores(levelled[0][1])
    assert alone["T1"] < 0.9 < pair["T1"] == 1
    assert pair["weight"] == 0.5


def test_a_method_gains_nothing_from_itself_whatever_its_unit():
    right = torch.arange(len(HARD.labels)) % 3 > 0
    first, second = scored(right, 1), scored(right, 1, scale=50.0, shift=3.0)
    levelled = [module._levelled(s, s) for s in (first, second)]
    pair = module._paired(*levelled, (0.3, 0.9))
    assert {k: pair[k] for k in ("S", "U", "H", "T1")} == pytest.approx(
        module._scores(levelled[0][1])
    )


def test_the_border_of_each_method_is_put_by_its_validation_images():
    """On the validation split the best constant is then 0, as far as H can tell."""
    right = torch.arange(len(HARD.labels)) % 2 == 0
    biased = scored(right, 3)
    biased = replace(biased, scores=biased.scores + 9 * biased.is_seen)
    levelled = module._levelled(biased, biased)[0]
    best = levelled.curve(levelled.borders())["H"].max()
    assert levelled.curve(torch.zeros(1))["H"][0] == pytest.approx(float(best))
    assert biased.curve(torch.zeros(1))["H"][0] < best - 0.1


def test_methods_that_choose_among_other_classes_are_refused():
    right = torch.ones(len(HARD.labels))
    first, second = scored(right, 1), scored(right, 2)
    other = Scored(second.scores[:, :7], CLASSES[:7], HARD)
    with pytest.raises(ValueError, match="other classes"):
        module._average(first, other, 0.5)


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    record = run("two_directions", HARD, SETTINGS, 0)
    assert record == run("two_directions", HARD, SETTINGS, 0)
    assert {*record["scores"]["pairs"]} == {*PAIRS}
