"""The ledger of claims and verdicts as tables and pages: Markdown, CSV, LaTeX, one HTML file."""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from zslnb.results.deciding import VERDICTS, Finding, Verdict
from zslnb.results.statements import PAPERS
from zslnb.results.statistics import Difference, spread
from zslnb.results.tables import markdown_table
from zslnb.text import markdown

NAMES = {  # of benchmarks in records -> as pages call them
    "aviary": "aviary",
    "cub_resnet_fc1000": "CUB",
    "imagenet1k_vitb32": "ImageNet names",
    "lvis1203_vitb32": "LVIS names",
}
FEATURES = {"cub_resnet_fc1000": "fc1000"}
SEMANTICS = {"clip_text": "names", "embeddings": ""}
GRADES = {  # how well a claim is known, in words
    "code": "read in the released code",
    "paper": "read in the paper",
    "reviews": "reported by public reviews",
    "quoted": "quoted by another paper",
    "memory": "from memory",
    "inference": "our inference",
    "summary": "read in a public summary",
}
SIDES = {"for": "as claimed", "against": "the other way round", "open": "not significant"}
TITLE = "Ledger of claims: GenZSL and RevCD"


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Count each verdict, those that nothing has, too."""
    words = [verdict.word for verdict in verdicts]
    return {word: words.count(word) for word in VERDICTS}


def counts_table(verdicts: Sequence[Verdict]) -> str:
    """Tabulate how many claims of each paper have each verdict, as Markdown."""
    by_paper = {
        name: counts(v for v in verdicts if v.claim.paper == paper)
        for paper, name in PAPERS.items()
    }
    frame = pd.DataFrame(by_paper).assign(both=lambda f: f.sum(axis=1))
    frame.loc["all"] = frame.sum()
    return markdown_table(frame.rename_axis("verdict"))


def ledger_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Tabulate the ledger, one row a claim."""
    return pd.DataFrame(
        {
            "paper": PAPERS[v.claim.paper],
            "claim": v.claim.id,
            "says": v.claim.says,
            "place": v.claim.place,
            "benchmark": v.claim.benchmark,
            "metric": v.claim.metric,
            "protocol": v.claim.protocol,
            "known": GRADES[v.claim.grade],
            "verdict": v.word,
            "because": because(v),
        }
        for v in verdicts
    )


def latex_table(verdicts: Iterable[Verdict]) -> str:
    """Write the ledger as a LaTeX table (booktabs, longtable)."""
    frame = ledger_frame(verdicts)[["claim", "says", "benchmark", "verdict", "because"]]
    columns = "lp{.3\\linewidth}lp{.15\\linewidth}p{.25\\linewidth}"
    return frame.to_latex(
        index=False, escape=True, longtable=True, column_format=columns, caption=TITLE + "."
    )


def because(verdict: Verdict, *, brief: bool = False) -> str:
    """Say why a claim has its verdict: on which benchmarks what was found, or the reason.

    `brief` leaves out what stands in brackets behind a benchmark's name.
    """
    if verdict.claim.is_number or not verdict.findings:
        return verdict.reason
    return "; ".join(filter(None, (_failed(verdict), *_where(verdict.findings, brief))))


def _failed(verdict: Verdict) -> str:
    return verdict.reason if any(not holds for _, holds in verdict.checks) else ""


def _where(findings: Sequence[Finding], brief: bool) -> Iterable[str]:
    """Say on which benchmarks comparisons speak for a claim, against it, or are not significant."""
    for standing, words in SIDES.items():
        of_side = [benchmark(f) for f in findings if f.standing == standing]
        of_side = [name.partition(" (")[0] if brief else name for name in of_side]
        times = {name: of_side.count(name) for name in of_side}
        places = [f"{name} ({n} comparisons)" if n > 1 else name for name, n in times.items()]
        if places:
            yield f"{words} on {', '.join(places)}"


def benchmark(finding: Finding) -> str:
    """Name the benchmark behind a finding; in brackets features, semantics and schedule."""
    on = finding.record["benchmark"]
    name = NAMES.get(on["name"], on["name"])
    full = "full schedule" if finding.run.manifest.get("profile") == "full" else ""
    semantics = SEMANTICS.get(on["semantics"], on["semantics"])
    more = ", ".join(filter(None, (FEATURES.get(on["name"]), semantics, full)))
    return f"{name} ({more})" if more else name


def command(finding: Finding) -> str:
    """Give the command that makes a finding's records again."""
    facts, on = finding.run.manifest, finding.run.manifest.get("benchmark", {})
    if "made_by" in facts:
        return f"python {facts['made_by']}"
    name = f"{on.get('name')}.npz" if on.get("file_sha256") else on.get("name")
    options = {} if name == "aviary" else {"BENCHMARK": name, "SEMANTICS": on.get("semantics")}
    options |= {} if facts.get("profile") == "smoke" else {"PROFILE": facts.get("profile")}
    number = finding.record["notebook"].partition("_")[0]
    given = (f"{k}={v}" for k, v in {**options, "NOTEBOOKS": number}.items() if v)
    return f"make reproduce {' '.join(given)}"


def revision(finding: Finding) -> str:
    """Give the short revision that a finding's records were made with."""
    facts = finding.run.manifest
    table, full = finding.record.get("table"), facts.get("git", {}).get("revision")
    for added in facts.get("added", []):  # the last that has the table
        full = added["revision"] if table and table in added["rows"].split(", ") else full
    return (full or "unknown")[:7]


def findings_frame(verdict: Verdict) -> pd.DataFrame:
    """Tabulate a claim's comparisons, or our figures for a number: ours beside theirs."""
    rows = []
    for f in (*verdict.findings, *verdict.stand_ins):
        digits = _digits(f)
        line = {"benchmark": benchmark(f), "compared": compared(f)}
        line["ours"] = spread(f.ours, digits)
        line["beside"] = spread(f.beside, digits) if len({*f.beside}) > 1 else f"{f.beside[0]:g}"
        if f.difference:
            told = f.difference
            line["difference"] = _told(told, digits)
            if told.low == told.low:
                line["p"] = "< 0.001" if told.p < 0.001 else f"{told.p:.3f}"
        line["seeds"] = len(f.ours)
        line["outcome"] = (
            "stands in" if f in verdict.stand_ins else SIDES[f.standing] * bool(f.wanted)
        )
        rows.append(line)
    return pd.DataFrame(rows).dropna(axis=1, how="all").fillna("")


def _digits(finding: Finding) -> int:
    """How many digits suit it: one for percentages, more for what is below 1."""
    return 1 if max(map(abs, (*finding.ours, *finding.beside))) > 1 else 3


def _told(found: Difference, digits: int) -> str:
    """Write a mean difference, and its interval if it has one."""
    mean = f"{found.mean:+z.{digits}f}"
    has_interval = found.low == found.low
    return f"{mean} ({found.low:+.{digits}f} to {found.high:+.{digits}f})" if has_interval else mean


def compared(finding: Finding) -> str:
    """Say what a finding compares."""
    metric = finding.metric.replace("/", ": ")
    if finding.other == finding.row:  # two scores of one row
        first, _, second = metric.partition(" against ")
        return f"{finding.row}: {first} {finding.wanted} {second}"
    if not finding.wanted:
        return f"{finding.row}, {metric}"
    return f"{finding.row} {finding.wanted} {finding.other}, {metric}"


def facts(verdict: Verdict) -> dict[str, str]:
    """Say of a claim where it stands, how well it is known, and how it was decided."""
    claim = verdict.claim
    checks = "; ".join(
        f"{text}: {'holds' if ok else 'does not hold'}" for text, ok in verdict.checks
    )
    lines = {
        "Claimed": f"{PAPERS[claim.paper]}, {claim.place}; benchmark {claim.benchmark}; "
        f"{claim.metric}; protocol: {claim.protocol}; {GRADES[claim.grade]}.",
        "Verdict": f"{verdict.word}: {because(verdict)}.",
        "The paper's own numbers": checks and checks + ".",
        "Note": claim.note and claim.note[0].upper() + claim.note[1:].rstrip(".") + ".",
    }
    return {name: text for name, text in lines.items() if text}


def sources(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Give the page, command and revision of each run behind a verdict, each once."""
    found = (*verdict.findings, *verdict.stand_ins)
    return [*dict.fromkeys((f.record["notebook"], command(f), revision(f)) for f in found)]


def own_lines(verdicts: Iterable[Verdict], notebooks: str = "") -> str:
    """List findings of our own as Markdown: the sentence, what it rests on, and its command.

    Args:
        verdicts: as `own_ledger` decides them.
        notebooks: the way to the folder of notebooks, with a slash behind it.
    """
    lines = []
    for verdict in verdicts:
        if not verdict.findings:
            lines.append(f"- **{verdict.claim.says}** Not measured.")
            continue
        by_kind: dict[str, list[str]] = {}
        for f in verdict.findings:
            told = _told(f.difference, _digits(f)).replace("-", "−")
            on = benchmark(f).replace(" (", ", ").rstrip(")").replace("fc1000, ", "")
            by_kind.setdefault(_against(f), []).append(f"{on} {told}")
        shown = "; ".join(f"{kind}: {', '.join(of_kind)}" for kind, of_kind in by_kind.items())
        pages = dict.fromkeys(f.record["notebook"] for f in verdict.findings)
        links = ", ".join(f"[{p.partition('_')[0]}]({notebooks}{p}.ipynb)" for p in pages)
        numbers = " ".join(p.partition("_")[0] for p in pages)
        how = (
            f'`make reproduce NOTEBOOKS="{numbers}"`'
            if len(pages) > 1
            else (f"`make reproduce NOTEBOOKS={numbers}`")
        )
        lines.append(f"- **{verdict.claim.says}** {shown}. Page {links}: {how}.")
    return "\n".join(lines)


def _against(finding: Finding) -> str:
    """Say in a few words what a finding compares, without its row's kind of semantics."""
    if finding.called:
        return finding.called
    metric = re.sub(r"^(\w+), calibrated$", r"calibrated \1", finding.metric)
    (row, _, of_row), (other, _, of_other) = (
        name.partition(" · ") for name in (finding.row, finding.other)
    )
    both = f"{row}, {of_row} less {of_other}" if row == other else f"{row} less {other}"
    return f"{both}, {metric.replace('/', ' ')}"


def _attributes(verdict: Verdict) -> str:
    """What a page filters by."""
    on = [part.strip() for part in verdict.claim.benchmark.split(",")]
    on += [benchmark(f).partition(" (")[0] for f in verdict.findings]
    data = {
        "paper": PAPERS[verdict.claim.paper],
        "verdict": verdict.word,
        "benchmarks": "|".join(dict.fromkeys(on)),
        "rank": str(VERDICTS.index(verdict.word)),
    }
    return " ".join(f'data-{key}="{html.escape(value)}"' for key, value in data.items())


def _summary(verdict: Verdict) -> str:
    kind = VERDICTS.index(verdict.word)
    claim = verdict.claim
    return (
        f'<summary><b class="verdict v{kind}">{verdict.word}</b> '
        f"{html.escape(claim.says)} <small>{PAPERS[claim.paper]}, <code>{claim.id}</code></small>"
        "</summary>"
    )


def ledger_markdown(verdicts: Iterable[Verdict]) -> str:
    """Write the ledger as Markdown, each claim folded (GitHub and the site open it)."""
    parts = []
    for verdict in verdicts:
        lines = [f"**{name}.** {markdown(text)}" for name, text in facts(verdict).items()]
        if verdict.findings or verdict.stand_ins:
            lines.append(markdown_table(findings_frame(verdict), has_names=True).strip())
        lines += [
            f"[{page}](../notebooks/{page}.ipynb): `{how}`, revision {made}"
            for page, how, made in sources(verdict)
        ]
        body = "\n\n".join(lines)
        parts.append(
            f'<details class="claim" {_attributes(verdict)}>{_summary(verdict)}\n\n'
            f"{body}\n\n</details>"
        )
    return "\n".join(parts)


def ledger_html(verdicts: Sequence[Verdict], static: Path) -> str:
    """Write the ledger as one HTML file that needs nothing else.

    Args:
        verdicts: the claims, in their order.
        static: folder that holds `ledger.css` and `ledger.js`.
    """
    style, script = (
        (static / f"ledger.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")
    )
    summed = counts(verdicts)
    shown = ", ".join(f"{n} {word}" for word, n in summed.items())
    body = "\n".join(_html(verdict) for verdict in verdicts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{TITLE}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<style>\n{style}</style>\n</head>\n'
        f'<body class="ledger-page">\n<main>\n<h1>{TITLE}</h1>\n'
        f"<p>{len(verdicts)} claims: {shown}. Each opens to what it rests on.</p>\n"
        f"{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def intervals_svg(verdict: Verdict) -> str:
    """Draw each comparison's mean difference and its 95 % interval, about nothing; "" if none."""
    drawn = [f for f in verdict.findings if f.difference and f.difference.low == f.difference.low]
    if not drawn:
        return ""
    scale = 95 / max(abs(b) for f in drawn for b in (f.difference.low, f.difference.high, 1e-9))
    parts = []
    for line, f in enumerate(drawn):
        told, y = f.difference, 22 * line + 14
        low, mean, high = (120 + scale * at for at in (told.low, told.mean, told.high))
        size = 4 if f.standing == "open" else 6
        parts.append(
            f'<path d="M{low:.1f} {y}H{high:.1f}"/><circle cx="{mean:.1f}" cy="{y}" r="{size}"/>'
            f'<text x="230" y="{y + 4}">{html.escape(benchmark(f))}</text>'
        )
    height = 22 * len(drawn) + 6
    return (
        f'<svg role="img" viewBox="0 0 460 {height}" width="460" height="{height}">'
        "<title>Mean differences and their 95 % intervals, in the table's order, about nothing; "
        'large dots are significant.</title><path stroke-dasharray="3" '
        f'd="M120 0V{height}"/>{"".join(parts)}</svg>'
    )


def _html(verdict: Verdict) -> str:
    """One claim of the HTML file."""
    lines = "".join(
        f"<p><strong>{name}.</strong> {html.escape(text)}</p>"
        for name, text in facts(verdict).items()
    )
    table = ""
    if verdict.findings or verdict.stand_ins:
        frame = findings_frame(verdict).to_html(index=False, border=0, justify="left")
        table = f'<div class="wide" tabindex="0">{frame}</div>{intervals_svg(verdict)}'
    made = "".join(
        f'<p><a href="../notebooks/{page}.ipynb">{page}</a>: <code>{html.escape(how)}</code>, '
        f"revision {made}</p>"
        for page, how, made in sources(verdict)
    )
    return (
        f'<details class="claim" {_attributes(verdict)}>{_summary(verdict)}{lines}{table}{made}'
        "</details>"
    )
