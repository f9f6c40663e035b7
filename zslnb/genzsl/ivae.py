"""The inductive VAE: a referent's feature in, the target class's feature out (sec. 3.3)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zslnb.networks import draw_latent, draw_small_weights, perceptron


class InductiveVAE(nn.Module):
    """Encoder IE(x_refer, z~) -> (mu, log var), decoder ID(o, z~) -> x^ of unit norm.

    As released: one hidden layer with ReLU each, weights drawn from N(0, 0.02), zero biases. The
    paper writes x_refer + o; in the code the referent reaches the decoder only through the
    latent o, and so it is here.

    Args:
        feature_dim: D, width of a feature.
        semantic_dim: S, width of class semantics.
        hidden_dim: width of both hidden layers.
        latent_dim: L, width of the latent.
        add_referent: decode x_refer + o, as the paper's text has it; needs L = D.
        conditional_prior: also learn the paper's prior p(o | z~), a linear map of the semantics.

    Raises:
        ValueError: `add_referent` with a latent of another width than the features.
    """

    def __init__(
        self,
        feature_dim: int,
        semantic_dim: int,
        hidden_dim: int = 2048,
        latent_dim: int = 512,
        *,
        add_referent: bool = False,
        conditional_prior: bool = False,
    ) -> None:
        super().__init__()
        if add_referent and latent_dim != feature_dim:
            raise ValueError(
                f"x_refer + o needs equal widths; features are {feature_dim}-d and the latent is "
                f"{latent_dim}-d. Set latent_dim={feature_dim}."
            )
        self.latent_dim, self.add_referent = latent_dim, add_referent
        self.encoder = nn.Sequential(nn.Linear(feature_dim + semantic_dim, hidden_dim), nn.ReLU())
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)
        self.decoder = perceptron([latent_dim + semantic_dim, hidden_dim, feature_dim])
        draw_small_weights(self)
        # drawn last, so that a seed gives the other weights the same values with it and without
        self.prior = nn.Linear(semantic_dim, 2 * latent_dim) if conditional_prior else None
        if self.prior is not None:
            draw_small_weights(self.prior)

    def encode(
        self, referents: Float[Tensor, "B D"], semantics: Float[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Return mean and log-variance of q(o | x_refer, z~), each (B, L)."""
        hidden = self.encoder(self._joined(referents, semantics))
        return self.mean(hidden), self.log_var(hidden)

    def decode(
        self, latent: Float[Tensor, "B L"], semantics: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B D"]:
        """Return x^ of unit norm, (B, D)."""
        return F.normalize(self.decoder(self._joined(latent, semantics)), dim=1)

    def _joined(self, *parts: Tensor) -> Tensor:
        return torch.cat([part.to(self.mean.weight.dtype) for part in parts], dim=1)

    def forward(
        self, referents: Float[Tensor, "B D"], semantics: Float[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Induce target features; the latent is drawn by o = mu + sigma * N(0, I).

        Args:
            referents: (B, D) mixed referent samples.
            semantics: (B, S) semantics of the target class.

        Returns:
            Reconstruction (B, D) of unit norm, mean (B, L), log-variance (B, L).
        """
        mean, log_var = self.encode(referents, semantics)
        latent = draw_latent(mean, log_var)
        if self.add_referent:
            latent = latent + referents.to(latent.dtype)
        return self.decode(latent, semantics), mean, log_var

    def prior_of(
        self, semantics: Float[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]] | None:
        """Return mean and log-variance of p(o | z~); None where the prior is N(0, I)."""
        if self.prior is None:
            return None
        mean, log_var = self.prior(self._joined(semantics)).chunk(2, dim=1)
        return mean, log_var


def reconstruction_loss(x_hat: Float[Tensor, "B D"], x: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
    """Squared error, summed over dimensions and averaged over the batch (REC in the code).

    For unit-norm rows it is 2 - 2 cos, so it lies in 0..4.
    """
    return F.mse_loss(x_hat.float(), x.float(), reduction="sum") / len(x)


def kl_divergence(
    mean: Float[Tensor, "B L"],
    log_var: Float[Tensor, "B L"],
    prior: tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]] | None = None,
) -> Float[Tensor, ""]:
    """KL from N(mean, exp(log_var)) to the prior, summed over L, averaged over B (KLD in the code).

    The paper writes a conditional prior p(o | z~); the code uses N(0, I), which is the default.

    Args:
        mean, log_var: (B, L) of q(o | x_refer, z~).
        prior: mean and log-variance of p(o | z~), each (B, L); None for N(0, I).
    """
    mean, log_var = mean.float(), log_var.float()
    if prior is not None:
        prior_mean, prior_log_var = (part.float() for part in prior)
        mean = (mean - prior_mean) * torch.exp(-prior_log_var / 2)
        log_var = log_var - prior_log_var
    return (mean.square() + log_var.expm1() - log_var).sum() / (2 * len(mean))


def latent_gradients(
    of_latent: Float[Tensor, "B L"],
    mean: Float[Tensor, "B L"],
    log_var: Float[Tensor, "B L"],
    sigma: Float[Tensor, "B L"],
    noise: Float[Tensor, "B L"],
    kl_weight: float | Float[Tensor, ""] = 1.0,
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L"]]:
    """Go back through o = mean + sigma * noise to mean and log-variance, and add the KL term's.

    Args:
        of_latent: (B, L) the gradient at o.
        mean, log_var: (B, L). sigma: (B, L) exp(log_var / 2). noise: (B, L).
        kl_weight: of `kl_divergence` from N(0, I).
    """
    kl = kl_weight / (2 * len(mean))
    of_log_var = kl * (log_var.expm1() + 1) - kl + of_latent * noise * sigma / 2
    return of_latent + kl * (2 * mean), of_log_var
