"""`zslnb.genzsl.referents`: who stands in for whom, and what is drawn from them."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from zslnb.genzsl import ReferentPool, referent_weights, top_k_referents
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


@pytest.mark.parametrize("k", [1, 2, 4, 14])
def test_the_nearest_come_best_first(k):
    targets = torch.randn(5, 6, generator=GENERATOR)
    assert top_k_referents(targets, ROWS, k).tolist() == by_hand(targets, k, False)
    assert top_k_referents(ROWS, ROWS, k, exclude_self=True).tolist() == by_hand(ROWS, k, True)


def test_itself_is_nearest_unless_excluded():
    own = torch.arange(15)
    assert torch.equal(top_k_referents(ROWS, ROWS, 1)[:, 0], own)
    assert not (top_k_referents(ROWS, ROWS, 14, exclude_self=True) == own[:, None]).any()


def test_excluding_oneself_is_not_skipping_rank_zero():
    """Of two classes that coincide, the released rule would make one its own referent."""
    twins = torch.cat([ROWS[:1], ROWS])
    chosen = top_k_referents(twins, twins, 1, exclude_self=True)[:, 0]
    assert chosen[:2].tolist() == [1, 0]


def test_norms_play_no_part():
    scaled = ROWS * torch.linspace(0.01, 100, 15)[:, None]
    assert torch.equal(top_k_referents(ROWS, scaled, 3), top_k_referents(ROWS, ROWS, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_precisions_may_differ(dtype):
    mixed = top_k_referents(ROWS[:4].to(dtype), ROWS, 2)
    assert torch.equal(mixed, top_k_referents(ROWS[:4].to(dtype).float(), ROWS, 2))


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


def test_given_weights_are_kept():
    assert referent_weights(3, (0.5, 0.5, 0.0)).tolist() == [0.5, 0.5, 0.0]


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


def test_only_samples_of_the_class_are_drawn():
    classes = torch.tensor([0, 2, 3]).repeat(500)
    with seeded(0, "draws"):
        assert torch.equal(LABELS[drawn_rows(classes)], classes)


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


@pytest.mark.parametrize("weights", [(1.0,), (0.8, 0.2), (0.8, 0.1, 0.1), (0.0, 0.5, 0.5)])
def test_weights_mix_exactly(weights):
    """Where all samples of class c are c times (1, 1, 1), a mixture is the weighted mean of c."""
    pool = ReferentPool.of(LABELS[:, None].float().expand(8, 3), LABELS, 5)
    classes = torch.tensor([[0, 2, 3], [3, 3, 2]])[:, : len(weights)]
    expected = (classes * torch.tensor(weights)).sum(1, keepdim=True).expand(2, 3)
    torch.testing.assert_close(
        pool.draw(classes, referent_weights(len(weights), weights)), expected
    )


def test_a_block_of_one_seed_draws_the_same():
    def draw(seed: int) -> torch.Tensor:
        with seeded(seed, "draws"):
            return POOL.draw(torch.zeros(50, 2, dtype=torch.int64), referent_weights(2))

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


class Gathers(torch.overrides.TorchFunctionMode):
    """Counts how often a tensor of floats is indexed."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.Tensor.__getitem__ and args[0].is_floating_point()
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("shape", [(1, 1), (64, 3)])
def test_samples_come_in_one_gather(shape):
    with Gathers() as gathers:
        POOL.draw(torch.zeros(shape, dtype=torch.int64), referent_weights(shape[1]))
    assert gathers.count == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_samples_of_another_precision_keep_it(dtype):
    pool = ReferentPool.of(SAMPLES.to(dtype), LABELS, 5)
    assert pool.draw(torch.tensor([[2, 3]]), referent_weights(2)).dtype == dtype


def test_a_class_without_samples_is_named():
    POOL.require(torch.tensor([0, 2, 3]))
    with pytest.raises(ValueError, match="Referent class 1 has no training sample"):
        POOL.require(torch.tensor([0, 1, 4]))
