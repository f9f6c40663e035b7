"""f-VAEGAN: a conditional VAE whose decoder must also convince a critic; and its two halves."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.imagination.cvae import cvae_losses, reconstruct
from zslnb.imagination.gan import adapted_penalty_weight, critic_gradients
from zslnb.imagination.networks import Critic, Encoder, Generator
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

    @torch.no_grad()
    def make(self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"]) -> Float[Tensor, "B D"]:
        """Generate what the critic is to judge: reconstructions of x, or features from noise.

        Without gradient: only the critic learns from them.
        """
        if self.encoder is not None and self.settings.encoded_noise:
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

    def generator_step(
        self, x: Float[Tensor, "B D"], a: Float[Tensor, "B S"], labels: Int64[Tensor, " B"]
    ) -> dict[str, Tensor]:
        """Train generator and encoder once; return their terms. Labels are 0, 1, ... of seen."""
        terms: dict[str, Tensor] = {}
        if self.encoder is not None:
            x_hat, mean, log_var = reconstruct(self.encoder, self.generator, x, a)
            terms = cvae_losses(x_hat, x, mean, log_var)
        if self.critic is not None:
            encoded = self.encoder is not None and self.settings.encoded_noise
            fake = x_hat if encoded else self.generator.from_noise(a)
            terms["adversarial"] = -self.critic(fake, a).mean()
        if self.judge is not None:
            terms["classification"] = F.cross_entropy(self.judge(fake), labels)
        weights = {
            "adversarial": self.settings.adversarial_weight,
            "classification": self.settings.adversarial_weight
            * self.settings.classification_weight,
        }
        loss = sum(weights.get(name, 1.0) * term for name, term in terms.items())
        self._step(loss)
        return terms

    def adapt(self, penalties: Float[Tensor, " n"]) -> None:
        """Move the penalty's weight after a generator step, where it is adaptive."""
        if self.settings.adaptive_penalty:
            adapted = adapted_penalty_weight(self.penalty_weight, penalties.mean())
            self.penalty_weight.copy_(adapted)

    def _step(self, loss: Tensor) -> None:
        optimisers = [o for name, o in self.optimisers.items() if name != "critic"]
        parameters = [p for o in optimisers for group in o.param_groups for p in group["params"]]
        gradients = torch.autograd.grad(loss, parameters)  # of these alone, no other network's
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        for optimiser in optimisers:
            optimiser.step()


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
