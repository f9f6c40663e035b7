"""Fit an inductive VAE on seen classes, then induce features for unseen ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.genzsl.boosting import boosting_loss, semantics_to_features
from zslnb.genzsl.cdp import class_diversity_promotion
from zslnb.genzsl.ivae import InductiveVAE, kl_divergence, reconstruction_loss
from zslnb.genzsl.referents import ReferentPool, referent_weights, top_k_referents
from zslnb.genzsl.settings import GenZSLSettings, at_least_one
from zslnb.seeds import seeded


class DivergedError(RuntimeError):
    """A loss stopped being finite; the message says in which round, and which it was.

    `history` holds the rounds before, as `GenZSL.history` does.
    """

    def __init__(self, message: str, history: list[dict[str, float]]) -> None:
        super().__init__(message, history)  # both, or the error would not survive pickling
        self.history = history

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


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

    def referent_samples(self, classes: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Draw one mixed referent for each target class id, or noise where settings say so."""
        if self.settings.referent == "noise":
            return torch.randn(len(classes), self.features.shape[1], device=self.features.device)
        return self.pool.draw(self.referents[classes], self.weights)

    @torch.no_grad()
    def synthesise(
        self, classes: Int64[Tensor, " K"], n: int, stream: str = "synthesis"
    ) -> tuple[Float[Tensor, "M D"], Int64[Tensor, " M"]]:
        """Induce n features for each class, from fresh referents and fresh latent noise.

        The released script tiles each referent class's whole training set instead of drawing
        from it; for n far above the class size both use every sample about equally often.

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
        with seeded(self.seed, f"genzsl/{stream}"):
            made = [
                self.model(self.referent_samples(part), self.semantics[part])[0]
                for part in labels.split(16384)
            ]
        features = torch.cat(made)
        if not features.isfinite().all():  # the last step of training has no loss to show it
            after = f"after round {len(self.history)}"
            raise DivergedError(f"Training diverged {after}: samples are not finite.", self.history)
        return features, labels

    def losses(self, batch: Int64[Tensor, " B"]) -> dict[str, Tensor]:
        """Compute the three terms, unweighted, on training rows `batch`."""
        labels, s = self.labels[batch], self.settings
        x_hat, mean, log_var = self.model(self.referent_samples(labels), self.semantics[labels])
        terms = {
            "reconstruction": reconstruction_loss(x_hat, self.features[batch]),
            "kl": kl_divergence(mean, log_var),
        }
        if s.boosting_weight:
            terms["boosting"] = boosting_loss(
                x_hat,
                self.anchors[labels],
                s.temperature,
                s.boosting_mode,
                class_semantics=self.anchors[self.seen],
                labels=torch.searchsorted(self.seen, labels),
            )
        return terms


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
    refined = class_diversity_promotion(raw, settings.n_removed)
    chosen_on = refined if settings.select_on == "refined" else raw
    referents = _referents(benchmark, chosen_on, settings.n_referents)
    same_width = features.shape[1] == raw.shape[1]
    anchors = refined if same_width else semantics_to_features(refined, features, labels)
    # all of this is exact and done once; from here on, work where the device is
    features, labels = features.to(device), labels.to(device)
    with seeded(seed, "genzsl/weights"):
        model = InductiveVAE(
            features.shape[1], raw.shape[1], settings.hidden_dim, settings.latent_dim
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
    benchmark: Benchmark, semantics: Float[Tensor, "C S"], k: int
) -> Int64[Tensor, "C k"]:
    seen, unseen = benchmark.seen, benchmark.unseen
    if len(seen) < 2:
        raise ValueError(
            f"{benchmark.name} has {len(seen)} seen classes; GenZSL needs at least two, "
            "each the referent of another."
        )
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
    shuffled; the released code's fixed class order is not the paper's.

    Args:
        benchmark: its `train_idx` rows are trained on and nothing else is touched.
        settings: see `GenZSLSettings`.
        seed: of the run; weights, batches and referents are streams of it.
        device: where to train.
        on_round: called with the model after every `settings.passes` passes.

    Raises:
        ValueError: see `prepare`.
        DivergedError: with the round, its losses, and the `history` of the rounds before.
    """
    run = prepare(benchmark, settings, seed, device)
    optimiser = torch.optim.Adam(
        run.model.parameters(), lr=settings.lr, betas=(0.5, 0.999), fused=True
    )
    for number in range(settings.rounds):
        run.model.train()
        with seeded(seed, f"genzsl/round{number}"):
            totals = [_pass(run, optimiser, number) for _ in range(settings.passes)][-1]
        run.history.append({"round": number + 1, **totals})
        if on_round:
            on_round(run)
    return run


def _pass(run: GenZSL, optimiser: torch.optim.Optimizer, number: int) -> dict[str, float]:
    """Pass once over the training data; return the mean of each term."""
    s, n = run.settings, len(run.labels)
    weights = {
        "reconstruction": s.reconstruction_weight,
        "kl": s.kl_weight,
        "boosting": s.boosting_weight,
    }
    batches = torch.randperm(n, device=run.labels.device).split(s.batch_size)
    totals: dict[str, Tensor] = {}
    for batch in batches:
        terms = run.losses(batch)
        loss = sum(weights[name] * term for name, term in terms.items())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for name, term in terms.items():
            totals[name] = totals.get(name, 0) + term.detach() * len(batch) / n
    means = {name: float(total) for name, total in totals.items()}
    if not all(torch.isfinite(torch.tensor(value)) for value in means.values()):
        raise DivergedError(f"Training diverged in round {number + 1}: {means}.", run.history)
    return means
