"""The cell for Colab, on every page: there it brings the repository, elsewhere it does nothing."""

import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path

import jupytext
import pytest
from conftest import ROOT
from test_page_sources import SOURCES, each_notebook

COLAB = runpy.run_path(str(ROOT / "docs" / "colab.py"))
HERE = f"file://{ROOT}"
# what a page asks of the repository: data in the package, and files beside it
USES = """
import zslnb, zslnb.notebook.desk, zslnb.results
from zslnb.notebook.sources import find_sources
print(zslnb.__file__, len(zslnb.load("aviary").labels), len(find_sources()))
assert len(zslnb.results.published("genzsl"))
"""
IN_COLAB = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"


def cell(text: str) -> str:
    """Read the cell out of a page's source."""
    page = jupytext.reads(text, fmt="py:percent")
    (found,) = [c for c in page.cells if "colab" in c.metadata.get("tags", ())]
    code = [c for c in page.cells if c.cell_type == "code"]
    assert found is code[0]  # before anything that needs the package
    return found.source


@each_notebook
def test_each_page_has_the_cell_as_it_is_written_for_all(name):
    text = SOURCES[name].path.read_text(encoding="utf-8")
    assert COLAB["with_cell"](text, COLAB["published_at"]()) == text
    assert cell(text)


def test_an_address_takes_the_place_of_the_question_for_it():
    text = SOURCES["00_start_here"].path.read_text(encoding="utf-8")
    published = COLAB["with_cell"](text, "https://example.org/zslnb")
    assert '    address = "https://example.org/zslnb"\n' in cell(published) + "\n"
    assert COLAB["with_cell"](published, "") == COLAB["with_cell"](text, "")


def test_the_cell_does_nothing_elsewhere(tmp_path):
    text = SOURCES["00_start_here"].path.read_text(encoding="utf-8")
    code = cell(COLAB["with_cell"](text, HERE)) + "\nassert 'src/zslnb' not in sys.path"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_on_colab_the_cell_brings_all_that_a_page_uses(tmp_path):
    """In a fresh environment, which has the libraries (as Colab has most) but not this package."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    older = [python, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"]
    subprocess.run(older, check=True)  # than torch asks for
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    text = SOURCES["00_start_here"].path.read_text(encoding="utf-8")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_NO_INDEX": "1"}
    env |= {"PIP_NO_BUILD_ISOLATION": "0"}  # which pip reads as: what builds it is there
    work = tmp_path / "content"
    work.mkdir()

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-c", code], cwd=work, env=env, capture_output=True, text=True
        )

    assert "No module named 'zslnb'" in run("import zslnb").stderr
    done = run(IN_COLAB + cell(COLAB["with_cell"](text, HERE)) + USES)
    assert done.returncode == 0, done.stderr
    where, images, pages = done.stdout.split()
    assert Path(where).resolve() == work / "src" / "zslnb" / "zslnb" / "__init__.py"
    assert (int(images), int(pages)) == (4200, len(SOURCES))
    assert run(USES).returncode == 0  # after the kernel has started anew, too
