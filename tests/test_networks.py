"""`zslnb.networks`: what all methods build their networks of, and their Adam."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from zslnb.networks import Adam, Dropout, draw_latent, draw_small_weights, perceptron
from zslnb.seeds import seeded


def trained(adam: type) -> list[torch.Tensor]:
    with seeded(0, "test/adam"):
        net = perceptron([3, 4, 2])
        how = {} if adam is Adam else {"fused": True}
        optimiser = adam(net.parameters(), lr=0.1, betas=(0.5, 0.999), **how)
        for _ in range(10):
            optimiser.zero_grad()
            net(torch.randn(5, 3)).square().sum().backward()
            optimiser.step()
    return [parameter.detach() for parameter in net.parameters()]


def test_adam_is_torchs_to_the_bit():
    for ours, theirs in zip(trained(Adam), trained(torch.optim.Adam), strict=True):
        assert torch.equal(ours, theirs)


def test_adam_says_what_it_cannot_do():
    net = perceptron([3, 4, 2])
    adam = Adam(net.parameters(), lr=0.1)
    net[0](torch.randn(5, 3)).sum().backward()
    before = [parameter.clone() for parameter in net.parameters()]
    with pytest.raises(ValueError, match="no gradient"):
        adam.step()
    assert all(map(torch.equal, before, net.parameters()))
    with pytest.raises(TypeError, match="copied or pickled"):
        copy.deepcopy(adam)


def test_training_does_not_import_the_compiler():
    """It would take seconds in every process, and nothing is compiled."""
    code = """
import sys, torch
from zslnb.networks import Dropout, Adam
weight = torch.nn.Parameter(torch.ones(2))
adam = Adam([weight], lr=0.1)
weight.sum().backward()
adam.step()
adam.zero_grad()
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("dropout", "kinds"), [(0.0, [nn.ReLU]), (0.5, [nn.ReLU, Dropout])])
def test_layers_stand_between_the_linear_ones(dropout, kinds):
    net = perceptron([3, 5, 4, 2], dropout=dropout)
    assert [type(m) for m in net] == [nn.Linear, *[*kinds, nn.Linear] * 2]
    widths = [(m.in_features, m.out_features) for m in net if isinstance(m, nn.Linear)]
    assert widths == [(3, 5), (5, 4), (4, 2)]


def test_small_weights_are_small_and_biases_zero():
    net = nn.Sequential(perceptron([300, 300]), nn.Linear(300, 300, bias=False))
    draw_small_weights(net)
    for layer in (net[0][0], net[1]):
        assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        assert layer.bias is None or not layer.bias.any()


def test_a_latent_has_its_mean_and_variance():
    with seeded(0, "test/latent"):
        latent = draw_latent(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), 4.0).log())
    assert float(latent.mean()) == pytest.approx(3, abs=0.1)
    assert float(latent.std()) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_dropout_hides_that_share_and_keeps_the_mean(p):
    layer, x = Dropout(p), torch.ones(400, 500)
    torch.manual_seed(0)
    dropped = layer(x)
    assert float((dropped == 0).float().mean()) == pytest.approx(p, abs=0.01)
    kept = dropped[dropped != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / max(1 - p, 1e-9)))
    assert layer.eval()(x) is x
