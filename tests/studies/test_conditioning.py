"""`zslnb.studies.conditioning`: ways to join, tokens, and whether the image is heard."""

import matplotlib.pyplot as plt
import pytest
import torch

from tests.studies.records import record, several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, revcd
from zslnb.revcd import RevCDSettings
from zslnb.studies.conditioning import (
    NO_IMAGE,
    NOISE,
    Conditionings,
    FeatureTokens,
    ImageSwaps,
    attention_weights,
    blind_attention,
    blinded,
    equally_long,
    join_weights,
    time_clocks,
    time_cosines,
    token_attention,
    ways_to_join,
)

SHIFTS = {"cross": 0.0, "swapped": 0.1, "addition": -0.05, "concatenation": 0.0, "film": 0.02}


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Conditionings:
    monkeypatch.setattr(experiments, "run_rows", lambda rows, *_, **__: several(SHIFTS))
    return Conditionings(toy(), QUICK_REVCD, range(3), "cpu")


def test_each_way_is_above_below_or_not_told_apart(study: Conditionings):
    assert study.against("H") == (
        "swapped, film above it; addition below it; concatenation not told apart from it"
    )
    assert study.finding().endswith(f"only): {study.against('T1')}.")
    assert study.gains("film", "H") == pytest.approx([2, 2, 2])
    assert "**swapped** is above **cross**: +10.0 points of T1" in study.verdicts()[0]
    assert len(study.figure().axes[0].lines) == 2 * 4 + 1
    plt.close("all")


def test_the_table_has_gains_and_the_last_training_error(study: Conditionings):
    table = study.table()
    assert table.loc["film", "H, over cross"] == "+2.0 ± 0.0"
    assert table.loc["swapped", "training error"] == "0.38 ± 0.00"  # 3 over 8 columns
    assert study.lowest_error() == (
        "The training error is lowest with *swapped*. U is at most 20.1 % on average."
    )
    assert study.caption().startswith("**toy, ")


def test_two_seeds_are_too_few(study: Conditionings):
    study.seeds = range(2)
    assert study.against("H") == "too few seeds to tell"


def test_all_train_for_as_long():
    assert equally_long(QUICK_REVCD).epoch_choices == (3,)


def test_slow_clocks_stand_still_and_neighbours_look_alike():
    study = time_clocks(RevCDSettings(widths=(64, 32, 16)))
    near, far = time_cosines(RevCDSettings(widths=(64, 32, 16)), 16)[[1, 250]]
    assert far < near < 1
    assert 0 < study.still < 16
    assert f"{study.still} of 16 columns hardly change" in study.finding()
    assert f"{near:.2f} for neighbours and still {far:.2f} at half" in study.finding()
    assert len(study.figure().axes[1].lines) == 3
    plt.close("all")


def test_concatenation_takes_the_most_weights():
    study = ways_to_join(toy(), QUICK_REVCD)
    weights = {how: join_weights(toy(), QUICK_REVCD, how) for how in study.table().index}
    assert weights["cross"] == weights["addition"] < weights["concatenation"]
    assert study.table().columns[-1] == "weights, thousands"
    assert "this profile" in study.caption()


@pytest.fixture(scope="module")
def model() -> revcd.RevCD:
    return revcd.fit(toy(), QUICK_REVCD, 0)


def test_attention_sums_to_1_and_is_even_when_blind(model: revcd.RevCD):
    weights = attention_weights(model, toy())
    assert weights.shape[1:] == (2, 4, 4)
    torch.testing.assert_close(weights.sum(3), torch.ones_like(weights.sum(3)))
    even = attention_weights(blinded(model), toy())
    torch.testing.assert_close(even, torch.full_like(even, 0.25))
    torch.testing.assert_close(attention_weights(model, toy()), weights)  # a copy was blinded


def test_even_attention_listens_to_all_tokens(model: revcd.RevCD):
    study = token_attention([blinded(model)], toy())
    assert "listens to 4.00 tokens" in study.finding()
    assert len(study.figure().axes) == 3
    plt.close("all")


def test_a_model_that_was_blind_before_keeps_every_class(model: revcd.RevCD):
    words = blind_attention([blinded(model)], toy())
    assert words.startswith("With blind attention 100.0 % of the test images keep")


def test_other_cuts_are_set_against_the_columns_as_stored(monkeypatch: pytest.MonkeyPatch):
    ran = []

    def run_rows(rows, data, seeds, *_, **__):
        ((label, (_, settings)),) = rows.items()
        ran.append((settings.tokens, settings.token_dim, data.features))
        return [record(label, s, 0.1 if label == "one token" else 0.0) for s in seeds]

    monkeypatch.setattr(experiments, "run_rows", run_rows)
    study = FeatureTokens(toy(), QUICK_REVCD, range(3), "cpu", several({"cross": 0.0}))
    (tokens, _, shuffled), (one, wide, features) = ran
    assert (tokens, one, wide) == (4, 1, 32)
    assert not torch.equal(shuffled, features)
    torch.testing.assert_close(shuffled.sort(1).values, features.sort(1).values)
    assert {r["row"] for r in study.records} == {"columns shuffled", "one token"}
    assert study.table().loc["one token", "H, over as stored"] == "+10.0 ± 0.0"
    assert "are not told apart" in study.verdicts()[0]
    assert "**one token** is above **as stored**" in study.verdicts()[2]
    assert "cut in three ways" in study.caption()


@pytest.fixture(scope="module")
def swapped() -> ImageSwaps:
    b = toy()
    return ImageSwaps({"cross": [revcd.fit(b, QUICK_REVCD, s) for s in range(2)]}, b)


def test_swaps_take_another_image_of_the_same_class_or_of_another(swapped: ImageSwaps):
    labels = swapped.benchmark.labels
    same, other, *_ = swapped.swaps.values()
    assert torch.equal(labels[same], labels[swapped.images])
    assert not torch.equal(same, swapped.images)
    assert not (labels[other] == labels[swapped.images]).any()


def test_a_swap_that_changes_nothing_turns_nothing(swapped: ImageSwaps):
    swaps = swapped.swaps
    swapped.swaps = dict.fromkeys(swaps, swapped.images)
    turns = swapped._turned(swapped.models["cross"][0])
    swapped.swaps = swaps
    assert turns[0] == pytest.approx([0, 0], abs=1e-5)  # the same image
    assert turns[[*swaps].index(NO_IMAGE)][0] > 0.01
    assert turns[[*swaps].index(NOISE)][0] > 0


def test_table_and_words_have_the_turns(swapped: ImageSwaps):
    turned = swapped.turned["cross"]
    assert turned.shape == (2, 4, 2)
    assert [*swapped.table().columns] == ["cross: turn", "cross: class changes, %"]
    assert f"image turns the estimate by {turned[:, 1, 0].mean():.2f}" in swapped.listens("cross")
    assert f"estimates of {swapped.images.numel()} test images" in swapped.caption()


def test_listening_is_told_step_by_step(swapped: ImageSwaps):
    turns = swapped.by_step["cross"]
    assert swapped.steps == [0, 4, 9, 19]
    assert turns.shape == (2, 4, 3)
    at_10, last = turns[:, [2, 3], 1].mean(0)
    assert f"cross {at_10:.2f} at step 10, {last:.2f} at the last." in swapped.finding()
    assert len(swapped.figure().axes[0].lines) == 3
    plt.close("all")
