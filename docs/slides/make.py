"""Slides from the executed pages, shown offline by reveal.js. `make slides` writes build/slides.

No page is marked up for it; a rule says what is shown. Each heading starts a slide, with its first
paragraph and the formula, list or folded answer that follows. What a cell shows, a figure, table or
finding, is the slide below. Code is shown where it works a case by hand, and nowhere else. What is
left of the text is in the speaker's notes.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook

if missing := [p for p in ("math_core", "sphinx_revealjs", "ziamath") if not find_spec(p)]:
    sys.exit(f"Slides need {', '.join(missing)}: run make slides, which installs them.")

from math_core import LatexToMathML

HERE = Path(__file__).parent
PAGES, OUT = HERE.parent.parent / "notebooks", HERE.parent.parent / "build" / "slides"


def _folder(package: str, *parts: str) -> Path:
    """Give a folder of an installed package, without importing it."""
    return Path(find_spec(package).submodule_search_locations[0], *parts)


REVEAL = _folder("sphinx_revealjs", "_static", "revealjs")
MATH_FONT = _folder("ziamath", "fonts", "STIXTwoMath-Regular.ttf")
QUESTION = "**To think about.**"
STARTS = re.compile(rf"#+ |{re.escape(QUESTION)}")
FOLLOWS = re.compile(r"\$\$|[-*] |\d+\. |<details>|\|")  # what a slide's first paragraph leads to
TO_MATHML = LatexToMathML(annotation=True)


class _Renderer(IPythonRenderer):
    """Write formulas as MathML, which browsers draw themselves."""

    def inline_math(self, body: str) -> str:
        return TO_MATHML.convert_with_local_state(body, displaystyle=False)

    def block_math(self, body: str) -> str:
        return f"<div>{TO_MATHML.convert_with_local_state(body, displaystyle=True)}</div>"


def _rendered(text: str) -> str:
    """Turn Markdown into HTML, whose links between pages lead from deck to deck."""
    text = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", text).replace("](../", "](../../")
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(
        text
    )


def blocks(text: str) -> list[str]:
    """Split a cell's Markdown at blank lines; a heading is a block, and so is a folded answer."""
    text = re.sub(r"(?m)^(#+ .+)\n", r"\1\n\n", text)
    text = re.sub(r"(?s)<details>.*?</details>", lambda m: re.sub(r"\n\n+", "\n", m[0]), text)
    return [block for block in re.split(r"\n\s*\n", text.strip()) if block]


def _said(cell: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Give the slides of a Markdown cell, each followed by its notes."""
    sections: list[list[str]] = [[]]
    for block in blocks(cell.source):
        if STARTS.match(block):
            sections.append([])
        sections[-1].append(block)
    for section in filter(None, sections):
        shown = _shown(section)
        left = [block for block in section if block not in shown]
        if shown:
            yield _slide("\n\n".join(shown), "slide")
        if left:
            yield _slide("\n\n".join(left), "notes")


def _shown(section: list[str]) -> list[str]:
    """Choose what of a section is on its slide; of the title's, where it is from and what for."""
    if section[0].startswith("# "):
        aims = [block for block in section if block.startswith("- ")]
        return [*section[:2], *(["After this page you can"] if aims else []), *aims]
    if not STARTS.match(section[0]):
        return []
    n = 1 + (len(section) > 1 and section[0].startswith("#"))
    while n < len(section) and FOLLOWS.match(section[n]):
        n += 1
    return section[:n]


def _slide(text: str, kind: str) -> nbformat.NotebookNode:
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def _worked(cell: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Give the slide of a code cell: what it shows, and its code if that works a case by hand."""
    printed = any(output.output_type == "stream" for output in cell.outputs)
    by_hand = printed or re.search(r"\bby_hand\b", cell.source) is not None
    shows = {kind for output in cell.outputs for kind in output.get("data", {})}
    if not by_hand and not shows & {"image/png", "image/jpeg", "text/markdown"}:
        return None
    hidden = {} if by_hand else {"transient": {"remove_source": True}}
    cell.metadata = nbformat.from_dict({"slideshow": {"slide_type": "subslide"}, **hidden})
    return cell


def deck(page: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Choose what of an executed page is shown, and mark each cell as a slide, below one, or notes.

    What stands before the first heading but the title's is set-up, and left out.
    """
    cells: list[nbformat.NotebookNode] = []
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cells += _said(cell)
        elif sum(c.metadata.slideshow.slide_type == "slide" for c in cells) > 1:
            cells += filter(None, [_worked(cell)])
    return new_notebook(cells=cells, metadata=page.metadata)


def written(page: nbformat.NotebookNode, name: str) -> str:
    """Write an executed page's slides as HTML, which asks for `reveal.js/` beside it."""
    exporter = SlidesExporter(
        extra_template_paths=[str(HERE)],
        template_file="deck.html.j2",
        reveal_url_prefix="reveal.js",
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        filters={"markdown2html": _rendered},
    )
    return exporter.from_notebook_node(deck(page), {"metadata": {"name": name}})[0]


def main(out: Path = OUT) -> None:
    """Write all pages' slides, a list of them, and what they need to be shown."""
    shutil.rmtree(out, ignore_errors=True)
    for part in ("dist", "plugin/notes"):
        shutil.copytree(REVEAL / part, out / "reveal.js" / part)
    for file in (REVEAL / "LICENSE", MATH_FONT):
        shutil.copy(file, out / "reveal.js")
    links = []
    for path in sorted(PAGES.glob("*.ipynb")):
        name = path.stem.replace("_", " ")
        html = written(nbformat.read(path, as_version=4), name)
        (out / f"{path.stem}.html").write_text(html, encoding="utf-8")
        links.append(f'<li><a href="{path.stem}.html">{name}</a></li>')
    listed = "\n".join(["<!DOCTYPE html><title>Slides</title><ul>", *links, "</ul>\n"])
    (out / "index.html").write_text(listed, encoding="utf-8")
    print(f"Open {out / 'index.html'}; S in a deck shows the speaker's notes.")


if __name__ == "__main__":
    main()
