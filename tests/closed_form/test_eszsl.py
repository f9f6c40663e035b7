"""`zslnb.closed_form.eszsl`: ESZSL's closed form, one penalty at a time or a grid of them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import shared_data, toy

from zslnb import load
from zslnb.closed_form import eszsl, eszsl_for_penalties
from zslnb.protocol import evaluate_gzsl


def training_set(**sizes):
    b = toy(**sizes)
    return b.features[b.train_idx], b.labels[b.train_idx], b.semantics


@pytest.mark.parametrize("penalties", [(0.3, 2.0), (1e-3, 1e3), (1.0, 1.0), (1e3, 1e-3)])
def test_eszsl_equals_its_formula(penalties):
    gamma, lam = penalties
    features, labels, semantics = training_set(feature_dim=9, semantic_dim=5)
    seen = labels.unique()
    x, s = features.double().numpy(), semantics[seen].double().numpy()
    y = np.where(labels.numpy()[:, None] == seen.numpy(), 1.0, -1.0)
    inverse = np.linalg.inv
    expected = (
        inverse(x.T @ x + gamma * np.eye(9)) @ x.T @ y @ s @ inverse(s.T @ s + lam * np.eye(5))
    )
    data = features, labels, semantics
    for matrix in (eszsl(*data, gamma, lam), eszsl_for_penalties(*data)(gamma, lam)):
        np.testing.assert_allclose(matrix, expected, rtol=1e-4, atol=1e-6)
        assert matrix.dtype == features.dtype


def test_one_preparation_serves_every_penalty():
    data = training_set()
    prepared = eszsl_for_penalties(*data)
    for penalties in ((1.0, 0.1), (0.1, 1.0), (1.0, 0.1)):
        expected = eszsl(*data, *penalties)
        torch.testing.assert_close(prepared(*penalties), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalties", [(0, 1), (1, 0), (-1, 1)])
def test_penalties_must_be_positive(penalties):
    with pytest.raises(ValueError, match="must be positive"):
        eszsl(*training_set(), *penalties)
    with pytest.raises(ValueError, match="must be positive"):
        eszsl_for_penalties(*training_set())(*penalties)


def test_eszsl_reaches_what_is_known_of_cub():
    """Penalties fixed at 1 and 1e-3; a number far below points at the split or the metric."""
    b = load(shared_data("cub_resnet_fc1000.npz"), semantics="sentences")
    x, s = F.normalize(b.features, dim=1), F.normalize(b.semantics, dim=1)
    weights = eszsl(x[b.train_idx], b.labels[b.train_idx], s, gamma=1, lam=1e-3) @ s.T
    scores = evaluate_gzsl(lambda rows: rows @ weights, torch.arange(200), x, b)
    assert 100 * scores["S"] == pytest.approx(65.5, abs=1.5)
    assert 100 * scores["U"] == pytest.approx(42.5, abs=1.5)
