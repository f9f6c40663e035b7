"""`zslnb.revcd.semantics`: standardised where it was fitted, and cosines of any length."""

import pytest
import torch

from zslnb.revcd import Standardiser, prototype_scores
from zslnb.seeds import torch_generator

WIDE = torch.tensor([1e-3, 1.0, 80.0])
AT = torch.tensor([0.0, -4.0, 1000.0])


def rows(n: int = 40) -> torch.Tensor:
    return AT + WIDE * torch.randn(n, 3, generator=torch_generator(0, "test/rows"))


def test_what_it_was_fitted_on_has_mean_zero_and_variance_one():
    standardised = Standardiser.fitted(rows())(rows())
    torch.testing.assert_close(standardised.mean(0), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(standardised.var(0, correction=0), torch.ones(3))


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e17, 1e-30, 3e38])
@pytest.mark.parametrize("n", [1, 3, 7])
def test_a_constant_column_becomes_zero(value, n):
    """Where it was fitted; elsewhere it is finite, too."""
    constant = torch.full((n, 2), value)
    fitted = Standardiser.fitted(constant)
    assert not fitted(constant).any()
    assert fitted(torch.ones(1, 2)).isfinite().all()


def test_a_constant_column_leaves_the_others_alone():
    dead = torch.cat([rows(), torch.full((40, 1), 0.7)], dim=1)
    standardised = Standardiser.fitted(dead)(dead)
    assert torch.equal(standardised[:, :3], Standardiser.fitted(rows())(rows()))
    assert not standardised[:, 3].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_keeps_the_precision_of_what_it_was_fitted_on(dtype):
    given = rows().to(dtype)
    fitted = Standardiser.fitted(given)
    assert fitted.mean.dtype == fitted.scale.dtype == fitted(given).dtype == dtype


def test_scores_are_cosines():
    estimates = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    prototypes = torch.tensor([[2.0, 0.0], [0.0, -5.0], [-1.0, 1.0]])
    half = 2**-0.5
    expected = torch.tensor([[1.0, 0.0, -half], [half, -half, 0.0]])
    torch.testing.assert_close(prototype_scores(estimates, prototypes), expected)


@pytest.mark.parametrize(
    "length",
    [
        1e-6,
        1e15,
        1e25,
        1e-20,
    ],
)
def test_a_cosine_knows_no_length(length):
    """A large guidance scale makes long estimates that are finite all the same."""
    estimates, prototypes = rows(4) / 1000, rows(5)[1:] - AT
    expected = prototype_scores(estimates, prototypes)
    torch.testing.assert_close(prototype_scores(length * estimates, prototypes), expected)


@pytest.mark.parametrize("what", ["prototype", "estimate"])
def test_all_zeros_have_no_direction(what):
    good, bad = torch.ones(3, 2), torch.ones(3, 2)
    bad[1] = 0
    given = (good, bad) if what == "prototype" else (bad, good)
    with pytest.raises(ValueError, match=f"{what} of row 1 is all zeros"):
        prototype_scores(*given)
