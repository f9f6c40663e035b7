"""The site's glossary and bibliography: what they say of a page, the page says."""

import re
from functools import cache

import jupytext
import pytest
from pages import page

from zslnb.notebook.sources import find_sources

ENTRIES = re.split(r"\n- ", page("bibliography").replace("\n\n", "\n\n- "))
ENTRIES = [" ".join(entry.split()) for entry in ENTRIES if entry.startswith("**")]
BLOCKS = "\n\n".join(re.findall(r"(?ms)^```\{glossary\}\n(.*?)^```", page("glossary")))
TERMS = [block.strip("\n") for block in re.split(r"\n\n+", BLOCKS) if block.strip()]


@cache
def texts() -> dict[str, str]:
    """What each page says, in words, code and captions, by its number."""
    return {
        source.number: " ".join(
            re.sub(r"[*$]", "", cell.source)
            for cell in jupytext.read(source.path, fmt="py:percent").cells
        )
        for source in find_sources()
    }


def says(number: str, name: str) -> bool:
    words, name = (re.sub(r"[\s_-]+", " ", text.lower()) for text in (texts()[number], name))
    return name in words


def notebooks(entry: str) -> list[str]:
    """Numbers of the notebooks that an entry names at its end."""
    (listed,) = re.findall(r"[Nn]otebooks? ([\d, ]+)\)?\.?$", entry)
    return listed.replace(" ", "").split(",")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[2:20])
def test_what_the_bibliography_lists_is_named_where_it_says(entry):
    names = re.findall(r"\*\*(.+?)\*\*", entry)
    assert names
    assert [n for n in notebooks(entry) for name in names if not says(n, name)] == []


@pytest.mark.parametrize("entry", TERMS, ids=lambda entry: entry.splitlines()[0])
def test_a_term_is_used_on_the_page_that_defines_it(entry):
    names = [line for line in entry.splitlines() if not line.startswith(" ")]
    meaning = " ".join(line.strip() for line in entry.splitlines() if line.startswith(" "))
    assert meaning
    unused = [n for n in notebooks(meaning) if not any(says(n, name) for name in names)]
    assert unused == []


def test_both_have_entries_enough_to_be_worth_a_page():
    assert len(ENTRIES) > 30
    assert len(TERMS) > 40


def test_links_go_to_proceedings_and_preprints_by_their_own_address():
    links = re.findall(r"\]\((https?://[^)]+)\)", page("bibliography"))
    assert len(links) == len({*links})
    assert all(
        re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}", a) for a in links if "arxiv" in a
    )
