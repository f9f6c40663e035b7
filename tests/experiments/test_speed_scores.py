"""`zslnb.experiments.speed`: a point a round, and only training costs time."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb.experiments import speed
from zslnb.experiments.families import FIT
from zslnb.experiments.speed import speed_scores
from zslnb.genzsl import GenZSL
from zslnb.imagination import Networks
from zslnb.protocol import evaluate_conventional, evaluate_gzsl, train_classifier

B = toy()
X = F.normalize(B.features, dim=1)
BOTH = {"genzsl": QUICK, "fvaegan": QUICK_IMAGINATION}
both = pytest.mark.parametrize("settings", BOTH.values(), ids=BOTH)


@both
def test_the_curve_has_a_point_a_round_and_only_rises(settings):
    curve = speed_scores(B, settings, 0, "cpu")["curve"]
    assert len(curve) == settings.rounds
    for point in curve:
        assert set(point) == {"seconds", "steps", "samples", "S", "U", "H", "T1"}
    a_round = {"steps": 6, "samples": 2 * 42} if settings is QUICK else {"steps": 3}
    for name, n in ({"samples": 3 * 2 * 16} | a_round).items():  # the critic's samples, too
        assert [point[name] for point in curve] == [n, 2 * n, 3 * n]
    seconds = [point["seconds"] for point in curve]
    assert 0 <= seconds[0] <= seconds[1] <= seconds[2]


@both
def test_the_curves_end_can_be_had_by_hand(settings):
    """A fresh classifier on features of the default stream, after the last round."""
    model = FIT[type(settings)](B, settings, 0)
    features, labels = model.synthesise(B.unseen, settings.n_synthetic)
    features, labels = torch.cat([model.features, features]), torch.cat([model.labels, labels])
    last = train_classifier(features, labels, settings.classifier, 0)
    expected = evaluate_gzsl(last.scores, last.classes, X, B)
    expected["T1"] = evaluate_conventional(last.scores, last.classes, X, B)
    point = speed_scores(B, settings, 0, "cpu")["curve"][-1]
    assert {name: point[name] for name in expected} == expected


@both
def test_what_a_process_does_once_is_done_before_the_clock_starts(monkeypatch, settings):
    """A first call that costs a minute more leaves no trace in the curve."""
    clock, original, calls = [0.0], FIT[type(settings)], []

    def fit(*args: object, **kwargs: object) -> Any:
        clock[0] += 0 if calls else 60
        calls.append(kwargs)
        return original(*args, **kwargs)

    monkeypatch.setitem(FIT, type(settings), fit)
    monkeypatch.setattr(speed, "time", SimpleNamespace(process_time=lambda: clock[0]))
    assert {p["seconds"] for p in speed_scores(B, settings, 0, "cpu")["curve"]} == {0.0}
    assert len(calls) == 2


@both
def test_only_training_takes_time(monkeypatch, settings):
    """On a clock that a training step moves by 1, and classifier, test and synthesis by more."""
    clock = [5.0]

    def costly(owner: Any, name: str, cost: float) -> None:
        original = getattr(owner, name)

        def spend(*args: object, **kwargs: object) -> Any:
            clock[0] += cost
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, spend)

    monkeypatch.setattr(speed, "time", SimpleNamespace(process_time=lambda: clock[0]))
    costly(GenZSL, "leave_gradients", 1.0)
    costly(Networks, "generator_step", 1.0)
    for name in ("train_classifier", "classifier_scores", "with_synthetic", "unit_features"):
        costly(speed, name, 100.0)
    a_round = 6 if settings is QUICK else 3
    curve = speed_scores(B, settings, 0, "cpu")["curve"]
    assert [point["seconds"] for point in curve] == [a_round, 2 * a_round, 3 * a_round]
