"""The one training loop of all methods, which stops where a loss is no longer finite."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.device import Terms
from zslnb.errors import DivergedError
from zslnb.seeds import seeded


@runtime_checkable
class Trainable(Protocol):
    """A model as the loop sees it: `history` gets one dict a round."""

    seed: int
    history: list[dict[str, float]]


Model = TypeVar("Model", bound=Trainable)


def train(
    model: Model,
    stream: str,
    rounds: int,
    steps: Callable[[int], Iterable[Terms]],
    on_round: Callable[[Model], None] | None = None,
    *,
    samples: int | None = None,
    averaged: int = 0,
) -> Model:
    """Train round by round, each with random numbers of its own.

    Args:
        model: gets a dict a round in its `history`: the round's number (under the last word of
            `stream`), steps and samples so far, and each term's mean.
        stream: "<method>/<what a round is called>".
        rounds: how many.
        steps: trains for the round of a number, counted from 0, and yields each step's terms,
            detached (see `zslnb.device.Replayed`).
        on_round: called with the model after each round.
        samples: drawn in a round; left out of the history if not given.
        averaged: over so many last steps of a round; 0 for all.

    Raises:
        DivergedError: with the first step whose terms are not finite, and the `history` before.
    """
    unit = stream.rpartition("/")[2]
    for number in range(rounds):
        with seeded(model.seed, f"{stream}{number}"):
            terms = [*steps(number)]
        losses = {name: torch.stack([step[name] for step in terms]) for name in terms[0]}
        before = model.history[-1]["steps"] if model.history else 0
        refuse_divergence(losses, before, model.history)
        counts = {unit: number + 1, "steps": before + len(terms)}
        counts |= {} if samples is None else {"samples": (number + 1) * samples}
        means = {name: float(values[-averaged:].mean()) for name, values in losses.items()}
        model.history.append({**counts, **means})
        if on_round:
            on_round(model)
    return model


def batches(
    n: int, size: int, device: torch.device, *, shuffle: bool = True
) -> tuple[Int64[Tensor, " B"], ...]:
    """Split the rows 0..n-1 into batches, the last of which may be smaller; shuffled or as stored.

    The order is drawn from the current stream, on the device.
    """
    order = torch.randperm(n, device=device) if shuffle else torch.arange(n, device=device)
    return order.split(size)


def refuse_divergence(
    losses: Mapping[str, Float[Tensor, " n"]], before: int, history: list[dict[str, float]]
) -> None:
    """Raise DivergedError if a loss of a round is not finite, with its first such step.

    One look at the end of a round costs one copy from the device, not one a step.

    Args:
        losses: name -> (n,) values, one a step of the round.
        before: steps before this round; the message counts from the first of training.
        history: of the rounds before.
    """
    bad = ~torch.stack([values.isfinite() for values in losses.values()]).all(0)
    if bad.any():
        step = int(bad.nonzero()[0])
        terms = ", ".join(f"{name} {float(values[step]):.4g}" for name, values in losses.items())
        raise DivergedError(f"Training diverged at step {before + step + 1}: {terms}.", history)


def refuse_samples(features: Float[Tensor, "M D"], history: list[dict[str, float]]) -> None:
    """Raise DivergedError if samples are not finite: the last step has no loss to show it."""
    if not features.isfinite().all():
        message = f"Training diverged after round {len(history)}: samples are not finite."
        raise DivergedError(message, history)
