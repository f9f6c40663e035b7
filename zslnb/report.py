"""Write the pages' generated parts: results beside what papers print, the map, sources, the birds.

python -m zslnb.report writes them; with --check it only says whether they are up to date.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from zslnb.datasets.aviary import contact_sheet
from zslnb.datasets.published_files import WITH_PICTURES
from zslnb.download.sources import all_sources, size
from zslnb.files import repository_root
from zslnb.notebook.sources import contents, find_sources, notebooks_dir
from zslnb.results.claims import published, published_value
from zslnb.results.records import recorded
from zslnb.results.tables import (
    markdown_table,
    protocol_gap,
    results_beside,
    results_counted,
    rows_of,
    verdict,
)
from zslnb.studies.calibration_curves import COUNTS, nearest_point

AVIARY, CUB = "aviary-smoke", "cub_resnet_fc1000-sentences-medium"
CUB_ATTRIBUTES = "cub_resnet_fc1000-attributes-medium"
ATTRIBUTES = " · attributes"
PLACES = {AVIARY: "aviary", CUB: "CUB, sentences"}
QUESTIONS = {
    "Is it CDP, boosting or induction that helps?": [
        ("GenZSL", "no CDP"),
        ("GenZSL", "no boosting"),
        ("GenZSL", "noise for the referent"),
    ],
    "Does the referent carry information?": [
        ("GenZSL", "random referents"),
        ("no boosting", "no boosting, noise"),
    ],
}
OF_REVCD = (  # table, its two rows, and what they are compared by
    ("RevCD T2", "RevCD", "cVAE", "H"),
    ("RevCD losses", "RevCD", "no noise loss", "H"),
    ("RevCD F4", "weight 10", "weight 0.1", "U"),
)
TABLES = (
    (AVIARY, "T2", "", "The aviary (drawn birds, built in): CLIP features 128-d, class-name text"),
    (CUB, "T2", "", "CUB (11,788 photographs): ResNet fc1000 features, sentence semantics"),
    (CUB, "T4", ATTRIBUTES, "CUB again, with expert attributes as semantics"),
)
FROM_IMAGES = {
    AVIARY: "aviary, attributes",
    CUB: "CUB, sentences",
    CUB_ATTRIBUTES: "CUB, attributes",
}
PAPERS = {f"{name}-full": name.upper() for name in WITH_PICTURES}  # shown once they are recorded


def results_block(folder: Path | None = None) -> str:
    """Tabulate the recorded runs, clean beside best-on-test, and then what the paper prints."""
    own = "CLIP ViT-B/16 features, class-name text, the published schedules"
    tables = [*TABLES, *((run, "T2", "", f"{name}: {own}") for run, name in _papers(folder))]
    parts = [_run_table(*table, folder, results_beside) for table in tables]
    columns = ["S", "U", "H", "T1"]
    said = "CLIP ViT-B/16 features, best on test, one seed"
    return "\n".join([*parts, _printed("genzsl", "GenZSL", columns, said, folder)])


def revcd_block(folder: Path | None = None) -> str:
    """Tabulate RevCD and its rivals, strict beside lenient, and then what the paper prints."""
    own = "ResNet-101 features, attributes, the published schedule as far as it is known"
    runs = [*FROM_IMAGES.items(), *((run, f"{name}: {own}") for run, name in _papers(folder))]
    parts = [_run_table(run, "RevCD T2", "", place, folder, results_counted) for run, place in runs]
    said = "ResNet-101 features; which images S is counted over is not said"
    return "\n".join([*parts, _printed("revcd", "RevCD", ["S", "U", "H"], said, folder)])


def _papers(folder: Path | None) -> Iterator[tuple[str, str]]:
    """Give the recorded runs on the papers' own benchmarks, each with its benchmark's name."""
    return ((run, name) for run, name in PAPERS.items() if recorded(run, folder))


def _run_table(
    run: str,
    table: str,
    ending: str,
    title: str,
    folder: Path | None,
    layout: Callable[[list[dict]], pd.DataFrame],
) -> str:
    """Tabulate the rows of one table of a recorded run whose labels end in `ending`."""
    records = rows_of(recorded(run, folder), table, ending)
    if not records:
        return f"**{title}.** Not measured.\n"
    seeds = len({record["seed"] for record in records})
    shown = markdown_table(layout(records))
    return f"**{title}.** Percent, mean ± sd over {seeds} seeds.\n\n{shown}"


def answers_block(folder: Path | None = None) -> str:
    """Answer the questions a reviewer would ask, in sentences that the recorded runs write."""
    lines = []
    for title, pairs in QUESTIONS.items():
        lines += ["", f"**{title}**", ""]
        for run, place in PLACES.items():
            records = rows_of(recorded(run, folder), "T3")
            said = [verdict(records, *pair, "H", "clean") for pair in pairs] if records else []
            lines += [f"- {place}: {sentence}" for sentence in said or ["not measured."]]
    return "\n".join([*lines, "", *_price(folder), "", *_of_revcd(folder), "", *_counted(folder)])


def _of_revcd(folder: Path | None) -> Iterator[str]:
    """Say what of RevCD's claims about its rivals, its losses and its weight shows."""
    yield "**Is RevCD above a cVAE, does its noise loss help, does its weight cost U?**"
    yield ""
    for run, place in FROM_IMAGES.items():
        for table, *pair, metric in OF_REVCD:
            records = rows_of(recorded(run, folder), table)
            said = verdict(records, *pair, metric, "clean") if records else "not measured."
            yield f"- {place}: {said}"


def _counted(folder: Path | None) -> Iterator[str]:
    """Say how near RevCD comes to the printed S and U of CUB, counted either way."""
    printed = {m: published_value("revcd", f"T1-CUB-RevCD-{m}") for m in "SU"}
    yield "**Which images does RevCD's printed seen accuracy count?**"
    yield ""
    for run in (CUB_ATTRIBUTES, CUB):
        place, records = FROM_IMAGES[run], rows_of(recorded(run, folder), "RevCD T2")
        if not records:
            yield f"- {place}: not measured."
            continue
        near = (f"{c}, {nearest_point(records, 'RevCD', c, printed)}" for c in COUNTS)
        yield (
            f"- {place}; printed are S {printed['S']} and U {printed['U']}. The nearest that any "
            f"constant off the seen scores brings us: {'; '.join(near)}."
        )


def _price(folder: Path | None) -> Iterator[str]:
    """Say what choosing on the test set adds to GenZSL's H."""
    yield "**How much of H is best-on-test selection?**"
    yield ""
    for run, place in PLACES.items():
        records = rows_of(recorded(run, folder), "T2")
        if not records:
            yield f"- {place}: not measured."
            continue
        peeked = protocol_gap(records, "GenZSL", "H", "peeked")
        looks = protocol_gap(records, "GenZSL", "H", "released", over="last")
        yield (
            f"- {place}: picking among clean's candidates on the test set adds {peeked} points to "
            f"GenZSL's H; in the released training the best of all looks is {looks} above the last."
        )


def _printed(paper: str, method: str, columns: list[str], said: str, folder: Path | None) -> str:
    """Tabulate what the first of a paper's tables with a method prints for it."""
    quoted = published(paper)
    rows = quoted[(quoted.method == method) & quoted.metric.isin(columns)]
    rows = rows[~rows.index.str.startswith("C-")]
    first = rows.drop_duplicates(["benchmark", "metric"])
    wide = first.pivot_table(index="benchmark", columns="metric", values="value", sort=False)
    table = markdown_table(wide[columns].reset_index())
    ran = {name for _, name in _papers(folder)}
    not_run = ", ".join(name for name in wide.index if name not in ran)
    told = f"; with these nobody here has run {not_run} yet" if not_run else ""
    return f"**What the paper prints for {method}** (quoted; {said}{told}).\n\n{table}"


def notebooks_block(folder: Path | None = None) -> str:
    """List the notebooks with the time and memory of the recorded run on the aviary."""
    results = folder or (repository_root() or Path.cwd()) / "results"
    path = results / AVIARY / "manifest.json"
    ran = json.loads(path.read_text(encoding="utf-8"))["notebooks"] if path.is_file() else []
    used = {one["notebook"]: one for one in ran}
    table = contents().drop(columns="seconds")
    table["notebook"] = table["notebook"].str.replace("](", "](notebooks/", regex=False)
    names = [source.name for source in find_sources(notebooks_dir())]
    table["seconds"] = [round(used[n]["seconds"]) if n in used else pd.NA for n in names]
    table["memory"] = [
        f"{used[n]['peak_memory'] / 1e9:.1f} GB" if n in used else pd.NA for n in names
    ]
    return markdown_table(table)


def sources_block(_: Path | None = None) -> str:
    """List what the papers' benchmarks are made of, and where it is published."""
    rows = [
        {
            "file": f"[{one.name}]({one.page})",
            "for": ", ".join(one.benchmarks),
            "what": one.what,
            "download": size(one.download),
            "licence": one.licence,
            "hash": (one.hash or "not published").partition(":")[0] if one.file else "open_clip's",
        }
        for one in all_sources().values()
        if one.benchmarks
    ]
    return markdown_table(pd.DataFrame(rows))


PAGES = {
    "README.md": {
        "results": results_block,
        "revcd": revcd_block,
        "answers": answers_block,
        "notebooks": notebooks_block,
    },
    "docs/data.md": {"sources": sources_block},
}


def filled(page: str, text: str, results: Path | None = None) -> str:
    """Return a page's text with its generated parts made anew."""
    for name, block in PAGES[page].items():
        marks = f"<!-- {name}: generated by make report -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.S)
        body = f"{marks[0]}\n\n{block(results).strip()}\n\n{marks[1]}"
        text, n = pattern.subn(lambda _, body=body: body, text)
        if n != 1:
            raise ValueError(f"{page} needs one place for {name}, between {marks}.")
    return text


def main(argv: list[str] | None = None) -> int:
    """Write the pages' parts, or check them; exit status 1 if a check finds one stale."""
    parser = argparse.ArgumentParser(prog="python -m zslnb.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(argv).check
    root = repository_root() or Path.cwd()
    stale = 0
    for page in PAGES:
        before = (root / page).read_text(encoding="utf-8")
        after = filled(page, before)
        stale += before != after
        if not check:
            (root / page).write_text(after, encoding="utf-8")
        changed = "is stale" if check else "was updated"
        print(f"{page} {'is up to date' if before == after else changed}.")
    if not check:
        contact_sheet(size=96).save(root / "docs" / "aviary.jpg", quality=85, optimize=True)
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
