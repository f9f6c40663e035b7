"""`zslnb.experiments.seen_unseen`: areas and borders by hand, and every family of methods."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, corrupted, toy

from zslnb import Benchmark
from zslnb.errors import BenchmarkError
from zslnb.experiments import (
    ClipSettings,
    ESZSLSettings,
    MeansSettings,
    NearestMeanSettings,
    RidgeSettings,
    SeenUnseenSettings,
    run,
)
from zslnb.experiments import seen_unseen as module
from zslnb.experiments.closed_form import clip_scores, eszsl_scores
from zslnb.experiments.nearest_mean import nearest_mean_scores
from zslnb.protocol import Scored, best_constant

HARD = toy(noise=0.5)
FAMILIES = {
    "plain CLIP": ClipSettings(),
    "ESZSL": ESZSLSettings(powers=(0, 1)),
    "nearest mean": NearestMeanSettings(widths=(1.0, 8.0)),
    "means + spread": MeansSettings.beside(QUICK),
    "GenZSL": QUICK,
    "f-VAEGAN": QUICK_IMAGINATION,
    "RevCD": QUICK_REVCD,
    "ridge": RidgeSettings(powers=(0, 2)),
}
METRICS = ("S", "U", "H", "T1")


@pytest.fixture(autouse=True)
def build(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))


def by_margin(seen: list[float], unseen: list[float], right: list[bool]) -> Scored:
    """Two seen test images of class 0 and unseen ones of class 1, by how far the seen side leads.

    `right` says of the unseen images whether class 1 is the best of the two unseen ones.
    """
    margins = torch.tensor([*seen, *unseen], dtype=torch.float64)
    scores = torch.zeros(len(margins), 3, dtype=torch.float64)
    scores[:, 0] = margins
    scores[len(seen) :, 1] = torch.where(torch.tensor(right), 0.0, -1.0)
    scores[len(seen) :, 2] = torch.where(torch.tensor(right), -1.0, 0.0)
    labels = torch.tensor([0] * len(seen) + [1] * len(unseen))
    return Scored(scores, torch.arange(3), _benchmark(labels, len(seen)))


def _benchmark(labels: torch.Tensor, n_seen: int) -> Benchmark:
    """One seen class (0) that is trained on with one more image, an unseen one, and a third."""
    labels = torch.cat([labels, torch.tensor([0, 2])])
    n = len(labels)
    return Benchmark(
        features=torch.ones(n, 2),
        labels=labels,
        semantics=torch.ones(3, 2),
        class_names=("a", "b", "c"),
        train_idx=torch.tensor([n - 2]),
        test_seen_idx=torch.arange(n_seen),
        test_unseen_idx=torch.arange(n_seen, n - 2),
        val_classes=torch.zeros(0, dtype=torch.int64),
        name="by hand",
        provenance={},
    )


def test_the_area_of_sides_that_a_border_can_tell_is_that_of_the_square():
    """Every unseen image is passed before the first seen one: S stays 1 until U is 1."""
    assert module.area(by_margin([3.0, 4.0], [1.0, 2.0], [True, True])) == pytest.approx(1)
    assert module.area(by_margin([1.0, 2.0], [3.0, 4.0], [True, True])) == pytest.approx(0)


def test_the_area_of_a_staircase_by_hand():
    """Passed in turn: unseen (U 1/2), seen (S 1/2), unseen (U 1), seen: 1/2 * 1 + 1/2 * 1/2."""
    scored = by_margin([2.0, 4.0], [1.0, 3.0], [True, True])
    assert module.area(scored) == pytest.approx(0.75)
    grid = torch.tensor([0.0, 0.5, 0.6, 1.0], dtype=torch.float64)
    assert module.seen_at(scored, grid).tolist() == pytest.approx([1, 1, 0.5, 0.5])


def test_an_image_that_is_wrong_among_its_own_side_adds_no_area():
    """The second unseen image is never right, so U ends at 1/2, and so does the curve."""
    scored = by_margin([2.0, 4.0], [1.0, 3.0], [True, False])
    assert module.area(scored) == pytest.approx(0.5)
    grid = torch.tensor([0.5, 0.51], dtype=torch.float64)
    assert module.seen_at(scored, grid).tolist() == pytest.approx([1, 0])


def test_equal_margins_count_as_a_straight_line():
    """Chance on a tie: one unseen and one seen image are passed together."""
    scored = by_margin([1.0], [1.0], [True])
    assert module.area(scored) == pytest.approx(0.5)


def test_the_area_does_not_depend_on_where_a_method_puts_its_own_border():
    scored = by_margin([2.0, 4.0], [1.0, 3.0], [True, True])
    moved = replace(scored, scores=7 * (scored.scores - 5 * scored.is_seen))
    assert module.area(moved) == pytest.approx(module.area(scored))


def test_the_level_constant_brings_s_and_u_together():
    scored = by_margin([2.0, 4.0], [1.0, 3.0], [True, True])
    constant = module.level_constant(scored)
    assert 2 < constant < 3  # S is 1/2 and U 1/2 there alone
    assert module._at(scored, constant)["S"] == module._at(scored, constant)["U"] == 0.5
    assert best_constant(scored)[0] == pytest.approx(1.5)  # H prefers S 1 and U 1/2


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_border_gives_has_its_bounds(name):
    scores = module.seen_unseen_scores(HARD, SeenUnseenSettings(FAMILIES[name]), 0, "cpu")
    calibrated, peeked, told = (scores[key] for key in ("calibrated", "peeked", "told"))
    assert calibrated["H"] <= peeked["H"] + 1e-9 <= told["H"] + 2e-9
    assert told["U"] == pytest.approx(calibrated["T1"])
    assert 0 < scores["area"] <= told["S"] * told["U"] + 1e-9
    assert scores["clean"]["T1"] == pytest.approx(scores["moved"]["T1"])
    curve = scores["curve"]
    assert curve == sorted(curve, reverse=True)
    assert curve[0] == pytest.approx(told["S"])
    # a point that some border reaches lies on or below the curve
    on_grid = int(calibrated["U"] * (len(curve) - 1))
    assert curve[on_grid] >= calibrated["S"] - 1e-9


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("plain CLIP", clip_scores),
        ("ESZSL", eszsl_scores),
        ("nearest mean", nearest_mean_scores),
    ],
)
def test_closed_forms_are_those_of_the_tables(name, table):
    """Written anew here, so that the tables' records stay valid; they must not drift apart."""
    settings = FAMILIES[name]
    ours = module.seen_unseen_scores(HARD, SeenUnseenSettings(settings), 0, "cpu")
    theirs = table(HARD, settings, 0, "cpu")
    assert {m: ours["clean"][m] for m in METRICS} == pytest.approx(theirs["clean"])
    assert ours["moved"]["H"] == pytest.approx(theirs["calibrated"]["H"])


@pytest.mark.parametrize("name", ["means + spread", "GenZSL", "RevCD", "ridge"])
def test_choices_are_those_of_the_tables(name):
    """Clean scores, and those with the constant that their table chooses, as other pages have."""
    method = {"means + spread": "means", "GenZSL": "genzsl", "RevCD": "revcd"}.get(name, name)
    ours = module.seen_unseen_scores(HARD, SeenUnseenSettings(FAMILIES[name]), 0, "cpu")
    theirs = run(method, HARD, FAMILIES[name], 0)["scores"]
    assert ours["clean"] == pytest.approx(theirs["clean"])
    same = "calibrated" if name in ("RevCD", "ridge") else "moved"  # what their table chooses
    assert ours[same]["H"] == pytest.approx(theirs["calibrated"]["H"])


def test_what_is_chosen_never_sees_the_test_set():
    settings = SeenUnseenSettings(RidgeSettings())
    ours, garbage = (
        module.seen_unseen_scores(b, settings, 0, "cpu") for b in (HARD, corrupted(HARD))
    )
    assert ours["chosen"] == garbage["chosen"]
    assert ours["area"] != garbage["area"]


def test_a_record_of_it_can_be_run_and_read_back():
    settings = SeenUnseenSettings(NearestMeanSettings())
    record = run("seen_unseen", HARD, settings, 0)
    assert record == run("seen_unseen", HARD, settings, 0)
    assert len(record["scores"]["curve"]) == len(module.GRID)


def test_what_is_no_methods_settings_is_refused():
    with pytest.raises(ValueError, match=r"method must be one of ClipSettings, .* not 'GenZSL'"):
        SeenUnseenSettings("GenZSL")


def test_plain_clip_is_refused_where_spaces_differ():
    other = toy(feature_dim=12)
    with pytest.raises(BenchmarkError, match="leave its row out"):
        module.seen_unseen_scores(other, SeenUnseenSettings(ClipSettings()), 0, "cpu")
