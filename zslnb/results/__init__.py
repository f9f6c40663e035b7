"""What was published, what was measured, and the tables made from both."""

from zslnb.results.claims import published, published_sizes, published_value
from zslnb.results.records import recorded
from zslnb.results.statistics import (
    Difference,
    differences,
    differences_by,
    mean_and_sd,
    paired_gains,
    percent,
    points,
    protocol_gap,
    spread,
    verdicts,
)
from zslnb.results.tables import (
    markdown_table,
    results_against,
    results_beside,
    results_counted,
    results_table,
    rows_of,
    scores_frame,
    spread_caption,
)
