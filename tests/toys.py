"""A toy benchmark of clustered features, small enough to train on in a test, and real data."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from zslnb import Benchmark
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import ClassifierSettings
from zslnb.revcd import RevCDSettings
from zslnb.seeds import seeded

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
SEEN, UNSEEN, PER_CLASS, TRAIN = 6, 2, 10, 7

# a run of GenZSL that takes a tenth of a second, and of its rivals: three steps a round
GENERATORS = {
    "hidden_dim": 16,
    "latent_dim": 4,
    "rounds": 3,
    "batch_size": 16,
    "n_synthetic": 5,
    "n_synthetic_choices": (2, 5),
    "classifier": ClassifierSettings(lr=0.02, epochs=3, batch_size=16),
}
QUICK = GenZSLSettings(passes=2, **GENERATORS)
QUICK_IMAGINATION = ImaginationSettings(lr=5e-3, critic_steps=2, passes=1, **GENERATORS)
# and of RevCD, its cVAE and GAN: three steps an epoch
QUICK_REVCD = RevCDSettings(
    steps=20,
    beta_end=0.5,  # of so few steps, so that the last leaves next to nothing of the sample
    widths=(16, 8),
    tokens=4,
    token_dim=8,
    heads=2,
    latent_dim=4,
    critic_steps=2,
    lr=1e-2,
    batch_size=16,
    epochs=3,
    epoch_choices=(3, 1),
    sampling_steps=5,
)


def toy(
    *, seen: int = SEEN, feature_dim: int = 8, semantic_dim: int = 8, noise: float = 0.1
) -> Benchmark:
    """Make `seen` seen and two unseen classes of ten images each, seven of them for training.

    Features are noisy copies of their class's semantics, through a random map if widths differ.
    """
    rng = np.random.default_rng(0)
    n = seen + UNSEEN
    semantics = F.normalize(torch.from_numpy(rng.normal(size=(n, semantic_dim))), dim=1)
    mapping = torch.from_numpy(rng.normal(size=(semantic_dim, feature_dim)))
    means = semantics if feature_dim == semantic_dim else F.normalize(semantics @ mapping, dim=1)
    labels = torch.arange(n).repeat_interleave(PER_CLASS)
    features = means[labels] + noise * torch.from_numpy(rng.normal(size=(len(labels), feature_dim)))
    is_seen, is_train = labels < seen, torch.arange(len(labels)) % PER_CLASS < TRAIN
    return Benchmark(
        features=features.float(),
        labels=labels,
        semantics=semantics.float(),
        class_names=tuple(f"bird {i}" for i in range(n)),
        train_idx=(is_seen & is_train).nonzero()[:, 0],
        test_seen_idx=(is_seen & ~is_train).nonzero()[:, 0],
        test_unseen_idx=(~is_seen).nonzero()[:, 0],
        val_classes=torch.tensor([1, 3]) if seen > 3 else torch.zeros(0, dtype=torch.int64),
        name="toy",
        provenance={"shared_space": feature_dim == semantic_dim},
    )


def corrupted(benchmark: Benchmark) -> Benchmark:
    """Garbage for every test image, and shuffled labels within either test set."""
    features, labels = benchmark.features.clone(), benchmark.labels.clone()
    for idx in (benchmark.test_seen_idx, benchmark.test_unseen_idx):
        with seeded(0, "tests/garbage"):
            features[idx] = 100 * torch.rand(len(idx), benchmark.feature_dim)
        labels[idx] = labels[idx].flip(0)
    return replace(benchmark, features=features, labels=labels)


def bare(function: Callable) -> Callable:
    """Return a function without the tests' shape checker, which would speak before its errors."""
    return inspect.unwrap(function)


def shared_data(name: str) -> Path:
    """Return the path of a real data file, or skip the test where there is none."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"real data ({name}) is not on this machine")
    return path
