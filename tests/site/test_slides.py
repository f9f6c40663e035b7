"""`docs/slides/make.py`: what of a page becomes a slide, and that a deck needs no network."""

import re
import runpy
from importlib.util import find_spec

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

if not all(map(find_spec, ("math_core", "sphinx_revealjs", "ziamath"))):
    pytest.skip(
        "What slides are made with is not installed; make slides brings it.",
        allow_module_level=True,
    )
bs4 = pytest.importorskip("bs4", reason="Beautiful Soup is not installed; make slides brings it.")

SLIDES = runpy.run_path(str(ROOT / "docs" / "slides" / "make.py"))
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def picture(alt: str) -> nbformat.NotebookNode:
    data = {"image/png": DOT, "text/plain": "<Image>"}
    return new_output("display_data", data, metadata={"image/png": {"alt": alt}})


def caption(text: str) -> nbformat.NotebookNode:
    return new_output("display_data", {"text/markdown": text})


TITLE = """# A title
*Some paper.*

A long way in. After this page you can

- do this.

A minute."""
SECTION = r"""## One $x$
First paragraph:

$$\hat x = \frac{1}{2}$$

Second paragraph, see [that](11_that.ipynb) and [this](../docs/notation.md).

### Two
Only one."""
CHECK = """## Quick check
1. A question?

<details><summary>Answer</summary>

An answer.
</details>

More."""


def page() -> nbformat.NotebookNode:
    cells = [
        new_markdown_cell(TITLE),
        new_code_cell("seeds = 5"),
        new_code_cell("here = begin()", outputs=[caption("**a benchmark**")]),
        new_markdown_cell(SECTION),
        new_code_cell("plumbing = 1"),
        new_code_cell(
            "here.figure()", outputs=[picture('a "dot" & <more>'), caption("**Figure 1.**")]
        ),
        new_code_cell("by_hand = x @ y"),
        new_markdown_cell("Between figures."),
        new_code_cell("print(1)", outputs=[new_output("stream", name="stdout", text="1\n")]),
        new_markdown_cell(CHECK),
        new_markdown_cell("**Rows filled:** none.\n\n**To think about.** Why?"),
    ]
    return new_notebook(cells=cells)


def test_headings_figures_and_cells_by_hand_become_slides_and_the_rest_notes():
    cells = SLIDES["deck"](page()).cells
    made = [(cell.metadata.slideshow.slide_type, cell.source) for cell in cells]
    assert made == [
        ("slide", "# A title\n\n*Some paper.*\n\nAfter this page you can\n\n- do this."),
        ("notes", "A long way in. After this page you can\n\nA minute."),
        ("slide", "## One $x$\n\nFirst paragraph:\n\n$$\\hat x = \\frac{1}{2}$$"),
        ("notes", "Second paragraph, see [that](11_that.ipynb) and [this](../docs/notation.md)."),
        ("slide", "### Two\n\nOnly one."),
        ("subslide", "here.figure()"),
        ("subslide", "by_hand = x @ y"),
        ("notes", "Between figures."),
        ("subslide", "print(1)"),
        (
            "slide",
            "## Quick check\n\n1. A question?\n\n"
            "<details><summary>Answer</summary>\nAn answer.\n</details>",
        ),
        ("notes", "More."),
        ("notes", "**Rows filled:** none."),
        ("slide", "**To think about.** Why?"),
    ]


@pytest.fixture(scope="module")
def deck() -> "bs4.BeautifulSoup":
    return bs4.BeautifulSoup(SLIDES["written"](page(), "a page"), "html.parser")


def test_code_is_shown_where_it_works_a_case_by_hand(deck):
    code = [pre.get_text().strip() for pre in deck.select(".highlight pre")]
    assert code == ["by_hand = x @ y", "print(1)"]
    assert "a benchmark" not in deck.get_text()


def test_a_picture_has_its_text(deck):
    assert [image["alt"] for image in deck.select("img")] == ['a "dot" & <more>']


def test_formulas_are_drawn_by_the_browser(deck):
    assert len(deck.select("section math")) == 2
    for source in deck.select("annotation, script, style"):
        source.extract()
    assert "$" not in deck.get_text()


def test_links_between_pages_lead_from_deck_to_deck(deck):
    links = [link["href"] for link in deck.select("aside.notes a")]
    assert links == ["11_that.html", "../../docs/notation.md"]


@pytest.mark.slow
def test_decks_of_all_pages_load_nothing_from_elsewhere_and_what_they_load_is_there(
    tmp_path, capsys
):
    out = tmp_path / "slides"
    SLIDES["main"](out)
    decks = [path for path in out.glob("*.html") if path.stem != "index"]
    assert [path.stem for path in sorted(decks)] == [
        path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
    ]
    for path in decks:
        html = bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        tags = html.select("img[src], script[src], link[rel=stylesheet]")
        loaded = [tag.get("src") or tag["href"] for tag in tags]
        loaded += re.findall(r"""(?:url\(|@import )["']?([^"')]+)""", str(html.select("style")))
        files = [address for address in loaded if not address.startswith(("data:", "#"))]
        assert {"reveal.js/dist/reveal.js", "reveal.js/dist/theme/white.css"} <= {*files}
        assert [address for address in files if not (out / address).is_file()] == []
        assert all(image["alt"].strip() for image in html.select("img"))
        assert len(html.select("section section")) > 5
    for sheet in (out / "reveal.js").rglob("*.css"):
        if "theme" not in sheet.parts or sheet.stem == "white":
            assert not re.search(
                r"(?:url\(|@import )[\"']?https?:", sheet.read_text(encoding="utf-8")
            )
    assert "index.html" in capsys.readouterr().out
