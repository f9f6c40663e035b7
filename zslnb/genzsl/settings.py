"""Every hyper-parameter of GenZSL in one place, with its source, and what a profile reduces."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from zslnb.genzsl.boosting import Mode
from zslnb.genzsl.referents import referent_weights
from zslnb.protocol import ClassifierSettings
from zslnb.settings import (
    Conventional,
    Count,
    Counts,
    NotNegative,
    Positive,
    Settings,
    Whole,
    differences,
    one_of,
)


@dataclass(frozen=True)
class GenZSLSettings(Settings):
    """Settings of a GenZSL run. Defaults are the released ones for CUB unless noted.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    # what says how a trained model is used, and so has no part in its training
    AFTER_TRAINING: ClassVar = (
        "synthesis",
        "n_synthetic",
        "n_synthetic_choices",
        "classifier",
        "keep_classifier",
        "conventional",
    )

    # directions that class diversity promotion takes away; 0 switches it off
    n_removed: Whole = 1
    # whose common directions those are; released: all classes', the unseen ones' among them
    common_to: Literal["all", "seen"] = "all"
    select_on: Literal["refined", "raw"] = "refined"  # semantics that choose referents
    n_referents: Count = 2  # k
    weights: tuple[float, ...] | None = None  # of the k referents; None: 0.8, the rest share 0.2
    # controls: "random": from random seen classes; "noise": N(0, I), whose length is the root of
    # the width; "noise as long": noise with the length of the referent that it stands for
    referent: Literal["induced", "random", "noise", "noise as long"] = "induced"
    mixing: Literal["fixed", "drawn"] = "fixed"  # drawn: random shares, the weights as their means
    renormalise: bool = False  # refined semantics and mixed referents scaled to unit norm again
    # N(0, I) as released; "conditional": p(o | z~) as the paper writes
    prior: Literal["standard", "conditional"] = "standard"
    # as released; "referent + latent": x_refer + o, as the paper writes
    decoded: Literal["latent", "referent + latent"] = "latent"
    hidden_dim: Count = 2048
    latent_dim: Count = 512
    reconstruction_weight: NotNegative = 1.0
    kl_weight: NotNegative = 1.0
    boosting_weight: NotNegative = 0.1  # lambda, the paper's and the notebooks'
    boosting_mode: Mode = "batch"
    temperature: Positive = 0.07
    # the released code has one Adam for the encoder and one for the decoder, which is the same:
    # Adam moves every weight by its own gradients alone
    lr: Positive = 1e-3
    batch_size: Count = 64
    passes: Count = 3  # passes over the training data between two evaluations
    rounds: Count = 150  # evaluations, so `passes * rounds` passes in all
    shuffle: bool = True  # released: False, training images always in the stored order
    # released: "tiled", each referent class's whole training set in turn
    synthesis: Literal["drawn", "tiled"] = "drawn"
    n_synthetic: Count = 1600  # features a class, for `released`
    # ours: what `clean` chooses from
    n_synthetic_choices: Counts = (100, 400, 1600)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    keep_classifier: bool = True  # `released` never resets it; False: a fresh one in each round
    conventional: Conventional = "per class"  # how `released` scores T1; released: "per image"

    def __post_init__(self) -> None:
        """Refuse weights of the referents that do not fit, too."""
        super().__post_init__()
        referent_weights(self.n_referents, self.weights)


RELEASED_CLASSIFIER = ClassifierSettings(
    hidden_shares=(0.5, 0.5), small_start=True, scale=1.0, batch_size=64
)

# scripts/usage.sh of the released code; benchmarks without an entry take CUB's
PUBLISHED = {
    "cub": {"boosting_weight": 0.1, "n_synthetic": 1600},
    "sun": {"boosting_weight": 0.001, "n_synthetic": 3200},
    "awa2": {"boosting_weight": 0.1, "n_synthetic": 5000},
}

# what the smaller profiles change, so that a run fits two cores; `full` changes nothing
REDUCED = {
    "smoke": {
        "hidden_dim": 256,
        "latent_dim": 128,
        "batch_size": 128,
        "rounds": 4,
        "n_synthetic": 200,
        "n_synthetic_choices": (100, 200, 400),
        "classifier": ClassifierSettings(batch_size=128, epochs=15, lr=3e-3),
    },
    "medium": {
        "hidden_dim": 256,
        "latent_dim": 128,
        "batch_size": 128,
        "rounds": 3,
        "n_synthetic": 300,
        "n_synthetic_choices": (100, 300),
        "classifier": ClassifierSettings(batch_size=256, epochs=15),
    },
    "full": {},
}


def published_settings(benchmark: str) -> GenZSLSettings:
    """Return the settings of the released scripts for a benchmark; CUB's for an unknown one."""
    settings = GenZSLSettings(classifier=RELEASED_CLASSIFIER)
    return replace(settings, **PUBLISHED.get(benchmark, PUBLISHED["cub"]))


def released_training(settings: GenZSLSettings) -> GenZSLSettings:
    """Switch everything to how the released scripts train and score; the generator stays as wide.

    Three passes, training images in a fixed order, referent classes tiled, a classifier with two
    hidden layers of half the features' width that starts from small weights, is fed class by
    class and never reset, and conventional accuracy an image. Rounds stay, too.
    """
    classifier = replace(RELEASED_CLASSIFIER, shuffle=False, epochs=settings.classifier.epochs)
    return replace(
        settings,
        passes=3,
        shuffle=False,
        synthesis="tiled",
        classifier=classifier,
        keep_classifier=True,
        conventional="per image",
    )


def profile_settings(benchmark: str, profile: str) -> GenZSLSettings:
    """Return the published settings with the reductions of a profile.

    Raises:
        ValueError: unknown profile.
    """
    one_of("profile", profile, tuple(REDUCED))
    return replace(published_settings(benchmark), **REDUCED[profile])


def reductions(settings: GenZSLSettings, benchmark: str) -> dict[str, tuple[object, object]]:
    """List where settings differ from the published ones: name -> (published, here)."""
    return differences(published_settings(benchmark), settings)
