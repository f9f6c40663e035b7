"""`revcd_printed`: the paper's tables, quoted, and their misprints."""

import pytest

from zslnb.studies.revcd_printed import (
    BENCHMARKS,
    RevCDTable1,
    RevCDTable2,
    RevCDTextClaims,
    printed_scores,
    printed_scores_of_revcd,
)


def test_h_is_recomputed_and_a_misprint_is_named():
    table = printed_scores("Table 1", "AWA2")
    s, u = table.loc["RevCD", ["S", "U"]]
    assert table.loc["RevCD", "H from S and U"] == pytest.approx(2 * s * u / (s + u), abs=0.05)
    assert table["H from S and U"].is_monotonic_decreasing
    assert table.loc["RevCD", "misprint"] == "yes"
    assert RevCDTable1("AWA2").name == "printed-awa2"
    assert RevCDTable1("AWA2").caption().endswith("H that do not follow from S and U: HSVA, RevCD.")


def test_revcds_place_is_that_of_its_recomputed_h():
    assert "RevCD is 1 of 15" in RevCDTable1("SUN").caption()


def test_table_2_has_every_benchmark_and_claims_are_quoted():
    assert {*RevCDTable2().table()["benchmark"]} == {*BENCHMARKS}
    assert len(RevCDTextClaims().table()) > 5
    assert "nothing is computed" in RevCDTextClaims().caption()
    assert RevCDTable2().caption().startswith("**Quoted")


def test_the_printed_pair_is_table_1s():
    assert printed_scores_of_revcd("CUB")["S"] == printed_scores("Table 1", "CUB").loc["RevCD", "S"]
