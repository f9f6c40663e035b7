"""The site as `make site` builds it, once for all tests that read it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from pages import INHERITED


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make site` writes."""
    return built(tmp_path_factory.mktemp("site"))


def built(folder: Path, **variables: str) -> Path:
    """Run `make site` with this Python in the place of `.venv`, and more environment variables."""
    (folder / "venv" / "bin").mkdir(parents=True)
    for name in ("bin/uv", ".ready-lock"):
        (folder / "venv" / name).touch()
    python = folder / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "site", f"VENV={folder}/venv", f"SITE={folder}/site"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in INHERITED} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no warning either
    return folder / "site"


def pages(site: Path) -> list[Path]:
    """Pages that a reader meets; a theme's templates are not."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
