"""JupyterLab in a browser, as a reader has it: a page runs, and an exercise fails and is solved."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from conftest import ROOT
from test_page_sources import FOLDER, SOURCES

from zslnb.notebook.exercises import find_exercises, student_copy
from zslnb.notebook.sources import to_notebook, to_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.slow

SOURCE = SOURCES["10_class_diversity_promotion"]
MINUTES = 60_000  # in milliseconds
SETTINGS = {  # all cells are there, not only those in sight; nobody asks for news
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture
def lab(tmp_path: Path, chromium: "Browser") -> Iterator[Callable[[str], "Page"]]:
    """JupyterLab on a page and its student's copy; gives a function that opens one of them."""
    (tmp_path / "notebooks").mkdir()
    for path in (FOLDER / "jupytext.toml", SOURCE.path):
        shutil.copy(path, tmp_path / "notebooks")
    copies = {"notebooks": to_notebook(SOURCE), "student": student_copy(SOURCE)}
    for folder, notebook in copies.items():
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / SOURCE.executed.name).write_text(to_text(notebook))
    for name, values in SETTINGS.items():
        path = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    with served(tmp_path) as url:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(5 * MINUTES)

        def open_page(folder: str) -> "Page":
            page = context.new_page()
            page.goto(f"{url}lab/tree/{folder}/{SOURCE.executed.name}?token=open")
            page.locator(".jp-CodeCell").first.wait_for()
            page.wait_for_function(  # the kernel is there
                "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
            )
            return page

        yield open_page
        context.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run JupyterLab on a folder; give its address."""
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
    options = {
        "IdentityProvider.token": "open",
        "ServerApp.root_dir": folder,
        "LabApp.expose_app_in_browser": True,
        "LabApp.extension_manager": "readonly",
        "LabApp.workspaces_dir": folder / "workspaces",
        "LabApp.user_settings_dir": folder / "settings",
    }
    env = os.environ | {
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "ZSLNB_DEVICE": "cpu",
        "ZSLNB_RUNS": str(folder / "runs"),
    }
    server = subprocess.Popen([*command, *(f"--{k}={v}" for k, v in options.items())], env=env)
    try:
        end = time.monotonic() + 180
        while not (found := [*(folder / "runtime").glob("jpserver-*.json")]):
            assert time.monotonic() < end
            time.sleep(0.2)
        yield json.loads(found[0].read_text())["url"]
    finally:
        server.terminate()
        server.wait(30)


def choose(page: "Page", name: str) -> None:
    """Take an entry of the menu Run."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def run_all(page: "Page", path: Path) -> list[nbformat.NotebookNode]:
    """Run all cells and save; read the cells from the file."""
    choose(page, "Run All Cells")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
        ".every(prompt => /\\d/.test(prompt.textContent))"
    )
    before = path.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    end = time.monotonic() + 60
    while path.stat().st_mtime_ns == before:
        assert time.monotonic() < end
        page.wait_for_timeout(200)
    return nbformat.read(path, as_version=4).cells


def errors(cell: nbformat.NotebookNode) -> list[str]:
    return [out.evalue for out in cell.get("outputs", ()) if out.output_type == "error"]


@contextmanager
def waited_for(page: "Page", cell: "Locator") -> Iterator[None]:
    """Wait, at the end of the block, until a cell has run anew."""
    prompt = cell.locator(".jp-InputPrompt")
    before, end = prompt.inner_text(), time.monotonic() + 300
    yield
    while (now := prompt.inner_text()) == before or not re.search(r"\d", now):
        assert time.monotonic() < end
        page.wait_for_timeout(100)


def ran(page: "Page", cell: "Locator") -> str:
    """Run a cell by Shift and Enter; give what it shows."""
    with waited_for(page, cell):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
    return " ".join(cell.locator(".jp-OutputArea-output").all_inner_texts())


def write(page: "Page", cell: "Locator", text: str) -> None:
    """Put a text in the place of a cell's."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_a_page_runs_from_top_to_end_and_saving_it_leaves_the_source(lab, tmp_path):
    path = tmp_path / "notebooks" / SOURCE.executed.name
    cells = run_all(lab("notebooks"), path)
    assert [text for cell in cells for text in errors(cell)] == []
    counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert counts == [*range(1, len(counts) + 1)]
    assert (tmp_path / "notebooks" / SOURCE.path.name).read_text() == SOURCE.path.read_text()


def test_an_exercise_fails_until_it_is_solved(lab, tmp_path):
    page = lab("student")
    cells = run_all(page, tmp_path / "student" / SOURCE.executed.name)
    exercises = find_exercises(student_copy(SOURCE))
    checks = {exercise.check for exercise in exercises}
    failed = [place for place, cell in enumerate(cells) if errors(cell)]
    assert {*failed} <= checks | {exercise.solution for exercise in exercises}
    first = exercises[0]
    assert errors(cells[first.check]) == [
        "Not yet: put lines of your own in the place of the dots."
    ]
    here = page.locator(".jp-Cell")
    solution, check = here.nth(first.solution), here.nth(first.check)
    above = max(n for n, cell in enumerate(cells[: first.solution]) if cell.cell_type == "code")
    with waited_for(page, here.nth(above)):  # later cells give names another meaning
        solution.locator(".cm-content").click()
        choose(page, "Run All Above Selected Cell")
    write(page, solution, "deflated = Z")
    assert "Error" not in ran(page, solution)
    assert "Some row still has a part along v1" in ran(page, check)
    write(page, solution, to_notebook(SOURCE).cells[first.solution].source)
    assert "Error" not in ran(page, solution)
    assert "Error" not in ran(page, check)
