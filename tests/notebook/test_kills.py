"""Runs that are killed, damaged, doubled or out of disk end as if nothing had been."""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import psutil
import pytest
import runner
from conftest import ROOT
from shared import HEADER
from toys import QUICK, toy

from zslnb.experiments import ESZSLSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone"),
]

VICTIMS = ("runner", "page", "kernel")
PATIENCE = 300  # seconds for one run, on a machine that does much else
ROUNDS, KILLS = 11, 3  # a round is a build folder
PAGE = f"""
from zslnb.notebook import desk
here = desk.begin("NAME", benchmark, semantics, profile, seeds, device)

# %%
import pandas as pd
from zslnb.experiments import ESZSLSettings, run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.protocol import ClassifierSettings
rows = {{"plain": ("clip", None), "ESZSL": ("eszsl", {ESZSLSettings(powers=(0, 1))!r})}}
rows["GenZSL"] = ("genzsl", {QUICK!r})
records = run_rows(rows, here.benchmark, here.seeds, here.device, table="NAME")
here.keep(records)
here.table(pd.DataFrame([r["scores"]["clean"] for r in records]), "results", "All.", headline=True)
"""


class Jobs:
    """A small set of jobs: two pages that share six experiments, in a folder of its own."""

    def __init__(self, folder: Path, page: str = PAGE) -> None:
        self.folder, b = folder, toy()
        splits = {"trainval": b.train_idx, "test_seen": b.test_seen_idx}
        splits["test_unseen"] = b.test_unseen_idx
        np.savez(
            folder / "toy.npz",
            features=b.features,
            labels=b.labels,
            class_names=np.array(b.class_names),
            words=b.semantics,
            val_classes=b.val_classes,
            **{f"{name}_idx": idx for name, idx in splits.items()},
        )
        for name in ("10_a", "20_b"):
            text = HEADER.format(needs="semantics") + "\n# %%" + page.replace("NAME", name)
            (folder / f"{name}.py").write_text(text)

    def arguments(self) -> list[str]:
        """The command line, without the command's name, that runs the pages."""
        words = ["reproduce", "--benchmark", self.folder / "toy.npz", "--folder", self.folder]
        return [*map(str, words), "--seeds", "2", "--device", "cpu", "--at-once", "2"]

    def start(self, build: Path) -> BaseProcess:
        """Start a run of the pages, as a process."""
        env = {"ZSLNB_BUILD": str(build), "ZSLNB_JOBS": "1", "ZSLNB_RUNS": ""}
        return runner.start(self.arguments(), env, self.folder / "log.txt")


def alive() -> list[psutil.Process]:
    """Processes that were forked for runs, and what these started."""
    return psutil.Process(runner.server()).children(recursive=True)


def kept(build: Path) -> dict[str, object]:
    """All that a run leaves: records, models, tables; how long something took aside."""
    left: dict[str, object] = {}
    for path in sorted(build.rglob("*")):
        name = str(path.relative_to(build))
        if path.suffix == ".json" and path.parent.name == "records":
            left[name] = {**json.loads(path.read_text()), "seconds": None}
        elif path.suffix == ".jsonl":
            lines = map(json.loads, path.read_text().splitlines())
            left[name] = [{**line, "seconds": None} for line in lines]
        elif path.suffix in (".csv", ".md", ".safetensors"):
            left[name] = path.read_bytes()
        elif path.name == "manifest.json":
            pages = json.loads(path.read_text())["notebooks"]
            left[name] = [(o["notebook"], o["status"], o["cells"]) for o in pages]
        elif path.is_file() and path.suffix not in (".ipynb", ".lock", ".log"):
            left[name] = "something else" if path.parent.name != "made" else path.read_text()
    return left


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> Jobs:
    return Jobs(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def undisturbed(jobs) -> tuple[dict[str, object], float]:
    """What a run leaves that nobody touches, and how long it takes; the first starts the server."""
    for build in (jobs.folder / "first", jobs.folder / "undisturbed"):
        start = time.monotonic()
        finish(jobs, build)
    return kept(build), time.monotonic() - start


def printed(jobs: Jobs) -> str:
    """All that runs of these jobs have printed."""
    return (jobs.folder / "log.txt").read_text()


def finish(jobs: Jobs, build: Path) -> None:
    """Run to the end, and see that nothing is left running."""
    process = jobs.start(build)
    process.join(PATIENCE)
    assert process.exitcode == 0, printed(jobs)
    assert all_end()


def all_end() -> bool:
    """Wait until no process of a run is left, for a minute at most."""
    return not psutil.wait_procs(alive(), timeout=60)[1]


def family(process: BaseProcess) -> Iterator[tuple[str, psutil.Process]]:
    """Name the processes of a run: the runner, its pages, their kernels."""
    for first in psutil.Process(runner.server()).children():
        yield ("runner" if first.pid == process.pid else "page"), first
        if first.pid != process.pid:
            yield from (("kernel", kernel) for kernel in first.children())


@pytest.mark.parametrize("number", range(ROUNDS))
def test_jobs_that_were_killed_again_and_again_end_as_if_they_were_not(jobs, undisturbed, number):
    """Three runs in a build folder are disturbed, and the fourth is not."""
    expected, seconds = undisturbed
    chance, build, killed = random.Random(number), jobs.folder / f"round{number}", 0
    while killed < KILLS:
        victim = VICTIMS[(number + killed) % len(VICTIMS)]
        process = jobs.start(build)
        time.sleep(chance.uniform(0, 0.9 * seconds))
        killed += kill(victim, process, chance)
        process.join(PATIENCE)
        assert all_end(), f"a {victim} was killed, and others outlived the run"
    finish(jobs, build)
    assert kept(build) == expected
    shutil.rmtree(build)


def kill(victim: str, process: BaseProcess, chance: random.Random) -> bool:
    """Kill one of a run's processes as soon as there is one; False if the run is over before."""
    while process.is_alive():
        try:
            chance.choice([p for name, p in family(process) if name == victim]).kill()
        except (IndexError, psutil.NoSuchProcess):
            time.sleep(0.01)
        else:
            return True
    return False


def test_nothing_outlives_a_runner_that_was_killed(tmp_path):
    """An orphan page would work beside the next run's, on the same files."""
    build = tmp_path / "build"
    process = Jobs(tmp_path, "\nimport time\ntime.sleep(3600)\n").start(build)
    while len([*build.glob("toy-*/notebooks/*.ipynb")]) < 2:
        assert process.is_alive()
        time.sleep(0.1)
    working = alive()
    assert len(working) >= 5  # the runner, two pages, two kernels
    process.kill()
    process.join(PATIENCE)
    assert all_end()


def test_two_runners_at_once_go_one_after_the_other(jobs, undisturbed):
    build = jobs.folder / "two"
    both = [jobs.start(build), jobs.start(build)]
    for process in both:
        process.join(PATIENCE)
        assert process.exitcode == 0, printed(jobs)
    assert "Another run is at toy-" in printed(jobs)
    assert kept(build) == undisturbed[0]


def test_whatever_was_cut_in_half_is_made_again(jobs, undisturbed):
    build = jobs.folder / "halves"
    shutil.copytree(jobs.folder / "undisturbed", build)
    files = [path for path in build.rglob("*.*") if path.is_file() and path.suffix != ".lock"]
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert {path.parent.name for path in files} >= {"records", "models", "made", "tables"}
    finish(jobs, build)
    assert kept(build) == undisturbed[0]


@pytest.mark.parametrize("moment", [0, 4e9], ids=["1970", "2096"])
def test_a_clock_that_jumps_loses_nothing(jobs, undisturbed, moment):
    """What was made in another age of the clock is neither old nor unborn."""
    build = jobs.folder / f"clock{moment}"
    shutil.copytree(jobs.folder / "undisturbed", build)
    for path in build.rglob("*"):
        os.utime(path, (moment, moment))
    finish(jobs, build)
    assert kept(build) == undisturbed[0]
    assert {path.stat().st_mtime for path in build.glob("records/*.json")} == {moment}


def in_a_world_of_its_own(script: str, build: Path) -> str:
    """Run a script that may mount what it likes, and return what it prints."""
    command = ["unshare", "--map-root-user", "--mount", "bash", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"]).returncode:
        pytest.skip("this system lets nobody mount here")
    env = {**os.environ, "ZSLNB_BUILD": str(build), "ZSLNB_JOBS": "1", "ZSLNB_RUNS": ""}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run([*command, script], cwd=ROOT, env=env, text=True, **both).stdout


@pytest.mark.parametrize("size", ["36k", "140k"], ids=["early", "late"])
def test_a_full_disk_is_said_and_loses_nothing(jobs, undisturbed, size):
    build, out = jobs.folder / f"disk{size}", jobs.folder / f"out{size}"
    build.mkdir()
    run = shlex.join([sys.executable, "-m", "zslnb", *jobs.arguments()])
    text = in_a_world_of_its_own(
        f"mount -t tmpfs -o size={size} tmpfs {build} && {{ {run}; echo status $?; "
        f"mount -o remount,size=99m {build}; {run}; echo status $?; cp -r {build} {out}; }}",
        build,
    )
    assert re.findall(r"status (\d+)", text) == ["1", "0"], text
    before = text.partition("status 1")[0]
    assert "No space left on device" in before
    assert "stopped from outside" not in before
    assert "Traceback" not in text
    assert kept(out) == undisturbed[0]


def test_a_folder_that_may_not_be_written_is_said(jobs, undisturbed):
    build = jobs.folder / "undisturbed"
    run = shlex.join([sys.executable, "-m", "zslnb", *jobs.arguments()])
    text = in_a_world_of_its_own(
        f"mount --bind {build} {build} && mount -o remount,bind,ro {build}; {run}; echo status $?",
        build,
    )
    assert text.endswith("status 1\n"), text
    assert "Read-only file system" in text
    assert "ZSLNB_BUILD names another folder" in text
    assert kept(build) == undisturbed[0]


def test_results_that_may_not_be_written_are_said(jobs, undisturbed):
    results, build = jobs.folder / "results", jobs.folder / "as if committed"
    results.mkdir()
    shutil.copytree(jobs.folder / "undisturbed", build)
    for path in build.glob("*/manifest.json"):  # this repository may hold changes
        facts = json.loads(path.read_text())
        path.write_text(json.dumps({**facts, "git": {"revision": "0" * 40, "clean": True}}))
    options = ["--benchmark", jobs.folder / "toy.npz", "--results", results]
    record = shlex.join([sys.executable, "-m", "zslnb", "record", *map(str, options)])
    text = in_a_world_of_its_own(
        f"mount --bind {results} {results} && mount -o remount,bind,ro {results}; {record}; "
        f"echo status $?; mount -o remount,bind,rw {results}; {record}; echo status $?",
        build,
    )
    assert re.findall(r"status (\d+)", text) == ["1", "0"], text
    assert "Read-only file system" in text
    assert "--results one than results/" in text
    assert "Traceback" not in text
    assert len([*results.glob("*/records.jsonl")]) == 1
