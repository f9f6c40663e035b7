"""`zslnb.revcd.baselines`: a step of each by hand, and what an estimate is drawn from."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from toys import QUICK_REVCD

from zslnb.imagination import critic_losses
from zslnb.revcd import ConditionalGAN, ConditionalVAE
from zslnb.seeds import seeded

B, D, S = 12, 10, 5
OWN = torch.zeros(B, dtype=torch.int64)
SETTINGS = replace(
    QUICK_REVCD, dropout=0.0, widths=(16, 8, 4), kl_weight=3.0, penalty_weight=2.0, critic_steps=3
)
MADE = {"cvae": ConditionalVAE, "gan": ConditionalGAN}
each_kind = pytest.mark.parametrize("kind", MADE)


def net(kind: str) -> ConditionalVAE | ConditionalGAN:
    """Return fixed weights."""
    with seeded(0, "test/baselines"):
        return MADE[kind](SETTINGS, D, S)


def plain(model: ConditionalVAE | ConditionalGAN) -> list[torch.optim.SGD]:
    """Return plain descent in place of each Adam, which would hide a term's weight."""
    groups = [adam.param_groups[0]["params"] for adam in model.optimisers()]
    return [torch.optim.SGD(parameters, lr=0.1) for parameters in groups]


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    with seeded(1, "test/baselines"):
        return torch.randn(B, D), torch.randn(B, S)


def drawn(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return network(torch.cat([torch.randn(B, 4), x], dim=1))


def descend(part: nn.Module, loss: torch.Tensor) -> None:
    weights = list(part.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight -= 0.1 * gradient


def vae_by_hand(model: ConditionalVAE, x, z0) -> dict[str, torch.Tensor]:
    out = model.encoder(torch.cat([z0, x], dim=1))
    mean, log_var = out[:, :4], out[:, 4:]
    latent = mean + log_var.exp().sqrt() * torch.randn(B, 4)
    rebuilt = model.generator(torch.cat([latent, x], dim=1))
    terms = {
        "reconstruction": (rebuilt - z0).square().sum(1).mean(),
        "kl": (mean.square() + log_var.exp() - 1 - log_var).sum(1).mean() / 2,
    }
    descend(model, terms["reconstruction"] + 3 * terms["kl"])
    return terms


def gan_by_hand(model: ConditionalGAN, x, z0) -> dict[str, torch.Tensor]:
    fakes = [drawn(model.generator, x).detach() for _ in range(3)]
    for fake in fakes:
        terms = critic_losses(model.critic, z0, fake, x)
        descend(model.critic, terms["critic"] + 2 * terms["penalty"])
    loss = -model.critic(drawn(model.generator, x), x).mean()
    descend(model.generator, loss)
    return {**terms, "generator": loss}


BY_HAND = {"cvae": vae_by_hand, "gan": gan_by_hand}


@each_kind
def test_a_step_by_hand(kind):
    model, (x, z0) = net(kind), pairs()
    hand = copy.deepcopy(model)
    with seeded(2, "test/step"):
        reported = model.step(x, z0, OWN, *plain(model))
    with seeded(2, "test/step"):
        expected = BY_HAND[kind](hand, x, z0)
    torch.testing.assert_close(reported, expected)
    torch.testing.assert_close(dict(model.named_parameters()), dict(hand.named_parameters()))


@each_kind
def test_an_estimate_comes_from_noise_and_image_and_knows_no_guidance(kind):
    model, (x, _) = net(kind), pairs()
    network = model.generator
    with seeded(3, "test/draw"):
        draws = model.draws(x, (1.0, 7.0))
    with seeded(3, "test/draw"):
        assert torch.equal(draws[0], drawn(network, x))
    assert torch.equal(*draws)
    assert not torch.equal(model.draw(x), model.draw(x))


@each_kind
def test_hidden_layers_are_the_first_two_of_the_diffusions(kind):
    """Down in the encoder, up in the generator."""
    model = net(kind)
    up = model.generator
    assert [m.out_features for m in up if isinstance(m, nn.Linear)] == [8, 16, S]
    if kind == "cvae":
        assert [m.out_features for m in model.encoder if isinstance(m, nn.Linear)] == [16, 8, 8]
    assert [type(m) for m in up] == [nn.Linear, *[nn.ReLU, nn.Linear] * 2]
