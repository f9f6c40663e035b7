"""Every hyper-parameter of RevCD and of what it is compared with, and what a profile reduces."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from zslnb.revcd.conditioning import CONDITIONINGS
from zslnb.settings import at_least_one, differences, not_negative, one_of, positive

INPUTS = ("resnet101", "attributes")  # features and semantics of the paper's experiments
KINDS = ("revcd", "cvae", "gan")
CHOICES = {
    "kind": KINDS,
    "schedule": ("linear", "cosine"),
    "predicts": ("clean", "noise"),
    "weighting": ("simple", "variational"),
    "conditioning": CONDITIONINGS,
    "sampler": ("ddim", "ancestral"),
}


@dataclass(frozen=True)
class RevCDSettings:
    """Settings of RevCD and of Table 2's cVAE and GAN, which map an image to semantics, too.

    The paper prints next to none of these, and no code was released: three hidden layers are
    from the text, and everything else is a default of ours (a common one where there is one).

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    kind: str = "revcd"
    steps: int = 500
    schedule: str = "linear"
    beta_start: float = 1e-4
    beta_end: float = 0.02
    predicts: str = "clean"  # what the network puts out; eq. 11 gives the other
    weighting: str = "simple"  # or "variational": the weights of eqs. 10 and 13
    weight_cap: float = 5.0  # of the loss that eq. 11 derives, whose factor has no bound
    reconstruction_weight: float = 1.0  # lambda_1
    noise_weight: float = 0.1  # lambda_2
    classification_weight: float = 1.0  # lambda_3, which the paper varies
    temperature: float = 0.05  # of the classification's softmax over cosines
    masked: float = 0.1  # share of samples whose condition the noise loss hides
    conditioning: str = "cross"
    widths: tuple[int, ...] = (512, 256, 128)
    tokens: int = 8
    token_dim: int = 128
    heads: int = 4
    dropout: float = 0.1
    latent_dim: int = 64  # of cVAE and GAN
    kl_weight: float = 1.0  # cVAE
    penalty_weight: float = 10.0  # GAN
    critic_steps: int = 5  # GAN, to one of the generator
    lr: float = 1e-3
    batch_size: int = 128
    epochs: int = 50
    epoch_choices: tuple[int, ...] = (50, 15, 5, 2)  # `clean` takes the first of equals
    sampler: str = "ddim"
    sampling_steps: int = 50  # DDIM's; ancestral sampling takes all
    n_samples: int = 1  # estimates an image, averaged
    guidance: float = 2.0
    guidance_choices: tuple[float, ...] = (1.0, 2.0, 4.0)  # what `clean` chooses from

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing, naming the one at fault."""
        for name, allowed in CHOICES.items():
            one_of(name, getattr(self, name), allowed)
        counts = ("steps", "tokens", "token_dim", "heads", "latent_dim", "critic_steps")
        for name in (*counts, "epochs", "sampling_steps", "n_samples"):
            at_least_one(name, getattr(self, name))
        at_least_one("the number of widths", len(self.widths))
        for name in ("epoch_choices", "guidance_choices"):
            at_least_one(f"the number of {name}", len(getattr(self, name)))
        at_least_one("the fewest of epoch_choices", min(self.epoch_choices))
        positive(self, "lr", "temperature", "weight_cap", "penalty_weight")
        not_negative(self, "reconstruction_weight", "noise_weight", "classification_weight")
        not_negative(self, "kl_weight")
        for name in ("masked", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in 0..1, 1 excluded, not {getattr(self, name)}.")
        for complaint in self._complaints():
            raise ValueError(complaint)

    def _complaints(self) -> Iterator[str]:
        if self.sampler == "ddim" and self.sampling_steps > self.steps:
            yield f"sampling_steps must not exceed steps, {self.steps}."
        if self.weighting == "variational" and self.steps < 2:
            yield "steps must be at least 2 for the variational weights, which start at t = 1."
        if self.batch_size < 2:
            yield f"batch_size must be at least 2, for batch normalisation, not {self.batch_size}."
        if any(width < 2 or width % 2 for width in self.widths):
            yield f"widths must be even, for the time embedding, and at least 2, not {self.widths}."
        if not math.isfinite(self.guidance):
            yield f"guidance must be finite, not {self.guidance}."
        if not all(map(math.isfinite, self.guidance_choices)):
            yield f"guidance_choices must be finite, not {self.guidance_choices}."


# what the smaller profiles change, so that a run fits two cores; `full` changes nothing
REDUCED = {
    "smoke": {
        **{"widths": (256, 128, 64), "token_dim": 32, "sampling_steps": 10},
        **{"epochs": 6, "epoch_choices": (6, 2)},
    },
    "medium": {
        **{"token_dim": 64, "sampling_steps": 10, "guidance_choices": (1.0, 2.0)},
        **{"epochs": 10, "epoch_choices": (10, 4)},
    },
    "full": {},
}
# a GAN is nothing yet where the others are overtrained
LONGER = {
    "smoke": {"epochs": 30, "epoch_choices": (30, 10)},
    "medium": {"epochs": 20, "epoch_choices": (20,)},
    "full": {},
}


def profile_settings(profile: str, kind: str = "revcd") -> RevCDSettings:
    """Return the default settings of a method with the reductions of a profile.

    Raises:
        ValueError: unknown profile or kind.
    """
    one_of("profile", profile, tuple(REDUCED))
    longer = LONGER[profile] if kind == "gan" else {}
    return replace(RevCDSettings(kind=kind), **(REDUCED[profile] | longer))


def reductions(settings: RevCDSettings) -> dict[str, tuple[object, object]]:
    """List where settings differ from the defaults: name -> (default, here)."""
    return differences(RevCDSettings(kind=settings.kind), settings)
