"""`zslnb.studies.watched_training`: looks at generators in training, and what is said of them."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from toys import QUICK, QUICK_IMAGINATION, toy

from zslnb import genzsl, studies
from zslnb.protocol import class_means
from zslnb.studies.watched_training import class_mean_floor

SHORT = replace(QUICK_IMAGINATION, rounds=2)


@pytest.fixture(scope="module")
def watch() -> studies.Watch:
    watch = studies.Watch(toy(), QUICK.classifier)
    runs = {"GenZSL": QUICK, "f-VAEGAN": SHORT, "cVAE": replace(SHORT, kind="cvae")}
    watch.runs = {name: watch.train(name, settings) for name, settings in runs.items()}
    return watch


def test_a_look_is_taken_after_every_round(watch):
    assert [len(looks) for looks in watch.looks.values()] == [3, 2, 2]
    assert [*watch.looks["GenZSL"].columns] == ["steps", "T1", "alike"]
    assert "steep" in watch.looks["f-VAEGAN"]
    assert "steep" not in watch.looks["cVAE"]


def test_looking_changes_nothing(watch):
    alone = genzsl.fit(toy(), QUICK)
    pairs = zip(alone.model.parameters(), watch.runs["GenZSL"].model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_floor_is_what_a_generator_of_class_means_gets(watch):
    run = watch.runs["GenZSL"]
    y = torch.searchsorted(run.seen, run.labels)
    means = torch.nn.functional.normalize(class_means(run.features, y), dim=1)[y]
    error = genzsl.reconstruction_loss(means, run.features)
    assert class_mean_floor(run) == pytest.approx(float(error), rel=1e-5)
    assert class_mean_floor(watch.runs["f-VAEGAN"]) > 0


def test_losses_say_how_far_from_the_floor_they_end(watch):
    study = studies.losses(watch.runs)
    gap = watch.runs["GenZSL"].history[-1]["reconstruction"] - class_mean_floor(
        watch.runs["GenZSL"]
    )
    assert f"GenZSL's reconstruction ends {gap:+.3f} from the floor" in study.finding()
    assert [len(ax.lines) for ax in study.figure().axes] == [2, 1, 1, 2, 1, 1]


@pytest.mark.parametrize(
    ("steep", "says"),
    [(0.02, "0 (it is flat)"), (1.4, "1 (as it should be)"), (1.6, "2 (as the rule")],
)
def test_the_penaltys_rule_is_held_against_both_lengths(watch, steep, says):
    looks = watch.looks["f-VAEGAN"].assign(steep=steep)
    study = studies.penalty_rule(watch.runs["f-VAEGAN"], looks)
    assert f"at a mean length of {steep:.2f}, nearest to {says}" in study.finding()


def frame(*t1: float, alike: float = 0.9) -> pd.DataFrame:
    steps = [10 * (i + 1) for i in range(len(t1))]
    return pd.DataFrame({"steps": steps, "T1": t1, "alike": alike})


def test_a_slow_rate_is_judged_where_the_shortest_run_ends():
    looks = {"GenZSL": frame(0.4, 0.6, 0.8), "GenZSL, rate / 10": frame(0.1, 0.2, 0.3)}
    looks |= {"cVAE": frame(0.4, 0.6), "cVAE, rate / 10": frame(0.5, 0.6)}
    looks |= {"f-VAEGAN": frame(0.9, 0.9), "f-VAEGAN, rate / 10": frame(0.1)}
    names = ["GenZSL", "cVAE", "f-VAEGAN"]
    study = studies.slow_rates(looks, names, {"f-VAEGAN": 1e-5, "GenZSL": 1e-3})
    said = "After 10 steps a tenth of the learning rate costs, in points of T1, GenZSL 30, cVAE -10"
    assert said in study.finding()
    assert "for AWA2 are 1e-05 for f-VAEGAN and 0.001 for GenZSL." in study.finding()


def test_a_collapse_is_told_from_start_to_end():
    looks = {
        "GenZSL": frame(0.8),
        "GenZSL without CDP": frame(0.1, 0.5),
        "GenZSL, CDP as released": frame(0.7, 0.7),
        "GenZSL, CDP and unit length": frame(0.7, 0.7),
        "cVAE without CDP": frame(0.1, 0.2),
        "cVAE, CDP and unit length": frame(0.6, 0.7),
    }
    study = studies.collapse(toy(), looks, dict.fromkeys(looks, 2), 0.99)
    assert "mean cosine of 0.990, one seed. Without CDP" in study.finding()
    assert "and T1 at 10 %; CDP as released starts at 70 %" in study.finding()
