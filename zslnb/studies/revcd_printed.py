"""What RevCD's paper prints in its Tables 1 and 2, and says of them: quoted, never computed."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from zslnb import results
from zslnb.studies.study import Study

BENCHMARKS = ("AWA2", "CUB", "SUN")


@cache
def _quoted() -> pd.DataFrame:
    return results.published("revcd")


def printed_scores(place: str, benchmark: str) -> pd.DataFrame:
    """One benchmark's printed S, U and H with H recomputed, best H first, and its misprints."""
    quoted = _quoted()
    rows = quoted[(quoted.place == place) & (quoted.benchmark == benchmark)]
    wide = rows.pivot_table(index="method", columns="metric", values="value", sort=False)
    wide = wide[["S", "U", "H"]].dropna()
    wide["H from S and U"] = (2 * wide.S * wide.U / (wide.S + wide.U)).round(1)
    wide["misprint"] = np.where((wide.H - wide["H from S and U"]).abs() > 0.15, "yes", "")
    return wide.sort_values("H from S and U", ascending=False)


def printed_scores_of_revcd(benchmark: str = "CUB") -> dict[str, float]:
    """S, U and H that Table 1 prints for RevCD."""
    return {m: results.published_value("revcd", f"T1-{benchmark}-RevCD-{m}") for m in "SUH"}


@dataclass
class RevCDTable1(Study):
    """Where does the paper place RevCD on one benchmark, and does each H follow from S and U?"""

    benchmark: str

    @property
    def name(self) -> str:
        """The table's name in files."""
        return f"printed-{self.benchmark.lower()}"

    def table(self) -> pd.DataFrame:
        return printed_scores("Table 1", self.benchmark).reset_index()

    def caption(self) -> str:
        table = self.table().set_index("method")
        rank = list(table.index).index("RevCD") + 1
        wrong = ", ".join(table.index[table.misprint == "yes"]) or "none"
        return (
            f"**Quoted, not reproduced. {self.benchmark}** (Table 1), by recomputed H. RevCD is "
            f"{rank} of {len(table)}. H that do not follow from S and U: {wrong}."
        )


class RevCDTable2(Study):
    """What does the paper print of RevCD beside other generative models?"""

    name = "printed-models"

    def table(self) -> pd.DataFrame:
        tables = pd.concat({name: printed_scores("Table 2", name) for name in BENCHMARKS})
        return tables.rename_axis(["benchmark", "method"]).reset_index()

    def caption(self) -> str:
        return "**Quoted, not reproduced.** The paper's Table 2."


class RevCDTextClaims(Study):
    """Does the text say of Tables 1 and 2 what they print?"""

    name = "claims"

    def table(self) -> pd.DataFrame:
        quoted = _quoted()
        in_text = quoted.place.isin(["Section 4.1", "Section 4.2"])
        claims = quoted[quoted.index.str.startswith("C-") & in_text]
        heads = ["place", "benchmark", "of", "claim about", "said, and in the tables"]
        return claims[["place", "benchmark", "method", "metric", "note"]].set_axis(heads, axis=1)

    def caption(self) -> str:
        return (
            "**Claims about Tables 1 and 2**, checked against the printed numbers; nothing is "
            "computed here."
        )
