"""`zslnb.experiments.relations`: what is left of class semantics, and what directions hold."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import bare, toy

from zslnb.closed_form.ridge import ridge
from zslnb.experiments import DirectionsSettings, GeometrySettings
from zslnb.experiments import relations as module
from zslnb.experiments.refinements import Refinement
from zslnb.experiments.relations import (
    beside,
    directions_scores,
    geometry_scores,
    left_out_share,
    random_cone,
)

NAMES = ("small bird", "large bird", "small fish", "large fish")
FOUR = torch.tensor([[1, 0.5, 3], [1, -0.5, 3], [-1, 0.5, 3], [-1, -0.5, 3]])
KIND, SIZE = torch.tensor([[1.0], [1], [-1], [-1]]), torch.tensor([[1.0], [-1], [1], [-1]])


def four(semantics: torch.Tensor = FOUR):
    """Four classes with a mean feature each, whose cosines are those of their kind and size."""
    base = toy(seen=2)
    return replace(
        base,
        features=torch.cat([4 * KIND, SIZE], dim=1)[base.labels],
        semantics=semantics,
        class_names=NAMES,
        provenance={"semantics": "texts", "unit_norm": ["features"][:0]},
    )


def geometry(n_removed: int, other: torch.Tensor | None = None) -> dict:
    b = four() if other is None else beside(four(), four(other))
    settings = GeometrySettings(Refinement(n_removed=n_removed), 3 if other is not None else 0)
    return geometry_scores(b, settings, 0, "cpu")


def test_kin_are_near_until_the_direction_of_kinds_is_gone():
    """Of two nearest one can be kin; without the kinds the one nearest is as large, not of it."""
    assert geometry(0)["kin"] == geometry(1)["kin"] == 0.5
    assert geometry(1)["neighbours"] == 1
    assert geometry(2)["neighbours"] == 0
    assert geometry(0)["length"] == pytest.approx(1)
    assert geometry(1)["length"] == pytest.approx(1.25 / 10.25)
    assert geometry(2)["length"] == pytest.approx(0.25 / 10.25)


def test_cosines_are_those_of_different_classes():
    """Without what is shared: 0.6 within a kind, -0.6 within a size, -1 between the others."""
    cosine = geometry(1)["cosine"]
    pairs = np.repeat([0.6, -0.6, -1.0], 2)
    assert cosine["mean"] == pytest.approx(pairs.mean())
    assert cosine["sd"] == pytest.approx(pairs.std(ddof=1))
    assert cosine["absolute"] == pytest.approx(np.abs(pairs).mean())


def test_other_views_agree_as_long_as_their_direction_is_there():
    with_kind, without = geometry(1, KIND), geometry(2, KIND)
    assert with_kind["other"] > 0.8 > 0 > without["other"]
    assert with_kind["looks"] == pytest.approx(1)  # the same order of pairs
    assert with_kind["probe"] > 0.9 > 0 >= without["probe"]
    assert geometry(2, SIZE)["probe"] > 0.9
    assert geometry(1)["like CDP"] == pytest.approx(1)
    alone = geometry(1)
    assert alone["other"] is alone["probe"] is None


def test_names_alone_have_no_looks():
    names = replace(
        four(),
        features=torch.zeros(0, 2),
        labels=torch.zeros(0, dtype=torch.int64),
        **dict.fromkeys(
            ("train_idx", "test_seen_idx", "test_unseen_idx"), torch.zeros(0, dtype=torch.int64)
        ),
    )
    scores = geometry_scores(names, GeometrySettings(), 0, "cpu")
    assert scores["looks"] is scores["other"] is None
    assert (
        directions_scores(names, DirectionsSettings(), 0, "cpu")["directions"][0]["looks"] is None
    )


def test_directions_come_with_their_share_and_with_what_is_constant_in_them():
    b = beside(four(), four(KIND))
    first, second, third = directions_scores(b, DirectionsSettings(width=3), 0, "cpu")["directions"]
    assert [d["energy"] for d in (first, second, third)] == pytest.approx(
        [9 / 10.25, 1 / 10.25, 0.25 / 10.25]
    )
    assert first["constant"] == pytest.approx(1)
    assert second["constant"] == pytest.approx(0, abs=1e-9)
    assert second["other"] > 0.9 > 0 >= third["other"]
    ends = {frozenset(second[end][:3]) for end in ("low", "high")}
    assert len(ends) == 2


def test_what_is_shared_has_the_direction_of_the_mean():
    scores = directions_scores(four(), DirectionsSettings(n=2), 0, "cpu")
    assert scores["alignment"] == pytest.approx(1)
    assert len(scores["directions"]) == len(scores["cone"]) == 2


def test_a_random_cone_has_its_axis_in_common_and_nothing_else():
    rows = random_cone(300, 400, 0.6)
    cosines = module._pairs(rows)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(300).double())
    assert float(cosines.mean()) == pytest.approx(0.6, abs=0.01)
    energies = module._energies(rows)
    assert float(energies[0]) == pytest.approx(0.6, abs=0.02)
    assert float(energies[1]) < 0.4 * (1 + (300 / 400) ** 0.5) ** 2 / 300 * 1.1


def test_the_share_of_classes_left_out_is_that_of_fits_without_them():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(12, 4, generator=generator).double()
    y = x @ torch.randn(4, 3, generator=generator).double()
    y = y + 0.5 * torch.randn(12, 3, generator=generator).double()
    scale = float(torch.linalg.svdvals(x - x.mean(0)).square().mean())

    def refitted(penalty: float) -> float:
        errors = []
        for c in range(12):
            others = torch.arange(12) != c
            errors.append(y[c] - ridge(x[others], y[others], penalty * scale)(x[c : c + 1])[0])
        return 1 - float(torch.stack(errors).square().sum() / (y - y.mean(0)).square().sum())

    assert left_out_share(x, y) == pytest.approx(max(map(refitted, module.PENALTIES)))
    assert left_out_share(torch.ones(12, 4).double(), y) == 0.0


def test_two_kinds_of_semantics_must_be_of_the_same_classes():
    other = replace(four(), class_names=NAMES[::-1])
    with pytest.raises(ValueError, match="same classes in the same order"):
        bare(beside)(four(), other)
    both = beside(four(), four(KIND))
    assert both.semantics.shape == (4, 4)
    assert both.provenance["semantics"] == "texts, texts"


@pytest.mark.parametrize("is_free", [True, False])
def test_signs_of_directions_do_not_turn_with_the_library(is_free):
    components = torch.tensor([3.0, -1.0, 0.5, 1.0]).double()
    told = [module._described(s * components, None, None, NAMES, is_free) for s in (1, -1)]
    assert told[0] == told[1]
    assert told[0]["high"][-1] == "small bird"
    assert told[0]["low"][0] == "large bird"
    assert told[0]["constant"] == pytest.approx(0.875**2 / (11.25 / 4))
