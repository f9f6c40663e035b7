"""`zslnb.studies.feature_fidelity`: how near synthetic features are to real ones, in words."""

import matplotlib.pyplot as plt
import pytest
from toys import QUICK, toy

from zslnb import genzsl, studies


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Starting others takes longer than these experiments."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)


def record(row: str, seed: int, frechet: float, within: float) -> dict:
    measures = {"frechet": frechet, "nearest neighbour": 0.9, "to mean": 1 - frechet}
    real = {"frechet": 0.01, "nearest neighbour": 0.5, "within": 0.8}
    scores = {"unseen": {**measures, "within": within}, "real": real}
    return {"row": row, "seed": seed, "scores": scores}


STUDY = studies.FeatureFidelity(
    [
        *(record("GenZSL", seed, 0.3 + seed / 100, 0.99) for seed in range(3)),
        *(record("f-VAEGAN", seed, 0.2 + seed / 100, 0.9) for seed in range(3)),
    ]
)


def test_the_yardstick_stands_below_and_has_no_class_means():
    table = STUDY.table()
    assert table.loc["GenZSL", "Fréchet"] == "0.310 ± 0.010"
    assert table.loc["real against real"].tolist() == [
        "0.010 ± 0.000",
        "0.500 ± 0.000",
        "",
        "0.800 ± 0.000",
    ]
    assert "Nearest as a cloud: f-VAEGAN. Nearest class means: f-VAEGAN." in STUDY.caption()


def test_a_row_is_a_point_or_a_cloud():
    text = STUDY.finding()
    assert "- **GenZSL:** samples of a class are nearly one point (mean cosine 0.990)" in text
    assert "- **f-VAEGAN:** samples of a class are a cloud" in text


def test_the_promise_is_judged_seed_by_seed():
    promise = STUDY.promise()
    assert "in 90% of cases or more (real against real: 50%)" in promise
    assert "Fréchet distance +0.100 (farther)" in promise
    assert "cosine to the real mean -0.100 (farther)" in promise
    swapped = STUDY.promise("f-VAEGAN", "GenZSL")
    assert "Fréchet distance -0.100 (nearer)" in swapped
    few = studies.FeatureFidelity([r for r in STUDY.records if r["seed"] == 0])
    assert "too few seeds to tell" in few.promise()


def test_generators_of_both_kinds_are_measured(build):
    study = studies.feature_fidelity(toy(), {"GenZSL": QUICK}, range(1))
    assert [r["method"] for r in study.records] == ["fidelity"]
    assert study.records[0]["table"] == "fidelity"


def test_the_plane_is_that_of_real_class_means():
    run = genzsl.fit(toy(), QUICK)
    study = studies.FeaturePlane(toy(), {"GenZSL": run})
    assert "2 unseen classes, real test features (dots)" in study.finding()
    assert study.finding().split("GenZSL ")[1].startswith(("0.", "1.0"))
    origin, directions = study._plane
    assert directions.shape == (2, 8)
    assert study._projected(origin[None]).abs().max() == pytest.approx(0, abs=1e-6)
    fig = study.figure()
    assert len(fig.axes[0].lines) == 3 * 2  # dots, and crosses with their outline
    plt.close(fig)
