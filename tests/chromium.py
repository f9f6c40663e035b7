"""A Chromium without a window, for the tests that look at pages as a reader does."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """Start this machine's Chromium, or else the one that Playwright brought."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright."
    )
    with api.sync_playwright() as playwright:
        found = filter(None, map(shutil.which, NAMES))
        path = next(found, playwright.chromium.executable_path)
        if not Path(path).is_file():
            pytest.skip("No Chromium is here: apt-get install chromium, or playwright install.")
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()
