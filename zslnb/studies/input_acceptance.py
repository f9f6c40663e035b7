"""Are these the papers' inputs? What they print of plain CLIP, beside what this machine measures.

Before any training is believed: the mean cosine of CUB's class texts depends on the prompt, the
model and its weights; plain CLIP's S, U and H on the pictures, the split and the metric as well.
"""

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from zslnb.benchmark import Benchmark
from zslnb.datasets.published_files import PAPERS_MODEL
from zslnb.experiments.memo import run
from zslnb.genzsl import mean_cosines
from zslnb.results.claims import published
from zslnb.studies.study import Tabled

COSINE, TEXTS = "mean cosine of the class texts, with diagonal", "clip-text"
# ours: another prompt or model is off by more than this, another rounding by less
ALLOWED = {"mean cosine": 0.005, "S": 1.0, "U": 1.0, "H": 1.0}
CLAIMS = {  # benchmark -> metric -> number in papers/genzsl.yml
    "cub": {"mean cosine": "F3-CUB-before"} | {m: f"T4-CUB-CLIP-{m}" for m in "SUH"},
    "awa2": {m: f"S-AWA2-CLIP-{m}" for m in "SUH"},
}
AGREES, DIFFERS, UNDECIDED = "agrees", "DIFFERS", "not decided"


def inputs(benchmark: Benchmark, device: torch.device | str = "cpu") -> Tabled | None:
    """Compare a benchmark's CLIP inputs with the papers'; None if they are not CLIP's."""
    compared = acceptance(benchmark, device)
    words = acceptance_words(compared)
    caption = f"**{benchmark.name}**: are these the papers' inputs? {words}"
    return None if compared.empty else Tabled("inputs", compared, caption)


def acceptance(benchmark: Benchmark, device: torch.device | str = "cpu") -> pd.DataFrame:
    """Compare a benchmark's CLIP inputs with what is published of them.

    Columns: `quantity`, `measured`, `published` (missing where nobody prints it), `allowed`, the
    difference that still agrees, `verdict`, and `source`. S, U and H are percent. Nothing is
    decided by a number that is known from memory only. Empty for features and semantics that
    are not CLIP's, such as the aviary's.
    """
    facts = benchmark.provenance
    if not (facts.get("semantics") == TEXTS and "weights_sha256" in facts):
        return pd.DataFrame()
    model = (facts.get("model", ""), facts.get("tag", ""))
    scores = run("clip", benchmark, device=device)["scores"]["clean"]
    rows = [text_acceptance(benchmark.semantics, benchmark.name, model)]
    for metric, what in {"S": "seen", "U": "unseen", "H": "harmonic mean"}.items():
        label = f"plain CLIP, {metric} ({what}, %)"
        rows.append(_row(label, metric, 100 * scores[metric], benchmark.name, model))
    return pd.DataFrame(rows)


def text_acceptance(
    texts: Float[Tensor, "C S"], name: str, model: tuple[str, str] = PAPERS_MODEL
) -> dict[str, object]:
    """Compare the mean cosine of a benchmark's class texts: one row of `acceptance`."""
    measured = mean_cosines(texts)["with diagonal"]  # the mean that the paper prints
    return _row(COSINE, "mean cosine", measured, name, model)


def acceptance_words(compared: pd.DataFrame) -> str:
    """Say in a sentence or two what `acceptance` found; nothing if it is empty."""
    if compared.empty:
        return ""
    decided = compared[compared["verdict"] != UNDECIDED]
    wrong = decided[decided["verdict"] == DIFFERS]
    if decided.empty:
        return "No published value can tell whether these are the paper's inputs."
    if wrong.empty:
        return (
            "The pipeline matches the paper's inputs: the published values that can be compared "
            f"agree, {len(decided)} of {len(decided)}."
        )
    lines = [
        f"{r.quantity}: {r.measured:.4g}, published {r.published:.4g}" for r in wrong.itertuples()
    ]
    return (
        f"The pipeline does NOT match the paper's inputs ({'; '.join(lines)}). Believe no training "
        "before the cause is found: the prompt, the weights, the preprocessing or the split."
    )


def _row(
    quantity: str, metric: str, measured: float, name: str, model: tuple[str, str]
) -> dict[str, object]:
    claim = CLAIMS.get(name, {}).get(metric) if model == PAPERS_MODEL else None
    row = {"quantity": quantity, "measured": round(measured, 4)}
    if claim is None:
        return {**row, "published": float("nan"), "allowed": "", "verdict": UNDECIDED, "source": ""}
    entry = published("genzsl").loc[claim]
    agrees = abs(measured - entry["value"]) <= ALLOWED[metric]
    return {
        **row,
        "published": entry["value"],
        "allowed": f"± {ALLOWED[metric]:g}",
        "verdict": UNDECIDED if entry["grade"] == "memory" else AGREES if agrees else DIFFERS,
        "source": f"{entry['place']}, {entry['source']} ({entry['grade']})",
    }
