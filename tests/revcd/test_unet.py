"""`zslnb.revcd.unet`: its path by hand, and that skips, image and time have a part in it."""

import pytest
import torch

from zslnb.revcd import CONDITIONINGS, SemanticUNet
from zslnb.seeds import seeded

B, S, V = 6, 5, 3
each_conditioning = pytest.mark.parametrize("conditioning", CONDITIONINGS)


def net(widths: tuple[int, ...] = (16, 8, 4), conditioning: str = "cross") -> SemanticUNet:
    """Return a network of fixed weights, at rest: batch normalisation moves no sample."""
    with seeded(0, "test/unet"):
        return SemanticUNet(S, V, widths, 0.1, conditioning).eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    with seeded(1, "test/unet"):
        return torch.randn(B, S), torch.randint(500, (B,)), torch.randn(B, V)


@pytest.mark.parametrize("widths", [(8,), (16, 8), (16, 8, 4), (4, 12), (16, 12, 8, 4)])
@each_conditioning
def test_what_comes_out_is_as_wide_as_what_went_in(widths, conditioning):
    network = net(widths, conditioning)
    for mode in (True, False):
        assert network.train(mode)(*inputs()).shape == (B, S)


def test_the_path_down_and_up_by_hand():
    network, (zt, t, visual) = net(), inputs()
    down, down_joins, up, up_joins = (
        list(part)
        for part in (network.encoder, network.encoder_joins, network.decoder, network.decoder_joins)
    )
    wide = down_joins[0](down[0](zt), t, visual)
    middle = down_joins[1](down[1](wide), t, visual)
    narrow = down_joins[2](down[2](middle), t, visual)
    back = torch.cat([up_joins[0](up[0](narrow), t, visual), middle], dim=1)
    out = torch.cat([up_joins[1](up[1](back), t, visual), wide], dim=1)
    torch.testing.assert_close(network(zt, t, visual), network.out(out))
    assert (narrow.shape[1], back.shape[1], out.shape[1]) == (4, 16, 32)


def test_layers_down_multiply_by_time_and_layers_up_by_the_image():
    network = net()
    assert [join.time_multiplies for join in network.encoder_joins] == [True] * 3
    assert [join.time_multiplies for join in network.decoder_joins] == [False] * 2


@pytest.mark.parametrize("which", ["out", "decoder.1.0"])
def test_skips_are_read(which):
    """The second half of what each of these reads comes from the way down."""
    network, given = net(), inputs()
    before, weight = network(*given), network.get_submodule(which).weight
    with torch.no_grad():
        weight[:, weight.shape[1] // 2 :] = 0
    assert ((network(*given) - before).abs().amax(1) > 1e-3).all()


@each_conditioning
def test_image_and_time_change_the_estimate(conditioning):
    network, (zt, t, visual) = net(conditioning=conditioning), inputs()
    before = network(zt, t, visual)
    for given in ((zt, t + 200, visual), (zt, t, visual + 1), (zt + 1, t, visual)):
        assert ((network(*given) - before).abs().amax(1) > 1e-4).all()


@each_conditioning
def test_one_step_for_all_and_a_condition_mapped_before_change_nothing(conditioning):
    network, (zt, _, visual) = net(conditioning=conditioning), inputs()
    step = torch.full((B,), 77)
    mapped, time = network.mapped(visual), network.timed(torch.tensor([3, 77]))
    found = network.estimate(zt, [of_layer[1:] for of_layer in time], mapped)
    torch.testing.assert_close(found, network(zt, step, visual))


@each_conditioning
def test_two_conditions_of_the_same_rows_are_two_estimates(conditioning):
    network, (zt, t, visual) = net(conditioning=conditioning), inputs()
    network.eval()
    both = network.estimate(
        zt, network.timed(t[:1]), network.mapped(torch.cat([visual, visual.flip(0)]))
    )
    alone = [network(zt, t[:1].expand(B), v) for v in (visual, visual.flip(0))]
    torch.testing.assert_close(both, torch.cat(alone))


@each_conditioning
def test_folded_layers_are_those_of_evaluation(conditioning):
    """Also after training, when batch normalisation moves and scales."""
    network, given = net(conditioning=conditioning), inputs()
    with seeded(2, "test/unet"), torch.no_grad():
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand_like(buffer) + 0.5)
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.2)
    before, (zt, t, visual) = network(*given), given
    found = network.estimate(zt, network.timed(t), network.mapped(visual), network.folded())
    torch.testing.assert_close(found, before)
    torch.testing.assert_close(network(*given), before, rtol=0, atol=0)  # they are copies
    assert not torch.allclose(before, net(conditioning=conditioning)(*given), atol=1e-2)


@each_conditioning
def test_every_weight_learns(conditioning):
    network = net(conditioning=conditioning)
    network(*inputs()).square().sum().backward()
    idle = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert idle == set()


def test_an_unknown_conditioning_lists_the_known():
    with pytest.raises(ValueError, match=r"conditioning must be one of cross, .*, not 'gate'"):
        net(conditioning="gate")
