"""`experiments.scoring`: many looks at the test images, counted at once as each alone."""

import pytest
import torch
from toys import toy

from zslnb.experiments.scoring import Looks, all_scores, score_test_images
from zslnb.protocol import evaluate_conventional, evaluate_gzsl

B = toy(noise=0.5)
ORDER = torch.tensor([7, 2, 5, 0, 1, 6, 3, 4])  # of a classifier's columns


def scorers(n: int) -> list:
    draws = torch.Generator().manual_seed(1)
    maps = [B.semantics.T[:, ORDER] + 0.3 * torch.randn(8, 8, generator=draws) for _ in range(n)]
    return [lambda x, w=w: x @ w for w in maps]


def test_looks_are_counted_as_each_is_by_itself():
    looks, expected = Looks(B.features, ORDER, B), []
    for scorer in scorers(5):
        looks.look(scorer)
        of_this = scorer, ORDER, B.features, B
        expected.append({**evaluate_gzsl(*of_this), "T1": evaluate_conventional(*of_this)})
        scores = score_test_images(scorer, B.features, B)
        assert all_scores(scores, ORDER, B) == expected[-1]
    assert looks.scores() == expected
    assert len({scores["H"] for scores in expected}) > 1


def test_looks_read_no_image_but_the_test_sets():
    kept = torch.zeros(len(B.features), 1)
    kept[torch.cat([B.test_seen_idx, B.test_unseen_idx])] = 1
    hidden = torch.where(kept.bool(), B.features, torch.nan)
    looks = Looks(hidden, ORDER, B)
    looks.look(scorers(1)[0])
    assert set(looks.scores()[0]) == {"S", "U", "H", "T1"}


def test_a_look_at_scores_that_are_nan_is_refused():
    broken = B.features.clone()
    broken[B.test_unseen_idx[3]] = torch.nan
    with pytest.raises(ValueError, match=f"image {int(B.test_unseen_idx[3])} hold NaN"):
        Looks(broken, ORDER, B).look(scorers(1)[0])
