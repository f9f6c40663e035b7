"""The README's generated parts."""

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from zslnb import report
from zslnb.errors import WorkError
from zslnb.results import records
from zslnb.results.deciding import VERDICTS, Verdict
from zslnb.results.statements import Claim, Comparison


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recorded runs, empty yet."""
    monkeypatch.setattr(records, "repository_dir", lambda name: tmp_path)
    return tmp_path


def test_the_pages_say_what_the_records_and_sources_say():
    report.report(report.ReportRequest(check=True))


def test_a_stale_page_is_named_and_left_alone(tmp_path, monkeypatch):
    for page in report.PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text(f"# {page}")
    monkeypatch.setattr(report, "repository_dir", lambda name: tmp_path / name)
    monkeypatch.setattr(report, "filled", lambda page, text: f"{text}, made anew")
    stale = " and ".join([*report.PAGES, report.PICTURE])
    with pytest.raises(WorkError, match=f"{stale}: not up to date"):
        report.report(report.ReportRequest(check=True))
    assert (tmp_path / "README.md").read_text() == "# README.md"


@pytest.mark.parametrize("page", report.PAGES)
def test_a_page_without_its_places_is_refused(page):
    with pytest.raises(ValueError, match=f"{page} needs one place for"):
        report.filled(page, "# no places here")


def test_a_run_that_nobody_recorded_reads_not_measured(results):
    assert report.results_block().count("Not measured") == len(report.TABLES)
    assert report.revcd_block().count("Not measured") == len(report.FROM_IMAGES)
    answers = (3 + 1) * len(report.SHORT_NAMES) + len(report.FROM_IMAGES) + 4
    assert report.answers_block().count("not measured") == answers


@pytest.mark.parametrize("block", [report.results_block, report.revcd_block])
def test_a_run_on_a_papers_benchmark_is_shown_once_it_is_recorded(results, block):
    before = block()
    shutil.copytree(ROOT / "results" / report.AVIARY, results / "cub-full")
    after = block()
    assert "**CUB: " not in before
    assert "with these nobody here has run CUB, SUN, AWA2 yet" in before
    assert after.count("Percent, mean") == 1
    assert "**CUB: " in after
    assert "nobody here has run SUN, AWA2 yet" in after


def test_the_printed_numbers_are_those_of_the_first_table():
    printed = report.revcd_block().split("prints for RevCD")[1]
    rows = {line.split("|")[1].strip(): line.split("|")[2:5] for line in printed.splitlines()[2:]}
    assert [float(cell) for cell in rows["CUB"]] == [87.5, 32.3, 47.2]


def test_answers_come_from_the_records(results):
    h = {"GenZSL": 0.5, "no CDP": 0.4, "no boosting": 0.55, "noise for the referent": 0.5}
    lines = [
        {"row": row, "seed": seed, "order": 0, "table": "T3"}
        | {"scores": {"clean": {"H": h[row] + 0.001 * seed}}}
        for row in h
        for seed in range(3)
    ]
    scores = {"clean": {"H": 0.5}, "peeked": {"H": 0.53}}
    lines.append({"row": "GenZSL", "seed": 0, "table": "T2", "scores": scores})
    (results / report.AVIARY).mkdir()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (results / report.AVIARY / "records.jsonl").write_text(text)
    answered = report.answers_block()
    lines = answered.split("induction that helps?**\n\n")[1].splitlines()
    assert lines[0].startswith("- aviary: **GenZSL** is above **no CDP**: +10.0 points of H")
    assert lines[1].startswith("- aviary: **GenZSL** is below **no boosting**: -5.0")
    assert "do not differ significantly" in lines[2]
    assert lines[3] == "- CUB, sentences: not measured."
    assert "adds +3.0 points" in answered


def test_the_summary_has_both_papers_and_says_what_is_not_measured(results):
    empty = report.summary_block()
    assert all(f"| {row} " in empty for row in ("GenZSL", "RevCD", "means + spread"))
    assert empty.count("n/a") == 6 * len(report.SUMMARISED)
    scores = {"clean": dict.fromkeys(("S", "U", "H", "T1"), 0.5)}
    scores["calibrated"] = {**scores["clean"], "H": 0.625}
    line = {"row": "RevCD · clip_text", "seed": 0, "order": 0, "table": "both", "scores": scores}
    (results / report.AVIARY).mkdir()
    (results / report.AVIARY / "records.jsonl").write_text(json.dumps(line) + "\n")
    (row,) = (line for line in report.summary_block().splitlines() if line.startswith("| RevCD  "))
    assert [cell.strip() for cell in row.split("|")[3:5]] == ["62.5", "50.0"]


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """One made-up claim for each verdict; the last three come first."""
    made = [
        Verdict(
            Claim(
                "revcd", f"W-{n}", f"Says {n}.", "", "CUB", "H", "", "paper", first=max(0, n - 1)
            ),
            word,
            f"reason {n}",
        )
        for n, word in enumerate(VERDICTS)
    ]
    monkeypatch.setattr(report, "_verdicts", lambda: made)
    return made


def test_the_readme_counts_claims_and_names_the_first_three(verdicts):
    counted, *first = report.claims_block().replace("\n\n", "\n").splitlines()
    assert counted.startswith(
        "5 claims of both papers, 4 of them decided: 1 reproduced, 1 direction"
    )
    assert [line.partition(";")[0] for line in first] == [
        "- *Says 2.* (RevCD) **Not reproduced**",
        "- *Says 3.* (RevCD) **Contradicted by the paper's own numbers**",
        "- *Says 4.* (RevCD) **Not measured**",
    ]
    assert first[-1].endswith("; reason 4.")


def test_the_ledger_is_written_in_six_kinds(verdicts, tmp_path, monkeypatch):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    static = ROOT / "docs" / "static"
    at = {"docs": static.parent, report.PICTURE: tmp_path / "claims.svg"}
    monkeypatch.setattr(report, "repository_dir", at.get)
    report.write_ledger()
    texts = [tmp_path / f"ledger.{kind}" for kind in ("html", "md", "csv", "tex")]
    drawn = [tmp_path / "ledger.svg", tmp_path / "ledger.pdf"]
    assert {*tmp_path.iterdir()} == {*texts, *drawn, tmp_path / "claims.svg"}
    assert all(path.read_text().count("Says 3.") == 1 for path in texts)
    assert drawn[0].read_bytes() == (tmp_path / "claims.svg").read_bytes()
    assert report._picture_is_fresh()
    monkeypatch.setattr(report, "fingerprint", lambda verdicts: "another")
    assert not report._picture_is_fresh()


def test_compute_counts_an_experiment_once_though_two_tables_show_it(monkeypatch):
    twice = [{"id": "a", "seconds": 1800.0}, {"id": "a", "seconds": 1800.0}]
    one = report.Run("r", [*twice, {"id": "b", "seconds": 60.0}], {"device": {"name": "chip"}})
    monkeypatch.setattr(report, "recorded_runs", lambda *folder: [] if folder else [one])
    cells = [cell.strip() for cell in report.compute_block().splitlines()[2].split("|")]
    assert cells[1:6] == ["r", "chip", "2", "0.52", "30.0"]


def test_a_speed_up_that_is_never_reached_is_none():
    def curve(row, *scores):
        points = [
            {"seconds": float(n), "steps": n, "samples": n, "H": score}
            for n, score in enumerate(scores, 1)
        ]
        return {"row": row, "seed": 0, "scores": {"curve": points}}

    asked = Comparison("fast", above=1, table="speed", measure="speed-up", against="slow")
    slow = curve("slow", 0.1, 0.2, 0.3, 0.4)
    assert report._speed_ups([slow, curve("fast", 0.3, 0.5)], asked) == {0: 2.0}
    assert report._speed_ups([slow, curve("fast", 0.1, 0.1)], asked) == {0: 0.0}


def test_the_readmes_commands_are_run_in_order_on_a_fresh_clone():
    """By continuous integration, which takes them from a bare machine."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"(?m)^make ([a-z-]+)", text)
    targets = re.search(r"for target in (.*); do", (ROOT / ".ci" / "run").read_text()).group(1)
    assert commands
    assert [target for target in targets.split() if target in commands] == commands


def test_every_notebook_is_on_the_map():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(path.name in text for path in (ROOT / "notebooks").glob("*.ipynb"))
