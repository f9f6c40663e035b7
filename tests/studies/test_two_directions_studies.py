"""`zslnb.studies.two_directions`: on made-up records."""

import pytest
from toys import QUICK, QUICK_REVCD

from zslnb.experiments.two_directions import PAIRS
from zslnb.studies.two_directions import pair_settings, pairs_of_methods, pairs_on_cub

ALONE = {
    **{"GenZSL": 0.50, "GenZSL again": 0.52, "means + spread": 0.60},
    **{"RevCD": 0.55, "RevCD again": 0.53, "ridge": 0.40},
}


def record(seed: int, gain: float) -> dict:
    """A seed whose pairs all have `gain` more than the better of their two."""
    wobble = 0.001 * seed
    pairs = {
        label: {m: max(ALONE[a], ALONE[b]) + wobble + gain for m in ("H", "T1")} | {"weight": 0.5}
        for label, (a, b) in PAIRS.items()
    }
    shared = {"both": 0.5, "first": 0.1, "second": 0.2, "neither": 0.2, "same answer": 0.6}
    return {
        "row": "clip_text",
        "seed": seed,
        "benchmark": {"name": "toy"},
        "scores": {
            "alone": {m: {"H": h + wobble, "T1": h + wobble} for m, h in ALONE.items()},
            "pairs": pairs,
            "shared": dict.fromkeys(PAIRS, shared),
        },
    }


@pytest.mark.parametrize(("gain", "word"), [(0.03, "above"), (-0.03, "below"), (0.002, "not")])
def test_a_pair_is_set_beside_the_better_of_its_two(gain, word):
    """A gain that is sure, but less than a point, counts for none."""
    records = [record(seed, gain + 1e-4 * seed) for seed in range(5)]
    found = pairs_of_methods(records, "Title", "pairs", kept=records)
    cells = found.table()["H, over the better"]
    assert all(cell.split(", ")[1].startswith(word) for cell in cells)
    assert found.gains["GenZSL with RevCD", "H"].mean == pytest.approx(100 * (gain + 2e-4))
    row = found.table().loc["means + spread with ridge"]
    assert row["H, first"].startswith("60.2 ±")
    assert row["H, second"].startswith("40.2 ±")
    assert "**Title.**" in found.caption()
    assert "30 % with GenZSL and RevCD" in found.finding()
    assert found.records == records


def test_bars_add_up_to_all_images():
    fig = pairs_of_methods([record(s, 0.0) for s in range(3)], "Title", "pairs").figure()
    bars = [patch.get_width() for patch in fig.axes[0].patches]
    assert sum(bars) == pytest.approx(100 * len(PAIRS))


def test_the_settings_are_the_tables_with_one_count():
    settings = pair_settings(QUICK, QUICK_REVCD)
    assert settings.genzsl.n_synthetic_choices == settings.means.n_synthetic_choices == (5,)
    assert settings.revcd == QUICK_REVCD


def test_each_kind_of_cubs_semantics_is_read_from_the_run_that_recorded_it():
    """A recorded run holds one kind, so a page must look in both."""
    for kind in ("sentences", "attributes"):
        study = pairs_on_cub(kind)
        assert f"{kind}.** Percent, mean ± standard deviation over 5 seeds" in study.caption()
    assert pairs_on_cub("names") is None
