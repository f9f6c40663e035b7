"""What pytest reads first: what tests share is in `shared`, imported where tests run."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ("shared", "website", "chromium", "kernels")  # fixtures, and nbval's kernels


def pytest_configure(config: pytest.Config) -> None:
    """Import what tests need, but not in the process that only hands them out (`pytest -n`)."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        for name in SHARED:
            config.pluginmanager.import_plugin(name)
