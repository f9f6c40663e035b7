"""Fit an inductive VAE on seen classes, then induce features for unseen ones."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.device import Replayed, Terms
from zslnb.genzsl.boosting import boosting_loss, semantics_to_features
from zslnb.genzsl.cdp import class_diversity_promotion
from zslnb.genzsl.gradient import is_written_out, ivae_gradients
from zslnb.genzsl.ivae import InductiveVAE, kl_divergence, reconstruction_loss
from zslnb.genzsl.referents import ReferentPool, drawn_weights, referent_weights, top_k_referents
from zslnb.genzsl.settings import GenZSLSettings
from zslnb.networks import Adam
from zslnb.seeds import seeded, torch_generator
from zslnb.settings import at_least_one
from zslnb.training import batches, refuse_samples, train

ROWS_AT_ONCE = 16384  # synthesised
BATCHES_AT_ONCE = 64  # whose referents are drawn together


@dataclass
class GenZSL:
    """A GenZSL model with all it needs to train and to synthesise.

    `semantics` (C, S) are the refined class semantics, `anchors` (C, D) the same in feature
    space, `referents` (C, k) the ids of each class's referent classes (-1 for classes that are
    neither seen nor unseen), `history` one dict a round.
    """

    settings: GenZSLSettings
    model: InductiveVAE
    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    semantics: Float[Tensor, "C S"]
    anchors: Float[Tensor, "C D"]
    referents: Int64[Tensor, "C k"]
    weights: Float[Tensor, " k"]
    seen: Int64[Tensor, " n_seen"]
    pool: ReferentPool
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def networks(self) -> InductiveVAE:
        """What is trained."""
        return self.model

    def referent_samples(self, classes: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Draw one mixed referent for each target class id, or noise where settings say so."""
        if self.settings.referent == "noise":
            return self._noise(len(classes))
        mixed = self.pool.draw(self.referents[classes], self._shares(len(classes)))
        if self.settings.referent == "noise as long":
            return F.normalize(self._noise(len(classes)), dim=1) * mixed.norm(dim=1, keepdim=True)
        return self._as_set(mixed)

    def _shares(self, n: int) -> Tensor:
        drawn = self.settings.mixing == "drawn"
        return drawn_weights(self.weights, n) if drawn else self.weights

    def _noise(self, n: int) -> Float[Tensor, "n D"]:
        return torch.randn(n, self.features.shape[1], device=self.features.device)

    def _as_set(self, mixed: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        return F.normalize(mixed, dim=1) if self.settings.renormalise else mixed

    def _synthesis_referents(self, classes: Int64[Tensor, " K"], n: int) -> Float[Tensor, "M D"]:
        if self.settings.synthesis == "tiled" and "noise" not in self.settings.referent:
            shares = self._shares(n * len(classes))
            return self._as_set(self.pool.tile(self.referents[classes], shares, n))
        return self.referent_samples(classes.repeat_interleave(n))

    @torch.no_grad()
    def synthesise(
        self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis"
    ) -> tuple[Float[Tensor, "M D"], Int64[Tensor, " M"]]:
        """Induce n features for each class, from fresh referents and fresh latent noise.

        `synthesis="tiled"` takes each referent class's whole training set in turn, as the
        released script does; for n far above the class size both use every sample about
        equally often.

        Returns:
            (K*n, D) unit-norm features and their (K*n,) class ids.

        Raises:
            ValueError: n below 1, or a class that is neither seen nor unseen here.
            DivergedError: the samples are not finite.
        """
        at_least_one("The number of synthetic samples a class", n)
        classes = classes.to(self.labels.device)
        strange = classes[(self.referents[classes] < 0).any(1)]
        if len(strange):
            raise ValueError(f"Class {int(strange[0])} is neither seen nor unseen, so has none.")
        labels = classes.repeat_interleave(n)
        self.model.eval()
        per_part = max(1, ROWS_AT_ONCE // n)  # classes made at once
        with seeded(self.seed, f"genzsl/{stream}"):
            features = torch.cat(
                [
                    self.model(
                        self._synthesis_referents(part, n),
                        self.semantics[part.repeat_interleave(n)],
                    )[0]
                    for part in classes.split(per_part)
                ]
            )
        refuse_samples(features, self.history)
        return features, labels

    def losses(
        self, batch: Int64[Tensor, " B"], referents: Float[Tensor, "B D"] | None = None
    ) -> dict[str, Tensor]:
        """Compute the three terms, unweighted, on training rows `batch`.

        Args:
            batch: (B,) rows. referents: (B, D) mixed referent samples; None: drawn here.
        """
        s, (x, labels, semantics) = self.settings, self._rows(batch)
        referents = self.referent_samples(labels) if referents is None else referents
        x_hat, mean, log_var = self.model(referents, semantics)
        terms = {
            "reconstruction": reconstruction_loss(x_hat, x),
            "kl": kl_divergence(mean, log_var, self.model.prior_of(semantics)),
        }
        if s.boosting_weight:
            terms["boosting"] = self._boosting(x_hat, labels)
        return terms

    def _rows(self, batch: Int64[Tensor, " B"]) -> tuple[Tensor, Tensor, Tensor]:
        labels = self.labels.index_select(0, batch)  # quicker than [batch]
        return (
            self.features.index_select(0, batch),
            labels,
            self.semantics.index_select(0, labels),
        )

    @cached_property
    def loss_weights(self) -> dict[str, Float[Tensor, ""]]:
        """The weight of each term of the loss, where all tensors are."""
        s, device = self.settings, self.labels.device
        given = {
            "reconstruction": s.reconstruction_weight,
            "kl": s.kl_weight,
            "boosting": s.boosting_weight,
        }
        return {name: torch.tensor(float(w), device=device) for name, w in given.items()}

    def leave_gradients(
        self, batch: Int64[Tensor, " B"], referents: Float[Tensor, "B D"]
    ) -> dict[str, Tensor]:
        """Return what `losses` does; give the networks the gradient of its weighted sum.

        Where that is written out, neither `losses` nor the model's `forward` is called.

        Args:
            batch: (B,) rows. referents: (B, D) mixed referent samples, in single precision.
        """
        s, weights = self.settings, self.loss_weights
        if is_written_out(self.model, s.boosting_mode):
            x, labels, semantics = self._rows(batch)
            anchors = None
            if s.boosting_weight:
                anchors = self.anchors.index_select(0, labels) / s.temperature
            return ivae_gradients(self.model, x, semantics, referents, anchors, weights)
        terms = self.losses(batch, referents)
        self.model.zero_grad()
        # the gradient of their weighted sum, which itself nobody reads
        torch.autograd.backward([*terms.values()], [weights[name] for name in terms])
        return terms

    def _boosting(self, x_hat: Float[Tensor, "B D"], labels: Int64[Tensor, " B"]) -> Tensor:
        s, anchors = self.settings, self.anchors.index_select(0, labels)
        if s.boosting_mode == "batch":
            return boosting_loss(x_hat, anchors, s.temperature)
        classes = self.anchors[self.seen], torch.searchsorted(self.seen, labels)
        return boosting_loss(x_hat, anchors, s.temperature, s.boosting_mode, *classes)


def prepare(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> GenZSL:
    """Refine the semantics, choose referents and draw initial weights; nothing is trained yet.

    Raises:
        ValueError: fewer than two seen classes, or too few for as many referents as asked for.
    """
    rows = benchmark.train_idx
    features, labels = F.normalize(benchmark.features[rows], dim=1), benchmark.labels[rows]
    raw = F.normalize(benchmark.semantics, dim=1)
    source = raw if settings.common_to == "all" else raw[benchmark.seen]
    refined = class_diversity_promotion(raw, settings.n_removed, source)
    compared = refined if settings.select_on == "refined" else raw
    referents = _referents(benchmark, compared, settings, seed)
    if settings.renormalise:
        refined = F.normalize(refined, dim=1)
    anchors = refined
    if not benchmark.shared_space:
        anchors = semantics_to_features(refined, features, labels)
    # all of this is exact and done once; from here on, work where the device is
    features, labels = features.to(device), labels.to(device)
    with seeded(seed, "genzsl/weights"):
        model = InductiveVAE(
            features.shape[1],
            raw.shape[1],
            settings.hidden_dim,
            settings.latent_dim,
            add_referent=settings.decoded == "referent + latent",
            conditional_prior=settings.prior == "conditional",
        )
    return GenZSL(
        settings=settings,
        model=model.to(device),
        features=features,
        labels=labels,
        semantics=refined.to(device),
        anchors=anchors.to(device),
        referents=referents.to(device),
        weights=referent_weights(settings.n_referents, settings.weights).to(device),
        seen=labels.unique(),
        pool=ReferentPool.of(features, labels, benchmark.n_classes),
        seed=seed,
    )


def _referents(
    benchmark: Benchmark, semantics: Float[Tensor, "C S"], settings: GenZSLSettings, seed: int
) -> Int64[Tensor, "C k"]:
    seen, unseen, k = benchmark.seen, benchmark.unseen, settings.n_referents
    benchmark.require_seen(2, "GenZSL needs at least two, each the referent of another")
    if settings.referent == "random":  # random vectors choose random classes
        generator = torch_generator(seed, "genzsl/random referents")
        semantics = torch.randn(semantics.shape, generator=generator)
    candidates = semantics[seen]
    table = torch.full((benchmark.n_classes, k), -1, dtype=torch.int64)
    table[seen] = seen[top_k_referents(candidates, candidates, k, exclude_self=True)]
    table[unseen] = seen[top_k_referents(semantics[unseen], candidates, k)]
    return table


def fit(
    benchmark: Benchmark,
    settings: GenZSLSettings,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_round: Callable[[GenZSL], None] | None = None,
) -> GenZSL:
    """Train on the seen classes of a benchmark (GenZSL sec. 3.3-3.4).

    Features and semantics are L2-normalised first, as in the released code. Batches are
    shuffled unless settings say otherwise; the released code's fixed order is not the paper's.

    Args:
        benchmark: its `train_idx` rows are trained on and nothing else is touched.
        settings: see `GenZSLSettings`.
        seed: of the run; weights, batches and referents are streams of it.
        device: where to train.
        on_round: called with the model after every `settings.passes` passes.

    Raises:
        ValueError: see `prepare`.
        DivergedError: with the step, its losses, and the `history` of the rounds before.
    """
    run, s = prepare(benchmark, settings, seed, device), settings
    step, n = Replayed(_stepper(run)), len(run.labels)
    many = s.batch_size * BATCHES_AT_ONCE

    def steps(number: int) -> Iterator[Terms]:
        run.model.train()
        for _ in range(s.passes):
            for several in batches(n, many, run.labels.device, shuffle=s.shuffle):
                referents = run.referent_samples(run.labels[several])  # of many steps at once
                yield from map(step, several.split(s.batch_size), referents.split(s.batch_size))

    last_pass = math.ceil(n / s.batch_size)
    samples = s.passes * n
    return train(
        run, "genzsl/round", s.rounds, steps, on_round, samples=samples, averaged=last_pass
    )


def _stepper(run: GenZSL) -> Callable[[Tensor, Tensor], Terms]:
    """Make what trains once: on the rows of a batch and their mixed referents."""
    optimiser = Adam(run.model.parameters(), run.settings.lr)

    def step(batch: Int64[Tensor, " B"], referents: Float[Tensor, "B D"]) -> Terms:
        terms = run.leave_gradients(batch, referents)
        optimiser.step()
        return terms

    return step
