"""How fast generators learn: scores after every round, beside the time that training took."""

import time
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.families import FIT, Generator, Settings
from zslnb.experiments.generative import classifier_scores, unit_features, with_synthetic
from zslnb.protocol import train_classifier


def speed_scores(
    benchmark: Benchmark, settings: Settings, seed: int, device: torch.device | str
) -> dict:
    """Train a generator and test it after every round, each time with a fresh, equal classifier.

    "curve" has a point a round: "seconds" of training so far (of one thread's CPU time, or of a
    GPU's wall clock; the classifier's and the test's are left out), "steps" of the generator,
    training "samples" drawn, the critic's among them, and the test scores.
    """
    fit = FIT[type(settings)]
    fit(benchmark, replace(settings, rounds=1, passes=1), seed, device)  # what is slow only once
    watch = _StopWatch(benchmark, torch.device(device))
    fit(benchmark, settings, seed, device, on_round=watch)
    return {"curve": watch.curve}


@dataclass
class _StopWatch:
    """Notes time and scores after each round of training; its own time does not count."""

    benchmark: Benchmark
    device: torch.device
    curve: list[dict[str, float]] = field(default_factory=list)
    spent: float = 0.0
    features: Float[Tensor, "N D"] | None = None

    def __post_init__(self) -> None:
        self.since = self._now()

    def __call__(self, model: Generator) -> None:
        self.spent += self._now() - self.since
        s, last = model.settings, model.history[-1]
        pair = with_synthetic(model, self.benchmark.unseen, s.n_synthetic)
        trainer = train_classifier(*pair, s.classifier, model.seed)
        if self.features is None:  # the same in every round
            self.features = unit_features(self.benchmark, model)
        point = {"seconds": round(self.spent, 3), **{k: last[k] for k in ("steps", "samples")}}
        self.curve.append({**point, **classifier_scores(trainer, self.features, self.benchmark)})
        self.since = self._now()

    def _now(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()
