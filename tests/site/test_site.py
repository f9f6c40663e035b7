"""The site, built once as `make site` builds it: it reads offline, and its links lead somewhere."""

import json
import re
from copy import copy
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT
from website import built, pages

from zslnb.notebook.sources import find_sources

pytest.importorskip("sphinx", reason="Sphinx is not installed; make site brings it.")
bs4 = pytest.importorskip("bs4", reason="Beautiful Soup is not installed; make site brings it.")
pytestmark = pytest.mark.slow

ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
LOADS = "img[src], script[src], iframe[src], source[src], link[rel~=stylesheet], link[rel~=preload]"


@cache
def soup(path: Path) -> "bs4.BeautifulSoup":
    return bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def row(site: Path, place: str) -> dict[str, str]:
    """Links of one row of the index by the papers' numbers: text -> address."""
    links = soup(site / "docs" / "by-number.html").select(f"tr#{place} a")
    return {link.get_text(): link["href"] for link in links}


def test_nothing_is_loaded_from_elsewhere(site):
    assert len(pages(site)) > len(find_sources())
    addresses = [
        tag.get("src") or tag["href"] for page in pages(site) for tag in soup(page).select(LOADS)
    ]
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    addresses += re.findall(r"""(?:url\(|@import )["']?([^"')]+)""", "\n".join(styles))
    assert any("STIXTwoMath" in address for address in addresses)
    assert not [address for address in addresses if ELSEWHERE.match(address)]


def test_what_is_loaded_is_there(site):
    missing = [
        (page.name, address)
        for page in pages(site)
        for tag in soup(page).select(LOADS)
        for scheme, _, address, *_ in [urlsplit(tag.get("src") or tag["href"])]
        if scheme != "data" and address and not (page.parent / unquote(address)).is_file()
    ]
    assert not missing


def test_links_and_anchors_within_the_site_resolve(site):
    broken = []
    for page in pages(site):
        for link in soup(page).select("a[href]"):
            address = urlsplit(link["href"])
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            found = target.is_file()
            if found and address.fragment and target.suffix == ".html":
                found = soup(target).find(id=unquote(address.fragment)) is not None
            if not found and link["href"] != "#":  # a button of the theme
                broken.append((page.name, link["href"]))
    assert not broken


def test_the_front_page_maps_all_pages_in_order_and_the_root_leads_there(site):
    front = soup(site / "docs" / "index.html").find("article")
    listed = [Path(link["href"]).stem for link in front.select('a[href*="notebooks/"]')]
    names = [source.name for source in find_sources()]
    assert sorted(listed) == names
    assert listed.index("23_guidance_and_sampling") < listed.index("14_genzsl_results")
    assert "url=docs/index.html" in (site / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", find_sources(), ids=lambda source: source.name)
def test_a_page_has_its_number_its_formulas_and_a_text_for_each_figure(site, source):
    page = soup(site / "notebooks" / f"{source.name}.html")
    assert page.h1.get_text().startswith(f"{source.number} {source.title}")
    images = page.select(".cell_output img")
    frames = [image for image in images if "data-frames" in image.parent.attrs]
    assert all(image["alt"] for image in frames)
    cells = json.loads(source.executed.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    shown = [
        output["metadata"][kind]["alt"]
        for output in outputs
        for kind in output.get("data", ())
        if kind.startswith("image/")
    ]
    assert [image["alt"] for image in images if image not in frames] == shown
    written = copy(page.find("article"))
    for code in written.select("annotation, pre, code"):
        code.extract()
    assert not re.search(r"\$[^$]*\\", written.get_text())  # no formula stays as it is typed


def test_the_search_finds_the_boosting_loss(site):
    from sphinx.search.en import SearchEnglish

    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    page = index["docnames"].index("notebooks/12_boosting_loss")
    for word in ("boosting", "loss"):
        stem = SearchEnglish({}).stem(word)
        found = [index[kind].get(stem, []) for kind in ("terms", "titleterms")]
        assert page in [n for some in found for n in (some if isinstance(some, list) else [some])]


@pytest.mark.parametrize(
    ("place", "page", "words"),
    [
        ("genzsl-table-3", "14_genzsl_results", "(Table 3)"),
        ("genzsl-figure-5", "13_induction_vs_imagination", "Figure 5"),
        ("revcd-figure-3", "23_guidance_and_sampling", "(Figure 3)"),
        ("revcd-equation-22", "23_guidance_and_sampling", "Guidance"),
        ("revcd-equation-11", "21_diffusion_losses", ", code"),
    ],
)
def test_a_place_of_a_paper_leads_to_what_makes_it(site, place, page, words):
    found = row(site, place)
    assert [text for text, address in found.items() if page in address and words in text]


def test_each_place_has_a_link_and_a_pages_own_figures_are_none(site):
    rows = soup(site / "docs" / "by-number.html").select("article tr")
    assert len(rows) > 50
    assert all(found.select("a") for found in rows)
    assert not row(site, "genzsl-figure-7")  # no page rebuilds it
    assert not row(site, "revcd-figure-5")  # pages have a fifth figure, RevCD has none


def test_a_word_of_the_glossary_says_what_it_means_where_it_comes_first(site):
    page = soup(site / "notebooks" / "11_referent_induction.html")
    (link,) = [a for a in page.select("a.term") if a.get_text() == "referents"]
    assert link["href"] == "../docs/glossary.html#term-referent"
    assert link["title"].startswith("A seen class whose semantics are most similar")


def test_a_word_of_every_day_is_a_term_only_where_it_is_set_apart(site):
    linked = {
        name: [
            a.get_text().lower() for a in soup(site / "notebooks" / f"{name}.html").select("a.term")
        ]
        for name in ("14_genzsl_results", "21_diffusion_losses")
    }
    assert "clean" in linked["14_genzsl_results"]  # the protocol
    assert "clean" not in linked["21_diffusion_losses"]  # the sample


def test_each_page_has_buttons_to_colab_and_binder_once_the_repository_is_published(tmp_path):
    """Both services are elsewhere; what can be checked here is that the page they open is there."""
    published = built(tmp_path, ZSLNB_REPOSITORY="https://github.com/someone/zslnb")
    for source in find_sources():
        page = soup(published / "notebooks" / f"{source.name}.html")
        links = {a["href"] for a in page.select("a[href*=someone]")}
        path = source.executed.relative_to(ROOT).as_posix()
        colab = "https://colab.research.google.com/github/someone/zslnb/blob/main/"
        binder = "https://mybinder.org/v2/gh/someone/zslnb/main?urlpath=lab/tree/"
        assert {colab + path, binder + path} <= links
        assert not page.find(string=re.compile("google.colab"))  # nor shows it the cell for Colab
