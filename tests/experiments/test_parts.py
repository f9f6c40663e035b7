"""`zslnb.experiments.parts`: means of one, spread of another."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, corrupted, toy

from zslnb.experiments import MeansSettings, PartsSettings, run
from zslnb.experiments import parts as module
from zslnb.experiments.parts import BORROWED, NEAREST, OWN, RIDGE, TRUE, parts_scores
from zslnb.experiments.scored import generated, predicted
from zslnb.protocol import validation_split

HARD = toy(noise=0.5)
CVAE = replace(QUICK_IMAGINATION, kind="cvae")
SETTINGS = PartsSettings(QUICK, (CVAE,), MeansSettings.beside(QUICK))


@pytest.fixture(scope="module")
def scores(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZSLNB_BUILD", str(tmp_path_factory.mktemp("build")))
        return parts_scores(HARD, SETTINGS, 0, "cpu")


def recombined(means: torch.Tensor, draw, length: float = 1.0) -> module.Recombined:
    side = module._Side(HARD, replace(SETTINGS, rivals=()), (1.0, 0.1), 0, "cpu")
    return module.Recombined(side.ridge, means, length, draw)


def test_every_mean_meets_its_own_a_borrowed_and_the_true_spread(scores):
    generators = ("GenZSL", "GenZSL, noise", "cVAE")
    assert all([*scores["cells"][name]] == [OWN, BORROWED, TRUE] for name in generators)
    assert [*scores["cells"][RIDGE]] == [BORROWED, TRUE]
    assert [*scores["cells"][NEAREST]] == [BORROWED]
    assert [*scores["cells"][TRUE]] == [*generators, BORROWED, TRUE]


def test_cells_as_they_are_score_as_the_methods_themselves(scores, build):
    sides = validation_split(HARD, 0), HARD
    ours = {
        "GenZSL": module.scores_of(generated(*sides, QUICK, 0, "cpu")),
        "cVAE": module.scores_of(generated(*sides, CVAE, 0, "cpu")),
    }
    assert {name: scores["cells"][name][OWN] for name in ours} == ours
    closed = module.scores_of(predicted(*sides, SETTINGS.means, 0, "cpu"))
    assert scores["cells"][RIDGE][BORROWED] == closed


def test_the_true_mean_is_not_misplaced_and_the_nearest_relatives_is_the_unit(scores):
    assert scores["misplaced"][TRUE] == pytest.approx(0, abs=1e-6)
    assert scores["misplaced"][NEAREST] == 1
    assert all(scores["misplaced"][name] > 0.01 for name in (RIDGE, "GenZSL", "cVAE"))


def test_a_spread_is_measured_against_the_real_one(scores, build):
    """Residuals of half the length have a quarter of its square."""
    side = module._Side(HARD, replace(SETTINGS, controls=False), (1.0, 0.1), 0, "cpu")
    every = module.residuals(side.real, side.labels)
    halved = every / 2
    side.draws = {"halved": lambda labels: halved, "none": torch.zeros_like(every).index_select}
    side.draws["none"] = lambda labels: torch.zeros_like(every)
    found = side.spreads()
    assert found["halved"]["size"] == pytest.approx(0.25)
    assert found["none"]["size"] == 0
    shrunk = sum(every.double().T.cov().diagonal()) / 4  # (s - s/2)^2, direction by direction
    assert found["halved"]["frechet"] == pytest.approx(float(shrunk))
    assert scores["spread"][BORROWED]["size"] == pytest.approx(1, abs=0.4)


def test_a_mean_and_residuals_are_put_together(build):
    """Direction of one, length as asked, and what is drawn on top, at unit norm."""
    means = torch.zeros(8, 8)
    means[6, 0], means[7, 1] = 5.0, 0.1
    model = recombined(means, lambda labels: torch.eye(8)[2].expand(len(labels), -1), 2.0)
    features, labels = model.synthesise(HARD.unseen, 2)
    assert labels.tolist() == [6, 6, 7, 7]
    assert features[0].tolist() == pytest.approx([2 / 5**0.5, 0, 1 / 5**0.5, *[0] * 5])
    assert features[3].tolist() == pytest.approx([0, 2 / 5**0.5, 1 / 5**0.5, *[0] * 5])
    with pytest.raises(ValueError, match="at least 1"):
        model.synthesise(HARD.unseen, 0)


def test_borrowed_residuals_are_the_referents(build):
    side = module._Side(HARD, replace(SETTINGS, controls=False), (1.0, 0.1), 0, "cpu")
    drawn = side.draws[BORROWED](torch.tensor([6] * 50))
    lenders = side.ridge.lenders[6]
    rows = torch.isin(side.ridge.labels, lenders)
    owned = module.residuals(side.ridge.features, side.ridge.labels)[rows]
    assert torch.cdist(drawn, owned).min(1).values.max() < 1e-3


def test_what_is_no_oracle_never_sees_the_test_set(build):
    """Predicted means, generated ones and borrowed residuals: the same beside garbage."""
    few = replace(SETTINGS, controls=False)
    clean, garbage = (module._Side(b, few, (1.0, 0.1), 0, "cpu") for b in (HARD, corrupted(HARD)))
    names = [RIDGE, NEAREST, "GenZSL", "cVAE"]
    assert all(torch.equal(clean.means[n], garbage.means[n]) for n in names)
    assert clean.length == garbage.length
    assert torch.equal(clean.ridge.pool.features, garbage.ridge.pool.features)
    assert not torch.equal(clean.means[TRUE], garbage.means[TRUE])


def test_a_spread_that_is_not_the_referents_is_refused():
    with pytest.raises(ValueError, match="referents' here, not 'any'"):
        replace(SETTINGS, means=MeansSettings.beside(QUICK, spread="any"))


def test_a_record_of_it_can_be_run_and_read_back(build):
    few = replace(SETTINGS, rivals=(), controls=False)
    record = run("parts", HARD, few, 0)
    assert record == run("parts", HARD, few, 0)
    assert [*record["scores"]["cells"]["GenZSL"]] == [OWN, BORROWED]
