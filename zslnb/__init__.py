"""A notebook companion to GenZSL and RevCD, two papers on generative zero-shot learning."""

from zslnb import genzsl, protocol
from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.errors import BenchmarkError

__all__ = ["Benchmark", "BenchmarkError", "genzsl", "load", "protocol"]
__version__ = "0.1.0"
