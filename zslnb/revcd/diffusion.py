"""RevCD itself: one network, its training step (alg. 1) and its estimates (alg. 2)."""

from collections.abc import Sequence
from functools import cache, partial

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.optim import Optimizer

from zslnb.networks import Adam
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
        feature_dim: D.
        semantic_dim: S.
        prototypes: (K, S) standardised semantics of the seen classes.
    """

    def __init__(
        self,
        settings: RevCDSettings,
        feature_dim: int,
        semantic_dim: int,
        prototypes: Float[Tensor, "K S"],
    ) -> None:
        super().__init__()
        s = self.settings = settings
        self.visual = VisualEncoder(feature_dim, s.tokens, s.token_dim, s.heads, s.dropout)
        self.null = nn.Parameter(torch.zeros(self.visual.width))  # no image: a learnt condition
        self.unet = SemanticUNet(
            semantic_dim, self.visual.width, s.widths, s.dropout, s.conditioning
        )
        self.schedule = schedule_of(s)
        self.register_buffer("prototypes", prototypes, persistent=False)

    def condition(
        self, x: Float[Tensor, "B D"], *, train: bool = False
    ) -> tuple[Float[Tensor, "B V"], Bool[Tensor, " B"]]:
        """Encode images, and for training put the null condition in the place of some.

        The first of a batch is always shown, so none of the losses is ever of nothing.

        Returns:
            (B, V) conditions, and which images are shown.
        """
        shown = ~conditional_dropout(len(x), self.settings.masked if train else 0.0, x.device)
        shown[:1].fill_(True)
        return torch.where(shown[:, None], self.visual(x), self.null), shown

    def both(
        self,
        zt: Float[Tensor, "B S"],
        t: Int64[Tensor, " B"],
        condition: Float[Tensor, "B V"],
    ) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S"]]:
        """Estimate the clean sample and the noise: one by the network, the other by eq. 11."""
        output = self.unet(self.seen_of(zt), t, condition)
        if self.settings.predicts == "clean":
            return output, self.schedule.noise_from_z0(zt, output, t)
        return self.schedule.z0_from_noise(zt, output, t), output

    def seen_of(self, zt: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        """Return what the network sees of z_t: all of it, or for a control nothing."""
        return zt if self.settings.sees_noised else torch.zeros_like(zt)

    def losses(
        self,
        x: Float[Tensor, "B D"],
        z0: Float[Tensor, "B S"],
        targets: Int64[Tensor, " B"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Compute the three terms, unweighted by lambda, at a random step for each sample.

        The visual condition is masked for the noise loss alone: reconstruction and
        classification are averages over the images shown.

        Args:
            x: (B, D) standardised features.
            z0: (B, S) standardised semantics of their classes.
            targets: (B,) their rows of the seen prototypes.
        """
        s = self.settings
        first = int(s.weighting == "variational")  # whose weights are infinite at t = 0
        t = torch.randint(first, s.steps, (len(x),), device=x.device)
        noise = torch.randn_like(z0)
        zt = self.schedule.q_sample(z0, t, noise)
        condition, shown = self.condition(x, train=True)
        z0_hat, noise_hat = self.both(zt, t, condition)
        of_clean, of_noise = self._weights(t)
        return {
            "reconstruction": reconstruction_loss(z0_hat, z0, of_clean, shown),
            "noise": noise_loss(noise_hat, noise, of_noise),
            "classification": classification_loss(
                z0_hat, self.prototypes, targets, s.temperature, shown
            ),
        }

    def _weights(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh both squared errors: by the ELBO, or once each, the derived one within a cap.

        By eq. 11 an error of z_0 is the signal-to-noise ratio times as large in the noise, at
        first ten thousand times and more; a simple loss of it would be of the first steps alone.
        """
        s, on, ratio = self.settings, self.schedule, self.schedule.signal_to_noise(t)
        if s.weighting == "variational":  # t >= 1 here, so no look at each, which would wait
            return on.weight_of_clean[t].float(), on.weight_of_noise[t].float()
        once = torch.ones_like(ratio)
        if s.predicts == "clean":
            return once, (s.weight_cap / ratio).clamp(max=1)
        return (s.weight_cap * ratio).clamp(max=1), once

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
        """Train on one batch by the weighted sum (eq. 16); return the terms.

        The first two are divided by S there, so that one classification weight means the same
        for semantics of any width.
        """
        s, terms = self.settings, self.losses(x, z0, targets)
        errors = s.reconstruction_weight * terms["reconstruction"] + s.noise_weight * terms["noise"]
        loss = errors / z0.shape[1] + s.classification_weight * terms["classification"]
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 5.0)
        optimiser.step()
        return terms

    def draw(self, x: Float[Tensor, "B D"], guidance: float) -> Float[Tensor, "B S"]:
        """Estimate standardised semantics of images once (alg. 2)."""
        return self.draws(x, (guidance,))[0]

    def draws(self, x: Float[Tensor, "B D"], scales: Sequence[float]) -> list[Float[Tensor, "B S"]]:
        """Estimate with several guidance scales, all from one start.

        Images and steps are mapped to each layer once, whatever the number of scales. The first
        step's estimates, which have no scale in them yet, are made once, too, and the conditional
        and the unconditional one in one batch.
        """
        s, n, condition = self.settings, len(x), self.visual(x)
        start = torch.randn(n, self.prototypes.shape[1], device=x.device)
        ways = {"shown": [condition], "hidden": [self.null.expand_as(condition)]}
        ways["both"] = [*ways["shown"], *ways["hidden"]]
        mapped = cache(lambda way: self.unet.mapped(torch.cat(ways[way])))
        layers = None if self.unet.training else self.unet.folded()
        steps = self.unet.timed(torch.arange(s.steps, device=x.device))
        every, widths = torch.cat(steps, dim=1), [part.shape[1] for part in steps]

        def outputs(way: str, zt: Tensor, t: Tensor) -> tuple[Tensor, ...]:
            times = every.index_select(0, t[:1]).split(widths, dim=1)  # a step is one for all
            z0 = self.unet.estimate(self.seen_of(zt), [*times], mapped(way), layers)
            if s.predicts == "noise":
                many = len(ways[way])
                z0 = self.schedule.z0_from_noise(zt.repeat(many, 1), z0, t[:1])
            return z0.chunk(len(ways[way]))

        def estimate(scale: float, zt: Tensor, t: Tensor) -> Tensor:
            way = {0.0: "hidden", 1.0: "shown"}.get(scale, "both")
            found = first[way] if first and zt is start else outputs(way, zt, t)
            return guided_noise(*found, scale) if way == "both" else found[0]

        first = {}
        if len(scales) > 1:
            pair = outputs("both", start, torch.full((n,), s.steps - 1, device=x.device))
            first = {"both": pair, "shown": pair[:1], "hidden": pair[1:]}
        if s.sampler == "ancestral":
            return [ancestral_sample(partial(estimate, w), self.schedule, start) for w in scales]
        jumps = s.sampling_steps
        return [ddim_sample(partial(estimate, w), self.schedule, start, jumps) for w in scales]
