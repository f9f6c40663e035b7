"""Where a page uses a word of the glossary first, the word links there and shows what it means."""

import re

from docutils import nodes
from sphinx.application import Sphinx

GLOSSARY = "docs/glossary"
# words of every day: only where a page sets one apart, as in *clean*, is the term meant
ORDINARY = {
    "calibrated",
    "clean",
    "conventional",
    "generalised",
    "lenient",
    "peeked",
    "released",
    "strict",
}
# within these a word is no text, or a link already
NO_TEXT = (nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.raw)


def terms(glossary: nodes.document) -> dict[str, tuple[str, str]]:
    """Read the glossary: each term, its anchor and its definition."""
    return {
        term.astext(): (term["ids"][0], " ".join(item[-1].astext().split()))
        for item in glossary.findall(nodes.definition_list_item)
        for term in item.findall(nodes.term)
    }


def link(app: Sphinx, document: nodes.document, docname: str) -> None:
    """Link the first use of each term in a page's running text."""
    if docname == GLOSSARY or GLOSSARY not in app.env.found_docs:
        return
    known = terms(app.env.get_doctree(GLOSSARY))
    glossary = app.builder.get_relative_uri(docname, GLOSSARY)
    for paragraph in document.findall(nodes.paragraph):
        for text in [*paragraph.findall(nodes.Text)]:
            if not _within(text, paragraph):
                text.parent.replace(text, _linked(text, known, glossary))


def _within(text: nodes.Text, paragraph: nodes.paragraph) -> bool:
    """Say whether a text is no running text: a link, code, or a cell of a table."""
    node = text.parent
    while node is not paragraph:
        if isinstance(node, NO_TEXT):
            return True
        node = node.parent
    return isinstance(paragraph.parent, nodes.entry)


def _linked(node: nodes.Text, known: dict[str, tuple[str, str]], glossary: str) -> list[nodes.Node]:
    """Split a text at the terms that it uses first, which are taken out of `known`."""
    text, found = str(node), []
    while match := _pattern(known, node).search(text):
        term = next(t for t in known if t.lower() == match[1].lower())
        anchor, meaning = known.pop(term)
        before, text = text[: match.start()], text[match.end() :]
        address = {"refuri": f"{glossary}#{anchor}", "reftitle": meaning}
        link = nodes.reference("", match[0], **address, classes=["term"])
        found += [nodes.Text(before), nodes.inline("", "", link)]
    return [*found, nodes.Text(text)]


def _pattern(known: dict[str, tuple[str, str]], node: nodes.Text) -> re.Pattern[str]:
    """Match the terms that a text may use, longest first, in the singular or the plural."""
    apart = isinstance(node.parent, nodes.emphasis | nodes.strong)
    whole = apart and str(node).lower() in ORDINARY
    usable = [term for term in known if whole or term not in ORDINARY]
    either = "|".join(map(re.escape, sorted(usable, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])({either or '(?!)'})s?(?![\w-])", re.IGNORECASE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Link once all pages are read."""
    app.connect("doctree-resolved", link, priority=400)  # before an index of links is put in
    return {"parallel_read_safe": True, "parallel_write_safe": True}
