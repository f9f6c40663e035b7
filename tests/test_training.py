"""`zslnb.training`: the loop of all methods, where it stops, and what all of them share."""

import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, QUICK_REVCD, corrupted, toy

from zslnb import genzsl, imagination, revcd
from zslnb.errors import DivergedError
from zslnb.seeds import seeded
from zslnb.training import batches, refuse_divergence, refuse_samples, train

HISTORY = [{"round": 1, "steps": 10, "kl": 0.5}]


def losses(**values: list[float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(steps) for name, steps in values.items()}


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_the_first_step_that_is_not_finite_is_named_with_all_its_losses(bad):
    """Steps count from the first of training, from 1; the loss at fault need not be the first."""
    refuse_divergence(losses(reconstruction=[1.0, -3e38], kl=[0.0, 3e38]), 0, [])
    steps = losses(reconstruction=[1.0, 2.0, 3.0, bad], kl=[5.0, 6.0, bad, bad])
    for before, step in ((10, 13), (0, 3)):
        with pytest.raises(DivergedError) as caught:
            refuse_divergence(steps, before, HISTORY)
        assert str(caught.value) == f"Training diverged at step {step}: reconstruction 3, kl {bad}."
    # workers send errors to the process that started them as pickles
    sent = pickle.loads(pickle.dumps(caught.value))
    assert (str(sent), sent.history) == (str(caught.value), HISTORY)


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


@dataclass(frozen=True)
class Trained:
    """A method with its settings, the same to a test as any other."""

    room: Any  # where `fit` and `prepare` are
    settings: Any
    steps: int = 3  # a round

    def fit(self, benchmark, seed: int = 0, look=None, **changes) -> Any:
        hook = {"on_epoch" if self.room is revcd else "on_round": look} if look else {}
        return self.room.fit(benchmark, replace(self.settings, **changes), seed, **hook)


METHODS = {
    "genzsl": Trained(genzsl, QUICK, steps=6),
    "genzsl, noise": Trained(genzsl, replace(QUICK, referent="noise"), steps=6),
    "genzsl, tiled": Trained(genzsl, replace(QUICK, synthesis="tiled", prior="conditional"), 6),
    **{k: Trained(imagination, replace(QUICK_IMAGINATION, kind=k)) for k in imagination.KINDS},
    **{f"{k}, x -> z": Trained(revcd, replace(QUICK_REVCD, kind=k)) for k in revcd.KINDS},
}
GENERATORS = {name: method for name, method in METHODS.items() if method.room is not revcd}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
each_generator = pytest.mark.parametrize("method", GENERATORS.values(), ids=GENERATORS)
UNSEEN = torch.tensor([7, 6])


def networks(run: Any) -> list[torch.nn.Module]:
    if isinstance(run, genzsl.GenZSL):
        return [run.model]
    if isinstance(run, revcd.RevCD):
        return [run.networks]
    return [getattr(run.networks, name) for name in run.networks.optimisers]


def weights(run: Any) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for net in networks(run) for p in net.parameters()])


def drawn(run: Any, stream: str = "a") -> torch.Tensor:
    """What a trained model is there for: features of unseen classes, or estimates of images."""
    if isinstance(run, revcd.RevCD):
        return run.estimate(toy().features[:5], stream=stream)
    return run.synthesise(UNSEEN, 4, stream)[0]


@each_method
def test_a_seed_is_a_run_bit_for_bit(method):
    one, same, other = (method.fit(toy(), seed) for seed in (0, 0, 1))
    assert torch.equal(weights(one), weights(same))
    assert one.history == same.history
    assert not torch.equal(weights(one), weights(other))
    assert torch.equal(drawn(one), drawn(same))
    assert not torch.equal(drawn(one), drawn(other))
    assert not torch.equal(drawn(one), drawn(one, "b"))


@each_method
def test_looking_on_does_not_shift_training(method):
    looks = []

    def look(run: Any) -> None:
        looks.append(len(run.history))
        torch.rand(7)
        drawn(run)  # leaves the model in evaluation mode

    watched = method.fit(toy(), look=look)
    assert torch.equal(weights(watched), weights(method.fit(toy())))
    assert looks == [1, 2, 3]


@each_method
@pytest.mark.parametrize("semantic_dim", [8, 5])
def test_training_touches_trainval_alone(method, semantic_dim):
    """Garbage in the test rows would show in how features are scaled, too."""
    b = toy(semantic_dim=semantic_dim)
    one, other = (method.fit(which) for which in (b, corrupted(b)))
    assert torch.equal(weights(one), weights(other))
    assert torch.equal(drawn(one), drawn(other))


@each_generator
def test_rows_of_any_scale_train_alike(method):
    scaled = replace(toy(), features=80 * toy().features, semantics=3 * toy().semantics)
    both = [weights(method.fit(b, rounds=1, lr=1e-3)) for b in (scaled, toy())]
    torch.testing.assert_close(*both, atol=1e-4, rtol=1e-3)


@each_method
def test_one_seen_class_is_too_few(method):
    few = {"n_referents": 1} if method.room is genzsl else {}
    with pytest.raises(ValueError, match=r"toy has 1 seen classes; .* at least two"):
        method.fit(toy(seen=1), **few)


@each_generator
def test_synthetic_features_are_unit_and_labelled(method):
    run = method.fit(toy())
    features, labels = run.synthesise(torch.tensor([7, 2, 6]), 3)
    assert labels.tolist() == [7, 7, 7, 2, 2, 2, 6, 6, 6]
    torch.testing.assert_close(features.norm(dim=1), torch.ones(9))
    assert len(features.unique(dim=0)) == 9  # noise of its own for each
    for n in (0, -3):
        with pytest.raises(ValueError, match=f"must be at least 1, not {n}"):
            run.synthesise(UNSEEN, n)


@each_method
@pytest.mark.parametrize("lr", [1e10, 1e38])
def test_a_wild_learning_rate_diverges_in_the_first_round(method, lr):
    with pytest.raises(DivergedError, match=r"diverged at step [1-6]: .*(inf|nan)") as caught:
        method.fit(toy(), lr=lr)
    assert caught.value.history == []


def spoil_after(rounds: int):
    """Make every weight NaN once so many rounds are done."""

    def look(run: Any) -> None:
        for net in networks(run) if len(run.history) == rounds else ():
            for parameter in net.parameters():
                torch.nn.init.constant_(parameter, torch.nan)

    return look


@each_method
def test_divergence_names_the_step_and_keeps_the_history(method):
    step = 2 * method.steps + 1
    with pytest.raises(DivergedError, match=rf"diverged at step {step}: .*nan") as caught:
        method.fit(toy(), look=spoil_after(2))
    assert caught.value.history == method.fit(toy()).history[:2]


@each_method
def test_divergence_in_the_very_last_step_shows_in_what_is_drawn(method):
    run = method.fit(toy(), look=spoil_after(3))
    with pytest.raises(DivergedError, match="not finite") as caught:
        drawn(run)
    assert caught.value.history == run.history
