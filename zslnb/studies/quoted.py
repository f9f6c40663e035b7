"""What the papers print, laid out beside our results; and what a profile changes in settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from zslnb import genzsl, imagination
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.results import published, published_value
from zslnb.studies.study import Study

QUOTED = "**Quoted, not reproduced.**"


@dataclass(frozen=True)
class Quoted(Study):
    """A table of published numbers, none of them computed here."""

    text: str
    numbers: pd.DataFrame = field(repr=False)
    name: str = ""

    def table(self) -> pd.DataFrame:
        return self.numbers.reset_index(drop=True)

    def caption(self) -> str:
        return f"{QUOTED} {self.text}"


def quoted_results() -> Quoted:
    """GenZSL's Tables 1 and 2: T1, U, S and H of each benchmark."""
    printed = _printed_for_genzsl()
    wide = printed.pivot_table(index="benchmark", columns="metric", values="value", sort=False)
    wide = wide[["T1", "U", "S", "H"]].reset_index()
    return Quoted("GenZSL's Tables 1 and 2.", wide, "printed")


def quoted_rivals() -> Quoted:
    """T1 and H of rivals as published, and which of them print a higher H than GenZSL."""
    quoted, printed = published("genzsl"), _printed_for_genzsl()
    rows = quoted[quoted.index.str.startswith("B-") & quoted.metric.isin(["T1", "H"])]
    wide = rows.pivot_table(
        index="method", columns=["benchmark", "metric"], values="value", sort=False
    )
    wide.columns = [" ".join(pair) for pair in wide.columns]
    printed_h = printed[printed.metric == "H"].set_index("benchmark")["value"]
    higher = "; ".join(
        f"{name}: {', '.join(m for m in wide.index if wide.at[m, f'{name} H'] > h) or 'none'}"
        for name, h in printed_h.items()
    )
    text = (
        "Rivals as published (ResNet-101 or CLIP features, mostly expert attributes). With a "
        f"higher H than GenZSL's printed one: {higher}."
    )
    return Quoted(text, wide.reset_index(), "rivals")


def quoted_ablation() -> Quoted:
    """GenZSL's Table 3, as far as it is known."""
    quoted = published("genzsl")
    drops = quoted[(quoted.place == "Table 3") & (quoted.metric != "T1")]
    drops = drops[["benchmark", "method", "metric", "value", "grade"]]
    text = "What is known of the paper's Table 3; a blank value is unknown to us."
    return Quoted(text, drops, "ablation-printed")


def quoted_semantics() -> Quoted:
    """GenZSL's Table 4, on CUB."""
    quoted = published("genzsl")
    rows = quoted[(quoted.place == "Table 4") | quoted.index.str.fullmatch("T2-CUB-[USH]")]
    text = (
        "The paper's Table 4, on CUB: f-VAEGAN falls with weak semantics, yet plain CLIP's U of "
        f"{published_value('genzsl', 'T4-CUB-CLIP-U')} is above GenZSL's "
        f"{published_value('genzsl', 'T2-CUB-U')}."
    )
    rows = rows[["method", "metric", "value", "source", "grade"]]
    return Quoted(text, rows, "semantics-printed")


def _printed_for_genzsl() -> pd.DataFrame:
    quoted = published("genzsl")
    return quoted[(quoted.method == "GenZSL") & quoted.metric.isin(["T1", "U", "S", "H"])]


@dataclass(frozen=True)
class Reductions(Study):
    """What do settings here change in the published ones of a benchmark?

    Attributes:
        settings: method -> its settings here.
        benchmark: whose published settings; one that the papers do not know takes CUB's.
        text: the caption.
        by_method: a line for each method and setting; else methods that agree share one.
    """

    settings: Mapping[str, GenZSLSettings | ImaginationSettings]
    benchmark: str
    text: str
    by_method: bool = False
    name: str = "reductions"

    def table(self) -> pd.DataFrame:
        lines = [
            {"method": method, "setting": name, "published": str(before), "here": str(after)}
            for method, used in self.settings.items()
            for name, (before, after) in _reductions(used, self.benchmark).items()
        ]
        frame = pd.DataFrame(lines, columns=["method", "setting", "published", "here"])
        if self.by_method:
            return frame
        grouped = frame.groupby(["setting", "published", "here"], sort=False)["method"]
        return grouped.agg(", ".join).reset_index().rename(columns={"method": "methods"})

    def caption(self) -> str:
        return self.text


def _reductions(
    settings: GenZSLSettings | ImaginationSettings, benchmark: str
) -> dict[str, tuple[object, object]]:
    paper = genzsl if isinstance(settings, GenZSLSettings) else imagination
    return paper.reductions(settings, benchmark)
