"""`zslnb.notebook.manifest`: what a run came from, and which may be recorded."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from zslnb.errors import RequestError
from zslnb.notebook import crate, manifest
from zslnb.notebook.execute import Outcome
from zslnb.notebook.manifest import past_seconds, record, without_paths, write_manifest

CLEAN = {"revision": "0" * 40, "clean": True}
RUN = "aviary-full"
RECORDED = ROOT / "results"
FACTS = {
    "run": RUN,
    "versions": {"python": "3.11.1", "torch": "2.6.0"},
    "benchmark": {"name": "aviary", "semantics": "words", "sha256": "a" * 64},
    "profile": "full",
    "seeds": [0, 1],
    "device": {"used": "cpu", "name": "a CPU"},
}


@pytest.mark.parametrize(
    ("start", "end", "clean"),
    [
        (CLEAN, CLEAN, True),
        (CLEAN, {**CLEAN, "clean": False}, False),
        (CLEAN, {**CLEAN, "revision": "1" * 40}, False),
        ({**CLEAN, "clean": False}, CLEAN, False),
    ],
)
def test_code_that_changed_during_a_run_is_not_clean(tmp_path, monkeypatch, start, end, clean):
    monkeypatch.setattr(manifest, "git_state", lambda: end)
    write_manifest(tmp_path, {"git": start}, [], 1.0)
    written = json.loads((tmp_path / "manifest.json").read_text())["git"]
    assert written == {"revision": start["revision"], "clean": clean, "at_end": end}


def test_every_benchmark_of_the_notebooks_that_ran_is_named(tmp_path):
    clip, resnet = ({"name": "cub", "features": f, "sha256": f} for f in ("clip", "resnet101"))
    (tmp_path / "made").mkdir()
    for notebook, loaded in {"10_a": [clip], "20_b": [clip, resnet], "21_c": [{"x": 1}]}.items():
        text = json.dumps({"benchmarks": {str(number): b for number, b in enumerate(loaded)}})
        (tmp_path / "made" / f"{notebook}.json").write_text(text)
    ran = [Outcome("10_a", "ran"), Outcome("20_b", "ran"), Outcome("21_c", "failed")]
    write_manifest(tmp_path, {"git": CLEAN}, ran, 1.0)
    assert json.loads((tmp_path / "manifest.json").read_text())["benchmarks"] == [clip, resnet]


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("No file '/data/of/someone/x.npz'.", "No file 'x.npz'."),
        (r"C:\data\x.npz is bad", "x.npz is bad"),
        ("see https://example.org/a/b and/or read it", None),
    ],
)
def test_messages_lose_their_paths(text, without):
    assert without_paths(text) == (without or text)


def fake_run(folder: Path, name: str = RUN, **changes) -> Path:
    """Write a run of two notebooks, beside what is left of one that is gone."""
    ran, skipped = {"notebook": "10_a", "status": "ran"}, {"notebook": "20_b", "status": "skipped"}
    shown = [("results", 1, True), ("detail", 2, False)]
    tables = {table: {"number": n, "headline": headline} for table, n, headline in shown}
    for path, text in {
        "manifest.json": json.dumps(FACTS | {"notebooks": [ran, skipped], "git": CLEAN} | changes),
        "records/10_a.jsonl": '{"id": "x"}\n',
        "records/99_gone.jsonl": '{"id": "y"}\n',
        "made/10_a.json": json.dumps({"tables": tables}),
        "tables/10_a-results.csv": "H\n1\n",
        "tables/10_a-detail.csv": "class\nauk\n",
        "tables/99_gone-results.csv": "H\n2\n",
    }.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text)
    return folder / name


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results, where such a run is recorded."""
    (tmp_path / "results" / RUN).mkdir(parents=True)
    (tmp_path / "results" / RUN / "old.csv").touch()
    return tmp_path / "results"


def test_record_takes_records_and_headlines_and_replaces_the_last(tmp_path, results):
    target = record(fake_run(tmp_path), results)
    names = {path.name for path in target.iterdir()}
    assert names == {"manifest.json", "records.jsonl", "10_a-results.csv", crate.NAME}
    assert {path.name for path in results.iterdir()} == {RUN}
    assert (target / "records.jsonl").read_text() == '{"id": "x"}\n'


def test_a_notebook_that_is_recorded_stays_recorded(tmp_path, results):
    before = {"notebooks": [{"notebook": "14_genzsl_results", "status": "ran"}]}
    (results / RUN / "manifest.json").write_text(json.dumps(before))
    with pytest.raises(RequestError, match="14_genzsl_results would be lost, so run it too"):
        record(fake_run(tmp_path), results)
    assert (results / RUN / "manifest.json").is_file()


def test_a_record_that_cannot_be_written_whole_replaces_nothing(tmp_path, results, monkeypatch):
    def copy(path: Path, folder: Path) -> None:
        if path.suffix == ".csv":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest.shutil, "copy", copy)
    with pytest.raises(OSError, match="No space left"):
        record(fake_run(tmp_path), results)
    assert [path.name for path in results.rglob("*")] == [RUN, "old.csv"]


def test_a_crate_describes_every_file_and_names_nothing_that_it_lacks(tmp_path, results):
    folder = record(fake_run(tmp_path), results)
    described = json.loads((folder / crate.NAME).read_text())["@graph"]
    by_id = {entity["@id"]: entity for entity in described}
    assert len(by_id) == len(described)
    files = {e["@id"]: e["sha256"] for e in described if e["@type"] == "File"}
    there = [path for path in folder.iterdir() if path.name != crate.NAME]
    assert files == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in there}
    assert by_id[crate.NAME]["about"] == {"@id": "./"}
    (run,) = (entity for entity in described if entity["@type"] == "CreateAction")
    assert (
        run["name"] == "zslnb reproduce --benchmark aviary --profile full --seeds 2 --device auto"
    )
    named = re.findall(r'{"@id": "([^"]+)"}', json.dumps([by_id["./"], run]))
    assert {*named} <= by_id.keys()
    assert {by_id[i["@id"]]["name"] for i in run["instrument"]} == {"python", "torch"}


def test_only_what_is_new_to_another_folder_is_kept_where_that_is_asked_for(tmp_path):
    run, more = fake_run(tmp_path), tmp_path / "more"
    target = record(run, tmp_path / "results")
    lines = ['{"id": "x", "seed": 0}\n', '{"id": "y", "seed": 5}\n']
    (target / "records.jsonl").write_text(lines[0])
    (run / "records" / "10_a.jsonl").write_text("".join(lines))
    assert (record(run, more, target.parent) / "records.jsonl").read_text() == lines[1]
    assert (record(run, more) / "records.jsonl").read_text() == "".join(lines)


@pytest.mark.parametrize(
    "of", sorted(RECORDED.rglob("manifest.json")), ids=lambda path: path.parent.name
)
def test_what_is_recorded_is_described_as_it_is(of, tmp_path):
    """Rows that were added later, too: a crate's hashes are what an archive goes by."""
    folder = shutil.copytree(of.parent, tmp_path / of.parent.name)
    manifest.write_crate(folder)
    assert (folder / crate.NAME).read_text() == of.with_name(crate.NAME).read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"git": {"revision": None, "clean": None}}, "not committed"),
        ({"git": {**CLEAN, "clean": False}}, "not committed"),
        ({"notebooks": [{"notebook": "10_a", "status": "timed out"}]}, "10_a timed out"),
    ],
)
def test_record_refuses_a_run_that_nobody_could_repeat(tmp_path, changes, says):
    with pytest.raises(RequestError, match=says):
        record(fake_run(tmp_path, **changes), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_record_needs_a_run(tmp_path):
    with pytest.raises(RequestError, match=r"no run .*make reproduce"):
        record(tmp_path / RUN, tmp_path / "results")


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"complete": true}', '{"notebooks": []}'])
def test_an_older_or_damaged_manifest_gets_a_sentence(tmp_path, text):
    run = fake_run(tmp_path)
    (run / "manifest.json").write_text(text)
    assert past_seconds(run) == {}
    with pytest.raises(RequestError, match=r"older version. Run the notebooks again"):
        record(run, tmp_path / "results")


def test_records_that_were_set_aside_are_not_left_out_in_silence(tmp_path):
    run = fake_run(tmp_path)
    shutil.move(run / "records" / "10_a.jsonl", run / "records" / "10_a.jsonl.damaged")
    with pytest.raises(RequestError, match="records of 10_a were damaged, so run it again"):
        record(run, tmp_path / "results")


def test_a_bundles_run_is_recorded_under_the_plain_name_and_replaces_no_other_bundles(
    tmp_path, results
):
    first, other = (
        fake_run(
            tmp_path,
            f"mine-{8 * digit}-words-full",
            benchmark={**FACTS["benchmark"], "file_sha256": 64 * digit},
        )
        for digit in "ab"
    )
    for _ in range(2):
        assert record(first, results).name == "mine-words-full"
    with pytest.raises(RequestError, match="mine-words-full is of another file with that name"):
        record(other, results)
