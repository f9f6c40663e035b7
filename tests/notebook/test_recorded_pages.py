"""Pages 30 to 34 on CUB at profile `medium`: they ask for what is recorded, no more and no less.

The pages themselves are run, on the records: one command makes exactly these rows again.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jupytext
import pytest
from conftest import ROOT
from toys import shared_data

from zslnb.benchmark import Benchmark
from zslnb.experiments import benchmark_facts
from zslnb.results import recorded

RUNNING = (  # the studies that compute what these pages show
    *("how_many_directions", "induction_runs", "means_and_spread"),
    *("seen_unseen", "semantic_directions", "two_directions"),
)
PAGES = (
    "30_when_induction_fails",
    "31_how_many_directions",
    "32_means_and_spread",
    "33_calibration",
    "34_two_directions",
)


def named(record: Mapping) -> str:
    """What a record is of: all that its experiment is given, and its place on the page."""
    keys = ("method", "benchmark", "settings", "seed", "table", "row")
    return json.dumps({key: record[key] for key in keys}, sort_keys=True)


def reader(records: dict[str, dict], asked: set[str]) -> Callable:
    """A `run_rows` that computes nothing: it notes what is asked for, and gives its record."""

    def run_rows(
        rows: Mapping[str, tuple[str, Any]],
        benchmark: Benchmark,
        seeds: Iterable[int],
        device: object = "cpu",
        n_jobs: int | None = None,
        table: str = "",
    ) -> list[dict]:
        facts, found = benchmark_facts(benchmark), []
        for row, (method, settings) in rows.items():
            known = {"method": method, "benchmark": facts, "table": table, "row": row}
            for seed in seeds:
                name = named({**known, "settings": asdict(settings), "seed": seed})
                assert name in records, f"nobody recorded {name}"
                asked.add(name)
                found.append(records[name])
        return found

    return run_rows


@pytest.mark.parametrize("kind", ["sentences", "attributes"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_at_medium_asks_for_what_is_recorded(
    page: str, kind: str, build: Path, monkeypatch: pytest.MonkeyPatch
):
    path = shared_data("cub_resnet_fc1000.npz")
    run = recorded(f"cub_resnet_fc1000-{kind}-medium")
    records, asked = {named(r): r for r in run if r["notebook"] == page}, set()
    for module in RUNNING:
        monkeypatch.setattr(f"zslnb.studies.{module}.run_rows", reader(records, asked))
    names: dict[str, Any] = {}
    for cell in jupytext.read(ROOT / "notebooks" / f"{page}.py").cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", ()):
            names.update(benchmark=str(path), semantics=kind, profile="medium")
    assert records
    assert asked == {*records}
