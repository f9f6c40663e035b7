"""`zslnb.protocol.hubness`: skewness of how often each class is nearest, by hand."""

import pytest
import torch
import torch.nn.functional as F
from toys import bare, toy

from zslnb.protocol import hubness, hubness_scores
from zslnb.seeds import torch_generator


def answers(*classes: int, n: int) -> torch.Tensor:
    return F.one_hot(torch.tensor(classes), n).float()


def test_counts_by_hand():
    """N_1 = (4, 1, 1, 0, 4, 2): mean 2; N_1 = (6, 0, 0): the skewness of one in three."""
    scores = answers(0, 0, 0, 0, 1, 2, 4, 4, 4, 4, 5, 5, n=6)
    off = torch.tensor([2.0, -1, -1, -2, 2, 0])
    expected = off.pow(3).mean() / off.square().mean() ** 1.5
    assert hubness(scores) == pytest.approx(float(expected))
    assert hubness(answers(*[0] * 6, n=3)) == pytest.approx(2**-0.5)


def test_all_alike_is_zero_and_a_neglected_class_is_below():
    assert hubness(answers(0, 1, 2, 3, n=4)) == 0
    assert hubness(answers(0, 0, 1, 1, 2, 2, n=4)) == pytest.approx(-2 / 3**0.5)


def test_one_prototype_near_everything_is_a_hub():
    scores = torch.rand(400, 20, generator=torch_generator(0, "tests/hubs"))
    hub = scores.clone()
    hub[:, 3] += 0.5
    assert hubness(hub) > 3 > 1 > abs(hubness(scores))


def test_both_ways_to_count_with_the_labels_beside_them():
    b = toy()  # 6 seen classes with three test images, 2 unseen ones with ten
    classes = torch.tensor([7, 0, 1, 2, 3, 4, 5, 6])
    right = (b.labels[:, None] == classes).float()
    scores = hubness_scores(right, classes, b)
    assert scores["generalised"] == scores["labels, generalised"] == pytest.approx(2 / 3**0.5)
    assert scores["conventional"] == scores["labels, conventional"] == 0
    right[b.test_seen_idx] = (classes == 7).float()  # all unseen, and of no matter there
    right[b.test_unseen_idx, 1] = 9  # a seen class, which does not compete there
    scores = hubness_scores(right, classes, b)
    assert scores["conventional"] == 0
    assert scores["generalised"] != scores["labels, generalised"]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_nothing_is_refused(shape):
    with pytest.raises(ValueError, match="nothing is nearest"):
        bare(hubness)(torch.zeros(shape))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="row 1 hold NaN"):
        hubness(torch.tensor([[0.0, 1.0], [torch.nan, 0.0]]))
