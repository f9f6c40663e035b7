"""`zslnb.studies.means_and_spread`: on made-up records."""

import json
from dataclasses import asdict, replace

import pytest
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import genzsl, imagination
from zslnb.experiments import informed
from zslnb.experiments.parts import BORROWED, NEAREST, OWN, RIDGE, TRUE
from zslnb.studies.cub import cub_rows
from zslnb.studies.means_and_spread import (
    INFORMED,
    PARTS,
    informed_referents,
    means_on_cub,
    means_settings,
    parts_of_generators,
    run_means,
)

ROWS = {
    informed.PUBLISHED: 0.50,
    informed.MOVED: 0.502,
    informed.CHANGE: 0.55,
    informed.CLOSED: 0.60,
    informed.DISTANCE: 0.64,
}

SETTINGS = {"genzsl": {"n_synthetic_choices": [200]}}


def cell(value: float, seed: int) -> dict[str, float]:
    return {"H": value + 0.001 * seed, "T1": value + 0.1 + 0.001 * seed}


def apart(seed: int, gain: float = 0.05) -> dict:
    """A seed in which a borrowed spread adds `gain` to GenZSL's, and the true mean 0.3."""
    wobble = gain + 1e-4 * seed
    cells = {
        "GenZSL": {OWN: cell(0.5, seed), BORROWED: cell(0.5 + wobble, seed)},
        NEAREST: {BORROWED: cell(0.4, seed)},
        RIDGE: {BORROWED: cell(0.56, seed), TRUE: cell(0.57, seed)},
        TRUE: {"GenZSL": cell(0.8, seed), BORROWED: cell(0.82, seed), TRUE: cell(0.85, seed)},
    }
    measures = {"size": 0.05, "frechet": 0.2, "nearest neighbour": 0.99}
    real = {"size": 1.0, "frechet": 0.01, "nearest neighbour": 0.5}
    return {
        "row": "clip_text",
        "seed": seed,
        "settings": SETTINGS,
        "scores": {
            "cells": cells,
            "misplaced": {"GenZSL": 0.6, NEAREST: 1.0, RIDGE: 0.5, TRUE: 0.0},
            "spread": {"GenZSL": measures, BORROWED: {**real, "size": 0.98}, TRUE: real},
        },
    }


def moved(seed: int) -> dict:
    rows = {
        name: cell(value + 1e-4 * seed * i, seed) for i, (name, value) in enumerate(ROWS.items())
    }
    scores = {"rows": rows, "kl": {informed.CHANGE: 0.02, informed.MOVED: 0.001}}
    return {"row": "clip_text", "seed": seed, "settings": SETTINGS, "scores": scores}


@pytest.mark.parametrize(("gain", "word"), [(0.05, "above"), (-0.05, "below"), (0.002, "not")])
def test_a_borrowed_spread_is_set_beside_a_generators_own(gain, word):
    """A gain that is sure, but less than a point, counts for none."""
    records = [apart(seed, gain) for seed in range(5)]
    found = parts_of_generators(records, "Title", "parts", kept=records)
    line = found.table().loc["GenZSL"]
    assert line["H, borrowed"].split(", ")[1].startswith(word)
    assert line["error"].startswith("0.60")
    assert line["size"].startswith("0.05")
    assert line["T1"].startswith("60.2 ±")
    assert found.table().loc["true", "H"].startswith("85.2 ±")  # with the true spread
    assert ("(not significant)" in found.finding()) == (word == "not")
    assert found.table().loc[RIDGE, "H, borrowed"] == ""
    assert found.gains["GenZSL", "T1"].mean == pytest.approx(100 * (gain + 2e-4))
    assert found.records == records
    assert "200 synthetic features" in found.caption()
    assert "alike are 1, 0.5 and 0.010" in found.caption()


def test_every_cell_is_a_point_over_its_means_error():
    found = parts_of_generators([apart(s) for s in range(3)], "Title", "parts")
    points = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in found.figure().axes[1].lines
        if line.get_linestyle() == "None"
    ]
    assert len(points) == 8
    assert (0.6, pytest.approx(50.1)) in points
    assert (0.0, pytest.approx(85.1)) in points
    assert "T1 with the true means is 90 even with GenZSL's spread" in found.finding()


def test_what_informs_is_set_beside_both_and_what_is_not_there_is_left_out():
    found = informed_referents([moved(seed) for seed in range(5)], "Title", "informed")
    frame = found.table()
    assert [*frame.index] == [*ROWS]
    assert frame.loc[informed.CHANGE, "H, over GenZSL"] == "+5.0, above"
    assert frame.loc[informed.CHANGE, "H, over means + spread"] == "-5.0, below"
    assert frame.loc[informed.MOVED, "T1, over GenZSL"] == "+0.2, not significant"
    assert frame.loc[informed.DISTANCE, "H, over GenZSL"] == ""
    assert frame.loc[informed.CLOSED, "H, over means + spread"] == ""
    assert "referents: at most 0.02." in found.caption()
    assert "Pairing adds" not in found.caption()


def test_pairing_is_tested_where_a_row_is_without_it():
    records = [moved(seed) for seed in range(5)]
    for record in records:
        record["scores"]["rows"][informed.UNPAIRED] = cell(0.52, record["seed"])
    found = informed_referents(records, "Title", "informed")
    assert "Pairing adds +3.0, above (H) and +3.0, above (T1) points." in found.caption()


def test_all_settings_have_the_one_count():
    rival = replace(QUICK_IMAGINATION, kind="cvae")
    apart_, informed_ = means_settings(QUICK, [rival])
    parts = (apart_.genzsl, apart_.rivals[0], apart_.means, informed_.genzsl, informed_.means)
    assert [s.n_synthetic_choices for s in parts] == [(5,)] * 5
    assert apart_.controls
    assert informed_.controls


def test_medium_has_the_settings_that_are_recorded_of_cub():
    name = "cub_resnet_fc1000"
    rivals = [imagination.profile_settings(name, "medium", kind) for kind in ("cvae", "fvaegan")]
    asked = means_settings(genzsl.profile_settings(name, "medium"), rivals, "medium")
    for mine, table in zip(asked, (PARTS, INFORMED), strict=True):
        there = cub_rows("sentences", table)[0]["settings"]
        assert json.loads(json.dumps(asdict(mine))) == there


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="profile"):
        means_settings(QUICK, (), "large")


def test_both_experiments_are_run_by_their_settings(build):
    few = replace(QUICK, n_synthetic_choices=(2,))
    for settings, key in zip(means_settings(few, (), "medium"), ("cells", "rows"), strict=True):
        (record,) = run_means(toy(noise=0.5), settings, [0])
        assert key in record["scores"]
        assert record["row"] == "semantics"


def test_nothing_is_laid_out_where_nothing_is_recorded():
    assert means_on_cub("means and spread", "names") is None
