"""From noise back to semantics: ancestral steps (alg. 2), DDIM, and classifier-free guidance."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.device import repeated
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
    last = len(schedule) - 1

    def back(zt: Tensor, t: Tensor, *, noisy: bool = True) -> dict[str, Tensor]:
        z0, at = model(zt, t), t[:1]  # one step for all
        mean = schedule.posterior_mean(z0, zt, at)
        if noisy:
            mean = mean + schedule.posterior_variance(at).sqrt()[:, None] * torch.randn_like(zt)
        return {"zt": mean} | ({"z0": z0} if callback else {})

    zt, step_back = start, repeated(back, last, start.device)
    for step in range(last, -1, -1):
        t = torch.full((len(zt),), step, device=zt.device)
        found = step_back(zt, t) if step else back(zt, t, noisy=False)
        if callback:
            callback(step, zt, found["z0"])
        zt = found["zt"]
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
    times = ddim_times(len(schedule), n_steps)

    def back(zt: Tensor, t: Tensor, after: Tensor) -> dict[str, Tensor]:
        z0 = model(zt, t)
        noise = schedule.noise_from_z0(zt, z0, t[:1])  # one step for all
        return {"zt": schedule.q_sample(z0, after, noise)} | ({"z0": z0} if callback else {})

    zt, step_back = start, repeated(back, len(times) - 1, start.device)
    for step, after in pairwise(times):
        t = torch.full((len(zt),), step, device=zt.device)
        found = step_back(zt, t, torch.full_like(t[:1], after))
        if callback:
            callback(step, zt, found["z0"])
        zt = found["zt"]
    z0 = model(zt, torch.full((len(zt),), times[-1], device=zt.device))
    if callback:
        callback(times[-1], zt, z0)
    return z0
