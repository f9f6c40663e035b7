"""`zslnb.imagination.cvae`: a cross-entropy that stays finite, and the latent that is drawn."""

import math

import pytest
import torch

from zslnb.imagination import Encoder, Generator, cvae_losses, reconstruct
from zslnb.seeds import seeded, torch_generator

GENERATOR = torch_generator(0, "tests/cvae")
NOTHING = torch.zeros(2, 3), torch.zeros(2, 3)  # a latent that is N(0, I)


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def test_cross_entropy_is_summed_over_dimensions_and_averaged_over_the_batch():
    x_hat = torch.tensor([[0.2, 0.5, 0.9], [0.1, 0.6, 0.3]])
    x = torch.tensor([[0.0, 0.5, 1.0], [0.3, 0.6, 0.2]])
    by_hand = -sum(
        t * math.log(p) + (1 - t) * math.log(1 - p)
        for p, t in zip(x_hat.flatten().tolist(), x.flatten().tolist(), strict=True)
    )
    assert float(cvae_losses(x_hat, x, *NOTHING)["reconstruction"]) == pytest.approx(by_hand / 2)


def test_outputs_that_are_sure_and_wrong_cost_much_but_finitely():
    """A sigmoid in single precision reaches 0 and 1; the released 1e-12 is lost there."""
    x_hat = torch.tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = cvae_losses(x_hat, x, *NOTHING)["reconstruction"]
    assert float(loss.detach()) == pytest.approx(-math.log(1e-6), rel=0.01)
    loss.backward()
    assert x_hat.grad.isfinite().all()


def test_a_perfect_reconstruction_costs_its_entropy_and_no_other_is_cheaper():
    x = torch.tensor([[0.2, 0.5, 0.7]]).expand(2, 3)
    entropy = -sum(p * math.log(p) + (1 - p) * math.log(1 - p) for p in (0.2, 0.5, 0.7))
    assert float(cvae_losses(x, x, *NOTHING)["reconstruction"]) == pytest.approx(entropy)
    for off in (-0.05, 0.05):
        assert cvae_losses(x + off, x, *NOTHING)["reconstruction"] > entropy


def test_what_is_not_finite_is_passed_on_as_a_loss():
    """So that training can say at which step it diverged; an error of torch's could not."""
    x = torch.full((2, 3), 0.5)
    losses = cvae_losses(x * math.nan, x, torch.full((2, 3), math.inf), torch.zeros(2, 3))
    assert not losses["reconstruction"].isfinite()
    assert not losses["kl"].isfinite()


def test_reconstructing_is_encode_draw_decode():
    encoder, generator = Encoder(6, 4, 16, 3), Generator(3, 4, 16, 6)
    torch.nn.init.constant_(encoder.log_var.bias, 2.0)  # a spread that differs from its square
    torch.nn.init.normal_(generator.layers[0].weight)
    x, a = rows(5, 6), rows(5, 4)
    with seeded(0, "noise"):
        x_hat, mean, log_var = reconstruct(encoder, generator, x, a)
    with seeded(0, "noise"):
        z = mean + log_var.exp().sqrt() * torch.randn(5, 3)
    torch.testing.assert_close((mean, log_var), encoder(x, a))
    torch.testing.assert_close(x_hat, generator(z, a))
