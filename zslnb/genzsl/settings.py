"""Every hyper-parameter of GenZSL in one place, with its source, and what a profile reduces."""

from dataclasses import asdict, dataclass, field, replace

from zslnb.genzsl.boosting import MODES
from zslnb.genzsl.referents import referent_weights
from zslnb.protocol import ClassifierSettings

REFERENTS = ("induced", "noise")
SELECTIONS = ("refined", "raw")


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
    referent: str = "induced"  # or "noise": N(0, I) in place of the referent, the control
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
    n_synthetic: int = 1600  # features a class, for `released`
    n_synthetic_choices: tuple[int, ...] = (100, 400, 1600)  # ours: what `clean` chooses from
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing, naming the one at fault."""
        _one_of("select_on", self.select_on, SELECTIONS)
        _one_of("referent", self.referent, REFERENTS)
        _one_of("boosting_mode", self.boosting_mode, MODES)
        for name in ("n_referents", "hidden_dim", "latent_dim", "batch_size", "passes", "rounds"):
            at_least_one(name, getattr(self, name))
        at_least_one("the number of n_synthetic_choices", len(self.n_synthetic_choices))
        for n in (self.n_synthetic, *self.n_synthetic_choices):
            at_least_one("n_synthetic", n)
        for name in ("lr", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}.")
        for name in ("n_removed", "reconstruction_weight", "kl_weight", "boosting_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}.")
        referent_weights(self.n_referents, self.weights)  # refuses weights that do not fit


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def at_least_one(name: str, value: int) -> None:
    """Raise ValueError, naming the quantity, if it is below 1."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}.")


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
        "hidden_dim": 512,
        "latent_dim": 128,
        "rounds": 8,
        "n_synthetic": 200,
        "n_synthetic_choices": (50, 100, 200, 400),
        "classifier": ClassifierSettings(batch_size=256, epochs=20),
    },
    "medium": {
        "hidden_dim": 1024,
        "latent_dim": 256,
        "batch_size": 128,
        "rounds": 5,
        "n_synthetic": 400,
        "n_synthetic_choices": (50, 100, 200, 400),
        "classifier": ClassifierSettings(batch_size=256, epochs=20),
    },
    "full": {},
}


def published_settings(benchmark: str) -> GenZSLSettings:
    """Return the settings of the released scripts for a benchmark; CUB's for an unknown one."""
    settings = GenZSLSettings(classifier=RELEASED_CLASSIFIER)
    return replace(settings, **PUBLISHED.get(benchmark, PUBLISHED["cub"]))


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
    _one_of("profile", profile, tuple(REDUCED))
    return replace(published_settings(benchmark), **REDUCED[profile])


def reductions(settings: GenZSLSettings, benchmark: str) -> dict[str, tuple[object, object]]:
    """List where settings differ from the published ones: name -> (published, here)."""
    before, after = _flat(published_settings(benchmark)), _flat(settings)
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _flat(settings: GenZSLSettings) -> dict[str, object]:
    values = asdict(settings)
    inner = values.pop("classifier")
    return {**values, **{f"classifier {name}": value for name, value in inner.items()}}
