"""Every hyper-parameter of GenZSL in one place, with its source, and what a profile reduces."""

from dataclasses import dataclass, field, replace

from zslnb.genzsl.boosting import MODES
from zslnb.genzsl.referents import referent_weights
from zslnb.protocol import ClassifierSettings
from zslnb.settings import CONVENTIONAL, at_least_one, differences, not_negative, one_of, positive

CHOICES = {
    "select_on": ("refined", "raw"),
    "referent": ("induced", "random", "noise"),
    "mixing": ("fixed", "drawn"),
    "prior": ("standard", "conditional"),
    "decoded": ("latent", "referent + latent"),
    "boosting_mode": MODES,
    "synthesis": ("drawn", "tiled"),
    "conventional": CONVENTIONAL,
}


@dataclass(frozen=True)
class GenZSLSettings:
    """Settings of a GenZSL run. Defaults are the released ones for CUB unless noted.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    n_removed: int = 1  # directions that class diversity promotion takes away; 0 switches it off
    select_on: str = "refined"  # semantics that choose referents: "refined" or "raw"
    n_referents: int = 2  # k
    weights: tuple[float, ...] | None = None  # of the k referents; None: 0.8, the rest share 0.2
    # "random": from random seen classes; "noise": N(0, I). Both are controls
    referent: str = "induced"
    mixing: str = "fixed"  # or "drawn": mixup's random shares, with the weights as their means
    renormalise: bool = False  # refined semantics and mixed referents scaled to unit norm again
    prior: str = "standard"  # N(0, I) as released; "conditional": p(o | z~) as the paper writes
    decoded: str = "latent"  # as released; "referent + latent": x_refer + o, as the paper writes
    hidden_dim: int = 2048
    latent_dim: int = 512
    reconstruction_weight: float = 1.0
    kl_weight: float = 1.0
    boosting_weight: float = 0.1  # lambda
    boosting_mode: str = "batch"
    temperature: float = 0.07
    lr: float = 1e-3
    batch_size: int = 64
    passes: int = 3  # passes over the training data between two evaluations
    rounds: int = 150  # evaluations, so `passes * rounds` passes in all
    shuffle: bool = True  # released: False, training images always in the stored order
    separate_adams: bool = False  # released: True, one for the encoder and one for the decoder
    synthesis: str = "drawn"  # released: "tiled", each referent class's whole training set in turn
    n_synthetic: int = 1600  # features a class, for `released`
    n_synthetic_choices: tuple[int, ...] = (100, 400, 1600)  # ours: what `clean` chooses from
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    keep_classifier: bool = True  # `released` never resets it; False: a fresh one in each round
    conventional: str = "per class"  # how `released` scores T1; the released code: "per image"

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing, naming the one at fault."""
        for name, allowed in CHOICES.items():
            one_of(name, getattr(self, name), allowed)
        for name in ("n_referents", "hidden_dim", "latent_dim", "batch_size", "passes", "rounds"):
            at_least_one(name, getattr(self, name))
        at_least_one("the number of n_synthetic_choices", len(self.n_synthetic_choices))
        for n in (self.n_synthetic, *self.n_synthetic_choices):
            at_least_one("n_synthetic", n)
        positive(self, "lr", "temperature")
        not_negative(self, "n_removed", "reconstruction_weight", "kl_weight", "boosting_weight")
        referent_weights(self.n_referents, self.weights)  # refuses weights that do not fit


RELEASED_CLASSIFIER = ClassifierSettings(hidden=(256, 256), scale=1.0, batch_size=64)

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
        "rounds": 5,
        "n_synthetic": 200,
        "n_synthetic_choices": (50, 100, 200, 400),
        "classifier": ClassifierSettings(batch_size=256, epochs=12),
    },
    "medium": {
        "hidden_dim": 512,
        "latent_dim": 256,
        "batch_size": 128,
        "rounds": 4,
        "n_synthetic": 400,
        "n_synthetic_choices": (100, 400),
        "classifier": ClassifierSettings(batch_size=256, epochs=15),
    },
    "full": {},
}


def published_settings(benchmark: str) -> GenZSLSettings:
    """Return the settings of the released scripts for a benchmark; CUB's for an unknown one."""
    settings = GenZSLSettings(classifier=RELEASED_CLASSIFIER)
    return replace(settings, **PUBLISHED.get(benchmark, PUBLISHED["cub"]))


def released_training(settings: GenZSLSettings) -> GenZSLSettings:
    """Switch everything to how the released scripts train and score, at the same widths and rounds.

    Two Adams, three passes, training images in a fixed order, referent classes tiled, an MLP
    classifier fed class by class and never reset, conventional accuracy an image.
    """
    classifier = replace(RELEASED_CLASSIFIER, shuffle=False, epochs=settings.classifier.epochs)
    return replace(
        settings,
        passes=3,
        shuffle=False,
        separate_adams=True,
        synthesis="tiled",
        classifier=classifier,
        keep_classifier=True,
        conventional="per image",
    )


def settings_from_record(values: dict) -> GenZSLSettings:
    """Rebuild settings from a record's `settings`, where JSON has turned tuples into lists."""
    outer, inner = (
        {name: tuple(value) if isinstance(value, list) else value for name, value in d.items()}
        for d in (values, values["classifier"])
    )
    return GenZSLSettings(**{**outer, "classifier": ClassifierSettings(**inner)})


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
