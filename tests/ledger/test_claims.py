"""The published numbers, read from `papers/`."""

import math

import pytest

from zslnb.ledger import published, published_sizes, published_value
from zslnb.ledger.claims import GRADES
from zslnb.protocol import harmonic_mean

# printed H -> the H that its printed S and U give
MISPRINTS = {
    "B-ZSLViT-SUN-H": (47.3, 47.1),
    "R-GDAN-SUN-H": (53.4, 39.5),
    "R-HSVA-CUB-H": (55.3, 57.7),
    "R-HSVA-AWA2-H": (66.8, 63.3),
    "R-SEGZSL-SUN-H": (34.9, 38.1),
    "R-MAIN-SUN-H": (48.8, 44.5),
}
PROTOCOLS = {
    *("best on test", "best on test, per image", "as published", "closed form"),
    *("difference", "derived", "released settings", "not stated"),
}
ENTRY = "id: a, place: T1, benchmark: b, method: m, metric: H, source: s, protocol: p"


@pytest.fixture(scope="module")
def quoted():
    return published("genzsl")


def value(claim):
    return published_value("genzsl", claim)


def triples(quoted):
    """Every H that stands beside its S and U: id of H -> (S, U, H)."""
    ids = (i.removesuffix("-H") for i in quoted.index[quoted.metric == "H"] if i.endswith("-H"))
    whole = [i for i in ids if f"{i}-S" in quoted.index and f"{i}-U" in quoted.index]
    return {f"{i}-H": tuple(quoted.loc[f"{i}-{m}", "value"] for m in "SUH") for i in whole}


def test_the_entries_say_where_they_stand_and_how_well_they_are_known(quoted):
    assert len(quoted) > 300
    assert set(quoted.grade) == set(GRADES), "each grade in the head is used"
    assert set(quoted.protocol) == PROTOCOLS
    assert set(quoted.benchmark) == {"CUB", "SUN", "AWA2", "all", "unknown"}


def test_tables_1_and_2_of_genzsl(quoted):
    own = quoted[(quoted.method == "GenZSL") & quoted.metric.isin(["T1", "U", "S", "H"])]
    wide = own.pivot(index="benchmark", columns="metric", values="value")
    assert wide.loc["CUB", ["T1", "U", "S", "H"]].tolist() == [63.3, 53.5, 61.9, 57.4]
    assert wide.loc["SUN", ["T1", "U", "S", "H"]].tolist() == [73.5, 50.6, 43.8, 47.0]
    assert wide.loc["AWA2", ["T1", "U", "S", "H"]].tolist() == [92.2, 86.1, 88.7, 87.4]
    assert own.protocol.str.startswith("best on test").all()


def test_every_printed_h_follows_from_its_s_and_u_but_for_known_misprints(quoted):
    found = {}
    for claim, (s, u, h) in triples(quoted).items():
        low, high = harmonic_mean(s - 0.05, u - 0.05), harmonic_mean(s + 0.05, u + 0.05)
        if not low - 0.0501 <= h <= high + 0.0501:  # what rounding of all three can do
            found[claim] = (h, round(harmonic_mean(s, u), 1))
    assert found == MISPRINTS
    assert set(quoted.index[quoted.note.str.startswith("misprint")]) == set(MISPRINTS)
    for claim, (_, true) in MISPRINTS.items():
        assert str(true) in quoted.loc[claim, "note"]


def test_the_check_of_h_reaches_the_tables(quoted):
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
    for benchmark in ("CUB", "SUN", "AWA2"):
        for one, other in ("SU", "US"):
            theirs = value(f"B-TransZero-{benchmark}-{other}")
            assert value(f"R-TransZero-{benchmark}-{one}") == theirs


def test_rivals_publish_a_higher_h_on_sun_than_genzsl(quoted):
    sun = quoted[(quoted.benchmark == "SUN") & (quoted.metric == "H")]
    higher = set(sun.method[sun.value > value("T2-SUN-H")])
    assert {"ZSLViT", "ZeroMamba", "ZLAP", "TPR"} <= higher
    assert MISPRINTS["B-ZSLViT-SUN-H"][1] > value("T2-SUN-H"), "even as its S and U give it"


def test_scientific_notation_is_a_number():
    assert value("F3-CUB-after") == pytest.approx(1.825e-5)


def test_a_number_that_nobody_has_is_nan_and_says_why(quoted):
    assert math.isnan(quoted.loc["T3-CUB-noBoost-H", "value"])
    assert quoted.note[quoted.value.isna()].str.len().min() > 0
    with pytest.raises(ValueError, match=r"T3-CUB-noBoost-H in genzsl.yml has no value: said to"):
        value("T3-CUB-noBoost-H")


def test_an_unknown_number_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean .*'T2-CUB-H'"):
        value("T2-CUB-h")
    with pytest.raises(ValueError, match=r"no number 'zzzzzz' in genzsl.yml\. published"):
        value("zzzzzz")


def test_an_unknown_paper_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="genzsl"):
        published("genzls")


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


def test_a_file_without_notes_is_fine(tmp_path):
    (tmp_path / "x.yml").write_text(f"- {{{ENTRY}, value: 1, grade: paper}}")
    assert published("x", tmp_path).loc["a", "note"] == ""


def test_the_published_sizes_add_up():
    total = {
        b["benchmark"]: b["trainval"] + b["test seen"] + b["test unseen"] for b in published_sizes()
    }
    assert total == {"AWA2": 37322, "CUB": 11788, "SUN": 14340}
