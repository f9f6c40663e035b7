"""Trained numbers, held as bands: they are not portable as text, but they stay where they were."""

import pytest

import zslnb
from zslnb import genzsl, ledger
from zslnb.protocol import mean_and_sd

METRICS = ("S", "U", "H", "T1")
LEAST = 1.0  # points; five seeds may agree by luck, and instruction sets differ by less


@pytest.fixture(scope="module")
def reference() -> list[dict]:
    return [r for r in ledger.recorded("aviary-smoke") if r.get("row") == "GenZSL"]


def test_the_reference_has_five_seeds(reference):
    assert sorted({r["seed"] for r in reference}) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("protocol", ["clean", "released"])
def test_genzsl_on_the_aviary_stays_in_its_band(reference, protocol):
    settings = genzsl.profile_settings("aviary", "smoke")
    scores = ledger.run("genzsl", zslnb.load("aviary"), settings, seed=0)["scores"][protocol]
    for metric in METRICS:
        mean, sd = mean_and_sd([100 * r["scores"][protocol][metric] for r in reference])
        assert abs(100 * scores[metric] - mean) <= max(3 * sd, LEAST), metric
