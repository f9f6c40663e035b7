"""`zslnb.studies.benchmarks`: a split, the baselines, and what testing often gains."""

import pytest
from toys import PER_CLASS, SEEN, TRAIN, toy

from zslnb.studies import baselines, looks, split
from zslnb.studies.benchmarks import ROW, best_of_looks, chosen_either_way, split_counts


def test_every_image_of_every_class_is_in_one_part() -> None:
    counts = split_counts(toy())
    study = split(toy())
    assert counts.sum(axis=1).tolist() == [PER_CLASS] * len(counts)
    assert counts["trainval"].tolist() == [TRAIN] * SEEN + [0, 0]
    assert counts["test, unseen classes"].tolist() == [0] * SEEN + [PER_CLASS] * 2
    (line,) = study.figure().axes[0].lines
    assert line.get_xdata() == [SEEN - 0.5] * 2  # between seen and unseen classes
    assert "only seen classes train" in study.finding()


def test_plain_clip_needs_one_space(build) -> None:
    rows = [baselines(toy(feature_dim=width), [0]).table()["method"].unique() for width in (8, 9)]
    assert [[*methods] for methods in rows] == [["plain CLIP", "ESZSL"], ["ESZSL"]]


def test_clean_stands_beside_what_the_test_set_chose() -> None:
    records = [
        {
            "row": "ESZSL",
            "seed": seed,
            "scores": {
                kind: dict.fromkeys(("S", "U", "H", "T1"), h)
                for kind, h in (("clean", 0.2 + seed / 10), ("released", 0.5))
            },
        }
        for seed in (0, 1)
    ]
    study = chosen_either_way("toy", records)
    assert study.h == {"ESZSL": {"clean": pytest.approx(25), "released": pytest.approx(50)}}
    assert study.table()["protocol"].tolist() == ["clean", "released"]
    assert study.caption().startswith("**toy**")
    with pytest.raises(NotImplementedError, match="no figure"):
        study.figure()


RECORDS = [
    {"row": ROW, "seed": seed, "scores": {"looks": [0.40 + shift, 0.50 + shift] * 6}}
    for seed, shift in ((0, 0.0), (1, 0.1))
]


def test_the_best_of_all_looks_is_the_best() -> None:
    study = best_of_looks(1200, 960, RECORDS)
    assert study.counts == [1, 2, 3, 5, 10, 12]
    assert study.gain[:, 0] == pytest.approx([0, 0])
    assert study.gain[:, -1] == pytest.approx([5, 5])
    assert "best of 12 equal fits is 5.0 points of H above their average" in study.finding()
    assert "on 1,200 unseen and 960 seen test images" in study.finding()
    (line,) = study.figure().axes[0].lines
    assert line.get_xdata().tolist() == study.counts


def test_looks_are_those_of_the_experiment(build) -> None:
    study = looks(toy(), [0])
    assert study.counts[-1] == 100
    assert "on 20 unseen and 18 seen test images" in study.finding()
