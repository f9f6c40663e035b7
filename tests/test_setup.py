"""The files a machine is set up from: they agree, and the make targets do what they say."""

import ast
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from pages import INHERITED, arguments

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
TARGETS = """
    help reproduce pictures test test-slow lab pair exercises lint aviary data record report site
    slides benchmark lock clean
""".split()  # noqa: SIM905
MAX_LINES = 45
SYSTEM = runpy.run_path(str(ROOT / ".ci" / "system.py"))


def pins() -> dict[str, list[str]]:
    """Versions by name; a name has two where Python versions need different ones."""
    versions: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, re.MULTILINE):
        versions.setdefault(name, []).append(version)
    return versions


def direct() -> list[Requirement]:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize("requirement", direct(), ids=str)
def test_the_lock_pins_each_dependency_within_its_range(requirement):
    versions = pins()[canonicalize_name(requirement.name)]
    assert versions
    assert all(version in requirement.specifier for version in versions)


def test_each_dependency_is_one_that_the_package_imports():
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "zslnb").rglob("*.py"))
    imported = re.findall(r"(?m)^ *(?:import|from) (\w+)", text)
    packages = packages_distributions()
    used = {canonicalize_name(d) for name in imported for d in packages.get(name, ())}
    used |= {"jupyterlab", "torchvision"}  # make lab's, and open_clip's beside the same torch
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= used


def test_every_pin_has_hashes_and_no_address():
    blocks = re.split(r"\n(?=[\w.-]+==)", LOCK)[1:]
    assert len(blocks) == sum(map(len, pins().values()))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_conda_installs_the_same_pins():
    conda = [item for item in ENVIRONMENT["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in ENVIRONMENT["dependencies"] if isinstance(item, dict)]
    assert ENVIRONMENT["name"] == PROJECT["name"]
    assert pip == ["-r requirements.lock"]
    names = [re.match(r"\w+", item).group() for item in conda]
    assert names == ["python", "pip"]  # anything else could differ from the lock
    python = conda[0].removeprefix("python=")
    assert python in SpecifierSet(PROJECT["requires-python"])


def test_binder_installs_the_package_after_those_pins():
    command = "pip install --no-deps --no-build-isolation -e ."
    assert f"# {command}" in (ROOT / "environment.yml").read_text().splitlines()
    assert command in (ROOT / "postBuild").read_text().splitlines()
    assert os.access(ROOT / "postBuild", os.X_OK)


def test_citation_and_project_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    papers = {paper["identifiers"][0]["value"] for paper in citation["references"]}
    assert papers == {"arXiv:2505.11882", "arXiv:2409.00511"}


def make(*arguments: str) -> str:
    """What make says, with nothing inherited from a make that runs the tests."""
    env = {key: value for key, value in os.environ.items() if key not in INHERITED}
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["Tom's photos", 'the "best" ones', "a;b & c"])
def test_a_folder_may_be_called_as_its_owner_likes(name):
    command = make("--dry-run", "pictures", f"PICTURES={name}", "BENCHMARK=mine.npz")
    words = shlex.split(command.splitlines()[-1])
    assert words[1:6] == ["-m", "zslnb", "pictures", name, "mine.npz"]


@pytest.mark.parametrize(
    ("here", "installs"),
    [
        (((3, 11), "Linux", "x86_64", (2, 28)), True),
        (((3, 13), "Linux", "aarch64", (2, 39)), True),
        (((3, 12), "Darwin", "arm64", (14, 1)), True),
        (((3, 12), "Windows", "AMD64", ()), True),
        (((3, 12), "Linux", "x86_64", (2, 17)), False),
        (((3, 12), "Linux", "x86_64", ()), False),  # musl
        (((3, 12), "Linux", "ppc64le", (2, 28)), False),
        (((3, 12), "Darwin", "x86_64", (14, 1)), False),
        (((3, 12), "Darwin", "arm64", (13, 6)), False),
        (((3, 10), "Linux", "x86_64", (2, 28)), False),
    ],
)
def test_a_system_without_wheels_is_told_so_in_a_sentence(here, installs):
    reason = SYSTEM["why_not"](*here)
    assert (reason == "") == installs
    assert not reason or "make PYTHON=" in reason or "pip install -e ." in reason


def test_this_system_is_one_of_those_that_the_lock_installs_on():
    done = subprocess.run([sys.executable, ".ci/system.py"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_make_alone_prints_each_target_with_one_line():
    lines = make().splitlines()
    assert [line.split()[0] for line in lines] == TARGETS
    assert all(len(line.split()) > 2 for line in lines)


def test_a_fresh_machine_installs_the_lock_then_the_package(tmp_path):
    commands = make("--dry-run", "test", f"VENV={tmp_path}/venv")
    venv, uv, lock, package = re.findall(r"(?m)^.*(?:-m venv|pip install).*$", commands)
    assert venv == f"python3 -m venv {tmp_path}/venv"
    assert uv.endswith("--require-hashes \\")
    assert "-r requirements-uv.lock" in commands
    assert lock.endswith("--require-hashes -r requirements.lock")
    assert package.endswith("--no-deps --no-build-isolation -e .")
    assert f"{tmp_path}/venv/bin/python -m compileall" in commands  # all imports are quicker then


def test_the_choice_of_torch_is_remembered(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").touch()
    (tmp_path / ".torch").write_text("cpu\n")
    remembered = make("--dry-run", "test", f"VENV={tmp_path}")
    assert "--torch-backend cpu -e '.[dev,site]'" in remembered
    assert "requirements.lock" not in remembered
    assert "--torch-backend" not in make("--dry-run", "test", f"VENV={tmp_path}", "TORCH=lock")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "reproduce BENCHMARK=x.npz PROFILE=medium SEEDS=3 DEVICE=cpu NOTEBOOKS='10 14'",
            "--benchmark x.npz --semantics '' --profile medium --seeds 3 --notebooks 10 14 "
            "--device cpu",
        ),
        (
            "reproduce SEMANTICS=sentences DRY_RUN=1",
            "--benchmark aviary --semantics sentences --profile smoke --seeds 5 --device auto "
            "--dry-run",
        ),
        ("data BENCHMARK=cub FEATURES=resnet101", "cub --features resnet101 --device auto"),
        ("data BENCHMARK=all DRY_RUN=1", "all --device auto --dry-run"),
    ],
)
def test_variables_reach_the_command(tmp_path, command, options):
    assert arguments(f"make {command}", tmp_path) == (command.split()[0], shlex.split(options))


@pytest.mark.parametrize(
    "target", ["reproduce", "test", "test-slow", "lab", "pair", "lint", "site", "slides"]
)
def test_a_second_call_spends_no_time_on_set_up(tmp_path, target):
    (tmp_path / "bin").mkdir()
    for name in ("bin/uv", ".ready-lock"):
        (tmp_path / name).touch()
    assert "install" not in make("--dry-run", target, f"VENV={tmp_path}")


def test_continuous_integration_calls_make_targets_that_exist():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    script = (ROOT / ".ci" / "run").read_text()
    called = {*re.findall(r"run: make ([\w-]+)", workflow)}
    assert called == {"lint", "reproduce", "test", "test-slow"}
    published = (ROOT / ".github" / "workflows" / "site.yml").read_text()
    assert re.findall(r"run: make ([\w-]+)", published) == ["site"]
    assert "path: build/site\n" in published
    assert "for target in lint reproduce test test-slow; do" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_ci_script_runs_every_target_whatever_the_others_did(tmp_path):
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\ntest "$1" != reproduce\n')
    fake.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "make reproduce: FAILED" in done.stdout
    assert "make test: passed" in done.stdout
    assert "make test-slow: passed" in done.stdout


def functions() -> list[tuple[str, int]]:
    lengths = []
    for path in sorted((ROOT / "zslnb").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                first, *rest = node.body
                documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = first.end_lineno + 1 if documented and rest else node.lineno
                lengths.append((f"{path.name}: {node.name}", node.end_lineno - start + 1))
    return lengths


def test_functions_are_short():
    assert not [name for name, lines in functions() if lines > MAX_LINES]


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_file_names_a_machine_path():
    machine = re.compile(rb"/(?:home|Users|work|root)/[A-Za-z]")
    # mats.py has the paths that the benchmarks' authors left in their files
    exempt = (Path(__file__).name, "test_pairing.py", "mats.py")
    texts = {path: path.read_bytes() for path in tracked() if path.is_file()}
    assert not [
        path.name
        for path, text in texts.items()
        if b"\0" not in text and machine.search(text) and path.name not in exempt
    ]


def test_no_two_test_files_share_a_name():
    packages = {path.parent for path in (ROOT / "tests").rglob("__init__.py")}
    plain = [p.name for p in (ROOT / "tests").rglob("test_*.py") if p.parent not in packages]
    assert len(plain) == len({*plain}), sorted({name for name in plain if plain.count(name) > 1})
