"""`zslnb.imagination.fvaegan`: which networks a kind has, and which of them a step moves."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK_IMAGINATION, toy

from zslnb.imagination import KINDS, Networks, build_networks, cvae_losses, fit
from zslnb.imagination.cvae import reconstruction_gradient
from zslnb.protocol import ClassifierSettings, SoftmaxClassifier
from zslnb.seeds import seeded, torch_generator

GENERATOR = torch_generator(0, "tests/fvaegan")
B, D, S = 12, 6, 4
X = torch.rand(B, D, generator=GENERATOR)
A = torch.randn(B, S, generator=GENERATOR)
LABELS = torch.arange(B) % 3
NAMES = ("generator", "encoder", "critic", "judge")
HAS = {
    "fvaegan": {"generator", "encoder", "critic"},
    "gan": {"generator", "critic", "judge"},
    "cvae": {"generator", "encoder"},
}


def networks_of(kind: str = "fvaegan", hidden: tuple[int, ...] = (), **changes) -> Networks:
    settings = replace(QUICK_IMAGINATION, kind=kind, **changes)
    with seeded(0, "tests/weights"):
        its = ClassifierSettings(hidden=hidden)
        judge = SoftmaxClassifier(D, 3, its) if kind == "gan" else None
        networks = build_networks(settings, D, S, judge and judge.eval().requires_grad_(False))
    for optimiser in networks.optimisers.values():  # bigger weights, so that every term counts
        for parameter in optimiser.param_groups[0]["params"]:
            torch.nn.init.normal_(parameter, std=0.3, generator=GENERATOR)
    return networks


def state(networks: Networks) -> dict[str, torch.Tensor]:
    parts = {name: getattr(networks, name) for name in NAMES}
    return {
        name: torch.cat([p.detach().flatten().clone() for p in part.parameters()])
        for name, part in parts.items()
        if part is not None
    }


def moved(before: dict, after: dict) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_just_the_networks_it_needs(kind):
    networks = networks_of(kind)
    assert set(state(networks)) == HAS[kind]
    assert set(networks.optimisers) == HAS[kind] - {"judge"}


@pytest.mark.parametrize(("given", "width"), [(None, S), (9, 9)])
def test_the_latent_is_as_wide_as_the_semantics_unless_set(given, width):
    networks = networks_of(latent_dim=given)
    mean, log_var = networks.encoder(X, A)
    assert mean.shape == log_var.shape == (B, width)
    assert networks.generator.latent_dim == width
    assert networks.generator.from_noise(A).shape == (B, D)


def test_kinds_of_one_seed_start_with_the_same_generator():
    states = []
    for kind in KINDS:
        with seeded(0, "tests/weights"):
            states.append(state(build_networks(replace(QUICK_IMAGINATION, kind=kind), D, S)))
    assert torch.equal(states[0]["generator"], states[1]["generator"])
    assert torch.equal(states[0]["generator"], states[2]["generator"])
    assert torch.equal(states[0]["encoder"], states[2]["encoder"])


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("kind", ["fvaegan", "gan"])
def test_a_critic_step_moves_the_critic_alone(kind, encoded):
    networks = networks_of(kind, encoded_noise=encoded)
    before = state(networks)
    terms = networks.critic_step(X, networks.make(X, A), A)
    assert moved(before, state(networks)) == {"critic"}
    assert set(terms) == {"critic", "penalty"}


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_step_moves_generator_and_encoder_alone(kind, encoded):
    networks = networks_of(kind, encoded_noise=encoded)
    before = state(networks)
    networks.generator_step(X, A, LABELS)
    assert moved(before, state(networks)) == HAS[kind] & {"generator", "encoder"}


@pytest.mark.parametrize("rows", [B, 5])
@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize(("kind", "hidden"), [*((kind, ()) for kind in KINDS), ("gan", (7,))])
def test_gradients_written_out_are_autograds(kind, hidden, encoded, rows):
    networks = networks_of(kind, hidden, encoded_noise=encoded, classification_weight=0.5)
    x, a, labels = X[:rows], A[:rows], LABELS[:rows]
    with seeded(1, "noise"):
        terms = networks.losses(x, a, labels)
    weights = {"adversarial": 10.0, "classification": 5.0}
    sum(weights.get(name, 1.0) * term for name, term in terms.items()).backward()
    trained = [networks.generator, *([networks.encoder] if networks.encoder else [])]
    expected = [p.grad for network in trained for p in network.parameters()]
    networks.zero_grad()
    with seeded(1, "noise"):
        found = networks.leave_gradients(x, a, labels)
    torch.testing.assert_close(found, {name: term.detach() for name, term in terms.items()})
    assert not any(term.requires_grad for term in found.values())
    ours = [p.grad for network in trained for p in network.parameters()]
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
    assert min(float(gradient.abs().max()) for gradient in expected) > 1e-3


def test_an_entry_kept_from_the_edge_has_no_gradient():
    x_hat = torch.tensor([[0.5, 5e-7, 2e-6, 1 - 2e-6, 1.0]], requires_grad=True)
    latent = torch.zeros(1, 2)
    cvae_losses(x_hat, torch.ones(1, 5), latent, latent)["reconstruction"].backward()
    ours = reconstruction_gradient(x_hat.detach(), torch.ones(1, 5))
    assert torch.equal(ours, x_hat.grad)
    assert torch.equal(ours == 0, torch.tensor([[False, True, False, False, True]]))


@pytest.mark.parametrize("kind", KINDS)
def test_training_takes_what_is_written_out(kind, monkeypatch):
    def refused(*_: object) -> None:
        raise AssertionError("autograd's form was asked")

    monkeypatch.setattr(Networks, "losses", refused)
    settings = replace(QUICK_IMAGINATION, kind=kind)
    assert len(fit(toy(), settings).history) == settings.rounds


def test_steps_leave_no_gradient_where_none_belongs():
    """A generator step goes through critic and judge; their gradients must not pile up there."""
    networks = networks_of("gan")
    networks.generator_step(X, A, LABELS)
    assert all(p.grad is None for p in networks.critic.parameters())
    assert all(p.grad is None for p in networks.judge.parameters())


@pytest.mark.parametrize(("kind", "encoded"), [("fvaegan", False), ("gan", True), ("gan", False)])
def test_otherwise_the_critic_gets_features_from_noise(kind, encoded):
    """The GAN alone has no encoder, whatever the setting says."""
    networks = networks_of(kind, encoded_noise=encoded)
    for x in (X, X.flip(0)):
        with seeded(0, "noise"):
            features = networks.make(x, A)
        with seeded(0, "noise"):
            assert torch.equal(features, networks.generator(torch.randn(B, 4), A))


@pytest.mark.parametrize(("adaptive", "penalties", "expected"), [
    (True, [0.0, 3.0], 11.0),
    (True, [0.0, 2.0], 10 / 1.1),
    (True, [1.0, 1.05], 10.0),
    (False, [0.0, 3.0], 10.0),
])  # fmt: skip
def test_the_penaltys_weight_follows_the_mean_of_the_critics_steps(adaptive, penalties, expected):
    networks = networks_of(adaptive_penalty=adaptive, penalty_weight=10.0)
    networks.adapt(torch.tensor(penalties))
    assert networks.penalty_weight == pytest.approx(expected)
