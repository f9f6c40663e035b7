"""RevCD itself: one network, its training step (alg. 1) and its estimates (alg. 2)."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.revcd.conditioning import VisualEncoder
from zslnb.revcd.losses import (
    classification_loss,
    conditional_dropout,
    noise_loss,
    reconstruction_loss,
)
from zslnb.revcd.sampling import ancestral_sample, ddim_sample, guided_noise
from zslnb.revcd.schedule import NoiseSchedule
from zslnb.revcd.settings import RevCDSettings
from zslnb.revcd.unet import SemanticUNet


def schedule_of(settings: RevCDSettings) -> NoiseSchedule:
    """Make the schedule that settings describe."""
    if settings.schedule == "cosine":
        return NoiseSchedule.cosine(settings.steps)
    return NoiseSchedule(settings.steps, settings.beta_start, settings.beta_end)


class Diffusion(nn.Module):
    """Visual encoder and U-shaped network, trained together.

    Args:
        settings: see `RevCDSettings`.
        feature_dim: D. semantic_dim: S.
        prototypes: (K, S) standardised semantics of the seen classes.
        device: where it lives.
    """

    def __init__(
        self,
        settings: RevCDSettings,
        feature_dim: int,
        semantic_dim: int,
        prototypes: Float[Tensor, "K S"],
        device: torch.device | str,
    ) -> None:
        super().__init__()
        s = self.settings = settings
        self.visual = VisualEncoder(feature_dim, s.tokens, s.token_dim, s.heads, s.dropout)
        self.null = nn.Parameter(torch.zeros(self.visual.width))  # no image: a learnt condition
        self.unet = SemanticUNet(
            semantic_dim, self.visual.width, s.widths, s.dropout, s.conditioning
        )
        self.to(device)
        self.prototypes, self.schedule = prototypes.to(device), schedule_of(s).to(device)
        self.optimiser = torch.optim.Adam(self.parameters(), lr=s.lr, fused=True)

    def both(
        self,
        zt: Float[Tensor, "B S"],
        t: Int64[Tensor, " B"],
        condition: Float[Tensor, "B V"],
    ) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S"]]:
        """Estimate the clean sample and the noise: one by the network, the other by eq. 11."""
        return self._both(zt, t, self.unet(zt, t, condition))

    def _both(self, zt: Tensor, t: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        if self.settings.predicts == "clean":
            return made, self.schedule.noise_from_z0(zt, made, t)
        return self.schedule.z0_from_noise(zt, made, t), made

    def losses(
        self,
        x: Float[Tensor, "B D"],
        z0: Float[Tensor, "B S"],
        own: Int64[Tensor, " B"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Compute the three terms, unweighted by lambda, at a random step for each sample.

        The visual condition is masked for the noise loss alone: reconstruction and
        classification leave the masked samples out. The first of a batch is never masked, so
        none of the losses is ever of nothing.

        Args:
            x: (B, D) standardised features. z0: (B, S) standardised semantics of their classes.
            own: (B,) their rows of the seen prototypes.
        """
        s, device = self.settings, x.device
        first = int(s.weighting == "variational")
        t = torch.randint(first, s.steps, (len(x),), device=device)
        noise = torch.randn_like(z0)
        zt = self.schedule.q_sample(z0, t, noise)
        masked = conditional_dropout(len(x), s.masked, device)
        masked[0] = False
        condition = torch.where(masked[:, None], self.null, self.visual(x))
        z0_hat, noise_hat = self.both(zt, t, condition)
        of_clean, of_noise = self._weights(t)
        shown = ~masked
        return {
            "reconstruction": reconstruction_loss(z0_hat[shown], z0[shown], of_clean[shown]),
            "noise": noise_loss(noise_hat, noise, of_noise),
            "classification": classification_loss(
                z0_hat[shown], self.prototypes, own[shown], s.temperature
            ),
        }

    def _weights(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh both squared errors: by the ELBO, or once each, the derived one within a cap.

        By eq. 11 an error of z_0 is the signal-to-noise ratio times as large in the noise, at
        first ten thousand times and more; a simple loss of it would be of the first steps alone.
        """
        s, ratio = self.settings, self.schedule.signal_to_noise(t)
        if s.weighting == "variational":
            return self.schedule.reconstruction_weights(t), self.schedule.noise_weights(t)
        once = torch.ones_like(ratio)
        if s.predicts == "clean":
            return once, (s.weight_cap / ratio).clamp(max=1)
        return (s.weight_cap * ratio).clamp(max=1), once

    def step(
        self,
        x: Float[Tensor, "B D"],
        z0: Float[Tensor, "B S"],
        own: Int64[Tensor, " B"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Train on one batch by the weighted sum (eq. 16); return the terms.

        The first two are divided by S there, so that one classification weight means the same
        for semantics of any width.
        """
        s, terms = self.settings, self.losses(x, z0, own)
        errors = s.reconstruction_weight * terms["reconstruction"] + s.noise_weight * terms["noise"]
        loss = errors / z0.shape[1] + s.classification_weight * terms["classification"]
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 5.0)
        self.optimiser.step()
        return terms

    def draw(self, x: Float[Tensor, "B D"], guidance: float) -> Float[Tensor, "B S"]:
        """Estimate standardised semantics of images once (alg. 2).

        Each image is encoded once and mapped to each layer once, not once a step; where guidance
        needs the unconditional estimate, too, both are made in one batch.
        """
        s, condition = self.settings, self.visual(x)
        start = torch.randn(len(x), self.prototypes.shape[1], device=x.device)
        null = self.null.expand_as(condition)
        needed = {0.0: [null], 1.0: [condition]}.get(guidance, [condition, null])
        images = self.unet.mapped(torch.cat(needed))

        def denoise(zt: Tensor, t: Tensor) -> Tensor:
            times, rows = t.repeat(len(needed)), zt.repeat(len(needed), 1)
            made = self.unet.estimate(rows, times[:1], images)  # a step is the same for all
            estimates = self._both(rows, times, made)[0].chunk(len(needed))
            return guided_noise(*estimates, guidance) if len(needed) == 2 else estimates[0]

        if s.sampler == "ancestral":
            return ancestral_sample(denoise, self.schedule, start)
        return ddim_sample(denoise, self.schedule, start, s.sampling_steps)
