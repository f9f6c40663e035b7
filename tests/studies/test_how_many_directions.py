"""`zslnb.studies.how_many_directions` and `semantic_directions`: on made-up records."""

import numpy as np
import pytest
from toys import QUICK, toy

from zslnb.studies import how_many_directions as module
from zslnb.studies import semantic_directions
from zslnb.studies.how_many_directions import (
    refinements_compared,
    refinements_on_cub,
    run_refined,
)
from zslnb.studies.reduced import REDUCED
from zslnb.studies.semantic_directions import (
    named_directions,
    run_relations,
    what_is_left,
)

H = {"0 removed": 0.50, "1 removed": 0.51, "2 removed": 0.41, "centred": 0.5105}
HELD = {"energy": 0.6, "constant": 0.9, "other": None, "looks": None, "low": ["a_b"], "high": ["c"]}


def scored(method: str, refinement: str, seed: int) -> dict:
    h = H[refinement] + 0.001 * seed + (0.001 * (seed % 2) if refinement == "0 removed" else 0)
    return {
        "row": f"{method} · {refinement}",
        "table": module.SCORES,
        "seed": seed,
        "benchmark": {"name": "toy", "semantics": "texts"},
        "scores": {
            "calibrated": {"H": h},
            "clean": {"T1": h + 0.1},
            "validation": {"calibrated": {"H": h if seed else 1 - h}},
        },
    }


def related(refinement: str, kept: float) -> dict:
    scores = {
        "cosine": {"mean": 0.5, "sd": 0.1, "absolute": 0.5},
        **{"length": 0.4, "neighbours": kept, "kin": 0.75, "like CDP": 0.99},
        **dict.fromkeys(("looks", "other", "probe")),
    }
    return {"row": refinement, "table": semantic_directions.RELATIONS, "seed": 0, "scores": scores}


RECORDS = [
    *(scored(m, r, s) for m in ("nearest mean", "GenZSL") for r in H for s in range(5)),
    *(related(name, kept) for name, kept in (("0 removed", 1.0), ("1 removed", 0.8))),
    {
        "row": "directions",
        "table": semantic_directions.DIRECTIONS,
        "seed": 0,
        "scores": {"directions": [HELD, HELD], "cone": [0.6, 0.01], "alignment": 1.0},
    },
]


def test_every_refinement_is_set_beside_one_direction_removed():
    """Less than a point is none, however sure; ten points are."""
    found = refinements_compared(RECORDS, "Title", "x", kept=RECORDS[:2])
    table = found.table()
    assert [*table.columns] == ["H, GenZSL", "T1, GenZSL", "H, nearest mean", "T1, nearest mean"]
    assert table.loc["2 removed", "H, GenZSL"] == "41.2 ± 0.2, below"
    assert table.loc["1 removed", "T1, nearest mean"] == "61.2 ± 0.2"
    assert table.loc["centred", "H, GenZSL"] == "51.2 ± 0.2"
    assert found.against["GenZSL", "2 removed", "H"].mean == pytest.approx(-10)
    assert not any(refinement == "1 removed" for _, refinement, _ in found.against)
    assert len(found.against) == 2 * 3 * 2
    assert found.records == RECORDS[:2]


def test_what_validation_would_choose_is_counted_by_seed():
    """In the first seed the made-up validation scores are turned round."""
    caption = refinements_compared(RECORDS, "Title", "x").caption()
    assert "**Title.**" in caption
    assert "1 in 4 and 2 in 1 seeds (GenZSL)" in caption


def test_the_finding_goes_step_by_step():
    finding = refinements_compared(RECORDS, "Title", "x").finding()
    assert "from 0 to 1 removed +1.0, +1.0; from 1 to 2 removed -10.0, -10.0." in finding
    assert "2 to 3" not in finding


def test_lines_and_hollow_marks_stand_where_they_should():
    h, _, left, held = refinements_compared(RECORDS, "Title", "x").figure().axes
    line, hollow = h.lines[:2]
    assert [*line.get_xdata()] == [0, 1, 2]
    np.testing.assert_allclose(line.get_ydata(), [50.24, 51.2, 41.2], atol=0.01)
    assert [*hollow.get_xdata()] == [1]
    shown = [text.get_text() for text in left.get_legend().get_texts()]
    assert shown == ["squared length", "nearest class kept"]  # no other view to agree with
    assert sum(bar.get_height() for bar in held.patches) == pytest.approx(120)


def test_columns_without_a_number_are_left_out():
    table = what_is_left(RECORDS, "Title", "left").table()
    assert table.loc["1 removed", "nearest kept"] == "80 %"
    assert not {"like looks", "probe"} & {*table.columns}


def test_directions_of_real_texts_stand_below_this_runs(monkeypatch):
    monkeypatch.setattr(semantic_directions.results, "recorded", lambda run: [])
    table = named_directions(RECORDS, "toy").table()
    real = ["CUB, sentences", "CUB, attributes", "ImageNet names", "LVIS names"]
    assert [*table.index] == ["toy", *real]
    assert table.iloc[0][
        ["direction", "holds", "same in all", "nearest kept", "least"]
    ].tolist() == [*("1", "60.0 %", "90 %", "80 %", "a b")]
    assert table.iloc[1]["direction"] == "not measured"


def test_real_texts_are_recorded():
    """The first direction is the same in all classes, the others are not, and have a meaning."""
    table = named_directions(RECORDS, "toy").table()
    for kind in ("sentences", "attributes"):
        predicted = [int(cell.split()[0]) for cell in table.loc[f"CUB, {kind}", "predicted"]]
        assert min(predicted[1:]) >= 90 > predicted[0]
    for names in {*table.index} - {"toy"}:
        same = [int(cell.split()[0]) for cell in table.loc[names, "same in all"]]
        assert same[0] >= 99 > 1 >= max(same[1:])


@pytest.mark.parametrize("kind", ["sentences", "attributes"])
def test_each_kind_of_cubs_semantics_is_read_from_the_run_that_recorded_it(kind):
    study = refinements_on_cub(kind)
    assert f"{kind}.** Percent, mean ± standard deviation over 5 seeds" in study.caption()
    assert study.against["GenZSL", "2 removed", "T1"].mean < 0
    assert refinements_on_cub("names") is None


def test_a_run_from_features_to_table(monkeypatch, tmp_path):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    bench = toy(noise=0.5)
    relations = run_relations(bench, bench)
    few = {"spread": ("1 removed",), "trained": ("0 removed", "1 removed"), "n_synthetic": 5}
    monkeypatch.setitem(REDUCED["medium"], module.SCORES, few)
    scores = run_refined(bench, QUICK, [0], profile="medium")
    rows = {record["row"] for record in scores}
    assert {"GenZSL · 0 removed", "means + spread · 1 removed", "nearest mean · 5 removed"} <= rows
    assert "nearest mean · 10 removed" not in rows  # eight classes have no ten directions
    assert "means + spread · 2 removed" not in rows
    assert {r["settings"]["n_synthetic_choices"][0] for r in scores if "GenZSL" in r["row"]} == {2}
    found = refinements_compared([*relations, *scores], "Title", "x")
    assert found.table().loc["1 removed"].str.len().min() > 0
    assert "probe" in what_is_left(relations, "Title", "left").table().columns
