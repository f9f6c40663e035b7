"""The notebooks as files: which there are, what each says of itself, and the pair it makes.

A notebook is `notebooks/NN_topic.py` in jupytext's percent format. Its header holds, under
`zslnb`, what the page needs (`zslnb.notebook.needs`) and how long it takes (`seconds`).
"""

import hashlib
import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
from jupytext.config import load_jupytext_config
from nbformat import NotebookNode

from zslnb.errors import RequestError, unknown_name
from zslnb.files import repository_root
from zslnb.notebook.needs import KINDS, Needs, read_header

# To JupyterLab a pair must be one text, whichever is younger: so the hash lies outside what
# jupytext compares, and the notebook holds the filters by which it compares
EXECUTED = "executed"


@dataclass(frozen=True)
class Source:
    """One notebook's source and what its header says.

    `seconds` is how long it takes on two cores the first time, its experiments included.
    """

    path: Path
    needs: Needs
    seconds: float
    title: str = ""

    @property
    def name(self) -> str:
        """Its name, as "10_topic"."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The part of its name before the first underscore, as "10"."""
        return self.name.partition("_")[0]

    @property
    def executed(self) -> Path:
        """The executed notebook beside it."""
        return self.path.with_suffix(".ipynb")

    @property
    def sha256(self) -> str:
        """Hash of the source's text, the same whatever ends its lines."""
        return hashlib.sha256(self.path.read_text(encoding="utf-8").encode()).hexdigest()


def find_sources(folder: Path | None = None) -> list[Source]:
    """Read the headers of a folder's notebooks (the repository's, if None), ordered by name.

    Raises:
        RequestError: there is none, or a header is incomplete.
    """
    if folder is None:
        if not (root := repository_root()):
            raise RequestError(
                "The notebooks are in the repository, not in an installed package: name their "
                "folder by --folder, which reproduce, pair and exercises take."
            )
        folder = root / "notebooks"
    sources = [read_source(path) for path in sorted(folder.glob("*.py"))]
    if not sources:
        raise RequestError(f"There is no notebook in the folder {folder.name!r}.")
    return sources


def read_source(path: Path) -> Source:
    """Read what one notebook's header says.

    Raises:
        RequestError: the header lacks `needs` or `seconds`, or they are of the wrong kind.
    """
    needs, seconds = read_header(path)
    if not isinstance(seconds, int | float):
        raise RequestError(f"{path.name}: its header must say `zslnb: seconds:`, a number.")
    heading = re.search(r"(?m)^# # +(.+)$", path.read_text(encoding="utf-8"))
    return Source(path, needs, seconds, heading[1] if heading else path.stem)


def contents() -> pd.DataFrame:
    """List the notebooks as a table of links: number and title, and what each needs."""
    rows = [
        (f"[{s.number} {s.title}]({s.executed.name})", KINDS[s.needs.kind]) for s in find_sources()
    ]
    return pd.DataFrame(rows, columns=["notebook", "runs on"])


def choose_sources(sources: list[Source], wanted: Iterable[str]) -> list[Source]:
    """Keep the notebooks named by number ("10") or name ("10_topic"); all, if none is named.

    Raises:
        RequestError: a number or name that no notebook has, with the nearest ones.
    """
    names = [name.removesuffix(".py").removesuffix(".ipynb") for name in wanted]
    for name in names:
        if not any(name in (s.name, s.number) for s in sources):
            raise RequestError(unknown_name("notebook", name, [s.name for s in sources]))
    return [s for s in sources if not names or {s.name, s.number} & {*names}]


def to_notebook(source: Source) -> NotebookNode:
    """Turn a source into a notebook without outputs, the same on every call and machine."""
    notebook = deepcopy(_read(source.path.read_text(encoding="utf-8"), source.path))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    header = {key: notebook.metadata[key] for key in ("kernelspec", "zslnb", "jupytext")}
    del header["jupytext"]["text_representation"]  # of the .py alone
    header |= {"language_info": {"name": "python"}, EXECUTED: {"source_sha256": source.sha256}}
    notebook.metadata = NotebookNode(header)
    return notebook


@lru_cache(maxsize=64)  # checked before a run, made at its start: jupytext takes 0.1 s for a page
def _read(text: str, path: Path) -> NotebookNode:
    return jupytext.reads(text, fmt="py:percent", config=load_jupytext_config(str(path)))


def to_text(notebook: NotebookNode) -> str:
    """Write a notebook as `.ipynb` text, as Jupyter does."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"
