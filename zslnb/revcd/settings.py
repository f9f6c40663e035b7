"""Every hyper-parameter of RevCD and of what it is compared with, and what a profile reduces."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, get_args

from zslnb.revcd.conditioning import Conditioning
from zslnb.settings import (
    NOT_EMPTY,
    Bound,
    Count,
    Counts,
    Finite,
    NotNegative,
    Positive,
    Settings,
    Share,
    differences,
    one_of,
)

INPUTS = ("resnet101", "attributes")  # features and semantics of the paper's experiments
Kind = Literal["revcd", "cvae", "gan"]
Space = Literal["standardised", "as given"]
KINDS: tuple[str, ...] = get_args(Kind)
EVEN = Bound(lambda n: n >= 2 and n % 2 == 0, "be even, for the time embedding, and at least 2")
PAIR = Bound(lambda n: n >= 2, "be at least 2, for batch normalisation")


@dataclass(frozen=True)
class RevCDSettings(Settings):
    """Settings of RevCD and of Table 2's cVAE and GAN, which map an image to semantics, too.

    The paper prints next to none of these, and no code was released: three hidden layers are
    from the text, and everything else is a default of ours (a common one where there is one).

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    # what says how a trained model is used, and so has no part in its training
    AFTER_TRAINING: ClassVar = (
        "epoch_choices",
        "sampler",
        "sampling_steps",
        "n_samples",
        "guidance",
        "guidance_choices",
        "spaces",
    )

    kind: Kind = "revcd"
    steps: Count = 500
    schedule: Literal["linear", "cosine"] = "linear"
    beta_start: Finite = 1e-4
    beta_end: Finite = 0.02
    # what the network puts out; eq. 11 gives the other
    predicts: Literal["clean", "noise"] = "clean"
    # "variational": the weights of eqs. 10 and 13
    weighting: Literal["simple", "variational"] = "simple"
    weight_cap: Positive = 5.0  # of the loss that eq. 11 derives, whose factor has no bound
    reconstruction_weight: NotNegative = 1.0  # the paper's lambda_1
    noise_weight: NotNegative = 0.1  # lambda_2
    classification_weight: NotNegative = 1.0  # lambda_3, which the paper varies
    temperature: Positive = 0.05  # of the classification's softmax over cosines
    masked: Share = 0.1  # share of samples whose condition the noise loss hides
    conditioning: Conditioning = "cross"
    sees_noised: bool = True  # False, a control: the network gets zeros for z_t, image and t alone
    widths: Annotated[tuple[Annotated[int, EVEN], ...], NOT_EMPTY] = (512, 256, 128)
    tokens: Count = 8
    token_dim: Count = 128
    heads: Count = 4
    dropout: Share = 0.1
    latent_dim: Count = 64  # of cVAE and GAN
    kl_weight: NotNegative = 1.0  # cVAE
    penalty_weight: Positive = 10.0  # GAN
    critic_steps: Count = 5  # GAN, to one of the generator
    lr: Positive = 1e-3
    batch_size: Annotated[int, PAIR] = 128
    epochs: Count = 50
    # `clean` takes the first of equals
    epoch_choices: Counts = (50, 15, 5, 2)
    sampler: Literal["ddim", "ancestral"] = "ddim"
    sampling_steps: Count = 50  # DDIM's; ancestral sampling takes all
    n_samples: Count = 1  # estimates an image, averaged
    guidance: Finite = 2.0
    # what `clean` chooses from
    guidance_choices: Annotated[tuple[Finite, ...], NOT_EMPTY] = (1.0, 2.0, 4.0)
    # where the nearest prototype is looked for; the text does not say, so `clean` chooses
    spaces: Annotated[tuple[Space, ...], NOT_EMPTY] = ("standardised", "as given")

    def __post_init__(self) -> None:
        """Refuse settings that do not go together, too."""
        super().__post_init__()
        for complaint in self._complaints():
            raise ValueError(complaint)

    def _complaints(self) -> Iterator[str]:
        if self.sampler == "ddim" and self.sampling_steps > self.steps:
            yield f"sampling_steps must not exceed steps, {self.steps}."
        if self.weighting == "variational" and self.steps < 2:
            yield "steps must be at least 2 for the variational weights, which start at t = 1."


# what the smaller profiles change, so that a run fits two cores; `full` changes nothing
REDUCED = {
    "smoke": {
        "widths": (256, 128, 64),
        "token_dim": 32,
        "sampling_steps": 5,
        "guidance_choices": (1.0, 2.0, 4.0, 8.0),
        "epochs": 6,
        "epoch_choices": (6, 1),
    },
    "medium": {
        "widths": (256, 128, 64),
        "token_dim": 32,
        "sampling_steps": 5,
        "guidance_choices": (1.0, 2.0, 4.0, 8.0),
        "epochs": 10,
        "epoch_choices": (10, 4, 2),
    },
    "full": {},
}
# a GAN is nothing yet where the others are overtrained: here it takes the steps of 30 epochs
LONGER = {
    "smoke": {"batch_size": 64, "epochs": 15, "epoch_choices": (15,)},
    "medium": {"batch_size": 64, "epochs": 15, "epoch_choices": (15,)},
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
