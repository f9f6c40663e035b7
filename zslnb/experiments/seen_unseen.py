"""A method's seen-unseen curve, its area, and its H with the border put in several ways.

Chao et al. 2016, "An empirical study and analysis of generalized zero-shot learning for object
recognition in the wild": a constant off the scores of seen classes trades S for U, and the area
under that curve (AUSUC) judges a method without choosing one.
"""

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.closed_form import eszsl_for_penalties, predicted_means
from zslnb.errors import BenchmarkError
from zslnb.experiments import estimators, generative, ridge
from zslnb.experiments.closed_form import ClipSettings, ESZSLSettings
from zslnb.experiments.means import (
    MeansSettings,
    NearestMeanSettings,
    chosen_kernel,
    fit_means,
    training_set,
)
from zslnb.experiments.models import trained
from zslnb.experiments.ridge import RidgeSettings
from zslnb.experiments.scoring import all_scores, competing_classes, score_test_images
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.protocol import (
    Scored,
    best,
    best_constant,
    harmonic_mean,
    nearest_semantics,
    validation_split,
)
from zslnb.revcd import RevCDSettings
from zslnb.settings import Settings

GRID = torch.linspace(0, 1, 51, dtype=torch.float64)  # values of U that a drawn curve is read at
Scorings = Iterator[tuple[Hashable, Scored]]  # candidates, and what each says of the test images
Picks = Collection[Any] | None


@dataclass(frozen=True)
class SeenUnseenSettings(Settings):
    """The settings of the one method that is looked at: of any kind that CANDIDATES has.

    Raises:
        ValueError: settings of another kind.
    """

    method: Any

    def __post_init__(self) -> None:
        """Refuse what is no method's settings."""
        if type(self.method) not in CANDIDATES:
            kinds = ", ".join(kind.__name__ for kind in CANDIDATES)
            raise ValueError(f"method must be one of {kinds}, not {self.method!r}.")


def seen_unseen_scores(
    benchmark: Benchmark, settings: SeenUnseenSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Put a method's border in several ways, and measure the whole curve.

    clean: the candidate with the best H on the validation split, its border where it falls.
    moved: the same one, with the constant off seen classes' scores that is best there; nothing but
    the border differs.
    The others have the candidate whose H with its best constant is the highest there, and
    calibrated: that very constant; level: the one that brings S and U nearest to each other on the
    validation split; peeked: the one with the best H on the test images, an oracle; told: S and U
    if someone said of each image whether its class is seen, which no border exceeds.
    Each has S, U, H and T1. "area" is that under this candidate's curve on the test images,
    "curve" the S it has left at each U of GRID, "validation" what it was chosen by.
    """
    inner = validation_split(benchmark, seed)

    def candidates(part: Benchmark, picks: Picks = None) -> Scorings:
        make = CANDIDATES[type(settings.method)]
        return make(part, inner, settings.method, picks, seed, device)

    tried = {
        pick: {**_at(scored), "border": best_constant(scored), "level": level_constant(scored)}
        for pick, scored in candidates(inner)
    }
    clean = best(tried.items())[0]
    free = max(tried, key=lambda pick: tried[pick]["border"][1])
    picks = [clean, free]
    tested = {pick: scored for pick, scored in candidates(benchmark, picks) if pick in picks}
    scored, (constant, h) = tested[free], tried[free]["border"]
    ends = scored.curve(scored.borders())
    told = {"S": float(ends["S"].max()), "U": float(ends["U"].max())}
    return {
        "clean": _at(tested[clean]),
        "moved": _at(tested[clean], tried[clean]["border"][0]),
        "calibrated": _at(scored, constant),
        "level": _at(scored, tried[free]["level"]),
        "peeked": _at(scored, best_constant(scored)[0]),
        "told": {**told, "H": harmonic_mean(*told.values()), "T1": told["U"]},
        "area": area(scored),
        "curve": seen_at(scored, GRID).tolist(),
        "validation": {"calibrated": {"H": h}},
        "chosen": {"clean": str(clean), "calibrated": str(free), "constant": constant},
    }


def area(scored: Scored) -> float:
    """Area under the seen-unseen curve of the test images, a fraction (AUSUC).

    From every image answered with a seen class (U = 0) to every image answered with an unseen one
    (S = 0), a constant passes the margin of one image after another. Each passage either leaves
    both accuracies, lowers S, or raises U, so the curve is a staircase, and the trapezoids under
    it are exact; images of equal margin are passed at once, and count as a straight line.
    """
    curve = scored.curve(scored.borders()[1:])  # the first is 0, out of order
    return float(torch.trapezoid(curve["S"], curve["U"]))


def seen_at(scored: Scored, unseen: Float64[Tensor, " G"]) -> Float64[Tensor, " G"]:
    """Highest S that a border leaves where U is at least as given; 0 where no border has that U."""
    curve = scored.curve(scored.borders())
    reached = curve["U"][:, None] >= unseen - 1e-12
    return (curve["S"][:, None] * reached).max(0).values


def level_constant(scored: Scored) -> float:
    """Return the constant that brings S and U nearest to each other; of equals the smallest."""
    constants = scored.borders()
    curve = scored.curve(constants)
    apart = (curve["S"] - curve["U"]).abs()
    equals = constants[apart <= apart.min() + 1e-12]
    return float(equals[equals.abs().argmin()])


def _at(scored: Scored, constant: float = 0.0) -> dict[str, float]:
    """S, U, H and T1 with a constant off the scores of seen classes."""
    lowered = scored.scores.double() - constant * scored.is_seen
    return all_scores(lowered, scored.classes, scored.benchmark)


def _of(
    benchmark: Benchmark, score: Callable[[Tensor], Float[Tensor, "M C"]], features: Tensor
) -> Scored:
    """Score test images by a function that gives an (M, D) batch scores of all classes."""
    classes = competing_classes(benchmark)
    scores = score_test_images(lambda x: score(x)[:, classes], features, benchmark)
    return Scored(scores, classes, benchmark)


def _plain_clip(b: Benchmark, inner: Benchmark, settings: ClipSettings, *others: Any) -> Scorings:
    if not b.shared_space:
        raise BenchmarkError(
            "Plain CLIP compares features with class texts, and these are of different spaces; "
            "leave its row out."
        )
    yield (), _of(b, lambda x: nearest_semantics(x, b.semantics), b.features)


def _eszsl(b: Benchmark, inner: Benchmark, settings: ESZSLSettings, *others: Any) -> Scorings:
    x, z = F.normalize(b.features, dim=1), F.normalize(b.semantics, dim=1)
    matrix = eszsl_for_penalties(x[b.train_idx], b.labels[b.train_idx], z)
    for powers in product(settings.powers, repeat=2):
        bilinear = matrix(*(10.0**power for power in powers)) @ z.T
        yield powers, _of(b, lambda images, w=bilinear: images @ w, x)


def _nearest_mean(
    b: Benchmark, inner: Benchmark, settings: NearestMeanSettings, *others: Any
) -> Scorings:
    kernel = chosen_kernel(inner, settings)
    means = predicted_means(*training_set(b, settings), *kernel)
    yield kernel, _of(b, lambda x: nearest_semantics(x, means), F.normalize(b.features, dim=1))


def _means_and_spread(
    b: Benchmark, inner: Benchmark, settings: MeansSettings, picks: Picks, *where: Any
) -> Scorings:
    model = fit_means(b, settings, chosen_kernel(inner, settings), *where)
    yield from _classified(b, model, picks)


def _generated(
    b: Benchmark,
    inner: Benchmark,
    settings: GenZSLSettings | ImaginationSettings,
    picks: Picks,
    *where: Any,
) -> Scorings:
    yield from _classified(b, trained(b, settings, *where), picks)


def _classified(b: Benchmark, model: generative.Generator, picks: Picks) -> Scorings:
    for pick, (_, classified) in generative.candidates(model, b, picks):
        yield pick, classified.scored()


def _estimated(
    b: Benchmark, inner: Benchmark, settings: RevCDSettings, picks: Picks, *where: Any
) -> Scorings:
    if picks is not None:
        settings = estimators.narrowed(settings, picks)
    for pick, (_, judged) in estimators.candidates(b, settings, *where).items():
        yield pick, judged.scored


def _regressed(b: Benchmark, inner: Benchmark, settings: RidgeSettings, *others: Any) -> Scorings:
    for pick, judged in ridge.candidates(b, settings):
        yield pick, judged.scored


# settings -> the candidates of a model fitted to `b`; `inner` is the validation split that a kernel
# is chosen on, `picks` those that are looked at, None for all, `where` seed and device
CANDIDATES: dict[type, Callable[..., Scorings]] = {
    ClipSettings: _plain_clip,
    ESZSLSettings: _eszsl,
    NearestMeanSettings: _nearest_mean,
    MeansSettings: _means_and_spread,
    GenZSLSettings: _generated,
    ImaginationSettings: _generated,
    RevCDSettings: _estimated,
    RidgeSettings: _regressed,
}
