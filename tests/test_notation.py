"""`docs/notation.md`: one meaning a letter, on all pages and in the figures of the studies."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from conftest import ROOT

GUIDE = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
PAGES = {path.stem[:2]: path for path in sorted((ROOT / "notebooks").glob("*.py"))}
STUDIES = sorted((ROOT / "zslnb" / "studies").glob("*.py"))
GREEK = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi
    varphi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega
""".split()  # noqa: SIM905
MATHS = re.compile(r"\$\$(.+?)\$\$|\$([^$]+)\$", re.DOTALL)
# other fonts, environments, and what is a word: three letters and more
WORDS = re.compile(
    r"\\(?:text|mathrm|begin|end)\s*\{[^{}]*\}|\\math\w+\s*(?:\{[^{}]*\}|\w)|(?<![\\A-Za-z])[A-Za-z]{3,}"
)


def letters(text: str) -> set[str]:
    """Every letter that the formulas of a text use, Greek ones by name, whatever they carry."""
    found = set()
    for display, inline in MATHS.findall(text):
        formula = WORDS.sub(" ", (display or inline).replace("\\\\", "\\"))
        names = re.findall(r"\\([A-Za-z]+)", formula)
        found |= {name for name in names if name in GREEK}
        found |= {*re.sub(r"\\[A-Za-z]+|[^A-Za-z]", "", formula)}
    return found


def of_page(path: Path) -> set[str]:
    """Letters of a page: of each cell by itself, so that no formula runs over its end."""
    text = re.sub(r"(?m)^# ?", "", path.read_text(encoding="utf-8").replace("\n# %%", "\n%%"))
    return set().union(*map(letters, text.split("\n%%")))


LINES = [line for line in GUIDE.splitlines() if line.startswith("| $")]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in LINES]
SYMBOLS = [symbol for row in ROWS for symbol in re.findall(r"\$[^$]+\$", row[0])]
USED = {number: of_page(path) for number, path in PAGES.items()}


def test_the_tokenizer_finds_letters_and_nothing_else():
    text = r"""$$\underbrace{\lVert \hat x_i - x \rVert^2}_{\text{be near}} = \mathcal N(0, I)
    + \lambda_{pen} \mathcal{L}_{rec}$$ and $\tilde z^{refer}$, $2SU/(S+U)$ and $\mathrm{SNR}(t)$"""
    assert letters(text) == {*"xiIzSUt", "lambda"}


def test_a_row_has_seven_cells_and_no_symbol_two_rows():
    assert {len(row) for row in ROWS} == {7}
    assert len({*SYMBOLS}) == len(SYMBOLS)


@pytest.mark.parametrize("page", PAGES)
def test_each_letter_of_a_page_is_in_the_table_and_allowed_there(page):
    allowed = {
        letter
        for row in ROWS
        if "only" not in row[6] or f"[{page}]" in row[6]
        for letter in letters(row[0])
    }
    assert USED[page] <= allowed, "give it a row in docs/notation.md, or take a letter that has one"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_pages_that_a_row_names_use_one_of_its_letters(row):
    pages = re.findall(r"\[(\d\d)\]", row[6])
    assert pages
    for page in pages:
        assert letters(row[0]) & USED[page], page
        assert f"[{page}]: ../notebooks/{PAGES[page].stem}.ipynb\n" in GUIDE


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_figures_use_letters_of_the_table(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    used = set().union(*(letters(text) for text in texts if isinstance(text, str)))
    assert used <= set().union(*map(letters, SYMBOLS))


CODE = sorted({path for row in ROWS for path in re.findall(r"`(\w+\.[^`]+)`", row[3])})


@pytest.mark.parametrize("path", CODE)
def test_what_the_table_calls_code_is_there(path):
    named, argument = re.fullmatch(r"(.+?)(?:\(([a-z]\w*)\))?", path).groups()
    room, _, rest = named.partition(".")
    found = eval(f"room.{rest}", {"room": import_module(f"zslnb.{room}")})
    assert argument is None or argument in inspect.signature(found).parameters


def test_page_00_and_the_guide_to_the_code_lead_here():
    assert "(../docs/notation.md)" in PAGES["00"].read_text(encoding="utf-8")
    assert "(notation.md)" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
