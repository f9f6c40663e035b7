"""Experiments as records, and the tables made from them."""

from zslnb.ledger.claims import published, published_value
from zslnb.ledger.experiments import METHODS, one_thread, run, run_rows
from zslnb.ledger.methods import ClipSettings, ESZSLSettings, LooksSettings, SimilaritySettings
from zslnb.ledger.tables import percent, results_table, scores_frame

__all__ = [
    "METHODS",
    "ClipSettings",
    "ESZSLSettings",
    "LooksSettings",
    "SimilaritySettings",
    "one_thread",
    "percent",
    "published",
    "published_value",
    "results_table",
    "run",
    "run_rows",
    "scores_frame",
]
