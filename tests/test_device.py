"""`zslnb.device`: threads and deterministic mode are put back, whatever happens inside."""

from contextlib import AbstractContextManager

import pytest
import torch

from zslnb.device import deterministic, one_thread


def state() -> tuple[int, bool]:
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()


def interrupted(block: AbstractContextManager, inside: list) -> None:
    with block:
        inside.append(state())
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("block", "expected"),
    [(one_thread, (1, False)), (lambda: deterministic(2), (2, True))],
    ids=["one thread", "deterministic"],
)
def test_an_interrupted_block_restores_what_was(block, expected):
    torch.set_num_threads(3)
    inside: list = []
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted(block(), inside)
        assert inside == [expected]
        assert state() == (3, False)
    finally:
        torch.set_num_threads(1)
