"""`zslnb.notebook.manifest`: what a run came from, and which may be recorded."""

import json
import shutil

import pytest
from test_reproduce import fake_run

from zslnb.notebook import manifest
from zslnb.notebook.manifest import Outcome, RecordError, past_seconds, record, write_manifest

CLEAN = {"revision": "0" * 40, "clean": True}


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


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"complete": true}', '{"notebooks": []}'])
def test_an_older_or_damaged_manifest_gets_a_sentence(tmp_path, text):
    run = fake_run(tmp_path)
    (run / "manifest.json").write_text(text)
    assert past_seconds(run) == {}
    with pytest.raises(RecordError, match=r"older version. Run the notebooks again"):
        record(run, tmp_path / "results")


def test_records_that_were_set_aside_are_not_left_out_in_silence(tmp_path):
    run = fake_run(tmp_path)
    (run / "records" / "10_a.jsonl").rename(run / "records" / "10_a.jsonl.damaged")
    with pytest.raises(RecordError, match="records of 10_a were damaged, so run it again"):
        record(run, tmp_path / "results")


def bundle_run(tmp_path, sha256: str):
    run = fake_run(tmp_path, benchmark={"name": "mine", "file_sha256": sha256})
    return shutil.copytree(run, tmp_path / f"mine-{sha256[:8]}-words-full")


def test_a_bundles_run_is_recorded_under_the_plain_name_and_replaces_no_other_bundles(tmp_path):
    results = tmp_path / "results"
    first, other = (bundle_run(tmp_path, digit * 64) for digit in "ab")
    for _ in range(2):
        assert record(first, results).name == "mine-words-full"
    with pytest.raises(RecordError, match="mine-words-full is of another file with that name"):
        record(other, results)
