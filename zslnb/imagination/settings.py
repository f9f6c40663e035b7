"""Every hyper-parameter of the imagination baselines, and what a profile reduces."""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

from zslnb.protocol import ClassifierSettings
from zslnb.settings import (
    Conventional,
    Count,
    Counts,
    NotNegative,
    Positive,
    Settings,
    differences,
    one_of,
)

Kind = Literal["fvaegan", "gan", "cvae"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class ImaginationSettings(Settings):
    """Settings of f-VAEGAN and its two halves. Defaults are the released f-VAEGAN's for CUB.

    `kind`: "fvaegan" is a conditional VAE whose decoder is a GAN's generator; "gan" is that GAN
    alone with f-CLSWGAN's classification term; "cvae" that VAE alone. All share networks and
    schedule, so that what differs is the idea.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    # what says how a trained model is used (the classifier is the "gan"'s judge, too)
    AFTER_TRAINING: ClassVar = (
        "n_synthetic",
        "n_synthetic_choices",
        "keep_classifier",
        "conventional",
    )

    kind: Kind = "fvaegan"
    hidden_dim: Count = 4096
    latent_dim: Count | None = None  # None: the width of the semantics, as released
    adversarial_weight: Positive = 10.0  # f-VAEGAN's gamma, of critic and generator alike
    penalty_weight: Positive = 10.0  # f-VAEGAN's lambda, at the start
    adaptive_penalty: bool = True  # as released; False keeps it fixed
    critic_steps: Count = 5  # to one of the generator
    encoded_noise: bool = True  # f-VAEGAN: the critic sees reconstructions, not samples of noise
    classification_weight: NotNegative = 0.01  # f-CLSWGAN's beta; only "gan" has the term
    lr: Positive = 1e-4
    batch_size: Count = 64
    passes: Count = 2  # passes of generator steps between two evaluations, as released
    rounds: Count = 300
    n_synthetic: Count = 300  # features a class, for `released`
    # ours: what `clean` chooses from
    n_synthetic_choices: Counts = (100, 300, 900)
    # released: one linear layer for 25 epochs in batches of n_synthetic, on 0..1 features; here
    # the classifier is GenZSL's, on unit-norm features, so that only the generator differs
    classifier: ClassifierSettings = field(default_factory=lambda: ClassifierSettings(epochs=25))
    keep_classifier: bool = False  # `released` trains a fresh one in each round
    conventional: Conventional = "per class"  # how `released` scores T1


# the released scripts; benchmarks without an entry take CUB's
PUBLISHED = {
    "cub": {"rounds": 300, "lr": 1e-4, "adversarial_weight": 10.0, "n_synthetic": 300},
    "sun": {"rounds": 400, "lr": 1e-3, "adversarial_weight": 1.0, "n_synthetic": 400},
    "awa2": {"rounds": 120, "lr": 1e-5, "adversarial_weight": 10.0, "n_synthetic": 1800},
}
CLASSIFIER_LR = {"sun": 5e-4}

# f-CLSWGAN keeps its penalty's weight fixed, as its paper has it
OF_KIND = {"gan": {"adaptive_penalty": False}}

# what the smaller profiles change, so that a run fits two cores; `full` changes nothing
REDUCED = {
    "smoke": {
        "hidden_dim": 256,
        "latent_dim": 32,
        "lr": 1e-3,
        "passes": 1,
        "rounds": 12,
        "n_synthetic": 200,
        "n_synthetic_choices": (100, 200, 400),
        "classifier": ClassifierSettings(batch_size=128, epochs=15, lr=3e-3),
    },
    "medium": {  # nine passes of the generator, as GenZSL
        "hidden_dim": 256,
        "latent_dim": 128,
        "lr": 1e-3,
        "passes": 3,
        "rounds": 3,
        "n_synthetic": 300,
        "n_synthetic_choices": (100, 300),
        "classifier": ClassifierSettings(epochs=15),
    },
    "full": {},
}
# at ten times the released rate f-VAEGAN's rule takes the penalty's weight to nothing, and its
# critic dies: there that weight is fixed
REDUCED_OF_KIND = {
    ("smoke", "fvaegan"): {"adaptive_penalty": False},
    ("medium", "fvaegan"): {"adaptive_penalty": False},
}


def published_settings(benchmark: str, kind: str = "fvaegan") -> ImaginationSettings:
    """Return the released settings for a benchmark; CUB's for an unknown one."""
    published = PUBLISHED.get(benchmark, PUBLISHED["cub"])
    settings = ImaginationSettings(**{"kind": kind, **published, **OF_KIND.get(kind, {})})
    classifier = replace(settings.classifier, lr=CLASSIFIER_LR.get(benchmark, 1e-3))
    return replace(settings, classifier=classifier)


def profile_settings(benchmark: str, profile: str, kind: str = "fvaegan") -> ImaginationSettings:
    """Return the released settings with the reductions of a profile.

    Raises:
        ValueError: unknown profile or kind.
    """
    one_of("profile", profile, tuple(REDUCED))
    reduced = REDUCED[profile] | REDUCED_OF_KIND.get((profile, kind), {})
    return replace(published_settings(benchmark, kind), **reduced)


def reductions(settings: ImaginationSettings, benchmark: str) -> dict[str, tuple[object, object]]:
    """List where settings differ from the released ones: name -> (released, here)."""
    return differences(published_settings(benchmark, settings.kind), settings)
