"""Every hyper-parameter of the imagination baselines, and what a profile reduces."""

from dataclasses import dataclass, field, replace

from zslnb.protocol import ClassifierSettings
from zslnb.settings import CONVENTIONAL, at_least_one, differences, not_negative, one_of, positive

KINDS = ("fvaegan", "gan", "cvae")


@dataclass(frozen=True)
class ImaginationSettings:
    """Settings of f-VAEGAN and its two halves. Defaults are the released f-VAEGAN's for CUB.

    `kind`: "fvaegan" is a conditional VAE whose decoder is a GAN's generator; "gan" is that GAN
    alone with f-CLSWGAN's classification term; "cvae" that VAE alone. All share networks and
    schedule, so that what differs is the idea.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    kind: str = "fvaegan"
    hidden_dim: int = 4096
    latent_dim: int | None = None  # None: the width of the semantics, as released
    adversarial_weight: float = 10.0  # gamma, of critic and generator alike
    penalty_weight: float = 10.0  # lambda_1 at the start
    adaptive_penalty: bool = True  # as released; False keeps it fixed
    critic_steps: int = 5  # to one of the generator
    encoded_noise: bool = True  # f-VAEGAN: the critic sees reconstructions, not samples of noise
    classification_weight: float = 0.01  # f-CLSWGAN's beta; only "gan" has the term
    lr: float = 1e-4
    batch_size: int = 64
    passes: int = 2  # passes of generator steps between two evaluations, as released
    rounds: int = 300
    n_synthetic: int = 300  # features a class, for `released`
    n_synthetic_choices: tuple[int, ...] = (100, 300, 900)  # ours: what `clean` chooses from
    # released: one linear layer for 25 epochs in batches of n_synthetic, on 0..1 features; here
    # the classifier is GenZSL's, on unit-norm features, so that only the generator differs
    classifier: ClassifierSettings = field(default_factory=lambda: ClassifierSettings(epochs=25))
    keep_classifier: bool = False  # `released` trains a fresh one in each round
    conventional: str = "per class"  # how `released` scores T1

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing, naming the one at fault."""
        one_of("kind", self.kind, KINDS)
        one_of("conventional", self.conventional, CONVENTIONAL)
        for name in ("hidden_dim", "critic_steps", "batch_size", "passes", "rounds"):
            at_least_one(name, getattr(self, name))
        if self.latent_dim is not None:
            at_least_one("latent_dim", self.latent_dim)
        at_least_one("the number of n_synthetic_choices", len(self.n_synthetic_choices))
        for n in (self.n_synthetic, *self.n_synthetic_choices):
            at_least_one("n_synthetic", n)
        positive(self, "lr", "adversarial_weight", "penalty_weight")
        not_negative(self, "classification_weight")


# the released scripts; benchmarks without an entry take CUB's
PUBLISHED = {
    "cub": {"rounds": 300, "lr": 1e-4, "adversarial_weight": 10.0, "n_synthetic": 300},
    "sun": {"rounds": 400, "lr": 1e-3, "adversarial_weight": 1.0, "n_synthetic": 400},
    "awa2": {"rounds": 120, "lr": 1e-5, "adversarial_weight": 10.0, "n_synthetic": 1800},
}
CLASSIFIER_LR = {"sun": 5e-4}

# f-CLSWGAN keeps its penalty's weight fixed, as its paper has it
OWN = {"gan": {"adaptive_penalty": False}}

# what the smaller profiles change, so that a run fits two cores; `full` changes nothing
REDUCED = {
    "smoke": {
        "hidden_dim": 256,
        "latent_dim": 32,
        "lr": 1e-3,
        "batch_size": 128,
        "rounds": 8,
        "n_synthetic": 200,
        "n_synthetic_choices": (50, 100, 200, 400),
        "classifier": ClassifierSettings(epochs=12),
    },
    "medium": {
        "hidden_dim": 512,
        "latent_dim": 128,
        "lr": 1e-3,
        "rounds": 5,
        "n_synthetic": 400,
        "n_synthetic_choices": (100, 400),
        "classifier": ClassifierSettings(epochs=15),
    },
    "full": {},
}
# the GAN alone learns next to nothing with fewer critic steps
REDUCED_OWN = {
    ("medium", "fvaegan"): {"critic_steps": 2},
    ("medium", "gan"): {"rounds": 6},
}


def published_settings(benchmark: str, kind: str = "fvaegan") -> ImaginationSettings:
    """Return the released settings for a benchmark; CUB's for an unknown one."""
    own = PUBLISHED.get(benchmark, PUBLISHED["cub"])
    settings = ImaginationSettings(**{"kind": kind, **own, **OWN.get(kind, {})})
    classifier = replace(settings.classifier, lr=CLASSIFIER_LR.get(benchmark, 1e-3))
    return replace(settings, classifier=classifier)


def profile_settings(benchmark: str, profile: str, kind: str = "fvaegan") -> ImaginationSettings:
    """Return the released settings with the reductions of a profile.

    Raises:
        ValueError: unknown profile or kind.
    """
    one_of("profile", profile, tuple(REDUCED))
    reduced = REDUCED[profile] | REDUCED_OWN.get((profile, kind), {})
    return replace(published_settings(benchmark, kind), **reduced)


def reductions(settings: ImaginationSettings, benchmark: str) -> dict[str, tuple[object, object]]:
    """List where settings differ from the released ones: name -> (released, here)."""
    return differences(published_settings(benchmark, settings.kind), settings)
