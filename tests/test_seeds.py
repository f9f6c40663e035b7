"""`zslnb.seeds`: streams are independent of one another and of everything outside."""

import numpy as np
import pytest
import torch

from zslnb.seeds import numpy_generator, seed_for, seeded, torch_generator

DRAWS = {
    "torch": lambda seed, stream: torch.rand(8, generator=torch_generator(seed, stream)).numpy(),
    "numpy": lambda seed, stream: numpy_generator(seed, stream).random(8),
}


def inside(seed: int, stream: str) -> torch.Tensor:
    with seeded(seed, stream):
        return torch.rand(8)


def test_a_stream_never_changes():
    """These two numbers are part of every record ever made: changing them changes all."""
    assert seed_for(0, "genzsl/weights") == 1232036552337092311
    assert seed_for(1, "genzsl/weights") == 6437364884007478946


def test_seeds_and_names_both_tell_streams_apart():
    seeds = {seed_for(seed, name) for seed in range(50) for name in ("a", "b", "1/a", "/a")}
    assert len(seeds) == 200
    assert all(0 <= value < 2**63 for value in seeds)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_generators_repeat_and_differ(draw):
    np.testing.assert_array_equal(draw(3, "x"), draw(3, "x"))
    assert not np.array_equal(draw(3, "x"), draw(4, "x"))
    assert not np.array_equal(draw(3, "x"), draw(3, "y"))


def test_a_block_repeats_whatever_happened_before():
    first = inside(0, "a")
    torch.rand(5)
    assert torch.equal(first, inside(0, "a"))
    assert not torch.equal(first, inside(0, "b"))


def test_a_block_leaves_the_outside_untouched():
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(7)
    inside(0, "a")
    assert torch.equal(expected, torch.rand(4))


def test_an_inner_block_never_shifts_the_outer_one():
    with seeded(0, "outer"):
        expected = torch.rand(6)
    with seeded(0, "outer"):
        before = torch.rand(3)
        inside(0, "inner")
        after = torch.rand(3)
    assert torch.equal(expected, torch.cat([before, after]))


def fail_inside(stream: str) -> None:
    with seeded(0, stream):
        raise ValueError("on purpose")


def test_a_failing_block_restores_the_outside():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="on purpose"):
        fail_inside("a")
    assert torch.equal(state, torch.get_rng_state())
