"""Experiments as records, and the tables made from them."""

from zslnb.ledger.experiments import METHODS, run, run_rows
from zslnb.ledger.methods import ClipSettings, ESZSLSettings, SimilaritySettings
from zslnb.ledger.tables import percent, results_table, scores_frame

__all__ = [
    "METHODS",
    "ClipSettings",
    "ESZSLSettings",
    "SimilaritySettings",
    "percent",
    "results_table",
    "run",
    "run_rows",
    "scores_frame",
]
