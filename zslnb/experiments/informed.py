"""Referents that inform: moved to where ridge regression puts the target; and if training helps.

A referent is an image of a related seen class. Moved by the difference of two means it is a
predicted mean with a borrowed residual, which is what `means` draws. What is asked here is what
each way to inform adds, in closed form and inside the inductive VAE.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import kernel_ridge, predicted_means, residuals
from zslnb.device import Replayed, Terms
from zslnb.experiments.families import Pair
from zslnb.experiments.means import Kernel, MeansSettings, chosen_kernel, training_set
from zslnb.experiments.parts import scores_of
from zslnb.experiments.scored import Both, generated, picked, predicted
from zslnb.genzsl import GenZSL, GenZSLSettings, InductiveVAE, ReferentPool, prepare
from zslnb.networks import Adam, draw_latent
from zslnb.protocol import class_means, validation_split
from zslnb.seeds import seeded
from zslnb.settings import NOT_EMPTY, Positive, Settings, at_least_one
from zslnb.training import batches, train

ROWS_AT_ONCE = 1024
PUBLISHED, MOVED = "GenZSL", "GenZSL, moved referents"
CHANGE, UNPAIRED = "moved referents + change", "moved referents + change, unpaired"
CLOSED, DISTANCE, PREDICTED = "means + spread", "spread by distance", "moved by predictions"


@dataclass(frozen=True)
class InformedSettings(Settings):
    """Settings of GenZSL, which all that is trained here shares, and of the closed forms.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    genzsl: GenZSLSettings = field(default_factory=GenZSLSettings)
    means: MeansSettings = field(default_factory=MeansSettings)
    # classes lend residuals by exp(cosine of semantics / temperature), which validation chooses
    temperatures: Annotated[tuple[Positive, ...], NOT_EMPTY] = (0.03, 0.1, 0.3, 1.0, 3.0)
    controls: bool = True  # the rows "by predictions alone" and "unpaired", too


@dataclass(frozen=True)
class Moved:
    """Seen samples moved to other classes.

    `told` (C, D) are the means that the ridge predicts, of a seen class without that class;
    `pool` what a seen image keeps when it is moved; `shares` (C, C) how much a class (row) borrows
    from each other one.
    """

    settings: MeansSettings
    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    told: Float[Tensor, "C D"]
    pool: ReferentPool
    shares: Float[Tensor, "C C"]
    seed: int
    history: tuple = ()  # nothing is trained

    def referents(self, classes: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Draw a seen image for each target class id, and move it there."""
        lenders = torch.multinomial(self.shares[classes], 1)
        return self.told[classes] + self.pool.draw(lenders, self.shares.new_ones(1))

    def synthesise(self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis") -> Pair:
        """Move n images to each class: (K*n, D) of unit norm, and (K*n,) class ids.

        Raises:
            ValueError: n below 1.
        """
        at_least_one("The number of synthetic samples a class", n)
        labels = classes.to(self.labels.device).repeat_interleave(n)
        with seeded(self.seed, f"informed/{stream}"):
            return F.normalize(self.referents(labels), dim=1), labels


class ChangeVAE(InductiveVAE):
    """x_refer + ID(o) at unit norm: the network predicts the change alone.

    It sees no semantics (they are 0 wide), which have moved the referent already.
    """

    def forward(
        self, referents: Float[Tensor, "B D"], semantics: Float[Tensor, "B 0"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B L"], Float[Tensor, "B L"]]:
        """Return x^ (B, D) of unit norm, and mean and log-variance of the latent."""
        mean, log_var = self.encode(referents, semantics)
        change = self.decoder(self._joined(draw_latent(mean, log_var), semantics))
        return F.normalize(referents + change, dim=1), mean, log_var


@dataclass
class Informed(GenZSL):
    """GenZSL with moved referents: the same objective and schedule."""

    moved: Moved | None = None

    def referent_samples(self, classes: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Draw one moved referent for each target class id."""
        return self.moved.referents(classes)


def informed_scores(
    benchmark: Benchmark, settings: InformedSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Score GenZSL and means + spread beside all that is informed.

    "rows" has S, U and H with the border put by validation, and T1. In closed form: "means +
    spread" (an image of one of two referents, moved by the difference of a predicted and a known
    mean), "moved by predictions" (the referent's mean is predicted, too, without its class) and
    "spread by distance" (all seen classes lend, nearer ones more). Trained with GenZSL's objective
    on referents of the last kind: the published network, one that adds a learned change to the
    referent, and that without pairing. Pairing: in each pass the referents of a class are matched
    with its images by optimal transport. "kl" is the last round's.
    """
    inner = validation_split(benchmark, seed)
    kernel = chosen_kernel(inner, settings.means)
    temperature = chosen_temperature(inner, settings)
    sides = inner, benchmark

    def moved(temperature: float | None) -> list[Moved]:
        return [_moved(b, settings.means, kernel, temperature, seed, device) for b in sides]

    referents = moved(temperature)
    rows: dict[str, Both] = {
        PUBLISHED: generated(*sides, settings.genzsl, seed, device),
        CLOSED: predicted(*sides, settings.means, seed, device),
        DISTANCE: picked(*sides, *referents),
    }
    ways = {MOVED: (False, True), CHANGE: (True, True)}
    if settings.controls:
        rows[PREDICTED] = picked(*sides, *moved(None))
        ways[UNPAIRED] = (True, False)
    kl = {}
    for name, way in ways.items():
        trial, model = (
            _fitted(b, settings.genzsl, m, *way, seed, device)
            for b, m in zip(sides, referents, strict=True)
        )
        rows[name], kl[name] = picked(*sides, trial, model), model.history[-1]["kl"]
    return {
        "rows": {name: scores_of(both) for name, both in rows.items()},
        "chosen": {"temperature": temperature},
        "kl": kl,
    }


def chosen_temperature(inner: Benchmark, settings: InformedSettings) -> float:
    """Return the temperature by which seen classes tell the covariance of unseen ones best.

    By the mean squared distance, entry by entry, of blended to real within-class covariances: of
    the validation classes, if `inner` is a validation split. No classifier is trained for it.
    """
    features, labels, refined = training_set(inner, settings.means)
    rows, seen = inner.test_unseen_idx, labels.unique()
    asked = F.normalize(inner.features[rows], dim=1), inner.labels[rows]
    kept = torch.cat([residuals(features, labels), residuals(*asked)])
    products = covariance_products(kept, torch.cat([labels, asked[1]]), len(refined))
    classes, among = asked[1].unique(), products[seen][:, seen]
    cosines = refined[classes] @ refined[seen].T

    def off(temperature: float) -> float:
        """Leave out what no temperature changes, the real covariance's own square."""
        shares = (cosines / temperature).softmax(1)
        return float((shares @ among * shares - 2 * shares * products[classes][:, seen]).sum())

    return min(settings.temperatures, key=off)


def covariance_products(
    kept: Float[Tensor, "N D"], labels: Int64[Tensor, " N"], n_classes: int
) -> Float[Tensor, "C C"]:
    """Multiply the covariances of classes entry by entry, and sum: tr(S_a S_b), for all pairs.

    With residuals as rows, tr(A'A B'B) is the sum of squares of AB'; no (D, D) matrix is needed.
    """
    of_class = F.one_hot(labels, n_classes).to(kept.dtype)
    blocks = zip(kept.split(ROWS_AT_ONCE), of_class.split(ROWS_AT_ONCE), strict=True)
    sums = sum(mine.T @ ((rows @ kept.T).square() @ of_class) for rows, mine in blocks)
    counts = of_class.sum(0).clamp(min=1)
    return sums / counts / counts[:, None]


def without_itself(
    semantics: Float[Tensor, "K S"], means: Float[Tensor, "K D"], kernel: Kernel
) -> Float[Tensor, "K D"]:
    """Predict each class's mean by the ridge from all the others' (K of them, at least two)."""
    told = []
    for i in range(len(means)):
        others = torch.arange(len(means)) != i
        # linear in the targets: what each of them weighs
        shares = kernel_ridge(
            semantics[others], torch.eye(len(means) - 1), semantics[i : i + 1], *kernel
        )
        told.append(shares[0] @ means[others].double())
    return torch.stack(told).to(means.dtype)


def _moved(
    benchmark: Benchmark,
    settings: MeansSettings,
    kernel: Kernel,
    temperature: float | None,
    seed: int,
    device: torch.device | str,
) -> Moved:
    """Prepare to move images; by predictions alone, from two referents, without a temperature."""
    benchmark.require_seen(3, "a class's mean is predicted from others', which differ")
    features, labels, refined = training_set(benchmark, settings)
    seen, means = labels.unique(), class_means(features, labels)
    told = predicted_means(features, labels, refined, *kernel)
    told[seen] = without_itself(refined[seen], means, kernel)
    kept = residuals(features, labels)
    cosines = torch.full((len(refined), len(refined)), -torch.inf)
    cosines[:, seen] = refined @ refined[seen].T
    cosines.fill_diagonal_(-torch.inf)
    if temperature is None:
        kept = kept + (means - told[seen])[torch.searchsorted(seen, labels)]
        shares = torch.zeros_like(cosines)
        shares.scatter_(1, cosines.topk(settings.n_referents).indices, 1.0)
    else:
        shares = (cosines / temperature).softmax(1)
    pool = ReferentPool.of(kept.to(device), labels.to(device), len(refined))
    of_set = features.to(device), labels.to(device), told.to(device)
    return Moved(settings, *of_set, pool, shares.to(device), seed)


def _fitted(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    moved: Moved,
    changes: bool,
    paired: bool,
    seed: int,
    device: torch.device | str,
) -> Informed:
    """Train on moved referents, with the published network or one that learns a change."""
    start = prepare(benchmark, settings, seed, device)
    if changes:
        with seeded(seed, "informed/weights"):
            dims = start.features.shape[1], 0, settings.hidden_dim, settings.latent_dim
            start.model = ChangeVAE(*dims).to(device)
        start.semantics = start.semantics[:, :0]
    run = Informed(**vars(start), moved=moved)
    optimiser = Adam(run.model.parameters(), settings.lr)

    def trained_on(batch: Int64[Tensor, " B"], referents: Float[Tensor, "B D"]) -> Terms:
        terms = run.leave_gradients(batch, referents)
        optimiser.step()
        return terms

    step = Replayed(trained_on)

    def steps(number: int) -> Iterator[Terms]:
        run.model.train()
        for _ in range(settings.passes):
            referents = moved.referents(run.labels)
            referents = pair(referents, run.features, run.labels) if paired else referents
            for batch in batches(len(run.labels), settings.batch_size, run.labels.device):
                yield step(batch, referents[batch])

    return train(run, "informed/round", settings.rounds, steps)


def pair(
    referents: Float[Tensor, "N D"], targets: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]
) -> Float[Tensor, "N D"]:
    """Give each target one of its class's referents so that squared distances sum to the least.

    It is optimal transport between two sets of one size, class by class.
    """
    paired = torch.empty_like(referents)
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        costs = torch.cdist(targets[rows], referents[rows]).square().cpu()
        paired[rows] = referents[rows[torch.from_numpy(linear_sum_assignment(costs.numpy())[1])]]
    return paired
