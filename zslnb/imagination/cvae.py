"""The conditional VAE of f-VAEGAN: rebuild a feature from a latent and its class semantics."""

from jaxtyping import Float
from torch import Tensor

from zslnb.genzsl.ivae import kl_divergence
from zslnb.imagination.networks import Encoder, Generator
from zslnb.networks import draw_latent

EDGE = 1e-6  # keeps the logarithms of the cross-entropy finite


def reconstruct(
    encoder: Encoder, generator: Generator, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]
) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """Encode features, draw a latent, decode it with the class semantics.

    Returns:
        The reconstruction (B, D), and mean and log-variance of the latent, each (B, L).
    """
    mean, log_var = encoder(x, a)
    return generator(draw_latent(mean, log_var), a), mean, log_var


def cvae_losses(
    x_hat: Float[Tensor, "B D"],
    x: Float[Tensor, "B D"],
    mean: Float[Tensor, "B L"],
    log_var: Float[Tensor, "B L"],
) -> dict[str, Float[Tensor, ""]]:
    """Binary cross-entropy and KL to N(0, I), each summed over dimensions, averaged over B.

    The released code adds 1e-12 inside the logarithm; in single precision that is nothing, so
    entries are kept 1e-6 from 0 and 1 instead.

    Args:
        x_hat: (B, D) reconstructions. x: (B, D) features, both with entries in 0..1.
        mean: (B, L). log_var: (B, L).
    """
    inside = x_hat.clamp(EDGE, 1 - EDGE)
    # written out: torch's own refuses NaN with words that say nothing of a divergence
    surprise = -(x * inside.log() + (1 - x) * (-inside).log1p())
    return {"reconstruction": surprise.sum() / len(x), "kl": kl_divergence(mean, log_var)}
