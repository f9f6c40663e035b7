"""`zslnb.device`: what a block changes is put back; steps replayed are the steps."""

from contextlib import AbstractContextManager

import joblib
import pytest
import torch

from zslnb.device import (
    Replayed,
    deterministic,
    one_thread,
    processes_at_once,
    repeated,
    tensor_cores,
)
from zslnb.networks import Adam


def state() -> tuple[int, bool, str]:
    exact = torch.get_float32_matmul_precision()
    return torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), exact


def interrupted(block: AbstractContextManager, inside: list) -> None:
    with block:
        inside.append(state())
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (one_thread, (1, False, "highest")),
        (lambda: deterministic(2), (2, True, "highest")),
        (tensor_cores, (3, False, "high")),
    ],
    ids=["one thread", "deterministic", "tensor cores"],
)
def test_an_interrupted_block_restores_what_was(block, expected):
    torch.set_num_threads(3)
    inside: list = []
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted(block(), inside)
        assert inside == [expected]
        assert state() == (3, False, "highest")
    finally:
        torch.set_num_threads(1)


def test_a_gpu_takes_one_process_unless_its_service_runs(monkeypatch, tmp_path):
    """The service is there where its pipe is; a process may need two gigabytes of the card."""
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(joblib, "cpu_count", lambda: 16)
    for gigabytes, expected in ((80, 16), (9, 4), (1, 1)):
        free = gigabytes * 2**30
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, free))
        (tmp_path / "control").unlink(missing_ok=True)
        assert (processes_at_once("cpu"), processes_at_once("cuda")) == (16, 1)
        (tmp_path / "control").touch()
        assert processes_at_once("cuda:1") == expected


def test_a_step_is_recorded_on_a_gpu_alone_and_if_it_pays():
    def step(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"rows": rows}

    cpu, gpu, enough = torch.device("cpu"), torch.device("cuda"), Replayed.WORTH
    assert repeated(step, enough - 1, gpu) is step
    assert repeated(step, enough, cpu) is step
    assert isinstance(repeated(step, enough, gpu), Replayed)


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
