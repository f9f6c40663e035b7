"""`zslnb.text`: names of any kind are shown as they are written."""

import io
import sys

import pytest
from matplotlib.figure import Figure

from zslnb.text import markdown, plain, print_any_name


@pytest.mark.parametrize("name", ["Ba$$in", "A$AP and $ke", "one $", "麻雀", "ไทย"])
def test_a_label_shows_the_name_as_it_is(name):
    label = Figure().text(0, 0, plain(name))
    shown, is_math = label._preprocess_math(label.get_text())
    assert (shown, is_math) == (name, False)


def test_markdown_shows_the_name_as_it_is():
    assert markdown("a|b $c$ *d* 麻雀") == r"a\|b \$c\$ \*d\* 麻雀"


def test_a_console_without_the_letters_gets_escapes(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    print_any_name()
    print("麻雀, Käuzchen", flush=True)
    assert console.buffer.getvalue().decode("cp1252") == "\\u9ebb\\u96c0, Käuzchen\n"
