"""`zslnb.studies.equal_looks`: what testing often gains where nothing improves."""

import pytest
from toys import toy

from zslnb.studies import Looks, looks
from zslnb.studies.equal_looks import ROW

RECORDS = [
    {"row": ROW, "seed": seed, "scores": {"looks": [0.40 + shift, 0.50 + shift] * 6}}
    for seed, shift in ((0, 0.0), (1, 0.1))
]


def test_the_best_of_all_looks_is_the_best() -> None:
    study = Looks(1200, 960, RECORDS)
    assert study.counts == [1, 2, 3, 5, 10, 12]
    assert study.gain[:, 0] == pytest.approx([0, 0])
    assert study.gain[:, -1] == pytest.approx([5, 5])
    assert "best of 12 equal fits is 5.0 points of H above their average" in study.finding()
    assert "on 1,200 unseen and 960 seen test images" in study.finding()
    assert study.summary() == "- The best of 12 equal looks adds 5.0 points of H; of 10, 5.0."
    (line,) = study.figure().axes[0].lines
    assert line.get_xdata().tolist() == study.counts


def test_looks_are_those_of_the_experiment(build) -> None:
    study = looks(toy(), [0])
    assert study.scores.shape == (1, 100)
    assert (study.n_unseen, study.n_seen) == (20, 18)
