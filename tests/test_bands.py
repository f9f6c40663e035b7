"""Trained numbers, held as bands: they are not portable as text, but they stay where they were."""

from dataclasses import dataclass
from typing import Any

import pytest

import zslnb
from zslnb import experiments, genzsl, results, revcd
from zslnb.results import mean_and_sd

METRICS = ("S", "U", "H", "T1")
LEAST = 1.0  # points; five seeds may agree by luck, and instruction sets differ by less
GENZSL = genzsl.profile_settings("aviary", "smoke")


@dataclass(frozen=True)
class Band:
    """A row of the recorded run, and the experiment that fills it."""

    row: str
    method: str
    settings: Any
    protocol: str
    semantics: str | None = None

    def reference(self) -> list[dict]:
        """Records of the row, once each: several notebooks may show the same one."""
        records = {
            r["id"]: r
            for r in results.recorded("aviary-smoke")
            if r.get("row") == self.row and r["method"] == self.method
        }
        return [*records.values()]


# the released number is of another training than the clean one
BANDS = {
    "GenZSL, clean": Band("GenZSL", "genzsl", GENZSL, "clean"),
    "GenZSL, released": Band(
        "GenZSL", "genzsl_released", genzsl.released_training(GENZSL), "released"
    ),
    **{
        f"RevCD, {protocol}": Band(
            "RevCD", "revcd", revcd.profile_settings("smoke"), protocol, "attributes"
        )
        for protocol in ("clean", "lenient", "calibrated")
    },
}
each = pytest.mark.parametrize("band", BANDS.values(), ids=BANDS)


@each
def test_the_reference_has_five_seeds(band):
    assert sorted({r["seed"] for r in band.reference()}) == [0, 1, 2, 3, 4]


@each
def test_a_seed_on_the_aviary_stays_in_its_band(band):
    aviary = zslnb.load("aviary", semantics=band.semantics)
    scores = experiments.run(band.method, aviary, band.settings, seed=0)["scores"][band.protocol]
    for metric in METRICS:
        known = [100 * r["scores"][band.protocol][metric] for r in band.reference()]
        mean, sd = mean_and_sd(known)
        assert abs(100 * scores[metric] - mean) <= max(3 * sd, LEAST), metric
