"""`zslnb.studies.genzsl_results`: what is said of GenZSL, its rivals and its ingredients."""

from dataclasses import replace

import pytest
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import studies
from zslnb.studies.genzsl_results import (
    ablated,
    ablation_of,
    selection_price_of_genzsl,
    sensitivity_figure,
)

H = {"GenZSL": 0.5, "no CDP": 0.4, "no boosting": 0.55, "noise for the referent": 0.5}


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Starting others takes longer than these experiments."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)


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


def test_a_question_is_answered_for_each_source_or_said_to_be_open():
    lines = studies.answers(studies.INGREDIENTS, {"toy": RECORDS, "cub": []}).splitlines()
    assert lines[0].startswith("- toy: **GenZSL** is above **no CDP**: +10.0 points of H")
    assert lines[1].startswith("- toy: **GenZSL** is below **no boosting**: -5.0")
    assert "not told apart" in lines[2]
    assert lines[3] == "- cub: not measured."


def test_verdicts_on_rivals_and_ablations_leave_genzsl_itself_out():
    main = [record("cVAE", s, 0.6) for s in range(3)] + RECORDS[:3]
    lines = studies.genzsl_verdicts(main, [*RECORDS, record("ESZSL", 0, 0.1, "eszsl")])
    assert lines[0].startswith("**GenZSL** is below **cVAE**: -9.0 points of H")
    assert [line.split("**")[1] for line in lines[1:]] == [*H][1:]


def test_the_price_of_selection_is_over_clean_and_over_the_last_epoch():
    released = {"released": {"H": 0.7}, "last": {"H": 0.6}}
    clip = record("plain CLIP", 0, 0.4, "clip")
    genzsl = record("GenZSL", 0, 0.5, **released)
    study = studies.selection_price({"toy": [genzsl, clip], "cub": []})
    assert study.table().to_numpy().tolist() == [["GenZSL", "+2.0", "+10.0", "toy"]]
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


def test_a_run_that_nobody_recorded_reads_not_measured():
    assert studies.recorded_results([], "CUB", "cub").table().to_dict("list") == {
        "method": ["not measured"]
    }


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


def test_recorded_spreads_of_cub_are_shown_or_said_to_be_missing():
    for kind in ("sentences", "attributes"):
        frame = studies.whose_spread_on_cub(kind).table()
        assert [*frame.index] == ["its referents", "any seen class", "one Gaussian", "none"]
    assert studies.whose_spread_on_cub("poems").table().iloc[0, 0] == "not measured"


def test_spreads_are_set_against_that_of_the_referents(build):
    frame = studies.whose_spread(toy(), QUICK, range(3)).table()
    assert [*frame.index] == ["its referents", "any seen class", "one Gaussian", "none"]
    assert frame["H, over its referents"].iloc[0] == ""


def test_class_similarity_states_each_maps_mean():
    study = studies.class_similarity({"names": toy()})
    assert study.finding().count(";") == 2
    assert study.figure().axes[1].get_title().startswith("names, after CDP: mean")
