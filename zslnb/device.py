"""Where tensors go, on how many threads, and how a GPU repeats what is small."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import joblib
import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.errors import RequestError, unknown_name

Terms = Mapping[str, Float[Tensor, ""]]  # the terms of one training step's loss, by name
Found = Mapping[str, Tensor]  # what any step returns
GPU_MEMORY_OF_PROCESS = 2 * 2**30  # bytes


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device that is there.

    "auto" is `$ZSLNB_DEVICE` where that is set, else a CUDA device, else the CPU.

    Raises:
        RequestError: no such kind of device, or none of that kind here.
    """
    if name == "auto":
        name = os.environ.get("ZSLNB_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
    }
    if kind not in counts or (colon and not number.isdecimal()):
        raise RequestError(unknown_name("device", name, ["auto", "cpu", "cuda", "cuda:1"]))
    if int(number or 0) >= counts[kind]:
        raise RequestError(f"Device {name!r} is not there: torch sees {counts[kind]} of that kind.")
    return torch.device(name)


def processes_at_once(device: torch.device | str) -> int:
    """How many processes compute side by side: one a core on the CPU, and one on a GPU.

    Where NVIDIA's multi-process service runs (`nvidia-cuda-mps-control -d`) a GPU works for all of
    them at the same time instead of in turn: then one a core there, too, as far as its memory goes.
    """
    device, cores = torch.device(device), joblib.cpu_count()
    if device.type == "cpu":
        return cores
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"), "control")
    if not pipe.exists():
        return 1
    return max(1, min(cores, torch.cuda.mem_get_info(device)[0] // GPU_MEMORY_OF_PROCESS))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that a run gives the same numbers alone and beside others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Compute with deterministic algorithms on so many threads, since sums depend on both."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


@contextmanager
def tensor_cores() -> Iterator[None]:
    """Multiply on a GPU's tensor cores: factors lose all but 10 bits of their mantissa (TF32).

    That is for the many small steps of training and sampling, whose random numbers differ between
    CPU and GPU in any case. What is computed once stays exact.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Replayed:
    """A step of training or sampling; on a GPU it is recorded once and replayed as a CUDA graph.

    A step of small networks is a hundred kernels, each shorter than its launch from Python. A
    graph launches all of them at once. Random numbers are drawn anew in each replay.

    Args:
        step: takes the tensors that change from step to step (rows of a batch), trains once and
            returns the terms of its loss, or what it has sampled. It may not wait for the device,
            and what else it reads must stay where it is.
    """

    WARM_UP = 3  # steps of a shape before it is recorded: what is slow only once, and odd batches
    WORTH = 20  # steps of sampling that pay for a recording

    def __init__(self, step: Callable[..., Found]) -> None:
        self.step = step
        self.met: Counter[tuple[torch.Size, ...]] = Counter()
        self.graphs: dict[tuple[torch.Size, ...], tuple] = {}

    def __call__(self, *inputs: Tensor) -> Found:
        """Take one step; return what it returns, detached."""
        if not inputs[0].is_cuda:
            return {name: term.detach() for name, term in self.step(*inputs).items()}
        with torch.cuda.device(inputs[0].device):  # streams and graphs are the current device's
            return self._on_gpu(*inputs)

    def _on_gpu(self, *inputs: Tensor) -> Found:
        shapes = tuple(part.shape for part in inputs)
        self.met[shapes] += 1
        if self.met[shapes] <= self.WARM_UP:
            return self._aside(*inputs)
        if shapes not in self.graphs:
            self.graphs[shapes] = self._recorded(*inputs)
        graph, held, terms = self.graphs[shapes]
        for mine, new in zip(held, inputs, strict=True):
            mine.copy_(new)
        graph.replay()
        return {name: term.clone() for name, term in terms.items()}

    def _aside(self, *inputs: Tensor) -> Found:
        """Step on a stream of its own, as those before a recording must."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), tensor_cores():
            terms = {name: term.detach() for name, term in self.step(*inputs).items()}
        torch.cuda.current_stream().wait_stream(stream)
        return terms

    def _recorded(self, *inputs: Tensor) -> tuple:
        """Record a step, which does not run it; the tensors it reads and fills live on."""
        graph, held = torch.cuda.CUDAGraph(), [part.clone() for part in inputs]
        with torch.cuda.graph(graph, stream=torch.cuda.Stream()), tensor_cores():
            terms = {name: term.detach() for name, term in self.step(*held).items()}
        return graph, held, terms


def repeated(step: Callable[..., Found], times: int, device: torch.device) -> Callable[..., Found]:
    """Have a step replayed, without gradients, on a GPU where its many turns pay a recording."""
    return Replayed(step) if device.type == "cuda" and times >= Replayed.WORTH else step
