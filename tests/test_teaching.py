"""`docs/teaching.md`: minutes add up, cells it names are there, its numbers are measured."""

import re

from conftest import ROOT
from pages import page

from zslnb import report

GUIDE = page("teaching")
PAGES = {path.stem[:2]: path for path in (ROOT / "notebooks").glob("*.py")}


def test_the_minutes_of_each_format_add_up():
    parts = re.split(r"(?m)^## ", GUIDE)
    minutes = [sum(map(int, re.findall(r"(?m)^\| (\d+) \|", part))) for part in parts]
    assert [total for total in minutes if total] == [90, 240]


def test_pages_and_headings_that_it_names_are_there():
    named = re.findall(r"pages? (\d\d), \*([^*]+)\*", GUIDE)
    assert len(named) >= 8
    for number, heading in named:
        assert re.search(rf"(?m)^# ##+ {re.escape(heading)}", PAGES[number].read_text("utf-8"))
    for number, name in re.findall(r"\[(\d\d)\]\(\.\./notebooks/(\w+)\.ipynb\)", GUIDE):
        assert PAGES[number].stem == name


def test_the_lines_that_answers_refer_to_are_in_the_table():
    assert {*re.findall(r"\bN(\d+)\b", GUIDE)} <= {str(n + 1) for n in range(len(report.TAUGHT))}
    assert report.teaching_block().count("not measured") == 2  # plain CLIP, on features not CLIP's
