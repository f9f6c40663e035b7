"""`zslnb.studies.code_audit`: code minus paper, with the sign that it says."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import yaml
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.studies.code_audit import (
    AUDIT,
    DIFFERENCES,
    MIXED,
    RELEASED,
    STORED,
    ModelDifferences,
    ReleasedTraining,
    laid_out,
)

MODEL_ROWS = [row for source, row in DIFFERENCES.values() if source == "model" and row != STORED]
SWITCHES = ["classifier shuffled", "classifier new each round", "images shuffled"]
SWITCHES += ["referents drawn, not tiled", "linear classifier"]


def record(row: str, seed: int, **scores: dict[str, float]) -> dict:
    settings = {"latent_dim": 4, "classifier": {"epochs": 3}}
    return {"id": f"{row}{seed}", "row": row, "seed": seed, "settings": settings, "scores": scores}


def clean(row: str, h: float) -> list[dict]:
    def scores(value: float) -> dict[str, float]:
        return dict.fromkeys(("S", "U", "H", "T1"), value)

    return [
        record(row, seed, clean=scores(h + seed / 100), peeked=scores(h + 0.02 + seed / 100))
        for seed in range(3)
    ]


def released(row: str, best: float, last: float) -> list[dict]:
    both = {"released": best, "last": last}
    scores = {kind: dict.fromkeys(("S", "U", "H", "T1"), value) for kind, value in both.items()}
    scores["conventional"] = {"per image": 0.7, "per class": 0.6, "restricted": 0.65}
    scores["chosen"] = {"released": {"looks": 60}}
    return [record(row, seed, **scores) for seed in range(3)]


MODELS = ModelDifferences(
    "toy",
    [r for row in ["GenZSL", *MODEL_ROWS, STORED] for r in clean(row, 0.5 - 0.2 * (row == STORED))],
)
TRAINING = ReleasedTraining(
    "toy",
    [*released(RELEASED, 0.6, 0.5), *(r for row in SWITCHES for r in released(row, 0.62, 0.6))],
)
WAYS = studies.WaysToANumber(MODELS, TRAINING)
MEASURED = studies.Differences(MODELS, TRAINING, {"one referent": np.array([1.0, 1.1, 1.2])})


def test_a_difference_is_told_apart_or_not_or_seeds_are_too_few():
    gains = {"more": [1.0, 1.1, 1.2], "none": [1.0, -1.0, 0.0]}
    table = laid_out({name: np.array(gain) for name, gain in gains.items()}, "H")
    assert table["H: told apart"].tolist() == ["yes", "no"]
    assert studies.in_words("More", np.array(gains["more"])) == "**More:** +1.1 ± 0.1 points of H."
    assert studies.in_words("One", np.array([1.0])).endswith(", too few seeds to tell.")


def test_code_minus_paper_has_one_sign_in_all_rows():
    """In most rows GenZSL is the code's way; in the one with the stored order the row is."""
    better = ModelDifferences("toy", [*clean("GenZSL", 0.5), *clean("no boosting", 0.4)])
    assert better.gains("no boosting").tolist() == pytest.approx([10, 10, 10])
    assert MODELS.gains(STORED).tolist() == pytest.approx([-20, -20, -20])
    assert MODELS.table().loc[STORED, "H, code minus paper"] == "-20.0 ± 0.0"
    assert MODELS.caption().endswith(f"H told apart from none: {STORED}.")


def test_a_wider_latent_is_compared_with_the_codes_model_at_its_width(build, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    text = {"no boosting": replace(QUICK, boosting_weight=0.0)}
    text["wide"] = replace(QUICK, latent_dim=8, decoded="referent + latent")
    study = studies.model_differences(toy(), QUICK, text, range(1))
    assert study.rows == ["no boosting", "wide", STORED]
    wide, usual = study.percents("GenZSL, wide latent"), study.percents("GenZSL")
    assert study.gains("wide") == pytest.approx(wide - study.percents("wide"))
    assert study.gains("no boosting") == pytest.approx(usual - study.percents("no boosting"))


def test_choosing_is_the_best_look_over_the_last():
    table = TRAINING.table()
    assert table.loc[RELEASED, "best minus last"] == "+10.0 ± 0.0"
    assert table.loc[RELEASED, "looks"] == 60
    assert "worth 2.0 to 10.0 points of H, by row, after 60 looks" in TRAINING.caption()
    switches = studies.switch_gains(TRAINING).table()
    assert switches.loc["linear classifier"].tolist() == ["-2.0 ± 0.0", "yes", "-10.0 ± 0.0", "yes"]


def test_never_resetting_the_classifier_helps_or_does_not():
    assert "Here it is not so: never resetting is worth -2.0" in TRAINING.finding()
    rows = [*released(RELEASED, 0.6, 0.5), *released("classifier new each round", 0.5, 0.5)]
    assert "Here it is so: never" in ReleasedTraining("toy", rows).finding()
    one = [r for r in rows if r["seed"] == 0]
    assert "There are too few seeds to tell" in ReleasedTraining("toy", one).finding()


def test_every_switch_takes_one_thing_back():
    switches = studies.switched_back(genzsl.released_training(QUICK))
    assert [*switches] == [RELEASED, *SWITCHES]
    assert len({str(settings) for settings in switches.values()}) == 6


def test_images_stored_class_by_class_are_mixed_once_too(build, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    base = {RELEASED: replace(genzsl.released_training(QUICK), rounds=1)}
    orders = studies.StoredOrders(toy())
    assert studies.train_as_released(base, orders, range(1)).rows == [RELEASED, MIXED]
    mixed = studies.StoredOrders(orders.stored["shuffled once"])
    assert studies.train_as_released(base, mixed, range(1)).rows == [RELEASED]


def test_conventional_scores_are_set_against_the_mean_over_classes():
    study = studies.ConventionalScores(TRAINING, toy())
    assert study.table()["minus per class"].tolist() == ["+10.0 ± 0.0", "+0.0 ± 0.0", "+5.0 ± 0.0"]
    assert "has 10 test images, so counting images and averaging classes are the same" in (
        study.caption()
    )
    assert study.over("per image", "restricted") == "+5.0 ± 0.0"
    uneven = replace(toy(), test_unseen_idx=toy().test_unseen_idx[3:])
    assert "has 7 to 10 test images" in studies.ConventionalScores(TRAINING, uneven).caption()


def test_the_ways_to_a_number_add_up():
    total, chosen, schedule, peeked = WAYS.parts.values()
    assert total == pytest.approx(chosen + schedule)
    assert peeked.tolist() == pytest.approx([2, 2, 2])
    assert "would report: +9.0 ± 1.0 points; of these, its best look over its last makes +10.0" in (
        WAYS.finding()
    )
    mixed = ReleasedTraining("toy", [*TRAINING.records, *released(MIXED, 0.8, 0.7)])
    assert len(studies.WaysToANumber(MODELS, mixed).parts) == 6
    plt.close(WAYS.figure())


def test_differences_are_ranked_by_size_and_the_quiet_ones_listed():
    assert next(iter(MEASURED.apart.values())) == pytest.approx(-20)
    assert "here stored class by class, not mixed once" not in MEASURED.gains
    assert "Largest: images in stored order (clean) (-20.0); best look, not last epoch (+10.0)" in (
        MEASURED.finding()
    )
    assert "boosting in the batch, not over classes" in MEASURED.quiet
    plt.close(MEASURED.figure())


def test_the_audit_fills_in_what_was_measured():
    audit = studies.Audit("smoke", MEASURED, WAYS, studies.ConventionalScores(TRAINING, toy()))
    table = audit.table()
    points = table["points of H, code minus paper"]
    assert points[1] == "+10.0 ± 0.0 released; +2.0 ± 0.0 clean"
    assert "up to 3,000 looks" in table["the code"][1]
    assert not table.map(lambda cell: "{" in cell).any(axis=None)
    assert "25 differences: 6 are nothing by proof, 5 are not measured here" in audit.caption()


def test_every_row_of_the_audit_has_its_four_cells():
    rows = yaml.safe_load(AUDIT.read_text(encoding="utf-8"))
    assert {tuple(row) for row in rows} == {("paper", "code", "run", "points")}
