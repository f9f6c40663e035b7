"""The published numbers, read from `papers/`."""

import math
import re

import pytest

from zslnb.protocol import harmonic_mean
from zslnb.results.claims import GRADES, published, published_sizes, published_value

BENCHMARKS = ("CUB", "SUN", "AWA2")
# printed H -> the H that its printed S and U give
MISPRINTS = {
    "genzsl": {
        "B-ZSLViT-SUN-H": (47.3, 47.1),
        "R-GDAN-SUN-H": (53.4, 39.5),
        "R-HSVA-CUB-H": (55.3, 57.7),
        "R-HSVA-AWA2-H": (66.8, 63.3),
        "R-SEGZSL-SUN-H": (34.9, 38.1),
        "R-MAIN-SUN-H": (48.8, 44.5),
    },
    "revcd": {
        "T1-SUN-GDAN-H": (53.4, 39.5),
        "T1-CUB-HSVA-H": (55.3, 57.7),
        "T1-AWA2-HSVA-H": (66.8, 63.3),
        "T1-SUN-SEGZSL-H": (34.9, 38.1),
        "T1-SUN-MAIN-H": (48.8, 44.5),
        "T1-AWA2-RevCD-H": (58.3, 58.5),
        "T2-AWA2-RevCD-H": (58.3, 58.5),
        "T2-SUN-GAN-H": (31.4, 34.7),
    },
}
GRADES_IN = {"genzsl": set(GRADES), "revcd": {"paper", "quoted"}}  # as in the heads
PROTOCOLS = {
    "genzsl": {
        *("best on test", "best on test, per image", "as published", "closed form"),
        *("difference", "derived", "released settings", "not stated"),
    },
    "revcd": {"as published", "difference", "not stated"},
}
OTHER_BENCHMARKS = {"genzsl": {"all", "unknown"}, "revcd": {"all"}}
by_paper = pytest.mark.parametrize("paper", ["genzsl", "revcd"])
ENTRY = "id: a, place: T1, benchmark: b, method: m, metric: H, source: s, protocol: p"


@pytest.fixture(scope="module")
def ledgers():
    return {paper: published(paper) for paper in MISPRINTS}


@pytest.fixture(scope="module")
def quoted(ledgers):
    return ledgers["genzsl"]


@pytest.fixture(scope="module")
def revcd(ledgers):
    return ledgers["revcd"]


def value(claim, paper="genzsl"):
    return published_value(paper, claim)


def laid_out(revcd, table):
    """Lay out one of RevCD's tables: method by (benchmark, metric)."""
    rows = revcd[revcd.index.str.startswith(table)]
    return rows.pivot(index="method", columns=["benchmark", "metric"], values="value")


def triples(quoted):
    """Every H that stands beside its S and U: id of H -> (S, U, H)."""
    quoted = quoted.dropna(subset="value")
    ids = (i.removesuffix("-H") for i in quoted.index[quoted.metric == "H"] if i.endswith("-H"))
    whole = [i for i in ids if f"{i}-S" in quoted.index and f"{i}-U" in quoted.index]
    return {f"{i}-H": tuple(quoted.loc[f"{i}-{m}", "value"] for m in "SUH") for i in whole}


@by_paper
def test_the_entries_say_where_they_stand_and_how_well_they_are_known(ledgers, paper):
    ledger = ledgers[paper]
    assert set(ledger.grade) == GRADES_IN[paper]
    assert set(ledger.protocol) == PROTOCOLS[paper]
    assert set(ledger.benchmark) == {*BENCHMARKS} | OTHER_BENCHMARKS[paper]


def test_no_entry_is_lost(quoted, revcd):
    assert len(quoted) > 300
    assert value("F3-CUB-after") == pytest.approx(1.825e-5)  # a number, not a text
    kinds = revcd.index.str.split("-").str[0].value_counts().to_dict()
    assert kinds == {"T1": 18 * 9, "T2": 3 * 9, "C": 23, "F3": 2, "F4": 3}


def test_tables_1_and_2_of_genzsl(quoted):
    printed = quoted[(quoted.method == "GenZSL") & quoted.metric.isin(["T1", "U", "S", "H"])]
    wide = printed.pivot(index="benchmark", columns="metric", values="value")
    assert wide.loc["CUB", ["T1", "U", "S", "H"]].tolist() == [63.3, 53.5, 61.9, 57.4]
    assert wide.loc["SUN", ["T1", "U", "S", "H"]].tolist() == [73.5, 50.6, 43.8, 47.0]
    assert wide.loc["AWA2", ["T1", "U", "S", "H"]].tolist() == [92.2, 86.1, 88.7, 87.4]
    assert printed.protocol.str.startswith("best on test").all()


def test_tables_1_and_2_of_revcd(revcd):
    first, second = laid_out(revcd, "T1"), laid_out(revcd, "T2")
    assert first.loc["RevCD", "AWA2"][["S", "U", "H"]].tolist() == [94.5, 42.4, 58.3]
    assert first.loc["RevCD", "CUB"][["S", "U", "H"]].tolist() == [87.5, 32.3, 47.2]
    assert first.loc["RevCD", "SUN"][["S", "U", "H"]].tolist() == [66.9, 43.4, 52.6]
    assert first.loc["MAIN", "CUB"][["S", "U", "H"]].tolist() == [58.7, 65.9, 62.1]
    assert second.loc["cVAE", "AWA2"][["S", "U", "H"]].tolist() == [72.6, 54.4, 62.2]
    assert second.loc["GAN", "SUN"][["S", "U", "H"]].tolist() == [43.3, 29.0, 31.4]
    assert first.loc["RevCD"].equals(second.loc["RevCD"][first.columns]), "the row stands twice"


def test_revcd_grades_its_rivals_as_quoted_and_keeps_its_dashes(revcd):
    table = revcd[revcd.index.str.startswith("T1")]
    assert set(table.grade[table.method != "RevCD"]) == {"quoted"}
    assert set(revcd.grade[revcd.method == "RevCD"]) == {"paper"}
    dashes = revcd[revcd.index.str.startswith("T") & revcd.value.isna()]
    assert set(dashes.benchmark) == {"SUN"}
    assert dashes.method.value_counts().to_dict() == dict.fromkeys(
        ("SDGZSL", "ICCE", "TDCSS", "cVAE"), 3
    )


def test_both_files_quote_revcds_table_1_alike(quoted, revcd):
    rows = quoted[quoted.index.str.startswith("R-")]
    same = revcd.loc[[re.sub(r"R-(.+)-(\w+)-(\w)$", r"T1-\2-\1-\3", i) for i in rows.index]]
    assert rows.value.tolist() == same.value.tolist()
    assert rows.method.tolist() == same.method.tolist()
    table = revcd[revcd.index.str.startswith("T1") & (revcd.method != "RevCD")]
    assert set(same.index) == set(table.index[table.value.notna()])


@by_paper
def test_every_printed_h_follows_from_its_s_and_u_but_for_known_misprints(ledgers, paper):
    ledger, misprints, differing = ledgers[paper], MISPRINTS[paper], {}
    for claim, (s, u, h) in triples(ledger).items():
        low, high = harmonic_mean(s - 0.05, u - 0.05), harmonic_mean(s + 0.05, u + 0.05)
        if not low - 0.0501 <= h <= high + 0.0501:  # what rounding of all three can do
            differing[claim] = (h, round(harmonic_mean(s, u), 1))
    assert differing == misprints
    assert set(ledger.index[ledger.note.str.startswith("misprint")]) == set(misprints)
    for claim, (_, true) in misprints.items():
        assert f"its S and U give {true}" in ledger.loc[claim, "note"]


def test_the_check_of_h_reaches_the_tables(quoted, revcd):
    assert len(triples(revcd)) == 18 * 3 + 3 * 3 - 4, "all but the dashes"
    assert {"T2-CUB-H", "T4-CUB-CoOp-H", "S-AWA2-CLIP-H", "B-MSDN-SUN-H"} <= set(triples(quoted))
    assert len(triples(quoted)) > 60


def test_the_gains_in_the_prose_have_different_baselines():
    assert value("T1-AWA2") - value("T1-AWA2-next") == pytest.approx(value("C-AWA2-T1-gain"))
    weak = value("T2-CUB-H") - value("T4-CUB-fVAEGAN-weak-H")
    assert weak == pytest.approx(value("C-CUB-weak-gain"))
    for ours, theirs in (("T1-AWA2", "T1"), ("T2-AWA2-H", "H")):
        gap = value(ours) - value(f"B-fVAEGAN-AWA2-{theirs}")
        assert gap != pytest.approx(value("F5-AWA2-gain"), abs=0.5), "not the published f-VAEGAN"
        again = value(ours) - value(f"F5-AWA2-fVAEGAN-{theirs}")
        assert again == pytest.approx(value("F5-AWA2-gain"))


def test_what_is_derived_says_so_and_adds_up(quoted):
    assert set(quoted.index[quoted.protocol == "derived"]) == set(
        quoted.index[quoted.grade == "inference"]
    )
    for claim, note in quoted.note[quoted.protocol == "derived"].items():
        whole, part = note.split(" minus ")
        assert value(claim) == pytest.approx(value(whole) - value(part)), claim


def test_two_tables_that_quote_the_same_score_agree_except_on_an_exchange(quoted):
    scores = quoted[quoted.index.str.match("[BR]-") & ~quoted.note.str.startswith("exchanged")]
    assert (scores.groupby(["method", "benchmark", "metric"])["value"].nunique() == 1).all()
    for benchmark in BENCHMARKS:
        for one, other in ("SU", "US"):
            theirs = value(f"B-TransZero-{benchmark}-{other}")
            assert value(f"R-TransZero-{benchmark}-{one}") == theirs


def test_rivals_publish_a_higher_h_on_sun_than_genzsl(quoted):
    sun = quoted[(quoted.benchmark == "SUN") & (quoted.metric == "H")]
    higher = set(sun.method[sun.value > value("T2-SUN-H")])
    assert {"ZSLViT", "ZeroMamba", "ZLAP", "TPR"} <= higher
    again = MISPRINTS["genzsl"]["B-ZSLViT-SUN-H"][1]
    assert again > value("T2-SUN-H"), "even as its S and U give it"


@pytest.mark.parametrize(
    ("claim", "ours", "theirs"),
    [
        ("C-SUN-GAN-gain", "RevCD", "GAN"),
        ("C-AWA2-GAN-gain", "RevCD", "GAN"),
        ("C-CUB-GAN-gain", "RevCD", "GAN"),
        ("C-CUB-VAE-gain", "cVAE", "RevCD"),
    ],
)
def test_the_notes_of_revcds_gains_give_both_differences(revcd, claim, ours, theirs):
    table = laid_out(revcd, "T2")[revcd.loc[claim, "benchmark"]]
    printed = table.loc[ours, "H"] - table.loc[theirs, "H"]
    h = {method: harmonic_mean(*table.loc[method, ["S", "U"]]) for method in (ours, theirs)}
    again = h[ours] - h[theirs]
    says = f"the printed H give {printed:.1f}, those from S and U {again:.1f}"
    assert says in revcd.loc[claim, "note"]


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_revcd_has_the_highest_s_of_its_tables_and_the_widest_gap_to_u(revcd, benchmark):
    first, second = (laid_out(revcd, table)[benchmark] for table in ("T1", "T2"))
    assert first["S"].idxmax() == second["S"].idxmax() == "RevCD"
    assert first["S"].max() == value(f"C-{benchmark}-S-best", "revcd")
    assert (first["S"] - first["U"]).idxmax() == "RevCD"


def test_revcds_text_is_contradicted_by_its_own_tables(revcd):
    first, second = laid_out(revcd, "T1"), laid_out(revcd, "T2")
    assert value("C-SUN-U-best", "revcd") == 50.9 < first.loc["DAZLE", ("SUN", "U")]
    assert second[[(b, "H") for b in BENCHMARKS]].idxmax().tolist() == ["cVAE", "RevCD", "cVAE"]
    ranks = first.rank(ascending=False).loc["RevCD"]
    of = first.notna().sum()
    for benchmark in BENCHMARKS:
        column = (benchmark, "H")
        says = f"{ranks[column]:.0f} of {of[column]} on {benchmark}"
        assert says in revcd.loc["C-all-H-competitive", "note"]


def test_a_number_that_nobody_has_is_nan_and_says_why(quoted):
    assert math.isnan(quoted.loc["T3-CUB-noBoost-H", "value"])
    assert quoted.note[quoted.value.isna()].str.len().min() > 0
    with pytest.raises(ValueError, match=r"T3-CUB-noBoost-H in genzsl.yml has no value: said to"):
        value("T3-CUB-noBoost-H")


@pytest.mark.parametrize(
    ("look_up", "says"),
    [
        (lambda: value("T2-CUB-h"), r"Did you mean .*'T2-CUB-H'"),
        (lambda: value("zzzzzz"), r"no number 'zzzzzz' in genzsl.yml\. published"),
        (lambda: published("genzls"), "genzsl"),
    ],
)
def test_what_is_unknown_is_refused_with_the_nearest(look_up, says):
    with pytest.raises(ValueError, match=says):
        look_up()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {id: a, place: T1}", "entry a lacks 'benchmark'"),
        (f"- {{{ENTRY}, value: 1}}", "entry a lacks 'grade'"),
        (f"- {{{ENTRY}, value: 1, grade: C}}", "entry a has grade 'C'; allowed are code, paper"),
        (f"- {{{ENTRY}, value: null, grade: paper}}", "entry a has no value, and no note"),
        (2 * f"- {{{ENTRY}, value: 1, grade: paper}}\n", "id a twice"),
    ],
)
def test_a_broken_entry_is_named(tmp_path, text, says):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(ValueError, match=says):
        published("x", tmp_path)


def test_the_published_sizes_add_up():
    total = {
        b["benchmark"]: b["trainval"] + b["test seen"] + b["test unseen"] for b in published_sizes()
    }
    assert total == {"AWA2": 37322, "CUB": 11788, "SUN": 14340}
