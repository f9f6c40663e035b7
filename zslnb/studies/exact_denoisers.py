"""The best denoiser there is, on data whose density is known: Gaussians and mixtures of them."""

from collections.abc import Callable

from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.revcd import NoiseSchedule

# z_t and t in, E[z_0 | z_t] out
Denoiser = Callable[[Float[Tensor, "B S"], Int64[Tensor, " B"]], Float[Tensor, "B S"]]


def gaussian_denoiser(
    schedule: NoiseSchedule,
    mean: Float[Tensor, "#B #S"] | float,
    sd: Float[Tensor, "#S"] | float,
) -> Denoiser:
    """Make the best denoiser of N(mean, sd^2): z_0 and z_t are jointly Gaussian, so it is linear.

    Args:
        schedule: that noised the data.
        mean: of all samples, of each column, or of each sample that will be denoised.
        sd: of all columns or of each.
    """

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        left = schedule.alphas_cumprod[t][:, None]
        return mean + left.sqrt() * sd**2 / (left * sd**2 + 1 - left) * (zt - left.sqrt() * mean)

    return denoise


def mixture_denoiser(schedule: NoiseSchedule, centres: Float[Tensor, "K S"], sd: float) -> Denoiser:
    """Make the best denoiser of K equally likely Gaussians of one width; t is one for all rows."""

    def denoise(zt: Float[Tensor, "B S"], t: Int64[Tensor, " B"]) -> Float[Tensor, "B S"]:
        left = schedule.alphas_cumprod[t[0]]
        variance = left * sd**2 + 1 - left
        away = zt[:, None] - left.sqrt() * centres
        share = (-away.square().sum(2) / (2 * variance)).softmax(1)[:, :, None]
        return (share * (centres + left.sqrt() * sd**2 / variance * away)).sum(1)

    return denoise
