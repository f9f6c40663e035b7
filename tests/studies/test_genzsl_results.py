"""`zslnb.studies.genzsl_results`: what is said of GenZSL, its rivals and its ingredients."""

import re
from dataclasses import replace

from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import results, studies
from zslnb.studies.cub import cub_rows
from zslnb.studies.genzsl_results import (
    CUB_RUN,
    ablated,
    ablation_of,
    count_of_features,
    published_schedule,
    selection_price_of_genzsl,
    sensitivity_figure,
)
from zslnb.studies.rows import values

H = {"GenZSL": 0.5, "no CDP": 0.4, "no boosting": 0.55, "noise for the referent": 0.5}


def record(row: str, seed: int, h: float, method: str = "genzsl", **more: dict) -> dict:
    scores = {
        "clean": dict.fromkeys(("S", "U", "H", "T1"), h),
        "peeked": {"S": h, "U": h, "H": h + 0.02, "T1": h},
        "by n_synthetic": {"5": dict.fromkeys(("S", "U", "H", "T1"), h - 0.1)},
    }
    base = {"row": row, "seed": seed, "order": 0, "method": method, "benchmark": {"name": "toy"}}
    return {**base, "id": f"{row}{seed}", "table": "", "scores": {**scores, **more}}


RECORDS = [record(row, seed, h + seed / 100) for row, h in H.items() for seed in range(3)]


def test_the_ablation_names_what_costs_most_and_what_ends_highest():
    study = ablation_of("toy", RECORDS)
    assert "most costly change is *no CDP* (H 41.0 %)" in study.finding()
    assert "the highest mean is 56.0 %, with *no boosting*." in study.finding()
    assert study.table().loc["no CDP", "H, over GenZSL"] == "-10.0 ± 0.0"
    assert [tick.get_text() for tick in study.figure().axes[0].get_yticklabels()] == [*H]


def test_each_ablation_changes_what_its_name_says():
    changed = ablated(QUICK)
    assert changed.pop("GenZSL") == QUICK
    assert all(settings != QUICK for settings in changed.values())
    assert changed["no boosting, noise"] == replace(QUICK, boosting_weight=0.0, referent="noise")


def test_what_genzsl_gains_is_asked_of_each_source():
    main = [record("cVAE", s, 0.6, "imagination") for s in range(3)] + RECORDS
    table = studies.genzsl_findings({"toy": main, "other": RECORDS}).table()
    assert table.loc[("cVAE", "H"), "toy"] == "-9.0 (-11.5 to -6.5), below"
    assert [*table.index] == [("cVAE", "H"), ("cVAE", "T1")]
    assert [*table["other"]] == ["", ""]


def test_ablations_stand_beside_what_is_printed_for_cub():
    table = studies.ablations_beside({"toy": RECORDS}).table()
    assert table.loc[("no CDP", "H"), "toy"] == "-10.0 (-10.0 to -10.0), below"
    assert table.loc[("noise for the referent", "T1"), "toy"] == "+0.0 (+0.0 to +0.0)"
    assert table.loc[("no CDP", "H"), "printed, CUB"] == "-3.6"
    assert table.loc[("no CDP", "T1"), "printed, CUB"] == ""
    assert ("GenZSL", "H") not in table.index


def test_the_price_of_selection_is_over_clean_and_over_the_last_epoch():
    released = {"released": {"H": 0.7}, "last": {"H": 0.6}}
    clip = record("plain CLIP", 0, 0.4, "clip")
    genzsl = record("GenZSL", 0, 0.5, **released, chosen={"released": {"looks": 60}})
    study = studies.selection_price({"toy": [genzsl, clip], "cub": []})
    assert study.caption().endswith("one of so many: on toy 60 (GenZSL).")
    assert study.table().to_dict() == {
        "peeked minus clean, toy": {"GenZSL": "+2.0"},
        "best look minus last, toy": {"GenZSL": "+10.0"},
    }
    toy_line, cub_line = selection_price_of_genzsl({"toy": [genzsl], "cub": []}).splitlines()
    assert "adds +2.0 points to GenZSL's H; in the released training" in toy_line
    assert cub_line == "- cub: not measured."


def test_sensitivity_says_how_far_mean_h_moves():
    rows = {"λ = 0": 0.3, "λ = 1": 0.5, "k = 1": 0.5, "k = 2": 0.45}
    study = sensitivity_figure(
        [record(row, seed, h) for row, h in rows.items() for seed in range(2)]
    )
    assert "over 2 seeds. Mean H moves by 20.0 points over the boosting weight λ, 5.0" in (
        study.finding()
    )
    assert [ax.get_xlabel() for ax in study.figure().axes][2] == "synthetic features a class"


def counted(row: str, seed: int, of_count: dict[str, float], chosen: int, method: str) -> dict:
    by_count = {n: {"T1": t1} for n, t1 in of_count.items()}
    scores = {"chosen": {"clean": {"n_synthetic": chosen}}, "by n_synthetic": by_count}
    settings = {"rounds": 3, "passes": 2}
    return {**record(row, seed, 0.5, method, **scores), "settings": settings}


def test_the_highest_count_is_said_to_move_t1():
    records = [
        *(
            counted("GenZSL", seed, {"5": 0.6, "9": 0.61}, (5, 9)[seed], "genzsl")
            for seed in (0, 1)
        ),
        counted("cVAE", 0, {"5": 0.5, "9": 0.52}, 9, "imagination"),
        record("means + spread", 0, 0.5, "means"),
    ]
    said = count_of_features(records)
    assert "9 synthetic features a class, in 2 of 3 trainings. From 5 to 9 T1 moves by" in said
    assert said.endswith("+1.0 (GenZSL), +2.0 (cVAE) points.")
    wider = [
        counted("GenZSL", 0, {"20": 0.58, "5": 0.6, "9": 0.61}, 9, "genzsl"),
        counted("means + spread", 0, {"20": 0.7, "5": 0.8, "9": 0.9}, 9, "means"),
    ]
    said = count_of_features(records, wider)
    assert "among 5, 9, 20: T1 moves from 9 to 20 by -3.0 (GenZSL) points." in said
    assert (
        "after 6 passes, a generator's T1 is at most 61.0, that of means + spread at least 70.0."
        in said
    )
    assert count_of_features([]) == "not measured."


def test_on_cub_more_features_than_the_grid_has_help_no_method_but_one():
    """What page 14 says of its grid's edge."""
    said = count_of_features(
        results.rows_of(results.recorded(CUB_RUN), "T2"), cub_rows("sentences", "counts", "counts")
    )
    assert "300 synthetic features a class, in 19 of 20 trainings" in said
    beyond = said.split("from 300 to 900 by ")[1].split(" points")[0]
    assert re.findall(r"\+\d\.\d \((.+?)\)", beyond) == ["f-CLSWGAN"]


def test_the_published_schedule_stays_below_the_closed_form():
    """What page 14 says below the curves of training: a point of T1 more, and eight below."""
    main = results.rows_of(results.recorded(CUB_RUN), "T2")
    full = cub_rows("sentences", "T2", "full")
    said = published_schedule(full, main)
    published, medium, closed = (
        100 * values([r for r in records if "clean" in r["scores"]], row, "clean", "T1").mean()
        for records, row in ((full, "GenZSL"), (main, "GenZSL"), (main, "means + spread"))
    )
    assert all(f"/ {t1:.1f} ± " in said for t1 in (published, medium, closed))
    assert 0.5 < published - medium < 1.5
    assert 7.5 < closed - published < 8.5
    assert published_schedule([], main) == "not measured."


def test_main_results_under_both_protocols(build):
    rivals = {"cVAE": replace(QUICK_IMAGINATION, kind="cvae")}
    study = studies.main_results(toy(), QUICK, rivals, range(1))
    closed = ["plain CLIP", "ESZSL", "nearest mean", "means + spread"]
    assert [*study.table().index] == [*closed, "cVAE", "GenZSL"]
    assert "n/a" not in [*study.table()["H, calibrated"]]
    assert "H, calibrated" not in study.released.table()
    assert (study.name, study.released.name) == ("clean", "released")
    assert "Not comparable" in study.released.caption()
    assert study.released.records is study.records
    assert "leads with" in study.finding()
    assert len(study.figure().axes) == 1


def test_semantics_stand_side_by_side_and_clip_only_where_it_exists(build):
    kinds = {"same": toy(), "wide": toy(semantic_dim=9)}
    table = studies.semantics(kinds, QUICK, {}, range(1)).table()
    assert [*table.columns] == ["H, same", "H, wide", "T1, same", "T1, wide"]
    assert table.loc["plain CLIP", "H, same"]
    assert table.loc["plain CLIP", "H, wide"] == ""
    more = studies.semantics(kinds, QUICK, {}, range(1), recorded={"cub": RECORDS, "none": []})
    assert [*more.table().columns][:3] == ["H, same", "H, wide", "H, cub"]
    assert more.table().loc["no CDP", "H, cub"] == "41.0 ± 1.0"
    assert len(more.records) == 2 * len(table) - 1


def test_recorded_spreads_of_cub_are_shown_or_said_to_be_missing():
    for kind in ("sentences", "attributes"):
        frame = studies.whose_spread_on_cub(kind).table()
        assert [*frame.index] == ["its referents", "any seen class", "one Gaussian", "none"]
    missing = studies.whose_spread_on_cub("poems")
    assert missing.table().iloc[0, 0] == "not measured"
    beside = studies.spreads_beside({"a": studies.whose_spread_on_cub("sentences"), "b": missing})
    assert [*beside.table().columns] == ["H, a", "T1, a"]


def test_spreads_are_set_against_that_of_the_referents(build):
    frame = studies.whose_spread(toy(), QUICK, range(3)).table()
    assert [*frame.index] == ["its referents", "any seen class", "one Gaussian", "none"]
    assert frame["H, over its referents"].iloc[0] == ""


def test_class_similarity_states_each_maps_mean():
    study = studies.class_similarity({"names": toy()})
    assert study.finding().count(";") == 2
    assert study.figure().axes[1].get_title().startswith("names, after CDP: mean")
