"""`zslnb.experiments.estimators`: strict beside lenient, chosen clean; on toys, and by hand."""

from dataclasses import replace

import pytest
import torch
from toys import QUICK_REVCD, corrupted, toy

from zslnb import revcd
from zslnb.experiments import run
from zslnb.experiments.estimators import CALIBRATIONS, estimator_scores, hull_scores
from zslnb.protocol import gzsl_scores, validation_split

HARD = toy(noise=0.5)  # so hard that scales differ
SCALES, EPOCHS = (0.5, 1.0, 2.0, 5.0), (10, 4)
MANY = replace(QUICK_REVCD, epoch_choices=EPOCHS, guidance_choices=SCALES)


def trained(benchmark, epochs=10):
    return revcd.fit(benchmark, replace(MANY, epochs=epochs), 0)


@pytest.fixture(scope="module")
def scores() -> dict:
    return estimator_scores(HARD, MANY, 0, "cpu")


def by_hand(model, benchmark, scale, bias=0.0):
    """Strict S, U and H, every class of the split competing, `bias` off the seen ones."""
    classes = torch.cat([benchmark.seen, benchmark.unseen]).sort().values
    pairs = []
    for name in ("test_seen_idx", "test_unseen_idx"):
        rows = getattr(benchmark, name)
        cosines = model.scores(benchmark.features[rows], guidance=scale, stream=name)[:, classes]
        cosines = cosines - bias * torch.isin(classes, benchmark.seen)
        pairs += [benchmark.labels[rows], classes[cosines.argmax(1)]]
    return gzsl_scores(*pairs)


def test_choices_never_see_the_test_set(scores):
    garbage = estimator_scores(corrupted(HARD), MANY, 0, "cpu")
    for protocol in ("clean", "calibrated"):
        assert garbage["chosen"][protocol] == scores["chosen"][protocol]
        assert garbage[protocol] != scores[protocol]
    assert garbage["history"] == scores["history"]
    assert garbage["lenient"]["S"] == scores["lenient"]["S"]  # of training images alone


def test_clean_and_calibrated_are_the_best_on_the_validation_split(scores):
    inner = validation_split(HARD, 0)
    trial, final = ({n: trained(on, n) for n in EPOCHS} for on in (inner, HARD))
    tried = {(n, s): by_hand(trial[n], inner, s)["H"] for n in EPOCHS for s in SCALES}
    pick = tuple(scores["chosen"]["clean"].values())
    assert scores["validation"]["clean"]["H"] == tried[pick] == max(tried.values())
    assert len({tried[n, s] for n in EPOCHS for s in SCALES}) > len(EPOCHS)  # all may differ
    strict = by_hand(final[pick[0]], HARD, pick[1])
    assert {name: scores["clean"][name] for name in strict} == strict
    every = {
        (n, s, c): by_hand(trial[n], inner, s, c)["H"]
        for n in EPOCHS
        for s in SCALES
        for c in CALIBRATIONS
    }
    n, s, c = pick = tuple(scores["chosen"]["calibrated"].values())
    assert scores["validation"]["calibrated"]["H"] == every[pick] == max(every.values())
    calibrated = by_hand(final[n], HARD, s, c)
    assert {name: scores["calibrated"][name] for name in calibrated} == calibrated


def test_peeked_is_the_best_candidate_on_the_test_set(scores):
    models = {n: trained(HARD, n) for n in EPOCHS}
    tested = {(n, s): by_hand(models[n], HARD, s)["H"] for n in EPOCHS for s in SCALES}
    assert scores["peeked"]["H"] == tested[tuple(scores["chosen"]["peeked"].values())]
    assert scores["peeked"]["H"] == max(tested.values()) > min(tested.values())


def test_every_scale_is_listed_at_the_epochs_that_clean_chose(scores):
    assert [float(g) for g in scores["by guidance"]] == list(SCALES)
    chosen = scores["chosen"]["clean"]
    assert scores["by guidance"][f"{chosen['guidance']:g}"] == scores["clean"]
    assert len(scores["history"]) == chosen["epochs"]


@pytest.mark.parametrize(
    ("strict", "lenient"), [("clean", "lenient"), ("calibrated", "lenient, calibrated")]
)
def test_lenient_differs_in_the_seen_images_alone(scores, strict, lenient):
    """Training images in place of seen test images; the unseen ones, and T1, stay."""
    chosen = scores["chosen"][strict]
    model, scale = trained(HARD, chosen["epochs"]), chosen["guidance"]
    rows, bias = HARD.train_idx, chosen.get("calibration", 0.0)
    cosines = model.scores(HARD.features[rows], guidance=scale, stream="train_idx")
    cosines[:, HARD.seen] -= bias
    right = (cosines.argmax(1) == HARD.labels[rows]).double().mean()  # classes of one size
    assert scores[lenient]["S"] == pytest.approx(float(right))
    assert {k: scores[lenient][k] for k in ("U", "T1")} == {
        k: scores[strict][k] for k in ("U", "T1")
    }
    s, u = scores[lenient]["S"], scores[lenient]["U"]
    assert scores[lenient]["H"] == pytest.approx(2 * s * u / (s + u) if s + u else 0)


def test_a_curve_is_what_each_constant_gives(scores):
    n, scale = scores["chosen"]["clean"].values()
    assert set(scores["curves"]) == {str(n) for n in EPOCHS}
    curve, model = scores["curves"][str(n)], trained(HARD, n)
    assert [len(values) for values in curve.values()] == [len(CALIBRATIONS)] * 3
    for i in (0, 5, -1):
        strict = by_hand(model, HARD, scale, CALIBRATIONS[i])
        assert (curve["S"][i], curve["U"][i]) == (strict["S"], strict["U"])
    assert curve["S, lenient"][0] == scores["lenient"]["S"]
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
        model.estimate = lambda x, rows=rows, **how: rows.repeat(len(x), 1)[: len(x) // 2 * 2]
        hull = hull_scores(model, HARD)["1"]
        assert hull["unseen"] == pytest.approx(expected, abs=0.02)


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    record = run("revcd", HARD, QUICK_REVCD, 0)
    assert record == run("revcd", HARD, QUICK_REVCD, 0)
    assert record["settings"]["kind"] == "revcd"
