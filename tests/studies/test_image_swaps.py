"""`image_swaps`: how far estimates turn, swap by swap."""

import matplotlib.pyplot as plt
import pytest
import torch

from tests.toys import QUICK_REVCD, toy
from zslnb import revcd
from zslnb.studies.image_swaps import NO_IMAGE, NOISE, ImageSwaps


@pytest.fixture(scope="module")
def study() -> ImageSwaps:
    b = toy()
    return ImageSwaps({"cross": [revcd.fit(b, QUICK_REVCD, s) for s in range(2)]}, b)


def test_swaps_take_another_image_of_the_same_class_or_of_another(study: ImageSwaps):
    labels = study.benchmark.labels
    same, other, *_ = study.swaps.values()
    assert torch.equal(labels[same], labels[study.images])
    assert not torch.equal(same, study.images)
    assert not (labels[other] == labels[study.images]).any()


def test_a_swap_that_changes_nothing_turns_nothing(study: ImageSwaps):
    swaps = study.swaps
    study.swaps = dict.fromkeys(swaps, study.images)
    turns = study._turned(study.models["cross"][0])
    study.swaps = swaps
    assert turns[0] == pytest.approx([0, 0], abs=1e-5)  # the same image
    assert turns[[*swaps].index(NO_IMAGE)][0] > 0.01
    assert turns[[*swaps].index(NOISE)][0] > 0


def test_table_and_words_have_the_turns(study: ImageSwaps):
    turned = study.turned["cross"]
    assert turned.shape == (2, 4, 2)
    assert [*study.table().columns] == ["cross: turn", "cross: class changes, %"]
    assert f"image turns the estimate by {turned[:, 1, 0].mean():.2f}" in study.listens("cross")
    assert f"estimates of {study.images.numel()} test images" in study.caption()


def test_listening_is_told_step_by_step(study: ImageSwaps):
    turns = study.by_step["cross"]
    assert study.steps == [0, 4, 9, 19]
    assert turns.shape == (2, 4, 3)
    at_10, last = turns[:, [2, 3], 1].mean(0)
    assert f"cross {at_10:.2f} at step 10, {last:.2f} at the last." in study.finding()
    assert len(study.figure().axes[0].lines) == 3
    plt.close("all")
