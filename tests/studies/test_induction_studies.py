"""`zslnb.studies.induction_limits` and `induction_runs`: on made-up records, and the aviary."""

import numpy as np
import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, toy

import zslnb
from zslnb import results
from zslnb.studies import induction_limits
from zslnb.studies.induction_limits import (
    by_distance,
    hybrids,
    lost_at_a_glance,
    with_fewer_images,
    without_relatives,
)
from zslnb.studies.induction_runs import limits_settings, with_outliers
from zslnb.studies.style import check_readable

NEAREST = [0.2, 0.4, 0.6, 0.8]
SLOPES = {"GenZSL": 4.0, "GenZSL, noise": 4.0, "cVAE": 9.0, "means + spread": 4.5}
LOST = {"GenZSL": 0.02, "GenZSL, noise": 0.03, "cVAE": 0.10, "means + spread": 0.0}
# T1 and cosine; in the order of records that were written and read, which is the alphabet's
HYBRID = {
    **{"0 % imagined": (0.50, 0.6), "50 % imagined": (0.44, 0.7)},
    **{"all imagined": (0.47, 2.0), "all induced": (0.50, -1.0)},
}


def distance(seed: int) -> dict:
    """Accuracy rises by a slope in points for each 0.1 of the cosine, and wobbles with the seed."""
    wobble = 0.001 * (-1) ** seed
    accuracy = {
        method: [0.1 + slope * x / 10 + wobble * i for i, x in enumerate(NEAREST)]
        for method, slope in SLOPES.items()
    }
    hybrid = {
        label: {
            **{"threshold": threshold, "induced": 0.25, "validation": h + wobble},
            **dict.fromkeys(("S", "U", "H", "T1"), h + wobble),
        }
        for label, (h, threshold) in HYBRID.items()
    }
    scores = {
        "classes": {"name": list("abcd"), "nearest": NEAREST, "visual": NEAREST},
        "accuracy": accuracy,
        "hybrid": hybrid,
        "chosen": "all imagined" if seed == 0 else "all induced",
    }
    return _record("distance", seed, scores)


def relatives(seed: int) -> dict:
    wobble = 0.001 * (-1) ** seed
    scores = {
        "setup": {
            **{"relatives of each": 3, "gone": 21},
            **{"nearest, others gone": 0.78, "nearest, relatives gone": 0.48},
        },
        "others gone": {m: {"T1": 0.7} for m in LOST},
        "relatives gone": {m: {"T1": 0.7 - lost - wobble} for m, lost in LOST.items()},
        "lost": {m: {"T1": lost + wobble * (m != "GenZSL")} for m, lost in LOST.items()},
    }
    return _record("relatives", seed, scores)


def fewer(seed: int) -> dict:
    wobble = 0.001 * (-1) ** seed
    lost = {m: part + wobble for m, part in LOST.items() if m != "GenZSL, noise"}
    scores = {
        n: {"images": images, **{m: {"T1": 0.6 - share * part} for m, part in lost.items()}}
        for n, images, share in (("1", 48.0, 0), ("16", 3.2, 1), ("4", 12.2, 0.5))  # as sorted
    }
    scores["lost"] = {m: {"T1": part} for m, part in lost.items()}
    return _record("fewer images", seed, scores)


def _record(table: str, seed: int, scores: dict) -> dict:
    row = {"row": "unseen classes", "table": table, "seed": seed, "id": f"{table}{seed}"}
    return {**row, "benchmark": {"name": "toy", "semantics": "words"}, "scores": scores}


RECORDS = [one(seed) for one in (distance, relatives, fewer) for seed in range(5)]


def test_slopes_are_points_for_a_tenth_of_the_cosine():
    study = by_distance(RECORDS, "Title", "toy")
    table = study.table()
    assert table.loc["GenZSL", "slope"].startswith("4.0 ±")
    assert study.slopes["cVAE"].mean() == pytest.approx(9.0, abs=0.1)
    assert table.loc["cVAE", "slope, over GenZSL's"] == "+5.0, above"
    assert table.loc["means + spread", "slope, over GenZSL's"] == "+0.5, not significant"
    assert table.loc["GenZSL", "slope, over GenZSL's"] == ""
    assert table.loc["GenZSL", "nearer half"].startswith("38.0 ±")  # 10 + 4 * 7
    assert table.loc["GenZSL", "farther half"].startswith("22.0 ±")
    assert table.loc["GenZSL", "rank correlation"] == "+1.00 (p < 0.01)"
    assert study.records == [r for r in RECORDS if r["table"] == "distance"]
    assert (
        "by +4.0 points and the cVAE's by +9.0; the rank correlation of the lead is -1.00"
        in study.finding()
    )


def test_the_figure_has_a_line_for_each_method_and_a_point_for_each_class():
    fig = by_distance(RECORDS, "Title", "toy").figure()
    check_readable(fig)
    left, right = fig.axes
    labels = [line.get_label() for line in left.lines if not line.get_label().startswith("_")]
    assert labels == [*SLOPES]
    lead = right.lines[0].get_ydata()
    np.testing.assert_allclose(lead, [-50 * x for x in NEAREST], atol=1e-6)


def test_one_seed_shows_no_spread_and_no_verdict():
    table = by_distance([distance(0)], "Title", "toy").table()
    assert "±" not in table.loc["cVAE", "T1"]
    assert "too few seeds" in table.loc["cVAE", "slope, over GenZSL's"]


def test_what_relatives_cost_is_tested_and_set_beside_genzsl():
    study = without_relatives(RECORDS, "Title", "toy")
    table = study.table()
    assert table.loc["cVAE", "lost"] == "+10.0, significant"
    assert table.loc["cVAE", "lost, over GenZSL's"] == "+8.0, more"
    assert table.loc["means + spread", "lost"] == "+0.0, not significant"
    assert table.loc["means + spread", "lost, over GenZSL's"] == "-2.0, less"
    assert "without 21 seen classes: the 3 nearest" in study.caption()
    assert "is 0.48, not 0.78" in study.caption()


def test_what_fewer_images_cost_is_tested_and_set_beside_genzsl():
    study = with_fewer_images(RECORDS, "Title", "toy")
    table = study.table()
    assert [*table.columns[:3]] == ["48 images", "12 images", "3.2 images"]
    assert table.loc["cVAE", "3.2 images"].startswith("50.0 ±")
    assert table.loc["cVAE", "lost, over GenZSL's"] == "+8.0, more"
    assert table.loc["means + spread", "lost"] == "+0.0, not significant"
    assert study.records == [r for r in RECORDS if r["table"] == "fewer images"]


def test_all_losses_stand_side_by_side():
    found = [
        of(RECORDS, title, "toy")
        for title in ("birds", "Birds")
        for of in (with_fewer_images, hybrids, without_relatives)
    ]
    table = lost_at_a_glance(found).table()
    data = ("birds", "Birds")
    assert [*table.index] == [(what, of) for what in ("relatives", "pictures") for of in data]
    assert table.loc[("pictures", "Birds"), "cVAE"] == found[0].table().loc["cVAE", "lost"]
    assert next(iter(table.columns)) == "GenZSL"


def test_hybrids_are_set_beside_the_better_pure_form():
    table = hybrids(RECORDS, "Title", "toy").table()
    assert [*table.index] == ["all induced", "0 % imagined", "50 % imagined", "all imagined"]
    assert table["T1, over the better pure form"].tolist()[1:3] == [
        "+0.0, not significant",
        "-6.0, below",
    ]
    assert table["H, over the better pure form"].tolist()[::3] == ["", ""]
    assert table["chosen"].tolist() == ["4 of 5", "0 of 5", "0 of 5", "1 of 5"]
    assert table.loc["all induced", "cosine from"] == ""


def test_cub_shows_what_is_recorded_of_a_kind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(results, "recorded", lambda run: RECORDS if "sentences" in run else [])
    names = [study.name for study in induction_limits.limits_on_cub("words")]
    tables = ("distance", "hybrid", "relatives", "fewer-images")
    assert names == [f"cub-words-{table}" for table in tables]
    assert not any(study.records for study in induction_limits.limits_on_cub("words"))
    assert induction_limits.limits_on_cub("other") == []
    monkeypatch.setattr(results, "recorded", lambda run: RECORDS[5:] if "sentences" in run else [])
    names = [study.name for study in induction_limits.limits_on_cub("words")]
    assert names == ["cub-words-relatives", "cub-words-fewer-images"]


def test_settings_are_the_tables_with_the_lower_middle_count():
    settings = limits_settings(QUICK, QUICK_IMAGINATION)
    for one in (settings.genzsl, settings.imagination, settings.means, settings.noise):
        assert one.n_synthetic_choices == (2,)
    assert settings.noise.referent == "noise"


@pytest.mark.parametrize("semantics", ["clip_text", "attributes"])
def test_outliers_join_the_aviarys_unseen_classes_with_their_own_pictures(semantics):
    aviary = zslnb.load("aviary", semantics=semantics)
    outliers = zslnb.load("aviary-outliers", semantics=semantics)
    joined = with_outliers(aviary)
    assert joined.counts["test, unseen classes"] == (20, 20 * 70)
    assert torch.equal(joined.train_idx, aviary.train_idx)
    for i in (0, 7):
        there, here = int(outliers.unseen[i]), 60 + i
        assert joined.class_names[here] == outliers.class_names[there]
        assert torch.equal(joined.semantics[here], outliers.semantics[there])
        assert torch.equal(
            joined.features[joined.labels == here], outliers.features[outliers.labels == there]
        )


def test_any_other_benchmark_stays_as_it_is():
    other = toy()
    assert with_outliers(other) is other
