"""`zslnb.studies.referent_copying`: does a generator copy its referent?"""

from dataclasses import replace

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.seeds import seeded
from zslnb.studies.referent_copying import ASKED, FULL, STRENGTHS, WEAK, closeness


def measured(genuine: float) -> pd.DataFrame:
    asked = dict(zip(STRENGTHS, (0.040, 0.030, 0.010, 0.004), strict=True))
    own = dict.fromkeys(STRENGTHS, -genuine)
    by_objective = {ASKED: asked, WEAK: own, FULL: dict.fromkeys(STRENGTHS, 0.0)}
    rest = {"own referent": 0.5, "target class mean": 0.9, "target class text": 0.6}
    return pd.DataFrame(
        {"objective": name, "λ": weight, "seed": seed, "copying": copying, **rest}
        for name, by_weight in by_objective.items()
        for weight, copying in by_weight.items()
        for seed in (0, 1)
    )


@pytest.mark.parametrize(
    ("genuine", "words"),
    [
        (0.001, "none (0.0010, where a network that is asked to copy has 0.040). The paper's "
         "reason for the term did not show."),
        (0.010, "some (0.0100, where a network that is asked to copy has 0.040). The paper's "
         "reason shows."),
    ],
)  # fmt: skip
def test_copying_is_held_against_a_network_that_is_asked_to(genuine: float, words: str) -> None:
    copying, copier = studies.Copying(measured(genuine), 240, 0.1).verdicts().split("\n")
    assert copying.endswith(words)
    assert copier == "- **The copier** keeps 75% of its copying at λ = 0.1 and 10% at λ = 10."


def test_the_table_and_the_figure_have_a_row_and_a_line_for_each_objective() -> None:
    study = studies.Copying(measured(0.001), 240, 0.1)
    assert study.table().shape == (12, 6)
    assert study.table().loc[0, "copying"] == "0.040 ± 0.000"
    assert "240 steps each" in study.caption()
    assert "over seeds (2)" in study.caption()
    assert "0.040 without the term, of 0.100" in study.finding()
    assert "never further from 0 than 0.0010" in study.finding()
    assert study.figure().axes[0].get_legend_handles_labels()[1] == [ASKED, WEAK, FULL]


def test_the_copier_is_asked_for_its_own_referent() -> None:
    run = genzsl.prepare(toy(), replace(QUICK, boosting_weight=0.1))
    batch = torch.arange(8)
    with seeded(0, "test"):
        losses = studies.copying_losses(run, batch)
    with seeded(0, "test"):
        referents = run.referent_samples(run.labels[batch])
        x_hat = run.model(referents, run.semantics[run.labels[batch]])[0]
    torch.testing.assert_close(
        losses["reconstruction"], (2 - 2 * F.cosine_similarity(x_hat, referents)).mean()
    )


def test_a_perfect_copier_is_known_by_its_closeness() -> None:
    run = genzsl.prepare(toy(), QUICK)
    run.model.forward = lambda referents, text: (F.normalize(referents, dim=1), text, text)
    found = closeness(run)
    assert found["own referent"] == pytest.approx(1)
    assert found["copying"] == pytest.approx(1 - found["another referent"])


def test_small_networks_are_trained_for_each_objective_and_weight() -> None:
    study = studies.copying(toy(), replace(QUICK, batch_size=16), [0, 1, 2])
    assert len(study.measured) == 3 * len(STRENGTHS) * 2  # two seeds of the three
    assert study.steps == 4 * 3  # 42 training images
    assert 0 < study.perfect < 1
