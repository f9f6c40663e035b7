"""Records kept in `results/`."""

import json

import pytest

from zslnb.results import recorded
from zslnb.results.deciding import recorded_runs


def test_records_come_in_their_tables_order_and_a_damaged_line_is_named(tmp_path):
    assert recorded("run", tmp_path) == []
    (tmp_path / "run").mkdir()
    lines = [{"order": 1, "seed": 0}, {"order": 0, "seed": 1}, {"order": 0, "seed": 0}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "run" / "records.jsonl").write_text(text)
    assert [(r["order"], r["seed"]) for r in recorded("run", tmp_path)] == [(0, 0), (0, 1), (1, 0)]
    (tmp_path / "run" / "records.jsonl").write_text(text + '{"se')
    with pytest.raises(ValueError, match=r"Line 4 of records\.jsonl is damaged"):
        recorded("run", tmp_path)


@pytest.mark.parametrize("run", recorded_runs(), ids=lambda run: run.name)
def test_a_run_keeps_the_records_of_its_own_data_alone(run):
    """Pages also show what is recorded of other data; that stays where it was recorded."""
    own = run.manifest["benchmark"]["name"]
    assert {r["benchmark"]["name"] for r in run.records} <= {own, f"{own} with outliers"}
