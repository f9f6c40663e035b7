"""`notebook.sources`: each is a pair with its `.ipynb`, which Jupyter takes for one text."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import jupytext
import pytest
from conftest import ROOT
from ipykernel.kernelspec import get_kernel_dict
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.config import load_jupytext_config
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

from zslnb.notebook.parameters import PARAMETERS
from zslnb.notebook.reproduce import check_parameters
from zslnb.notebook.sources import read_source, to_notebook, to_text

FOLDER = ROOT / "notebooks"
SOURCES = {source.name: source for source in map(read_source, sorted(FOLDER.glob("*.py")))}
each_notebook = pytest.mark.parametrize("name", SOURCES)
WORDS, WORDS_OF_RESULTS = 1200, 1500  # of Markdown, at most
RESULTS = ("14_genzsl_results", "15_released_code_audit", "24_revcd_results")
NOT_COUNTED = {"exercise", "hint", "answer", "appendix", "colab"}


def test_each_source_has_its_notebook_and_each_notebook_its_source():
    assert SOURCES
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*SOURCES}


@each_notebook
def test_jupytext_would_write_the_source_as_it_is(name):
    path = SOURCES[name].path
    config = load_jupytext_config(str(path))
    text = jupytext.writes(jupytext.read(path), fmt="py:percent", config=config)
    assert text == path.read_text(encoding="utf-8")


@each_notebook
def test_the_kernel_is_named_as_jupyterlab_names_it(name):
    """Or saving the page there would change its source."""
    kernel = jupytext.read(SOURCES[name].path).metadata["kernelspec"]
    assert kernel["display_name"] == get_kernel_dict()["display_name"]


@each_notebook
def test_parameters_are_five_literals_and_the_file_names_itself(name):
    source = SOURCES[name]
    defaults = dict.fromkeys(("benchmark", "semantics", "profile", "device"), "") | {"seeds": 5}
    assert {*defaults} == {*PARAMETERS}
    check_parameters(source, defaults)
    assert re.search(rf'desk\.begin\(\s*"{name}", ', source.path.read_text(encoding="utf-8"))


@each_notebook
def test_a_page_is_short_without_its_exercises_and_folded_proofs(name):
    cells = [c for c in to_notebook(SOURCES[name]).cells if c.cell_type == "markdown"]
    texts = [c.source for c in cells if NOT_COUNTED.isdisjoint(c.metadata.get("tags", ()))]
    words = [w for text in texts for w in re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", text)]
    assert len(words) <= (WORDS_OF_RESULTS if name in RESULTS else WORDS)


@pytest.fixture
def pulled(tmp_path) -> Path:
    """Every pair, with each `.ipynb` a minute younger than its source, as after `make pair`."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(FOLDER / "jupytext.toml", folder)
    for name, source in SOURCES.items():
        shutil.copy(source.path, folder)
        (folder / f"{name}.ipynb").write_text(to_text(to_notebook(source)))
        os.utime(folder / f"{name}.py", (1e9, 1e9))
        os.utime(folder / f"{name}.ipynb", (1e9 + 60, 1e9 + 60))
    return folder


def test_jupyterlab_takes_a_pair_for_one_text_whichever_is_younger(pulled):
    """Or it would not open the page: HTTP 400, 'more recent than'."""
    manager = jupytext.TextFileContentsManager()
    manager.root_dir = str(pulled)
    for name in SOURCES:
        for file in (f"{name}.ipynb", f"{name}.py"):
            assert manager.get(file, type="notebook")["content"]["cells"]


@pytest.mark.slow
def test_a_real_jupyter_server_opens_every_page(pulled, tmp_path):
    runtime = tmp_path / "runtime"
    command = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"]
    options = ["--IdentityProvider.token=open", f"--ServerApp.root_dir={pulled}"]
    env = os.environ | {"JUPYTER_RUNTIME_DIR": str(runtime)}
    server = subprocess.Popen([*command, *options], env=env)
    try:
        end = time.monotonic() + 180
        while not (servers := [*runtime.glob("jpserver-*.json")]):
            assert time.monotonic() < end
            time.sleep(0.2)
        url = json.loads(servers[0].read_text())["url"]
        for file in (f"{name}.{ending}" for name in SOURCES for ending in ("ipynb", "py")):
            page = f"{url}api/contents/{file}?type=notebook&token=open"
            with urlopen(page, timeout=60) as answer:
                assert json.load(answer)["content"]["cells"]
    finally:
        server.terminate()
        server.wait(30)


def test_saving_a_pair_in_lab_leaves_the_source_as_it_is(write_notebook):
    source = read_source(write_notebook("10_topic", "print(1)"))
    before = source.path.read_text()
    shutil.copy(FOLDER / "jupytext.toml", source.path.parent)
    source.executed.write_text(to_text(to_notebook(source)))
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    manager.root_dir = str(source.path.parent)
    model = manager.get("10_topic.ipynb")
    manager.save(model, "10_topic.ipynb")
    assert source.path.read_text() == before
    model["content"]["cells"][-1]["source"] = "print(2)"
    manager.save(model, "10_topic.ipynb")
    assert source.path.read_text() == before.replace("print(1)", "print(2)")
