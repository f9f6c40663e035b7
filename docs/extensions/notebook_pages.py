"""What the site adds to a page: its number, texts in place of figures, anchors for cells."""

import json
from collections.abc import Iterator
from pathlib import Path

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
        source = json.loads(Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8"))
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code":
                cell["ids"].append(f"cell-{cell['cell_index']}")
                texts = _texts(source["cells"][cell["cell_index"]])
                for image, text in zip(cell.findall(nodes.image), texts, strict=True):
                    image["alt"] = text
        for entry in self.document.findall(nodes.entry):
            for text in [*entry.findall(nodes.Text)]:  # a mean and its spread stay on one line
                text.parent.replace(text, nodes.Text(text.replace(" ± ", "\u00a0±\u00a0")))


def number(docname: str) -> str:
    """Give the number of a page, as "10"."""
    return docname.removeprefix(FOLDER).partition("_")[0]


def _texts(cell: dict) -> Iterator[str]:
    """Give the alt text of each picture among a cell's outputs, which MyST-NB leaves out."""
    for output in cell["outputs"]:
        for kind, about in output.get("metadata", {}).items():
            if kind.startswith("image/"):
                yield about["alt"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what is done to each page once it is read."""
    app.add_transform(Pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
