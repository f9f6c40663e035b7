"""`zslnb.studies.boosting`: floors of the term, orders, false negatives, and copying."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.genzsl import boosting_loss
from zslnb.studies import boosting
from zslnb.studies.boosting import ASKED, FULL, STRENGTHS, WEAK, closeness, copies


def test_the_floor_is_reached_where_features_are_their_texts() -> None:
    labels = torch.tensor([0, 0, 1, 2])
    texts = 100 * torch.eye(3)[labels]  # far apart, so that only copies are in the way
    assert studies.batch_floor(labels) == pytest.approx(0.5 * math.log(2))
    assert float(boosting_loss(torch.eye(3)[labels], texts)) == pytest.approx(0.5 * math.log(2))
    assert studies.batch_floor(torch.arange(5)) == 0


def test_features_are_pushed_to_their_own_text_and_away_from_the_other() -> None:
    x_hat = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    z = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.0, 0.5]])
    study = studies.pushes(x_hat, z, 0.25)
    assert study.push[:2].sign().tolist() == [[1, -1], [-1, 1]]
    assert study.push[2].norm() < study.push[:2].norm(dim=1).min() / 3  # it is there already
    (ax,) = study.figure().axes
    assert len([text for text in ax.texts if not text.get_text()]) == len(x_hat)  # arrows


def test_shuffling_lowers_the_floor() -> None:
    study = studies.order_floors("toy", torch.arange(4).repeat_interleave(64))
    table = study.table()
    assert table.index.tolist() == ["toy, here", "AWA2", "CUB", "SUN"]
    assert table.loc["toy, here", "floor, class by class"] == f"{math.log(64):.2f}"
    lower = table["floor, shuffled"].astype(float) < table["floor, class by class"].astype(float)
    assert lower.all()
    assert "(ln 64 = 4.16)" in study.caption()


def test_orders_share_their_start_and_differ_in_their_batches() -> None:
    small = replace(QUICK, batch_size=boosting.BATCH, boosting_weight=0.1)
    study = studies.orders(toy(seen=20), small)
    assert [*study.runs] == ["class by class", "shuffled", "without the term"]
    assert [*study.curves] == ["class by class", "shuffled"]
    in_order, shuffled = study.curves.values()
    assert (in_order[:, 0] >= in_order[:, 1]).all()
    assert in_order[:, 1].mean() > shuffled[:, 1].mean()
    assert len({*study.learnt.values()}) == 3
    term, floor = shuffled[-2:].mean(0)  # two full batches a pass
    assert f"{term:.2f} shuffled (floor {floor:.2f})" in study.finding()
    assert f"never had the term by {study.learnt['without the term']:.2f}" in study.finding()


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_pass_sees_every_image_once_in_either_order(shuffle: bool) -> None:
    run, seen = genzsl.prepare(toy(), QUICK), []

    def terms(run: genzsl.GenZSL, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.append(batch)
        return run.losses(batch)

    curve = boosting.train_small(run, 1, terms, shuffle)
    rows = torch.cat(seen)
    assert rows.sort().values.tolist() == [*range(42)]
    assert (run.labels[rows].diff() >= 0).all() == (not shuffle)
    assert len(curve) == 2  # full batches of 16


def test_false_negatives_are_as_many_as_chance_has_it() -> None:
    study = studies.false_negatives("toy", torch.arange(10).repeat_interleave(10))
    expected = 9 / 99 * (np.array([8, 16, 32, 64]) - 1)
    assert [*study.batches] == [8, 16, 32, 64]
    assert study.measured.mean(1) == pytest.approx(expected, rel=0.1)
    assert f"expects {63 / 11:.2f} others" in study.finding()
    left, right = study.figure().axes
    assert left.lines[0].get_ydata() == pytest.approx(expected)
    assert (right.lines[0].get_ydata() < right.lines[1].get_ydata()).all()


def test_false_negatives_take_of_the_pull() -> None:
    labels, alone = torch.tensor([0, 0, 1]), torch.tensor([0.5, 0.5, 0.5])
    pull = torch.tensor([1 / 3, 1 / 3, 0.5])  # a / (a + 2 (1 - a)) with a mate
    study = studies.pull_taken(torch.eye(3), labels, pull, alone)
    assert "2 of its 6 pairs are false negatives" in study.finding()
    assert "they take 22% of the pull" in study.finding()
    left, right, _ = study.figure().axes
    assert [*zip(*(a.tolist() for a in left.lines[0].get_data()), strict=True)] == [(1, 0), (0, 1)]
    curve = right.lines[2].get_data()
    np.testing.assert_allclose(np.interp(0.5, *curve), 1 / 3, atol=1e-3)


def measured(genuine: float) -> pd.DataFrame:
    asked = dict(zip(STRENGTHS, (0.040, 0.030, 0.010, 0.004), strict=True))
    weak, full = dict.fromkeys(STRENGTHS, -genuine), dict.fromkeys(STRENGTHS, 0.0)
    by_objective = {ASKED: asked, WEAK: weak, FULL: full}
    rest = {"own referent": 0.5, "target class mean": 0.9, "target class text": 0.6}
    return pd.DataFrame(
        {"objective": name, "λ": weight, "seed": seed, "copying": copying, **rest}
        for name, by_weight in by_objective.items()
        for weight, copying in by_weight.items()
        for seed in (0, 1)
    )


@pytest.mark.parametrize(
    ("genuine", "words"),
    [
        (0.001, "none (0.0010, where a network that is asked to copy has 0.040). The paper's "
         "reason for the term did not show."),
        (0.010, "some (0.0100, where a network that is asked to copy has 0.040). The paper's "
         "reason shows."),
    ],
)  # fmt: skip
def test_copying_is_held_against_a_network_that_is_asked_to(genuine: float, words: str) -> None:
    copying, copier = copies(measured(genuine), 240, 0.1).verdicts.split("\n")
    assert copying.endswith(words)
    assert "copies 0.040 at λ = 0, 0.030 at λ = 0.1 and 0.0040 at λ = 10; up to" in copier
    assert f"up to {genuine:.4f} is what networks have that do not" in copier


def test_the_table_and_the_figure_have_a_row_and_a_line_for_each_objective() -> None:
    study = copies(measured(0.001), 240, 0.1)
    assert study.table().shape == (12, 6)
    assert study.table().loc[0, "copying"] == "0.040 ± 0.000"
    assert "over seeds (2)" in study.caption()
    assert "0.040 without the term, where a perfect copy has 0.100" in study.finding()
    assert "never further from 0 than 0.0010" in study.finding()
    assert study.figure().axes[0].get_legend_handles_labels()[1] == [ASKED, WEAK, FULL]


def test_a_perfect_copier_is_known_by_its_closeness() -> None:
    run = genzsl.prepare(toy(), QUICK)
    run.model.forward = lambda referents, text: (F.normalize(referents, dim=1), text, text)
    cosines = closeness(run)
    assert cosines["own referent"] == pytest.approx(1)
    assert cosines["copying"] == pytest.approx(1 - cosines["another referent"])


def test_small_networks_are_trained_for_each_objective_and_weight() -> None:
    study = studies.copying(toy(), replace(QUICK, batch_size=16), [0, 1, 2])
    assert len(study.table()) == 3 * len(STRENGTHS)
    assert "networks, 12 steps each" in study.caption()  # 42 training images, four passes
    assert "over seeds (2)" in study.caption()  # of three
