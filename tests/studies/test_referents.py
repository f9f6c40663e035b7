"""`zslnb.studies.referents`: who stands in for whom, and what is drawn."""

import torch
from toys import toy

from zslnb import load, studies

TOY = toy()  # classes 0 to 5 are seen, 6 and 7 unseen


def test_two_unseen_classes_stand_in_a_row_with_their_referents() -> None:
    study = studies.Referents(
        TOY, torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0.9, 0.8], [0.7, 0.6]])
    )
    texts = [ax.texts[0].get_text() for ax in study.figure().axes]
    assert texts == [
        "bird 6",
        "bird 0\n0.90",
        "bird 1\n0.80",
        "bird 7",
        "bird 2\n0.70",
        "bird 3\n0.60",
    ]
    assert study.finding().startswith("2 unseen classes of toy (framed)")


def test_another_order_is_another_choice() -> None:
    raw, refined = torch.tensor([[0, 1], [2, 3]]), torch.tensor([[1, 0], [2, 3]])
    study = studies.ChangedReferents(TOY, raw, refined)
    assert study.table().to_numpy().tolist() == [["bird 6", "bird 0, bird 1", "bird 1, bird 0"]]
    assert study.caption().startswith("1 of 2 unseen classes have other referents")


def test_draws_are_labelled_with_their_weights() -> None:
    bench = load("aviary")
    rows = bench.train_idx[:2][None]
    study = studies.Draws(bench, bench.labels[rows], rows, torch.tensor([0.8, 0.2]))
    fig = study.figure()
    labels = [ax.get_xlabel().replace("-\n", "-").replace("\n", " ") for ax in fig.axes]
    name = bench.class_names[int(bench.labels[rows[0, 0]])]
    assert labels == [f"0.8 × {name}", f"0.2 × {name}"]
    assert all(ax.images for ax in fig.axes)
