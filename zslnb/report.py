"""Write the pages' generated parts: results, the ledger, the map, sources, the birds."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from zslnb.datasets.aviary import contact_sheet
from zslnb.datasets.published_files import WITH_PICTURES
from zslnb.download.sources import all_sources, size
from zslnb.errors import WorkError
from zslnb.files import build_dir, repository_dir, write_atomically
from zslnb.notebook.sources import contents, find_sources
from zslnb.results import (
    differences_by,
    markdown_table,
    percent,
    points,
    published,
    recorded,
    results_beside,
    results_counted,
    results_table,
    rows_of,
    verdicts,
)
from zslnb.results.deciding import Run, Verdict, ledger, own_ledger, recorded_runs
from zslnb.results.ledger import (
    because,
    counts,
    counts_table,
    latex_table,
    ledger_frame,
    ledger_html,
    ledger_markdown,
    own_lines,
)
from zslnb.results.statements import PAPERS, Comparison
from zslnb.results.statistics import paired_gains
from zslnb.results.tables import with_parts
from zslnb.studies import style
from zslnb.studies.both_directions import on_cub
from zslnb.studies.calibration_curves import COUNTS, nearest_point
from zslnb.studies.claims_figure import claims_figure, fingerprint
from zslnb.studies.genzsl_results import CUB_RUN, bullets, selection_price_of_genzsl
from zslnb.studies.other_seeds import AVIARY, MORE, recorded_twice, replicated_in_a_sentence
from zslnb.studies.printed_gaps import audit_in_a_sentence
from zslnb.studies.quoted import printed_scores_of_revcd
from zslnb.studies.rule_of_choice import both_recorded
from zslnb.studies.seen_unseen import DIRECTIONS
from zslnb.studies.speed import speed_up, steady

PICTURE = "docs/claims.svg"  # of docs/ledger.md
CUB_ATTRIBUTES = "cub_resnet_fc1000-attributes-medium"
SUMMARISED = (
    *("plain CLIP", "ESZSL", "nearest mean", "means + spread"),
    *("GenZSL", "cVAE", "f-CLSWGAN", "f-VAEGAN"),
    *("ridge", "RevCD", "RevCD, one step", "RevCD without z_t"),
)
SHORT_NAMES = {AVIARY: "aviary", CUB_RUN: "CUB, sentences"}
Questions = Mapping[str, Sequence[tuple[str, str, str]]]  # table -> pairs of its rows, and metric
Asked = list[tuple[list[dict], str, str, str]]  # records, a pair of rows, and metric
BESIDE_CLOSED_FORMS: Questions = {
    "T2": (
        ("GenZSL", "means + spread", "H"),
        ("cVAE", "means + spread", "H"),
        ("f-VAEGAN", "means + spread", "H"),
    ),
}
OF_INGREDIENTS: Questions = {
    "T3": (
        ("GenZSL", "no CDP", "H"),
        ("GenZSL", "no boosting", "H"),
        ("GenZSL", "noise for the referent", "H"),
        ("GenZSL", "noise of its length", "H"),
    ),
}
OF_REFERENTS: Questions = {
    "T3": (
        ("GenZSL", "random referents", "H"),
        ("no boosting", "no boosting, noise", "H"),
    ),
}
OF_REVCD: Questions = {
    "RevCD T2": (
        ("RevCD", "cVAE", "H"),
        ("RevCD", "ridge", "H"),
        ("RevCD", "ridge", "T1"),
        ("RevCD", "RevCD, one step", "T1"),
        ("RevCD", "RevCD without z_t", "T1"),
    ),
    "RevCD losses": (("RevCD", "no noise loss", "H"),),
    "RevCD F4": (("weight 10", "weight 0.1", "U"),),
}
TABLES = (  # title, run, table, and how the labels of its rows end
    ("The aviary (drawn birds, built in): CLIP features 128-d, class-name text", AVIARY, "T2"),
    ("CUB (11,788 photographs): ResNet fc1000 features, sentence semantics", CUB_RUN, "T2"),
    ("CUB again, with expert attributes as semantics", CUB_RUN, "T4", " · attributes"),
)
FROM_IMAGES = {
    AVIARY: "aviary, attributes",
    CUB_RUN: "CUB, sentences",
    CUB_ATTRIBUTES: "CUB, attributes",
}


def summary_block() -> str:
    """Tabulate both papers' methods beside closed forms: calibrated H, and T1."""
    columns = {}
    for title, records in _both_papers().items():
        moved = results_table(records, "calibrated")["H"] if records else pd.Series(dtype=str)
        clean = results_table(records, "clean")["T1"] if records else pd.Series(dtype=str)
        columns |= {f"{title}: H": moved, "T1" + " " * len(columns): clean}
    frame = pd.DataFrame(columns).reindex(SUMMARISED).fillna("n/a").rename_axis("method")
    frame.insert(0, "direction", [DIRECTIONS.get(row, "none") for row in frame.index])
    text = (
        "Percent, mean ± sd over 5 seeds. H is the harmonic mean of accuracies on seen and unseen "
        "classes, where one constant off the scores of seen classes was chosen on validation "
        "classes together with all else (page [33](notebooks/33_calibration.ipynb)); T1, without "
        "it, is the accuracy among unseen classes alone. z is a class's description, x a "
        "picture's feature."
    )
    return f"{markdown_table(frame)}\n{text}"


def _both_papers() -> dict[str, list[dict]]:
    """Records of both papers' methods by benchmark and semantics."""
    birds = rows_of(recorded(AVIARY), "both", " · clip_text")
    return {
        "drawn birds, names": birds,
        **{f"CUB, {kind}": on_cub(kind) for kind in ("sentences", "attributes")},
    }


def results_block() -> str:
    """Tabulate the recorded runs, clean beside best-on-test, and then what the paper prints."""
    inputs = "CLIP ViT-B/16 features, class-name text, the published schedules"
    tables = [*TABLES, *((f"{name}: {inputs}", run, "T2") for run, name in _papers().items())]
    parts = [_run_table(results_beside, *table) for table in tables]
    inputs = "CLIP ViT-B/16 features, best on test, one seed"
    return "\n".join([*parts, _printed("genzsl", "GenZSL", ["S", "U", "H", "T1"], inputs)])


def revcd_block() -> str:
    """Tabulate RevCD and its rivals, strict beside lenient, and then what the paper prints."""
    inputs = "ResNet-101 features, attributes, the published schedule as far as it is known"
    titles = FROM_IMAGES | {run: f"{name}: {inputs}" for run, name in _papers().items()}
    parts = [_run_table(results_counted, title, run, "RevCD T2") for run, title in titles.items()]
    inputs = "ResNet-101 features; which images S is counted over is not said"
    return "\n".join([*parts, _printed("revcd", "RevCD", ["S", "U", "H"], inputs)])


def _papers() -> dict[str, str]:
    """Give the recorded runs on the papers' own benchmarks: run -> the benchmark's name."""
    names = {f"{name}-full": name.upper() for name in WITH_PICTURES}
    return {run: name for run, name in names.items() if recorded(run)}


def _run_table(
    layout: Callable[[list[dict]], pd.DataFrame], title: str, run: str, table: str, ending: str = ""
) -> str:
    """Tabulate the rows of one table of a recorded run whose labels end in `ending`."""
    records = rows_of(recorded(run), table, ending)
    if not records:
        return f"**{title}.** Not measured.\n"
    seeds = len({record["seed"] for record in records})
    shown = markdown_table(layout(records))
    return f"**{title}.** Percent, mean ± sd over {seeds} seeds.\n\n{shown}"


def answers_block() -> str:
    """Answer the questions a reviewer would ask, in sentences that the recorded runs write."""
    main = {name: rows_of(recorded(run), "T2") for run, name in SHORT_NAMES.items()}
    nearest = (
        f"{FROM_IMAGES[run]}, {profile}"
        f"{_nearest(rows_of(recorded(run.replace('medium', profile)), 'RevCD T2'))}"
        for run in (CUB_ATTRIBUTES, CUB_RUN)
        for profile in ("medium", "full")
    )
    answered = {
        "Is a generator above what trains none?": _answers(SHORT_NAMES, BESIDE_CLOSED_FORMS),
        "Is it CDP, boosting or induction that helps?": _answers(SHORT_NAMES, OF_INGREDIENTS),
        "Does the referent carry information?": _answers(SHORT_NAMES, OF_REFERENTS),
        "How much of H is best-on-test selection?": selection_price_of_genzsl(main),
        "Is RevCD above a cVAE and a ridge, does it walk, do its losses and weight help?": _answers(
            FROM_IMAGES, OF_REVCD
        ),
        "Which images does RevCD's printed seen accuracy count?": bullets(nearest),
    }
    return "\n\n".join(f"**{title}**\n\n{answer}" for title, answer in answered.items())


def _answers(runs: Mapping[str, str], questions: Questions) -> str:
    """Say under protocol clean what differs, run by run; all that is asked of one, together."""
    return bullets(
        f"{name}: {line}"
        for name, asked in _asked(runs, questions).items()
        for line in verdicts(asked, "clean") or ["not measured."]
    )


def _asked(runs: Mapping[str, str], questions: Questions) -> dict[str, Asked]:
    """Give by a run's name what is asked of it: of each table its records, and pairs of rows.

    A recorded run may lack rows of today; what it has is compared.
    """
    asked: dict[str, Asked] = {name: [] for name in runs.values()}
    for run, name in runs.items():
        for table, pairs in questions.items():
            records = rows_of(recorded(run), table)
            rows = {record["row"] for record in records}
            asked[name] += [(records, *pair) for pair in pairs if {*pair[:2]} <= rows]
    return asked


def finding_block() -> str:
    """Say what came out in three sentences, whose numbers and verdicts the records give."""
    main = _asked(SHORT_NAMES, BESIDE_CLOSED_FORMS)
    ablation = _asked(SHORT_NAMES, OF_REFERENTS)
    of_revcd = _asked(FROM_IMAGES, OF_REVCD)
    lines = (
        f"**GenZSL** turns features of similar classes into those of an unseen one. Beside "
        f"*means + spread*, a linear system that trains no generator, it is "
        f"{_stand(main, 'GenZSL', 'means + spread', 'H')}.",
        f"**Which similar classes** it starts from: beside the same model with random ones it is "
        f"{_stand(ablation, 'GenZSL', 'random referents', 'H')}.",
        f"**RevCD** turns a feature into its class's description, by diffusion. Beside one linear "
        f"map it is {_stand(of_revcd, 'RevCD', 'ridge', 'H')}; beside its own first step, without "
        f"diffusion's walk, {_stand(of_revcd, 'RevCD', 'RevCD, one step', 'T1')}.",
    )
    return bullets(lines)


def _stand(sources: Mapping[str, Asked], *pair: str) -> str:
    """Say where the first row of a pair stands beside the second, by verdict and source."""
    standing: dict[str, list[str]] = {}
    for source, asked in sources.items():
        gains = {tuple(one): paired_gains(records, *one, "clean") for records, *one in asked}
        if gap := differences_by(gains).get(pair):
            word = ("below", "above")[gap.mean > 0] if gap.apart else "not significantly different"
            place = source.replace("aviary", "the aviary").replace(", ", " with ")
            standing.setdefault(word, []).append(f"{place} ({points([gap.mean])} {pair[-1]})")
    told = (f"{word} on {' and '.join(places)}" for word, places in standing.items())
    return ", ".join(told) or "not measured"


def _nearest(records: list[dict]) -> str:
    """Say how near RevCD comes to the printed S and U of CUB, counted either way."""
    if not records:
        return ": not measured."
    printed = printed_scores_of_revcd()
    near = "; ".join(f"{c}, {nearest_point(records, 'RevCD', c, printed)}" for c in COUNTS)
    return (
        f"; printed are S {printed['S']} and U {printed['U']}. The nearest that any constant off "
        f"the seen scores brings us: {near}."
    )


def _printed(paper: str, method: str, columns: list[str], inputs: str) -> str:
    """Tabulate what the first of a paper's tables with a method prints for it."""
    quoted = published(paper)
    rows = quoted[(quoted.method == method) & quoted.metric.isin(columns)]
    first = rows[~rows.index.str.startswith("C-")].drop_duplicates(["benchmark", "metric"])
    wide = first.pivot_table(index="benchmark", columns="metric", values="value", sort=False)
    table = markdown_table(wide[columns].reset_index())
    ran = _papers().values()
    not_run = ", ".join(name for name in wide.index if name not in ran)
    remark = f"; with these nobody here has run {not_run} yet" if not_run else ""
    return f"**What the paper prints for {method}** (quoted; {inputs}{remark}).\n\n{table}"


def notebooks_block(folder: str = "notebooks/") -> str:
    """List the notebooks with the time and memory of the recorded run on the aviary."""
    path = repository_dir("results") / AVIARY / "manifest.json"
    ran = json.loads(path.read_text(encoding="utf-8"))["notebooks"] if path.is_file() else []
    used = {outcome["notebook"]: outcome for outcome in ran}
    outcomes = [used.get(source.name) for source in find_sources()]
    table = contents()
    table["notebook"] = table["notebook"].str.replace("](", f"]({folder}", regex=False)
    table["seconds"] = [round(o["seconds"]) if o else pd.NA for o in outcomes]
    table["memory"] = [f"{o['peak_memory'] / 1e9:.1f} GB" if o else pd.NA for o in outcomes]
    return markdown_table(table)


def sources_block() -> str:
    """List what the papers' benchmarks are made of, and where it is published."""
    rows = [
        {
            "file": f"[{source.name}]({source.page})",
            "for": ", ".join(source.benchmarks),
            "what": source.what,
            "download": size(source.download),
            "licence": source.licence,
            "hash": (source.hash or "not published").partition(":")[0]
            if source.file
            else "open_clip's",
        }
        for source in all_sources().values()
        if source.benchmarks
    ]
    return markdown_table(pd.DataFrame(rows))


TAUGHT = (  # metric, row, its table, protocol
    ("H", "GenZSL", "T2", "clean"),
    ("H", "means + spread", "T2", "clean"),
    ("H", "plain CLIP", "T2", "clean"),
    ("T1", "GenZSL", "T2", "clean"),
    ("T1", "plain CLIP", "T2", "clean"),
    ("H", "no CDP", "T3", "clean"),
    ("H", "no boosting", "T3", "clean"),
    ("H", "random referents", "T3", "clean"),
    ("H", "noise for the referent", "T3", "clean"),
    ("H", "GenZSL", "T2", "peeked"),
    ("T1", "RevCD", "RevCD T2", "clean"),
    ("U", "RevCD", "RevCD T2", "clean"),
    ("U", "RevCD", "RevCD T2", "calibrated"),
)


def teaching_block() -> str:
    """Tabulate the numbers that the teaching guide's answers use, by line."""
    rows = []
    for n, (metric, row, table, protocol) in enumerate(TAUGHT, 1):
        line = {"line": f"N{n}", "number": f"{metric}, {row}, {protocol}"}
        for run, name in SHORT_NAMES.items():
            scores = [r["scores"] for r in rows_of(recorded(run), table) if r["row"] == row]
            found = [s[protocol][metric] for s in scores if protocol in s]
            line[name] = percent(found) if found else "not measured"
        rows.append(line)
    seeds = "Percent, mean ± sd over seeds; RevCD's on the aviary are with attributes."
    return f"{seeds}\n\n{markdown_table(pd.DataFrame(rows))}"


def claims_block() -> str:
    """Count claims and verdicts, and name the three that a reader asks about first."""
    verdicts = _verdicts()
    decided = sum(v.is_decided for v in verdicts)
    numbered = counts(verdicts)
    open_ = numbered.pop("not measured")
    counted = ", ".join(f"{n} {word}" for word, n in numbered.items())
    first = sorted((v for v in verdicts if v.claim.first), key=lambda v: v.claim.first)
    lines = (
        f"*{v.claim.says}* ({PAPERS[v.claim.paper]}) **{v.word.capitalize()}**; "
        f"{because(v, brief=True)}."
        for v in first
    )
    numbers = sum(v.claim.is_number and not v.is_decided for v in verdicts)
    text = (
        f"{len(verdicts)} claims of both papers, {decided} of them decided: {counted}. The other "
        f"{open_} are not measured: {numbers} of them are printed numbers, which only their own "
        "benchmark can decide."
    )
    return f"{text}\n\n{bullets(lines)}"


def found_block() -> str:
    """List what this companion found itself, each with its difference and interval."""
    kinds = [both_recorded(kind) for kind in ("sentences", "attributes")]
    audit = f"- **{audit_in_a_sentence([k for k in kinds if k])}** " if any(kinds) else ""
    where = "Page [35](notebooks/35_the_audit.ipynb): `make reproduce NOTEBOOKS=35`"
    audit += audit and f"{where}."
    again = f"- **{replicated_in_a_sentence(recorded_twice())}** {where}, of what `make reproduce "
    again += "SEEDS=10` recorded."
    return (
        f"{own_lines(own_ledger(), 'notebooks/')}\n{audit}\n{again}\n\n"
        "Mean difference in points within a seed, and its 95 % interval; calibrated: with the "
        "border between seen and unseen put by validation classes. Significance is asked after "
        "Holm's correction. CUB's numbers are read from `results/`, profile `medium`, recorded in "
        "parts; each manifest lists under `added` which revision made which rows. Those of pages "
        "30 to 34 are what `make reproduce BENCHMARK=cub_resnet_fc1000.npz SEMANTICS=sentences "
        'PROFILE=medium NOTEBOOKS="30 31 32 33 34"` (or `attributes`) makes, of a file with CUB\'s '
        "`fc1000` features that is not here; each manifest has its hash."
    )


def ledger_block() -> str:
    """Give every claim with its verdict, folded, below a table of counts and a picture."""
    verdicts = _verdicts()
    alt = (
        "One line for each statement that scores decide, with a dot and its interval for each "
        "comparison, right of the middle where it speaks for the statement."
    )
    picture = (
        f"![{alt}]({Path(PICTURE).name})\n\n**Statements that scores decide.** A dot is the mean "
        "difference within a seed of one comparison on one run, the line its 95 % interval; to the "
        "right of 0 it speaks for the statement. Whether it is significant is asked after Holm's "
        "correction, so that a grey interval may leave out 0. Differences that are no percentages "
        "(speed, cosines) are below only.\n"
    )
    return f"{counts_table(verdicts)}\n{picture}\n{ledger_markdown(verdicts)}"


def compute_block() -> str:
    """Sum the seconds that recorded experiments took, each counted once."""
    more = recorded_runs(repository_dir("results") / MORE)
    runs = [*recorded_runs(), *(replace(run, name=f"{MORE}/{run.name}") for run in more)]
    rows = [_compute(run) for run in runs]
    return markdown_table(pd.DataFrame(rows)) if rows else "Not measured.\n"


def _compute(run: Run) -> dict:
    took = {r["id"]: r["seconds"] for r in run.records}
    cores = run.manifest.get("cores")
    device = run.manifest["device"]["name"] + (f", {cores} cores" if cores else "")
    also = len({r.get("device", "").partition(":")[0] for r in run.records}) > 1
    return {
        "run": run.name,
        "device": f"{device}; closed forms on its CPU" if also else device,
        "experiments": len(took),
        "hours": f"{sum(took.values()) / 3600:.2f}",
        "longest, minutes": f"{max(took.values()) / 60:.1f}",
    }


def _verdicts() -> list[Verdict]:
    """Decide every claim, once for the same files."""
    folders = (repository_dir("results").glob("*/*.json*"), repository_dir("papers").glob("*.yml"))
    return _decided(tuple((path, path.stat().st_mtime_ns) for f in folders for path in sorted(f)))


@cache
def _decided(files: tuple) -> list[Verdict]:
    return ledger({"speed-up": _speed_ups})


def _speed_ups(records: list[dict], asked: Comparison) -> dict[int, float]:
    """Give by seed how much sooner a row has the other's own best score; 0 where it never has."""
    curves = {
        (r["row"], r["seed"]): steady(r["scores"]["curve"])
        for r in records
        if r["row"] in (asked.row, asked.against)
    }
    pairs = {
        seed: speed_up(slower, curves[asked.row, seed], asked.metric)
        for (row, seed), slower in curves.items()
        if row == asked.against and (asked.row, seed) in curves
    }
    return {seed: 0.0 if u.relation == "<" else float(u.times) for seed, u in pairs.items()}


PAGES = {  # page -> its parts
    "README.md": {
        "summary": summary_block,
        "found": found_block,
        "claims": claims_block,
        "notebooks": notebooks_block,
    },
    "docs/ledger.md": {"ledger": ledger_block},
    "docs/reproducibility.md": {"compute": compute_block},
    "docs/results.md": {
        "results": results_block,
        "revcd": revcd_block,
        "answers": answers_block,
    },
    "docs/data.md": {"sources": sources_block},
    "docs/running.md": {"notebooks": partial(notebooks_block, "../notebooks/")},
    "docs/index.md": {"finding": finding_block},
    "docs/teaching.md": {"teaching": teaching_block},
}


def filled(page: str, text: str) -> str:
    """Return a page's text with its generated parts made anew."""
    return with_parts(page, text, PAGES[page], "generated by make report")


@dataclass(frozen=True)
class ReportRequest:
    """Write the generated parts of README.md and docs/ from results/, and the picture of birds.

    The ledger of claims goes to build/ as well, as one HTML file and as tables.

    Attributes:
        check: write nothing; fail if a page is not up to date.
    """

    check: bool = False


def report(request: ReportRequest) -> None:
    """Write the pages' parts, or check them.

    Raises:
        WorkError: a page is not as the records would have it; only when checking.
    """
    stale = []
    for page in PAGES:
        path = repository_dir(page)
        text = path.read_text(encoding="utf-8")
        if (fresh := filled(page, text)) != text:
            stale.append(page)
            if not request.check:
                write_atomically(path, fresh)
        print(f"{page} {'was updated' if page in stale else 'is up to date'}.")
    if request.check and not _picture_is_fresh():
        stale.append(PICTURE)
    if request.check and stale:
        raise WorkError(f"{' and '.join(stale)}: not up to date; run make report.")
    if not request.check:
        write_ledger()
        contact_sheet(size=96).save(
            repository_dir("docs") / "aviary.jpg", quality=85, optimize=True
        )


def _picture_is_fresh() -> bool:
    path = repository_dir(PICTURE)
    return path.is_file() and fingerprint(_verdicts()) in path.read_text(encoding="utf-8")


def write_ledger() -> None:
    """Write the ledger into `build/`: as one HTML file, as Markdown, CSV and LaTeX, and drawn.

    The drawing is the picture of docs/ledger.md, too.
    """
    verdicts = _verdicts()
    frame = ledger_frame(verdicts)
    texts = {
        "html": ledger_html(verdicts, repository_dir("docs") / "static"),
        "md": markdown_table(frame, has_names=True),
        "csv": frame.to_csv(index=False),
        "tex": latex_table(verdicts),
    }
    for kind, text in texts.items():
        write_atomically(build_dir() / f"ledger.{kind}", text)
    style.set_style()
    fig = claims_figure(verdicts)
    drawn = style.vector_files(fig, fingerprint(verdicts))
    plt.close(fig)
    for kind, content in drawn.items():
        write_atomically(build_dir() / f"ledger.{kind}", content)
    write_atomically(repository_dir(PICTURE), drawn["svg"])
    print(f"The ledger is in build/ledger.html, and as .{', .'.join([*texts, *drawn][1:])}.")
