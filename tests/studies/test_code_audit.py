"""`zslnb.studies.code_audit`: code minus paper, with the sign that it says."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.studies import code_audit
from zslnb.studies.code_audit import (
    BLOCKS,
    MIXED,
    RELEASED,
    STORED,
    as_released,
    models_beside_text,
)

SWITCHES = ["classifier shuffled", "classifier new each round", "images shuffled"]
SWITCHES += ["referents drawn, not tiled", "linear classifier"]
OTHERS = (*SWITCHES, STORED, MIXED, BLOCKS, code_audit.CHOOSING, code_audit.ONE_REFERENT)
MODEL_ROWS = [row for row in code_audit.DIFFERENCES.values() if row not in OTHERS]


def record(row: str, seed: int, **scores: float | dict) -> dict:
    settings = {"latent_dim": 4, "classifier": {"epochs": 3}}
    scores = {
        kind: score if isinstance(score, dict) else dict.fromkeys(("S", "U", "H", "T1"), score)
        for kind, score in scores.items()
    }
    return {"id": f"{row}{seed}", "row": row, "seed": seed, "settings": settings, "scores": scores}


def clean(row: str, h: float) -> list[dict]:
    return [
        record(row, seed, clean=h + seed / 100, peeked=h + 0.02 + seed / 100) for seed in range(3)
    ]


def released(row: str, best: float, last: float) -> list[dict]:
    other = {
        "conventional": {"per image": 0.7, "per class": 0.6, "restricted": 0.65},
        "chosen": {"released": {"looks": 60}},
    }
    return [record(row, seed, released=best, last=last, **other) for seed in range(3)]


MODELS = models_beside_text(
    "toy",
    [r for row in ["GenZSL", *MODEL_ROWS, STORED] for r in clean(row, 0.5 - 0.2 * (row == STORED))],
)
TRAINING = as_released(
    "toy",
    [*released(RELEASED, 0.6, 0.5), *(r for row in SWITCHES for r in released(row, 0.62, 0.6))],
)
WAYS = studies.ways_to_a_number(MODELS, TRAINING)
MEASURED = studies.measured_differences(MODELS, TRAINING, np.array([1.0, 1.1, 1.2]))


def test_a_difference_is_significant_or_not():
    gains = {"more": np.array([2.0, 2.1, 2.2]), "none": np.array([1.0, -1.0, 0.0])}
    table = code_audit.laid_out(gains, "H")
    assert table["H"].tolist() == ["+2.1 (+1.9 to +2.3), above", "+0.0 (-2.5 to +2.5)"]


def test_code_minus_paper_has_one_sign_in_all_rows():
    """In most rows GenZSL is the code's way; in the one with the stored order the row is."""
    better = models_beside_text("toy", [*clean("GenZSL", 0.5), *clean("no boosting", 0.4)])
    assert better.gains["no boosting"].tolist() == pytest.approx([10, 10, 10])
    assert MODELS.gains[STORED].tolist() == pytest.approx([-20, -20, -20])
    assert MODELS.table().loc[STORED, "H, code minus paper"] == "-20.0 (-20.0 to -20.0), below"


def test_a_wider_latent_is_compared_with_the_codes_model_at_its_width(build):
    text = {"no boosting": replace(QUICK, boosting_weight=0.0)}
    text["wide"] = replace(QUICK, latent_dim=8, decoded="referent + latent")
    study = studies.model_differences(toy(), QUICK, text, range(1))
    h = {r["row"]: 100 * r["scores"]["clean"]["H"] for r in study.records}
    assert [*study.gains] == ["no boosting", "wide", STORED]
    assert study.gains["wide"] == pytest.approx([h["GenZSL, wide latent"] - h["wide"]])
    assert study.gains["no boosting"] == pytest.approx([h["GenZSL"] - h["no boosting"]])


def test_choosing_is_the_best_look_over_the_last():
    table = TRAINING.table()
    assert table.loc[RELEASED, "best minus last"] == "+10.0 ± 0.0"
    assert table.loc[RELEASED, "looks"] == 60
    assert "worth 2.0 to 10.0 points of H, by row, after 60 looks" in TRAINING.caption()
    switches = studies.switch_gains(TRAINING).table()
    assert [*switches.index] == [RELEASED, *SWITCHES]
    assert switches.loc["linear classifier", "code minus row, best"] == (
        "-2.0 (-2.0 to -2.0), below"
    )
    assert switches.loc[RELEASED].tolist()[2:] == ["+10.0 ± 0.0", ""]
    assert "the best of 60 looks" in studies.switch_gains(TRAINING).caption()


def test_every_switch_takes_one_thing_back():
    switches = studies.switched_back(genzsl.released_training(QUICK))
    assert [*switches] == [RELEASED, *SWITCHES]
    assert len({str(settings) for settings in switches.values()}) == 6


def test_images_are_stored_in_the_other_order_too(build):
    base = {RELEASED: replace(genzsl.released_training(QUICK), rounds=1)}
    orders = studies.StoredOrders(toy())
    assert [*studies.train_as_released(base, orders, range(1)).gains] == [RELEASED, MIXED]
    mixed = studies.StoredOrders(orders.stored["shuffled once"])
    assert [*studies.train_as_released(base, mixed, range(1)).gains] == [RELEASED, BLOCKS]


def test_conventional_scores_are_set_against_the_mean_over_classes():
    study = studies.conventional_scores(TRAINING, toy())
    assert study.table()["minus per class"].tolist() == ["+10.0 ± 0.0", "+0.0 ± 0.0", "+5.0 ± 0.0"]
    assert "has 10 test images, so counting images and averaging classes are the same" in (
        study.caption()
    )
    uneven = replace(toy(), test_unseen_idx=toy().test_unseen_idx[3:])
    assert "has 7 to 10 test images" in studies.conventional_scores(TRAINING, uneven).caption()


def test_the_ways_to_a_number_add_up():
    total, chosen, schedule, peeked = WAYS.parts.values()
    assert total == pytest.approx(chosen + schedule)
    assert peeked.tolist() == pytest.approx([2, 2, 2])
    assert "this profile: +9.0 ± 1.0 points; of these, its best look over its last makes +10.0" in (
        WAYS.finding()
    )
    mixed = as_released("toy", [*TRAINING.records, *released(MIXED, 0.8, 0.7)])
    parts = studies.ways_to_a_number(MODELS, mixed).parts
    assert len(parts) == 6
    assert "images mixed once: best minus last" in parts
    blocks = as_released("toy", [*TRAINING.records, *released(BLOCKS, 0.8, 0.7)])
    assert (
        "images class by class: best minus last" in studies.ways_to_a_number(MODELS, blocks).parts
    )


def test_differences_are_ranked_by_size_and_the_quiet_ones_listed():
    assert next(iter(MEASURED.apart.values())) == pytest.approx(-20)
    assert "here stored class by class, not mixed once" not in MEASURED.gains
    assert "Largest: images in stored order (clean) (-20.0); best look, not last epoch (+10.0)" in (
        MEASURED.finding()
    )
    assert "boosting in the batch, not over classes" in MEASURED.quiet


def test_the_audit_fills_in_what_was_measured():
    conventional = studies.conventional_scores(TRAINING, toy())
    study = studies.audit("toy", TRAINING, MEASURED, WAYS, conventional)
    table = study.table()
    points = table["points of H, code minus paper"]
    assert points[1] == "+10.0 ± 0.0 released; +2.0 ± 0.0 clean"
    assert "up to 3,000 looks" in table["the code"][1]
    assert "T1 per image minus per class: +10.0 ± 0.0" in table["how we ran it"][7]
    assert not table.map(lambda cell: "{" in cell).any(axis=None)
    assert "how we ran it" not in study.short.table()
    told = "28 differences: 6 are nothing by construction, 8 are not measured here"
    assert told in study.caption()


def test_every_row_of_the_audit_has_its_four_cells():
    rows = yaml.safe_load(code_audit.AUDIT.read_text(encoding="utf-8"))
    assert {tuple(row) for row in rows} == {("paper", "code", "run", "points")}
