"""What studies of several methods share: their colours, and how their rows are run."""

from collections.abc import Mapping, Sequence

import torch

from zslnb import experiments
from zslnb.benchmark import Benchmark
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings

COLOURS = {"f-VAEGAN": "C1", "cVAE": "C2", "GenZSL": "C0", "GenZSL, noise": "C4"}
Generators = Mapping[str, GenZSLSettings | ImaginationSettings]  # row -> what is trained
Device = torch.device | str


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
