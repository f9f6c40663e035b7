"""What the site adds to a page: its number, texts in place of figures, anchors for cells."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

FOLDER = "notebooks/"


class Pages(SphinxTransform):
    """Prepare a page that was a notebook."""

    default_priority = 700

    def apply(self) -> None:
        """Change the page in place; a guide stays as it is."""
        if not self.env.docname.startswith(FOLDER):
            return
        title = next(self.document.findall(nodes.title))
        title.insert(0, nodes.Text(f"{number(self.env.docname)} "))
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code":
                cell["ids"].append(f"cell-{cell['cell_index']}")
        for entry in self.document.findall(nodes.entry):
            for text in [*entry.findall(nodes.Text)]:  # a mean and its spread stay on one line
                text.parent.replace(text, nodes.Text(text.replace(" ± ", "\u00a0±\u00a0")))
        for output in self.document.findall(nodes.container):
            if output.get("nb_element") == "mime_bundle":
                _describe(output)


def number(docname: str) -> str:
    """Give the number of a page, as "10"."""
    return docname.removeprefix(FOLDER).partition("_")[0]


def _describe(output: nodes.container) -> None:
    """Give an output's picture its caption, which is the next output, as text."""
    caption = output.next_node(nodes.container, descend=False, siblings=True)
    for image in output.findall(nodes.image):
        image["alt"] = caption.astext().partition("\n\n")[0] if caption else "figure"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what is done to each page once it is read."""
    app.add_transform(Pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
