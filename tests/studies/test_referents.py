"""`zslnb.studies.referents`: who stands in for whom, and does it change the output?"""

import numpy as np
import pytest
import torch
from toys import QUICK, toy

from zslnb import load, studies
from zslnb.datasets.aviary import picture_of_row
from zslnb.genzsl import SWAPS
from zslnb.studies.referents import FULL, OTHER_CLASSES, OTHER_TEXT, ROWS, turns_of

TOY = toy()  # classes 0 to 5 are seen, 6 and 7 unseen


def test_two_unseen_classes_stand_in_a_row_with_their_referents() -> None:
    study = studies.chosen_referents(
        TOY, torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0.9, 0.8], [0.7, 0.6]])
    )
    texts = [ax.texts[0].get_text() for ax in study.figure().axes]
    first, second = ["bird 6", "bird 0\n0.90", "bird 1\n0.80"], ["bird 7", "bird 2\n0.70"]
    assert texts == [*first, *second, "bird 3\n0.60"]
    assert study.finding().startswith("2 unseen classes of toy (framed)")


def test_a_draw_is_named_by_share_and_class() -> None:
    chosen, drawn = torch.tensor([[0, 1], [2, 3]]), torch.zeros(2, 2, dtype=torch.int64)
    study = studies.pictures_drawn(TOY, chosen, drawn, torch.tensor([0.7, 0.3]))
    texts = [ax.texts[0].get_text() for ax in study.figure().axes]
    assert texts == ["0.7 × bird 0", "0.3 × bird 1", "0.7 × bird 2", "0.3 × bird 3"]
    assert "first 2 draws, 2 to a draw" in study.finding()


def test_a_draw_on_the_aviary_has_the_picture_of_its_row() -> None:
    aviary = load("aviary")
    c = aviary.seen[:1]
    row = (aviary.labels[aviary.train_idx] == c).nonzero()[3:4]
    study = studies.pictures_drawn(aviary, c[None], row, torch.ones(1))
    (ax,) = study.figure().axes
    right = picture_of_row(int(aviary.train_idx[row]), 96)
    assert (np.asarray(ax.images[0].get_array()) == np.asarray(right)).all()


TURNED = dict(zip(ROWS, (1e-6, 0.01, 0.3), strict=True))  # what other classes' samples do


def record(row: str, seed: int) -> dict:
    swaps = dict.fromkeys(SWAPS, 0.1) | {OTHER_CLASSES: TURNED[row], OTHER_TEXT: 0.5}
    history = [
        {"reconstruction": 0.9, "kl": 4.0, "boosting": 1.0},
        {"reconstruction": 0.6 + seed / 10, "kl": 2.0, "boosting": 0.5},
    ]
    scores = {
        "swaps": swaps,
        "within": {"real": 0.9, "synthetic": 0.99},
        "to mean": {"referent": 0.7, "synthetic": 0.8},
        "history": history,
    }
    return {"row": row, "seed": seed, "scores": scores, "settings": {"passes": 3}}


RECORDS = [record(row, seed) for row in ROWS for seed in (0, 1)]


def test_the_effect_of_a_referent_is_measured_by_that_of_the_semantics() -> None:
    effect = turns_of(RECORDS).effect
    assert effect == pytest.approx({row: turn / 0.5 for row, turn in TURNED.items()})


def test_swaps_are_rows_and_settings_columns() -> None:
    study = turns_of(RECORDS)
    table = study.table()
    assert (table.index.tolist(), table.columns.tolist()) == ([*SWAPS], [*ROWS])
    assert table.loc[OTHER_TEXT, FULL] == "5.0e-01 ± 0.0e+00"
    assert "over seeds (2)" in study.caption()
    assert "turn it by 1e-06, other semantics by 0.5" in study.finding()
    ax = study.figure().axes[0]
    assert [line.get_xdata().tolist()[1] for line in ax.lines[:3]] == [*TURNED.values()]


def test_losses_end_where_their_last_round_does() -> None:
    study = studies.loss_terms(0.6, RECORDS)
    assert study.gap == pytest.approx(0.05)
    assert "ends +0.050 from the floor. KL ends at 2e+00 with weight 1, at 2.0" in study.finding()
    assert study.figure().axes[0].lines[0].get_xdata().tolist() == [3, 6]


def test_variety_compares_real_and_synthetic() -> None:
    study = studies.variety(np.array([0.8, 0.9]), np.array([0.99, 1.0, 1.0]), RECORDS)
    means = [cell.removesuffix(" ± 0.000") for cell in study.table().loc[FULL]]
    assert means == ["0.900", "0.990", "0.700", "0.800"]
    assert "0.85 between real samples and 1.000 between synthetic ones" in study.finding()
    assert study.figure().axes[0].get_yscale() == "log"


def test_pairs_are_within_a_class_and_each_once() -> None:
    rows = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    cosines = studies.pair_cosines(rows, torch.tensor([0, 0, 0, 1]))
    assert cosines.tolist() == [0, 1, 0]
    assert len(studies.pair_cosines(rows, torch.zeros(4, dtype=torch.int64), most=2)) == 1


def test_three_settings_are_run(build) -> None:
    study = studies.swaps(toy(), QUICK, [0])
    by_row = {r["row"]: r["settings"] for r in study.records}
    assert [s["kl_weight"] for s in by_row.values()] == [QUICK.kl_weight, 0.001, 0.001]
    assert [s["rounds"] for s in by_row.values()] == [3, 3, 6]
    assert studies.loss_terms(0.1, study.records).figure().axes[0].get_ylabel()
