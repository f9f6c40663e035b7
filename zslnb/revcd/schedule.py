"""The noise schedule of diffusion, and every identity between clean sample, noise and mean."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.settings import at_least_one


class NoiseSchedule:
    """How much of a clean sample is left at each step (RevCD eq. 1).

    t counts from 0 to steps - 1, so t = 0 is the paper's step 1, after which nothing is noisy. The
    coefficients are kept in double precision, since 1 - alphas_cumprod is tiny at first; what
    the methods return has the precision of what they are given.

    Attributes:
        alphas, alphas_cumprod: (steps,) float32, alpha_t and its running product.

    Args:
        steps: T.
        beta_start, beta_end: of the linear schedule; beta_t = 1 - alpha_t rises from one to the
            other.

    Raises:
        ValueError: no steps, or betas outside 0..1, ends excluded.
    """

    def __init__(self, steps: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> None:
        at_least_one("The number of diffusion steps", steps)
        self._set(torch.linspace(beta_start, beta_end, steps, dtype=torch.float64))

    @classmethod
    def cosine(cls, steps: int, offset: float = 0.008, largest: float = 0.999) -> "NoiseSchedule":
        """Let alphas_cumprod fall as a squared cosine (Nichol and Dhariwal 2021, eq. 17)."""
        at_least_one("The number of diffusion steps", steps)
        time = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        left = torch.cos((time + offset) / (1 + offset) * math.pi / 2).square()
        made = cls.__new__(cls)
        made._set((1 - left[1:] / left[:-1]).clamp(max=largest))
        return made

    def _set(self, betas: Tensor) -> None:
        if not ((betas > 0) & (betas < 1)).all():
            raise ValueError("Every beta must lie in 0..1, ends excluded.")
        self._alpha = 1 - betas
        self._left = self._alpha.cumprod(0)
        self._left_before = torch.cat([torch.ones(1, dtype=torch.float64), self._left[:-1]])
        self._variance = betas * (1 - self._left_before) / (1 - self._left)
        self.alphas, self.alphas_cumprod = self._alpha.float(), self._left.float()

    def __len__(self) -> int:
        """T."""
        return len(self._alpha)

    def to(self, device: torch.device | str) -> "NoiseSchedule":
        """Return the same schedule on another device."""
        made = type(self).__new__(type(self))
        made.__dict__ = {name: values.to(device) for name, values in self.__dict__.items()}
        return made

    def q_sample(
        self, z0: Float[Tensor, "B S"], t: Int64[Tensor, " B"], noise: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B S"]:
        """Noise clean samples up to step t in one go (eq. 11, solved for z_t)."""
        left = self._left[t]
        return _scaled(left.sqrt(), z0) + _scaled((1 - left).sqrt(), noise)

    def posterior_mean(
        self, z0: Float[Tensor, "B S"], zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B S"]:
        """Mean of q(z_{t-1} | z_t, z_0) (eq. 8); at t = 0 it is z_0."""
        alpha, left, before = self._alpha[t], self._left[t], self._left_before[t]
        of_clean = before.sqrt() * (1 - alpha) / (1 - left)
        of_noisy = alpha.sqrt() * (1 - before) / (1 - left)
        return _scaled(of_clean, z0) + _scaled(of_noisy, zt)

    def posterior_variance(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Variance of q(z_{t-1} | z_t, z_0), below eq. 7; 0 at t = 0."""
        return self._variance[t].float()

    def mean_from_noise(
        self, zt: Float[Tensor, "B S"], noise: Float[Tensor, "B S"], t: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B S"]:
        """The posterior mean again, told by the noise instead of the clean sample (eq. 12)."""
        alpha, left = self._alpha[t], self._left[t]
        share = (1 - alpha) / ((1 - left).sqrt() * alpha.sqrt())
        return _scaled(1 / alpha.sqrt(), zt) - _scaled(share, noise)

    def z0_from_noise(
        self, zt: Float[Tensor, "B S"], noise: Float[Tensor, "B S"], t: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B S"]:
        """The clean sample that this noise turned into z_t (eq. 11)."""
        left = self._left[t]
        return _scaled(1 / left.sqrt(), zt) - _scaled((1 / left - 1).sqrt(), noise)

    def noise_from_z0(
        self, zt: Float[Tensor, "B S"], z0: Float[Tensor, "B S"], t: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B S"]:
        """The noise that turned this clean sample into z_t (eq. 11, solved for it)."""
        left = self._left[t]
        return _scaled(1 / (1 - left).sqrt(), zt) - _scaled((left / (1 - left)).sqrt(), z0)

    def signal_to_noise(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """abar_t / (1 - abar_t): by it a squared error of z_0 becomes one of the noise."""
        left = self._left[t]
        return (left / (1 - left)).float()

    def reconstruction_weights(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """What the ELBO multiplies the squared error of z_0 by (eq. 10).

        Raises:
            ValueError: t = 0, where the posterior has no variance and the weight is infinite.
        """
        alpha, left, before = self._alpha[t], self._left[t], self._left_before[t]
        return (before * (1 - alpha).square() / (1 - left).square() / self._twice(t)).float()

    def noise_weights(self, t: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """What the ELBO multiplies the squared error of the noise by (eq. 13); errors as above."""
        alpha, left = self._alpha[t], self._left[t]
        return ((1 - alpha).square() / ((1 - left) * alpha) / self._twice(t)).float()

    def _twice(self, t: Tensor) -> Tensor:
        if (t == 0).any():
            raise ValueError("The weights of the ELBO start at t = 1: at 0 the variance is 0.")
        return 2 * self._variance[t]


def _scaled(factors: Tensor, rows: Tensor) -> Tensor:
    return factors.to(rows.dtype)[:, None] * rows
