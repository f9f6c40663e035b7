"""`zslnb.closed_form.ridge`: one penalty at a time or a grid of them, against plain NumPy."""

import numpy as np
import pytest
import torch

from zslnb.closed_form import ridge, ridge_for_penalties
from zslnb.seeds import torch_generator


def training_set(n: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch_generator(0, "tests/ridge")
    return torch.randn(n, 6, generator=generator) + 3, torch.randn(n, 4, generator=generator) - 2


@pytest.mark.parametrize("n", [20, 4])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
def test_ridge_is_the_least_squares_of_penalty_rows(penalty, n):
    """Plain least squares with rows sqrt(penalty) I of targets 0 added; the offset is free."""
    inputs, targets = training_set(n)
    x, y = inputs.double().numpy(), targets.double().numpy()
    ones = np.concatenate([np.ones((n, 1)), np.zeros((6, 1))])
    rows = np.hstack([np.vstack([x, np.sqrt(penalty) * np.eye(6)]), ones])
    solved = np.linalg.lstsq(rows, np.vstack([y, np.zeros((6, 4))]), rcond=None)[0]
    for fitted in (
        ridge(inputs, targets, penalty),
        ridge_for_penalties(inputs, targets)(penalty),
    ):
        np.testing.assert_allclose(fitted.weights, solved[:-1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(fitted.offset, solved[-1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(fitted(inputs), x @ solved[:-1] + solved[-1], rtol=1e-4)


def test_a_known_map_is_found():
    inputs, _ = training_set()
    weights = torch.arange(24.0).reshape(6, 4) / 10
    fitted = ridge(inputs, inputs @ weights + 5, 1e-6)
    torch.testing.assert_close(fitted.weights, weights, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(fitted.offset, torch.full((4,), 5.0), rtol=1e-3, atol=1e-2)


def test_all_penalty_leaves_the_mean():
    inputs, targets = training_set()
    torch.testing.assert_close(ridge(inputs, targets, 1e12).offset, targets.mean(0))


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_the_penalty_must_be_positive(penalty):
    with pytest.raises(ValueError, match="must be positive"):
        ridge(*training_set(), penalty)
    with pytest.raises(ValueError, match="must be positive"):
        ridge_for_penalties(*training_set())(penalty)
