"""`revcd_results`: rows of RevCD's tables, from made-up records."""

from dataclasses import replace

import pytest
import torch

from tests.studies.records import record, several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments, results, revcd
from zslnb.studies import revcd_results as studies

MODELS = several({"RevCD": 0.0, "cVAE": 0.05, "GAN": -0.05})
LOSSES = several({"RevCD": 0.0, "no noise loss": 0.0, "no classification": -0.02})
LOSSES += several({"no reconstruction": 0.04})
WEIGHTS = several({"weight 0": 0.0, "weight 0.1": 0.03, "weight 1": 0.0, "weight 10": -0.02})


def test_settings_that_a_profile_reduces_show_both_numbers():
    study = studies.settings_shown(QUICK_REVCD, "smoke")
    table = study.table().set_index("setting")
    assert table.loc["steps"].tolist() == ["20", "500"]
    assert table.loc["schedule"].tolist() == ["linear", ""]
    assert "Profile `smoke`" in study.caption()


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
    assert [*spaces.index[:2]] == ["RevCD, standardised", "RevCD, as given"]
    assert [*spaces["U"][:2]] == ["0.0 ± 0.0", row["U"]]


def test_rows_are_named_by_what_they_change(monkeypatch: pytest.MonkeyPatch):
    ran = {}

    def run_rows(rows, *_, table, **__):
        ran[table] = {row: settings for row, (_, settings) in rows.items()}
        return [record(row, 0) for row in rows]

    monkeypatch.setattr(experiments, "run_rows", run_rows)
    tables = {"RevCD losses": studies.without_each_loss, "RevCD F4": studies.with_each_weight}
    losses, weights = (
        studies.run_revcd(table, rows(QUICK_REVCD), toy(), range(1), "cpu")
        for table, rows in tables.items()
    )
    assert ran["RevCD losses"]["no noise loss"].noise_weight == 0
    assert ran["RevCD losses"]["no reconstruction"].noise_weight == QUICK_REVCD.noise_weight
    assert ran["RevCD F4"]["weight 10"].classification_weight == 10
    pooled = [r["row"] for r in studies.pooled(losses, weights, QUICK_REVCD)]
    assert pooled == [*(r["row"] for r in losses), "weight 0", "weight 0.1", "weight 10"]


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
    study = studies.classification_weight(WEIGHTS, "toy, words")
    assert study.finding() == (
        "toy, words; mean and range over seeds. From weight 0 to weight 10 strict S goes from 90.1 "
        "to 88.1 % and U from 10.1 to 8.1 %; U is highest at weight 0.1."
    )
    ticks = [tick.get_text() for tick in study.figure().axes[0].get_xticklabels()]
    assert ticks == ["0", "0.1", "1", "10"]


def test_losses_and_hull():
    losses = studies.losses_removed(LOSSES, "toy")
    assert "over 3 seeds" in losses.caption()
    assert [*losses.table().index][1] == "no noise loss"
    hull = studies.hull_distances(MODELS[:3], "toy")
    assert hull.table().loc["RevCD, guidance 4"].tolist() == ["1.00 ± 0.00", "2.10 ± 0.10"]
    assert "units of the unseen prototypes' own" in hull.caption()
    cub = studies.cub_hull({"words": LOSSES}).table()
    assert [*cub.columns] == ["seen images, words", "unseen images, words"]
    assert "no noise loss" not in "".join(cub.index)


def test_the_pick_of_validation_stands_beside_revcd_in_each_way():
    study = studies.ways_to_count(LOSSES, "toy")
    assert studies.picked_row(LOSSES, "lenient") == "no reconstruction"
    assert studies.picked_row(LOSSES, "calibrated") == "no classification"  # by its own scores
    assert [*study.table().index] == [
        *(f"RevCD: {way}" for way in studies.WAYS),
        "no reconstruction: strict",
        "no reconstruction: lenient",
        "no classification: calibrated",
        "no classification: calibrated, lenient",
    ]
    assert study.table().loc["RevCD: calibrated", "U"] == "40.1 ± 0.1"
    assert study.caption() == "**toy**: percent, mean ± standard deviation over 3 seeds."


def test_what_nobody_has_measured_is_said_to_be(monkeypatch: pytest.MonkeyPatch):
    assert studies.cub_models([], "words").table()["method"].tolist() == ["not measured"]
    kept = {"table": "RevCD T2", "notebook": "24_revcd_results"}
    rows = [record("RevCD", s, benchmark={"semantics": "words"}, **kept) for s in range(2)]
    monkeypatch.setattr(results, "recorded", lambda run: rows if "attributes" in run else [])
    assert studies.cub_rows("words", "RevCD T2") == rows
    assert studies.cub_rows("sentences", "RevCD T2") == []
    study = studies.cub_models(rows, "words")
    assert study.caption().endswith("Seeds: 2; profile `medium`.")
    assert not study.headline


def test_findings_have_the_sign_of_the_records():
    text = studies.revcd_findings(MODELS, LOSSES, WEIGHTS)
    assert text[0] == "S is 90.1 on test images and 95.1 on training images."
    assert "U is 10.1, though among unseen classes alone 50.1 % are right" in text[1]
    assert "adds +30.0 ± 0.0 points of H" in text[1]
    assert text[2].startswith("**RevCD** is below **cVAE**: -5.0")
    assert text[4].startswith("**RevCD** is above **GAN**: +5.0")
    assert text[6].startswith("**RevCD** and **no noise loss** are not told apart")
    assert text[7].startswith("**RevCD** is above **no classification**")
    assert text[9].startswith("**weight 10** is below **weight 0.1**: -5.0")
