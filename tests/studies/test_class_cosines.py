"""`zslnb.studies.class_cosines`: how alike classes are, and what is left of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import toy

from zslnb import studies
from zslnb.genzsl import class_diversity_promotion
from zslnb.studies import class_cosines

NAMES = ("a_jay", "corvid", "auk", "owl", "kite", "dodo", "wren", "lark")
SMALL = replace(toy(), class_names=NAMES)


@pytest.fixture
def both() -> tuple[studies.ClassCosines, studies.ClassCosines]:
    raw = torch.nn.functional.normalize(SMALL.semantics.double() + 1, dim=1)
    cosines = studies.ClassCosines(SMALL, raw)
    return cosines, studies.ClassCosines(SMALL, class_diversity_promotion(raw))


def test_heat_maps_show_all_classes_while_one_can_read_them(both) -> None:
    maps = studies.heat_maps(*both)
    np.testing.assert_allclose(maps.figure().axes[1].images[0].get_array(), both[1].matrix)
    before, after = (f"{c.pairs.mean():.2f}" for c in both)
    words = f"(all classes). The mean of different classes goes from {before} to {after}."
    assert words in maps.finding()


def test_of_many_classes_some_are_shown_in_order_of_what_is_left() -> None:
    rows = torch.randn(100, 4, generator=torch.Generator().manual_seed(0)).double()
    order = class_cosines.readable_order(rows)
    contrast = torch.linalg.svd(rows).U[order, 1]
    assert sorted(order) == [*range(0, 100, 3)]
    assert (contrast.diff() >= 0).all() or (contrast.diff() <= 0).all()


def test_the_spread_is_that_of_all_pairs(both) -> None:
    spread = studies.cosine_spread(*both)
    before, after = (f"{c.pairs.std():.2f}" for c in both)
    assert f"standard deviation from {before} to {after}, where random " in spread.finding()
    assert f"directions have {8**-0.5:.2f}" in spread.finding()
    labels = spread.figure().axes[0].get_legend_handles_labels()[1]
    assert labels == ["before CDP", "after CDP", "random directions in 8 dimensions"]


def test_three_means_stand_beside_what_to_expect(both) -> None:
    table = studies.three_means(*both, expected=0.125).table()
    assert table["with diagonal"].tolist()[2:] == ["0.12", "0.12"]
    assert table.loc["after CDP, from $v_1$ and $m$ alone", "without diagonal"] == "0"


def test_changed_neighbours_are_those_whose_nearest_differs(both) -> None:
    assert studies.changed_neighbours(both[0], both[0]).table().empty
    rows = torch.eye(8, dtype=torch.float64)
    before, after = rows.clone(), rows.clone()
    before[0, 1] = after[0, 2] = 1.0  # class 0 leans to class 1, then to class 2
    cosines = [studies.ClassCosines(SMALL, r) for r in (before, after)]
    study = studies.changed_neighbours(*cosines)
    row = study.table().set_index("class").loc["a jay"]
    assert row.tolist() == ["corvid", 0.71, "auk", 0.71]
    assert " of 8 classes change" in study.caption()


def test_the_small_case_is_drawn_before_and_after() -> None:
    titles = [
        ax.get_title() for ax in studies.small_case(*torch.eye(3).repeat(2, 1, 1)).figure().axes
    ]
    assert titles == ["before: a narrow bunch", "after: only the tilt"]


def record(n: int, kept: float) -> dict:
    after = {"with diagonal": 0.5 / (n + 1), "without diagonal": 0.1, "absolute": 0.2}
    return {
        "row": f"{n} removed",
        "seed": 0,
        "settings": {"n_removed": n},
        "scores": {
            "before": {**after, "with diagonal": 0.5},
            "after": after,
            "nearest": {"kept": kept},
            "common": {"alignment": 0.75},
            "size": {"classes": 8, "width": 4},
        },
    }


RECORDS = [record(0, 1.0), record(1, 0.7), record(2, 0.4)]


def test_neighbours_are_followed_as_directions_go(monkeypatch) -> None:
    monkeypatch.setattr(class_cosines, "run_rows", lambda *_, **__: RECORDS)
    study = studies.directions(SMALL, range(3), np.array([0.6, 0.3, 0.1]))
    assert study.kept.tolist() == [1, 0.7, 0.4]
    assert study.absolute.tolist() == [0.2, 0.2, 0.2]
    assert study.finding() == (
        "The first direction holds 60% of the squared length, the second 30%. Removing one leaves "
        "70% of the nearest classes as they were, removing 2 leaves 40%."
    )
    left, middle, right = study.figure().axes
    assert [bar.get_height() for bar in left.patches] == pytest.approx([60, 30, 10])
    assert middle.lines[0].get_ydata() == pytest.approx([100, 70, 40])
    assert right.lines[0].get_ydata() == pytest.approx([0.2, 0.2, 0.2])


def test_the_experiments_are_those_asked_for(build) -> None:
    study = studies.directions(toy(), range(3), np.ones(3))
    assert [r["settings"]["n_removed"] for r in study.records] == [0, 1, 2]
    assert study.kept[0] == 1


def test_real_names_stand_beside_those_of_this_run(monkeypatch) -> None:
    kept = {"imagenet1k_vitb32-smoke": RECORDS}
    monkeypatch.setattr(class_cosines, "recorded", lambda run: kept.get(run, []))
    table = studies.real_names("toy", RECORDS).table()
    quoted = "CUB names (GenZSL, Figure 3: quoted)"
    assert table.index.tolist() == ["toy (this run)", "ImageNet names", "LVIS names", quoted]
    assert table.loc[quoted].dropna().tolist() == ["200", "0.5726", "1.825e-05"]
    assert table.loc["toy (this run)"].equals(table.loc["ImageNet names"].rename("toy (this run)"))
    assert table.loc["ImageNet names", "after, with diagonal"] == "0.25"
    assert table.loc["LVIS names", "classes"] == "not measured"
    table = studies.real_names("lvis1203_vitb32", RECORDS).table()
    assert table.index.tolist() == ["LVIS names (this run)", "ImageNet names", quoted]
