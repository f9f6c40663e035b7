"""`zslnb.protocol.calibration`: one sort instead of a loop over constants; chosen off the test."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import bare, toy

from zslnb.protocol import (
    Scored,
    accuracy_curve,
    best_constant,
    calibrated_scores,
    evaluate_gzsl,
    validation_split,
)
from zslnb.seeds import torch_generator

TOY = toy()
CLASSES = torch.tensor([5, 0, 7, 2, 1, 6, 3, 4])  # in no order; 6 and 7 are unseen
GRID = torch.linspace(-3, 3, 61).double()


def scored(benchmark=TOY, seed: int = 0, lift: float = 1.0) -> Scored:
    """Random scores that know the class a little and favour seen ones by `lift`."""
    noise = torch.randn(80, 8, generator=torch_generator(seed, "tests/scores"))
    right = benchmark.labels[:, None] == CLASSES
    lifted = torch.isin(CLASSES, benchmark.seen) * lift
    return Scored(noise + 1.5 * right + lifted, CLASSES, benchmark)


def looped(held: Scored, constant: float) -> dict[str, float]:
    """S, U and H with the constant taken off, each image by its argmax."""
    lowered = held.scores.double() - constant * held.is_seen
    return evaluate_gzsl(torch.nn.Identity(), held.classes, lowered, held.benchmark)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("whole", [TOY, replace(TOY, test_unseen_idx=TOY.test_unseen_idx[:13])])
def test_a_curve_is_what_a_loop_over_the_constants_gives(whole, seed):
    held = scored(whole, seed)
    curve = held.curve(GRID)
    expected = [looped(held, float(constant)) for constant in GRID]
    for name, values in curve.items():
        np.testing.assert_allclose(values, [each[name] for each in expected], atol=1e-12)
    assert len(set(curve["H"].tolist())) > 10


def test_a_curve_by_hand():
    """Two images of class 3, whose lead over the unseen class 9 is 2 and 1; one of class 4."""
    scores = torch.tensor([[5.0, 0.0, 3.0], [4.0, 1.0, 3.0], [2.0, 1.0, 2.5]])
    classes, is_seen = torch.tensor([3, 4, 9]), torch.tensor([True, True, False])
    constants = torch.tensor([0.0, 1.0, 1.5, 2.0, 2.5])
    of_seen = accuracy_curve(scores, torch.tensor([3, 3, 4]), classes, is_seen, constants)
    assert of_seen.tolist() == [0.5, 0.5, 0.25, 0.25, 0.0]  # class 4 is never right
    of_unseen = accuracy_curve(scores, torch.tensor([9, 9, 9]), classes, is_seen, constants)
    assert of_unseen.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])


def test_constants_may_come_in_any_order_and_far_off():
    held = scored()
    shuffled = torch.tensor([2.0, -1e9, 0.5, 1e9])
    one = held.curve(shuffled)
    for i, constant in enumerate(shuffled):
        assert float(one["S"][i]) == float(held.curve(constant[None])["S"])
    assert (float(one["U"][1]), float(one["S"][3])) == (0, 0)


def test_borders_miss_no_pair_of_s_and_u():
    held = scored()
    there = {tuple(pair) for pair in torch.stack(_pair(held, held.borders()), 1).tolist()}
    fine = torch.linspace(-8, 8, 20_001).double()
    assert {tuple(pair) for pair in torch.stack(_pair(held, fine), 1).tolist()} <= there
    assert 0 in held.borders()


def _pair(held: Scored, constants: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    curve = held.curve(constants)
    return curve["S"].round(decimals=9), curve["U"].round(decimals=9)


def test_the_best_constant_is_found_and_undone_by_a_shift():
    """Lifting all seen scores by 0.7 lifts the constant by as much."""
    constant, h = best_constant(scored())
    assert h == pytest.approx(looped(scored(), constant)["H"], abs=1e-12)
    assert h == pytest.approx(float(scored().curve(scored().borders())["H"].max()))
    lifted, same = best_constant(scored(lift=1.7))
    assert lifted == pytest.approx(constant + 0.7, abs=1e-5)
    assert same == pytest.approx(h)


def test_of_equals_the_smallest_constant_is_taken():
    """All right by a mile: 0 is as good as any."""
    sure = Scored(10.0 * (TOY.labels[:, None] == CLASSES), CLASSES, TOY)
    assert best_constant(sure) == (0.0, pytest.approx(1.0))


def test_the_choice_never_sees_the_test_set():
    inner = validation_split(TOY, 0)
    on_validation = scored(inner, 1)
    constant, scores = calibrated_scores(on_validation, scored(seed=2))
    assert constant == best_constant(on_validation)[0] != best_constant(scored(seed=2))[0]
    expected = looped(scored(seed=2), constant)
    assert scores == pytest.approx(expected, abs=1e-12)
    flipped = replace(TOY, labels=TOY.labels.clone())
    flipped.labels[TOY.test_unseen_idx] = flipped.labels[TOY.test_unseen_idx].flip(0)
    assert calibrated_scores(on_validation, scored(flipped, 3))[0] == constant


def test_rows_of_other_images_are_not_read():
    held = scored()
    held.scores[TOY.train_idx] = torch.nan
    assert held.curve(GRID)["H"].isfinite().all()


def test_what_has_no_border_is_refused():
    scores, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    curve, classes = bare(accuracy_curve), torch.arange(3)
    for is_seen in (torch.ones(3).bool(), torch.zeros(3).bool()):
        with pytest.raises(ValueError, match="seen and unseen classes among the candidates"):
            curve(scores, labels, classes, is_seen, GRID)
    mixed = torch.tensor([True, False, True])
    with pytest.raises(ValueError, match="no image to score"):
        curve(scores[:0], labels[:0], classes, mixed, GRID)
    scores[1, 2] = torch.nan
    with pytest.raises(ValueError, match="row 1 hold NaN"):
        curve(scores, labels, classes, mixed, GRID)
