"""`zslnb.training`: the loop of all methods, and where it stops."""

import math
import pickle
from collections.abc import Iterator

import pytest
import torch

from zslnb.errors import DivergedError
from zslnb.seeds import seeded
from zslnb.training import batches, refuse_divergence, refuse_samples, train

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


class Counter:
    """A model whose terms are the numbers of its steps, and whose streams are looked at."""

    def __init__(self, n: int = 3, bad: int | None = None) -> None:
        self.seed, self.history, self.draws, self.n, self.bad = 0, [], [], n, bad
        self.step = 0

    def steps(self, number: int) -> Iterator[dict[str, torch.Tensor]]:
        for _ in range(self.n):
            self.step += 1
            self.draws.append(float(torch.rand(1)))
            bad = self.step == self.bad
            yield {
                "loss": torch.tensor(math.nan if bad else float(self.step)),
                "kl": torch.ones(()),
            }


def test_a_round_has_its_stream_its_counts_and_its_means():
    seen, model = [], Counter()
    train(model, "toy/epoch", 2, model.steps, lambda m: seen.append(len(m.history)))
    assert model.history == [
        {"epoch": 1, "steps": 3, "loss": 2.0, "kl": 1.0},
        {"epoch": 2, "steps": 6, "loss": 5.0, "kl": 1.0},
    ]
    assert seen == [1, 2]
    for number in range(2):
        with seeded(0, f"toy/epoch{number}"):
            drawn = [float(torch.rand(1)) for _ in range(3)]
        assert model.draws[3 * number : 3 * number + 3] == drawn


def test_means_may_be_of_the_last_steps_and_samples_are_counted():
    model = Counter()
    train(model, "toy/round", 2, model.steps, samples=40, averaged=2)
    assert [(h["samples"], h["loss"]) for h in model.history] == [(40, 2.5), (80, 5.5)]


def test_training_stops_at_a_loss_that_is_not_finite():
    model = Counter(bad=5)
    with pytest.raises(DivergedError, match=r"at step 5: loss nan, kl 1\.$") as caught:
        train(model, "toy/round", 9, model.steps)
    assert caught.value.history == model.history
    assert [line["steps"] for line in model.history] == [3]


def test_batches_hold_every_row_once():
    device = torch.device("cpu")
    assert [b.tolist() for b in batches(5, 2, device, shuffle=False)] == [[0, 1], [2, 3], [4]]
    with seeded(0, "test/batches"):
        one, other = (torch.cat(batches(50, 8, device)).tolist() for _ in range(2))
    assert sorted(one) == sorted(other) == list(range(50))
    assert one != other


def test_samples_that_are_not_finite_keep_the_history():
    refuse_samples(torch.ones(2, 3), HISTORY)
    with pytest.raises(DivergedError, match="after round 1: samples are not finite") as caught:
        refuse_samples(torch.tensor([[1.0, math.inf]]), HISTORY)
    assert caught.value.history == HISTORY
