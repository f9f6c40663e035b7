"""`zslnb.imagination.networks`: the released layers, and the critic's gradient in closed form."""

import pytest
import torch
import torch.nn.functional as F

from zslnb.imagination import Critic, Encoder, Generator
from zslnb.seeds import torch_generator

GENERATOR = torch_generator(0, "tests/networks")
D, S, H, L = 6, 4, 32, 3


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


def grown(network: torch.nn.Module) -> torch.nn.Module:
    """Weights of size one and biases that are not 0, so that every part of a layer matters."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(rows(*parameter.shape))
    return network


@pytest.fixture
def critic() -> Critic:
    return grown(Critic(D, S, H))


def linear(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return x @ layer.weight.T + layer.bias


def leaky(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def test_the_encoder_is_two_hidden_layers_and_two_heads():
    encoder, x, a = grown(Encoder(D, S, H, L)), rows(5, D), rows(5, S)
    hidden = leaky(linear(encoder.hidden[0], torch.cat([x, a], 1)))
    hidden = leaky(linear(encoder.hidden[2], hidden))
    assert hidden.shape == (5, 2 * L)
    mean, log_var = encoder(x, a)
    torch.testing.assert_close(mean, linear(encoder.mean, hidden))
    torch.testing.assert_close(log_var, linear(encoder.log_var, hidden))


def test_the_generator_is_one_hidden_layer_and_ends_within_0_and_1():
    generator, z, a = grown(Generator(L, S, H, D)), rows(5, L), rows(5, S)
    hidden = leaky(linear(generator.layers[0], torch.cat([z, a], 1)))
    out = linear(generator.layers[2], hidden)
    torch.testing.assert_close(generator(z, a), 1 / (1 + torch.exp(-out)))
    wild = generator(1e4 * z, a)
    assert wild.isfinite().all()
    assert wild.min() >= 0
    assert wild.max() <= 1


@pytest.mark.parametrize("make", [Encoder, Generator, Critic])
def test_weights_start_small_and_biases_at_zero(make):
    widths = (300, 200, 400) if make is Critic else (300, 200, 400, 100)
    for layer in (m for m in make(*widths).modules() if isinstance(m, torch.nn.Linear)):
        assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.15)
        assert layer.bias is None or not layer.bias.any()


def test_the_critic_is_one_layer_on_feature_and_semantics_together(critic):
    """As released: a linear layer on [x, a], LeakyReLU, a linear layer without a sigmoid."""
    x, a = 10 * rows(7, D), rows(7, S)
    joined = torch.cat([critic.features.weight, critic.semantics.weight], dim=1)
    hidden = F.linear(torch.cat([x, a], dim=1), joined, critic.semantics.bias)
    expected = linear(critic.out, leaky(hidden))[:, 0]
    torch.testing.assert_close(critic(x, a), expected)
    torch.testing.assert_close(critic.score(critic.features(x) + critic.semantics(a)), expected)
    assert expected.abs().max() > 1


def test_the_gradient_in_closed_form_is_autograds(critic):
    x, context = rows(50, D).requires_grad_(), critic.semantics(rows(50, S))
    hidden = critic.features(x) + context
    assert 0.2 < float((hidden > 0).double().mean()) < 0.8  # both slopes are there
    (expected,) = torch.autograd.grad(critic.score(hidden).sum(), x)
    torch.testing.assert_close(critic.input_gradient(x, context), expected)


def test_the_gradient_is_autograds_at_the_kink_too():
    critic = grown(Critic(D, S, H))
    with torch.no_grad():
        critic.semantics.bias.zero_()
    x, context = torch.zeros(2, D, requires_grad=True), torch.zeros(2, H)
    (expected,) = torch.autograd.grad(critic.score(critic.features(x) + context).sum(), x)
    torch.testing.assert_close(critic.input_gradient(x, context), expected)
