"""`zslnb.studies.quoted`: numbers as they are printed, misprints, and reduced settings."""

from dataclasses import replace

import pytest

from zslnb import genzsl, imagination, studies
from zslnb.studies.quoted import (
    BENCHMARKS,
    printed_scores,
    printed_scores_of_revcd,
    revcd_printed,
    revcd_text_claims,
)


def test_quoted_tables_say_that_they_are_quoted():
    for of in ("results", "rivals", "semantics"):
        study = getattr(studies, f"quoted_{of}")()
        assert study.caption().startswith("**Quoted, not reproduced.** ")
        assert len(study.table())


def test_genzsls_row_is_printed_for_each_benchmark():
    table = studies.quoted_results().table().set_index("benchmark")
    assert table.loc["CUB", ["U", "S", "H"]].tolist() == [53.5, 61.9, 57.4]
    assert table.loc["AWA2", "rivals with a higher H"] == "0 of 19"


def test_unknown_numbers_of_table_4_are_left_out():
    table = studies.quoted_semantics().table()
    assert table.loc["plain CLIP"].tolist() == [55.2, 54.8, 55.0]
    assert "TF-VAEGAN with weak semantics" not in table.index


def test_rivals_with_a_higher_h_are_named():
    study = studies.quoted_rivals()
    table = study.table().set_index("method")
    genzsl_h = studies.quoted_results().table().set_index("benchmark")["H"]
    higher = table.index[table["CUB H"] > genzsl_h["CUB"]]
    assert f"CUB: {', '.join(higher) or 'none'}" in study.caption()


def test_methods_that_change_a_setting_alike_share_a_line():
    settings = {"GenZSL": replace(genzsl.published_settings("cub"), rounds=2)}
    for kind in ("gan", "cvae"):
        settings[kind] = replace(imagination.published_settings("cub", kind), rounds=3)
    study = studies.reductions(settings, "cub", "What changes.")
    assert study.table().to_dict("records") == [
        {"setting": "rounds", "published": "150", "here": "2", "methods": "GenZSL"},
        {"setting": "rounds", "published": "300", "here": "3", "methods": "gan, cvae"},
    ]


def test_h_is_recomputed_and_a_misprint_is_named():
    table = printed_scores("Table 1", "AWA2")
    s, u = table.loc["RevCD", ["S", "U"]]
    assert table.loc["RevCD", "H from S and U"] == pytest.approx(2 * s * u / (s + u), abs=0.05)
    assert table["H from S and U"].is_monotonic_decreasing
    assert table.loc["RevCD", "misprint"] == "yes"
    printed = revcd_printed().table().set_index("benchmark")
    assert printed.loc["AWA2", "misprinted H"] == "HSVA, RevCD"
    assert printed.loc["CUB", "misprinted H"] == "HSVA"


def test_revcds_place_is_that_of_its_recomputed_h():
    printed = revcd_printed().table().set_index("benchmark")
    assert printed.loc["SUN", "rank"] == "1 of 15"
    assert printed.loc["AWA2", "best H"] == "TPR, 81.6"


def test_both_tables_are_quoted_and_claims_that_they_bear_out_left_out():
    printed = revcd_printed()
    assert printed.caption().startswith("**Quoted")
    assert [*printed.table()["benchmark"]] == [*BENCHMARKS]
    assert printed.table()["cVAE's H"].isna().tolist() == [False, False, True]
    claims = revcd_text_claims()
    assert len(claims.table()) > 5
    assert not claims.table()["said, and in the tables"].str.contains("7.4 above TPR").any()
    assert "nothing is computed" in claims.caption()


def test_the_printed_pair_is_table_1s():
    assert printed_scores_of_revcd("CUB")["S"] == printed_scores("Table 1", "CUB").loc["RevCD", "S"]
