"""Training that stops being finite stops, says where, and keeps what was recorded before."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.errors import DivergedError


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


def by_step(
    steps: Sequence[Mapping[str, Float[Tensor, ""]]],
    before: int,
    history: list[dict[str, float]],
) -> dict[str, Float[Tensor, " n"]]:
    """Lay the losses of a round out by name, a value a step; see `refuse_divergence`."""
    losses = {name: torch.stack([terms[name] for terms in steps]) for name in steps[0]}
    refuse_divergence(losses, before, history)
    return losses


def refuse_samples(features: Float[Tensor, "M D"], history: list[dict[str, float]]) -> None:
    """Raise DivergedError if samples are not finite: the last step has no loss to show it."""
    if not features.isfinite().all():
        message = f"Training diverged after round {len(history)}: samples are not finite."
        raise DivergedError(message, history)
