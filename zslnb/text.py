"""Names that people gave, as text and never as markup: in figures and in Markdown."""

import re


def plain(name: str) -> str:
    """Escape a name for a figure's label, where two dollars would set what is between as math."""
    return name.replace("$", r"\$")


def markdown(text: str) -> str:
    """Escape a text for Markdown, in a table's cell too: it is shown as it is written."""
    return re.sub(r"([\\`*_{}\[\]<>$|~#])", r"\\\1", text)
