"""`zslnb.studies.conditioning`: ways to join, tokens, and whether the image is heard."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.studies.records import record, several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, revcd
from zslnb.revcd import RevCDSettings
from zslnb.studies import conditioning as studies

SHIFTS = {"cross": 0.0, "swapped": 0.1, "addition": -0.05, "concatenation": 0.0, "film": 0.02}
B = toy()


def conditionings(monkeypatch: pytest.MonkeyPatch, seeds: int):
    monkeypatch.setattr(experiments, "run_rows", lambda rows, *_, **__: several(SHIFTS, seeds))
    return studies.conditionings(B, QUICK_REVCD, range(seeds), "cpu")


def test_each_way_is_above_below_or_not_told_apart(monkeypatch: pytest.MonkeyPatch):
    study = conditionings(monkeypatch, 3)
    assert study.against["H"] == (
        "swapped, film above it; addition below it; concatenation not significantly different"
    )
    assert study.finding().endswith(f"only): {study.against['T1']}.")
    assert len(study.figure().axes[0].lines) == 2 * 4 + 1
    assert study.table().loc["film", "H, over cross"] == "+2.0 ± 0.0"
    assert study.table().loc["swapped", "training error"] == "0.38 ± 0.00"  # 3 over 8 columns
    assert study.caption().startswith("**toy, ")


def test_two_seeds_are_too_few(monkeypatch: pytest.MonkeyPatch):
    assert conditionings(monkeypatch, 2).against["H"] == "too few seeds to tell"


def test_all_train_for_as_long():
    assert studies.equally_long(QUICK_REVCD).epoch_choices == (3,)


def test_slow_clocks_are_counted_and_neighbours_look_alike():
    study = studies.time_embeddings(replace(RevCDSettings(), steps=100, widths=(32, 8)))
    clocks = revcd.time_embedding(torch.arange(100), 8)
    assert int((clocks.std(0) < 0.05).sum()) == 2  # 1/100 and 1/1000 a step: the cosines
    assert "2 of 8 columns hardly change" in study.finding()
    alike = torch.cosine_similarity(clocks[0], clocks[[1, 50]])
    assert f"{alike[0]:.2f} for neighbours and still {alike[1]:.2f} at" in study.finding()
    assert len(study.figure().axes[1].lines) == 2


def test_concatenation_takes_the_most_weights():
    study = studies.ways_to_join(B, RevCDSettings())
    weights = study.table()["weights, thousands"]
    assert weights["cross"] == weights["addition"] < weights["concatenation"]
    assert "this profile" in study.caption()


@pytest.fixture(scope="module")
def models() -> list[revcd.RevCD]:
    return [revcd.fit(B, QUICK_REVCD, seed) for seed in range(2)]


def test_attention_sums_to_1_and_is_even_when_blind(models: list[revcd.RevCD]):
    model, blind = models[0], studies.blinded(models[0])
    weights = studies.attention_weights(model, B)
    assert weights.shape[1:] == (2, 4, 4)
    torch.testing.assert_close(weights.sum(3), torch.ones_like(weights.sum(3)))
    even = studies.attention_weights(blind, B)
    torch.testing.assert_close(even, torch.full_like(even, 0.25))
    torch.testing.assert_close(studies.attention_weights(model, B), weights)  # a copy was blinded
    study = studies.token_attention([blind], B)
    assert "attends to 4.00 tokens" in study.finding()
    assert len(study.figure().axes) == 3
    compared = studies.blind_attention([model, blind], B)
    assert compared.blind[0] < compared.blind[1] == 100
    assert compared.table().iloc[1, 0].startswith(f"{np.mean(compared.other_noise):.1f} ± ")


def test_other_cuts_are_set_against_the_columns_as_stored(monkeypatch: pytest.MonkeyPatch):
    ran = []

    def run_rows(rows, data, seeds, *_, **__):
        ((label, (_, settings)),) = rows.items()
        ran.append((settings.tokens, settings.token_dim, data.features))
        return [record(label, s, 0.1 if label == "one token" else 0.0) for s in seeds]

    monkeypatch.setattr(experiments, "run_rows", run_rows)
    study = studies.feature_tokens(B, QUICK_REVCD, range(3), "cpu", several({"cross": 0.0}))
    (tokens, _, shuffled), (one, wide, features) = ran
    assert (tokens, one, wide) == (4, 1, 32)
    assert not torch.equal(shuffled, features)
    torch.testing.assert_close(shuffled.sort(1).values, features.sort(1).values)
    assert {r["row"] for r in study.records} == {"columns shuffled", "one token"}
    assert study.table().loc["one token", "H, over as stored"] == "+10.0 ± 0.0"
    assert study.caption().endswith(
        "by T1: one token above it; columns shuffled not significantly different."
    )


def test_swaps_take_another_image_of_the_same_class_or_of_another():
    images, swaps = studies.exchanged(B)
    same, other, *_ = swaps.values()
    assert torch.equal(B.labels[same], B.labels[images])
    assert not torch.equal(same, images)
    assert not (B.labels[other] == B.labels[images]).any()


def test_a_swap_that_changes_nothing_turns_nothing(models: list[revcd.RevCD]):
    images, swaps = studies.exchanged(B)
    turns = studies.turns(models[0], B, images, dict.fromkeys(swaps, images))
    assert turns[0] == pytest.approx([0, 0], abs=1e-5)  # the same image
    assert turns[[*swaps].index(studies.NO_IMAGE)][0] > 0.01
    assert turns[[*swaps].index(studies.NOISE)][0] > 0


def test_table_and_words_have_the_turns(models: list[revcd.RevCD]):
    study = studies.image_swaps({"cross": models}, B)
    turned = study.turned["cross"]
    assert turned.shape == (2, 4, 2)
    assert [*study.table().columns] == ["cross: turn", "cross: class changes, %"]
    assert study.table().iloc[1, 0].startswith(f"{turned[:, 1, 0].mean():.2f} ± ")
    assert f"estimates of {studies.exchanged(B)[0].numel()} test images" in study.caption()


def test_listening_is_told_step_by_step(models: list[revcd.RevCD]):
    study = studies.listening({"cross": models}, B)
    turns = study.turned["cross"]
    assert study.steps == [0, 4, 9, 19]
    assert turns.shape == (2, 4, 3)
    at_10, last = turns[:, [2, 3], 1].mean(0)
    assert f"cross {at_10:.2f} at step 10, {last:.2f} at the last." in study.finding()
    assert len(study.figure().axes[0].lines) == 3
