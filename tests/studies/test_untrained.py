"""`zslnb.studies.untrained`: plain CLIP and ESZSL under both protocols."""

import pytest
from toys import toy

from zslnb.studies import baselines
from zslnb.studies.untrained import Baselines


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
    study = Baselines("toy", records)
    assert study.finding() == (
        "- ESZSL: H 25.0 ± 7.1 clean, 50.0 ± 0.0 with the test set choosing."
    )
    assert study.table()["protocol"].tolist() == ["clean", "released"]
    assert study.caption().startswith("**toy**")
    with pytest.raises(NotImplementedError, match="no figure"):
        study.figure()
