"""`docs/extensions/by_number.py`: which numbers of the papers a text names."""

import importlib

import pytest
from conftest import ROOT

pytest.importorskip("sphinx", reason="Sphinx is not installed; make site brings it.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tables 1 and 2", ["Table 1", "Table 2"]),
        ("equations 3 to 5 and 9", ["equation 3", "equation 4", "equation 5", "equation 9"]),
        ("(eqs. 23, 24), Figure 2a", ["equation 23", "equation 24", "Figure 2a"]),
        ("sections 3.1 to 3.3 and 4", ["section 3.1", "section 3.2", "section 3.3", "section 4"]),
        ("Figures 2a to 2b; algorithm 1", ["Figure 2a", "Figure 2b", "algorithm 1"]),
        ("the tables of 2 papers", []),
    ],
)
def test_numbers_are_read_as_they_are_written(monkeypatch, text, found):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "extensions"))
    by_number = importlib.import_module("by_number")
    assert [f"{kind} {n}" for kind, n in by_number.places(text)] == found


def test_a_pages_own_figures_are_not_the_papers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "extensions"))
    by_number = importlib.import_module("by_number")
    text = "Figure 2's diagonal, unlike the paper’s Figure 3, shows eq. 4 (Table 1)."
    said = by_number._said(by_number.nodes.paragraph(text=text))
    assert {*by_number.places(said)} == {("Figure", "3"), ("equation", "4")}
