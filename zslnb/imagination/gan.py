"""The conditional Wasserstein GAN with gradient penalty, of f-CLSWGAN and f-VAEGAN."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from zslnb.imagination.networks import SLOPE, Critic, leaky_backward

DEAD = 1e-6  # a penalty's weight that no longer counts
SAME = 1e-3  # a gap that tells nothing apart
FLAT = 0.02  # a penalty's distance from 1 where gradients are shorter than a hundredth
TOO_STEEP, FLAT_ENOUGH, STEP = 1.05, 1.001, 1.1  # of the released, adaptive penalty weight


def gradient_penalty(
    critic: Critic, real: Float[Tensor, "B H"], fake: Float[Tensor, "B H"]
) -> Float[Tensor, ""]:
    """Mean of (|gradient| - 1)^2 at random points between real and generated features.

    One random share a sample, as released; the gradient is with respect to the feature alone.
    The points are found behind the first layer's map, which takes a point between two features
    to the point between what it makes of them.

    Args:
        critic: whose steepness is measured.
        real, fake: (B, H) what its first layer makes of them, up to the LeakyReLU.
    """
    share = torch.rand(len(real), 1, device=real.device)
    between = torch.lerp(fake.detach(), real.detach(), share)  # where only slopes are looked up
    return (critic.gradient_at(between).norm(dim=1) - 1).square().mean()


def critic_losses(
    critic: Critic,
    real: Float[Tensor, "B D"],
    fake: Float[Tensor, "B D"],
    a: Float[Tensor, "B S"],
) -> dict[str, Float[Tensor, ""]]:
    """Wasserstein term mean D(fake, a) - mean D(real, a), to be minimised, and gradient penalty.

    Args:
        critic: to be trained.
        real, fake: (B, D), the latter without gradient. a: (B, S) their class semantics.
    """
    hidden = critic.features(torch.stack([real, fake])) + critic.semantics(a)
    of_real, of_fake = critic.score(hidden).mean(1)
    return {"critic": of_fake - of_real, "penalty": gradient_penalty(critic, *hidden)}


@torch.no_grad()
def critic_gradients(
    critic: Critic,
    real: Float[Tensor, "B D"],
    fake: Float[Tensor, "B D"],
    a: Float[Tensor, "B S"],
    penalty_weight: float | Float[Tensor, ""],
    weight: float = 1.0,
) -> dict[str, Float[Tensor, ""]]:
    """Return the terms of `critic_losses`; give the critic the gradient of their weighted sum.

    It is that of weight * (critic + penalty_weight * penalty), autograd's to the bit, written out:
    for networks this small autograd's own work takes a third of the time.
    """
    n, x, features, out = len(real), torch.stack([real, fake]), critic.features, critic.out
    hidden = features(x) + critic.semantics(a)
    active = F.leaky_relu(hidden, SLOPE)
    of_real, of_fake = out(active)[..., 0].mean(1)
    between = torch.lerp(hidden[1], hidden[0], torch.rand(n, 1, device=x.device))
    slopes = leaky_backward(torch.ones_like(between), between)
    steepness = slopes @ (out.weight.T * features.weight)
    norm = steepness.norm(dim=1, keepdim=True)
    # back from the penalty to both layers' product, and from the scores to the first layer
    pull = penalty_weight * weight / n * (2 * (norm - 1))
    of_product = slopes.T @ (pull * (steepness / norm).masked_fill_(norm == 0, 0))
    of_score = torch.full_like(hidden[..., :1], weight / n)
    of_score[0].neg_()
    of_hidden = leaky_backward(of_score * out.weight, hidden)
    of_class = of_hidden.sum(0)
    features.weight.grad = of_hidden.flatten(0, 1).T @ x.flatten(0, 1) + of_product * out.weight.T
    critic.semantics.weight.grad, critic.semantics.bias.grad = of_class.T @ a, of_class.sum(0)
    out.weight.grad = of_score.flatten(0, 1).T @ active.flatten(0, 1)
    out.weight.grad += (of_product * features.weight).sum(1)
    out.bias.grad = of_score.sum((0, 1))
    return {"critic": of_fake - of_real, "penalty": (norm - 1).square().mean()}


YOUNG = 100  # steps of the generator, before which a critic may still be as flat as it began


def critic_death(history: list[dict[str, float]]) -> str:
    """Say in which round a critic died, and of what; "" while it lives, or if there is none.

    Nothing else shows it: with a dead critic the loss stays finite, and f-VAEGAN is a VAE. It is
    dead where the penalty's weight is next to nothing, so that its gradient has no bound, or where
    it is flat: both features score alike, and (|gradient| - 1)^2 is 1. It starts flat, so that
    counts from a hundred steps on.

    Args:
        history: one dict a round, as `Imagination.history` and the records have it.
    """
    for line in history:
        if "critic" not in line:
            continue
        said = f"The critic died in round {line['round']:g}: "
        if line["penalty weight"] < DEAD:
            return f"{said}its penalty's weight is {line['penalty weight']:.1g}."
        grown = line.get("steps", YOUNG) >= YOUNG
        if grown and abs(line["critic"]) < SAME and abs(line["penalty"] - 1) < FLAT:
            return f"{said}it is flat, with a gap of {line['critic']:.1g}."
    return ""


def adapted_penalty_weight(
    weight: float | Float[Tensor, ""], penalty: float | Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Change the penalty's weight as the released f-VAEGAN does after each generator step.

    Up by a tenth where the mean penalty is above 1.05, down by a tenth where it is below 1.001.
    The penalty is a squared deviation, so the weight falls until gradient norms drift to about
    2, a weak penalty; or without end, if the critic goes flat. `adaptive_penalty=False` keeps it.

    Args:
        weight: f-VAEGAN's lambda, before.
        penalty: mean of (|gradient| - 1)^2 over the critic's steps.
    """
    weight, penalty = torch.as_tensor(weight, dtype=torch.float64), torch.as_tensor(penalty)
    lowered = torch.where(penalty < FLAT_ENOUGH, weight / STEP, weight)
    return torch.where(penalty > TOO_STEEP, weight * STEP, lowered)  # no look, which would wait
