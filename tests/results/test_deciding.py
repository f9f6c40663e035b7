"""The rule behind the verdicts, on made-up records: each verdict is reached."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from zslnb.results.deciding import (
    CONTRADICTED,
    DIRECTION,
    NOT_MEASURED,
    NOT_REPRODUCED,
    REPRODUCED,
    Evidence,
    Run,
    decide,
    ledger,
    own_ledger,
)
from zslnb.results.statements import Check, Claim, Comparison, Row, Setting, claims

PRINTED = pd.DataFrame(
    [
        ("T1-CUB-S", "RevCD", "S", 60.0),
        ("T1-CUB-U", "RevCD", "U", 40.0),
        ("T1-CUB-H", "RevCD", "H", 48.0),
        ("T1-SUN-S", "RevCD", "S", 60.0),
        ("T1-SUN-U", "RevCD", "U", 40.0),
        ("T1-SUN-H", "RevCD", "H", 50.0),
        ("T1-CUB-GAN-H", "GAN", "H", 52.0),
    ],
    columns=["id", "method", "metric", "value"],
).assign(benchmark="CUB").set_index("id")  # fmt: skip
SETTING = Setting(
    "attributes",
    "resnet101",
    {"not stated": ("clean", "lenient")},
    {
        "RevCD": Row("RevCD", "T2"),
        "RevCD over GAN": Row("RevCD", "T2", over="GAN"),
        "texts": Row("1 removed", notebook="10", score="after/mean"),
    },
)


def claim(**changes):
    whole = {
        "paper": "revcd", "id": "W-a", "says": "", "place": "", "benchmark": "CUB", "metric": "H",
        "protocol": "not stated", "grade": "paper", "method": "RevCD",
    }  # fmt: skip
    return Claim(**whole | changes)


def run(rows, name="cub", profile="full", **extra):
    """A run whose rows have these H, one a seed; lenient ones are ten points higher."""
    on = {"name": name, "semantics": "attributes", "features": "resnet101"} | extra
    records = [
        {
            "row": row, "seed": seed, "table": "T2", "notebook": "24_results", "id": f"{row}{seed}",
            "benchmark": on,
            "scores": {
                protocol: {"H": (h + more) / 100, "S": (h + 5) / 100, "U": (h - 5) / 100}
                for protocol, more in (("clean", 0), ("lenient", 10))
            },
        }
        for row, scores in rows.items()
        for seed, h in enumerate(scores)
    ]  # fmt: skip
    return Run(f"{name}-{profile}", records, {"profile": profile, "benchmark": on})


def decided(asked, *runs, measures=None):
    return decide(asked, Evidence(runs, {"revcd": PRINTED}, {"revcd": SETTING}, measures or {}))


ABOVE = {"RevCD": (50.0, 51.0, 52.0), "GAN": (40.0, 41.1, 41.9)}
BELOW = {"RevCD": (40.0, 41.1, 41.9), "GAN": (50.0, 51.0, 52.0)}
LEVEL = {"RevCD": (50.0, 40.0, 60.0), "GAN": (40.0, 50.0, 58.0)}
BETTER = Comparison("RevCD", above="GAN", table="T2")


@pytest.mark.parametrize(
    ("runs", "word"),
    [
        ((), NOT_MEASURED),
        ((ABOVE,), REPRODUCED),
        ((ABOVE, ABOVE), REPRODUCED),
        ((ABOVE, LEVEL), DIRECTION),
        ((LEVEL,), NOT_REPRODUCED),
        ((BELOW,), NOT_REPRODUCED),
        ((ABOVE, BELOW), NOT_REPRODUCED),
    ],
)
def test_a_statement_is_decided_by_all_runs_at_hand(runs, word):
    named = [run(rows, f"bench{n}", "smoke") for n, rows in enumerate(runs)]
    found = decided(claim(measured=(BETTER,)), *named)
    assert found.word == word
    assert len(found.findings) == len(runs)
    assert found.is_decided is (word != NOT_MEASURED)


def test_below_is_above_the_other_way_round():
    worse = Comparison("RevCD", below="GAN", table="T2")
    assert decided(claim(measured=(worse,)), run(BELOW)).word == REPRODUCED
    assert decided(claim(measured=(worse,)), run(ABOVE)).word == NOT_REPRODUCED


def test_less_than_a_point_is_nothing_however_sure():
    rows = {"RevCD": (50.0, 51.0, 52.0), "GAN": (49.1, 50.1, 51.1)}
    (finding,) = decided(claim(measured=(BETTER,)), run(rows)).findings
    assert (finding.standing, round(finding.difference.mean, 3)) == ("open", 0.9)
    assert finding.difference.p < 0.05


def test_two_seeds_are_too_few():
    rows = {"RevCD": (50.0, 51.0), "GAN": (40.0, 41.1)}
    assert decided(claim(measured=(BETTER,)), run(rows)).word == NOT_REPRODUCED


def test_what_is_asked_together_is_corrected_together():
    rows = {"RevCD": (50.0, 51.0, 52.0), "GAN": (48.0, 49.4, 49.6)}
    alone = decided(claim(measured=(BETTER,)), run(rows))
    both = decided(claim(measured=(BETTER,) * 20), run(rows))
    assert (alone.word, both.word) == (REPRODUCED, NOT_REPRODUCED)


def test_a_bound_needs_no_second_row_and_an_exact_one_no_seeds():
    bound = Comparison("RevCD", table="T2", metric="S-U", above=5)
    assert decided(claim(measured=(bound,)), run(ABOVE)).word == REPRODUCED
    exact = Comparison("RevCD", table="T2", score="clean/H", below=60, exact=True)
    assert decided(claim(measured=(exact,)), run({"RevCD": (50.0,)})).word == REPRODUCED
    beyond = Comparison("RevCD", table="T2", score="clean/H", above=60, exact=True)
    assert decided(claim(measured=(beyond,)), run({"RevCD": (50.0,)})).word == NOT_REPRODUCED


def test_two_scores_of_one_row_are_compared_by_their_paths():
    lenient = Comparison("RevCD", above="RevCD", table="T2", score="lenient/H", other="clean/H")
    (finding,) = decided(claim(measured=(lenient,)), run(ABOVE)).findings
    assert finding.difference.mean == pytest.approx(10)


def test_spread_is_the_distance_from_the_median_over_seeds():
    steadier = Comparison("RevCD", below="GAN", table="T2", measure="spread")
    rows = {"RevCD": (50.0, 50.1, 50.2), "GAN": (30.0, 40.0, 55.0)}
    (finding,) = decided(claim(measured=(steadier,)), run(rows)).findings
    assert finding.ours == pytest.approx((0.1, 0, 0.1))
    assert finding.beside == pytest.approx((10, 0, 15))


def test_a_measure_that_nobody_handed_in_is_an_error():
    asked = Comparison("RevCD", above=1, table="T2", measure="speed-up", against="GAN")
    with pytest.raises(ValueError, match="no measure 'speed-up'"):
        decided(claim(measured=(asked,)), run(ABOVE))
    measures = {"speed-up": lambda records, asked: {0: 2.0, 1: 2.1, 2: 2.2}}
    found = decided(claim(measured=(asked,)), run(ABOVE), measures=measures)
    assert found.word == REPRODUCED


def test_a_comparison_may_be_asked_on_one_benchmark_only():
    only = Comparison("RevCD", above="GAN", table="T2", only=("cub",))
    runs = run(ABOVE, "cub"), run(BELOW, "aviary")
    assert decided(claim(measured=(only,)), *runs).word == REPRODUCED


@pytest.mark.parametrize(
    ("check", "word"),
    [
        (Check("T1-CUB-H", above="T1-CUB-GAN-H"), CONTRADICTED),
        (Check("T1-CUB-H", below="T1-CUB-GAN-H"), REPRODUCED),
        (Check(("T1-CUB-S", "T1-CUB-U"), below=5), CONTRADICTED),
        (Check(("T1-CUB-S", "T1-CUB-U"), equals=20.4, within=0.5), REPRODUCED),
        (Check(("T1-CUB-S", "T1-CUB-U"), equals=21, within=0.5), CONTRADICTED),
        (Check("T1-CUB-S", equals="T1-SUN-S"), REPRODUCED),
        (Check("T1-CUB-S", equals="T1-SUN-U"), CONTRADICTED),
        (Check("T1-CUB-GAN-H", highest="T1-CUB-*H"), REPRODUCED),
        (Check("T1-CUB-H", highest="T1-CUB-*H"), CONTRADICTED),
        (Check("T1-CUB-GAN-H", median="T1-*-H"), REPRODUCED),
        (Check("T1-CUB-H", median="T1-*-H"), CONTRADICTED),
        (Check(count="T1-*-S", equals=2), REPRODUCED),
        (Check(count="T1-*-S", equals=3), CONTRADICTED),
    ],
)
def test_the_papers_own_numbers_come_before_ours(check, word):
    found = decided(claim(measured=(BETTER,), printed=(check,)), run(ABOVE))
    assert found.word == word
    assert found.checks[0][1] is (word == REPRODUCED)
    assert len(found.findings) == 1  # ours are shown, whatever the paper's say


@pytest.mark.parametrize("check", [Check("T9", above=1), Check(count="T9-*", equals=1)])
def test_a_check_of_what_is_not_printed_is_an_error(check):
    with pytest.raises(ValueError, match="T9"):
        decided(claim(printed=(check,)))


def test_a_printed_h_that_its_s_and_u_do_not_give_contradicts_itself():
    assert decided(claim(id="T1-SUN-H", value=50.0)).word == CONTRADICTED
    assert decided(claim(id="T1-CUB-H", value=48.0)).word == NOT_MEASURED


@pytest.mark.parametrize(
    ("value", "word"),
    [(50.5, REPRODUCED), (61.4, REPRODUCED), (56.0, NOT_REPRODUCED), (45.0, NOT_REPRODUCED)],
)
def test_a_number_is_decided_by_the_nearest_way_of_counting(value, word):
    found = decided(claim(value=value), run(ABOVE))  # clean 51, lenient 61
    assert (found.word, len(found.findings)) == (word, 2)


@pytest.mark.parametrize(
    ("value", "word"), [(10.0, REPRODUCED), (30.0, DIRECTION), (-10.0, NOT_REPRODUCED)]
)
def test_of_a_gain_the_direction_may_come_out_alone(value, word):
    found = decided(claim(value=value, method="RevCD over GAN", metric="H gain"), run(ABOVE))
    assert found.word == word


@pytest.mark.parametrize(
    "elsewhere",
    [
        run(ABOVE, "aviary"),
        run(ABOVE, profile="medium"),
        run(ABOVE, features="clip"),
        run(ABOVE, semantics="sentences"),
    ],
)
def test_elsewhere_a_figure_of_ours_stands_in_and_decides_nothing(elsewhere):
    found = decided(claim(value=51.0), elsewhere)
    assert (found.word, found.findings, len(found.stand_ins)) == (NOT_MEASURED, (), 2)
    assert found.reason == "needs CUB with resnet101 features and attributes"


def test_of_a_run_with_two_kinds_of_features_the_papers_own_decide():
    both = run(ABOVE)
    both.records.extend(run(BELOW, features="clip").records)
    found = decided(claim(value=51.0), both)
    assert (found.word, len(found.findings), len(found.stand_ins)) == (REPRODUCED, 2, 2)


def test_a_way_of_counting_may_be_a_path():
    made = run(ABOVE)
    for record in made.records:
        record["scores"] = {"conventional": {"per image": 0.7}}
    setting = replace(SETTING, ways={"not stated": ("conventional/per image",)})
    asked = claim(value=70.4, metric="T1")
    found = decide(asked, Evidence((made,), {"revcd": PRINTED}, {"revcd": setting}))
    assert found.word == REPRODUCED


def test_a_number_of_two_seeds_is_not_decided():
    found = decided(claim(value=51.0), run({"RevCD": (51.0, 51.2)}))
    assert (found.word, found.reason) == (NOT_MEASURED, "fewer than 3 seeds")


def test_a_number_that_no_row_of_ours_has_is_not_decided():
    found = decided(claim(value=51.0, method="ICCE"), run(ABOVE))
    assert (found.word, found.reason) == (NOT_MEASURED, "no row of ours is this method")


def test_a_number_that_is_a_bound_is_decided_by_its_comparisons():
    bound = Comparison("RevCD", above=45, table="T2")
    asked = claim(value=45.0, measured=(bound,))
    assert decided(asked, run(ABOVE)).word == REPRODUCED
    assert decided(asked, run(BELOW)).word == NOT_REPRODUCED
    elsewhere = decided(asked, run(ABOVE, "aviary"))
    assert (elsewhere.word, len(elsewhere.stand_ins)) == (NOT_MEASURED, 1)


@pytest.mark.parametrize(("value", "word"), [(0.52, REPRODUCED), (0.6, NOT_REPRODUCED)])
def test_a_closed_form_is_decided_by_one_record_within_a_twentieth(value, word):
    made = run({"1 removed": (50.0,)})
    made.records[0] |= {"notebook": "10_cdp", "scores": {"after": {"mean": 0.5}}}
    assert decided(claim(value=value, method="texts", metric="mean cosine"), made).word == word


def timed(name, table, times):
    """A run with a table of trainings, in which GenZSL is so many times as fast, one a seed."""
    made = run({row: (0.0,) * len(times) for row in ("GenZSL", "f-VAEGAN")}, name)
    for record in made.records:
        record |= {"table": table, "times": times[record["seed"]]}
    return made


FAST, SLOW = (7.0, 8.0, 9.0), (0.0, 0.1, 0.05)


@pytest.mark.parametrize(
    ("runs", "word", "asked"),
    [
        ([("aviary", "speed", FAST), ("cub_resnet_fc1000", "training", FAST)], REPRODUCED, 4),
        ([("aviary", "speed", FAST), ("cub_resnet_fc1000", "training", SLOW)], NOT_REPRODUCED, 4),
        ([("aviary", "speed", FAST), ("aviary", "training", FAST)], REPRODUCED, 2),  # the same runs
        ([("aviary", "training", FAST)], NOT_MEASURED, 0),
    ],
)
def test_the_claim_of_speed_asks_each_training_once(runs, word, asked):
    """The aviary's trainings stand in two tables, CUB's in one; both have to speak for it."""
    by_id = {one.id: one for one in claims()}
    measures = {
        "speed-up": lambda records, asked: {
            r["seed"]: r["times"] for r in records if r["row"] == asked.row
        }
    }
    evidence = Evidence(
        [timed(*one) for one in runs], {"genzsl": PRINTED}, {"genzsl": SETTING}, measures
    )
    found = decide(by_id["W-faster"], evidence)
    assert (found.word, len(found.findings)) == (word, asked)
    sixty = decide(by_id["F5-AWA2-speedup"], evidence)  # on AWA2, which nobody has run here
    assert (sixty.word, len(sixty.stand_ins)) == (NOT_MEASURED, asked)
    assert all(f.standing == "open" for f in sixty.stand_ins)


def test_stability_is_asked_of_both_kinds_of_semantics():
    """GenZSL steadier with names, and less steady with attributes: nothing follows."""
    (stable,) = (one for one in claims() if one.id == "W-stable")
    tight, loose = (50.0, 50.1, 50.2, 50.1, 50.0), (30.0, 60.0, 20.0, 65.0, 40.0)
    names = run({"GenZSL": tight, "f-VAEGAN": loose, "f-CLSWGAN": loose})
    with_attributes = ("GenZSL · attributes", "f-VAEGAN · attributes", "f-CLSWGAN · attributes")
    others = run(dict(zip(with_attributes, (loose, tight, tight), strict=True)), "other")
    for record in others.records:
        record["table"] = "T4"
    evidence = Evidence([names, others], {"genzsl": PRINTED}, {"genzsl": SETTING})
    found = decide(stable, evidence)
    assert {(f.row, f.other) for f in found.findings} == {
        *(("GenZSL", row) for row in ("f-VAEGAN", "f-CLSWGAN")),
        *((with_attributes[0], row) for row in with_attributes[1:]),
    }
    sides = {f.row: f.difference.mean < 0 for f in found.findings}
    assert sides == {"GenZSL": True, with_attributes[0]: False}


def test_the_ledger_has_every_claim_and_every_reason():
    verdicts = ledger({"speed-up": lambda *_: {}})
    assert len(verdicts) > 100
    assert all(v.reason for v in verdicts)
    assert all(math.isfinite(f.difference.mean) for v in verdicts for f in v.findings)


@pytest.mark.parametrize("verdict", own_ledger(), ids=lambda verdict: verdict.claim.id)
def test_what_we_say_we_found_is_what_the_records_bear_out(verdict):
    standing = {finding.standing for finding in verdict.findings}
    if verdict.claim.nothing:
        assert standing == {"open"}
    else:
        assert verdict.word in (REPRODUCED, DIRECTION), verdict.reason
