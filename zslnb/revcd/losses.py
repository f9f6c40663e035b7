"""RevCD's three losses (eqs. 10, 13, 15) and their weighted sum (eq. 16)."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from zslnb.settings import Positive, check


def reconstruction_loss(
    z0_hat: Float[Tensor, "B S"],
    z0: Float[Tensor, "B S"],
    weights: Float[Tensor, " B"] | None = None,
    shown: Bool[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Squared error of the clean sample, summed over dimensions, averaged over B (eq. 10).

    Args:
        z0_hat, z0: (B, S) estimated and true clean semantics.
        weights: (B,), `NoiseSchedule.reconstruction_weights` for the weighted form; None for the
            simple one, where each sample counts once.
        shown: (B,), the samples to average over; None for all.
    """
    return _average(_squared_errors(z0_hat, z0, weights), shown)


def noise_loss(
    noise_hat: Float[Tensor, "B S"],
    noise: Float[Tensor, "B S"],
    weights: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Squared error of the noise, summed over dimensions, averaged over B (eq. 13).

    Args:
        noise_hat, noise: (B, S) estimated and true noise.
        weights: (B,), `NoiseSchedule.noise_weights` for the weighted form; None for the simple.
    """
    return _squared_errors(noise_hat, noise, weights).mean()


def _squared_errors(estimate: Tensor, truth: Tensor, weights: Tensor | None) -> Tensor:
    errors = (estimate.float() - truth.float()).square().sum(1)
    return errors if weights is None else weights * errors


def _average(values: Float[Tensor, " B"], shown: Bool[Tensor, " B"] | None) -> Float[Tensor, ""]:
    """Average by a product with the mask: picking rows by it, a GPU would have to wait."""
    return values.mean() if shown is None else (values * shown).sum() / shown.sum()


def classification_loss(
    z0_hat: Float[Tensor, "B S"],
    prototypes: Float[Tensor, "K S"],
    labels: Int64[Tensor, " B"],
    temperature: float = 0.05,
    shown: Bool[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of the estimated semantics among the seen prototypes (eq. 15).

    The paper does not say what its classifier is. Here it has no weights of its own: a softmax
    over the cosines that inference decides by (eq. 24).

    Args:
        z0_hat: (B, S).
        prototypes: (K, S), of the seen classes.
        labels: (B,) rows of them.
        temperature: that the cosines are divided by.
        shown: (B,), the samples to average over; None for all.

    Raises:
        ValueError: a temperature that is not positive.
    """
    check("temperature", Positive, temperature)
    cosines = F.normalize(z0_hat.float(), dim=1) @ F.normalize(prototypes.float(), dim=1).T
    return _average(F.cross_entropy(cosines / temperature, labels, reduction="none"), shown)


def conditional_dropout(
    n: int, probability: float, device: torch.device | str
) -> Bool[Tensor, " n"]:
    """Mark the samples whose visual condition is masked, for the noise loss (sec. 3.2)."""
    return torch.rand(n, device=device) < probability
