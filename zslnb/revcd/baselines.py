"""What Table 2 compares RevCD with: a conditional VAE and a GAN from image to semantics."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.optim import Optimizer

from zslnb.genzsl import kl_divergence
from zslnb.imagination import Critic, critic_gradients
from zslnb.networks import Adam, draw_latent, perceptron
from zslnb.revcd.losses import reconstruction_loss
from zslnb.revcd.settings import RevCDSettings


class FromLatent(nn.Module):
    """A generator of semantics from a latent and the image, which both alternatives train.

    Args:
        settings: see `RevCDSettings`.
        feature_dim: D.
        semantic_dim: S.
    """

    def __init__(self, settings: RevCDSettings, feature_dim: int, semantic_dim: int) -> None:
        super().__init__()
        self.settings, self.hidden = settings, list(settings.widths[:2])
        widths = [settings.latent_dim + feature_dim, *self.hidden[::-1], semantic_dim]
        self.generator = perceptron(widths, dropout=settings.dropout)

    def draw(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B S"]:
        """Estimate semantics from the image and a latent from N(0, I)."""
        latent = torch.randn(len(x), self.settings.latent_dim, device=x.device)
        return self.generator(torch.cat([latent, x], dim=1))

    def draws(self, x: Float[Tensor, "B D"], scales: Sequence[float]) -> list[Float[Tensor, "B S"]]:
        """Return one estimate for each guidance scale: the same, for guidance has no part."""
        return [self.draw(x)] * len(scales)


class ConditionalVAE(FromLatent):
    """q(o | z_0, x) and p(z_0 | o, x): the latent says what the image leaves open."""

    def __init__(self, settings: RevCDSettings, feature_dim: int, semantic_dim: int) -> None:
        super().__init__(settings, feature_dim, semantic_dim)
        widths = [semantic_dim + feature_dim, *self.hidden, 2 * settings.latent_dim]
        self.encoder = perceptron(widths, dropout=settings.dropout)

    def optimisers(self) -> list[Adam]:
        """Make what `step` trains with."""
        return [Adam(self.parameters(), self.settings.lr, betas=(0.9, 0.999))]

    def step(
        self,
        x: Float[Tensor, "B D"],
        z0: Float[Tensor, "B S"],
        targets: Int64[Tensor, " B"],
        optimiser: Optimizer,
    ) -> dict[str, Float[Tensor, ""]]:
        """Train on one batch; return squared error and KL, each summed over dimensions."""
        mean, log_var = self.encoder(torch.cat([z0, x], dim=1)).chunk(2, dim=1)
        rebuilt = self.generator(torch.cat([draw_latent(mean, log_var), x], dim=1))
        terms = {
            "reconstruction": reconstruction_loss(rebuilt, z0),
            "kl": kl_divergence(mean, log_var),
        }
        optimiser.zero_grad()
        (terms["reconstruction"] + self.settings.kl_weight * terms["kl"]).backward()
        optimiser.step()
        return terms


class ConditionalGAN(FromLatent):
    """A generator of semantics from noise and image, and a Wasserstein critic of the pair."""

    def __init__(self, settings: RevCDSettings, feature_dim: int, semantic_dim: int) -> None:
        super().__init__(settings, feature_dim, semantic_dim)
        self.critic = Critic(semantic_dim, feature_dim, settings.widths[0])

    def optimisers(self) -> list[Adam]:
        """Make what `step` trains with: one for the generator, one for the critic."""
        return [Adam(part.parameters(), self.settings.lr) for part in (self.generator, self.critic)]

    def step(
        self,
        x: Float[Tensor, "B D"],
        z0: Float[Tensor, "B S"],
        targets: Int64[Tensor, " B"],
        optimiser: Optimizer,
        critic_optimiser: Optimizer,
    ) -> dict[str, Float[Tensor, ""]]:
        """Train the critic some times and the generator once on one batch; return the terms."""
        with torch.no_grad():  # the generator stays as it is while the critic learns
            fakes = self.draw(x.repeat(self.settings.critic_steps, 1)).split(len(x))
        for fake in fakes:
            terms = critic_gradients(self.critic, z0, fake, x, self.settings.penalty_weight)
            critic_optimiser.step()
        loss = -self.critic(self.draw(x), x).mean()
        weights = [*self.generator.parameters()]
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient  # the critic's gradients are not asked for
        optimiser.step()
        return {**terms, "generator": loss}
