"""What a trained model listens to: swap one of its inputs, keep the rest, and look."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.genzsl.training import GenZSL
from zslnb.seeds import seeded

SWAPS = (
    "other samples of its referent classes",
    "samples of random seen classes",
    "Gaussian noise for the referent",
    "no referent: latent from the prior",
    "other latent noise",
    "another class's semantics",
)


@torch.no_grad()
def referent_swap(
    run: GenZSL, classes: Int64[Tensor, " K"], n: int = 100, stream: str = "swap"
) -> dict[str, float]:
    """Measure how far the output moves when one input of the trained model is swapped.

    For n samples of each class, what the model makes of a referent is compared with what it
    makes when one input is another, everything else equal, latent noise included. The last two
    swaps are yardsticks: they change the noise, and the semantics.

    Args:
        run: a trained model.
        classes: (K,) ids of target classes with referents, at least two.
        n: samples a class.
        stream: names the draws, which also depend on the run's seed.

    Returns:
        For each of `SWAPS` the mean of 1 - cos between the two outputs: 0 if the model does not
        hear that input, 1 if the outputs are unrelated.

    Raises:
        ValueError: fewer than two classes.
    """
    if len(classes) < 2:
        raise ValueError("A swap of semantics needs at least two classes.")
    run.model.eval()
    labels = classes.to(run.labels.device).repeat_interleave(n)
    referents, text = _draw(run, labels, stream), run.semantics[labels]
    unchanged = _outputs(run, referents, text, stream)
    swapped = (
        _outputs(run, _draw(run, labels, f"{stream}/another"), text, stream),
        _outputs(run, _random_classes(run, len(labels), stream), text, stream),
        _outputs(run, _gaussian(run, referents, stream), text, stream),
        _from_prior(run, text, stream),
        _outputs(run, referents, text, f"{stream}/other noise"),
        _outputs(run, referents, text.roll(n, 0), stream),
    )
    return {name: _distance(unchanged, other) for name, other in zip(SWAPS, swapped, strict=True)}


def within_class_cosine(features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> float:
    """Mean cosine between different samples of one class, averaged over the classes.

    Args:
        features: (N, D), any norms but zero.
        labels: (N,) class ids, each at least twice.

    Raises:
        ValueError: a class with a single sample, by its id.
    """
    rows, means = F.normalize(features.double(), dim=1), []
    for label in labels.unique():
        samples = rows[labels == label]
        if len(samples) < 2:
            raise ValueError(f"Class {int(label)} has a single sample: no pair to compare.")
        n = len(samples)
        means.append((samples.sum(0).square().sum() - n) / (n * (n - 1)))
    return float(torch.stack(means).mean())


def _draw(run: GenZSL, labels: Tensor, stream: str) -> Tensor:
    with seeded(run.seed, f"genzsl/{stream}/referents"):
        return run.referent_samples(labels)


def _random_classes(run: GenZSL, n: int, stream: str) -> Tensor:
    shape = (n, len(run.weights))
    with seeded(run.seed, f"genzsl/{stream}/random classes"):
        drawn = run.seen[torch.randint(len(run.seen), shape, device=run.seen.device)]
        return run.pool.draw(drawn, run.weights)


def _gaussian(run: GenZSL, like: Tensor, stream: str) -> Tensor:
    with seeded(run.seed, f"genzsl/{stream}/gaussian"):
        return F.normalize(torch.randn_like(like), dim=1) * like.norm(dim=1, keepdim=True)


def _outputs(run: GenZSL, referents: Tensor, semantics: Tensor, stream: str) -> Tensor:
    with seeded(run.seed, f"genzsl/{stream}/latent"):
        return run.model(referents, semantics)[0]


def _from_prior(run: GenZSL, semantics: Tensor, stream: str) -> Tensor:
    """Decode the very noise that `_outputs` draws, as the prior has it instead of the encoder."""
    weight = run.model.mean.weight
    with seeded(run.seed, f"genzsl/{stream}/latent"):
        latent = torch.randn(len(semantics), run.model.latent_dim, device=weight.device)
    prior = run.model.prior_of(semantics)
    if prior is not None:
        latent = prior[0] + torch.exp(prior[1] / 2) * latent
    return run.model.decode(latent, semantics.to(weight.dtype))


def _distance(a: Tensor, b: Tensor) -> float:
    """1 - cos of unit rows, as half their squared distance: exact where cos rounds to 1."""
    return float((a.double() - b.double()).square().sum(1).mean() / 2)
