"""`zslnb.device`: threads and deterministic mode are put back, whatever happens inside."""

from contextlib import AbstractContextManager

import pytest
import torch

from zslnb.device import Replayed, deterministic, one_thread
from zslnb.networks import Adam


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


def toy_step() -> tuple[Replayed, torch.nn.Linear]:
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layer = torch.nn.Linear(3, 2).to(device)
    adam = Adam(layer.parameters(), 0.1)

    def step(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        loss = (layer(rows) + torch.randn(len(rows), 2, device=rows.device)).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        return {"loss": loss}

    return Replayed(step), layer


def test_terms_of_a_step_come_detached_and_stay_as_they_were():
    step, layer = toy_step()
    rows = torch.ones(4, 3, device=layer.weight.device)
    losses = [step(rows)["loss"] for _ in range(8)]
    assert not any(loss.requires_grad for loss in losses)
    assert len({float(loss) for loss in losses}) == 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
@pytest.mark.parametrize("sizes", [(4,) * 8, (4, 4, 4, 4, 4, 3, 4, 3, 3, 3, 3, 4)])
def test_a_replayed_step_is_the_step(sizes):
    results = []
    for warm_up in (3, 100):
        step, layer = toy_step()
        step.WARM_UP = warm_up
        torch.manual_seed(1)
        for size in sizes:
            step(torch.ones(size, 3, device="cuda"))
        assert bool(step.graphs) == (warm_up == 3)
        results.append(layer.weight.detach().clone())
    torch.testing.assert_close(*results)
