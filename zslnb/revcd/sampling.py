"""From noise back to semantics: ancestral steps (alg. 2), DDIM, and classifier-free guidance."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.revcd.schedule import NoiseSchedule

# z_t and t in, the estimate of z_0 out
Model = Callable[[Float[Tensor, "B S"], Int64[Tensor, " B"]], Float[Tensor, "B S"]]
# t, z_t before the step, and the estimate of z_0 there
Callback = Callable[[int, Float[Tensor, "B S"], Float[Tensor, "B S"]], None]


def guided_noise(
    conditional: Float[Tensor, "B S"], unconditional: Float[Tensor, "B S"], scale: float
) -> Float[Tensor, "B S"]:
    """Go from the unconditional estimate past the conditional one (eq. 22).

    The scale is the paper's w: 0 is the unconditional estimate, 1 the conditional one, more
    exaggerates what the condition changes. For one z_t noise and clean sample are linear in each
    other (eq. 11), so the same line guides estimates of z_0. (Ho and Salimans count from the
    conditional: their weight is one less.)
    """
    return torch.lerp(unconditional, conditional, scale)


def ancestral_sample(
    model: Model,
    schedule: NoiseSchedule,
    start: Float[Tensor, "B S"],
    callback: Callback | None = None,
) -> Float[Tensor, "B S"]:
    """Walk every step back, adding fresh noise in each but the last (alg. 2, eq. 18).

    The mean of eq. 18 is that of eq. 8 with the estimate for z_0; the variance is eq. 7's.

    Args:
        model: estimates z_0 from z_t.
        schedule: whose steps are walked.
        start: (B, S) from N(0, I).
        callback: called before each step.
    """
    zt = start
    for step in range(len(schedule) - 1, -1, -1):
        t = torch.full((len(zt),), step, device=zt.device)
        z0 = model(zt, t)
        if callback:
            callback(step, zt, z0)
        zt = schedule.posterior_mean(z0, zt, t)
        if step:
            zt = zt + schedule.posterior_variance(t).sqrt()[:, None] * torch.randn_like(zt)
    return zt


def ddim_times(steps: int, n: int) -> list[int]:
    """Spread n of the steps evenly, the noisiest first, the last one 0.

    Raises:
        ValueError: n outside 1..steps.
    """
    if not 1 <= n <= steps:
        raise ValueError(f"DDIM takes 1 to {steps} of the schedule's steps, not {n}.")
    return torch.linspace(steps - 1, 0, n).round().long().tolist()


def ddim_sample(
    model: Model,
    schedule: NoiseSchedule,
    start: Float[Tensor, "B S"],
    n_steps: int,
    callback: Callback | None = None,
) -> Float[Tensor, "B S"]:
    """Jump back in a few steps without fresh noise (Song et al. 2021, eq. 12 with sigma 0).

    Arguments are those of `ancestral_sample`, and the number of steps.

    Raises:
        ValueError: more steps than the schedule has, or none.
    """
    zt, times = start, ddim_times(len(schedule), n_steps)
    for step, after in zip(times, [*times[1:], None], strict=True):
        t = torch.full((len(zt),), step, device=zt.device)
        z0 = model(zt, t)
        if callback:
            callback(step, zt, z0)
        if after is None:
            return z0
        zt = schedule.q_sample(z0, torch.full_like(t, after), schedule.noise_from_z0(zt, z0, t))
    raise AssertionError("a schedule has at least one step")
