"""What do the methods reach that train nothing: plain CLIP and ESZSL?"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.protocol import PROTOCOLS
from zslnb.results import results_table
from zslnb.studies.rows import row_names
from zslnb.studies.study import Study


@dataclass(frozen=True)
class Baselines(Study):
    """What do plain CLIP and ESZSL reach, penalties chosen cleanly or on the test set?"""

    benchmark: str
    records: Sequence[dict]
    name = "baselines"

    def table(self) -> pd.DataFrame:
        both = {kind: results_table([*self.records], kind) for kind in PROTOCOLS}
        return pd.concat(both, names=["protocol", "method"]).reset_index()

    def caption(self) -> str:
        return f"**{self.benchmark}**: the baselines, percent, mean ± sd over seeds."

    def finding(self) -> str:
        h = self.table().set_index(["method", "protocol"])["H"]
        return "\n".join(
            f"- {row}: H {h[row, 'clean']} clean, {h[row, 'released']} with the test set choosing."
            for row in row_names(self.records)
        )


def baselines(benchmark: Benchmark, seeds: Sequence[int]) -> Baselines:
    """Run ESZSL, and plain CLIP where features and semantics are as wide as each other."""
    rows = {"plain CLIP": ("clip", None), "ESZSL": ("eszsl", None)}
    if not benchmark.shared_space:
        del rows["plain CLIP"]
    return Baselines(benchmark.name, run_rows(rows, benchmark, seeds))
