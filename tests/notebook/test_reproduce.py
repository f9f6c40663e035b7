"""`notebook.reproduce`: notebooks that run, fail, quit, die and hang; and inputs that cannot be."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from conftest import ROOT
from shared import HEADER, tiny_arrays
from toys import toy

from zslnb import cli
from zslnb.datasets import load
from zslnb.errors import RequestError
from zslnb.experiments import run
from zslnb.notebook import reproduce
from zslnb.notebook.execute import FOR_MEMORY
from zslnb.notebook.manifest import past_seconds, record
from zslnb.notebook.reproduce import check_parameters, expected_seconds, parameters, prepare
from zslnb.notebook.requests import ReproduceRequest
from zslnb.notebook.sources import find_sources, read_source

GOOD = """
from zslnb.notebook import desk
here = desk.begin("10_good", benchmark, semantics, profile, seeds, device)

# %%
import pandas as pd
here.keep([{"id": str(seed), "H": 0.5} for seed in here.seeds])
here.table(pd.DataFrame({"H": [0.5]}), "results", "Half.", headline=True)
here.table(pd.DataFrame({"U": [0.25]}), "detail", "A quarter.")

# %%
import matplotlib.pyplot as plt
from zslnb.studies.study import Drawn
here.figure(Drawn("empty", plt.figure(figsize=(1, 1)), "Nothing.", alt="An empty figure."))
"""
CELLS = {
    "10_good": GOOD,
    "20_fails": "1 / 0",
    "30_quits": "import sys\nsys.exit(0)",
    "40_dies": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "50_images": "raise SystemError('not applicable')",
}


HANGS = "import time\ntime.sleep(3600)"


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
        with redirect_stdout(printed):
            reproduce.report(plan)
    return plan, printed.getvalue(), folder


@pytest.fixture
def small(build, bundle, write_notebook):
    """Prepare a request for one notebook, on a tiny bundle and the CPU."""

    def plan_of(name: str, cell: str = "print(1)", needs: str = "semantics", **options):
        folder = write_notebook(name, cell, needs=needs).parent
        return prepare(ReproduceRequest(str(bundle), device="cpu", folder=folder, **options))

    return plan_of


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("10_good", "ran", ""),
        ("20_fails", "failed", "ZeroDivisionError: division by zero"),
        ("30_quits", "failed", "SystemExit: 0"),
        ("40_dies", "killed", FOR_MEMORY),
        ("50_images", "skipped", "needs images, and names has class semantics only"),
    ],
)
def test_a_bad_notebook_stops_no_other_and_is_named_with_its_cell(finished, name, status, reason):
    plan, printed, _ = finished
    outcome = plan.outcomes[name]
    assert (outcome.status, outcome.reason) == (status, reason)
    assert reason in printed
    if status in ("failed", "killed"):
        assert (outcome.cell, outcome.cells) == (3, 1)
        assert f"{name} {status.upper()} in cell 3" in printed


def test_every_code_cell_of_a_notebook_that_ran_is_counted(finished):
    outcome = finished[0].outcomes["10_good"]
    assert outcome.cells == 5
    assert outcome.seconds > 0
    assert outcome.peak_memory > 1e8
    assert past_seconds(finished[0].run_dir) == {"10_good": outcome.seconds}


def test_the_report_ends_with_the_headline_and_the_places(finished):
    plan, printed, _ = finished
    assert "|   H |" in printed
    assert "|   U |" not in printed
    for what in ("tables", "notebooks", "manifest.json"):
        assert str(plan.run_dir / what) in printed


def test_the_manifest_says_what_the_results_come_from(finished, tmp_path):
    plan, _, folder = finished
    text = (plan.run_dir / "manifest.json").read_text()
    manifest = json.loads(text)
    assert re.fullmatch(r"names-[0-9a-f]{8}-smoke", manifest["run"])
    assert manifest["seeds"] == [0, 1]
    assert manifest["device"]["used"] == "cpu"
    for name in ("sha256", "file_sha256"):
        assert re.fullmatch(r"[0-9a-f]{64}", manifest["benchmark"][name])
    assert {"python", "torch", "papermill"} <= set(manifest["versions"])
    assert [run["notebook"] for run in manifest["notebooks"]] == [*CELLS]
    assert str(folder) not in text
    assert str(Path.home()) not in text
    with pytest.raises(RequestError, match="20_fails failed"):
        record(plan.run_dir, tmp_path)


def test_figures_are_stored_as_vectors_too(finished):
    stored = {path.name for path in (finished[0].run_dir / "figures").iterdir()}
    assert stored == {f"10_good-empty.{ending}" for ending in ("png", "svg", "pdf")}


def test_records_reach_the_run_folder(finished):
    lines = (finished[0].run_dir / "records.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["0", "1"]


def test_a_hanging_notebook_is_stopped_with_its_kernel(small):
    (outcome,) = reproduce.run(small("10_hangs", HANGS, timeout=5), io.StringIO())
    assert outcome.status == "timed out"
    assert outcome.reason == "stopped after 5 s; --timeout gives it longer"
    assert outcome.seconds < 30
    left = psutil.Process().children()  # the server that pages are forked from, if anything
    assert not [below for process in left for below in process.children()]


@pytest.mark.slow  # a command and a server of pages import everything anew
@pytest.mark.parametrize(
    ("number", "at_once", "left"),
    [
        (signal.SIGINT, "1", ["interrupted", "not run"]),
        (signal.SIGTERM, "2", ["interrupted", "interrupted"]),
    ],
)
def test_a_signal_leaves_a_manifest_and_no_process(
    build, bundle, write_notebook, number, at_once, left
):
    write_notebook("10_hangs", HANGS)
    folder = write_notebook("20_next", HANGS).parent
    command = [sys.executable, "-m", "zslnb", "reproduce", "--benchmark", bundle]
    options = ["--folder", folder, "--at-once", at_once, "--device", "cpu"]
    child = subprocess.Popen([*command, *options], cwd=ROOT, env=os.environ)
    end = time.monotonic() + 180
    while len([*build.glob("tiny-*-smoke/notebooks/*.ipynb")]) < int(at_once):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    below = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(number)
    assert child.wait(30) == 130
    _, alive = psutil.wait_procs(below, timeout=60)
    assert below
    assert not alive
    (path,) = build.glob("tiny-*-smoke/manifest.json")
    statuses = [run["status"] for run in json.loads(path.read_text())["notebooks"]]
    assert statuses == left


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--benchmark", "avairy"], "Did you mean 'aviary'"),
        (["--benchmark", "nowhere.npz"], "There is no bundle"),
        (["--semantics", "wrods"], "words"),
        (["--profile", "smok"], "Did you mean 'smoke'?"),
        (["--seeds", "0"], "1 or more"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--device", "cpu:"], "no device 'cpu:'"),
        (["--timeout", "0"], "above 0 seconds; it cannot be 0"),
        (["--timeout", "-1"], "it cannot be -1"),
        (["--timeout", "nan"], "it cannot be nan"),
        (["--notebooks", "11"], "no notebook '11'"),
        (["--notebooks", "10_tpoic"], "Did you mean '10_topic'?"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_bad_input_is_one_sentence_and_status_2(
    build, bundle, write_notebook, capsys, arguments, says, dry
):
    source = write_notebook("10_topic")
    common = ["--benchmark", str(bundle), "--folder", str(source.parent)]
    assert cli.main(["reproduce", *common, *arguments, *dry]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not [*build.rglob("notebooks")]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"semantic": "words"}, "Did you mean 'semantics'?"),
        ({"fast": "false"}, "'fast' is of type bool, as in fast = True; it cannot be 'false'"),
        ({"fast": 1}, "it cannot be 1"),
        ({"rate": "slow"}, "'rate' is of type float"),
    ],
)
def test_what_a_notebook_is_given_must_fit_its_parameters(write_notebook, values, says):
    parameters = "fast = True\nrate = 0.5\nwidth = None\n"
    source = read_source(write_notebook("10_topic", parameters=parameters))
    check_parameters(source, {"fast": False, "rate": 1, "width": 3})
    with pytest.raises(RequestError, match=re.escape(says)):
        check_parameters(source, values)


def test_a_bundle_is_taken_from_any_folder(build, bundle, write_notebook, monkeypatch):
    source = write_notebook("10_topic")
    monkeypatch.chdir(bundle.parent)
    request = ReproduceRequest("tiny.npz", folder=source.parent)
    assert parameters(request)["benchmark"] == str(bundle)
    assert prepare(request).benchmark.name == "tiny"


def test_notebooks_are_chosen_by_number_or_name(small):
    for name in ("10_a", "11_b"):
        small(name)
    assert [s.name for s in small("12_c", notebooks=("12_c", "10")).sources] == ["10_a", "12_c"]


def test_a_folder_without_notebooks_and_a_header_without_needs(build, bundle, tmp_path):
    with pytest.raises(RequestError, match="no notebook"):
        prepare(ReproduceRequest(str(bundle), folder=tmp_path))
    (tmp_path / "10_bare.py").write_text("# %%\nprint(1)\n")
    with pytest.raises(RequestError, match=r"10_bare\.py: its header must say `zslnb: needs:`"):
        prepare(ReproduceRequest(str(bundle), folder=tmp_path))


def test_too_little_to_hold_out_is_told_before_anything_starts(build, bundle, tmp_path):
    """A class with one training image ended every page that chooses, at its validation split."""
    lonely = tiny_arrays() | {"trainval_idx": np.r_[0:1, 6:10]}
    np.savez(tmp_path / "lonely.npz", **lonely)
    plan = prepare(ReproduceRequest(str(tmp_path / "lonely.npz"), notebooks=("01", "14", "24")))
    assert not plan.sources
    assert {outcome.reason for outcome in plan.outcomes.values()} >= {
        "needs at least 2 training images of each seen class, and lonely has 1"
    }


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar(small):
    plan, stream = small("10_topic"), Terminal()
    reproduce.run(plan, stream)
    text = stream.getvalue()
    first = text.splitlines()[0]
    assert first == f"{plan.run_dir.name}: 1 notebook, time not known before a first run here."
    assert re.search(r"\[1/1\] 10_topic ran, 2 cells, \d\d:\d\d, \d\.\d GB at most\n", text)
    assert "% |" in text
    assert "1 of 1 done, 0 running, 0 failed" in text
    assert "..." not in text


def test_a_file_gets_lines(finished):
    plan, text, _ = finished
    first = text.splitlines()[0]
    assert first == f"{plan.run_dir.name}: 4 notebooks, time not known before a first run here."
    assert "[1/4] 10_good ...\n" in text
    assert re.search(r"\[1/4\] 10_good ran, 5 cells, \d\d:\d\d, \d\.\d GB at most\n", text)
    assert re.search(r"\n\d of 4 done, \d running, \d failed, about \d\d:\d\d to go\n", text)
    assert "[4/4] 40_dies once more, alone ...\n" in text
    assert "% |" not in text


def test_a_declared_time_holds_for_the_built_in_benchmark_alone(tmp_path):
    sources = find_sources()[:2]
    known = expected_seconds(sources, tmp_path / "aviary-smoke")
    assert known == {s.name: s.seconds for s in sources}
    assert {*expected_seconds(sources, tmp_path / "cub-full").values()} == {None}


@pytest.mark.parametrize(
    ("device", "asked", "pages", "cores", "memory", "expected"),
    [
        ("cpu", None, 13, 2, 16e9, 2),
        ("cpu", None, 13, 64, 500e9, 4),
        ("cpu", None, 13, 8, 3.2e9, 2),
        ("cpu", None, 13, 8, 1e9, 1),
        ("cpu", None, 1, 8, 16e9, 1),  # so that it has all cores
        ("cpu", 6, 13, 2, 16e9, 6),
        ("cuda", None, 13, 16, 100e9, 1),  # experiments share the GPU already
    ],
)
def test_how_many_notebooks_run_at_once(monkeypatch, device, asked, pages, cores, memory, expected):
    monkeypatch.setattr(reproduce, "choose_device", torch.device)
    monkeypatch.setattr(reproduce.joblib, "cpu_count", lambda: cores)
    available = SimpleNamespace(available=memory)
    monkeypatch.setattr(reproduce.psutil, "virtual_memory", lambda: available)
    request = ReproduceRequest(device=device, at_once=asked)
    assert reproduce.pages_at_once(request, pages) == expected


@pytest.mark.parametrize(
    ("jobs", "pages", "set_before", "at_once", "each"),
    [
        (None, 1, {}, 1, {}),
        (None, 9, {}, 4, {"ZSLNB_JOBS": "2", "OMP_NUM_THREADS": "2"}),
        (None, 9, {"ZSLNB_JOBS": "7"}, 4, {"ZSLNB_JOBS": "7", "OMP_NUM_THREADS": "2"}),
        (1, 9, {}, 1, {"ZSLNB_JOBS": "1"}),
        (2, 9, {}, 2, {"ZSLNB_JOBS": "1", "OMP_NUM_THREADS": "1"}),
        (6, 2, {}, 2, {"ZSLNB_JOBS": "3", "OMP_NUM_THREADS": "3"}),
        (2, 1, {"ZSLNB_JOBS": "7"}, 1, {"ZSLNB_JOBS": "2"}),  # what is asked for goes first
    ],
)
def test_jobs_are_shared_out_among_the_notebooks(
    monkeypatch, tmp_path, jobs, pages, set_before, at_once, each
):
    for name in ("ZSLNB_JOBS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_before.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(reproduce.joblib, "cpu_count", lambda: 8)
    available = SimpleNamespace(available=99e9)
    monkeypatch.setattr(reproduce.psutil, "virtual_memory", lambda: available)
    request = ReproduceRequest(device="cpu", jobs=jobs)
    assert reproduce.pages_at_once(request, pages) == at_once
    plan = reproduce.Plan(request, toy(), [], {}, tmp_path / "run")
    env = reproduce._environment(plan, at_once)
    assert {
        name: env[name] for name in env if not name.startswith("ZSLNB_") or "JOBS" in name
    } == each


ONCE = """
import os
from pathlib import Path
import joblib
again = Path("once").exists()
Path("once").touch()
if again:
    assert os.environ["ZSLNB_JOBS"] == "1"
"""


KERNEL_DIES = "os.kill(os.getpid(), 9)"
WORKER_DIES = """joblib.Parallel(2)(
        joblib.delayed(eval)("__import__('os').kill(__import__('os').getpid(), 9)") for _ in "12"
    )"""


@pytest.mark.parametrize("dies", [KERNEL_DIES, WORKER_DIES], ids=["kernel", "worker"])
def test_what_memory_did_not_suffice_for_runs_again_alone(small, dies):
    stream = io.StringIO()
    (outcome,) = reproduce.run(small("10_once", f"{ONCE}else:\n    {dies}"), stream)
    assert outcome.status == "ran", outcome.reason
    assert "KILLED in cell 3 " in stream.getvalue()
    assert FOR_MEMORY in stream.getvalue()
    assert "[1/1] 10_once once more, alone ...\n" in stream.getvalue()


def test_force_computes_anew_and_keeps_what_there_was_until_then(
    build, bundle, write_notebook, capsys
):
    cell = """
from zslnb.experiments import run
record = run("eszsl", __import__("zslnb").load(benchmark))
FAILS
"""
    record = run("eszsl", load(bundle))
    (path,) = (build / "records").glob("*.json")
    path.write_text(json.dumps(record | {"seconds": "of the first time"}))
    options = ["--benchmark", str(bundle), "--device", "cpu", "--force", "--folder"]
    for ending, status in (("1 / 0", 1), ("", 0)):
        folder = write_notebook("10_topic", cell.replace("FAILS", ending)).parent
        assert cli.main(["reproduce", *options, str(folder)]) == status
        forced = [*(build / "forced").glob("*/records/*.json")]
        first = json.loads(path.read_text())["seconds"] == "of the first time"
        assert (len(forced), first) == (status, bool(status))
    assert json.loads(path.read_text())["scores"] == record["scores"]


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path):
    host, dead = socket.gethostname(), 2**22 + 1  # above the largest process id
    others = [f".a.json.{host}-{os.getpid()}-1.part", f".a.json.elsewhere-{dead}-1.part", "a.json"]
    for name in [*others, f".a.json.{host}-{dead}-1.part"]:
        (tmp_path / "records").mkdir(exist_ok=True)
        (tmp_path / "records" / name).touch()
    (tmp_path / f"benchmark-{host}-{dead}-abc" / "inner").mkdir(parents=True)
    reproduce.tidy(tmp_path, tmp_path / "run")
    assert {path.name for path in (tmp_path / "records").iterdir()} == {*others}
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_new_records_do_not_go_where_they_are_to_be_new(capsys):
    assert cli.main(["record", "--new"]) == 2
    assert "name it by --results" in capsys.readouterr().err


def test_of_all_benchmarks_those_that_can_be_are_recorded(monkeypatch, capsys, tmp_path):
    def load_if_here(request):
        if request.benchmark == "cub":
            raise FileNotFoundError("There are no data of cub.")
        return None, tmp_path / request.benchmark

    monkeypatch.setattr(reproduce, "_load", load_if_here)
    monkeypatch.setattr(reproduce, "record", lambda folder, results, beside: folder)
    assert cli.main(["record", "--benchmark", "all"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "Recorded in results/sun.\nRecorded in results/awa2.\n"
    assert printed.err == (
        "zslnb: cub: There are no data of cub.\nzslnb: cub could not be recorded, as said above.\n"
    )
    assert cli.main(["record", "--benchmark", "cub"]) == 2


def test_none_at_once_is_refused(capsys):
    assert cli.main(["reproduce", "--at-once", "0", "--dry-run"]) == 2
    assert "At least one notebook runs at once, not 0." in capsys.readouterr().err
    assert cli.main(["reproduce", "--jobs", "0", "--dry-run"]) == 2
    assert "At least one process computes, not 0." in capsys.readouterr().err


def test_a_notebook_that_cannot_start_stops_none_of_the_others(
    build, bundle, write_notebook, monkeypatch
):
    write_notebook("10_lost", "1")
    folder = write_notebook("20_next", "1").parent
    execute = reproduce.execute

    def on_full_disk(source, *args, **options):
        if source.name == "10_lost":
            raise OSError("No space left on device")
        return execute(source, *args, **options)

    monkeypatch.setattr(reproduce, "execute", on_full_disk)
    plan = prepare(ReproduceRequest(str(bundle), device="cpu", folder=folder))
    lost, following = reproduce.run(plan, io.StringIO())
    assert (lost.status, lost.reason) == ("failed", "No space left on device")
    assert following.status == "ran"


def test_a_dry_run_runs_nothing(build, capsys):
    assert cli.main(["reproduce", "--dry-run"]) == 0
    assert re.fullmatch(r"aviary-smoke: \d+ notebooks, about [\d:]+\.\n", capsys.readouterr().out)
    assert not build.exists()


def test_a_failed_notebook_is_status_1_and_named(
    build, bundle, write_notebook, capsys, monkeypatch
):
    def fail(source, folder, outcome, **options):  # as the notebooks of `finished` really do
        outcome.status = "failed"

    monkeypatch.setattr(reproduce, "execute", fail)
    folder = write_notebook("10_fails", "1 / 0").parent
    options = ["--benchmark", str(bundle), "--folder", str(folder), "--device", "cpu"]
    assert cli.main(["reproduce", *options]) == 1
    assert capsys.readouterr().err == "zslnb: 1 of 1 failed: 10_fails.\n"


KERNEL = {"argv": ["/usr/bin/false", "-f", "{connection_file}"], "display_name": "Another Python"}


def test_a_page_has_threads_environment_and_plots_of_its_own(small, monkeypatch):
    """On Linux its process is forked from one that has torch and matplotlib already."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1,2")
    cell = """
import os
import matplotlib.pyplot as plt
import torch
assert torch.get_num_threads() == 1
assert os.getpgrp() == os.getpid() and "ZSLNB_BUILD" in os.environ
plt.plot([0, 1])
"""
    plan = small("10_plots", cell)
    (outcome,) = reproduce.run(plan, io.StringIO())
    assert outcome.status == "ran", outcome.reason
    notebook = (plan.run_dir / "notebooks" / "10_plots.ipynb").read_text()
    assert '"image/png"' in notebook


def test_the_kernel_is_this_interpreters_whatever_jupyter_finds(small, tmp_path, monkeypatch):
    """On clusters JUPYTER_PATH may hold a python3 kernel of another Python."""
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(json.dumps(KERNEL | {"language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    plan = small("10_topic", f"import sys\nassert sys.executable == {sys.executable!r}")
    (outcome,) = reproduce.run(plan, io.StringIO())
    assert outcome.status == "ran", outcome.reason
