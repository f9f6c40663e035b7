"""Fit a model that estimates class semantics from an image feature, then let it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.device import Replayed, Terms
from zslnb.errors import DivergedError
from zslnb.revcd.baselines import ConditionalGAN, ConditionalVAE
from zslnb.revcd.diffusion import Diffusion
from zslnb.revcd.semantics import Standardiser, prototype_scores
from zslnb.revcd.settings import RevCDSettings, Space
from zslnb.seeds import seeded
from zslnb.training import batches, train

ROWS_AT_ONCE = {"cpu": 512, "cuda": 16384}  # which a cache holds, or which keep a GPU busy
LAST_LR = 0.05  # of the first; the rate falls in a line, epoch by epoch


@dataclass
class RevCD:
    """A model from image to semantics with all it needs to train and to estimate.

    `features` (N, D) are standardised training features, `labels` (N,) their class ids,
    `prototypes` (C, S) the standardised semantics of all classes, `images` and `semantics` the
    maps that standardised them, `seen` the ids of the seen classes, `history` one dict an epoch.
    """

    settings: RevCDSettings
    networks: Diffusion | ConditionalVAE | ConditionalGAN
    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    prototypes: Float[Tensor, "C S"]
    images: Standardiser
    semantics: Standardiser
    seen: Int64[Tensor, " n_seen"]
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)

    @torch.no_grad()
    def estimate(
        self,
        features: Float[Tensor, "N D"],
        *,
        guidance: float | None = None,
        stream: str = "estimate",
    ) -> Float[Tensor, "N S"]:
        """Estimate the standardised semantics of images.

        Args:
            features: (N, D) as the benchmark stores them.
            guidance: scale of eq. 22; the settings' unless given.
            stream: names the draws, which also depend on the run's seed.

        Raises:
            ValueError: nothing has been trained yet.
            DivergedError: estimates that are not finite: the scale is too large, or the last
                step of training diverged.
        """
        scale = self.settings.guidance if guidance is None else guidance
        return self.estimates(features, [scale], stream=stream)[scale]

    @torch.no_grad()
    def estimates(
        self,
        features: Float[Tensor, "N D"],
        scales: Sequence[float],
        *,
        stream: str = "estimate",
    ) -> dict[float, Float[Tensor, "N S"]]:
        """Return what `estimate` does for each guidance scale; they share what they can.

        Raises:
            ValueError, DivergedError: see `estimate`.
        """
        if not self.history:
            raise ValueError("This model has not been trained: fit() makes one that has.")
        if self.settings.sampler == "ancestral" and len(scales) > 1:  # which draws in each step
            return {w: self.estimate(features, guidance=w, stream=stream) for w in scales}
        x = self.images(features.to(self.features))
        self.networks.eval()
        with seeded(self.seed, f"revcd/{stream}"):
            parts = [self._averaged(part, scales) for part in x.split(ROWS_AT_ONCE[x.device.type])]
        of_scale = dict(zip(scales, map(torch.cat, zip(*parts, strict=True)), strict=True))
        for scale, estimates in of_scale.items():
            if not estimates.isfinite().all():
                raise DivergedError(self._why_not_finite(scale), self.history)
        return of_scale

    def _why_not_finite(self, scale: float) -> str:
        if all(weights.isfinite().all() for weights in self.networks.parameters()):
            return f"Estimates with guidance scale {scale:g} are not finite; take a smaller one."
        return f"Training diverged after epoch {len(self.history)}: estimates are not finite."

    def _averaged(self, x: Tensor, scales: Sequence[float]) -> list[Tensor]:
        draws = [self.networks.draws(x, scales) for _ in range(self.settings.n_samples)]
        return [sum(of_scale) / len(draws) for of_scale in zip(*draws, strict=True)]

    def scores(
        self,
        features: Float[Tensor, "N D"],
        *,
        guidance: float | None = None,
        stream: str = "estimate",
        space: Space = "standardised",
    ) -> Float[Tensor, "N C"]:
        """Estimate the semantics of images and compare them with every class's (eqs. 23, 24)."""
        return self.cosines(self.estimate(features, guidance=guidance, stream=stream), space)

    def cosines(
        self, estimates: Float[Tensor, "N S"], space: Space = "standardised"
    ) -> Float[Tensor, "N C"]:
        """Cosine of standardised estimates with every class's prototype (eqs. 23, 24).

        The text standardises semantics and does not say in which space it compares them: "as given"
        undoes it in both, first.
        """
        prototypes = self.prototypes
        if space == "as given":
            estimates, prototypes = self.semantics.back(estimates), self.semantics.back(prototypes)
        return prototype_scores(estimates, prototypes)


def prepare(
    benchmark: Benchmark,
    settings: RevCDSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> RevCD:
    """Standardise both spaces and draw initial weights; nothing is trained yet.

    Features are standardised by the training images, semantics by the seen prototypes; the same
    map is applied to the unseen ones.

    Raises:
        ValueError: fewer than two seen classes.
    """
    benchmark.require_seen(2, "estimating semantics needs at least two to tell apart")
    rows, seen = benchmark.train_idx, benchmark.seen
    images = Standardiser.fitted(benchmark.features[rows])
    semantics = Standardiser.fitted(benchmark.semantics[seen])
    prototypes = semantics(benchmark.semantics)
    sizes = settings, benchmark.feature_dim, benchmark.semantic_dim
    with seeded(seed, "revcd/weights"):
        if settings.kind == "revcd":
            networks = Diffusion(*sizes, prototypes[seen])
        else:
            networks = {"cvae": ConditionalVAE, "gan": ConditionalGAN}[settings.kind](*sizes)
    return RevCD(
        settings=settings,
        networks=networks.to(device),
        features=images(benchmark.features[rows]).to(device),
        labels=benchmark.labels[rows].to(device),
        prototypes=prototypes.to(device),
        images=images.to(device),
        semantics=semantics.to(device),
        seen=seen.to(device),
        seed=seed,
    )


def fit(
    benchmark: Benchmark,
    settings: RevCDSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[RevCD], None] | None = None,
) -> RevCD:
    """Train on the seen classes of a benchmark (alg. 1), or one of Table 2's alternatives.

    Args:
        benchmark: its `train_idx` rows are trained on and nothing else is touched.
        settings: see `RevCDSettings`.
        seed: of the run; weights and batches are streams of it.
        device: where to train.
        on_epoch: called with the model after every epoch.

    Raises:
        ValueError: see `prepare`.
        DivergedError: with the step, its losses, and the `history` of the epochs before.
    """
    run, s = prepare(benchmark, settings, seed, device), settings
    optimisers = run.networks.optimisers()

    @Replayed
    def step(batch: Int64[Tensor, " B"]) -> Terms:
        labels = run.labels[batch]
        targets = torch.searchsorted(run.seen, labels)
        x, z0 = run.features[batch], run.prototypes[labels]
        return run.networks.step(x, z0, targets, *optimisers)

    def steps(epoch: int) -> Iterator[Terms]:
        run.networks.train()
        for optimiser in optimisers:
            optimiser.set_rate(s.lr * (1 - (1 - LAST_LR) * epoch / max(1, s.epochs - 1)))
        for batch in batches(len(run.labels), s.batch_size, run.labels.device):
            if len(batch) > 1:  # batch normalisation needs two images
                yield step(batch)

    return train(run, "revcd/epoch", s.epochs, steps, on_epoch)
