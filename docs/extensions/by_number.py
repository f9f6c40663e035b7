"""The index by the papers' numbers: which section or cell of which page makes what.

A page says in its first line which paper and which places of it are treated; headings, text and
comments in code name them again where they come. All of these are read, so nothing is listed that
a page does not say, and each link is an anchor that the page has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docutils import nodes
from notebook_pages import FOLDER
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAPER = re.compile(r"\b(GenZSL|RevCD)\b")
ONE = r"\d+(?:\.\d+)*[a-z]?\b"
PLACES = re.compile(
    rf"\b([Ss]ections?|equations?|eqs?\.|Figures?|Fig\.|Tables?|[Aa]lgorithms?)\s+"
    rf"({ONE}(?:(?:,? and |,? to |, ){ONE})*)"
)
KINDS = {
    "se": "section",
    "eq": "equation",
    "al": "algorithm",
    "ta": "Table",
    "fi": "Figure",
}  # by how the word begins; in the order of the index
# A page's own figures and tables have numbers, too, so in its text these are the paper's only if
# it says so; equations and algorithms have no other
SAID = re.compile(rf"paper[’'s]+ ((?:Figures?|Tables?)\s+{ONE}(?:(?:, | and ){ONE})*)")


@dataclass(frozen=True)
class Mention:
    """A place of a paper that a page names, where it does, and what to call that."""

    paper: str
    kind: str
    number: str
    page: str
    anchor: str
    label: str


def places(text: str) -> Iterator[tuple[str, str]]:
    """Read kinds and numbers: "eqs. 3 to 5" gives equation 3, 4 and 5.

    A letter stays: "Figure 2a" is the paper's Figure 2a.
    """
    for word, listed in PLACES.findall(text):
        kind = KINDS[word[:2].lower()]
        for part in re.split(r",? and |, (?!to )", listed):
            first, _, last = (piece.strip(" ,") for piece in part.partition(" to "))
            yield from ((kind, n) for n in _from_to(first, last or first))


def _from_to(first: str, last: str) -> list[str]:
    """Count from one number to another: "3.1" to "3.3" has "3.2" between."""
    (stem, _, low), (other, _, high) = first.rpartition("."), last.rpartition(".")
    if stem != other or not (low + high).isdecimal():
        return [*dict.fromkeys((first, last))]
    return [f"{stem}.{n}".lstrip(".") for n in range(int(low), int(high) + 1)]


def mentions(docname: str, page: nodes.document) -> Iterator[Mention]:
    """Give each place that a page names, once for each of its sections and cells."""
    slanted = (node.astext() for node in page.findall(nodes.emphasis))
    head = next((text for text in slanted if PAPER.search(text)), "")
    if not head:
        return
    top = next(page.findall(nodes.section))
    papers = PAPER.split(head)[1:]
    for paper, text in zip(papers[::2], papers[1::2], strict=True):
        for kind, n in places(text):
            yield Mention(paper, kind, n, docname, top["ids"][0], "")
    if len({*papers[::2]}) > 1:
        return  # what its text names may be either's
    for node in page.findall():
        for kind, n in places(_said(node)):
            yield Mention(papers[0], kind, n, docname, *_where(node))


def _said(node: nodes.Node) -> str:
    """Give the part of a node's own text that can name a place of the paper."""
    if isinstance(node, nodes.title):
        return node.astext()
    if isinstance(node, nodes.literal_block):
        return " ".join(re.findall(r"(?:#|label=).*", node.astext()))
    if not isinstance(node, nodes.paragraph):
        return ""
    text = " ".join(node.astext().split())
    if _output(node):
        return " ".join(SAID.findall(text))
    own = re.sub(rf"(?:Figures?|Tables?)\s+{ONE}", "", text)
    return " ".join([own, *SAID.findall(text)])


def _output(node: nodes.Node) -> bool:
    """Say whether a node was printed by a cell."""
    while (node := node.parent) is not None:
        if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code_output":
            return True
    return False


def _where(node: nodes.Node) -> tuple[str, str]:
    """Give the anchor to link to, the cell of code or the section, and its label."""
    cell = ""
    while not isinstance(node, nodes.section):
        if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
            cell = next(name for name in node["ids"] if name.startswith("cell-"))
        node = node.parent
    heading = node.next_node(nodes.title).astext()
    if cell:
        return cell, f"{heading}, code"
    return node["ids"][0], "" if isinstance(node.parent, nodes.document) else heading


class Placeholder(nodes.General, nodes.Element):
    """Where the index of one paper comes to stand once all pages are read."""


class ByNumber(SphinxDirective):
    """`{by-number} RevCD` makes the index of a paper."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Leave the index's place open."""
        return [Placeholder(paper=self.arguments[0])]


def fill(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Put the indexes where their places are."""
    for place in [*document.findall(Placeholder)]:
        found = [
            mention
            for page in sorted(app.env.found_docs)
            if page.startswith(FOLDER)
            for mention in mentions(page, app.env.get_doctree(page))
            if mention.paper == place["paper"]
        ]
        place.replace_self([_table(app, docname, kind, found) for kind in KINDS.values()])


def _table(app: Sphinx, docname: str, kind: str, found: list[Mention]) -> nodes.Node:
    """Lay out a paper's places of one kind: a row a number, with links to where it is named."""
    listed = dict.fromkeys(m for m in found if m.kind == kind)
    numbers = sorted({m.number for m in listed}, key=_order)
    rows = nodes.tbody()
    for n in numbers:
        here = [m for m in listed if m.number == n]
        within = {m.page for m in here if m.label}
        # the top of a page is worth a link only where nothing in it says more
        links = [_link(app, docname, m) for m in here if m.label or m.page not in within]
        name = f"{here[0].paper} {kind} {n}"
        row = nodes.row(ids=[nodes.make_id(name)])
        row += nodes.entry("", nodes.paragraph(text=name[0].upper() + name[1:]))
        row += nodes.entry("", nodes.bullet_list("", *links))
        rows += row
    if not numbers:
        return nodes.comment()
    widths = [nodes.colspec(colwidth=25), nodes.colspec(colwidth=75)]
    return nodes.table("", nodes.tgroup("", *widths, rows, cols=2), classes=["by-number"])


def _order(number: str) -> tuple[list[int], str]:
    letter = number.lstrip("0123456789.")
    return [int(part) for part in number.removesuffix(letter).split(".")], letter


def _link(app: Sphinx, docname: str, mention: Mention) -> nodes.list_item:
    title = app.env.titles[mention.page].astext()
    text = f"{title}: {mention.label}" if mention.label else title
    address = f"{app.builder.get_relative_uri(docname, mention.page)}#{mention.anchor}"
    link = nodes.reference("", text, refuri=address, internal=True)
    return nodes.list_item("", nodes.paragraph("", "", link))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, and when its place is filled."""
    app.add_node(Placeholder)
    app.add_directive("by-number", ByNumber)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
