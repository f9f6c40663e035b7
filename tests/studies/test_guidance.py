"""`guidance`: scores and distances by scale, from records."""

import matplotlib.pyplot as plt
import pytest

from tests.studies.records import several
from tests.toys import QUICK_REVCD, toy
from zslnb import experiments
from zslnb.studies.guidance import GuidanceScales


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> GuidanceScales:
    monkeypatch.setattr(experiments, "run_rows", lambda *_, **__: several({"RevCD": 0.0}))
    return GuidanceScales(toy(), QUICK_REVCD, range(3), "cpu")


def test_the_table_has_gains_and_distances(study: GuidanceScales):
    table = study.table()
    assert [*table.index] == ["scale 1", "scale 4"]
    assert table.loc["scale 4", "U, over scale 1"] == "+20.0 ± 0.0"
    assert table.loc["scale 4", "off the hull, unseen"] == "2.10 ± 0.10"
    assert "over scale 1 within a seed" in study.caption()


def test_words_go_from_the_first_scale_to_the_last(study: GuidanceScales):
    assert study.accuracy("U").shape == (3, 2)
    assert "U 10.1 to 30.1 %" in study.finding()
    assert "unseen images move from 0.80 to 2.10 off the hull" in study.finding()
    assert study.estimates().startswith("of unseen images move from 0.80 to 2.10 off the hull")
    assert "**scale 4** is above **scale 1**: +20.0 points of U" in study.verdicts()[0]
    assert len(study.figure().axes) == 2
    plt.close("all")
