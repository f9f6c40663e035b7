"""Trained numbers, held as bands: they are not portable as text, but they stay where they were."""

import pytest

import zslnb
from zslnb import genzsl, ledger
from zslnb.protocol import mean_and_sd

METRICS = ("S", "U", "H", "T1")
LEAST = 1.0  # points; five seeds may agree by luck, and instruction sets differ by less
SETTINGS = genzsl.profile_settings("aviary", "smoke")
# the released number is of another training than the clean one
MADE_BY = {
    "clean": ("genzsl", SETTINGS),
    "released": ("genzsl_released", genzsl.released_training(SETTINGS)),
}
each = pytest.mark.parametrize("protocol", MADE_BY)


def reference(protocol: str) -> list[dict]:
    """Records of the row, once each: several notebooks may show the same one."""
    records = {
        r["id"]: r
        for r in ledger.recorded("aviary-smoke")
        if r.get("row") == "GenZSL" and r["method"] == MADE_BY[protocol][0]
    }
    return [*records.values()]


@each
def test_the_reference_has_five_seeds(protocol):
    assert sorted({r["seed"] for r in reference(protocol)}) == [0, 1, 2, 3, 4]


@each
def test_genzsl_on_the_aviary_stays_in_its_band(protocol):
    method, settings = MADE_BY[protocol]
    scores = ledger.run(method, zslnb.load("aviary"), settings, seed=0)["scores"][protocol]
    for metric in METRICS:
        mean, sd = mean_and_sd([100 * r["scores"][protocol][metric] for r in reference(protocol)])
        assert abs(100 * scores[metric] - mean) <= max(3 * sd, LEAST), metric
