"""f-VAEGAN: a conditional VAE whose decoder must also convince a critic; and its two halves."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.genzsl.ivae import latent_gradients
from zslnb.imagination.cvae import cvae_losses, reconstruct, reconstruction_gradient
from zslnb.imagination.gan import adapted_penalty_weight, critic_gradients
from zslnb.imagination.networks import Critic, Encoder, Generator, leaky_backward
from zslnb.imagination.settings import ImaginationSettings
from zslnb.networks import Adam
from zslnb.protocol import SoftmaxClassifier


class Networks(nn.Module):
    """What is trained: a kind has only the networks it needs.

    One optimiser a network, as released; the encoder's has Adam's default betas. The buffer
    `penalty_weight` is f-VAEGAN's lambda, which moves where it is adaptive.

    Args:
        settings: see `ImaginationSettings`.
        generator, encoder, critic: where they are to train.
        judge: f-CLSWGAN's softmax classifier of real seen features, trained before and fixed.
    """

    def __init__(
        self,
        settings: ImaginationSettings,
        generator: Generator,
        encoder: Encoder | None,
        critic: Critic | None,
        judge: SoftmaxClassifier | None,
    ) -> None:
        super().__init__()
        self.settings, self.generator, self.encoder = settings, generator, encoder
        self.critic, self.judge = critic, judge
        weight = torch.tensor(settings.penalty_weight, dtype=torch.float64)
        self.register_buffer("penalty_weight", weight.to(next(generator.parameters()).device))
        rate = settings.lr
        self.optimisers = {
            name: Adam(network.parameters(), rate, betas)
            for name, network, betas in (
                ("encoder", self.encoder, (0.9, 0.999)),
                ("generator", self.generator, (0.5, 0.999)),
                ("critic", self.critic, (0.5, 0.999)),
            )
            if network is not None
        }

    @property
    def encoded(self) -> bool:
        """Whether the critic sees reconstructions, not samples of noise."""
        return self.encoder is not None and self.settings.encoded_noise

    @torch.no_grad()
    def make(self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]) -> Float[Tensor, "B D"]:
        """Generate what the critic is to judge: reconstructions of x, or features from noise.

        Without gradient: only the critic learns from them.
        """
        if self.encoded:
            return reconstruct(self.encoder, self.generator, x, a)[0]
        return self.generator.from_noise(a)

    def critic_step(
        self, x: Float[Tensor, "B D"], fake: Float[Tensor, "B D"], a: Float[Tensor, "B S"]
    ) -> dict[str, Tensor]:
        """Train the critic once on real and generated features; return its two terms."""
        weights = self.penalty_weight.float(), self.settings.adversarial_weight
        terms = critic_gradients(self.critic, x, fake, a, *weights)
        self.optimisers["critic"].step()
        return terms

    def losses(
        self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"], labels: Int64[Tensor, " B"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Compute the terms that `generator_step` lowers, unweighted.

        Args:
            x: (B, D). a: (B, S). labels: (B,) 0, 1, ... of seen classes.
        """
        terms: dict[str, Tensor] = {}
        if self.encoder is not None:
            x_hat, mean, log_var = reconstruct(self.encoder, self.generator, x, a)
            terms = cvae_losses(x_hat, x, mean, log_var)
        if self.critic is not None:
            fake = x_hat if self.encoded else self.generator.from_noise(a)
            terms["adversarial"] = -self.critic(fake, a).mean()
        if self.judge is not None:
            terms["classification"] = F.cross_entropy(self.judge(fake), labels)
        return terms

    def generator_step(
        self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"], labels: Int64[Tensor, " B"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Train generator and encoder once; return the terms, as `losses` does."""
        terms = self.leave_gradients(x, a, labels)
        for name, optimiser in self.optimisers.items():
            if name != "critic":
                optimiser.step()
        return terms

    @torch.no_grad()
    def leave_gradients(
        self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"], labels: Int64[Tensor, " B"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return what `losses` does; give generator and encoder the gradient of its weighted sum.

        It is autograd's, up to rounding, and written out but for what the judge says.

        Args:
            x: (B, D). a: (B, S). labels: (B,) 0, 1, ... of seen classes.
        """
        n, latents, terms = len(x), [], {}
        if self.encoder is not None:
            met = self.encoder.kept(x, a)
            mean, log_var = (head(met[-1]) for head in (self.encoder.mean, self.encoder.log_var))
            sigma, noise = torch.exp(log_var / 2), torch.randn_like(mean)
            latents.append(mean + sigma * noise)
        if self.critic is not None and not self.encoded:
            latents.append(torch.randn(n, self.generator.latent_dim, device=a.device))
        kept = self.generator.kept(torch.cat(latents), a.repeat(len(latents), 1))
        made, of_made = kept[-1], torch.zeros_like(kept[-1])
        if self.encoder is not None:
            terms = cvae_losses(made[:n], x, mean, log_var)
            of_made[:n] += reconstruction_gradient(made[:n], x)
        if self.critic is not None:
            terms |= self._convince(made[-n:], a, labels, of_made[-n:])
        of_hidden = self.generator.leave_gradients(kept, of_made)[:n]
        if self.encoder is not None:
            of_latent = of_hidden @ self.generator.layers[0].weight[:, : mean.shape[1]]
            of_both = latent_gradients(of_latent, mean, log_var, sigma, noise)
            self.encoder.leave_gradients(met, *of_both)
        return terms

    def _convince(
        self,
        fake: Float[Tensor, "B D"],
        a: Float[Tensor, "B S"],
        labels: Int64[Tensor, " B"],
        of_fake: Float[Tensor, "B D"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the terms of critic and judge; add their weighted gradients to `of_fake`."""
        weight = self.settings.adversarial_weight
        hidden = self.critic.features(fake) + self.critic.semantics(a)
        terms = {"adversarial": -self.critic.score(hidden).mean()}
        of_score = hidden.new_full((len(fake), 1), -weight / len(fake))
        of_hidden = leaky_backward(of_score * self.critic.out.weight, hidden)
        of_fake += of_hidden @ self.critic.features.weight
        if self.judge is not None:
            with torch.enable_grad():
                leaf = fake.detach().requires_grad_()
                loss = F.cross_entropy(self.judge(leaf), labels)
                weighted = weight * self.settings.classification_weight * loss
            terms["classification"] = loss.detach()
            of_fake += torch.autograd.grad(weighted, leaf)[0]
        return terms

    def adapt(self, penalties: Float[Tensor, " n"]) -> None:
        """Move the penalty's weight after a generator step, where it is adaptive."""
        if self.settings.adaptive_penalty:
            adapted = adapted_penalty_weight(self.penalty_weight, penalties.mean())
            self.penalty_weight.copy_(adapted)


def build_networks(
    settings: ImaginationSettings,
    feature_dim: int,
    semantic_dim: int,
    judge: SoftmaxClassifier | None = None,
    device: torch.device | str = "cpu",
) -> Networks:
    """Draw the networks that a kind needs, in a fixed order, and move them to the device.

    Args:
        settings: see `ImaginationSettings`.
        feature_dim: D. semantic_dim: S.
        judge: f-CLSWGAN's trained classifier; the other kinds have none.
        device: where to train.
    """
    s, latent = settings, settings.latent_dim or semantic_dim
    generator = Generator(latent, semantic_dim, s.hidden_dim, feature_dim).to(device)
    encoder = critic = None
    if s.kind != "gan":
        encoder = Encoder(feature_dim, semantic_dim, s.hidden_dim, latent).to(device)
    if s.kind != "cvae":
        critic = Critic(feature_dim, semantic_dim, s.hidden_dim).to(device)
    return Networks(s, generator, encoder, critic, judge)
