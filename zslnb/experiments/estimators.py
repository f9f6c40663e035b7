"""Models from image to semantics under the protocols: RevCD, and what it is compared with."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.judged import Judged, judged_scores
from zslnb.experiments.models import trained
from zslnb.protocol import validation_split
from zslnb.revcd import RevCD, RevCDSettings, hull_distance

HULL_ROWS = 200  # images whose estimates the hull is measured for
Pick = tuple[int, float, str]  # epochs of training, guidance scale, space of comparison
Scores = dict[str, Any]


def estimator_scores(
    benchmark: Benchmark, settings: RevCDSettings, seed: int, device: torch.device | str
) -> Scores:
    """Train a model from image to semantics; choose how it is used clean, or on the test set.

    Chosen are the number of epochs, the guidance scale and the space of comparison; scores are
    those of `judged_scores`, after training on all of trainval. All else as clean chose, "by
    guidance" has the strict scores of each scale, "by space" of each space, "curves" S and U as
    the constant grows, for each number of epochs; "hull" is `hull_scores`, and "history" the
    training's.
    """
    tried = candidates(validation_split(benchmark, seed), settings, seed, device)
    tested = candidates(benchmark, settings, seed, device)
    strict = {pick: judged.plain for pick, (_, judged) in tested.items()}
    scores = judged_scores(*({k: j for k, (_, j) in some.items()} for some in (tried, tested)))
    epochs, scale, space = chosen = scores["chosen"]["clean"]
    named = {protocol: _named(pick) for protocol, pick in scores["chosen"].items()}
    named["calibrated"]["calibration"] = scores.pop("calibration")
    model = tested[chosen][0]
    return {
        **scores,
        "chosen": named,
        "by guidance": {f"{g:g}": strict[epochs, g, space] for g in _scales(settings)},
        "by space": {s: strict[epochs, scale, s] for s in _spaces(benchmark, settings)},
        "curves": {str(n): tested[n, scale, space][1].curve() for n in settings.epoch_choices},
        "hull": hull_scores(model, benchmark),
        "history": model.history,
    }


def candidates(
    benchmark: Benchmark, settings: RevCDSettings, seed: int, device: torch.device | str
) -> dict[Pick, tuple[RevCD, Judged]]:
    """Train for each number of epochs; judge each guidance scale in each space."""
    return {
        (epochs, scale, space): (model, Judged(benchmark, partial(_cosines, model, known, space)))
        for epochs in settings.epoch_choices
        for model in [trained(benchmark, replace(settings, epochs=epochs), seed, device)]
        for at_all_scales in [cache(partial(_at_all_scales, benchmark, model))]
        for scale in _scales(settings)
        for known in [cache(partial(_estimates, benchmark, model, at_all_scales, scale))]
        for space in _spaces(benchmark, settings)
    }


def narrowed(settings: RevCDSettings, picks: Collection[Pick]) -> RevCDSettings:
    """Leave as candidates what these picks are made of, in the order that the settings have."""
    names = ("epoch_choices", "guidance_choices", "spaces")
    parts = {name: [pick[i] for pick in picks] for i, name in enumerate(names)}
    kept = {k: tuple(c for c in getattr(settings, k) if c in part) for k, part in parts.items()}
    return replace(settings, **{k: kept[k] or getattr(settings, k) for k in names})


def _named(pick: Pick) -> dict[str, float | str]:
    return dict(zip(("epochs", "guidance", "space"), pick, strict=True))


def _scales(settings: RevCDSettings) -> tuple[float, ...]:
    """Only diffusion has a scale to choose."""
    return settings.guidance_choices if settings.kind == "revcd" else (1.0,)


def _spaces(benchmark: Benchmark, settings: RevCDSettings) -> tuple[str, ...]:
    """Leave the semantics as given out where a class has nothing but zeros, so no direction."""
    empty = (benchmark.semantics == 0).all(1).any()
    return ("standardised",) if empty else settings.spaces


def _estimates(
    benchmark: Benchmark,
    model: RevCD,
    at_all_scales: Callable[[str], Mapping[float, Tensor]],
    scale: float,
    name: str,
) -> Tensor:
    """Estimate semantics of test images, by which scales compete, or of those trained on."""
    if name == "train_idx":  # asked for at the chosen scale alone
        rows = benchmark.features[benchmark.train_idx]
        return model.estimate(rows, guidance=scale, stream=name)
    return at_all_scales(name)[scale]


def _at_all_scales(benchmark: Benchmark, model: RevCD, name: str) -> Mapping[float, Tensor]:
    rows = benchmark.features[getattr(benchmark, name)]
    return model.estimates(rows, _scales(model.settings), stream=name)


def _cosines(
    model: RevCD, estimates: Callable[[str], Tensor], space: str, name: str
) -> Float[Tensor, "M C"]:
    return model.cosines(estimates(name), space)


def hull_scores(model: RevCD, benchmark: Benchmark) -> dict[str, dict[str, float]]:
    """Measure how far estimates of test images lie from every average of seen prototypes.

    For each guidance scale the mean distance of estimates of "seen" and "unseen" images to the
    convex hull of the seen prototypes, as a share of what an unseen prototype lies off it on
    average: 0 is inside, 1 as far out as the unseen classes are.
    """
    seen = model.prototypes[benchmark.seen]
    goal = hull_distance(model.prototypes[benchmark.unseen], seen)[0].mean()
    parts = {"seen": benchmark.test_seen_idx, "unseen": benchmark.test_unseen_idx}
    scales = _scales(model.settings)
    distances: dict[str, dict[str, float]] = {f"{scale:g}": {} for scale in scales}
    for name, idx in parts.items():
        rows = benchmark.features[idx[:: -(-len(idx) // HULL_ROWS)]]
        for scale, estimates in model.estimates(rows, scales, stream="hull").items():
            share = hull_distance(estimates, seen)[0].mean() / goal
            distances[f"{scale:g}"][name] = float(share)
    return distances
