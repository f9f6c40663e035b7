"""`notebook.reproduce`: notebooks that run, fail, quit, die and hang; and inputs that cannot be."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import HEADER, ROOT, tiny_arrays

from zslnb import cli
from zslnb.errors import RequestError
from zslnb.notebook import reproduce
from zslnb.notebook.manifest import RecordError, record, without_paths
from zslnb.notebook.reproduce import expected_seconds, parameters, prepare
from zslnb.notebook.requests import ReproduceRequest
from zslnb.notebook.sources import find_sources

GOOD = """
from zslnb.notebook import desk
here = desk.begin("10_good", benchmark, semantics, profile, seeds, device)

# %%
import pandas as pd
here.keep([{"id": str(seed), "H": 0.5} for seed in here.seeds])
here.table(pd.DataFrame({"H": [0.5]}), "results", "Half.", headline=True)
here.table(pd.DataFrame({"U": [0.25]}), "detail", "A quarter.")
"""
CELLS = {
    "10_good": GOOD,
    "20_fails": "1 / 0",
    "30_quits": "import sys\nsys.exit(0)",
    "40_dies": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "50_images": "raise SystemError('not applicable')",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of five notebooks on a bundle without images: the plan, its report, the folder."""
    folder = tmp_path_factory.mktemp("run")
    for name, cell in CELLS.items():
        needs = "images" if name == "50_images" else "semantics"
        text = HEADER.format(needs=needs) + f"\n# %%\n{cell.strip()}\n\n# %%\nprint('after')\n"
        (folder / f"{name}.py").write_text(text)
    arrays = tiny_arrays()
    np.savez(folder / "names.npz", class_names=arrays["class_names"], words=arrays["words"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZSLNB_BUILD", str(folder / "build"))
        patch.chdir(folder)
        plan = prepare(ReproduceRequest("names.npz", seeds=2, device="cpu", folder=folder))
        printed = io.StringIO()
        reproduce.run(plan, printed)
        reproduce.report(plan, printed)
    return plan, printed.getvalue(), folder


def manifest_of(plan) -> dict:
    return json.loads((plan.run_dir / "manifest.json").read_text())


def test_a_bad_notebook_stops_no_other(finished):
    plan, _, _ = finished
    statuses = {name: outcome.status for name, outcome in plan.outcomes.items()}
    assert statuses == {
        "10_good": "ran",
        "20_fails": "failed",
        "30_quits": "failed",
        "40_dies": "failed",
        "50_images": "skipped",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("20_fails", "ZeroDivisionError: division by zero"),
        ("30_quits", "SystemExit: 0"),
        ("40_dies", "DeadKernelError: Kernel died"),
    ],
)
def test_a_failure_names_its_cell_and_message(finished, name, reason):
    plan, printed, _ = finished
    outcome = plan.outcomes[name]
    assert (outcome.cell, outcome.reason, outcome.cells) == (3, reason, 1)
    assert f"{name} FAILED in cell 3" in printed
    assert reason in printed


def test_what_does_not_apply_is_named_with_its_reason(finished):
    assert "50_images skipped: it needs images, and names has class semantics only." in finished[1]


def test_every_code_cell_of_a_notebook_that_ran_is_counted(finished):
    outcome = finished[0].outcomes["10_good"]
    assert outcome.cells == 4
    assert outcome.seconds > 0
    assert outcome.peak_memory > 1e8


def test_the_report_ends_with_the_headline_and_the_places(finished):
    plan, printed, _ = finished
    assert "|   H |" in printed
    assert "|   U |" not in printed
    for what in ("tables", "notebooks", "manifest.json"):
        assert str(plan.run_dir / what) in printed


def test_the_manifest_says_what_the_results_come_from(finished):
    plan, _, folder = finished
    manifest = manifest_of(plan)
    assert re.fullmatch(r"names-[0-9a-f]{8}-smoke", manifest["run"])
    assert manifest["seeds"] == [0, 1]
    assert manifest["device"]["used"] == "cpu"
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["benchmark"]["sha256"])
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["benchmark"]["file_sha256"])
    assert {"python", "torch", "papermill"} <= set(manifest["versions"])
    assert [run["notebook"] for run in manifest["notebooks"]] == [*CELLS]
    text = json.dumps(manifest)
    assert str(folder) not in text
    assert str(Path.home()) not in text


def test_records_reach_the_run_folder(finished):
    lines = (finished[0].run_dir / "records.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["0", "1"]


def test_the_next_run_expects_what_this_one_took(finished):
    plan, _, _ = finished
    expected = reproduce.past_seconds(plan.run_dir)
    assert expected == {"10_good": plan.outcomes["10_good"].seconds}


def test_a_run_with_failures_is_not_recorded(finished, tmp_path):
    with pytest.raises(RecordError, match="20_fails failed"):
        record(finished[0].run_dir, tmp_path)


def test_a_hanging_notebook_is_stopped_with_its_kernel(build, bundle, write_notebook):
    source = write_notebook("10_hangs", "import time\ntime.sleep(3600)")
    request = ReproduceRequest(str(bundle), device="cpu", folder=source.parent, timeout=5)
    plan = prepare(request)
    (outcome,) = reproduce.run(plan, io.StringIO())
    assert outcome.status == "timed out"
    assert outcome.reason == "stopped after 5 s"
    assert outcome.seconds < 30
    assert not psutil.Process().children(recursive=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_manifest_and_no_process(build, bundle, write_notebook, number):
    write_notebook("10_hangs", "import time\ntime.sleep(3600)")
    folder = write_notebook("20_next", "print(1)").parent
    command = [sys.executable, "-m", "zslnb", "reproduce", "--benchmark", bundle]
    child = subprocess.Popen([*command, "--folder", folder], cwd=ROOT, env=os.environ)
    wait_for(lambda: [*build.glob("tiny-*-smoke/notebooks/10_hangs.ipynb")])
    below = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(number)
    assert child.wait(30) == 130
    _, alive = psutil.wait_procs(below, timeout=10)
    assert below
    assert not alive
    (path,) = build.glob("tiny-*-smoke/manifest.json")
    manifest = json.loads(path.read_text())
    statuses = [run["status"] for run in manifest["notebooks"]]
    assert statuses == ["interrupted", "not run"]


def wait_for(happened, seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "semantic=words"], "Did you mean 'semantics'?"),
        (["-p", "fast=false"], "'fast' is of type bool, as in fast = True; it cannot be 'false'"),
        (["-p", "fast=1"], "it cannot be 1"),
        (["-p", "rate=slow"], "'rate' is of type float"),
        (["-p", "fast"], "NAME=VALUE"),
        (["--benchmark", "avairy"], "Did you mean 'aviary'"),
        (["--benchmark", "nowhere.npz"], "nowhere.npz"),
        (["--semantics", "wrods"], "words"),
        (["--profile", "smok"], "Did you mean 'smoke'?"),
        (["--seeds", "0"], "1 or more"),
        (["--device", "gpu"], "no device 'gpu'"),
        (["--device", "tpu", "--dry-run"], "no device 'tpu'"),
        (["--device", "cpu:"], "no device 'cpu:'"),
        (["--timeout", "0"], "above 0 seconds; it cannot be 0"),
        (["--timeout", "-1", "--dry-run"], "it cannot be -1"),
        (["--timeout", "nan"], "it cannot be nan"),
        (["--notebooks", "11", "--dry-run"], "no notebook '11'"),
        (["--notebooks", "10", "-p", "fast=1", "--dry-run"], "it cannot be 1"),
        (["--notebooks", "11"], "no notebook '11'"),
        (["--notebooks", "10_tpoic"], "Did you mean '10_topic'?"),
    ],
)
def test_a_bad_input_is_one_sentence_and_status_2(
    build, bundle, write_notebook, capsys, arguments, says
):
    source = write_notebook("10_topic", parameters="fast = True\nrate = 0.5\n")
    common = ["--benchmark", str(bundle), "--folder", str(source.parent)]
    assert cli.main(["reproduce", *common, *arguments]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not [*build.rglob("notebooks")]


def test_values_of_the_right_type_are_taken(build, bundle, write_notebook):
    source = write_notebook("10_topic", parameters="fast = True\nrate = 0.5\nwidth = None\n")
    parameter = ("fast=False", "rate=1", "width=3")
    prepare(ReproduceRequest(str(bundle), parameter=parameter, folder=source.parent))


def test_a_bundle_is_found_from_any_folder(build, bundle, write_notebook, monkeypatch):
    folder = write_notebook("10_topic").parent
    monkeypatch.chdir(bundle.parent)
    request = ReproduceRequest("tiny.npz", folder=folder)
    assert parameters(request)["benchmark"] == str(bundle)
    assert prepare(request).benchmark.name == "tiny"


def test_notebooks_are_chosen_by_number_or_name(build, bundle, write_notebook):
    for name in ("10_a", "11_b", "12_c"):
        folder = write_notebook(name).parent
    plan = prepare(ReproduceRequest(str(bundle), notebooks=("12_c", "10"), folder=folder))
    assert [source.name for source in plan.sources] == ["10_a", "12_c"]


def test_only_the_built_in_aviary_is_the_aviary(build, bundle, write_notebook):
    folder = write_notebook("10_drawn", needs="aviary").parent
    plan = prepare(ReproduceRequest(str(bundle), folder=folder))
    assert plan.outcomes["10_drawn"].reason == "needs the built-in aviary"


def test_a_folder_without_notebooks_and_a_header_without_needs(build, bundle, tmp_path):
    with pytest.raises(RequestError, match="no notebook"):
        prepare(ReproduceRequest(str(bundle), folder=tmp_path))
    (tmp_path / "10_bare.py").write_text("# %%\nprint(1)\n")
    with pytest.raises(RequestError, match=r"10_bare\.py: its header must say `zslnb: needs:`"):
        prepare(ReproduceRequest(str(bundle), folder=tmp_path))


def fake_run(folder: Path, **changes) -> Path:
    manifest = {
        "notebooks": [
            {"notebook": "10_a", "status": "ran"},
            {"notebook": "20_b", "status": "skipped"},
        ],
        "complete": True,
        "git": {"revision": "0" * 40, "clean": True},
    }
    for path, text in {
        "manifest.json": json.dumps(manifest | changes),
        "records/10_a.jsonl": '{"id": "x"}\n',
        "records/99_gone.jsonl": '{"id": "y"}\n',
        "made/10_a.json": json.dumps(
            {
                "tables": {
                    "results": {"number": 1, "caption": "", "headline": True},
                    "detail": {"number": 2, "caption": "", "headline": False},
                }
            }
        ),
        "tables/10_a-results.csv": "H\n1\n",
        "tables/10_a-detail.csv": "class\nauk\n",
        "tables/10_a-results.md": "| H |\n",
        "tables/99_gone-results.csv": "H\n2\n",
    }.items():
        (folder / "aviary-full" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "aviary-full" / path).write_text(text)
    return folder / "aviary-full"


def test_record_takes_records_and_headlines_and_replaces_the_last(tmp_path):
    results = tmp_path / "results"
    (results / "aviary-full").mkdir(parents=True)
    (results / "aviary-full" / "old.csv").touch()
    target = record(fake_run(tmp_path), results)
    assert {path.name for path in target.iterdir()} == {
        "manifest.json", "records.jsonl", "10_a-results.csv",
    }  # fmt: skip
    assert (target / "records.jsonl").read_text() == '{"id": "x"}\n'


def test_a_notebook_that_is_recorded_stays_recorded(tmp_path):
    results = tmp_path / "results"
    before = {"notebooks": [{"notebook": "14_genzsl_results", "status": "ran"}]}
    (results / "aviary-full").mkdir(parents=True)
    (results / "aviary-full" / "manifest.json").write_text(json.dumps(before))
    with pytest.raises(RecordError, match="14_genzsl_results would be lost, so run it too"):
        record(fake_run(tmp_path), results)
    assert (results / "aviary-full" / "manifest.json").is_file()


def test_a_run_of_some_notebooks_can_be_recorded(tmp_path):
    run = fake_run(tmp_path)
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    assert (record(run, tmp_path / "results") / "records.jsonl").is_file()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"git": {"revision": None, "clean": None}}, "not committed"),
        ({"git": {"revision": "0" * 40, "clean": False}}, "not committed"),
        ({"notebooks": [{"notebook": "10_a", "status": "timed out"}]}, "10_a timed out"),
    ],
)
def test_record_refuses_a_run_that_nobody_could_repeat(tmp_path, changes, says):
    with pytest.raises(RecordError, match=says):
        record(fake_run(tmp_path, **changes), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_record_needs_a_run(tmp_path):
    with pytest.raises(RecordError, match="no run"):
        record(tmp_path / "aviary-full", tmp_path / "results")


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_terminal_gets_a_bar_and_a_file_gets_lines(build, bundle, write_notebook, stream):
    folder = write_notebook("10_topic").parent
    plan = prepare(ReproduceRequest(str(bundle), device="cpu", folder=folder))
    reproduce.run(plan, stream)
    text = stream.getvalue()
    first = text.splitlines()[0]
    assert first == f"{plan.run_dir.name}: 1 notebook, time not known before a first run here."
    assert re.search(r"\[1/1\] 10_topic ran, 1 cells, \d\d:\d\d, \d\.\d GB at most\n", text)
    assert ("% |" in text) == stream.isatty()
    assert ("[1/1] 10_topic ...\n" in text) != stream.isatty()


def test_a_declared_time_holds_for_the_built_in_benchmark_alone(tmp_path):
    sources = find_sources()[:2]
    known = expected_seconds(sources, tmp_path / "aviary-smoke")
    assert known == {s.name: s.seconds for s in sources}
    assert {*expected_seconds(sources, tmp_path / "cub-full").values()} == {None}


def test_a_dry_run_checks_and_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path / "build"))
    assert cli.main(["reproduce", "--dry-run"]) == 0
    assert re.fullmatch(r"aviary-smoke: \d+ notebooks, about [\d:]+\.\n", capsys.readouterr().out)
    assert cli.main(["reproduce", "--benchmark", "nothing.npz", "--dry-run"]) == 2
    assert "There is no bundle 'nothing.npz'" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_a_failed_notebook_is_status_1_and_named(build, bundle, write_notebook, capsys):
    folder = write_notebook("10_fails", "1 / 0").parent
    options = ["--benchmark", str(bundle), "--folder", str(folder), "--device", "cpu"]
    assert cli.main(["reproduce", *options]) == 1
    assert capsys.readouterr().err == "zslnb: 1 of 1 failed: 10_fails.\n"


KERNEL = {"argv": ["/usr/bin/false", "-f", "{connection_file}"], "display_name": "Another Python"}


def test_the_kernel_is_this_interpreters_whatever_jupyter_finds(
    build, bundle, write_notebook, tmp_path, monkeypatch
):
    """On clusters JUPYTER_PATH may hold a python3 kernel of another Python."""
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(json.dumps(KERNEL | {"language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    source = write_notebook("10_topic", f"import sys\nassert sys.executable == {sys.executable!r}")
    plan = prepare(ReproduceRequest(str(bundle), device="cpu", folder=source.parent))
    (outcome,) = reproduce.run(plan, io.StringIO())
    assert outcome.status == "ran", outcome.reason
