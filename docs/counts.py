"""Count what a reader of the pages meets: `python docs/counts.py [REVISION]`.

Prints a table of the pages as executed, and of those at a revision of git, if one is given. Words
are those of Markdown cells, "by code" those of outputs. A silent cell shows nothing. A line of code
is plumbing if its statement imports, or names what draws, tabulates or displays; all other lines
are mechanism, checks of exercises among them. Hints, answers, folded proofs (`appendix`) and the
texts of exercises are left out, and so is the cell for Colab.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd

from zslnb.results.tables import markdown_table

ROOT = Path(__file__).parent.parent
PLUMBING = {
    *("here", "desk", "studies", "results", "display", "Markdown"),
    *("plt", "fig", "ax", "axes", "sns", "pd", "caption", "text", "title", "lines", "print"),
}
ASIDE = {"exercise", "hint", "answer", "appendix", "colab"}


def count(page: nbformat.NotebookNode) -> dict[str, int]:
    """Count a page's cells, words, lines of code, exercises and links."""
    inside = [cell for cell in page.cells if not ASIDE & _tags(cell)]
    code = [c for c in inside if c.cell_type == "code" and "parameters" not in _tags(c)]
    texts = [cell.source for cell in inside if cell.cell_type == "markdown"]
    kinds = [kind for cell in code for kind in _kinds(cell.source)]
    return {
        "cells": len(inside),
        "words": sum(map(_words, texts)),
        "words by code": sum(_words(text) for cell in code for text in _shown(cell)),
        "lines of code": len(kinds),
        "mechanism": kinds.count("mechanism"),
        "silent cells": sum(not cell.outputs for cell in code),
        "exercises": sum("exercise" in _tags(cell) for cell in page.cells),
        "links": sum(text.count("](") - text.count("![") for text in texts),
    }


def table(pages: dict[str, nbformat.NotebookNode]) -> pd.DataFrame:
    """Count pages, one a row, and their sum."""
    counts = pd.DataFrame({name: count(page) for name, page in pages.items()}).T
    return pd.concat([counts, counts.sum().rename("all").to_frame().T])


def shown(pages: dict[str, nbformat.NotebookNode]) -> str:
    """Write the table as Markdown."""
    return markdown_table(table(pages).rename_axis("page"), has_names=True)


def pages_now() -> dict[str, nbformat.NotebookNode]:
    """Read the executed pages."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {path.stem: nbformat.read(path, as_version=4) for path in paths}


def pages_at(revision: str) -> dict[str, nbformat.NotebookNode]:
    """Read the executed pages as they were at a revision."""
    listed = _git("ls-tree", "--name-only", revision, "notebooks/").split()
    return {
        Path(name).stem: nbformat.reads(_git("show", f"{revision}:{name}"), as_version=4)
        for name in listed
        if name.endswith(".ipynb")
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _tags(cell: nbformat.NotebookNode) -> set[str]:
    return {*cell.metadata.get("tags", ())}


def _words(text: str) -> int:
    return len(re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", text))


def _shown(cell: nbformat.NotebookNode) -> Iterator[str]:
    """What a code cell writes: its printed lines, and Markdown; tables and numbers are no prose."""
    for output in cell.outputs:
        data = output.get("data", {})
        yield from (part for part in (output.get("text"), data.get("text/markdown")) if part)


def _kinds(source: str) -> Iterator[str]:
    """Say of each line of code, blank lines and comments left out, what it is for."""
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        imports = isinstance(statement, ast.Import | ast.ImportFrom)
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        is_check = "desk.check(" in ast.unparse(statement)
        is_plumbing = imports or (names & PLUMBING and not is_check)
        kind = "plumbing" if is_plumbing else "mechanism"
        for line in lines[statement.lineno - 1 : statement.end_lineno]:
            if line.strip() and not line.lstrip().startswith("#"):
                yield kind


def main() -> None:
    """Print the tables."""
    for revision in sys.argv[1:]:
        print(f"\nAt {revision}:\n\n{shown(pages_at(revision))}")
    print(f"\nNow:\n\n{shown(pages_now())}")


if __name__ == "__main__":
    main()
