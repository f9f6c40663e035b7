"""Bring a published benchmark, and say at once whether its inputs are the papers'."""

import torch

from zslnb.benchmark import Benchmark
from zslnb.datasets.published_files import PublishedFiles
from zslnb.encode.published_benchmark import bring
from zslnb.encode.requests import DataRequest
from zslnb.results.tables import markdown_table
from zslnb.studies.input_acceptance import UNDECIDED, acceptance, acceptance_words, text_acceptance


def bring_data(request: DataRequest) -> None:
    """Bring what is asked for; raises as `zslnb.encode.published_benchmark.bring` does."""
    bring(request, _text_words, _benchmark_words)


def _text_words(texts: torch.Tensor, files: PublishedFiles) -> str:
    row = text_acceptance(texts, files.name, files.model)
    measured = f"{row['quantity']} {row['measured']:.4f}."
    if row["verdict"] == UNDECIDED:
        return measured
    return f"{measured} Published: {row['published']:.4f}; it {row['verdict']}."


def _benchmark_words(benchmark: Benchmark) -> str:
    compared = acceptance(benchmark)
    if compared.empty:
        return ""
    return f"\n{markdown_table(compared)}\n{acceptance_words(compared)}\n"
