"""One method, benchmark, settings and seed in, one record out, remembered."""

from zslnb.experiments.closed_form import (
    ClipSettings,
    ESZSLSettings,
    LooksSettings,
    SimilaritySettings,
)
from zslnb.experiments.memo import METHODS, benchmark_facts, run, run_rows

__all__ = [
    "METHODS",
    "ClipSettings",
    "ESZSLSettings",
    "LooksSettings",
    "SimilaritySettings",
    "benchmark_facts",
    "run",
    "run_rows",
]
