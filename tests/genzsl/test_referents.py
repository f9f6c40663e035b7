"""`zslnb.genzsl.referents`: who stands in for whom, and what is drawn from them."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from zslnb.genzsl import (
    ReferentPool,
    drawn_weights,
    referent_weights,
    referents,
    top_k_referents,
)
from zslnb.seeds import seeded, torch_generator

GENERATOR = torch_generator(0, "tests/referents")
ROWS = torch.randn(15, 6, generator=GENERATOR)


def by_hand(targets: torch.Tensor, k: int, exclude_self: bool) -> list[list[int]]:
    """Sort all candidates of each target by cosine, one by one."""
    chosen = []
    for i, target in enumerate(targets):
        cosine = {j: float(F.cosine_similarity(target, row, 0)) for j, row in enumerate(ROWS)}
        if exclude_self:
            del cosine[i]
        chosen.append(sorted(cosine, key=cosine.get, reverse=True)[:k])
    return chosen


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 2, 4, 14])
def test_the_nearest_come_best_first_whatever_their_norms(k, dtype):
    targets = torch.randn(5, 6, generator=GENERATOR).to(dtype)
    scaled = ROWS * torch.linspace(0.01, 100, 15)[:, None]
    assert top_k_referents(targets, scaled, k).tolist() == by_hand(targets.float(), k, False)
    assert top_k_referents(ROWS, ROWS, k, exclude_self=True).tolist() == by_hand(ROWS, k, True)


def test_excluding_oneself_is_not_skipping_rank_zero():
    """Of two classes that coincide, the released rule would make one its own referent."""
    twins = torch.cat([ROWS[:1], ROWS])
    chosen = top_k_referents(twins, twins, 1, exclude_self=True)[:, 0]
    assert chosen[:2].tolist() == [1, 0]


@pytest.mark.parametrize("at_once", [1, 15, 40, 224])
def test_many_targets_are_taken_a_part_at_a_time(at_once, monkeypatch):
    expected = top_k_referents(ROWS, ROWS, 4, exclude_self=True)
    apart = top_k_referents(ROWS[:7], ROWS, 2)
    monkeypatch.setattr(referents, "COSINES_AT_ONCE", at_once)
    assert torch.equal(top_k_referents(ROWS, ROWS, 4, exclude_self=True), expected)
    assert torch.equal(top_k_referents(ROWS[:7], ROWS, 2), apart)


def test_a_target_alone_is_told_as_in_a_batch():
    rows = 100 + ROWS  # cosines that differ in the fifth digit only
    alone = torch.cat([top_k_referents(row[None], rows, 5) for row in rows])
    assert torch.equal(alone, top_k_referents(rows, rows, 5))
    assert torch.equal(alone, top_k_referents(rows.double(), rows.double(), 5))


@pytest.mark.parametrize(("k", "exclude_self"), [(0, False), (-1, False), (16, False), (15, True)])
def test_k_must_be_available(k, exclude_self):
    with pytest.raises(ValueError, match=rf"1\.\.{15 - exclude_self} available .*, not {k}"):
        top_k_referents(ROWS, ROWS, k, exclude_self)


def test_exclude_self_needs_the_candidates_themselves():
    with pytest.raises(ValueError, match="there are 3 targets and 15 candidates"):
        top_k_referents(ROWS[:3], ROWS, 1, exclude_self=True)


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [1]), (2, [0.8, 0.2]), (3, [0.8, 0.1, 0.1]), (5, [0.8, 0.05, 0.05, 0.05, 0.05])],
)
def test_the_first_weighs_most_and_the_rest_share(k, expected):
    assert referent_weights(k).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("k", "weights", "message"),
    [
        (2, (1.0,), "2 referents need 2 weights, not 1"),
        (1, (0.8, 0.2), "1 referents need 1 weights, not 2"),
        (2, (1.5, -0.5), "non-negative and sum to 1"),
        (2, (0.8, 0.8), "non-negative and sum to 1"),
        (2, (float("nan"), 1.0), "non-negative and sum to 1"),
    ],
)
def test_weights_that_mix_nothing_are_refused(k, weights, message):
    with pytest.raises(ValueError, match=message):
        referent_weights(k, weights)


# classes 0, 2 and 3 hold 4, 1 and 3 samples, out of order; class 1 holds none
LABELS = torch.tensor([3, 0, 0, 2, 3, 0, 3, 0])
SAMPLES = torch.eye(8)  # sample i is the i-th unit vector, so that a draw shows its row
POOL = ReferentPool.of(SAMPLES, LABELS, 5)


def drawn_rows(classes: torch.Tensor) -> torch.Tensor:
    return POOL.draw(classes[:, None], torch.ones(1)).argmax(1)


def test_draws_are_uniform_and_with_replacement():
    with seeded(0, "draws"):
        counts = Counter(drawn_rows(torch.full((8000,), 0)).tolist())
    assert set(counts) == {1, 2, 5, 7}
    sd = (8000 * 0.25 * 0.75) ** 0.5
    assert all(abs(count - 2000) < 4 * sd for count in counts.values())


def test_a_mixture_draws_its_parts_independently():
    with seeded(0, "draws"):
        mixed = POOL.draw(torch.zeros(4000, 2, dtype=torch.int64), torch.tensor([0.8, 0.2]))
    same = (mixed.max(1).values > 0.9).float().mean()  # both parts are one sample, of four
    assert same == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "weights",
    [(1.0,), (0.8, 0.2), (0.8, 0.1, 0.1), (0.0, 0.5, 0.5), [(0.5, 0.5), (0.25, 0.75)]],
)
def test_weights_mix_exactly(weights, dtype):
    """Where all samples of class c are c times (1, 1, 1), a mixture is the weighted mean of c.

    Weights are the same for all targets, or each has its own.
    """
    pool = ReferentPool.of(LABELS[:, None].to(dtype).expand(8, 3), LABELS, 5)
    weights = torch.tensor(weights)
    classes = torch.tensor([[0, 2, 3], [3, 3, 2]])[:, : weights.shape[-1]]
    expected = (classes * weights).sum(1, keepdim=True).expand(2, 3).to(dtype)
    torch.testing.assert_close(pool.draw(classes, weights), expected)


ROWS_OF = {0: [1, 2, 5, 7], 2: [3], 3: [0, 4, 6]}  # of LABELS, in the stored order


def tiled_rows(classes: list[int], n: int) -> list[list[int]]:
    """Rows of SAMPLES that one referent each is tiled from, target by target."""
    tiled = POOL.tile(torch.tensor(classes)[:, None], torch.ones(1), n)
    assert tiled.shape == (n * len(classes), 8)
    return tiled.argmax(1).view(len(classes), n).tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 40])
def test_a_class_is_tiled_whole_and_topped_up_at_random(n):
    """Fewer samples than asked for, as many, or more; a class of one sample among them."""
    for of_class, tiled in zip(ROWS_OF.values(), tiled_rows(list(ROWS_OF), n), strict=True):
        whole = n // len(of_class) * len(of_class)
        assert tiled[:whole] == of_class * (n // len(of_class))
        assert set(tiled[whole:]) <= set(of_class)


def test_the_top_up_is_drawn_anew_uniformly_and_with_replacement():
    with seeded(0, "tiles"):
        tiled = tiled_rows([3] * 2000, 5)
    extra = [tuple(rows[3:]) for rows in tiled]
    counts = Counter(row for pair in extra for row in pair)
    assert all(abs(counts[row] - 4000 / 3) < 4 * (4000 * 2 / 9) ** 0.5 for row in ROWS_OF[3])
    assert len(set(extra)) == 9


def test_tiled_lists_are_paired_by_position():
    """0.8 of the i-th sample of one class with 0.2 of the i-th of the other, each class in turn."""
    with seeded(0, "tiles"):
        tiled = POOL.tile(torch.tensor([[0, 3], [3, 2]]), torch.tensor([0.8, 0.2]), 6)
    expected = torch.zeros(12, 8)
    for i in range(6):
        expected[i, ROWS_OF[3][i % 3]] = 0.2
        expected[6 + i, ROWS_OF[3][i % 3]] = 0.8
        expected[6 + i, 3] = 0.2
    fixed = expected[:4]
    fixed[range(4), ROWS_OF[0]] = 0.8
    torch.testing.assert_close(tiled[:4], fixed)
    torch.testing.assert_close(tiled[6:], expected[6:])
    torch.testing.assert_close(tiled.sum(1), torch.ones(12))


@pytest.mark.parametrize("weights", [(0.8, 0.2), (0.5, 0.5), (0.8, 0.1, 0.1), (1.0,), (1.0, 0.0)])
def test_drawn_shares_are_dirichlet_with_the_weights_as_means(weights):
    """With two referents Beta(5 w1, 5 w2), so Beta(4, 1) at (0.8, 0.2): variance w (1 - w) / 6."""
    means = torch.tensor(weights)
    with seeded(0, "shares"):
        drawn = drawn_weights(means, 20_000)
    variance = means * (1 - means) / 6
    torch.testing.assert_close(drawn.sum(1), torch.ones(20_000))
    assert (drawn >= 0).all()
    assert ((drawn.mean(0) - means).abs() < 4 * (variance / 20_000).sqrt() + 1e-6).all()
    torch.testing.assert_close(drawn.var(0), variance, rtol=0.05, atol=1e-6)
