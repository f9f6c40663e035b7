"""`zslnb.experiments.nearest_mean`: predicted means as the whole classifier."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from toys import corrupted, toy

from zslnb import Benchmark
from zslnb.closed_form import predicted_means
from zslnb.experiments import NearestMeanSettings, run
from zslnb.experiments.means import chosen_kernel
from zslnb.experiments.nearest_mean import nearest_mean_scores
from zslnb.genzsl import class_diversity_promotion
from zslnb.protocol import evaluate_gzsl, validation_split

HARD = toy(noise=0.5)  # so hard that constants differ
FEW = NearestMeanSettings(widths=(0.5, 4.0), penalties=(0.01, 1.0))


@pytest.fixture(scope="module")
def scores() -> dict:
    return nearest_mean_scores(HARD, FEW, 0, "cpu")


def by_hand(b: Benchmark, kernel: tuple[float, float], bias: float = 0.0) -> dict[str, float]:
    x = F.normalize(b.features, dim=1)
    refined = F.normalize(class_diversity_promotion(F.normalize(b.semantics, dim=1)), dim=1)
    means = predicted_means(x[b.train_idx], b.labels[b.train_idx], refined, *kernel)
    classes = torch.cat([b.seen, b.unseen]).sort().values
    lowered = bias * torch.isin(classes, b.seen)
    means = F.normalize(means[classes], dim=1)
    return evaluate_gzsl(lambda rows: (rows @ means.T).double() - lowered, classes, x, b)


def test_the_scores_can_be_had_by_hand(scores):
    chosen, inner = scores["chosen"]["calibrated"], validation_split(HARD, 0)
    kernel, constant = (chosen["width"], chosen["penalty"]), chosen["calibration"]
    assert kernel == chosen_kernel(inner, FEW)
    for protocol, bias in (("clean", 0.0), ("calibrated", constant)):
        expected = by_hand(HARD, kernel, bias)
        assert {name: scores[protocol][name] for name in expected} == pytest.approx(expected)
        found = scores["validation"][protocol]["H"]
        assert found == pytest.approx(by_hand(inner, kernel, bias)["H"])
    assert scores["peeked"] == scores["clean"]
    fine = [by_hand(inner, kernel, bias)["H"] for bias in torch.linspace(-1, 1, 41).tolist()]
    assert scores["validation"]["calibrated"]["H"] >= max(fine) - 1e-9


def test_choices_never_see_the_test_set(scores):
    garbage = nearest_mean_scores(corrupted(HARD), FEW, 0, "cpu")
    assert garbage["chosen"] == scores["chosen"]
    assert garbage["validation"] == scores["validation"]
    assert garbage["clean"] != scores["clean"]


def test_it_learns_the_toy():
    easy = nearest_mean_scores(toy(seen=20, noise=0.05), NearestMeanSettings(), 0, "cpu")
    assert easy["clean"]["T1"] > 0.9  # chance: a half


def test_settings_without_meaning_are_refused_by_name():
    for name, value in (("n_removed", -1), ("widths", ()), ("penalties", (0.0,))):
        with pytest.raises(ValueError, match=name):
            replace(FEW, **{name: value})


def test_a_record_of_it_can_be_run_and_read_back(monkeypatch, tmp_path, scores):
    monkeypatch.setenv("ZSLNB_BUILD", str(tmp_path))
    assert run("nearest_mean", HARD, FEW)["scores"] == scores
