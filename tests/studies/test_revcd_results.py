"""`revcd_results`: rows of RevCD's tables, from made-up records."""

from dataclasses import replace

import pytest
import torch

from tests.studies.records import record, several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, results, revcd
from zslnb.studies import revcd_results as studies
from zslnb.studies.cub import cub_rows

MODELS = several({"RevCD": 0.0, "cVAE": 0.05, "GAN": -0.05})
LOSSES = several({"RevCD": 0.0, "no noise loss": 0.0, "no classification": -0.02})
LOSSES += several({"no reconstruction": 0.04})
SPACES = ("standardised", "as given")
WEIGHTS = several({"weight 0": 0.0, "weight 0.1": 0.03, "weight 1": 0.0, "weight 10": -0.02})


def test_settings_that_a_profile_reduces_show_both_numbers():
    study = studies.settings_shown(QUICK_REVCD, "smoke")
    table = study.table().set_index("setting")
    assert table.loc["steps"].tolist() == ["20", "500"]
    assert "schedule" not in table.index
    assert "profile `smoke` changes" in study.caption()


def test_models_are_counted_strictly_leniently_and_calibrated():
    study = studies.revcd_models(MODELS, "toy, words")
    row = study.table().loc["RevCD"]
    assert (row["S, strict"], row["S, lenient"]) == ("90.1 ± 0.1", "95.1 ± 0.1")
    assert study.caption().startswith("**toy, words** (after the paper's Table 2).")
    assert study.headline
    chosen = studies.validation_choices(MODELS)
    assert chosen.table().loc["GAN"].to_numpy().tolist() == [
        ["6", "2", "", "as given", ""],
        ["2", "1", "", "as given", "0.30, 0.30, 0.31"],
    ]
    assert "seed by seed" in chosen.caption()
    spaces = studies.spaces_compared(MODELS, "toy, words").table()
    assert [*spaces.columns] == [f"{m}, {s}" for m in ("H", "T1") for s in SPACES]
    assert spaces.loc["RevCD", "H, as given"] == row["H, strict"]


def test_rows_are_named_by_what_they_change(monkeypatch: pytest.MonkeyPatch):
    ran = {}

    def run_rows(rows, *_, table, **__):
        ran[table] = {row: settings for row, (_, settings) in rows.items()}
        return [record(row, 0) for row in rows]

    monkeypatch.setattr(experiments, "run_rows", run_rows)
    tables = {"RevCD losses": studies.without_each_loss, "RevCD F4": studies.with_each_weight}
    for table, rows in tables.items():
        studies.run_revcd(table, rows(QUICK_REVCD), toy(), range(1), "cpu")
    assert ran["RevCD losses"]["no noise loss"].noise_weight == 0
    assert ran["RevCD losses"]["no reconstruction"].noise_weight == QUICK_REVCD.noise_weight
    assert ran["RevCD F4"]["weight 10"].classification_weight == 10


def test_cosines_are_with_the_own_class_and_the_nearest_others(monkeypatch, tmp_path):
    """A model that estimates every image's own prototype, exactly."""
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    b = toy()
    quick = replace(QUICK_REVCD, epochs=1)
    chosen = {"clean": {"epochs": 1, "guidance": 1.0, "space": "standardised"}}
    records = [{"row": "RevCD", "seed": s, "scores": {"chosen": chosen}} for s in range(2)]
    z = torch.nn.functional.normalize(revcd.prepare(b, quick).prototypes, dim=1)
    cosines = z @ z.T
    own = {len(part): cosines[b.labels[part]] for part in (b.test_seen_idx, b.test_unseen_idx)}
    assert len(own) == 2
    monkeypatch.setattr(revcd.RevCD, "scores", lambda _, x, **how: own[len(x)])
    table = studies.cosines_by_kind(records, b, quick, "cpu").table()
    assert [*table["own class"]] == ["1.00 ± 0.00"] * 2
    others = cosines[b.unseen][:, b.seen].max(1).values
    shown = table.loc["unseen images", "best other seen class"]
    assert float(shown.split()[0]) == pytest.approx(float(others.mean()), abs=0.006)


def test_the_weights_finding_names_where_u_is_highest():
    study = studies.classification_weight({"toy, words": WEIGHTS, "again": WEIGHTS})
    assert study.finding() == (
        "From weight 0 to weight 10: toy, words, strict S 90.1 to 88.1 % and U 10.1 to 8.1 %, "
        "highest at weight 0.1; again, strict S 90.1 to 88.1 % and U 10.1 to 8.1 %, highest at "
        "weight 0.1. Mean and range over seeds."
    )
    axes = study.figure().axes
    assert [ax.get_title() for ax in axes] == ["toy, words", "again"]
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["0", "0.1", "1", "10"]


def test_losses_and_hull():
    losses = studies.losses_removed(LOSSES, "toy")
    assert "over 3 seeds" in losses.caption()
    assert [*losses.table().index][1] == "no noise loss"
    hull = studies.hull_distances(MODELS[:3], "toy")
    assert hull.table().loc["RevCD"].tolist() == ["0.50 ± 0.00", "0.80 ± 0.10"]
    assert "units of the unseen prototypes' own" in hull.caption()


def test_revcd_is_counted_in_four_ways_for_each_title():
    table = studies.ways_to_count({"toy": MODELS, "again": MODELS[:2]}).table()
    assert [*table.index] == [(title, way) for title in ("toy", "again") for way in studies.WAYS]
    assert table.loc[("toy", "calibrated"), "U"] == "40.1 ± 0.1"
    assert table.loc[("again", "lenient"), "S"] == "95.1 ± 0.1"


def test_recorded_rows_are_of_one_table_and_one_kind(monkeypatch: pytest.MonkeyPatch):
    """Of two kinds, which page 31 compares, the first is the method's own."""
    both = {"benchmark": {"semantics": "words, sentences"}, "table": "RevCD T2"}
    rows = [record("RevCD", s, **both) for s in range(2)]
    monkeypatch.setattr(results, "recorded", lambda run: rows if "attributes" in run else [])
    assert cub_rows("words", "RevCD T2") == rows
    assert cub_rows("words", "RevCD F4") == cub_rows("sentences", "RevCD T2") == []


def test_findings_have_the_sign_of_the_records():
    others = ("RevCD, one step", "RevCD without z_t", "ridge")
    models = [*MODELS, *several(dict.fromkeys(others, 0.0))]
    study = studies.revcd_findings({"toy": (models, LOSSES, WEIGHTS)})
    said = study.table()["toy"]
    assert said["RevCD over cVAE", "H"] == "-5.0 (-5.0 to -5.0), below"
    assert said["RevCD over GAN", "calibrated H"] == "+5.0 (+5.0 to +5.0), above"
    assert said["RevCD over ridge", "T1"] == "+0.0 (+0.0 to +0.0)"
    assert said["RevCD over no classification", "H"].endswith(", above")
    assert said["weight 10 over weight 0.1", "U"].startswith("-5.0")
    assert study.told["toy"]["RevCD", "cVAE", "H"].mean == pytest.approx(-5)
    assert len(said) == 14
