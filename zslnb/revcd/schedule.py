"""The noise schedule of diffusion, and every identity between clean sample, noise and mean."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.settings import at_least_one


class NoiseSchedule(nn.Module):
    """How much of a clean sample is left at each step (RevCD eq. 1).

    t counts from 0 to steps - 1, so t = 0 is the paper's step 1, after which nothing is noisy; it
    has an entry for each row, or one for all. The coefficients are buffers under the field's names,
    computed once and moved with the module, and kept in double precision, since 1 - alphas_cumprod
    is tiny at first; what the methods return has the precision of what they are given.

    Attributes:
        betas, alphas, alphas_cumprod, alphas_cumprod_prev: (steps,) float32; beta_t,
            alpha_t = 1 - beta_t, its running product, and that product one step before.

    Args:
        steps: T.
        beta_start, beta_end: of the linear schedule; beta_t = 1 - alpha_t rises from one to the
            other.

    Raises:
        ValueError: no steps, or betas outside 0..1, ends excluded.
    """

    def __init__(self, steps: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> None:
        super().__init__()
        at_least_one("The number of diffusion steps", steps)
        self._tabulate(torch.linspace(beta_start, beta_end, steps, dtype=torch.float64))

    @classmethod
    def cosine(cls, steps: int, offset: float = 0.008, largest: float = 0.999) -> "NoiseSchedule":
        """Let alphas_cumprod fall as a squared cosine (Nichol and Dhariwal 2021, eq. 17)."""
        schedule = cls(steps)
        time = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        abar = torch.cos((time + offset) / (1 + offset) * math.pi / 2).square()
        schedule._tabulate((1 - abar[1:] / abar[:-1]).clamp(max=largest))
        return schedule

    def _tabulate(self, betas: Tensor) -> None:
        """Keep the schedule and every coefficient, (steps,) each, as buffers."""
        if not ((betas > 0) & (betas < 1)).all():
            raise ValueError("Every beta must lie in 0..1, ends excluded.")
        alpha = 1 - betas
        abar = alpha.cumprod(0)
        before = torch.cat([abar.new_ones(1), abar[:-1]])
        variance = betas * (1 - before) / (1 - abar)
        twice = 2 * variance
        tables = {
            "betas": betas.float(),
            "alphas": alpha.float(),
            "alphas_cumprod": abar.float(),
            "alphas_cumprod_prev": before.float(),
            "sqrt_alphas_cumprod": abar.sqrt(),
            "sqrt_one_minus_alphas_cumprod": (1 - abar).sqrt(),
            "sqrt_recip_alphas": 1 / alpha.sqrt(),
            "sqrt_recip_alphas_cumprod": 1 / abar.sqrt(),
            "sqrt_recipm1_alphas_cumprod": (1 / abar - 1).sqrt(),
            "sqrt_recip_one_minus_alphas_cumprod": 1 / (1 - abar).sqrt(),
            "snr": abar / (1 - abar),
            "sqrt_snr": (abar / (1 - abar)).sqrt(),
            "mean_coef_noise": (1 - alpha) / ((1 - abar).sqrt() * alpha.sqrt()),
            "posterior_mean_coef1": before.sqrt() * (1 - alpha) / (1 - abar),
            "posterior_mean_coef2": alpha.sqrt() * (1 - before) / (1 - abar),
            "posterior_variance_table": variance,
            # of the ELBO; infinite at t = 0, where the posterior has no variance
            "weight_of_clean": before * (1 - alpha).square() / (1 - abar).square() / twice,
            "weight_of_noise": (1 - alpha).square() / ((1 - abar) * alpha) / twice,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def __len__(self) -> int:
        """T."""
        return len(self.alphas)

    def q_sample(
        self, z0: Float[Tensor, "B S"], t: Int64[Tensor, "#B"], noise: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B S"]:
        """Noise clean samples up to step t in one go (eq. 11, solved for z_t)."""
        signal = _scaled(self.sqrt_alphas_cumprod[t], z0)
        return signal + _scaled(self.sqrt_one_minus_alphas_cumprod[t], noise)

    def posterior_mean(
        self, z0: Float[Tensor, "B S"], zt: Float[Tensor, "B S"], t: Int64[Tensor, "#B"]
    ) -> Float[Tensor, "B S"]:
        """Mean of q(z_{t-1} | z_t, z_0) (eq. 8); at t = 0 it is z_0."""
        of_clean = _scaled(self.posterior_mean_coef1[t], z0)
        return of_clean + _scaled(self.posterior_mean_coef2[t], zt)

    def posterior_variance(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Variance of q(z_{t-1} | z_t, z_0), below eq. 7; 0 at t = 0."""
        return self.posterior_variance_table[t].float()

    def mean_from_noise(
        self, zt: Float[Tensor, "B S"], noise: Float[Tensor, "B S"], t: Int64[Tensor, "#B"]
    ) -> Float[Tensor, "B S"]:
        """The posterior mean again, told by the noise instead of the clean sample (eq. 12)."""
        return _scaled(self.sqrt_recip_alphas[t], zt) - _scaled(self.mean_coef_noise[t], noise)

    def z0_from_noise(
        self, zt: Float[Tensor, "B S"], noise: Float[Tensor, "B S"], t: Int64[Tensor, "#B"]
    ) -> Float[Tensor, "B S"]:
        """The clean sample that this noise turned into z_t (eq. 11)."""
        grown = _scaled(self.sqrt_recip_alphas_cumprod[t], zt)
        return grown - _scaled(self.sqrt_recipm1_alphas_cumprod[t], noise)

    def noise_from_z0(
        self, zt: Float[Tensor, "B S"], z0: Float[Tensor, "B S"], t: Int64[Tensor, "#B"]
    ) -> Float[Tensor, "B S"]:
        """The noise that turned this clean sample into z_t (eq. 11, solved for it)."""
        grown = _scaled(self.sqrt_recip_one_minus_alphas_cumprod[t], zt)
        return grown - _scaled(self.sqrt_snr[t], z0)

    def signal_to_noise(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """abar_t / (1 - abar_t): by it a squared error of z_0 becomes one of the noise."""
        return self.snr[t].float()

    def reconstruction_weights(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """What the ELBO multiplies the squared error of z_0 by (eq. 10).

        Raises:
            ValueError: t = 0, where the posterior has no variance and the weight is infinite.
        """
        return self.weight_of_clean[_after_the_first(t)].float()

    def noise_weights(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """What the ELBO multiplies the squared error of the noise by (eq. 13); errors as above."""
        return self.weight_of_noise[_after_the_first(t)].float()


def _after_the_first(t: Tensor) -> Tensor:
    if (t == 0).any():
        raise ValueError("The weights of the ELBO start at t = 1: at 0 the variance is 0.")
    return t


def _scaled(factors: Tensor, rows: Tensor) -> Tensor:
    return factors.to(rows.dtype)[:, None] * rows
