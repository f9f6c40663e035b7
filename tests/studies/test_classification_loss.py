"""`classification_loss`: the loss turns an estimate away from the rivals."""

import torch

from zslnb.studies.classification_loss import ClassificationLoss

PLANE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.3, -0.9]])  # own, and a rival on either side


def test_the_best_direction_leans_away_from_the_nearer_rival():
    study = ClassificationLoss(PLANE, torch.eye(4), 0.05, "toy")
    assert study.lowest[0.05] < study.lowest[1.0] < 0
    assert study.sliding[0.05][0] < 0.1 < study.sliding[0.05][-1]
    assert study.quiet() in study.finding()
    assert "stays below 0.1 until" in study.quiet()
    assert "is lowest at" in study.finding()
    assert len(study.figure().axes) == 2


def test_a_loss_that_minds_from_the_start_is_said_to():
    alike = torch.eye(4) + 10
    assert ClassificationLoss(PLANE, alike, 0.05, "toy").quiet() == "is above 0.1 from the start"
