"""What the papers print, quoted; and what a profile changes in their settings."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from zslnb import genzsl, imagination
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.results import published, published_value
from zslnb.studies.study import Tabled

QUOTED = "**Quoted, not reproduced.**"


def quoted_results() -> Tabled:
    """GenZSL's Tables 1 and 2: T1, U, S and H of each benchmark, and rivals with a higher H."""
    printed = _printed_for_genzsl()
    wide = printed.pivot_table(index="benchmark", columns="metric", values="value", sort=False)
    wide = wide[["T1", "U", "S", "H"]]
    quoted = published("genzsl")
    rivals = quoted[quoted.index.str.startswith("B-") & (quoted.metric == "H")]
    by_benchmark = rivals.dropna(subset="value").groupby("benchmark")["value"]
    wide["rivals with a higher H"] = [
        f"{int((by_benchmark.get_group(name) > h).sum())} of {len(by_benchmark.get_group(name))}"
        for name, h in wide["H"].items()
    ]
    text = (
        f"{QUOTED} GenZSL's Tables 1 and 2; and rivals as published (ResNet-101 or CLIP features, "
        "mostly expert attributes)."
    )
    return Tabled("printed", wide.reset_index(), text)


def quoted_rivals() -> Tabled:
    """T1 and H of rivals as published, and which of them print a higher H than GenZSL."""
    quoted, printed = published("genzsl"), _printed_for_genzsl()
    rows = quoted[quoted.index.str.startswith("B-") & quoted.metric.isin(["T1", "H"])]
    columns = ["benchmark", "metric"]
    wide = rows.pivot_table(index="method", columns=columns, values="value", sort=False)
    wide.columns = [" ".join(pair) for pair in wide.columns]
    printed_h = printed[printed.metric == "H"].set_index("benchmark")["value"]
    higher = "; ".join(
        f"{name}: {', '.join(m for m in wide.index if wide.at[m, f'{name} H'] > h) or 'none'}"
        for name, h in printed_h.items()
    )
    text = (
        f"{QUOTED} Rivals as published (ResNet-101 or CLIP features, mostly expert attributes). "
        f"With a higher H than GenZSL's printed one: {higher}."
    )
    return Tabled("rivals", wide.reset_index(), text)


def quoted_semantics() -> Tabled:
    """GenZSL's Table 4, on CUB."""
    quoted = published("genzsl")
    rows = quoted[(quoted.place == "Table 4") | quoted.index.str.fullmatch("T2-CUB-[USH]")]
    known = rows.dropna(subset="value")
    wide = known.pivot_table(index="method", columns="metric", values="value", sort=False)
    text = f"{QUOTED} The paper's Table 4, on CUB, as far as it is known."
    return Tabled("semantics-printed", wide[["U", "S", "H"]], text)


def _printed_for_genzsl() -> pd.DataFrame:
    quoted = published("genzsl")
    return quoted[(quoted.method == "GenZSL") & quoted.metric.isin(["T1", "U", "S", "H"])]


def reductions(
    settings: Mapping[str, GenZSLSettings | ImaginationSettings], benchmark: str, text: str
) -> Tabled:
    """What do settings here, of each method, change in the published ones of a benchmark?

    A benchmark that the papers do not know takes CUB's. Methods that agree share a line. `text` is
    the caption.
    """
    lines = [
        {"method": method, "setting": setting, "published": str(before), "here": str(after)}
        for method, used in settings.items()
        for paper in [genzsl if isinstance(used, GenZSLSettings) else imagination]
        for setting, (before, after) in paper.reductions(used, benchmark).items()
    ]
    frame = pd.DataFrame(lines, columns=["method", "setting", "published", "here"])
    grouped = frame.groupby(["setting", "published", "here"], sort=False)["method"]
    frame = grouped.agg(", ".join).reset_index().rename(columns={"method": "methods"})
    return Tabled("reductions", frame, text)


BENCHMARKS = ("AWA2", "CUB", "SUN")
IN_ACCORD = (  # claims in RevCD's text of which its tables say the same, or nothing
    *("C-AWA2-S-best", "C-CUB-S-best", "C-SUN-S-best", "C-all-U-cause"),
    *("C-CUB-GAN-gain", "C-CUB-VAE-gain"),
)


def printed_scores(place: str, benchmark: str) -> pd.DataFrame:
    """One benchmark's printed S, U and H with H recomputed, best H first, and its misprints."""
    quoted = published("revcd")
    rows = quoted[(quoted.place == place) & (quoted.benchmark == benchmark)]
    wide = rows.pivot_table(index="method", columns="metric", values="value", sort=False)
    wide = wide[["S", "U", "H"]].dropna()
    wide["H from S and U"] = (2 * wide.S * wide.U / (wide.S + wide.U)).round(1)
    wide["misprint"] = np.where((wide.H - wide["H from S and U"]).abs() > 0.15, "yes", "")
    return wide.sort_values("H from S and U", ascending=False)


def printed_scores_of_revcd(benchmark: str = "CUB") -> dict[str, float]:
    """S, U and H that Table 1 prints for RevCD."""
    return {m: published_value("revcd", f"T1-{benchmark}-RevCD-{m}") for m in "SUH"}


def revcd_printed() -> Tabled:
    """Where do the paper's Tables 1 and 2 place RevCD, and does each H follow from S and U?"""
    lines = []
    for benchmark in BENCHMARKS:
        one, two = (printed_scores(f"Table {number}", benchmark) for number in (1, 2))
        wrong = pd.concat([one, two])["misprint"] == "yes"
        lines.append(
            {
                "benchmark": benchmark,
                **one.loc["RevCD", ["S", "U", "H"]],
                "rank": f"{one.index.get_loc('RevCD') + 1} of {len(one)}",
                "best H": f"{one.index[0]}, {one['H from S and U'].iloc[0]:.1f}",
                **{f"{row}'s H": two["H"].get(row) for row in ("cVAE", "GAN")},
                "misprinted H": ", ".join(dict.fromkeys(wrong.index[wrong])),
            }
        )
    text = (
        f"{QUOTED} RevCD in the paper's Table 1; its rank, and the best, by H recomputed from S "
        "and U; the other two models of its Table 2; and whose H does not follow from S and U."
    )
    return Tabled("printed", pd.DataFrame(lines), text)


def revcd_text_claims() -> Tabled:
    """Does the text say of Tables 1 and 2 what they print?"""
    quoted = published("revcd")
    in_text = quoted.place.isin(["Section 4.1", "Section 4.2"])
    claims = quoted[quoted.index.str.startswith("C-") & in_text].drop([*IN_ACCORD])
    heads = {"method": "of", "metric": "claim about", "note": "said, and in the tables"}
    frame = claims[["benchmark", *heads]].rename(columns=heads).reset_index(drop=True)
    said = frame["said, and in the tables"]
    frame["said, and in the tables"] = said.str.replace(r" \(T\d-[\w-]+\)", "", regex=True)  # ids
    text = (
        "**Claims about Tables 1 and 2**, checked against the printed numbers; nothing is "
        f"computed here. Left out are {len(IN_ACCORD)} that the tables bear out or do not touch."
    )
    return Tabled("claims", frame, text)
