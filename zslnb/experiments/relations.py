"""What a refinement leaves of how classes are related, and what each single direction holds.

Both need class semantics alone; a second kind of semantics, and images, say more where there are
any. Nothing here is a method: test images are looked at, and nothing is chosen by them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from scipy.stats import spearmanr
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.experiments.refinements import Refinement, refine
from zslnb.genzsl import top_k_referents
from zslnb.protocol import class_means
from zslnb.seeds import seeded
from zslnb.settings import Count, Settings, Whole

KIN = 2  # nearest classes that are looked at, as many as GenZSL has referents
ENDS = 3  # names at either end of a direction
PENALTIES = (1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)  # of the probe's mean eigenvalue


def beside(benchmark: Benchmark, other: Benchmark) -> Benchmark:
    """Put another kind of semantics of the same classes behind a benchmark's own columns.

    It is for `geometry_scores` and `directions_scores` alone, whose settings say how many columns
    are the first kind's.

    Raises:
        ValueError: other classes.
    """
    if benchmark.class_names != other.class_names:
        raise ValueError("Two kinds of semantics must be of the same classes in the same order.")
    kinds = [str(b.provenance.get("semantics")) for b in (benchmark, other)]
    promised = {*benchmark.provenance.get("unit_norm", ())} - {"semantics"}
    known = {"semantics": ", ".join(kinds), "unit_norm": sorted(promised), "shared_space": False}
    both = torch.cat([benchmark.semantics, other.semantics], dim=1)
    return replace(benchmark, semantics=both, provenance={**benchmark.provenance, **known})


@dataclass(frozen=True)
class GeometrySettings(Settings):
    """Which refinement is looked at, and how many columns of the semantics it is for.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    refinement: Refinement = field(default_factory=Refinement)
    width: Whole = 0  # the first so many; the others are another kind's. 0: all


def geometry_scores(
    benchmark: Benchmark, settings: GeometrySettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Say what a refinement leaves of how classes are related; nothing is drawn at random.

    "cosine" has mean, standard deviation and mean size over pairs of different classes. "length"
    is the mean squared length left of 1, "neighbours" the share of classes that keep their nearest
    class, "kin" the share of the two nearest that end in the same word, of classes with such kin.
    "like CDP" is the mean cosine of a class with itself after one direction is removed. "looks"
    and "other" are rank correlations of the cosines of all pairs with those of real class means,
    and of the other kind of semantics (both centred); "probe" as `left_out_share` has it of the
    latter. None where there is nothing to compare with.
    """
    own, other, looks = _views(benchmark, settings.width)
    refined = refine(own, settings.refinement)
    cosines = _pairs(refined)
    cdp = refine(own, Refinement())
    nearest, before = (top_k_referents(e, e, KIN, exclude_self=True) for e in (refined, own))
    return {
        "cosine": {
            "mean": float(cosines.mean()),
            "sd": float(cosines.std()),
            "absolute": float(cosines.abs().mean()),
        },
        "length": float(refined.square().sum(1).mean()),
        "neighbours": float((nearest[:, 0] == before[:, 0]).double().mean()),
        "kin": _share_of_kin(benchmark.class_names, nearest),
        "like CDP": float(F.cosine_similarity(refined, cdp).mean()),
        "looks": _agreement(cosines, looks),
        "other": _agreement(cosines, other),
        "probe": None if other is None else left_out_share(refined, other),
    }


@dataclass(frozen=True)
class DirectionsSettings(Settings):
    """How many directions are described, and of how many columns of the semantics.

    Raises:
        ValueError: a setting that means nothing, by name.
    """

    n: Count = 6
    width: Whole = 0  # as in `GeometrySettings`


def directions_scores(
    benchmark: Benchmark, settings: DirectionsSettings, seed: int, device: torch.device | str
) -> dict[str, Any]:
    """Describe the leading singular directions of the class semantics, one by one.

    "directions" has for each: "energy", its share of the squared length; "constant", the share of
    that which is the same in all classes (squared mean of their components over mean square);
    "other" and "looks", how much of the rest the other semantics and the class means foretell of a
    class left out; the names with the least and the most of it. "alignment" is the cosine of the
    first with the mean of the classes; "cone" has the energies of as many random vectors with the
    same mean cosine, the cone's axis in common and nothing else.
    """
    own, other, looks = _views(benchmark, settings.width)
    n = min(settings.n, *own.shape)
    vh = torch.linalg.svd(own, full_matrices=False).Vh[:n]
    first = F.cosine_similarity(own.mean(0), vh[0], dim=0).abs()
    shared = max(0.0, float(_pairs(own).mean()))  # less than nothing is no cone
    return {
        "directions": [
            _described(own @ v, other, looks, benchmark.class_names, index > 0)
            for index, v in enumerate(vh)
        ],
        "alignment": float(first),
        "cone": _energies(random_cone(*own.shape, shared, seed))[:n].tolist(),
    }


def left_out_share(inputs: Float64[Tensor, "C S"], targets: Float64[Tensor, "C A"]) -> float:
    """Share of the targets' variance that ridge regression predicts of a class left out.

    Each class in turn is left out, in closed form (its error divided by 1 minus its leverage), and
    the penalty is the best of `PENALTIES`, so the share is a little too large, for all inputs
    alike. Below 0 where the mean of the others would be the better guess.
    """
    y = targets - targets.mean(0)
    u, sigma, _ = torch.linalg.svd(inputs - inputs.mean(0), full_matrices=False)
    values, total = sigma.square(), y.square().sum()
    if values.sum() == 0 or total == 0:
        return 0.0

    def missed(penalty: float) -> float:
        hat = u * (values / (values + penalty * values.mean())) @ u.T
        errors = (y - hat @ y) / (1 - 1 / len(y) - hat.diagonal())[:, None]
        return float(errors.square().sum() / total)

    return 1 - min(missed(penalty) for penalty in PENALTIES)


def random_cone(n: int, width: int, cosine: float, seed: int = 0) -> Float64[Tensor, "n S"]:
    """Draw unit vectors that share one axis, so that two have this cosine on average."""
    with seeded(seed, "refinements/cone"):
        rows = torch.randn(n, width, dtype=torch.float64)
    rows[:, 0] = 0
    rows = (1 - cosine) ** 0.5 * F.normalize(rows, dim=1)
    rows[:, 0] = cosine**0.5
    return rows


def _views(
    benchmark: Benchmark, width: int
) -> tuple[Float64[Tensor, "C S"], Float64[Tensor, "C A"] | None, Float64[Tensor, "C D"] | None]:
    """Give semantics of unit norm, the other kind's if any, and real class means if any."""
    own, other = benchmark.semantics.double().tensor_split([width or benchmark.semantic_dim], 1)
    looks = None
    if len(benchmark.labels.unique()) == benchmark.n_classes:
        looks = class_means(F.normalize(benchmark.features.double(), dim=1), benchmark.labels)
    return F.normalize(own, dim=1), other if other.shape[1] else None, looks


def _pairs(rows: Float64[Tensor, "C S"]) -> Float64[Tensor, " P"]:
    """Cosines of different classes, each pair once."""
    unit = F.normalize(rows, dim=1)
    return (unit @ unit.T)[tuple(torch.triu_indices(len(rows), len(rows), offset=1))]


def _agreement(cosines: Float64[Tensor, " P"], view: Tensor | None) -> float | None:
    if view is None:
        return None
    unit = F.normalize(view, dim=1)
    return float(spearmanr(cosines, _pairs(unit - unit.mean(0))).statistic)


def _share_of_kin(names: tuple[str, ...], nearest: Tensor) -> float | None:
    last = [name.replace("_", " ").split()[-1] for name in names]
    shares = [
        sum(last[other] == last[c] for other in nearest[c].tolist()) / nearest.shape[1]
        for c in range(len(last))
        if last.count(last[c]) > 1
    ]
    return sum(shares) / len(shares) if shares else None


def _described(
    components: Float64[Tensor, " C"],
    other: Tensor | None,
    looks: Tensor | None,
    names: tuple[str, ...],
    is_free: bool,
) -> dict[str, Any]:
    """Describe a direction by the classes' components along it; signs are free but for the first.

    A direction points to where the largest component is, and the first to where the mean is.
    """
    turn = components[components.abs().argmax()] if is_free else components.mean()
    components = components * turn.sign()
    order = [names[c] for c in components.argsort().tolist()]
    square = components.square().mean()
    return {
        "energy": float(square),
        "constant": float(components.mean().square() / square),
        **{
            name: None if view is None else left_out_share(view, components[:, None])
            for name, view in (("other", other), ("looks", looks))
        },
        "low": order[:ENDS],
        "high": order[-ENDS:],
    }


def _energies(rows: Float64[Tensor, "C S"]) -> Float64[Tensor, " n"]:
    return torch.linalg.svdvals(rows).square() / len(rows)
