"""What the papers claim, numbers and words alike, and how each claim is decided.

Numbers stand in `papers/genzsl.yml` and `papers/revcd.yml`; `papers/claims.yml` adds what is
claimed in words, and says which rows of ours decide what. Nothing is decided here:
`zslnb.results.deciding` does.
"""

import math
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zslnb.errors import did_you_mean
from zslnb.files import repository_dir
from zslnb.results.claims import GRADES, LOADER, published

PAPERS = {"genzsl": "GenZSL", "revcd": "RevCD"}
CLAIM_GRADES = (*GRADES, "summary")
OF_OTHERS = ("as published", "derived", "released settings")  # protocols of what is no own claim
OWN = {  # of a finding of ours: the rest of a claim
    "paper": "ours", "benchmark": "all", "metric": "", "protocol": "clean", "grade": "code",
}  # fmt: skip
ENTRY = ("place", "benchmark", "metric", "protocol", "grade")  # what an entry of a paper's file has


@dataclass(frozen=True)
class Comparison:
    """One comparison of a row of ours, in every run that has it.

    Attributes:
        row: label of the row, and `table`, `notebook`: where it stands.
        above, below: another row, or a number; exactly one of the two is given.
        metric: "S", "U", "H", "T1", or "S-U"; in percent, as `protocol` scores it.
        score: instead, a path in the scores, as "after/absolute", in its own unit.
        other: the path in the other row, where that is another one.
        measure: "" for the scores themselves; "spread" for their distance from the median over
            seeds; or the name of a measure that whoever decides hands in.
        against: the row that a measure needs beside `row`.
        least: the least difference that counts.
        exact: nothing is random, so that one record is enough.
        only: names of the benchmarks that it is asked on; all if empty.
        called: what is compared, in a few words, where row and score do not say it well.
    """

    row: str
    above: str | float | None = None
    below: str | float | None = None
    table: str = ""
    notebook: str = ""
    metric: str = "H"
    protocol: str = "clean"
    score: str = ""
    other: str = ""
    measure: str = ""
    against: str = ""
    least: float | None = None
    exact: bool = False
    only: tuple[str, ...] = ()
    called: str = ""

    def fault(self) -> str:
        """Say what is wrong with it, if anything."""
        if (self.above is None) == (self.below is None):
            return "needs exactly one of above and below"
        if not (self.table or self.notebook):
            return "needs a table or a notebook"
        return ""

    @property
    def sign(self) -> int:
        """1 where the row should be above, -1 where it should be below."""
        return 1 if self.below is None else -1

    @property
    def reference(self) -> str | float:
        """The other row, or the number."""
        return self.above if self.below is None else self.below

    @property
    def path(self) -> tuple[str, ...]:
        """Where the score stands in a record's scores."""
        return tuple(self.score.split("/")) if self.score else (self.protocol, self.metric)


@dataclass(frozen=True)
class Check:
    """What must hold among the numbers that the paper itself prints.

    Attributes:
        that: id of a number; or two, for their difference.
        above, below: an id or two, or a number.
        highest: pattern of ids; it is the largest among them.
        median: pattern of ids; it is not below their median.
        equals, within: an id or a number, and how far from it counts as equal.
        count: pattern of ids, instead of `that`; how many there are.
    """

    that: str | tuple[str, ...] = ()
    above: str | float | tuple[str, ...] | None = None
    below: str | float | tuple[str, ...] | None = None
    highest: str = ""
    median: str = ""
    equals: str | float | None = None
    within: float = 0.0
    count: str = ""

    def fault(self) -> str:
        """Say what is wrong with it, if anything."""
        asked = (self.above, self.below, self.equals, self.highest or None, self.median or None)
        if sum(part is not None for part in asked) != 1:
            return "needs exactly one of above, below, equals, highest, median"
        if bool(self.that) == bool(self.count):
            return "needs exactly one of that and count"
        return ""


@dataclass(frozen=True)
class Row:
    """Which row of ours has a published number: the row, or what it has over another one.

    `score` is a path in the scores, where it is none of S, U, H and T1.
    """

    row: str
    table: str = ""
    notebook: str = ""
    over: str = ""
    score: str = ""

    def fault(self) -> str:
        """Say what is wrong with it, if anything."""
        return "" if self.table or self.notebook else "needs a table or a notebook"


@dataclass(frozen=True)
class Setting:
    """What a paper's numbers were made on: which runs of ours are that, and how they are scored.

    Attributes:
        semantics, features: of a run on the paper's own benchmark.
        ways: protocol of a published number -> the protocols of ours that count as it, or paths.
        rows: the paper's method -> the row of ours.
    """

    semantics: str
    features: str
    ways: dict[str, tuple[str, ...]]
    rows: dict[str, Row]


@dataclass(frozen=True)
class Claim:
    """A testable statement of a paper.

    Attributes:
        paper, id, place, benchmark, metric, protocol, grade: as in the papers' files.
        says: the statement, in our words or a short quotation.
        value: the printed number; NaN for a statement in words.
        method: whose number.
        measured: comparisons that decide it; all must come out.
        printed: what must hold among the paper's own numbers.
        why: why nothing here decides it.
        note: what else a reader should know.
        first: its rank among those that a reader asks about first; 0 for the others.
        nothing: of a finding of ours: it says that nothing differs significantly.
    """

    paper: str
    id: str
    says: str
    place: str
    benchmark: str
    metric: str
    protocol: str
    grade: str
    value: float = math.nan
    method: str = ""
    measured: tuple[Comparison, ...] = ()
    printed: tuple[Check, ...] = ()
    why: str = ""
    note: str = ""
    first: int = 0
    nothing: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the printed number itself is what is claimed."""
        return not math.isnan(self.value)


def claims(folder: Path | None = None) -> list[Claim]:
    """Read every claim of both papers: statements as `claims.yml` has them, and then numbers.

    Args:
        folder: where the files are; `papers/` of the repository unless given.

    Raises:
        ValueError: an entry that lacks something, or has something unknown; it is named.
    """
    folder = folder or repository_dir("papers")
    stated = [_claim(entry, folder) for entry in _file(folder).get("claims", ())]
    known = {(claim.paper, claim.id) for claim in stated}
    if len(known) < len(stated):
        names = [(claim.paper, claim.id) for claim in stated]
        raise ValueError(f"claims.yml: {max(names, key=names.count)[1]} twice.")
    return [
        claim
        for paper in PAPERS
        for claim in (
            *(one for one in stated if one.paper == paper),
            *(one for one in _numbers(paper, folder) if (paper, one.id) not in known),
        )
    ]


def own_findings(folder: Path | None = None) -> list[Claim]:
    """Read what this companion found itself: statements of ours, decided as the papers' are.

    Raises:
        ValueError: an entry that lacks something, or has something unknown; it is named.
    """
    entries = _file(folder or repository_dir("papers")).get("ours", ())
    found = [
        _typed(
            Claim,
            OWN
            | entry
            | {"measured": _several(Comparison, entry, "measured", str(entry.get("id", entry)))},
            str(entry.get("id", entry)),
        )
        for entry in entries
    ]
    if nothing := [claim.id for claim in found if not claim.measured]:
        raise ValueError(f"claims.yml: {nothing[0]} needs measured.")
    return found


def settings(folder: Path | None = None) -> dict[str, Setting]:
    """Read for each paper what its numbers were made on, and which rows of ours have them."""
    return {
        paper: Setting(
            semantics=entry["semantics"],
            features=entry["features"],
            ways={protocol: tuple(ways) for protocol, ways in entry["ways"].items()},
            rows={
                method: _typed(Row, row, f"numbers of {paper}, {method}")
                for method, row in entry["rows"].items()
            },
        )
        for paper, entry in _file(folder or repository_dir("papers")).get("numbers", {}).items()
    }


def _file(folder: Path) -> dict[str, Any]:
    path = folder / "claims.yml"
    if not path.is_file():
        raise FileNotFoundError("The claims are in the repository's papers/claims.yml.")
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> dict[str, Any]:
    """Read the file as it was last changed at `changed`."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)


def _claim(entry: dict[str, Any], folder: Path) -> Claim:
    """Read one statement; what it lacks it takes from the paper's entry of the same id.

    So does its value, but only where the entry says that the number is what is claimed.
    """
    where = str(entry.get("id", entry))
    if entry.get("paper") not in PAPERS:
        raise ValueError(f"claims.yml: {where} needs a paper, one of {', '.join(PAPERS)}.")
    quoted = published(entry["paper"], folder)
    known = quoted.loc[where] if where in quoted.index else None
    inherited = {} if known is None else {name: known[name] for name in (*ENTRY, "method")}
    if entry.get("number") and known is not None:
        inherited["value"] = known["value"]
    claim = _typed(
        Claim,
        inherited
        | {name: value for name, value in entry.items() if name != "number"}
        | {
            "measured": _several(Comparison, entry, "measured", where),
            "printed": _several(Check, entry, "printed", where),
        },
        where,
    )
    if claim.grade not in CLAIM_GRADES:
        raise ValueError(f"claims.yml: {where} has grade {claim.grade!r}.")
    if not (claim.measured or claim.printed or claim.why or claim.is_number):
        raise ValueError(f"claims.yml: {where} needs measured, printed, or why it has neither.")
    return claim


def _several(kind: type, entry: dict[str, Any], name: str, where: str) -> tuple:
    return tuple(_typed(kind, one, f"{where}, {name}") for one in entry.get(name, ()))


def _typed(kind: type, entry: dict[str, Any], where: str) -> Any:
    """Make a dataclass of an entry, or say what is missing, unknown or wrong in it."""
    names = [part.name for part in fields(kind)]
    if unknown := [name for name in entry if name not in names]:
        hint = did_you_mean(str(unknown[0]), names)
        raise ValueError(f"claims.yml: {where} has an unknown {unknown[0]!r}.{hint}")
    needed = [part.name for part in fields(kind) if part.default is MISSING]
    if missing := [name for name in needed if name not in entry]:
        raise ValueError(f"claims.yml: {where} lacks {missing[0]!r}.")
    made = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
    if fault := getattr(made, "fault", str)():
        raise ValueError(f"claims.yml: {where} {fault}.")
    return made


def _numbers(paper: str, folder: Path) -> list[Claim]:
    """Every number that a paper prints for itself, once, though two tables have it."""
    quoted = published(paper, folder).dropna(subset="value")
    own = quoted[~quoted.protocol.isin(OF_OTHERS)]
    own = own.drop_duplicates(["benchmark", "method", "metric", "value"])
    return [
        Claim(
            paper=paper,
            id=name,
            says=f"{entry.method} on {entry.benchmark}: {entry.metric} {entry.value:g}.",
            **{part: entry[part] for part in (*ENTRY, "value", "method", "note")},
        )
        for name, entry in own.iterrows()
    ]
