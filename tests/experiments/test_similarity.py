"""The "similarity" experiment: means before and after, and which neighbours survive."""

from pathlib import Path

import pytest
import torch.nn.functional as F

from zslnb import load
from zslnb.experiments import SimilaritySettings, run
from zslnb.genzsl import class_diversity_promotion, mean_cosines


def test_text_alone_is_enough(names_only: Path, build: Path) -> None:
    scores = run("similarity", load(names_only))["scores"]
    assert {*scores} == {"before", "after", "nearest", "common", "size"}
    assert scores["size"] == {"classes": 4, "width": 3}
    raw = F.normalize(load(names_only).semantics.double(), dim=1)
    assert scores["before"] == mean_cosines(raw)
    assert scores["after"] == mean_cosines(class_diversity_promotion(raw))
    assert 0 <= scores["nearest"]["kept"] <= 1
    assert 0 <= scores["common"]["alignment"] <= 1


def test_removing_nothing_changes_nothing(names_only: Path, build: Path) -> None:
    scores = run("similarity", load(names_only), SimilaritySettings(n_removed=0))["scores"]
    assert scores["after"] == pytest.approx(scores["before"])
    assert scores["nearest"]["kept"] == 1
