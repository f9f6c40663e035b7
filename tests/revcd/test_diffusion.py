"""`zslnb.revcd.diffusion`: algorithms 1 and 2 by hand, and a Gaussian whose denoiser is known."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK_REVCD

from zslnb.revcd import (
    Diffusion,
    NoiseSchedule,
    RevCDSettings,
    SemanticUNet,
    ancestral_sample,
    ddim_sample,
    reconstruction_loss,
    schedule_of,
)
from zslnb.seeds import seeded

B, D, S = 12, 10, 5
OWN = torch.arange(B) % 3
SETTINGS = replace(QUICK_REVCD, steps=50, beta_start=1e-3, masked=0.5, weight_cap=2.0)


def net(**changes: object) -> Diffusion:
    """Return a network at rest, of fixed weights; the condition without an image is no zero."""
    with seeded(0, "test/diffusion"):
        network = Diffusion(replace(SETTINGS, **changes), D, S, torch.randn(3, S)).eval()
        torch.nn.init.normal_(network.null)
    return network


def images() -> torch.Tensor:
    with seeded(1, "test/diffusion"):
        return torch.randn(B, D)


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_the_control_never_sees_what_is_noised(sampler):
    """Zeros for z_t: every walk ends with the first estimate of a network fed zeros."""
    blind = net(sees_noised=False, sampler=sampler)
    with seeded(3, "test/control"):
        walked = blind.draw(images(), 1.0)
    last = torch.zeros(B, dtype=torch.int64)
    expected = blind.unet(torch.zeros(B, S), last, blind.visual(images()))
    torch.testing.assert_close(walked, expected)
    other = net(sampler=sampler)
    with seeded(3, "test/control"):
        assert not torch.allclose(other.draw(images(), 1.0), expected, atol=1e-3)
    errors = [losses(network)["reconstruction"] for network in (blind, other)]
    assert errors[0] != errors[1]


def test_layers_are_folded_once_a_draw_and_in_evaluation_alone(monkeypatch):
    calls, folded, network = [], SemanticUNet.folded, net()
    monkeypatch.setattr(SemanticUNet, "folded", lambda unet: calls.append(1) or folded(unet))
    network.draws(images(), (1.0, 2.0))
    assert len(calls) == 1
    network.train().draw(images(), 1.0)
    assert len(calls) == 1


def losses(network: Diffusion) -> dict[str, torch.Tensor]:
    with seeded(2, "test/losses"):
        return network.losses(images(), network.prototypes[OWN], OWN)


def noised(network: Diffusion, first: int = 0) -> tuple[torch.Tensor, ...]:
    """The draws of a training step: steps, noisy semantics, and which images are masked."""
    with seeded(2, "test/losses"):
        t = torch.randint(first, 50, (B,))
        noise = torch.randn(B, S)
        masked = (torch.rand(B) < network.settings.masked) & (torch.arange(B) > 0)
    return t, network.schedule.q_sample(network.prototypes[OWN], t, noise), masked


def by_hand(network: Diffusion, of_clean: Callable, of_noise: Callable, first: int = 0) -> dict:
    """The losses by the errors of z_0 alone, whose weights depend on the signal-to-noise."""
    t, zt, masked = noised(network, first)
    condition = network.visual(images())
    condition[masked] = network.null
    estimate, left = network.unet(zt, t, condition), network.schedule.alphas_cumprod[t]
    if network.settings.predicts == "noise":
        estimate = (zt - (1 - left).sqrt()[:, None] * estimate) / left.sqrt()[:, None]
    errors = (estimate - network.prototypes[OWN]).square().sum(1)
    cosines = F.cosine_similarity(estimate[:, None], network.prototypes[None], dim=2)
    return {
        "reconstruction": (of_clean(t, left) * errors)[~masked].mean(),
        "noise": (of_noise(t, left) * errors).mean(),
        "classification": F.cross_entropy(20 * cosines[~masked], OWN[~masked]),
    }


def ratio(t, left):
    return left / (1 - left)


def half_the_drop(t, left):
    before = schedule_of(SETTINGS).alphas_cumprod[t - 1]
    return (ratio(t, before) - ratio(t, left)) / 2


WEIGHTS = {  # of errors of z_0; an error of the noise is the ratio times as large
    ("clean", "simple"): (lambda t, _: 0 * t + 1, lambda *a: ratio(*a).clamp(max=2)),
    ("noise", "simple"): (lambda *a: (2 * ratio(*a)).clamp(max=1), ratio),
    ("clean", "variational"): (half_the_drop, half_the_drop),
    ("noise", "variational"): (half_the_drop, half_the_drop),
}


@pytest.mark.parametrize("masked", [0.0, 0.5, 0.999])
@pytest.mark.parametrize(("predicts", "weighting"), WEIGHTS)
def test_the_losses_by_hand(predicts, weighting, masked):
    network = net(predicts=predicts, weighting=weighting, masked=masked)
    weights = WEIGHTS[predicts, weighting]
    expected = by_hand(network, *weights, first=int(weighting == "variational"))
    torch.testing.assert_close(losses(network), expected, rtol=1e-3, atol=1e-4)


def test_masked_images_teach_by_their_noise_alone():
    """All but the first image are masked; what replaces an image learns from the noise loss."""
    network = net(masked=0.999)
    terms = losses(network)
    gradients = {
        name: torch.autograd.grad(term, network.null, retain_graph=True)[0].abs().max()
        for name, term in terms.items()
    }
    assert gradients.pop("noise") > 0
    assert gradients == {"reconstruction": 0, "classification": 0}
    t, zt, _ = noised(network)
    first = network.unet(zt[:1], t[:1], network.visual(images()[:1]))
    alone = reconstruction_loss(first, network.prototypes[OWN[:1]])
    torch.testing.assert_close(terms["reconstruction"], alone)


def test_a_step_goes_down_the_weighted_sum_with_a_clipped_gradient():
    """Eq. 16; the first two terms count by dimension."""
    network = net(reconstruction_weight=3.0, noise_weight=0.5, classification_weight=7.0)
    hand = copy.deepcopy(network)
    descent = torch.optim.SGD(network.parameters(), lr=0.1)
    with seeded(2, "test/losses"):
        reported = network.step(images(), network.prototypes[OWN], OWN, descent)
    terms = losses(hand)
    errors = 3 * terms["reconstruction"] + terms["noise"] / 2
    (errors / S + 7 * terms["classification"]).backward()
    length = torch.cat([p.grad.flatten() for p in hand.parameters()]).norm()
    assert length > 5
    with torch.no_grad():
        for parameter in hand.parameters():
            parameter -= 0.1 * 5 / length * parameter.grad
    torch.testing.assert_close(reported, terms)
    torch.testing.assert_close(dict(network.named_parameters()), dict(hand.named_parameters()))


def test_weights_start_from_a_condition_of_nothing():
    with seeded(0, "test/null"):
        network = Diffusion(SETTINGS, D, S, torch.randn(3, S))
    assert network.null.shape == (network.visual.width,)
    assert not network.null.any()
    assert any(p is network.null for p in network.optimisers()[0].param_groups[0]["params"])


SAMPLERS = {
    "ddim": lambda model, z: ddim_sample(model, schedule_of(SETTINGS), z, 5),
    "ancestral": lambda model, z: ancestral_sample(model, schedule_of(SETTINGS), z),
}


@torch.no_grad()
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.0])
def test_an_estimate_by_hand(sampler, guidance):
    """Alg. 2 and eq. 22: the scale weighs the estimate with the image against that without."""
    network = net(sampler=sampler)
    condition = network.visual(images())

    def model(zt, t):
        shown, hidden = (network.unet(zt, t, c) for c in (condition, network.null.expand(B, -1)))
        return guidance * shown + (1 - guidance) * hidden

    with seeded(3, "test/draw"):
        expected = SAMPLERS[sampler](model, torch.randn(B, S))
    with seeded(3, "test/draw"):
        torch.testing.assert_close(network.draw(images(), guidance), expected, rtol=1e-3, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 5), ("ancestral", 50)])
@pytest.mark.parametrize(("guidance", "rows"), [(0.0, B), (1.0, B), (2.0, 2 * B)])
def test_only_guidance_costs_a_second_pass(sampler, steps, guidance, rows):
    """And images are encoded, and mapped to each layer, once and not once a step."""
    network = net(sampler=sampler)
    joins = (*network.unet.encoder_joins, *network.unet.decoder_joins)
    watched = [network.unet.out, network.visual, *(join.visual for join in joins)]
    calls = [[] for _ in watched]
    for module, heard in zip(watched, calls, strict=True):
        module.register_forward_hook(lambda _, given, out, heard=heard: heard.append(len(out)))
    network.draw(images(), guidance)
    assert calls == [[rows] * steps, [B], *[[rows]] * len(joins)]


def test_clean_sample_and_noise_belong_together_whichever_is_predicted():
    zt, t, condition = torch.randn(B, S), torch.full((B,), 20), torch.zeros(B, 32)
    for predicts in ("clean", "noise"):
        network = net(predicts=predicts)
        z0, noise = network.both(zt, t, condition)
        torch.testing.assert_close(
            network.schedule.q_sample(z0, t, noise), zt, rtol=1e-4, atol=1e-4
        )
        assert torch.equal(z0 if predicts == "clean" else noise, network.unet(zt, t, condition))


def test_a_schedule_is_made_as_described():
    linear = schedule_of(RevCDSettings(steps=60, beta_start=0.01, beta_end=0.3))
    assert torch.equal(linear.alphas, NoiseSchedule(60, 0.01, 0.3).alphas)
    cosine = schedule_of(RevCDSettings(steps=60, schedule="cosine"))
    assert torch.equal(cosine.alphas, NoiseSchedule.cosine(60).alphas)


MEAN, SD = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.5])
BLANK = torch.zeros(1000, 1)  # the condition, which says nothing


def trained_on_a_gaussian(schedule: NoiseSchedule, steps: int = 500) -> SemanticUNet:
    """Return a network that learnt from N(MEAN, SD^2) by the error of the clean sample alone."""
    denoiser = SemanticUNet(2, 1, (64,), dropout=0.0)
    adam = torch.optim.Adam(denoiser.parameters(), lr=0.03, fused=True)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0.01, steps)
    for _ in range(steps):
        z0, t = MEAN + SD * torch.randn(512, 2), torch.randint(len(schedule), (512,))
        zt = schedule.q_sample(z0, t, torch.randn(512, 2))
        adam.zero_grad()
        reconstruction_loss(denoiser(zt, t, BLANK[:512]), z0).backward()
        adam.step()
        falling.step()
    return denoiser.eval()


def test_a_trained_denoiser_knows_the_mean_given_what_is_left():
    """E[z_0 | z_t] of a Gaussian, in closed form; off by a tenth of the data's width or less."""
    schedule = NoiseSchedule(100, 1e-3, 0.06)
    with seeded(0, "test/gaussian"):
        denoiser = trained_on_a_gaussian(schedule)
        z0, noise = MEAN + SD * torch.randn(1000, 2), torch.randn(1000, 2)
    for step, left in ((step, schedule.alphas_cumprod[step]) for step in (10, 30, 60)):
        t = torch.full((1000,), step)
        zt = schedule.q_sample(z0, t, noise)
        gain = SD**2 * left.sqrt() / (left * SD**2 + 1 - left)
        best = MEAN + gain * (zt - left.sqrt() * MEAN)
        off = (denoiser(zt, t, BLANK).detach() - best).square().mean(0).sqrt()
        assert (off < 0.1 * SD).all()


def test_everything_moves_with_the_module():
    """Also the seen prototypes and the schedule; and no Adam that it would leave behind."""
    network = net().to("meta")
    tensors = [
        *network.parameters(),
        *network.buffers(),
        network.prototypes,
        network.schedule.alphas_cumprod,
    ]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert not any(isinstance(value, torch.optim.Optimizer) for value in vars(network).values())


def test_images_are_hidden_in_training_alone_and_the_first_never():
    network = net(masked=0.999)
    condition, shown = network.condition(images())
    assert shown.all()
    torch.testing.assert_close(condition, network.visual(images()))
    condition, shown = network.condition(images(), train=True)
    assert shown.tolist() == [True] + [False] * (B - 1)
    assert torch.equal(condition[1:], network.null.expand(B - 1, -1))
