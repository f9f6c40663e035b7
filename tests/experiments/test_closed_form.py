"""`zslnb.experiments.closed_form`: without a generator; `clean` never looks at the test set."""

from dataclasses import replace

import pytest
import torch
from toys import corrupted, toy

from zslnb import Benchmark
from zslnb.errors import BenchmarkError
from zslnb.experiments import METHODS, ClipSettings, ESZSLSettings, LooksSettings, closed_form
from zslnb.experiments.scoring import all_scores
from zslnb.protocol import evaluate_gzsl, nearest_semantics, validation_split

HARD = toy(noise=0.5)  # so hard that methods and settings differ
GRID = ESZSLSettings(powers=(-2, 0, 1, 3))


def scores_of(method: str, benchmark: Benchmark = HARD, settings=None, seed: int = 0) -> dict:
    known = METHODS[method]
    return known.function(benchmark, settings or known.settings(), seed, "cpu")


def test_clean_choices_never_see_the_test_set():
    honest, garbage = (scores_of("eszsl", b, GRID) for b in (HARD, corrupted(HARD)))
    assert honest["chosen"]["clean"] == garbage["chosen"]["clean"]
    assert honest["clean"] != garbage["clean"]
    assert honest["clean"] != honest["peeked"]
    assert honest["released"] != garbage["released"]


def test_eszsl_chooses_from_its_grid_the_pair_best_in_validation():
    scores = scores_of("eszsl", settings=GRID)
    assert set(scores["chosen"]["clean"]) <= set(GRID.powers)
    grid, on_test = (
        {pick: all_scores(s.scores, s.classes, b) for pick, s in closed_form._eszsl_grid(b, GRID)}
        for b in (validation_split(HARD, 0), HARD)
    )
    assert grid[tuple(scores["chosen"]["clean"])]["H"] == max(s["H"] for s in grid.values())
    assert scores["clean"] == on_test[tuple(scores["chosen"]["clean"])]
    assert scores["released"]["H"] == max(s["H"] for s in on_test.values())
    assert set(scores_of("eszsl", toy(semantic_dim=5), GRID)["clean"]) == {"S", "U", "H", "T1"}


@pytest.mark.parametrize("method", ["eszsl", "clip"])
def test_a_moved_border_changes_no_answer_among_unseen_classes(method):
    scores = scores_of(method)
    assert scores["calibrated"]["T1"] == scores["clean"]["T1"]
    garbage = scores_of(method, corrupted(HARD))
    assert garbage["calibrated"] != scores["calibrated"]
    assert set(scores["calibrated"]) == {"S", "U", "H", "T1"}
    assert set(scores["hubness"]) == set(garbage["hubness"])


def test_clip_needs_nothing_to_hold_out():
    """A class with one training image leaves no validation split, and CLIP trains on none."""
    lonely = HARD.train_idx[HARD.labels[HARD.train_idx] == HARD.seen[0]][1:]
    few = replace(HARD, train_idx=HARD.train_idx[~torch.isin(HARD.train_idx, lonely)])
    scores = scores_of("clip", few)
    assert scores["clean"] == scores_of("clip")["clean"]
    assert "calibrated" not in scores
    with pytest.raises(BenchmarkError, match="one training image"):
        scores_of("eszsl", few)


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
