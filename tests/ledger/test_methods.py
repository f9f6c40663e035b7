"""`zslnb.ledger.methods`: `clean` never looks at the test set; `released` is the best look."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK, toy

from zslnb import Benchmark
from zslnb.genzsl import class_diversity_promotion, fit, mean_cosines
from zslnb.ledger import METHODS, ClipSettings, ESZSLSettings, LooksSettings, methods
from zslnb.protocol import (
    evaluate_conventional,
    evaluate_gzsl,
    nearest_semantics,
    train_classifier,
    validation_split,
)
from zslnb.seeds import seeded

HARD = toy(noise=0.5)  # so hard that methods and settings differ
GRID = ESZSLSettings(powers=(-2, 0, 1, 3))
# many candidates, so that two ways of choosing hardly ever agree by chance
MANY = replace(QUICK, n_synthetic_choices=(1, 2, 3, 5, 8, 13))
TWO_PROTOCOLS = {"eszsl": GRID, "genzsl": MANY}


def scores_of(method: str, benchmark: Benchmark = HARD, settings=None, seed: int = 0) -> dict:
    known = METHODS[method]
    return known.function(benchmark, settings or known.settings(), seed, "cpu")


def corrupted(b: Benchmark) -> Benchmark:
    """Garbage for every test image, and shuffled labels within either test set."""
    features, labels = b.features.clone(), b.labels.clone()
    for idx in (b.test_seen_idx, b.test_unseen_idx):
        with seeded(0, "tests/garbage"):
            features[idx] = 100 * torch.rand(len(idx), b.feature_dim)
        labels[idx] = labels[idx].flip(0)
    return replace(b, features=features, labels=labels)


@pytest.mark.parametrize(("method", "settings"), TWO_PROTOCOLS.items(), ids=TWO_PROTOCOLS)
def test_clean_choices_never_see_the_test_set(method, settings):
    honest, garbage = (scores_of(method, b, settings) for b in (HARD, corrupted(HARD)))
    assert honest["chosen"]["clean"] == garbage["chosen"]["clean"]
    assert honest["clean"] != garbage["clean"]
    assert honest["clean"] != honest["peeked"]
    assert honest["released"] != garbage["released"]
    assert honest.get("history") == garbage.get("history")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("method", "settings"), TWO_PROTOCOLS.items(), ids=TWO_PROTOCOLS)
def test_choosing_on_test_never_scores_below_choosing_clean(method, settings, seed):
    scores = scores_of(method, HARD, settings, seed)
    assert scores["peeked"]["H"] >= scores["clean"]["H"]


def test_released_is_the_best_of_all_looks(monkeypatch):
    looks: list[dict] = []

    class Watched(methods.BestOnTest):
        def _look(self, scores: dict, number: int) -> None:
            looks.append(scores)
            super()._look(scores, number)

    monkeypatch.setattr(methods, "BestOnTest", Watched)
    scores = scores_of("genzsl", settings=QUICK)
    released, chosen = scores["released"], scores["chosen"]["released"]
    assert len(looks) == chosen["looks"] == QUICK.rounds * QUICK.classifier.epochs
    assert released["H"] == max(look["H"] for look in looks) >= looks[-1]["H"]
    assert released["T1"] == max(look["T1"] for look in looks)
    assert looks[chosen["epochs"] - 1]["H"] == released["H"]
    assert chosen["round"] == (chosen["epochs"] - 1) // QUICK.classifier.epochs + 1
    assert min(look["H"] for look in looks) < released["H"]


def test_the_clean_number_can_be_had_by_hand():
    """Choose, train on all of trainval, train the classifier so long, look at the test once."""
    scores = scores_of("genzsl", settings=MANY)
    n, epochs = scores["chosen"]["clean"]["n_synthetic"], scores["chosen"]["clean"]["epochs"]
    assert n in MANY.n_synthetic_choices
    assert 1 <= epochs <= MANY.classifier.epochs
    model = fit(HARD, MANY, 0)
    features, labels = model.synthesise(HARD.unseen, n)
    features, labels = torch.cat([model.features, features]), torch.cat([model.labels, labels])
    last = train_classifier(features, labels, replace(MANY.classifier, epochs=epochs), 0)
    x = torch.nn.functional.normalize(HARD.features, dim=1)
    by_hand = evaluate_gzsl(last.scores, last.classes, x, HARD)
    by_hand["T1"] = evaluate_conventional(last.scores, last.classes, x, HARD)
    assert by_hand == scores["clean"]
    assert model.history == scores["history"]


@pytest.mark.parametrize("method", ["eszsl", "genzsl", "looks"])
def test_a_seed_is_a_result(method):
    settings = {"looks": LooksSettings(looks=5), **TWO_PROTOCOLS}[method]
    one, same = (scores_of(method, HARD, settings, 0) for _ in range(2))
    assert one == same


def test_genzsl_learns_the_toy():
    easy = replace(QUICK, rounds=10, lr=5e-3)
    easy = replace(easy, classifier=replace(easy.classifier, epochs=10))
    scores = scores_of("genzsl", toy(noise=0.05), easy)
    assert scores["clean"]["S"] > 0.9
    assert scores["clean"]["T1"] > 0.5  # chance


def test_eszsl_chooses_from_its_grid_the_pair_best_in_validation():
    scores = scores_of("eszsl", settings=GRID)
    assert set(scores["chosen"]["clean"]) <= set(GRID.powers)
    grid = dict(methods._eszsl_grid(validation_split(HARD, 0), GRID))
    assert grid[tuple(scores["chosen"]["clean"])]["H"] == max(s["H"] for s in grid.values())
    on_test = dict(methods._eszsl_grid(HARD, GRID))
    assert scores["clean"] == on_test[tuple(scores["chosen"]["clean"])]
    assert scores["released"]["H"] == max(s["H"] for s in on_test.values())


def test_an_empty_grid_is_nothing_to_choose_from():
    with pytest.raises(ValueError, match="nothing to choose from"):
        scores_of("eszsl", settings=ESZSLSettings(powers=()))


def test_clip_is_the_nearest_text_under_every_protocol():
    scores = scores_of("clip")
    expected = evaluate_gzsl(
        lambda x: nearest_semantics(x, HARD.semantics), torch.arange(8), HARD.features, HARD
    )
    assert {k: scores["clean"][k] for k in "SUH"} == expected
    assert scores["clean"] == scores["released"]


def test_classes_of_neither_set_do_not_compete():
    """A ninth class with the semantics of class 0 would draw half of its images."""
    b = toy(noise=0.05)
    ghost = replace(
        b,
        semantics=torch.cat([b.semantics, b.features[b.test_seen_idx[:1]]]),
        class_names=(*b.class_names, "ghost"),
    )
    for method, settings in (("clip", ClipSettings()), ("eszsl", GRID)):
        assert (
            scores_of(method, ghost, settings)["clean"]["S"]
            == (scores_of(method, b, settings)["clean"]["S"])
        )


def test_looks_are_equals_that_chance_tells_apart():
    looks = scores_of("looks", settings=LooksSettings(looks=20))["looks"]
    assert len(looks) == 20
    assert len(set(looks)) > 1
    assert torch.isfinite(torch.tensor(looks)).all()


def test_similarity_measures_before_and_after():
    scores = scores_of("similarity")
    raw = torch.nn.functional.normalize(HARD.semantics.double(), dim=1)
    assert scores["before"] == mean_cosines(raw)
    assert scores["after"] == mean_cosines(class_diversity_promotion(raw))


@pytest.mark.parametrize(("method", "settings"), TWO_PROTOCOLS.items(), ids=TWO_PROTOCOLS)
def test_other_widths_work_too(method, settings):
    scores = scores_of(method, toy(semantic_dim=5), settings)
    assert set(scores["clean"]) == {"S", "U", "H", "T1"}
