"""The commands that pages tell a reader to type, so that tests can run them."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from conftest import ROOT

INHERITED = {
    "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TORCH", "VENV", "BENCHMARK", "ARGS", "DEVICE", "DRY_RUN",
    "JOBS", "SCHEDULER", "FORCE",
}  # fmt: skip


def page(name: str) -> str:
    """Text of a page of `docs/`."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """The commands of a page, line by line."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", text)
    return [line for block in blocks for line in block.splitlines()]


def arguments(command: str, venv: Path) -> tuple[str, list[str]]:
    """The verb that a make command runs, and the options that make would hand to it."""
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("bin/uv", ".ready-lock"):
        (venv / name).touch()
    words = shlex.split(command)
    assert words[0] == "make"
    line = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", *words[1:], f"VENV={venv}"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key not in INHERITED},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    python, m, module, verb, *given = shlex.split(line.replace("\\\n", " "))
    assert (python, m, module) == (f"{venv}/bin/python", "-m", "zslnb")
    return verb, given
