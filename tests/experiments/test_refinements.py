"""`zslnb.experiments.refinements`: each refinement on vectors that can be checked by hand."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, toy

from zslnb.experiments import MeansSettings, RefinedSettings, run
from zslnb.experiments.means import NearestMeanSettings, means_scores
from zslnb.experiments.nearest_mean import nearest_mean_scores
from zslnb.experiments.refinements import (
    REFINEMENTS,
    Refinement,
    possible,
    refine,
    refined_scores,
)

# small bird, large bird, small fish, large fish: size, then kind, then what all share
FOUR = torch.tensor([[1, 0.5, 3], [1, -0.5, 3], [-1, 0.5, 3], [-1, -0.5, 3]]).double()
LENGTH = 10.25**0.5


def test_directions_go_one_by_one_the_shared_one_first():
    for n, gone in ((0, []), (1, [2]), (2, [2, 0])):
        expected = FOUR / LENGTH
        expected[:, gone] = 0
        torch.testing.assert_close(refine(FOUR, Refinement(n_removed=n)), expected)


def test_the_mean_counts_as_a_direction_where_all_have_the_same_of_it():
    for n in (0, 1):
        centred = refine(FOUR, Refinement(centred=True, n_removed=n))
        torch.testing.assert_close(centred, refine(FOUR, Refinement(n_removed=n + 1)))


def test_centring_and_removing_differ_where_some_have_less_of_what_is_shared():
    tilted = FOUR.clone()
    tilted[0, 2] = 0
    assert refine(tilted, Refinement(centred=True, n_removed=0)).sum(0).abs().max() < 1e-12
    assert refine(tilted, Refinement()).sum(0).abs().max() > 0.1


def test_whitening_gives_all_directions_one_variance_up_to_the_shrinkage():
    """Centred, the two axes have variances 4/41 and 1/41, of mean 5/123 over three (C - 1)."""
    white = refine(FOUR, Refinement(centred=True, n_removed=0, shrinkage=1e-9))
    torch.testing.assert_close(white.abs()[:, :2], torch.ones(4, 2).double(), atol=1e-6, rtol=0)
    part = refine(FOUR, Refinement(centred=True, n_removed=0, shrinkage=1.0))
    variances = torch.tensor([4 / 41, 1 / 41]).double()
    expected = variances / (variances + 5 / 123)
    torch.testing.assert_close(part.square().mean(0)[:2], expected)
    few = torch.randn(5, 8, generator=torch.Generator().manual_seed(0)).double()
    unit = F.normalize(refine(few, Refinement(True, 0, 1e-12)), dim=1)
    torch.testing.assert_close(
        unit @ unit.T, torch.eye(5).double() * 1.25 - 0.25, atol=1e-6, rtol=0
    )


def test_what_would_leave_nothing_is_left_out():
    flat = replace(toy(), semantics=toy().semantics * torch.tensor([1.0] * 3 + [0.0] * 5))
    names = {*possible(flat, REFINEMENTS)}
    assert {"0 removed", "2 removed", "centred, 2 removed"} <= names
    assert not {"3 removed", "10 removed", "centred, 3 removed"} & names


@pytest.mark.parametrize("method", [NearestMeanSettings, MeansSettings])
def test_a_refinement_is_the_methods_own_where_it_has_one(method):
    """The methods remove directions themselves; given them removed, they score the same."""
    hard, inner = toy(noise=0.5), {}
    if method is MeansSettings:
        inner = {"n_synthetic_choices": (2,), "classifier": QUICK.classifier}
    settings = RefinedSettings(Refinement(n_removed=2), method(n_removed=0, **inner))
    own = means_scores if method is MeansSettings else nearest_mean_scores
    found = refined_scores(hard, settings, 0, "cpu")
    expected = own(hard, method(n_removed=2, **inner), 0, "cpu")
    for protocol in ("clean", "calibrated"):
        assert found[protocol] == pytest.approx(expected[protocol])
    other = refined_scores(hard, replace(settings, refinement=Refinement(n_removed=7)), 0, "cpu")
    assert other["clean"] != found["clean"]


def test_a_method_that_would_refine_again_is_refused():
    with pytest.raises(ValueError, match="n_removed must be 0"):
        RefinedSettings(method=NearestMeanSettings())
    with pytest.raises(ValueError, match="shrinkage must be positive"):
        Refinement(shrinkage=0.0)


def test_a_record_says_how_semantics_were_refined(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    settings = RefinedSettings(REFINEMENTS["centred, 1 removed"])
    record = run("refined", toy(), settings)
    told = {"centred": True, "n_removed": 1, "shrinkage": None}
    assert record["settings"]["refinement"] == told
    assert record["benchmark"]["sha256"] == toy().sha256
    assert record["scores"]["clean"] == refined_scores(toy(), settings, 0, "cpu")["clean"]
