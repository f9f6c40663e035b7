"""`zslnb.studies.fidelity`: how near synthetic features are to real ones, in words."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.studies.fidelity import WEIGHTS, BoostingWeight, fidelity_of


def record(row: str, seed: int, frechet: float, within: float) -> dict:
    measures = {"frechet": frechet, "nearest neighbour": 0.9, "to mean": 1 - frechet}
    real = {"frechet": 0.01, "nearest neighbour": 0.5, "within": 0.8}
    scores = {"unseen": {**measures, "within": within}, "real": real}
    return {"row": row, "seed": seed, "scores": scores}


RECORDS = [
    *(record("GenZSL", seed, 0.3 + seed / 100, 0.99) for seed in range(3)),
    *(record("f-VAEGAN", seed, 0.2 + seed / 100, 0.9) for seed in range(3)),
]


def test_the_yardstick_stands_below_and_has_no_class_means():
    study = fidelity_of(RECORDS)
    table = study.table()
    assert table.loc["GenZSL", "Fréchet"] == "0.310 ± 0.010"
    real = ["0.010 ± 0.000", "0.500 ± 0.000", "", "0.800 ± 0.000"]
    assert table.loc["real against real"].tolist() == real
    assert "Nearest as a cloud: f-VAEGAN. Nearest class means: f-VAEGAN." in study.caption()


def test_the_promise_is_judged_seed_by_seed():
    promise = studies.more_like_real(RECORDS)
    assert "in 90.0% of cases or more (real against real: 50.0%)" in promise
    assert "Fréchet distance +0.100 (farther)" in promise
    assert "cosine to the real mean -0.100 (farther)" in promise
    swapped = studies.more_like_real(RECORDS, "f-VAEGAN", "GenZSL")
    assert "Fréchet distance -0.100 (nearer)" in swapped
    few = [r for r in RECORDS if r["seed"] == 0]
    assert "too few seeds to tell" in studies.more_like_real(few)


def test_the_plane_is_that_of_real_class_means():
    run = genzsl.fit(toy(), QUICK)
    study = studies.feature_plane(toy(), {"GenZSL": run})
    assert "2 unseen classes, real test features (dots)" in study.finding()
    assert study.finding().split("GenZSL ")[1].startswith(("0.", "1.0"))
    assert len(study.figure().axes[0].lines) == 3 * 2  # dots, and crosses with their outline


GAINED, LOST, MIXED, NONE = "λ = 0.001", "λ = 0.01", "λ = 0.1", "λ = 1"
TO_MEAN = {GAINED: 0.1, LOST: -0.1, MIXED: 0.1}  # against λ = 0
FRECHET = {MIXED: 0.1}


def weighed(row: str, seed: int) -> dict:
    noise = (seed - 1) / 1000
    part = {
        "to mean": 0.8 + TO_MEAN.get(row, noise / 10),
        "frechet": 0.2 + FRECHET.get(row, 0),
        "nearest neighbour": 0.9,
        "to text": 0.6 + WEIGHTS[row] / 100,
        "within": 0.95,
    }
    scores = {
        "unseen": part,
        "seen": part,
        "real": {"frechet": 0.01, "nearest neighbour": 0.5, "within": 0.9},
        "history": [{"reconstruction": 1.0}, {"reconstruction": 0.5 + WEIGHTS[row] / 100}],
    }
    return {"row": row, "seed": seed, "scores": scores}


def study(seeds: int = 3, mapped: bool = False) -> BoostingWeight:
    records = [weighed(row, seed) for row in WEIGHTS for seed in range(seeds)]
    return BoostingWeight(0.7, records, mapped)


def test_a_weight_is_judged_by_mean_and_distance() -> None:
    table = study().against_none().table()
    assert table.index.tolist() == [*WEIGHTS][1:]
    effects = ["gained", "lost", "mixed", "no clear effect"]
    assert table.loc[[GAINED, LOST, MIXED, NONE], "fidelity"].tolist() == effects
    assert (
        table.loc[LOST, ["to the real mean", "seen: to the real mean"]].tolist() == ["-0.100"] * 2
    )


def test_a_change_has_a_sign_if_it_is_told_apart() -> None:
    assert study().change("to mean", GAINED) == (1, "+0.100")
    assert study().change("to mean", LOST) == (-1, "-0.100")
    assert study().change("to mean", NONE) == (0, "+0.000 (not significant)")
    assert study(seeds=2).change("to mean", GAINED)[0] == 0
    assert "too few seeds to tell" in study(seeds=2).effect(GAINED)


def test_the_table_has_a_yardstick_where_there_is_one() -> None:
    table = study().table()
    assert table.loc["λ = 10", "to the text"] == "0.700 ± 0.000"
    real = table.loc["real, half against half"]
    assert real.tolist() == ["", "0.010 ± 0.000", "0.500 ± 0.000", "", "0.900 ± 0.000"]
    assert "over seeds (3)" in study().caption()


def test_the_best_weights_are_named() -> None:
    finding = study().finding()
    assert "cosine with the real mean is best at λ = 0.001" in finding
    assert "the Fréchet distance at λ = 0," in finding
    assert "the cosine with the text at λ = 10" in finding


def test_the_figure_has_the_yardsticks() -> None:
    axes = study().figure().axes
    dotted = [[line for line in ax.lines if line.get_linestyle() == ":"] for ax in axes]
    assert [len(lines) for lines in dotted] == [0, 1, 1, 1]
    assert dotted[3][0].get_ydata()[0] == 0.7


def test_verdicts_end_with_the_text() -> None:
    lines = study().verdicts().split("\n")
    assert len(lines) == 3
    assert "from 0.500 at λ = 0 to 0.600 at λ = 10; it never falls on the way" in lines[0]
    assert "tells for 90.0% of unseen samples at λ = 0" in lines[1]
    assert "Synthetic features have 0.600 at λ = 0 and 0.700 at λ = 10." in lines[2]
    assert study(mapped=True).verdicts().endswith("ridge regression here.)")


def test_real_class_means_are_held_against_their_own_text(build) -> None:
    bench, quick = toy(), replace(QUICK, rounds=1, passes=1)
    start = genzsl.prepare(bench, quick)
    weight = studies.boosting_weight(bench, start, [0])
    rows = F.normalize(bench.features, dim=1)
    means = torch.stack([rows[bench.labels == c].mean(0) for c in bench.unseen])
    expected = F.cosine_similarity(means, start.anchors[bench.unseen]).mean()
    assert weight.text_cosine == pytest.approx(float(expected))
    assert [r["settings"]["boosting_weight"] for r in weight.records] == [*WEIGHTS.values()]
    assert not weight.mapped
