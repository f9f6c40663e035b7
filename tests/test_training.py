"""`zslnb.training`: the first step that is not finite, its losses, and the rounds before it."""

import math
import pickle

import pytest
import torch

from zslnb.errors import DivergedError
from zslnb.training import by_step, refuse_divergence, refuse_samples

HISTORY = [{"round": 1, "steps": 10, "kl": 0.5}]


def losses(**values: list[float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(steps) for name, steps in values.items()}


def test_finite_losses_pass_however_large():
    refuse_divergence(losses(reconstruction=[1.0, -3e38], kl=[0.0, 3e38]), 0, [])


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_the_first_such_step_is_named_with_all_its_losses(bad):
    """Steps count from the first of training, from 1; the loss at fault need not be the first."""
    made = losses(reconstruction=[1.0, 2.0, 3.0, bad], kl=[5.0, 6.0, bad, bad])
    with pytest.raises(DivergedError) as caught:
        refuse_divergence(made, 10, HISTORY)
    assert str(caught.value) == f"Training diverged at step 13: reconstruction 3, kl {bad}."


def test_the_very_first_step_is_step_one():
    with pytest.raises(DivergedError, match=r"at step 1: kl inf\.$"):
        refuse_divergence(losses(kl=[math.inf, math.inf]), 0, [])


def test_the_history_is_kept_through_pickling_too():
    """Workers send errors to the process that started them as pickles."""
    with pytest.raises(DivergedError) as caught:
        refuse_divergence(losses(kl=[math.nan]), 10, HISTORY)
    there = pickle.loads(pickle.dumps(caught.value))
    assert (str(there), there.history) == (str(caught.value), HISTORY)
    assert there.history == caught.value.history


def test_a_rounds_losses_are_laid_out_by_name_and_looked_at():
    steps = [{"kl": torch.tensor(1.0), "x": torch.tensor(2.0)}, {"kl": torch.tensor(3.0)}]
    steps[1]["x"] = torch.tensor(4.0)
    assert {k: v.tolist() for k, v in by_step(steps, 0, []).items()} == {"kl": [1, 3], "x": [2, 4]}
    steps[1]["x"] = torch.tensor(math.nan)
    with pytest.raises(DivergedError, match=r"at step 12: kl 3, x nan\.$"):
        by_step(steps, 10, HISTORY)


def test_samples_that_are_not_finite_keep_the_history():
    refuse_samples(torch.ones(2, 3), HISTORY)
    with pytest.raises(DivergedError, match="after round 1: samples are not finite") as caught:
        refuse_samples(torch.tensor([[1.0, math.inf]]), HISTORY)
    assert caught.value.history == HISTORY
