"""The site: the executed pages and the guides, read offline. `make site` builds it in build/site.

Sphinx reads from the repository's root, so that a link between a page and a guide is the same one
on GitHub, in JupyterLab and here.
"""

import os
import sys
from pathlib import Path

import ziamath

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "docs" / "extensions")]

from colab import published_at  # noqa: E402

# Where the repository is published, as "https://github.com/OWNER/NAME". The buttons to Binder and
# Colab, and to the source, need it; without it they are left out. The workflow sets it.
REPOSITORY = os.environ.get("ZSLNB_REPOSITORY") or published_at()

project = "zslnb"
author = "The zslnb maintainers"
html_title = "Generative zero-shot learning, taken apart"

root_doc = "docs/index"
include_patterns = ["docs/*.md", "notebooks/*.ipynb", "zslnb/datasets/aviary/CARD.md"]
exclude_patterns = [".*", "build", "results", "tests", "benchmarks", "papers"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
extensions = ["myst_nb", "mathml", "notebook_pages", "by_number", "glossary_links"]

# A page shows the outputs of its last run; nothing is executed here
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3

nitpicky = True
html_math_renderer = "mathml"
MATH_FONT = str(Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf")
html_theme = "sphinx_book_theme"
html_theme_options = {
    "navigation_with_keys": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the sidebar has the search
}
html_context = {"default_mode": "auto"}  # dark where the reader's system is
if REPOSITORY:
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": "main",
        "use_repository_button": True,
        "use_source_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
html_static_path = ["static", MATH_FONT]
html_css_files = ["site.css", "ledger.css"]
html_js_files = ["ledger.js"]
templates_path = ["templates"]
html_additional_pages = {"index": "to-front-page.html"}  # the front page is docs/index.html
html_show_search_summary = False  # a page that is opened as a file may not fetch others
