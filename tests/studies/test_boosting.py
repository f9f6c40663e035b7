"""`zslnb.studies.boosting`: floors of the term, orders of the images, false negatives."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import QUICK, toy

from zslnb import genzsl, studies
from zslnb.genzsl import boosting_loss
from zslnb.studies import boosting


def test_the_floor_is_reached_where_features_are_their_texts() -> None:
    labels = torch.tensor([0, 0, 1, 2])
    texts = 100 * torch.eye(3)[labels]  # far apart, so that only copies are in the way
    assert studies.batch_floor(labels) == pytest.approx(0.5 * math.log(2))
    assert float(boosting_loss(torch.eye(3)[labels], texts)) == pytest.approx(0.5 * math.log(2))
    assert studies.batch_floor(torch.arange(5)) == 0


def test_shuffling_lowers_the_floor() -> None:
    study = studies.OrderFloors("toy", torch.arange(4).repeat_interleave(64))
    table = study.table()
    assert table.index.tolist() == ["toy, here", "AWA2", "CUB", "SUN"]
    assert table.loc["toy, here", "floor, class by class"] == f"{math.log(64):.2f}"
    lower = table["floor, shuffled"].astype(float) < table["floor, class by class"].astype(float)
    assert lower.all()
    assert "(ln 64 = 4.16)" in study.caption()


@pytest.fixture(scope="module")
def orders() -> studies.Orders:
    small = replace(QUICK, batch_size=boosting.BATCH, boosting_weight=0.1)
    return studies.orders(toy(seen=20), small)


def test_orders_share_their_start_and_differ_in_their_batches(orders) -> None:
    assert [*orders.runs] == ["class by class", "shuffled", "without the term"]
    assert [*orders.curves] == ["class by class", "shuffled"]
    in_order, shuffled = orders.curves.values()
    assert (in_order[:, 0] >= in_order[:, 1]).all()
    assert in_order[:, 1].mean() > shuffled[:, 1].mean()
    assert len({*orders.learnt.values()}) == 3


def test_the_last_pass_is_told(orders) -> None:
    term, floor = orders.curves["shuffled"][-2:].mean(0)  # two full batches a pass
    assert f"{term:.2f} shuffled (floor {floor:.2f})" in orders.finding()
    assert f"never had the term by {orders.learnt['without the term']:.2f}" in orders.finding()
    assert orders.figure().axes[0].lines[3].get_linestyle() == ":"


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
    study = studies.FalseNegatives("toy", torch.arange(10).repeat_interleave(10))
    assert study.chance == pytest.approx(9 / 99)
    assert [*study.batches] == [8, 16, 32, 64]
    assert study.measured.mean(1) == pytest.approx(study.expected, rel=0.1)
    assert f"expects {63 / 11:.2f} others" in study.finding()
    left, right = study.figure().axes
    assert left.lines[0].get_ydata() == pytest.approx(study.expected)
    assert (right.lines[0].get_ydata() < right.lines[1].get_ydata()).all()


def test_false_negatives_take_of_the_pull() -> None:
    labels, alone = torch.tensor([0, 0, 1]), torch.tensor([0.5, 0.5, 0.5])
    pull = torch.tensor([1 / 3, 1 / 3, 0.5])  # a / (a + 2 (1 - a)) with a mate
    study = studies.Pull(torch.eye(3), labels, pull, alone)
    assert "2 of its 6 pairs are false negatives" in study.finding()
    assert "they take 22% of the pull" in study.finding()
    left, right, _ = study.figure().axes
    assert [*zip(*(a.tolist() for a in left.lines[0].get_data()), strict=True)] == [(1, 0), (0, 1)]
    curve = right.lines[2].get_data()
    np.testing.assert_allclose(np.interp(0.5, *curve), 1 / 3, atol=1e-3)
