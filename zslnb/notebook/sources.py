"""The notebooks as files: which there are, what each says of itself, and the pair it makes.

A notebook is `notebooks/NN_topic.py` in jupytext's percent format. Its header holds, under
`zslnb`, what the benchmark must have (`needs`) and how long it takes (`seconds`).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import pandas as pd
from nbformat import NotebookNode

from zslnb.benchmark import Benchmark
from zslnb.errors import unknown_name
from zslnb.files import repository_root

NEEDS = ("semantics", "images", "aviary")
PARAMETERS = ("benchmark", "semantics", "profile", "seeds", "device")


class NotebookError(ValueError):
    """A notebook, a parameter or a choice of notebooks cannot be; the message says why."""


@dataclass(frozen=True)
class Source:
    """One notebook's source and what its header says.

    Attributes:
        path: the `.py` file.
        needs: "semantics", "images" or "aviary": what a benchmark must have for it to apply.
        seconds: how long it takes on two cores the first time, its experiments included.
        title: its first heading.
    """

    path: Path
    needs: str
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
    def twin(self) -> Path:
        """The executed notebook beside it."""
        return self.path.with_suffix(".ipynb")

    @property
    def sha256(self) -> str:
        """Hash of the source's text, the same whatever ends its lines."""
        return hashlib.sha256(self.path.read_text(encoding="utf-8").encode()).hexdigest()

    def unmet(self, benchmark: Benchmark) -> str:
        """Say what a benchmark lacks for this notebook to apply; nothing if it applies."""
        if self.needs == "images" and not benchmark.has_images:
            return f"needs images, and {benchmark.name} has class semantics only"
        drawn = benchmark.name == "aviary" and "file_sha256" not in benchmark.provenance
        if self.needs == "aviary" and not drawn:
            return "needs the built-in aviary"
        return ""


def notebooks_dir() -> Path:
    """Folder of the notebooks: `notebooks/` of the repository.

    Raises:
        NotebookError: the package is not in its repository.
    """
    root = repository_root()
    if root is None:
        raise NotebookError("The notebooks are in the repository, not in an installed package.")
    return root / "notebooks"


def find_sources(folder: Path) -> list[Source]:
    """Read the headers of a folder's notebooks, in the order of their names.

    Raises:
        NotebookError: there is no notebook, or a header is incomplete.
    """
    sources = [read_source(path) for path in sorted(folder.glob("*.py"))]
    if not sources:
        raise NotebookError(f"There is no notebook in the folder {folder.name!r}.")
    return sources


def read_source(path: Path) -> Source:
    """Read what one notebook's header says.

    Raises:
        NotebookError: the header lacks `needs` or `seconds`, or they are of the wrong kind.
    """
    notebook = jupytext.read(path)
    said = notebook.metadata.get("zslnb", {})
    if said.get("needs") not in NEEDS:
        kinds = ", ".join(NEEDS)
        raise NotebookError(f"{path.name}: its header must say `zslnb: needs:`, one of {kinds}.")
    if not isinstance(said.get("seconds"), int | float):
        raise NotebookError(f"{path.name}: its header must say `zslnb: seconds:`, a number.")
    heading = re.search(r"^# +(.+)$", "\n".join(c.source for c in notebook.cells[:1]), re.M)
    title = heading.group(1) if heading else path.stem
    return Source(path, said["needs"], float(said["seconds"]), title)


def contents(folder: Path | None = None) -> pd.DataFrame:
    """List the notebooks as a table of links: number and title, what each needs, seconds."""
    runs_on = {
        "semantics": "any class semantics",
        "images": "any benchmark",
        "aviary": "the built-in aviary",
    }
    rows = [
        {
            "notebook": f"[{s.number} {s.title}]({s.twin.name})",
            "runs on": runs_on[s.needs],
            "seconds": round(s.seconds),
        }
        for s in find_sources(folder or notebooks_dir())
    ]
    return pd.DataFrame(rows)


def choose_sources(sources: list[Source], wanted: Iterable[str]) -> list[Source]:
    """Keep the notebooks named by number ("10") or name ("10_topic"); all, if none is named.

    Raises:
        NotebookError: a number or name that no notebook has, with the nearest ones.
    """
    names = [name.removesuffix(".py").removesuffix(".ipynb") for name in wanted]
    for name in names:
        if not any(name in (s.name, s.number) for s in sources):
            raise NotebookError(unknown_name("notebook", name, [s.name for s in sources]))
    return [s for s in sources if not names or {s.name, s.number} & {*names}]


def to_notebook(source: Source) -> NotebookNode:
    """Turn a source into a notebook without outputs, the same on every call and machine."""
    notebook = jupytext.read(source.path)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
        zslnb={
            "needs": source.needs,
            "seconds": source.seconds,
            "source_sha256": source.sha256,
        },
    )
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """Write a notebook as `.ipynb` text, as Jupyter does."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"
