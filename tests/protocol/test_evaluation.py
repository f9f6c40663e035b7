"""`zslnb.protocol.evaluation`: who competes for which images, by hand-made scores."""

import pytest
import torch
import torch.nn.functional as F
from toys import toy

from zslnb.protocol import evaluate_conventional, evaluate_gzsl

B = toy(noise=0.05)
ROWS = torch.arange(80.0)[:, None]  # image i has the feature i, so that a scorer can know it


def oracle(bias: float = 0.0, right: tuple = range(80)):
    """Score the right class 1 for the images in `right`; add a bias to the seen classes."""
    knows = torch.zeros(80, dtype=torch.bool)
    knows[list(right)] = True

    def scorer(features: torch.Tensor) -> torch.Tensor:
        rows = features[:, 0].long()
        scores = F.one_hot(B.labels[rows], 8) * knows[rows, None]
        return scores + bias * (torch.arange(8) < 6)

    return scorer


def test_a_perfect_scorer_is_perfect():
    assert evaluate_gzsl(oracle(), torch.arange(8), ROWS, B) == {"S": 1, "U": 1, "H": 1}
    assert evaluate_conventional(oracle(), torch.arange(8), ROWS, B) == 1


def test_in_generalised_scoring_seen_classes_compete_for_unseen_images():
    scorer = oracle(bias=2.0)
    assert evaluate_gzsl(scorer, torch.arange(8), ROWS, B) == {"S": 1, "U": 0, "H": 0}
    assert evaluate_conventional(scorer, torch.arange(8), ROWS, B) == 1


def test_scores_count_the_right_images():
    # an image it knows nothing of goes to the first class: right for images 7..9, of class 0
    scores = evaluate_gzsl(oracle(right=(17, 18, *range(70, 75))), torch.arange(8), ROWS, B)
    assert scores["S"] == pytest.approx((1 + 2 / 3) / 6)
    assert scores["U"] == pytest.approx(0.5 / 2)


def test_columns_follow_the_classes_given():
    order = torch.tensor([7, 2, 5, 0, 1, 6, 3, 4])
    scorer = oracle()
    assert evaluate_gzsl(lambda x: scorer(x)[:, order], order, ROWS, B)["H"] == 1
    assert evaluate_conventional(lambda x: scorer(x)[:, order], order, ROWS, B) == 1


def test_only_test_images_are_scored():
    seen: list[torch.Tensor] = []

    def scorer(features):
        seen.append(features[:, 0].long())
        return torch.zeros(len(features), 8)

    evaluate_gzsl(scorer, torch.arange(8), ROWS, B)
    assert torch.equal(torch.cat(seen), torch.cat([B.test_seen_idx, B.test_unseen_idx]))


@pytest.mark.parametrize("evaluate", [evaluate_gzsl, evaluate_conventional])
def test_a_score_that_is_nan_is_refused(evaluate):
    def scorer(features):
        return torch.where(features[:, :1] == 63, torch.nan, torch.ones(len(features), 8))

    with pytest.raises(ValueError, match="scores of image 63 hold NaN"):
        evaluate(scorer, torch.arange(8), ROWS, B)
