"""`zslnb.imagination.gan`: the penalty against autograd, twice through, and its weight's rule."""

import pytest
import torch

from zslnb.imagination import (
    Critic,
    adapted_penalty_weight,
    critic_death,
    critic_gradients,
    critic_losses,
    gradient_penalty,
)
from zslnb.seeds import seeded, torch_generator

GENERATOR = torch_generator(0, "tests/gan")
B, D, S, H = 12, 6, 4, 32


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=GENERATOR)


@pytest.fixture
def critic() -> Critic:
    critic = Critic(D, S, H)
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.copy_(0.5 * rows(*parameter.shape))
    return critic


def penalty_by_autograd(critic: Critic, real, fake, a) -> torch.Tensor:
    """Gulrajani et al. 2017 as the released code computes it, differentiable once more."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    scores = critic(between, a)
    (gradient,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)
    return ((gradient.norm(2, dim=1) - 1) ** 2).mean()


def first_layer(critic: Critic, real, fake, a) -> list[torch.Tensor]:
    return [critic.features(x) + critic.semantics(a) for x in (real, fake)]


def with_gradients(critic: Critic, loss: torch.Tensor) -> tuple[torch.Tensor, list]:
    gradients = torch.autograd.grad(loss, list(critic.parameters()), allow_unused=True)
    filled = [
        torch.zeros_like(p) if gradient is None else gradient
        for p, gradient in zip(critic.parameters(), gradients, strict=True)
    ]
    return loss.detach(), filled


def test_the_penalty_is_autograds_in_value_and_in_what_it_teaches(critic):
    real, fake, a = rows(B, D), 3 * rows(B, D), rows(B, S)
    with seeded(0, "between"):
        expected = with_gradients(critic, penalty_by_autograd(critic, real, fake, a))
    with seeded(0, "between"):
        penalty = gradient_penalty(critic, *first_layer(critic, real, fake, a))
    ours = with_gradients(critic, penalty)
    torch.testing.assert_close(ours, expected)
    assert sum(bool(gradient.any()) for gradient in expected[1]) == 2  # both layers' weights


def test_the_penalty_of_a_linear_critic_is_known(critic):
    """With large positive biases LeakyReLU is the identity: one gradient everywhere."""
    with torch.no_grad():
        critic.semantics.bias.fill_(1000.0)
    steepness = (critic.out.weight @ critic.features.weight).norm()
    penalty = gradient_penalty(critic, *first_layer(critic, rows(B, D), rows(B, D), rows(B, S)))
    torch.testing.assert_close(penalty, (steepness - 1) ** 2)


def test_points_between_lie_on_the_line_with_one_share_a_sample(critic, monkeypatch):
    seen = []
    original = Critic.gradient_at
    monkeypatch.setattr(Critic, "gradient_at", lambda c, h: seen.append(h) or original(c, h))
    real, fake = rows(400, H), rows(400, H)
    gradient_penalty(critic, real, fake)
    shares = (seen[0] - fake) / (real - fake)
    assert shares.std(dim=1).max() < 1e-2
    shares = shares.median(dim=1).values
    assert shares.min() >= -1e-3
    assert shares.max() <= 1 + 1e-3
    assert float(shares.mean()) == pytest.approx(0.5, abs=4 * (1 / 12 / 400) ** 0.5)


def test_the_wasserstein_term_is_low_where_the_real_score_high(critic):
    real, fake, a = rows(B, D), rows(B, D), rows(B, S)
    high, low = (critic(x, a).sum() / B for x in (real, fake))
    torch.testing.assert_close(critic_losses(critic, real, fake, a)["critic"], low - high)
    torch.testing.assert_close(critic_losses(critic, fake, real, a)["critic"], high - low)


@pytest.mark.parametrize("n", [B, 16])
def test_gradients_written_out_are_autograds(critic, n):
    real, fake, a = rows(n, D), 3 * rows(n, D), rows(n, S)
    with seeded(0, "between"):
        terms = critic_losses(critic, real, fake, a)
    expected = with_gradients(critic, 7 * (terms["critic"] + 2.5 * terms["penalty"]))[1]
    with seeded(0, "between"):
        found = critic_gradients(critic, real, fake, a, torch.tensor(2.5), 7.0)
    torch.testing.assert_close(found, {name: term.detach() for name, term in terms.items()})
    for parameter, gradient in zip(critic.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (0.0, 10 / 1.1),
        (1.0, 10 / 1.1),
        (1.0009, 10 / 1.1),
        (1.001, 10),
        (1.02, 10),
        (1.05, 10),
        (1.0501, 11),
        (300.0, 11),
        (float("nan"), 10),
    ],
)
def test_the_penaltys_weight_moves_by_a_tenth_outside_a_narrow_band(penalty, expected):
    assert adapted_penalty_weight(10.0, penalty) == pytest.approx(expected)


ALIVE = {"round": 1, "critic": -0.3, "penalty": 0.1, "penalty weight": 0.2}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"penalty weight": 1.2e-9}, "in round 2: its penalty's weight is 1e-09."),
        ({"critic": 2e-5, "penalty": 1.0002}, "in round 2: it is flat, with a gap of 2e-05."),
        ({"critic": 2e-5}, ""),  # as steep as ever
        ({"penalty": 1.0002}, ""),  # between its rise and its fall, and of use
        ({}, ""),
    ],
)
def test_a_critics_death_has_a_round_and_a_cause(second, said):
    history = [ALIVE, {**ALIVE, "round": 2, **second}, {**ALIVE, "round": 3, **second}]
    assert critic_death(history) == (said and f"The critic died {said}")


def test_without_a_critic_there_is_no_death():
    assert critic_death([{"round": 1, "kl": 0.0, "penalty weight": 10.0}]) == ""
    assert critic_death([]) == ""
