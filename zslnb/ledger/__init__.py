"""Experiments as records, and the tables made from them."""

from zslnb.ledger.accepting import UNDECIDED, acceptance, acceptance_words, text_acceptance
from zslnb.ledger.claims import published, published_sizes, published_value
from zslnb.ledger.counting import COUNTS, curve, epochs_tried, nearest_point
from zslnb.ledger.experiments import METHODS, benchmark_facts, one_thread, run, run_rows
from zslnb.ledger.methods import ClipSettings, ESZSLSettings, LooksSettings, SimilaritySettings
from zslnb.ledger.recorded import recorded
from zslnb.ledger.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady
from zslnb.ledger.tables import (
    paired_difference,
    percent,
    points,
    protocol_gap,
    results_against,
    results_beside,
    results_counted,
    results_table,
    rows_of,
    scores_frame,
    spread,
    spread_caption,
    told_apart,
    verdict,
)

__all__ = [
    "COUNTS",
    "METHODS",
    "UNDECIDED",
    "ClipSettings",
    "ESZSLSettings",
    "LooksSettings",
    "SimilaritySettings",
    "SpeedUp",
    "acceptance",
    "acceptance_words",
    "benchmark_facts",
    "curve",
    "epochs_tried",
    "nearest_point",
    "needed",
    "one_thread",
    "paired_difference",
    "percent",
    "points",
    "protocol_gap",
    "published",
    "published_sizes",
    "published_value",
    "recorded",
    "results_against",
    "results_beside",
    "results_counted",
    "results_table",
    "rows_of",
    "run",
    "run_rows",
    "scores_frame",
    "speed_up",
    "speed_up_words",
    "speed_ups",
    "spread",
    "spread_caption",
    "steady",
    "text_acceptance",
    "told_apart",
    "verdict",
]
