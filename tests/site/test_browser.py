"""The site in a browser: each page as a reader meets it, offline, in both themes and on a phone."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from website import pages

from zslnb.notebook.sources import find_sources

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytest.importorskip("sphinx", reason="Sphinx is not installed; make site brings it.")
pytestmark = pytest.mark.slow

VIEWS = {"light": 1280, "dark": 390}  # theme -> width of the window, in pixels
AXE = find_spec("axe_playwright_python")  # which holds axe-core, a script
SEVERE = ("serious", "critical")
# the background, as the eye weighs red, green and blue: 0 is black, 255 white
BRIGHTNESS = """
() => {
  const parts = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}
"""


@dataclass
class Visit:
    """What was seen of one page."""

    name: str
    said: list[str] = field(default_factory=list)  # by the console: errors and warnings
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)  # asked of the network
    width: int = 0
    brightness: float = 0.0
    findings: list[str] = field(default_factory=list)  # axe-core's


def opened(context: "BrowserContext", path: Path, visit: Visit) -> "Page":
    """Open a page and note what goes wrong meanwhile."""
    page = context.new_page()
    page.on("console", lambda m: m.type in ("error", "warning") and visit.said.append(m.text))
    page.on("pageerror", lambda error: visit.said.append(str(error)))
    page.on("requestfailed", lambda request: visit.failed.append(request.url))
    page.on(
        "request",
        lambda r: r.url.startswith(("file:", "data:")) or visit.foreign.append(r.url),
    )
    page.goto(path.as_uri(), wait_until="load")
    return page


def axe(page: "Page") -> list[str]:
    """Let axe-core look for what keeps readers out; give what is serious."""
    folder = Path(AXE.submodule_search_locations[0])
    page.evaluate((folder / "axe.min.js").read_text(encoding="utf-8"))
    # style sheets cannot be fetched by scripts of a page that is a file
    found = page.evaluate("axe.run({preload: false, resultTypes: ['violations']})")
    return [
        f"{finding['id']}: {node['html'][:100]}"
        for finding in found["violations"]
        for node in finding["nodes"]
        if finding["impact"] in SEVERE
    ]


@pytest.fixture(scope="module", params=VIEWS)
def visits(request, chromium: "Browser", site: Path) -> tuple[str, list[Visit]]:
    """Visit all pages in one theme, without a network."""
    theme, seen = request.param, []
    viewport = {"width": VIEWS[theme], "height": 900}
    context = chromium.new_context(viewport=viewport, color_scheme=theme, offline=True)
    for path in pages(site):
        if path == site / "index.html":  # it leads on to the front page
            continue
        visit = Visit(path.relative_to(site).as_posix())
        page = opened(context, path, visit)
        visit.width = page.evaluate("document.documentElement.scrollWidth")
        visit.brightness = page.evaluate(BRIGHTNESS)
        visit.findings = axe(page) if AXE else []
        seen.append(visit)
        page.close()
    context.close()
    return theme, seen


def test_no_page_complains_or_misses_a_file_or_asks_the_network(visits):
    _, seen = visits
    assert len(seen) > len(find_sources())
    assert [
        (v.name, v.said, v.failed, v.foreign) for v in seen if v.said + v.failed + v.foreign
    ] == []


def test_no_page_is_wider_than_the_window(visits):
    theme, seen = visits
    assert [(v.name, v.width) for v in seen if v.width > VIEWS[theme]] == []


def test_each_page_follows_the_systems_theme(visits):
    theme, seen = visits
    wrong = [v.name for v in seen if (v.brightness < 128) != (theme == "dark")]
    assert wrong == []


@pytest.mark.skipif(not AXE, reason="axe-core is not here: pip install axe-playwright-python.")
def test_axe_finds_nothing_serious(visits):
    _, seen = visits
    assert [(v.name, v.findings) for v in seen if v.findings] == []


def test_the_root_leads_to_the_front_page_and_the_button_changes_the_theme(chromium, site):
    page = chromium.new_page(color_scheme="light", offline=True)
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    seen = [page.evaluate(BRIGHTNESS)]
    for mode in ("dark", "light"):
        page.get_by_label("Color mode").click()
        page.locator(f".theme-change-button[data-mode={mode}]").click()
        seen.append(page.evaluate(BRIGHTNESS))
    page.close()
    assert [brightness < 128 for brightness in seen] == [False, True, False]


@pytest.mark.parametrize("width", VIEWS.values())
def test_the_search_finds_the_boosting_loss(chromium, site, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto((site / "docs" / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("boosting loss")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a")  # they come one after another, the best first
    page.locator('#search-results li a[href*="12_boosting_loss.html"]').first.wait_for()
    addresses = [link.get_attribute("href") for link in found.all()]
    page.close()
    assert any("notebooks/12_boosting_loss.html" in address for address in addresses[:3])


def with_sliders() -> list[str]:
    """Pages that hold a figure to be moved."""
    return [s.name for s in find_sources() if "data-frames" in s.executed.read_text("utf-8")]


@pytest.mark.parametrize("name", with_sliders())
def test_each_figure_that_can_be_moved_changes_when_it_is(chromium, site, name):
    visit = Visit(name)
    context = chromium.new_context(offline=True)
    page = opened(context, site / "notebooks" / f"{name}.html", visit)
    figures = page.locator("figure[data-frames]").all()
    for figure in figures:
        picture, control = figure.locator("img"), figure.locator("input, select")
        seen = [(picture.get_attribute("src"), picture.get_attribute("alt"))]
        control.focus()
        for key in ("Home", "ArrowDown" if control.evaluate("c => c.options") else "ArrowRight"):
            page.keyboard.press(key)
            seen.append((picture.get_attribute("src"), picture.get_attribute("alt")))
        assert len({*seen}) >= 2
        assert seen[-1] != seen[-2]
        assert picture.evaluate("p => p.decode().then(() => p.naturalWidth)") > 100
    context.close()
    assert figures
    assert visit.said == []
