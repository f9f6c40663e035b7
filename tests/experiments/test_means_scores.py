"""`zslnb.experiments.means`: a generator that trains nothing; `clean` never looks at the test."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, corrupted, toy

from zslnb.closed_form import predicted_means, residuals
from zslnb.experiments import MeansSettings, run
from zslnb.experiments.families import Generator
from zslnb.experiments.generative import candidates, unit_features, with_synthetic
from zslnb.experiments.means import chosen_kernel, fit_means, means_scores
from zslnb.genzsl import class_diversity_promotion, top_k_referents
from zslnb.protocol import (
    best_constant,
    class_means,
    evaluate_gzsl,
    train_classifier,
    validation_split,
)

HARD = toy(noise=0.5)  # so hard that settings differ
KERNEL = (2.0, 0.1)
FEW = MeansSettings.beside(
    QUICK, n_synthetic_choices=(1, 3, 8), widths=(0.5, 4.0), penalties=(0.01, 1.0)
)
SPREADS = ("referents", "any", "gaussian", "none")
X, Y = F.normalize(HARD.features, dim=1), HARD.labels
SCORES = {"S", "U", "H", "T1"}


@pytest.fixture(scope="module")
def scores() -> dict:
    return means_scores(HARD, FEW, 0, "cpu")


def refined() -> torch.Tensor:
    raw = F.normalize(HARD.semantics, dim=1)
    return F.normalize(class_diversity_promotion(raw), dim=1)


def made(spread: str, n: int = 50, **changes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Synthetic features, their labels, and the predicted means that they surround."""
    settings = replace(FEW, spread=spread, **changes)
    model = fit_means(HARD, settings, KERNEL)
    return *model.synthesise(HARD.unseen, n), model.means


def test_it_is_a_generator_as_the_trained_ones_are():
    model = fit_means(HARD, FEW, KERNEL)
    assert isinstance(model, Generator)
    rows = HARD.train_idx
    assert torch.equal(model.features, X[rows])
    expected = predicted_means(X[rows], Y[rows], refined(), *KERNEL)
    torch.testing.assert_close(model.means, expected)


@pytest.mark.parametrize("spread", SPREADS)
def test_synthetic_features_have_unit_norm_and_repeat(spread):
    features, labels, _ = made(spread)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(100))
    assert labels.tolist() == [6] * 50 + [7] * 50
    assert torch.equal(features, made(spread)[0])
    model = fit_means(HARD, replace(FEW, spread=spread), KERNEL)
    other = model.synthesise(HARD.unseen, 50, "another")[0]
    assert torch.equal(features, other) == (spread == "none")


def lent(own: torch.Tensor, spread: str, unseen: int, **changes) -> torch.Tensor:
    """Which of the rows of `own` were added to a class's mean, found again in the directions."""
    features, labels, means = made(spread, **changes)
    options = F.normalize(means[unseen] + own, dim=1)
    cosines = features[labels == unseen] @ options.T
    torch.testing.assert_close(cosines.amax(1), torch.ones(50), rtol=0, atol=1e-5)
    return cosines.argmax(1)


@pytest.mark.parametrize("k", [1, 2])
def test_residuals_come_from_the_referents_or_from_anywhere(k):
    rows = HARD.train_idx
    own, semantics = residuals(X[rows], Y[rows]), refined()
    nearest = top_k_referents(semantics[6:], semantics[:6], k)
    for unseen in (6, 7):
        lenders = Y[rows][lent(own, "referents", unseen, n_referents=k)]
        assert set(lenders.tolist()) == set(nearest[unseen - 6].tolist())
        anyone = Y[rows][lent(own, "any", unseen)]
        assert len(set(anyone.tolist())) == 6


def test_no_spread_is_the_mean_itself():
    features, labels, means = made("none")
    torch.testing.assert_close(features, F.normalize(means, dim=1)[labels])


def test_the_shared_gaussian_has_the_covariance_of_all_residuals():
    model = fit_means(HARD, replace(FEW, spread="gaussian"), KERNEL)
    own = residuals(model.features, model.labels)
    drawn = model._spread(torch.full((200_000,), 6))
    torch.testing.assert_close(drawn.T.cov(), own.T @ own / len(own), rtol=0.1, atol=2e-3)


def test_the_kernel_tells_the_validation_means_best():
    inner = validation_split(HARD, 0)
    rows, unseen = inner.train_idx, inner.test_unseen_idx
    real = class_means(X[unseen], Y[unseen])
    off = {
        (w, p): float(
            (predicted_means(X[rows], Y[rows], refined(), w, p)[inner.unseen] - real).square().sum()
        )
        for w in FEW.widths
        for p in FEW.penalties
    }
    assert off[chosen_kernel(inner, FEW)] == min(off.values()) < max(off.values())


def test_choices_never_see_the_test_set(scores):
    garbage = means_scores(corrupted(HARD), FEW, 0, "cpu")
    for protocol in ("clean", "calibrated"):
        assert garbage["chosen"][protocol] == scores["chosen"][protocol]
        assert garbage[protocol] != scores[protocol]
    assert garbage["validation"] == scores["validation"]


def test_clean_peeked_and_each_count_are_those_of_the_generative_protocol(scores):
    inner = validation_split(HARD, 0)
    kernel = chosen_kernel(inner, FEW)
    tried, on_test = (
        {pick: found for pick, (found, _) in candidates(fit_means(b, FEW, kernel), b)}
        for b in (inner, HARD)
    )
    pick, lucky = (scores["chosen"][p] for p in ("clean", "peeked"))
    assert (pick["width"], pick["penalty"]) == kernel
    pick, lucky = ((each["n_synthetic"], each["epochs"]) for each in (pick, lucky))
    assert tried[pick] == scores["validation"]["clean"]
    assert tried[pick]["H"] == max(s["H"] for s in tried.values())
    assert on_test[pick] == scores["clean"]
    assert on_test[lucky] == scores["peeked"]
    assert on_test[lucky]["H"] == max(s["H"] for s in on_test.values())
    assert scores["by n_synthetic"][str(pick[0])] == scores["clean"]
    assert list(scores["by n_synthetic"]) == ["1", "3", "8"]
    assert set(scores["clean"]) == SCORES


def test_a_candidates_classifier_is_kept_as_it_was_scored():
    model = fit_means(HARD, FEW, KERNEL)
    for (n, epochs), (expected, kept) in candidates(model, HARD):
        held = kept.scored()
        found = evaluate_gzsl(torch.nn.Identity(), held.classes, held.scores, HARD)
        assert found == {name: expected[name] for name in found}
        settings = replace(FEW.classifier, epochs=epochs)
        again = train_classifier(*with_synthetic(model, HARD.unseen, n), settings, model.seed)
        rows = HARD.test_unseen_idx
        assert torch.equal(held.scores[rows], again.scores(unit_features(HARD, model)[rows]))


def test_of_what_was_picked_already_no_more_is_trained():
    model, picks = fit_means(HARD, FEW, KERNEL), [(8, 2), (1, 1)]
    every, few = (dict(candidates(model, HARD, some)) for some in (None, picks))
    assert list(few) == [(1, 1), (8, 1), (8, 2)]
    for pick, (expected, kept) in few.items():
        assert expected == every[pick][0]
        assert torch.equal(kept.scored().scores, every[pick][1].scored().scores)


def test_a_pick_that_is_no_candidate_is_refused():
    with pytest.raises(ValueError, match=r"\(8, 99\)"):
        next(candidates(fit_means(HARD, FEW, KERNEL), HARD, [(8, 2), (8, 99)]))


def test_the_constant_is_the_best_on_the_validation_split(scores):
    inner, chosen = validation_split(HARD, 0), scores["chosen"]["calibrated"]
    pick = chosen["n_synthetic"], chosen["epochs"]
    kernel = chosen["width"], chosen["penalty"]
    held = dict(candidates(fit_means(inner, FEW, kernel), inner))[pick][1].scored()
    assert chosen["calibration"] == best_constant(held)[0]
    judged = dict(candidates(fit_means(HARD, FEW, kernel), HARD))[pick][1].scored()
    lowered = judged.scores.double() - chosen["calibration"] * judged.is_seen
    expected = evaluate_gzsl(torch.nn.Identity(), judged.classes, lowered, HARD)
    assert {name: scores["calibrated"][name] for name in expected} == pytest.approx(expected)
    assert scores["calibrated"]["T1"] == scores["clean"]["T1"]
    assert scores["validation"]["calibrated"]["H"] >= scores["validation"]["clean"]["H"] - 1e-12


@pytest.mark.parametrize("spread", SPREADS)
def test_they_learn_the_toy(spread):
    easy = replace(FEW, spread=spread, n_synthetic_choices=(10,), widths=(4.0,))
    easy = replace(easy, classifier=replace(easy.classifier, lr=0.1, epochs=10))
    clean = means_scores(toy(seen=20, noise=0.05), easy, 0, "cpu")["clean"]
    assert clean["S"] > 0.75  # chance: one in 22
    assert clean["T1"] > 0.6  # chance: a half


def test_all_but_the_generator_is_taken_over():
    taken = MeansSettings.beside(replace(QUICK, n_referents=3, n_removed=2), spread="any")
    assert (taken.n_referents, taken.n_removed, taken.spread) == (3, 2, "any")
    assert taken.n_synthetic_choices == QUICK.n_synthetic_choices
    assert taken.classifier == QUICK.classifier


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("spread", "borrowed"), ("n_removed", -1), ("n_referents", 0), ("widths", ())),
        *(("widths", (0.0,)), ("penalties", (1.0, -1.0)), ("n_synthetic_choices", (0,))),
    ],
)
def test_settings_without_meaning_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        MeansSettings(**{name: value})


def test_what_cannot_be_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    with pytest.raises(ValueError, match="at least 1"):
        fit_means(HARD, FEW, KERNEL).synthesise(HARD.unseen, 0)
    with pytest.raises(ValueError, match="k must lie in"):
        run("means", HARD, replace(FEW, n_referents=7))
    with pytest.raises(ValueError, match="at least two seen classes"):
        run("means", toy(seen=1), FEW)
    assert not (tmp_path / "records").exists()


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path, scores):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    record = run("means", HARD, FEW, 0)
    assert record == run("means", HARD, FEW, 0)
    assert record["scores"] == scores
    assert set(run("means", toy(semantic_dim=5), FEW)["scores"]["clean"]) == SCORES
