"""Time the mechanisms whose form we chose for speed against the form they replace.

Only ratios within one run mean anything: `python benchmarks/generators.py` prints the median of
several rounds, each timing both forms one after the other.
"""

import statistics
import time
from collections.abc import Callable

import torch

from zslnb.genzsl import ReferentPool, class_diversity_promotion, referent_weights
from zslnb.imagination import Critic, gradient_penalty

ROUNDS = 7


def full_svd(embeddings: torch.Tensor) -> torch.Tensor:
    """Refine class embeddings as released: a full SVD and a C-by-C projector."""
    u = torch.linalg.svd(embeddings).U[:, 1:]
    return u @ u.T @ embeddings


def one_by_one(pool: ReferentPool, referents: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Draw referents as released: a loop over the samples of a batch."""
    mixed = []
    for classes in referents:
        rows = [pool.starts[c] + torch.randint(int(pool.counts[c]), ()) for c in classes]
        mixed.append(sum(w * pool.features[row] for w, row in zip(weights, rows, strict=True)))
    return torch.stack(mixed)


def twice_through(
    critic: Critic, real: torch.Tensor, fake: torch.Tensor, a: torch.Tensor
) -> torch.Tensor:
    """Penalise the gradient as released: autograd finds it, then goes through it once more."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between, a).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


def seconds(job: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print how many times faster `ours` is: the median ratio, and its range."""
    ours(), theirs()
    ratios = [seconds(theirs) / seconds(ours) for _ in range(ROUNDS)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"{name}: {middle:.1f} times faster ({low:.1f} to {high:.1f})", flush=True)


def main() -> None:
    """Run the comparisons at the size of CUB and SUN with CLIP features."""
    torch.manual_seed(0)
    texts = torch.randn(717, 512)
    pool = ReferentPool.of(torch.randn(7050, 512), torch.arange(150).repeat(47), 150)
    referents, weights = torch.randint(150, (64, 2)), referent_weights(2)
    compare(
        "class diversity promotion, thin SVD against full (717 classes, 512-d)",
        lambda: class_diversity_promotion(texts),
        lambda: full_svd(texts),
    )
    compare(
        "referents, one gather against a loop (batch of 64, 2 referents, 512-d)",
        lambda: pool.draw(referents, weights),
        lambda: one_by_one(pool, referents, weights),
    )
    critic, real, fake, a = Critic(512, 512, 4096), *(torch.rand(64, 512) for _ in range(3))
    compare(
        "gradient penalty with its gradients, closed form against double backward (batch of 64)",
        lambda: gradient_penalty(critic, real, fake, critic.semantics(a)).backward(),
        lambda: twice_through(critic, real, fake, a).backward(),
    )


if __name__ == "__main__":
    main()
