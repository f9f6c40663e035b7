"""`zslnb.text`: names of any kind are shown as they are written."""

import pytest
from matplotlib.figure import Figure

from zslnb.text import markdown, plain


@pytest.mark.parametrize("name", ["Ba$$in", "A$AP and $ke", "one $", "麻雀", "ไทย"])
def test_a_label_shows_the_name_as_it_is(name):
    label = Figure().text(0, 0, plain(name))
    shown, is_math = label._preprocess_math(label.get_text())
    assert (shown, is_math) == (name, False)


def test_markdown_shows_the_name_as_it_is():
    assert markdown("a|b $c$ *d* 麻雀") == r"a\|b \$c\$ \*d\* 麻雀"
