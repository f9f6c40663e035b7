"""The ledger as tables and pages."""

import html.parser
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT

from zslnb.results import ledger as pages
from zslnb.results.deciding import VERDICTS, Finding, Run, Verdict
from zslnb.results.statements import Claim
from zslnb.results.statistics import Difference

CLAIM = Claim("genzsl", "W-a", "It | is <so> & so.", "Table 1", "CUB, SUN", "H", "p", "paper")
RUN = Run(
    "cub-medium",
    [],
    {
        "profile": "medium",
        "benchmark": {"name": "cub_resnet_fc1000", "semantics": "sentences", "file_sha256": "ab"},
        "git": {"revision": "0123456789"},
        "added": [{"revision": "abcdef0123", "rows": "T3, T4"}],
    },
)
RECORD = {
    "benchmark": RUN.manifest["benchmark"],
    "notebook": "14_genzsl_results",
    "table": "T2",
}
FOUND = Finding(
    RUN, RECORD, "GenZSL", "no CDP", "H", (50.0, 52.0), (49.0, 50.0), "above",
    Difference(1.5, -2.0, 5.0, 0.2, None), "open",
)  # fmt: skip


@pytest.fixture
def verdicts() -> list[Verdict]:
    measured = Verdict(CLAIM, VERDICTS[2], "0 of 1", (FOUND, replace(FOUND, standing="for")))
    number = replace(CLAIM, id="T1-SUN", paper="revcd", value=51.0)
    unmeasured = Verdict(number, VERDICTS[4], "needs SUN", stand_ins=(replace(FOUND, wanted=""),))
    return [measured, unmeasured]


def test_verdicts_are_counted_those_that_none_has_too(verdicts):
    assert pages.counts(verdicts) == dict(zip(VERDICTS, (0, 0, 1, 0, 1), strict=True))
    table = pages.counts_table(verdicts)
    assert re.search(r"\| all +\| +1 \| +1 \| +2 \|", table)


def test_a_finding_says_where_it_comes_from():
    assert pages.benchmark(FOUND) == "CUB (fc1000, sentences)"
    assert pages.command(FOUND) == (
        "make reproduce BENCHMARK=cub_resnet_fc1000.npz SEMANTICS=sentences PROFILE=medium "
        "NOTEBOOKS=14"
    )
    assert pages.revision(FOUND) == "0123456"
    assert pages.revision(replace(FOUND, record={**RECORD, "table": "T3"})) == "abcdef0"
    assert pages.revision(replace(FOUND, record={**RECORD, "table": ""})) == "0123456"


def test_a_verdict_says_on_which_benchmarks_what_was_found(verdicts):
    places = "CUB (fc1000, sentences)"
    assert pages.because(verdicts[0]) == f"as claimed on {places}; not significant on {places}"
    brief = pages.because(verdicts[0], brief=True)
    assert brief == "as claimed on CUB; not significant on CUB"
    assert pages.because(verdicts[1]) == "needs SUN"


def test_ours_stands_beside_theirs(verdicts):
    first = pages.findings_frame(verdicts[0]).iloc[0]
    assert first["compared"] == "GenZSL above no CDP, H"
    assert (first["ours"], first["beside"]) == ("51.0 ± 1.4", "49.5 ± 0.7")
    assert (first["difference"], first["p"]) == ("+1.5 (-2.0 to +5.0)", "0.200")
    assert pages.findings_frame(verdicts[1]).iloc[0]["outcome"] == "stands in"


def test_csv_and_latex_have_a_line_a_claim(verdicts):
    frame = pd.read_csv(io.StringIO(pages.ledger_frame(verdicts).to_csv(index=False)))
    assert frame["says"].tolist() == [CLAIM.says] * 2
    latex = pages.latex_table(verdicts)
    assert latex.count(r"It | is <so> \& so. &") == 2
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


class Tags(html.parser.HTMLParser):
    """What a page opens and closes, what it fetches, and its claims."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.fetched, self.claims = [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.fetched += [
            v for k, v in attrs if k in ("src", "srcset") or (tag == "link" and k == "href")
        ]
        if given.get("class") == "claim":
            self.claims.append(given)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_html_file_is_whole_and_fetches_nothing(verdicts):
    text = pages.ledger_html(verdicts, ROOT / "docs" / "static")
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert tags.fetched == ["data:,"]
    assert [c["data-verdict"] for c in tags.claims] == [VERDICTS[2], VERDICTS[4]]
    assert tags.claims[0]["data-benchmarks"] == "CUB|SUN"
    assert "It | is &lt;so&gt; &amp; so." in text
    assert "url(" not in text
    assert pages.ledger_html(verdicts, ROOT / "docs" / "static") == text


def test_markdown_folds_each_claim_and_keeps_text_from_its_meaning(verdicts):
    text = pages.ledger_markdown(verdicts)
    assert text.count("<details") == text.count("</details>") == 2
    assert "[14_genzsl_results](../notebooks/14_genzsl_results.ipynb)" in text
    assert "It | is &lt;so&gt;" in text


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize("width", [1200, 360])
def test_in_a_browser_it_filters_and_sorts_and_nothing_overlaps(verdicts, tmp_path, width):
    script = """
      const shown = () => [...document.querySelectorAll("details.claim")]
        .filter((c) => !c.hidden).map((c) => c.dataset.paper);
      const set = (name, value) => {
        document.querySelector(`[name="${name}"]`).value = value;
        document.querySelector(".ledger-controls").dispatchEvent(new Event("input"));
      };
      const found = { errors: window.errors, all: shown() };
      set("Paper", "RevCD"); found.paper = shown(); set("Paper", "all");
      set("Verdict", "not reproduced"); found.verdict = shown(); set("Verdict", "all");
      set("Word", "needs sun"); found.word = shown(); set("Word", "");
      set("Order", "by verdict"); found.sorted = shown();
      document.querySelectorAll("details").forEach((d) => (d.open = true));
      found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
      const boxes = [...document.querySelectorAll("main > *, .ledger-controls > *, details > *")]
        .map((e) => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
      found.overlaps = boxes.flatMap(([e, a], i) => boxes.slice(i + 1)
        .filter(([f, b]) => !e.contains(f) && a.left < b.right - 1 && b.left < a.right - 1
          && a.top < b.bottom - 1 && b.top < a.bottom - 1).map(([f]) => e.tagName + f.tagName));
      document.body.dataset.found = JSON.stringify(found);
    """
    text = pages.ledger_html(verdicts[::-1], ROOT / "docs" / "static")
    watch = "<script>window.errors = []; onerror = (m) => errors.push(m);</script>"
    text = text.replace("</head>", f"{watch}</head>")
    frame = tmp_path / "ledger.html"
    frame.write_text(
        text.replace("</body>", f"<script>onload = () => {{{script}}};</script></body>")
    )
    # a window of a browser has a least width, a frame has none
    page = tmp_path / "page.html"
    page.write_text(
        f'<iframe src="ledger.html" style="width:{width}px;height:2000px"></iframe><script>'
        "onload = () => { document.title = frames[0].document.body.dataset.found; };</script>"
    )
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
            *("--allow-file-access-from-files", f"--user-data-dir={tmp_path}/profile"),
            *("--virtual-time-budget=5000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    title = re.search("<title>(.*)</title>", done.stdout).group(1)
    found = json.loads(title.replace("&amp;", "&"))
    assert found == {
        "errors": [],
        "all": ["RevCD", "GenZSL"],
        "paper": ["RevCD"],
        "verdict": ["GenZSL"],
        "word": ["RevCD"],
        "sorted": ["GenZSL", "RevCD"],
        "wide": False,
        "overlaps": [],
    }


def test_a_finding_of_ours_has_its_number_interval_and_command():
    calibrated = replace(FOUND, metric="H, calibrated")
    called = replace(FOUND, other=FOUND.row, metric="a/H against b/H", called="A less B, H")
    twice = replace(FOUND, row="GenZSL · 1 off", other="GenZSL · 2 off", metric="T1")
    ours = replace(CLAIM, paper="ours", says="It holds.")
    verdict = Verdict(ours, VERDICTS[0], "", (calibrated, calibrated, called, twice))
    gain = "CUB, sentences +1.5 (−2.0 to +5.0)"
    assert pages.own_lines([verdict], "notebooks/") == (
        f"- **It holds.** GenZSL less no CDP, calibrated H: {gain}, {gain}; A less B, H: {gain}; "
        f"GenZSL, 1 off less 2 off, T1: {gain}. "
        "Page [14](notebooks/14_genzsl_results.ipynb): `make reproduce NOTEBOOKS=14`."
    )
    hardly = replace(FOUND, difference=Difference(-0.04, -2.0, 1.9, 0.9, None))
    assert "+0.0 (−2.0 to +1.9)" in pages.own_lines([replace(verdict, findings=(hardly,))])
    nothing = pages.own_lines([Verdict(ours, VERDICTS[4], "no rows")])
    assert nothing == "- **It holds.** Not measured."
