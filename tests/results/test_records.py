"""Records kept in `results/`."""

import json

import pytest

from zslnb.results import recorded


def test_nothing_recorded_is_an_empty_list(tmp_path):
    assert recorded("never-run", tmp_path) == []


def test_records_come_in_their_tables_order(tmp_path):
    (tmp_path / "run").mkdir()
    lines = [{"order": 1, "seed": 0}, {"order": 0, "seed": 1}, {"order": 0, "seed": 0}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "run" / "records.jsonl").write_text(text)
    assert [(r["order"], r["seed"]) for r in recorded("run", tmp_path)] == [(0, 0), (0, 1), (1, 0)]


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "records.jsonl").write_text('{"seed": 0}\n{"se')
    with pytest.raises(ValueError, match=r"Line 2 of records\.jsonl is damaged"):
        recorded("run", tmp_path)
