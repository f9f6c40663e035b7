"""`zslnb why FILE`: what stands behind a record, a table, a figure, a manifest."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from toys import toy

from zslnb import cli
from zslnb.errors import RequestError
from zslnb.experiments import ESZSLSettings, run
from zslnb.notebook import why
from zslnb.notebook.manifest import command
from zslnb.notebook.why import origin

RESULTS = ROOT / "results"
MANIFEST = {
    "run": "birds-01234567-words-smoke",
    "started": "2026-01-02T03:04:05+00:00",
    "git": {"revision": "a" * 40, "clean": True},
    "versions": {"python": "3.11.1", "torch": "2.6.0"},
    "device": {"used": "cpu", "name": "a CPU"},
    "benchmark": {
        "name": "birds", "semantics": "words", "sha256": "b" * 64, "file_sha256": "01234567" * 8,
    },
    "profile": "smoke",
    "seeds": [0, 1],
    "device_asked": "cpu",
    "notebooks": [
        {"notebook": "10_a", "status": "ran", "reason": ""},
        {"notebook": "20_b", "status": "failed", "reason": "a cell is wrong"},
    ],
}  # fmt: skip
TABLE = "tables/10_a-results.csv"
FILES = {
    TABLE: "H\n0.5\n",
    "figures/20_b-bars.png": "a picture",
    "tables/99_gone-results.csv": "H\n0.1\n",
}


@pytest.fixture
def made(build: Path, monkeypatch) -> Path:
    """The folder of a run of two pages that kept one record, and nothing in `results/`."""
    monkeypatch.setattr(why, "repository_dir", lambda name: build / "nowhere")
    folder = build / MANIFEST["run"]
    record = run("eszsl", toy(), ESZSLSettings(powers=(0, 1)), seed=3) | {"notebook": "10_a"}
    texts = {"manifest.json": json.dumps(MANIFEST), "records.jsonl": json.dumps(record) + "\n"}
    for name, text in (FILES | texts).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_table_has_command_revision_data_seeds_and_versions(made, capsys):
    assert cli.main(["why", str(made / TABLE)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "file      10_a-results.csv, of 10_a",
        "run       birds-01234567-words-smoke, started 2026-01-02T03:04:05+00:00",
        "command   zslnb reproduce --benchmark birds.npz --semantics words --profile smoke "
        "--seeds 2 --device cpu --notebooks 10_a",
        f"revision  {'a' * 40}, all committed",
        f"data      birds, words, sha256 {'b' * 64}, file {'01234567' * 8}",
        "seeds     0, 1",
        "device    cpu (a CPU), ",
        "versions  python 3.11.1, torch 2.6.0",
        "records   1 eszsl",
    ]


def test_a_file_is_traced_wherever_it_was_copied(made, tmp_path):
    copied = tmp_path / "elsewhere.csv"
    shutil.copy(made / TABLE, copied)
    assert origin(copied) == origin(made / TABLE)
    copied.write_text("H\n0.6\n")
    with pytest.raises(RequestError, match=r"'elsewhere\.csv' is no record, no file of a run"):
        origin(copied)


def test_a_record_of_a_run_in_a_folder_of_runs_is_found(made, tmp_path, monkeypatch):
    nested = tmp_path / "results" / "more" / made.name
    shutil.copytree(made, nested)
    (record,) = (made.parent / "records").glob("*.json")
    copied = {path: Path(shutil.copy(path, tmp_path)) for path in (record, nested / TABLE)}
    shutil.rmtree(made)
    monkeypatch.setattr(why, "repository_dir", lambda name: tmp_path / name)
    assert dict(origin(copied[record]))["command"].endswith("--notebooks 10_a")
    assert origin(copied[nested / TABLE]) == origin(nested / TABLE)


def test_a_figure_of_a_page_that_failed_says_so(made):
    facts = dict(origin(made / "figures" / "20_b-bars.png"))
    assert facts["caution"] == "20_b failed: a cell is wrong"
    assert "records" not in facts


def test_what_an_earlier_run_left_is_not_passed_off_as_the_last_ones(made):
    with pytest.raises(RequestError, match=r"manifest does not tell of it.*Run its page again"):
        origin(made / "tables" / "99_gone-results.csv")


def test_a_manifest_is_of_all_pages(made):
    facts = dict(origin(made / "manifest.json"))
    assert facts["file"] == "manifest.json, of the run"
    assert "--notebooks" not in facts["command"]
    changed = MANIFEST | {"git": {"revision": None, "clean": None}}
    (made / "manifest.json").write_text(json.dumps(changed))
    assert dict(origin(made / "manifest.json"))["revision"] == "not known: no git"


def test_a_record_names_its_pages_and_whether_the_code_is_here(made, build):
    (path,) = (build / "records").glob("*.json")
    facts = dict(origin(path))
    assert facts["record"].startswith("eszsl, seed 3, cpu, ")
    assert facts["settings"] == '{"powers": [0, 1]}'
    assert facts["source"].endswith("which is the code here, under the versions here")
    assert facts["command"].endswith("--notebooks 10_a")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"source": "older", "id": "older"}))
    facts = dict(origin(path))
    assert facts["source"] == "older, which is not the code here, or not under the versions here"
    assert facts["command"].startswith("zslnb.experiments.run('eszsl', benchmark, settings, seed=3")


@pytest.mark.parametrize("damage", ["{", "[]", '{"notebooks": []}'])
def test_a_damaged_manifest_is_one_sentence(made, damage, capsys):
    (made / "manifest.json").write_text(damage)
    assert cli.main(["why", str(made / TABLE)]) == 2
    text = capsys.readouterr().err
    assert "it is damaged, or of an older version. Run the notebooks again." in text
    assert text.count("\n") == 1


def test_a_damaged_line_of_records_is_one_sentence(made, capsys):
    (made / "records.jsonl").write_text("{\n")
    assert cli.main(["why", str(made / TABLE)]) == 2
    assert "Line 1 of records.jsonl is damaged" in capsys.readouterr().err


def test_no_file_is_one_sentence(capsys):
    assert cli.main(["why", "nowhere.csv"]) == 2
    assert "There is no file 'nowhere.csv' in " in capsys.readouterr().err


@pytest.mark.parametrize(
    "path",
    sorted(path for path in RESULTS.rglob("*") if path.is_file()),
    ids=lambda p: p.relative_to(RESULTS).as_posix(),
)
def test_everything_in_results_can_be_traced(path):
    facts = dict(origin(path))
    assert len(facts["revision"].split(",")[0]) == 40
    assert facts["run"].startswith(path.parent.name.partition("-")[0])


@pytest.mark.parametrize(
    ("run", "benchmark", "expected"),
    [
        ("cub-clip-text-full", {"name": "cub"}, ["cub", "clip-text"]),
        ("aviary-smoke", {"name": "aviary"}, ["aviary"]),
        ("a_b-0123abcd-smoke", {"name": "a b", "file_sha256": "0123abcdef"}, ["a b.npz"]),
    ],
)
def test_a_command_asks_for_what_the_run_was_asked_for(run, benchmark, expected):
    profile = run.rpartition("-")[2]
    changed = {"run": run, "benchmark": benchmark, "profile": profile}
    words = shlex.split(command(MANIFEST | changed))
    options = dict(zip(words[2:-2:2], words[3:-2:2], strict=True))
    given = [options[name] for name in ("--benchmark", "--semantics") if name in options]
    assert (given, options["--profile"]) == (expected, profile)
