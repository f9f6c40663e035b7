"""The README's generated parts."""

import json
import shutil

import pytest

from zslnb import report
from zslnb.errors import WorkError
from zslnb.files import repository_root


def test_the_pages_say_what_the_records_and_sources_say():
    report.report(report.ReportRequest(check=True))


def test_a_stale_page_is_named_and_left_alone(tmp_path, monkeypatch):
    for page in report.PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text(f"# {page}")
    monkeypatch.setattr(report, "repository_root", lambda: tmp_path)
    monkeypatch.setattr(report, "filled", lambda page, text: f"{text}, made anew")
    with pytest.raises(WorkError, match=r"README\.md and docs/data\.md: not up to date"):
        report.report(report.ReportRequest(check=True))
    assert (tmp_path / "README.md").read_text() == "# README.md"


@pytest.mark.parametrize("page", report.PAGES)
def test_a_page_without_its_places_is_refused(page):
    with pytest.raises(ValueError, match=f"{page} needs one place for"):
        report.filled(page, "# no places here")


def test_a_run_that_nobody_recorded_reads_not_measured(tmp_path):
    assert report.results_block(tmp_path).count("Not measured") == len(report.TABLES)
    assert report.revcd_block(tmp_path).count("Not measured") == len(report.FROM_IMAGES)


def test_a_run_on_a_papers_benchmark_is_shown_once_it_is_recorded(tmp_path):
    recorded = repository_root() / "results" / report.AVIARY
    shutil.copytree(recorded, tmp_path / "cub-full")
    for block in (report.results_block, report.revcd_block):
        before, after = block(), block(tmp_path)
        assert "**CUB: " not in before
        assert "with these nobody here has run CUB, SUN, AWA2 yet" in before
        assert after.count("Percent, mean") == 1
        assert "**CUB: " in after
        assert "nobody here has run SUN, AWA2 yet" in after


def test_the_printed_numbers_are_those_of_the_first_table():
    printed = report.revcd_block().split("prints for RevCD")[1]
    rows = {line.split("|")[1].strip(): line.split("|")[2:5] for line in printed.splitlines()[2:]}
    assert [float(cell) for cell in rows["CUB"]] == [87.5, 32.3, 47.2]


def test_questions_without_records_are_not_answered(tmp_path):
    text = report.answers_block(tmp_path)
    assert (
        text.count("not measured") == 2 * len(report.QUESTIONS) + 2 + 3 * len(report.OF_REVCD) + 2
    )


def test_answers_come_from_the_records(tmp_path):
    run = tmp_path / report.AVIARY
    run.mkdir()
    rows = dict.fromkeys(
        row for pairs in report.QUESTIONS.values() for pair in pairs for row in pair[:2]
    )
    records = [
        {"id": f"{row}{seed}", "row": row, "seed": seed, "order": 0, "table": "T3"}
        | {"scores": {"clean": {"H": 0.5 + 0.01 * (row == "GenZSL") + 0.001 * seed}}}
        for row in rows
        for seed in range(3)
    ]
    scores = {"clean": {"H": 0.5}, "peeked": {"H": 0.53}}
    records.append({"id": "t2", "row": "GenZSL", "seed": 0, "table": "T2", "scores": scores})
    (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    text = report.answers_block(tmp_path)
    assert "aviary: **GenZSL** is above **no CDP**: +1.0 points" in text
    assert "adds +3.0 points" in text


def test_every_notebook_is_on_the_map():
    text = (repository_root() / "README.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in (repository_root() / "notebooks").glob("*.ipynb"))
