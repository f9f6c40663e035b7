"""Fit a generator that imagines features from class semantics alone, then let it."""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.device import Replayed, Terms
from zslnb.imagination.fvaegan import Networks, build_networks
from zslnb.imagination.gan import critic_death
from zslnb.imagination.settings import ImaginationSettings
from zslnb.protocol import SoftmaxClassifier, train_classifier
from zslnb.seeds import seeded
from zslnb.settings import at_least_one
from zslnb.training import refuse_samples, train

ROWS_AT_ONCE = 16384


@dataclass
class Imagination:
    """An imagination model with all it needs to train and to synthesise.

    `features` (N, D) are unit-norm training features; networks see `scaled`, to 0..1 by
    `low` and `span`, the smallest value and the range of each dimension over the training data;
    a dimension that never changes is 0 to them, and keeps its value in what is synthesised.
    `semantics` (C, S) have unit norm. `seen` are the ids of the seen classes, `history` one dict
    a round.
    """

    settings: ImaginationSettings
    networks: Networks
    features: Float[Tensor, "N D"]
    scaled: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    semantics: Float[Tensor, "C S"]
    low: Float[Tensor, " D"]
    span: Float[Tensor, " D"]
    seen: Int64[Tensor, " n_seen"]
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)

    @torch.no_grad()
    def synthesise(
        self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis"
    ) -> tuple[Float[Tensor, "M D"], Int64[Tensor, " M"]]:
        """Imagine n features for each class, from its semantics and noise from N(0, I).

        Returns:
            (K*n, D) unit-norm features, scaled back from 0..1, and their (K*n,) class ids.

        Raises:
            ValueError: n below 1.
            DivergedError: the samples are not finite.
        """
        at_least_one("The number of synthetic samples a class", n)
        labels = classes.to(self.labels.device).repeat_interleave(n)
        with seeded(self.seed, f"imagination/{stream}"):
            scaled = [
                self.networks.generator.from_noise(self.semantics[part])
                for part in labels.split(ROWS_AT_ONCE)
            ]
        features = F.normalize(torch.cat(scaled) * self.span + self.low, dim=1)
        refuse_samples(features, self.history)
        return features, labels


def prepare(
    benchmark: Benchmark,
    settings: ImaginationSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Imagination:
    """Scale features, draw initial weights and, for f-CLSWGAN, train its judge.

    Raises:
        ValueError: fewer than two seen classes.
    """
    why = "a generator of features needs at least two to learn what semantics change"
    benchmark.require_seen(2, why)
    rows = benchmark.train_idx
    features = F.normalize(benchmark.features[rows], dim=1).to(device)
    labels, semantics = benchmark.labels[rows].to(device), F.normalize(benchmark.semantics, dim=1)
    low = features.min(0).values
    span = features.max(0).values - low
    scaled = (features - low) / span.where(span > 0, torch.ones_like(span))
    judge = None
    if settings.kind == "gan" and settings.classification_weight:
        judge = _judge(scaled, labels, settings, seed)
    with seeded(seed, "imagination/weights"):
        networks = build_networks(settings, features.shape[1], semantics.shape[1], judge, device)
    return Imagination(
        settings=settings,
        networks=networks,
        features=features,
        scaled=scaled,
        labels=labels,
        semantics=semantics.to(device),
        low=low,
        span=span,
        seen=labels.unique(),
        seed=seed,
    )


def _judge(
    scaled: Tensor, labels: Tensor, settings: ImaginationSettings, seed: int
) -> SoftmaxClassifier:
    model = train_classifier(scaled, labels, settings.classifier, seed).model
    return model.eval().requires_grad_(False)


def fit(
    benchmark: Benchmark,
    settings: ImaginationSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_round: Callable[[Imagination], None] | None = None,
) -> Imagination:
    """Train on the seen classes of a benchmark: f-VAEGAN, its GAN, or its VAE.

    Each step draws its own batches, without replacement inside one, with between them, as
    released; the generator trains on the critic's last.

    Args:
        benchmark: its `train_idx` rows are trained on and nothing else is touched.
        settings: see `ImaginationSettings`.
        seed: of the run; weights and batches are streams of it.
        device: where to train.
        on_round: called with the model after every `settings.passes` passes.

    Warns:
        UserWarning: the critic died; see `critic_death`.

    Raises:
        ValueError: see `prepare`.
        DivergedError: with the step, its losses, and the `history` of the rounds before.
    """
    run, s = prepare(benchmark, settings, seed, device), settings
    per_round = s.passes * math.ceil(len(run.labels) / s.batch_size)
    step, n = Replayed(partial(_step, run)), len(run.labels)
    in_step = s.critic_steps if run.networks.critic else 1

    def steps(number: int) -> Iterator[Terms]:
        for _ in range(per_round):
            drawn = [torch.randperm(n, device=run.labels.device) for _ in range(in_step)]
            yield step(torch.stack([order[: s.batch_size] for order in drawn]))

    def end_round(run: Imagination) -> None:
        run.history[-1]["penalty weight"] = float(run.networks.penalty_weight)
        if on_round:
            on_round(run)

    samples = per_round * in_step * min(s.batch_size, n)
    train(run, "imagination/round", s.rounds, steps, end_round, samples=samples)
    if death := critic_death(run.history):
        warnings.warn(death, stacklevel=2)
    return run


def _step(run: Imagination, batches: Int64[Tensor, "n B"]) -> Terms:
    """Train the critic, where there is one, on each batch, and the generator on the last."""
    x, labels = run.scaled[batches], run.labels[batches]
    a, terms = run.semantics[labels], {}
    if run.networks.critic:
        fakes = run.networks.make(x.flatten(0, 1), a.flatten(0, 1)).view_as(x)  # one generator's
        steps = [run.networks.critic_step(*batch) for batch in zip(x, fakes, a, strict=True)]
        terms = steps[-1]
    targets = torch.searchsorted(run.seen, labels[-1])
    terms = {**terms, **run.networks.generator_step(x[-1], a[-1], targets)}
    if run.networks.critic:
        run.networks.adapt(torch.stack([step["penalty"].detach() for step in steps]))
    return terms
