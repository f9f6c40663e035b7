"""`zslnb.revcd.hull`: distances to a triangle, and to hulls of random points."""

import pytest
import torch

from zslnb.revcd import hull_distance
from zslnb.seeds import torch_generator

TRIANGLE = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


@pytest.mark.parametrize(
    ("point", "distance"),
    [
        ([1.0, 1.0], 0.0),
        ([0.0, 0.0], 0.0),
        ([2.0, -3.0], 3.0),  # below an edge
        ([-3.0, -4.0], 5.0),  # beyond a corner
        ([4.0, 4.0], 8**0.5),  # before the slope
    ],
)
def test_the_distance_to_a_triangle(point, distance):
    distances, weights = hull_distance(torch.tensor([point]), TRIANGLE)
    assert float(distances) == pytest.approx(distance, abs=1e-3)
    assert float(weights.sum()) == pytest.approx(1)
    assert (weights >= 0).all()


def test_averages_lie_inside_and_the_weights_say_which():
    generator = torch_generator(0, "test/hull")
    vertices = torch.randn(8, 20, generator=generator)
    shares = torch.rand(30, 8, generator=generator).softmax(1)
    distances, weights = hull_distance(shares @ vertices, vertices)
    assert distances.max() < 1e-2
    torch.testing.assert_close(weights, shares, rtol=0, atol=1e-2)  # 8 points in 20-d: one way


def test_no_point_of_the_hull_is_nearer():
    """At the nearest point no vertex lies further along the way to the point (optimality)."""
    generator = torch_generator(1, "test/hull")
    vertices, points = (
        torch.randn(12, 5, generator=generator),
        torch.randn(6, 5, generator=generator),
    )
    distances, weights = hull_distance(3 * points, vertices)
    nearest = weights @ vertices
    away = 3 * points - nearest
    assert ((vertices @ away.T).max(0).values <= (nearest * away).sum(1) + 1e-2).all()
    torch.testing.assert_close(distances, away.norm(dim=1))
