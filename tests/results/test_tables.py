"""`zslnb.results.tables`: percent, mean and spread over seeds, in the rows' own order."""

import pandas as pd
import pytest

from zslnb.results.tables import (
    SHOWN,
    markdown_table,
    results_against,
    results_beside,
    results_counted,
    results_table,
    rows_of,
    scores_frame,
    spread_caption,
)


def record(row: str, seed: int, **protocols: float) -> dict:
    scores = {
        name: dict.fromkeys(("S", "U", "H", "T1"), value) for name, value in protocols.items()
    }
    return {"row": row, "seed": seed, "scores": scores}


RECORDS = [
    *(record("z", seed, clean=0.5 + 0.01 * seed, released=0.6) for seed in range(3)),
    record("alone", 0, clean=0.123),
]
COMPARED = [
    *(record("good", seed, clean=0.50 + 0.01 * seed) for seed in range(5)),
    *(record("plain", seed, clean=0.40 + 0.01 * seed) for seed in range(5)),
    *(record("noisy", seed, clean=0.50 + 0.05 * (-1) ** seed) for seed in range(5)),
]


@pytest.mark.parametrize(
    ("protocol", "several", "alone"),
    [("clean", "51.0 ± 1.0", ["12.3"] * 4 + [1]), ("released", "60.0 ± 0.0", ["n/a"] * 4 + [0])],
)
def test_a_table_has_a_row_a_method_and_says_how_many_seeds(protocol, several, alone):
    table = results_table(RECORDS, protocol)
    assert list(table.columns) == ["S", "U", "H", "T1", "seeds"]
    assert table.loc["z"].tolist() == [several] * 4 + [3]
    assert table.loc["alone"].tolist() == alone


@pytest.mark.parametrize(
    ("records", "protocol", "says"),
    [(RECORDS, "best", f"one of {', '.join(SHOWN)}, not 'best'"), ([], "clean", "No records")],
)
def test_what_makes_no_table_is_refused(records, protocol, says):
    with pytest.raises(ValueError, match=says):
        results_table(records, protocol)


def test_scores_laid_out_long():
    frame = scores_frame(RECORDS)
    assert len(frame) == 3 * 4 * 2 + 4
    line = frame.query("row == 'z' and seed == 2 and protocol == 'clean' and metric == 'U'")
    assert line["percent"].tolist() == pytest.approx([52.0])


def test_clean_scores_stand_beside_the_h_of_the_other_protocols():
    table = results_beside(RECORDS)
    heads = ["S, clean", "U, clean", "H, clean", "T1, clean", "H, calibrated"]
    heads += ["H, peeked", "H, released"]
    assert list(table.columns) == heads
    assert list(table["H, clean"]) == ["51.0 ± 1.0", "12.3"]
    assert list(table["H, peeked"]) == ["n/a", "n/a"]
    assert list(table["H, released"]) == ["60.0 ± 0.0", "n/a"]


def test_strict_scores_stand_beside_lenient_and_calibrated_ones():
    strict, lenient = (dict.fromkeys(("S", "U", "H", "T1"), x) for x in (0.1, 0.2))
    moved = dict.fromkeys(("S", "U", "H", "T1"), 0.3)
    scores = {"clean": strict, "lenient": lenient, "calibrated": moved}
    table = results_counted([{"row": "a", "seed": 0, "scores": scores}])
    assert table.loc["a"].to_dict() == {
        **dict.fromkeys(("S, strict", "U", "H, strict", "T1"), "10.0"),
        **dict.fromkeys(("S, lenient", "H, lenient"), "20.0"),
        **{f"{metric}, calibrated": "30.0" for metric in "SUH"},
    }


def test_the_rows_of_a_table_are_those_with_its_name_and_ending():
    records = [
        {"row": row, "table": table}
        for table in ("T2", "T4")
        for row in ("ESZSL · text", "ESZSL · attributes")
    ]
    assert rows_of(records, "T4", " · text") == [{"row": "ESZSL", "table": "T4"}]
    assert len(rows_of([*records, {"row": "old"}], "T2")) == 2
    assert rows_of(records, "T3") == []


def test_every_row_is_set_against_one():
    table = results_against(COMPARED, "plain", "clean", ["H"])
    assert list(table["H, over plain"]) == ["+10.0 ± 0.0", "", "+9.0 ± 5.7"]
    assert list(table["seeds"]) == [5, 5, 5]


def test_the_caption_names_who_leads_and_who_trails():
    caption = spread_caption(COMPARED, "H", "clean")
    assert "*good* leads with 52.0 %" in caption
    assert "*plain* trails with 42.0 %" in caption


def test_names_in_a_table_are_text_and_other_cells_may_be_markdown():
    frame = pd.DataFrame({"class": ["A$AP and $ke", "a|b", "麻雀"]})
    assert r"| A\$AP and \$ke |" in markdown_table(frame, has_names=True)
    assert r"| a\|b " in markdown_table(frame, has_names=True)
    assert "| $z_0$ |" in markdown_table(pd.DataFrame({"sign": ["$z_0$"]}))
