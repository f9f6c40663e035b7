"""`zslnb.genzsl.probes`: an input that a model ignores must measure 0, one it uses must not."""

from pathlib import Path

import pytest
import torch

from zslnb import experiments, load
from zslnb.genzsl import SWAPS, GenZSL, GenZSLSettings, prepare, referent_swap, within_class_cosine

SMALL = GenZSLSettings(
    n_referents=1, hidden_dim=8, latent_dim=4, rounds=1, passes=1, n_synthetic=4, batch_size=4
)
INPUTS = SWAPS[:4]  # what reaches the output through the encoder only


@pytest.fixture
def run(bundle: Path) -> GenZSL:
    return prepare(load(bundle), SMALL)


def silence(layer: torch.nn.Linear) -> None:
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()


def test_a_collapsed_encoder_hears_no_referent(run: GenZSL) -> None:
    silence(run.model.mean)
    silence(run.model.log_var)
    moved = referent_swap(run, torch.tensor([2, 3]), n=5)
    assert [moved[name] for name in INPUTS] == [0, 0, 0, 0]
    assert moved["other latent noise"] > 0
    assert moved["another class's semantics"] > 0


def test_an_encoder_that_listens_is_found_out(run: GenZSL) -> None:
    with torch.no_grad():
        run.model.mean.weight.mul_(100)
    moved = referent_swap(run, torch.tensor([2, 3]), n=5)
    assert all(moved[name] > 0 for name in SWAPS)
    assert moved == referent_swap(run, torch.tensor([2, 3]), n=5)


def test_one_class_is_too_few_to_swap(run: GenZSL) -> None:
    with pytest.raises(ValueError, match="at least two classes"):
        referent_swap(run, torch.tensor([2]))


def test_within_class_cosine_of_known_angles() -> None:
    features = torch.tensor([[1.0, 0], [0, 2], [3, 0], [3, 0]])
    labels = torch.tensor([4, 4, 7, 7])
    assert within_class_cosine(features, labels) == pytest.approx((0 + 1) / 2)
    with pytest.raises(ValueError, match="Class 7"):
        within_class_cosine(torch.eye(3), torch.tensor([4, 4, 7]))


def test_the_experiment_records_swaps_and_spread(bundle: Path, build: Path) -> None:
    scores = experiments.run("referent_swap", load(bundle), SMALL)["scores"]
    assert [*scores["swaps"]] == [*SWAPS]
    assert -1 <= scores["within"]["synthetic"] <= 1
    assert len(scores["history"]) == SMALL.rounds
