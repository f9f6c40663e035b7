"""`zslnb.studies.seen_bias`: who takes the images of unseen birds."""

import pytest
import torch

from zslnb import studies
from zslnb.datasets import aviary


def test_two_species_are_named_in_figure_and_caption() -> None:
    study = studies.two_species(15, 16)
    names = [aviary.SPECIES[c].name for c in (15, 16)]
    assert study.finding().endswith(
        f"unseen class: {names[0]}. Below, a seen relative: {names[1]}."
    )
    captions = [ax.get_xlabel().replace("\n", " ") for ax in study.figure().axes]
    assert [text for text in captions if text] == names


def test_a_seen_class_takes_what_has_a_margin_below_zero() -> None:
    bias = studies.bias_to_seen(torch.tensor([0.5, -0.1, 0.0, -0.2]))
    assert bias.finding().startswith("50 % of")
    labels = bias.figure().axes[0].get_legend_handles_labels()[1]
    assert labels == [
        "an unseen class wins (perhaps the right one)",
        "a seen class wins (always wrong)",
    ]


def test_mistakes_are_counted_by_pair_and_family() -> None:
    family = [s.family for s in aviary.SPECIES]
    bird = 0
    kin = next(c for c in range(1, 60) if family[c] == family[bird])
    strange = next(c for c in range(60) if family[c] != family[bird])
    truth = torch.full((5,), bird)
    answers = torch.tensor([kin, strange, strange, strange, bird])  # the last is right
    study = studies.mistaken(truth, answers, torch.tensor([kin, strange]))
    assert study.pairs == [(bird, strange, 3), (bird, kin, 1)]
    assert (study.share, study.chance) == (0.25, 0.5)
    assert "25 % of all such mistakes stay within the family" in study.finding()
    assert "at random would give 50 %" in study.finding()
    captions = [ax.get_xlabel().replace("\n", " ") for ax in study.figure().axes]
    assert captions[2] == aviary.SPECIES[strange].name


def test_a_handicap_is_chosen_by_the_highest_h() -> None:
    def trade(handicap: float) -> dict[str, float]:
        s, u = 0.9 - 0.5 * max(0, handicap), min(1.0, 0.3 + handicap)
        return {"S": s, "U": u, "H": 2 * s * u / (s + u)}

    study = studies.handicap(trade, 1.0)
    assert float(study.plain.H) == pytest.approx(45)
    assert study.best.H == study.curve.H.max() > 60
    assert "average of S and U is 60.0 % and H 45.0 %" in study.finding()
    labels = study.figure().axes[0].get_legend_handles_labels()[1]
    assert labels[1:] == ["no handicap: H 45", f"best handicap: H {study.best.H:.0f}"]
