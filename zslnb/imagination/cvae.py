"""The conditional VAE of f-VAEGAN: rebuild a feature from a latent and its class semantics."""

import torch
import torch.nn.functional as F
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


def reconstruction_gradient(
    x_hat: Float[Tensor, "B D"], x: Float[Tensor, "B D"]
) -> Float[Tensor, "B D"]:
    """Return the gradient at x_hat of the first of `cvae_losses`, in autograd's own steps.

    Behind a sigmoid (x_hat - x) / B at the logits is the same, up to rounding.
    """
    of_logits = (torch.logit(x_hat, eps=EDGE).sigmoid() - x) * (1 / len(x))
    return torch.ops.aten.logit_backward.default(of_logits, x_hat, EDGE)


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
    # of logits: torch's own of probabilities refuses NaN, and takes twice as long
    logits = torch.logit(x_hat, eps=EDGE)
    surprise = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return {"reconstruction": surprise / len(x), "kl": kl_divergence(mean, log_var)}
