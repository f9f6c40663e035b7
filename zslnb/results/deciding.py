"""The verdict on each claim, computed from the paper's own numbers and from our records.

The rule, in the order in which it is applied:

1. **contradicted by the paper's own numbers**: a check among printed numbers fails, or a printed H
   is not the harmonic mean of the S and U beside it, beyond what rounding explains.
2. A printed number is decided only by a run of the published schedule on its own benchmark,
   features and semantics, over at least three seeds: **reproduced** if our mean is within a point
   of it (or within a twentieth, where it is no percentage); of a gain, else, **direction
   reproduced** if ours is significant, on the same side; otherwise **not reproduced**.
   Without such a run: **not measured**, and what we have elsewhere stands beside it.
3. A statement is decided by its comparisons, each on every run that has both rows. One speaks for
   the statement if the rows differ as it says, against it if the other way round (paired
   t test, Holm over the claim's comparisons, at least a point). **reproduced**: all speak for it;
   **direction reproduced**: some do, and none against; otherwise **not reproduced**, be it that
   one speaks against it or that nothing is significant. Without any: **not measured**.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from zslnb.files import repository_dir
from zslnb.results.claims import published
from zslnb.results.records import recorded
from zslnb.results.statements import (
    Check,
    Claim,
    Comparison,
    Setting,
    claims,
    own_findings,
    settings,
)
from zslnb.results.statistics import LEAST, LEVEL, Difference, differences, mean_and_sd

REPRODUCED, DIRECTION, NOT_REPRODUCED, CONTRADICTED, NOT_MEASURED = VERDICTS = (
    "reproduced",
    "direction reproduced",
    "not reproduced",
    "contradicted by the paper's own numbers",
    "not measured",
)
PERCENT = ("S", "U", "H", "T1", "S-U", "per image")
FEWEST = 3  # seeds
NEAR = 0.05  # of a printed number that is no percentage
ROUNDED = 0.05  # what rounding to one decimal may hide

Measure = Callable[[list[dict], Comparison], dict[int, float]]  # a value a seed


@dataclass(frozen=True)
class Run:
    """A recorded run: its records, and the manifest that says how they were made."""

    name: str
    records: list[dict]
    manifest: dict[str, Any] = field(default_factory=dict)

    def picked(self, table: str, notebook: str) -> list[dict]:
        """Give the records of a table, of a notebook, or of both."""
        return [
            r
            for r in self.records
            if (not table or r.get("table") == table) and r.get("notebook", "").startswith(notebook)
        ]


def recorded_runs(folder: Path | None = None) -> list[Run]:
    """Read every run in `results/`, or in another folder."""
    folder = folder or repository_dir("results")
    found = []
    for path in sorted(folder.glob("*/records.jsonl")):
        manifest = path.with_name("manifest.json")
        facts = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
        found.append(Run(path.parent.name, recorded(path.parent.name, folder), facts))
    return found


@dataclass(frozen=True)
class Finding:
    """What one comparison came to in one run; `standing` is "for", "against" or "open".

    `ours` has a value a seed, `beside` those of the other row, or the number that it is set
    against; `difference` is None where there is only something to show.
    """

    run: Run
    record: dict
    row: str
    other: str
    metric: str
    ours: tuple[float, ...]
    beside: tuple[float, ...]
    wanted: str = ""
    difference: Difference | None = None
    standing: str = "open"
    called: str = ""


@dataclass(frozen=True)
class Verdict:
    """A claim with its verdict and everything that it rests on.

    Attributes:
        claim: what is claimed.
        word: one of VERDICTS.
        reason: in a few words, why.
        findings: the comparisons, or our own figures of a number.
        stand_ins: our figures elsewhere, for a number.
        checks: what was checked among the paper's own numbers, and whether it holds.
    """

    claim: Claim
    word: str
    reason: str
    findings: tuple[Finding, ...] = ()
    stand_ins: tuple[Finding, ...] = ()
    checks: tuple[tuple[str, bool], ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether anything could be said."""
        return self.word != NOT_MEASURED


@dataclass(frozen=True)
class Evidence:
    """All that verdicts are computed from."""

    runs: Sequence[Run]
    printed: Mapping[str, pd.DataFrame]  # a paper -> its numbers
    made_on: Mapping[str, Setting]
    measures: Mapping[str, Measure] = field(default_factory=dict)


def ledger(measures: Mapping[str, Measure] | None = None) -> list[Verdict]:
    """Decide every claim of both papers by what is recorded in `results/`."""
    made_on = settings()
    printed = {paper: published(paper) for paper in made_on}
    evidence = Evidence(recorded_runs(), printed, made_on, measures or {})
    return [decide(claim, evidence) for claim in claims()]


def own_ledger() -> list[Verdict]:
    """Decide every finding of our own by the same rule, without a word of the papers'."""
    return decided(own_findings(), recorded_runs())


def decided(statements: Iterable[Claim], runs: Sequence[Run]) -> list[Verdict]:
    """Decide statements by these runs alone, without a word of the papers'."""
    evidence = Evidence(runs, {}, {})
    return [_decide_statement(claim, evidence) for claim in statements]


def decide(claim: Claim, evidence: Evidence) -> Verdict:
    """Decide one claim, by the rule at the head of this module.

    Raises:
        ValueError: a check names a number that is not printed.
    """
    checks = tuple(_checked(claim, evidence.printed[claim.paper]))
    found = _decide_number if claim.is_number else _decide_statement
    verdict = replace(found(claim, evidence), checks=checks)
    if failed := [text.replace(" is ", " is not ", 1) for text, holds in checks if not holds]:
        return replace(verdict, word=CONTRADICTED, reason="; ".join(failed))
    return verdict


# -- the paper's own numbers


def _checked(claim: Claim, printed: pd.DataFrame) -> Iterable[tuple[str, bool]]:
    """Check what is declared, and each H against its S and U."""
    for check in claim.printed:
        yield _check(check, printed)
    parts = [f"{claim.id.removesuffix('-H')}-{m}" for m in "SU"]
    if claim.is_number and claim.id.endswith("-H") and {*parts} <= {*printed.index}:
        seen, unseen = printed.loc[parts, "value"]
        mean = 2 * seen * unseen / (seen + unseen)
        text = f"H {claim.value:g} is the harmonic mean of {seen:g} and {unseen:g}, {mean:.1f}"
        # rounding moves the mean of two by at most twice what it moves each, and H once more
        yield text, bool(abs(claim.value - mean) <= 3 * ROUNDED)


def _check(check: Check, printed: pd.DataFrame) -> tuple[str, bool]:
    """Check one thing: in words, and whether it holds."""
    if check.count:
        value, text = float(len(_like(check.count, printed))), f"numbers named {check.count}:"
    else:
        value, text = _printed(check.that, printed)
    text = f"{text} {value:g}"
    if check.equals is not None:
        said = _printed(check.equals, printed)[0]
        return f"{text}, said to be {said:g}", bool(abs(value - said) <= check.within + 1e-9)
    if pattern := check.highest or check.median:
        others = _like(pattern, printed)
        if check.highest:
            best = others.idxmax()
            bar, kind = others[best], f"the highest, {_printed(best, printed)[1]}"
        else:
            bar, kind = others.median(), f"the median of {len(others)}"
        return f"{text} is at least {kind} {bar:g}", bool(value >= bar)
    up = check.above is not None
    bar, name = _printed(check.above if up else check.below, printed)
    words = filter(None, (text, "is above" if up else "is below", name, f"{bar:g}"))
    return " ".join(words), bool(value > bar if up else value < bar)


def _printed(that: Any, printed: pd.DataFrame) -> tuple[float, str]:
    """Give a printed number, or the difference of two, and its name; a number has none."""
    if isinstance(that, int | float):
        return float(that), ""
    ids = [that] if isinstance(that, str) else [*that]
    if unknown := [name for name in ids if name not in printed.index]:
        raise ValueError(f"claims.yml checks {unknown[0]!r}, which the paper's file does not have.")
    rows = printed.loc[ids]
    names = [f"{r.method}'s {r.metric} on {r.benchmark}" for r in rows.itertuples()]
    first, *others = rows["value"]
    return round(first - sum(others), 6), " minus ".join(names)


def _like(pattern: str, printed: pd.DataFrame) -> pd.Series:
    names = [name for name in printed.index if fnmatchcase(name, pattern)]
    if not names:
        raise ValueError(f"claims.yml checks {pattern!r}, which no printed number has.")
    return printed.loc[names, "value"].dropna()


# -- statements


def _decide_statement(claim: Claim, evidence: Evidence) -> Verdict:
    asked = [
        (finding, comparison)
        for comparison in claim.measured
        for run in evidence.runs
        if (finding := _compared(comparison, run, evidence.measures))
    ]
    if not asked:
        if claim.is_number:
            return Verdict(claim, NOT_MEASURED, "")
        nothing = (
            "nothing recorded has these rows" if claim.measured else "the printed numbers agree"
        )
        return Verdict(claim, NOT_MEASURED, claim.why or nothing)
    gains = [_gains(finding) for finding, _ in asked]
    told = differences(*gains, least=0.0)
    findings = tuple(
        _stand(finding, comparison, difference, len(values))
        for (finding, comparison), difference, values in zip(asked, told, gains, strict=True)
    )
    told_for, against = ([f for f in findings if f.standing == side] for side in ("for", "against"))
    if len(told_for) == len(findings):
        word = REPRODUCED
    elif told_for and not against:
        word = DIRECTION
    else:
        word = NOT_REPRODUCED
    reason = f"{len(told_for)} of {len(findings)} comparisons speak for it"
    reason += f", {len(against)} against" if against else ""
    return Verdict(claim, word, reason, findings)


def _compared(asked: Comparison, run: Run, measures: Mapping[str, Measure]) -> Finding | None:
    """Give what a run has for a comparison, if anything."""
    records = run.picked(asked.table, asked.notebook)
    if asked.only:
        records = [r for r in records if r["benchmark"]["name"] in asked.only]
    ours = _values(records, asked.row, asked.path, asked, measures)
    if isinstance(asked.reference, str):
        path = _path(asked.other) if asked.other else asked.path
        beside = _values(records, asked.reference, path, asked, measures)
    else:
        beside = dict.fromkeys(ours, float(asked.reference))
    shared = [seed for seed in ours if seed in beside]
    if not shared:
        return None
    return Finding(
        run,
        next(r for r in records if r["row"] == asked.row),
        asked.row,
        str(asked.reference),
        _metric(asked),
        tuple(ours[seed] for seed in shared),
        tuple(beside[seed] for seed in shared),
        "above" if asked.sign > 0 else "below",
        called=asked.called,
    )


def _metric(asked: Comparison) -> str:
    """Name what is compared."""
    name = asked.score or asked.metric
    if asked.other:
        name = f"{name} against {asked.other}"
    if asked.measure:
        name = f"{asked.measure} ({name})"
    if asked.against:
        name = f"{name} over {asked.against}"
    return name if asked.score or asked.protocol == "clean" else f"{name}, {asked.protocol}"


def _path(score: str) -> tuple[str, ...]:
    return tuple(score.split("/"))


def _gains(finding: Finding) -> list[float]:
    return [ours - theirs for ours, theirs in zip(finding.ours, finding.beside, strict=True)]


def _stand(finding: Finding, asked: Comparison, told: Difference, seeds: int) -> Finding:
    """Say whether a difference speaks for the claim, against it, or neither."""
    least = asked.least
    if least is None:
        least = LEAST if asked.path[-1] in PERCENT and asked.measure in ("", "spread") else 0.0
    apart = asked.exact or (seeds >= FEWEST and told.p < LEVEL)
    if not apart or abs(told.mean) < least:
        return replace(finding, difference=told)
    side = "for" if told.mean * asked.sign > 0 else "against"
    return replace(finding, difference=told, standing=side)


def _values(
    records: list[dict],
    row: str,
    path: tuple[str, ...],
    asked: Comparison,
    measures: Mapping[str, Measure],
) -> dict[int, float]:
    """Give a value a seed for a row; nothing where no record has it."""
    if asked.measure not in ("", "spread"):
        if asked.measure not in measures:
            raise ValueError(f"There is no measure {asked.measure!r} for {row}.")
        return measures[asked.measure](records, replace(asked, row=row))
    found = _scored(records, row, path)
    if asked.measure == "spread" and found:
        middle = statistics.median(found.values())
        return {seed: abs(value - middle) for seed, value in found.items()}
    return found


def _scored(records: list[dict], row: str, path: tuple[str, ...]) -> dict[int, float]:
    """Give a row's scores at a path by seed; those in percent times 100."""
    found = {}
    for record in (r for r in records if r["row"] == row):
        at = record["scores"]
        for part in path[:-1]:
            at = at.get(part, {})
        if path[-1] == "S-U" and {"S", "U"} <= at.keys():
            found[record["seed"]] = 100 * (at["S"] - at["U"])
        elif path[-1] in at:
            found[record["seed"]] = at[path[-1]] * (100 if path[-1] in PERCENT else 1)
    return found


# -- numbers


def _decide_number(claim: Claim, evidence: Evidence) -> Verdict:
    setting = evidence.made_on[claim.paper]
    own, elsewhere = (
        replace(evidence, runs=[_part(run, claim, setting, side) for run in evidence.runs])
        for side in (True, False)
    )
    if claim.measured:  # the number is a bound
        verdict, beside = _decide_statement(claim, own), _decide_statement(claim, elsewhere)
        stand_ins = tuple(replace(f, standing="open") for f in beside.findings)
    else:
        verdict = _nearest(claim, setting, own)
        stand_ins = tuple(_figures(claim, setting, elsewhere))
    if verdict.is_decided:
        return replace(verdict, stand_ins=stand_ins)
    needs = f"needs {claim.benchmark} with {setting.features} features and {setting.semantics}"
    return replace(verdict, reason=claim.why or verdict.reason or needs, stand_ins=stand_ins)


def _part(run: Run, claim: Claim, setting: Setting, is_own: bool) -> Run:
    """Keep those records of a run that are of the claim's own benchmark and inputs, or the rest."""
    wanted = (claim.benchmark.lower(), setting.semantics, setting.features)
    full = run.manifest.get("profile") == "full"

    def own(record: dict) -> bool:
        on = record["benchmark"]
        return full and (on["name"], on["semantics"], on.get("features")) == wanted

    return replace(run, records=[r for r in run.records if own(r) is is_own])


def _figures(claim: Claim, setting: Setting, evidence: Evidence) -> Iterable[Finding]:
    """Give our own figures for a printed number, one a run and way of counting that has it."""
    row = setting.rows.get(claim.method)
    if row is None:
        return
    metric = claim.metric.split()[0] if claim.metric.split()[0] in PERCENT else "H"
    shown = f"{row.row} over {row.over}" if row.over else row.row
    for run in evidence.runs:
        records = run.picked(row.table, row.notebook)
        for way in setting.ways.get(claim.protocol, ()):
            path = _path(row.score or (way if "/" in way else f"{way}/{metric}"))
            values = _scored(records, row.row, path)
            if row.over:
                base = _scored(records, row.over, path)
                sign = -1 if claim.metric.endswith("drop") else 1
                values = {s: sign * (values[s] - base[s]) for s in values if s in base}
            if values:
                record = next(r for r in records if r["row"] == row.row)
                named, ours = row.score or f"{claim.metric}, {way}", tuple(values.values())
                yield Finding(run, record, shown, "printed", named, ours, (claim.value,))


def _nearest(claim: Claim, setting: Setting, own: Evidence) -> Verdict:
    """Decide a number by the way of counting that comes nearest to it."""
    figures = tuple(_figures(claim, setting, own))
    if not figures:
        no_row = claim.method not in setting.rows
        return Verdict(claim, NOT_MEASURED, "no row of ours is this method" if no_row else "")
    row = setting.rows[claim.method]
    enough = [f for f in figures if len(f.ours) >= FEWEST or row.score]
    if not enough:
        return Verdict(claim, NOT_MEASURED, f"fewer than {FEWEST} seeds", figures)
    finding = min(enough, key=lambda f: abs(mean_and_sd(f.ours)[0] - claim.value))
    mean = mean_and_sd(finding.ours)[0]
    told = differences(finding.ours)[0]
    if abs(mean - claim.value) <= (NEAR * claim.value if row.score else LEAST):
        word = REPRODUCED
    elif row.over and told.apart and told.mean * claim.value > 0:
        word = DIRECTION
    else:
        word = NOT_REPRODUCED
    return Verdict(claim, word, f"ours is {mean:.4g} ({finding.metric})", figures)
