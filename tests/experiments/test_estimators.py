"""`zslnb.experiments.estimators`: strict beside lenient, chosen clean; on toys, and by hand."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from toys import QUICK_REVCD, corrupted, toy

from zslnb import revcd
from zslnb.experiments import estimators, run
from zslnb.experiments.estimators import estimator_scores, hull_scores, narrowed
from zslnb.experiments.judged import CONSTANTS
from zslnb.protocol import gzsl_scores, validation_split

HARD = toy(noise=0.5)  # so hard that scales differ
SCALES, EPOCHS = (0.5, 1.0, 2.0, 5.0), (10, 4)
SPACES = ("standardised", "as given")
MANY = replace(QUICK_REVCD, epoch_choices=EPOCHS, guidance_choices=SCALES)


SPLIT = validation_split(HARD, 0)


@cache
def trained(epochs, inner=False):
    return revcd.fit(SPLIT if inner else HARD, replace(MANY, epochs=epochs), 0)


@pytest.fixture(scope="module")
def scores() -> dict:
    return estimator_scores(HARD, MANY, 0, "cpu")


@cache
def cosines(epochs, inner, name, scale, space):
    """Cosines of some images with all classes, by a model trained here, each computed once."""
    on = SPLIT if inner else HARD
    rows = on.features[getattr(on, name)]
    return trained(epochs, inner).scores(rows, guidance=scale, stream=name, space=space)


def by_hand(epochs, scale, space, bias=0.0, *, inner=False):
    """Strict S, U and H, every class of the split competing, `bias` off the seen ones."""
    on = SPLIT if inner else HARD
    classes = torch.cat([on.seen, on.unseen]).sort().values
    pairs = []
    for name in ("test_seen_idx", "test_unseen_idx"):
        shifted = cosines(epochs, inner, name, scale, space)[:, classes]
        shifted = shifted - bias * torch.isin(classes, on.seen)
        pairs += [on.labels[getattr(on, name)], classes[shifted.argmax(1)]]
    return gzsl_scores(*pairs)


def test_narrowed_candidates_are_the_same():
    picks = [(4, 5.0, "as given"), (4, 1.0, "standardised")]
    every = estimators.candidates(HARD, MANY, 0, "cpu")
    few = estimators.candidates(HARD, narrowed(MANY, picks), 0, "cpu")
    assert {pick[0] for pick in few} == {4}
    assert {pick[1] for pick in few} == {1.0, 5.0}
    for pick in picks:
        torch.testing.assert_close(few[pick][1].scored.scores, every[pick][1].scored.scores)
    gan = replace(MANY, kind="gan", guidance_choices=(0.5,))
    assert narrowed(gan, [(4, 1.0, "as given")]).guidance_choices == (0.5,)  # it has no scale


def test_choices_never_see_the_test_set(scores):
    garbage = estimator_scores(corrupted(HARD), MANY, 0, "cpu")
    for protocol in ("clean", "calibrated"):
        assert garbage["chosen"][protocol] == scores["chosen"][protocol]
        assert garbage[protocol] != scores[protocol]
    assert garbage["history"] == scores["history"]
    assert garbage["lenient"]["S"] == scores["lenient"]["S"]  # of training images alone


def candidates():
    return [(n, scale, space) for n in EPOCHS for scale in SCALES for space in SPACES]


def test_clean_and_calibrated_are_the_best_on_the_validation_split(scores):
    tried = {how: by_hand(*how, inner=True)["H"] for how in candidates()}
    pick = tuple(scores["chosen"]["clean"].values())
    assert scores["validation"]["clean"]["H"] == tried[pick] == max(tried.values())
    assert len(set(tried.values())) > len(EPOCHS)  # all may differ
    strict = by_hand(*pick)
    assert {name: scores["clean"][name] for name in strict} == strict
    some = torch.linspace(-1, 1, 21, dtype=torch.float64).tolist()
    every = {(*how, c): by_hand(*how, c, inner=True)["H"] for how in candidates() for c in some}
    pick = tuple(scores["chosen"]["calibrated"].values())
    found = by_hand(*pick, inner=True)
    assert {name: scores["validation"]["calibrated"][name] for name in found} == found
    assert found["H"] >= max(every.values())
    calibrated = by_hand(*pick)
    assert {name: scores["calibrated"][name] for name in calibrated} == calibrated


def test_peeked_is_the_best_candidate_on_the_test_set(scores):
    tested = {how: by_hand(*how)["H"] for how in candidates()}
    assert scores["peeked"]["H"] == tested[tuple(scores["chosen"]["peeked"].values())]
    assert scores["peeked"]["H"] == max(tested.values()) > min(tested.values())


def test_every_scale_and_space_is_listed_with_all_else_as_clean_chose(scores):
    chosen = scores["chosen"]["clean"]
    assert [float(g) for g in scores["by guidance"]] == list(SCALES)
    assert scores["by guidance"][f"{chosen['guidance']:g}"] == scores["clean"]
    assert list(scores["by space"]) == list(SPACES)
    assert scores["by space"][chosen["space"]] == scores["clean"]
    assert scores["by space"]["standardised"] != scores["by space"]["as given"]
    assert len(scores["history"]) == chosen["epochs"]


def test_semantics_without_a_direction_are_compared_standardised():
    """A class whose semantics are all zeros has no cosine as given."""
    semantics = HARD.semantics.clone()
    semantics[HARD.unseen[0]] = 0
    quick = replace(QUICK_REVCD, epochs=1, epoch_choices=(1,))
    scores = estimator_scores(replace(HARD, semantics=semantics), quick, 0, "cpu")
    assert list(scores["by space"]) == ["standardised"]


@pytest.mark.parametrize(
    ("strict", "lenient"), [("clean", "lenient"), ("calibrated", "lenient, calibrated")]
)
def test_lenient_differs_in_the_seen_images_alone(scores, strict, lenient):
    """Training images in place of seen test images; the unseen ones, and T1, stay."""
    chosen = scores["chosen"][strict]
    how = chosen["epochs"], False, "train_idx", chosen["guidance"], chosen["space"]
    shifted = cosines(*how).clone()
    shifted[:, HARD.seen] -= chosen.get("calibration", 0.0)
    labels = HARD.labels[HARD.train_idx]
    right = (shifted.argmax(1) == labels).double().mean()  # classes of one size
    assert scores[lenient]["S"] == pytest.approx(float(right))
    assert {k: scores[lenient][k] for k in ("U", "T1")} == {
        k: scores[strict][k] for k in ("U", "T1")
    }
    s, u = scores[lenient]["S"], scores[lenient]["U"]
    assert scores[lenient]["H"] == pytest.approx(2 * s * u / (s + u) if s + u else 0)


def test_a_curve_is_what_each_constant_gives(scores):
    n, *how = scores["chosen"]["clean"].values()
    assert set(scores["curves"]) == {str(n) for n in EPOCHS}
    curve = scores["curves"][str(n)]
    assert [len(values) for values in curve.values()] == [len(CONSTANTS)] * 3
    for i in (0, 5, -1):
        strict = by_hand(n, *how, float(CONSTANTS[i]))
        assert (curve["S"][i], curve["U"][i]) == pytest.approx((strict["S"], strict["U"]))
    assert curve["S, lenient"][0] == pytest.approx(scores["lenient"]["S"])
    assert curve["S"][0] >= curve["S"][-1]
    assert curve["U"][0] <= curve["U"][-1]


def test_of_equals_the_first_number_of_epochs_is_chosen():
    """Listed longest first: where H is 0 throughout, the longest training is the most there is."""
    hopeless = replace(MANY, kind="gan", lr=1e-12, epoch_choices=(3, 1))
    scores = estimator_scores(HARD, hopeless, 0, "cpu")
    assert scores["validation"]["clean"]["H"] == 0
    assert scores["chosen"]["clean"]["epochs"] == 3


@pytest.mark.parametrize("kind", ["cvae", "gan"])
def test_what_has_no_guidance_has_one_scale(kind):
    scores = estimator_scores(HARD, replace(MANY, kind=kind), 0, "cpu")
    assert list(scores["by guidance"]) == list(scores["hull"]) == ["1"]
    assert scores["peeked"] == scores["clean"]


def test_averages_of_seen_prototypes_are_no_way_off_the_hull():
    """Estimates that are the mean of two prototypes, or an unseen prototype itself."""
    model = revcd.fit(HARD, replace(QUICK_REVCD, guidance_choices=(1.0,)), 0)
    seen, unseen = (model.prototypes[classes] for classes in (HARD.seen, HARD.unseen))
    for rows, expected in ((seen[:2].mean(0, keepdim=True), 0.0), (unseen, 1.0)):
        model.estimates = lambda x, scales, rows=rows, **how: {
            1.0: rows.repeat(len(x), 1)[: len(x) // 2 * 2]
        }
        hull = hull_scores(model, HARD)["1"]
        assert hull["unseen"] == pytest.approx(expected, abs=0.02)


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    record = run("revcd", HARD, QUICK_REVCD, 0)
    assert record == run("revcd", HARD, QUICK_REVCD, 0)
    assert record["settings"]["kind"] == "revcd"
