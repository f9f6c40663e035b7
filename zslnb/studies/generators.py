"""What studies of several methods share: their rows' settings, and how these are run."""

from collections.abc import Mapping, Sequence

from zslnb import experiments
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings, profile_settings
from zslnb.studies.rows import Device, Records, row_names, summary, values
from zslnb.studies.study import Tabled

Generators = Mapping[str, GenZSLSettings | ImaginationSettings]  # row -> what is trained
RIVALS = {"cVAE": "cvae", "f-CLSWGAN": "gan", "f-VAEGAN": "fvaegan"}  # row -> kind


def untrained(benchmark: Benchmark) -> dict[str, tuple[str, None]]:
    """Rows of what trains nothing: ESZSL, and plain CLIP where features and semantics allow it."""
    clip = {"plain CLIP": ("clip", None)} if benchmark.shared_space else {}
    return {**clip, "ESZSL": ("eszsl", None)}


def predicted(settings: GenZSLSettings) -> dict[str, tuple[str, object]]:
    """Rows of class means predicted from semantics: alone, and with the spread of referents.

    What follows them, classifier and choices, is that of `settings`.
    """
    spread = experiments.MeansSettings.beside(settings)
    return {"nearest mean": ("nearest_mean", None), "means + spread": ("means", spread)}


def rivals(benchmark: str, profile: str) -> dict[str, ImaginationSettings]:
    """Settings of the generators that GenZSL is set beside, by row."""
    return {row: profile_settings(benchmark, profile, kind) for row, kind in RIVALS.items()}


def hubness(records: Records, title: str) -> Tabled:
    """Do a few classes take most answers, method by method?"""
    kept = [r for r in records if "hubness" in r["scores"]]
    columns = {
        "all classes compete": ("hubness", "generalised"),
        "unseen images and classes": ("hubness", "conventional"),
    }
    frame = summary(kept, row_names(kept), columns, ".2f").rename_axis("method")
    right = values(kept, kept[0]["row"], "hubness", "labels, generalised").mean()
    text = (
        f"**{title}**: hubness, the skewness of how often each class is the answer (clean), mean ± "
        "standard deviation over seeds. The higher, the more answers a few classes take; if all "
        f"answers were right, the first column would have {right:.2f}."
    )
    return Tabled("hubness", frame, text)


def run_generators(
    methods: tuple[str, str],
    rows: Generators,
    benchmark: Benchmark,
    seeds: Sequence[int],
    device: Device,
    table: str,
) -> list[dict]:
    """Run one experiment, as it is called for GenZSL and for imagination, on rows of both."""
    called = dict(zip((GenZSLSettings, ImaginationSettings), methods, strict=True))
    trained = {row: (called[type(used)], used) for row, used in rows.items()}
    return run_rows(trained, benchmark, seeds, device, table=table)
