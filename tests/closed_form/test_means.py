"""`zslnb.closed_form.means`: against plain NumPy, and on answers that are known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toys import shared_data, toy

from zslnb import load
from zslnb.closed_form import covariance_root, kernel_ridge, predicted_means, residuals
from zslnb.genzsl import class_diversity_promotion
from zslnb.protocol import class_means
from zslnb.seeds import torch_generator


def normal(*shape: int, stream: str = "tests/means") -> torch.Tensor:
    return torch.randn(shape, generator=torch_generator(0, stream))


KNOWN, TARGETS, ASKED = normal(9, 4), normal(9, 3, stream="tests/targets"), normal(5, 4)


@pytest.mark.parametrize(("width", "penalty"), [(0.5, 1e-3), (2.0, 0.1), (30.0, 10.0)])
def test_kernel_ridge_equals_its_formula(width, penalty):
    x, y, z = (rows.double().numpy() for rows in (KNOWN, TARGETS, ASKED))

    def kernel(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / width)

    weights = np.linalg.inv(kernel(x, x) + penalty * np.eye(9)) @ (y - y.mean(0))
    expected = y.mean(0) + kernel(z, x) @ weights
    np.testing.assert_allclose(kernel_ridge(KNOWN, TARGETS, ASKED, width, penalty), expected)


def test_no_penalty_to_speak_of_returns_what_is_known_and_much_of_it_the_mean():
    known = kernel_ridge(KNOWN, TARGETS, KNOWN, 1.0, 1e-12)
    torch.testing.assert_close(known, TARGETS.double(), rtol=1e-6, atol=1e-6)
    flat = kernel_ridge(KNOWN, TARGETS, ASKED, 1.0, 1e12)
    torch.testing.assert_close(flat, TARGETS.double().mean(0).expand(5, -1))


def test_a_wide_kernel_is_linear():
    """What is linear in the inputs is told where nothing is known."""
    slope = normal(4, 3, stream="tests/slope").double()
    told = kernel_ridge(KNOWN, KNOWN.double() @ slope, ASKED, 1e4, 1e-9)
    torch.testing.assert_close(told, ASKED.double() @ slope, rtol=0, atol=1e-2)


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.0, 0.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_width_and_penalty_must_be_positive(values):
    with pytest.raises(ValueError, match="Width and penalty must be positive"):
        kernel_ridge(KNOWN, TARGETS, ASKED, *values)


def test_predicted_means_read_the_training_classes_and_nothing_else():
    b = toy(noise=0.3)
    x, y = b.features[b.train_idx], b.labels[b.train_idx]
    expected = kernel_ridge(b.semantics[:6], class_means(x, y), b.semantics, 1.0, 0.1)
    predicted = predicted_means(x, y, b.semantics, 1.0, 0.1)
    torch.testing.assert_close(predicted, expected.float(), rtol=1e-5, atol=1e-6)
    assert predicted.shape == (8, 8)


def test_residuals_surround_zero_class_by_class():
    b = toy(noise=0.3)
    order = torch.randperm(80, generator=torch_generator(0, "tests/order"))
    features, labels = b.features[order], b.labels[order]
    own = residuals(features, labels)
    torch.testing.assert_close(class_means(own, labels), torch.zeros(8, 8), rtol=0, atol=1e-6)
    lone = features[labels == 4] - features[labels == 4].mean(0)
    torch.testing.assert_close(own[labels == 4], lone)


@pytest.mark.parametrize("n", [30, 5])
def test_the_root_of_a_covariance_gives_it_back(n):
    """Fewer samples than dimensions leave some without any spread."""
    rows = normal(n, 8)
    root = covariance_root(rows)
    torch.testing.assert_close(root @ root, rows.T @ rows / n, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(root, root.T)


def test_means_of_cub_are_told_as_well_as_is_known():
    """Squared error over unseen classes; the mean of all seen classes would be 0.19 off."""
    b = load(shared_data("cub_resnet_fc1000.npz"), semantics="sentences")
    x = F.normalize(b.features, dim=1)
    refined = F.normalize(class_diversity_promotion(F.normalize(b.semantics, dim=1)), dim=1)
    means = predicted_means(x[b.train_idx], b.labels[b.train_idx], refined, 2.0, 0.01)[b.unseen]
    real = class_means(x[b.test_unseen_idx], b.labels[b.test_unseen_idx])
    assert float((means - real).square().sum(1).mean()) == pytest.approx(0.023, abs=0.002)
