"""How large everything is that is measured: on a GPU, on a CPU, and in the test."""

from dataclasses import dataclass, replace

from zslnb.genzsl import GenZSLSettings, profile_settings
from zslnb.imagination import ImaginationSettings
from zslnb.revcd import RevCDSettings


@dataclass(frozen=True)
class Sizes:
    """Defaults are CUB's sizes, with ResNet fc1000 features."""

    of_genzsl: GenZSLSettings
    of_aviary: GenZSLSettings
    of_fvaegan: ImaginationSettings
    of_revcd: RevCDSettings
    repeats: int = 5
    few_repeats: int = 3  # of what takes longest
    classes: int = 200
    seen: int = 150
    images: int = 7057  # of training
    feature_dim: int = 1000
    semantic_dim: int = 1024  # of GenZSL: sentences
    attributes: int = 312  # of f-VAEGAN and RevCD
    seeds: int = 10
    processes: int | None = None  # as many as the device takes
    seed_rounds: int = 10
    fvaegan_steps: int = 20
    n_synthetic: int = 1600
    epochs: int = 60  # of a classifier, at most
    estimated: int = 4731  # images whose semantics RevCD estimates
    many_classes: int = 1_000_000
    some_classes: int = 2000  # few enough for the released code's full SVD
    candidates: int = 100_000
    targets: int = 10_000
    few: int = 10  # so many times fewer of both are few enough for the released code's sort
    pictures: int = 4096
    clip: str = "ViT-B-16"


# published widths, and all of RevCD's 500 steps
GPU = Sizes(
    of_genzsl=GenZSLSettings(),
    of_aviary=profile_settings("aviary", "smoke"),
    of_fvaegan=ImaginationSettings(),
    of_revcd=RevCDSettings(sampler="ancestral", epochs=1),
)
# fewer repeats of the same, fewer synthetic images and pictures, and ten of RevCD's steps
CPU = replace(
    GPU,
    of_revcd=replace(GPU.of_revcd, steps=10, beta_end=0.5),
    repeats=3,
    few_repeats=2,
    seed_rounds=2,
    fvaegan_steps=3,
    n_synthetic=400,
    pictures=32,
)
# whose times mean nothing
QUICK = Sizes(
    of_genzsl=GenZSLSettings(hidden_dim=16, latent_dim=4),
    of_aviary=replace(GPU.of_aviary, hidden_dim=8, latent_dim=4, batch_size=512),
    of_fvaegan=ImaginationSettings(hidden_dim=16),
    of_revcd=replace(CPU.of_revcd, steps=4, widths=(8, 4), token_dim=8),
    repeats=2,
    few_repeats=1,
    classes=6,
    seen=4,
    images=96,
    feature_dim=16,
    semantic_dim=12,
    attributes=8,
    seeds=2,
    processes=1,
    seed_rounds=1,
    fvaegan_steps=2,
    n_synthetic=30,
    epochs=10,
    estimated=20,
    many_classes=5000,
    some_classes=50,
    candidates=500,
    targets=50,
    few=5,
    pictures=4,
    clip="ViT-S-32-alt",
)
