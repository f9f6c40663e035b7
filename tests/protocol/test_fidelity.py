"""`zslnb.protocol.fidelity`: Gaussians with known distances, and sets told apart by hand."""

import math

import pytest
import torch
from toys import bare

from zslnb.protocol import class_means, fidelity, frechet_distance, nearest_neighbour_test
from zslnb.seeds import torch_generator

DOUBLE = torch.float64


def normal(*shape: int, stream: str = "a") -> torch.Tensor:
    return torch.randn(*shape, generator=torch_generator(0, f"fidelity/{stream}"), dtype=DOUBLE)


def exactly(mean: list[float], covariance: list[list[float]], n: int = 50, stream: str = "a"):
    """Samples whose own mean and covariance are exactly these."""
    x = normal(n, len(mean), stream=stream)
    x = x - x.mean(0)
    spread = torch.linalg.cholesky(torch.atleast_2d(x.T.cov()))
    white = torch.linalg.solve_triangular(spread, x.T, upper=False).T
    factor = torch.linalg.cholesky(torch.tensor(covariance, dtype=DOUBLE))
    return white @ factor.T + torch.tensor(mean, dtype=DOUBLE)


@pytest.mark.parametrize(
    ("mean", "covariance", "distance"),
    [
        ([3.0, 4.0], [[1.0, 0.0], [0.0, 1.0]], 25.0),
        ([0.0, 0.0], [[4.0, 0.0], [0.0, 9.0]], (2 - 1) ** 2 + (3 - 1) ** 2),
        ([1.0, 0.0], [[2.0, 1.0], [1.0, 2.0]], 1 + (math.sqrt(3) - 1) ** 2),
    ],
)
def test_frechet_distance_from_a_standard_normal(mean, covariance, distance):
    a, b = exactly([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]), exactly(mean, covariance, 31, "b")
    assert frechet_distance(a, b) == pytest.approx(distance, abs=1e-10)
    assert frechet_distance(b, a) == pytest.approx(distance, abs=1e-10)


def test_frechet_distance_of_covariances_that_do_not_commute():
    # 2 x 2: tr (C1 C2)^(1/2) = sqrt(tr C1 C2 + 2 sqrt(det C1 det C2))
    first, second = [[2.0, 1.0], [1.0, 2.0]], [[5.0, 0.0], [0.0, 1.0]]
    shared = math.sqrt((2 * 5 + 2 * 1) + 2 * math.sqrt(3 * 5))
    a, b = exactly([0.0, 0.0], first), exactly([0.0, 0.0], second, stream="b")
    assert frechet_distance(a, b) == pytest.approx(4 + 6 - 2 * shared, abs=1e-10)


def test_frechet_distance_in_one_dimension_and_float32():
    a, b = exactly([1.0], [[4.0]]), exactly([3.0], [[0.25]])
    assert frechet_distance(a, b) == pytest.approx(4 + 1.5**2, abs=1e-10)
    assert frechet_distance(a.float(), b.float()) == pytest.approx(6.25, abs=1e-5)


@pytest.mark.parametrize("n", [5, 200])
def test_frechet_distance_of_a_sample_to_itself_is_nil(n):
    x = normal(n, 40) + 1
    assert frechet_distance(x, x) < 1e-12
    assert frechet_distance(x, x + 2) == pytest.approx(4 * 40, rel=1e-12)


def test_directions_without_spread_add_nothing_of_their_own():
    flat = torch.cat([normal(30, 3), torch.zeros(30, 60, dtype=DOUBLE)], dim=1)
    full = normal(400, 63, stream="b")
    narrow = frechet_distance(flat[:, :3], full[:, :3])
    assert frechet_distance(torch.zeros_like(flat), flat) == pytest.approx(
        float(flat.var(0).sum() + flat.mean(0).square().sum()), rel=1e-12
    )
    assert frechet_distance(flat, full) > narrow


def test_nearest_neighbours_by_hand():
    a = torch.tensor([[0.0], [1.0], [5.0]])
    b = torch.tensor([[5.5], [9.0], [9.5]])
    # 0 -> 1 and 1 -> 0; 5 -> 5.5 and 5.5 -> 5 are each other's; 9 -> 9.5 and 9.5 -> 9
    assert nearest_neighbour_test(a, b) == pytest.approx(4 / 6)
    assert nearest_neighbour_test(b, a[[2, 0, 1]]) == pytest.approx(4 / 6)
    assert nearest_neighbour_test(a, b + 100) == 1


def test_copies_and_ties():
    a = normal(20, 4)
    assert nearest_neighbour_test(a, a) == 0  # each one's copy is in the other set
    same = torch.ones(6, 3)
    assert nearest_neighbour_test(same, same) == 0.5


@pytest.mark.parametrize("block", [7, 1024])
def test_the_same_distribution_cannot_be_told_apart(block, monkeypatch):
    monkeypatch.setattr(fidelity, "BLOCK", block)
    a, b = normal(300, 3), normal(300, 3, stream="b")
    share = nearest_neighbour_test(a, b)
    # mutual neighbours decide alike, so the variance is up to twice a binomial's
    assert abs(share - 0.5) < 3 * math.sqrt(2 * 0.25 / 600)
    monkeypatch.setattr(fidelity, "BLOCK", 1024)
    assert share == nearest_neighbour_test(a, b)


@pytest.mark.parametrize("function", [frechet_distance, nearest_neighbour_test])
def test_what_cannot_be_compared_is_said(function):
    x = normal(4, 3)
    with pytest.raises(ValueError, match="have 3 and 2 features"):
        bare(function)(x, x[:, :2])
    with pytest.raises(ValueError, match="two samples a set or more, not 1"):
        function(x[:1], x[:1])
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not finite"):
            function(x, torch.full((4, 3), value, dtype=DOUBLE))


def test_unequal_sets_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"have 4 and 6\. Draw 4 samples of the larger first"):
        nearest_neighbour_test(normal(4, 3), normal(6, 3))


def test_class_means_follow_the_ids():
    features = torch.tensor([[1.0, 0], [0, 4], [3, 0], [0, 0]])
    means = class_means(features, torch.tensor([5, 2, 5, 2]))
    assert means.tolist() == [[0, 2], [2, 0]]
