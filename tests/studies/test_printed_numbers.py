"""`zslnb.studies.printed_numbers`: which H can be, by hand; and what the papers' files hold."""

import math

import numpy as np
import pandas as pd
import pytest

from zslnb.studies import printed_numbers as module
from zslnb.studies.printed_numbers import (
    may_be_h,
    possible_h,
    printed_sums,
    printed_triples,
    text_checks,
    trade,
)


def harmonic(seen: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    return 2 * seen * unseen / (seen + unseen)


@pytest.mark.parametrize(("seen", "unseen"), [(50.0, 50.0), (94.5, 42.4), (90.0, 1.0), (3.2, 99.9)])
def test_the_ends_are_those_of_a_grid(seen, unseen):
    """No S and U that round to the printed ones give an H outside, and the ends are reached."""
    grid = np.linspace(-0.05, 0.05, 21)
    h = harmonic(seen + grid[:, None], unseen + grid[None])
    assert possible_h(seen, unseen) == pytest.approx((h.min(), h.max()), abs=1e-9)


def test_a_printed_h_may_be_rounded_itself():
    """S = U = 50 allow 49.95 to 50.05, which may be printed as 49.9, 50.0 or 50.1."""
    assert [may_be_h(h, 50.0, 50.0) for h in (49.8, 49.9, 50.0, 50.1, 50.2)] == [
        *(False, True, True, True, False),
    ]
    assert not may_be_h(58.3, 94.5, 42.4)
    assert may_be_h(58.5, 94.5, 42.4)


@pytest.mark.parametrize("pair", [(0.0, 50.0), (50.0, -1.0), (50.0, 100.1), (math.nan, 50.0)])
def test_what_is_no_percentage_is_refused(pair):
    with pytest.raises(ValueError, match="percentages above 0"):
        possible_h(*pair)


def test_two_runs_that_trade_so_much_average_to_the_printed_h():
    """The closed form against two runs, with the rounding that `trade` grants."""
    d, seen, unseen = trade(31.4, 43.3, 29.0), 43.3, 29.0
    lost = (
        harmonic(seen, unseen)
        - (harmonic(seen + d, unseen - d) + harmonic(seen - d, unseen + d)) / 2
    )
    assert lost == pytest.approx(possible_h(seen, unseen)[0] - 31.45, abs=1e-9)
    assert trade(34.7, 43.3, 29.0) == 0
    assert math.isnan(trade(53.4, 40.9, 38.1))  # no average is above


def test_all_printed_h_are_looked_at_once():
    triples = printed_triples()
    assert not triples.duplicated(["where", "benchmark", "method"]).any()
    sizes = triples.groupby("where").size()
    assert (sizes["RevCD's Table 1"], sizes["RevCD's Table 2"]) == (18 + 18 + 15, 3 + 3 + 2)
    assert sizes["GenZSL's Table 2"] == 3
    off = {(row.benchmark, row.method) for row in triples[~triples.holds].itertuples()}
    assert off == {
        *(("SUN", name) for name in ("GDAN", "SE-GZSL", "MAIN", "GAN", "ZSLViT")),
        *(("AWA2", "HSVA"), ("AWA2", "RevCD"), ("CUB", "HSVA")),
    }


def test_the_ledgers_rule_of_thumb_finds_the_same_rows():
    """It grants three roundings about the middle; here the ends are exact."""
    triples = printed_triples()
    off = (triples.H - harmonic(triples.S, triples.U)).abs() > 3 * module.ROUNDED
    assert (off == ~triples.holds).all()


def test_the_table_says_what_would_explain_a_row():
    found = printed_sums()
    frame = found.table().set_index(["where", "method"])
    assert frame.loc[("RevCD's Table 1, SUN", "GDAN"), "an average over runs?"].startswith("no")
    assert frame.loc[("RevCD's Table 1, AWA2", "RevCD"), "an average over runs?"].endswith("± 3")
    assert f"{len(found.triples) - len(found.off)} of {len(found.triples)}" in found.caption()


def test_an_h_that_nobody_could_print_is_found(monkeypatch):
    """With a made-up paper of one row that holds and one that does not."""

    def made_up(paper: str) -> pd.DataFrame:
        scores = {"fine": (60.0, 40.0, 48.0), "wrong": (60.0, 40.0, 50.0)}
        return pd.DataFrame(
            [
                *(
                    {
                        **{"place": "Table 1", "source": paper, "benchmark": "CUB"},
                        **{"method": method, "metric": metric, "value": value, "grade": "paper"},
                    }
                    for method, triple in scores.items()
                    for metric, value in zip("SUH", triple, strict=True)
                )
            ]
        )

    monkeypatch.setattr(module, "published", made_up)
    triples = module.printed_triples()
    assert triples.groupby("method").holds.all().to_dict() == {"fine": True, "wrong": False}


def test_words_are_set_beside_the_tables():
    checks = text_checks().checks
    assert checks[checks.paper == "GenZSL"].holds.all()
    failed = {*checks[~checks.holds].said}
    assert "Four benchmarks are used." in failed
    assert "Its S on AWA2 is the highest." not in failed


def test_a_check_that_fails_is_told_as_what_is_so():
    said = text_checks().table().set_index("said")["in its tables"]
    first = said["It surpasses the other approaches when measured by the harmonic mean."]
    assert first.startswith("RevCD's H on AWA2 58.3 is at most cVAE's H on AWA2 62.2")
    assert said["Four benchmarks are used."] == "benchmarks in the tables: 3, said to be 4"
    assert "39.9 is at least 5" in said[next(words for words in said.index if "slightly" in words)]
