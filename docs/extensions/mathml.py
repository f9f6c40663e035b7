"""Formulas as MathML, which browsers draw themselves: no script, and no network."""

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
TO_MATHML = LatexToMathML(annotation=True, fancy_error=False)


def _mathml(node: nodes.math | nodes.math_block) -> str:
    """Convert a formula; one that cannot be is a warning, and stays as it is written."""
    latex = node.astext()
    try:
        display = isinstance(node, nodes.math_block)
        return TO_MATHML.convert_with_local_state(latex, displaystyle=display)
    except LatexError as error:
        LOGGER.warning("no formula: %s: %s", latex, error, location=node)
        return f"<code>{latex}</code>"


def inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(_mathml(node))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; one wider than the screen scrolls, by keyboard too."""
    self.body.append(f'<div class="formula" tabindex="0">{_mathml(node)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
