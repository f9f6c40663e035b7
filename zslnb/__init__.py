"""A notebook companion to GenZSL and RevCD, two papers on generative zero-shot learning."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zslnb import genzsl, protocol
    from zslnb.benchmark import Benchmark
    from zslnb.datasets import load
    from zslnb.errors import BenchmarkError

__all__ = ["Benchmark", "BenchmarkError", "genzsl", "load", "protocol"]
__version__ = "0.1.0"

_HOMES = {"Benchmark": "benchmark", "BenchmarkError": "errors", "load": "datasets"}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: the command's help needs no torch."""
    if name not in __all__:
        raise AttributeError(f"module 'zslnb' has no attribute {name!r}")
    module = import_module(f"zslnb.{_HOMES.get(name, name)}")
    return getattr(module, name) if name in _HOMES else module
