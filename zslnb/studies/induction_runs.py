"""The experiments on when induction fails: their settings, their data, how they are run."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from zslnb import experiments
from zslnb.benchmark import Benchmark
from zslnb.datasets import load
from zslnb.datasets.loading import BUILT_IN
from zslnb.experiments.memo import run_rows
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.studies.rows import Device, Records

DISTANCE, RELATIVES, IMAGES = "distance", "relatives", "fewer images"  # tables, of one row each
ROW = "unseen classes"


def limits_settings(
    generator: GenZSLSettings, imagination: ImaginationSettings
) -> experiments.InductionLimitsSettings:
    """Take the settings of the tables, with one count of synthetic features, the lower middle one.

    It is GenZSL's for the other methods, too, as is the classifier.
    """
    counts = generator.n_synthetic_choices
    one = {"n_synthetic_choices": (counts[(len(counts) - 1) // 2],)}
    genzsl = replace(generator, **one)
    return experiments.InductionLimitsSettings(
        genzsl=genzsl,
        imagination=replace(imagination, **one),
        means=experiments.MeansSettings.beside(genzsl),
    )


def with_outliers(benchmark: Benchmark) -> Benchmark:
    """Let the aviary's outliers join its unseen classes; any other benchmark stays as it is.

    The outliers come last, and their pictures after all others.
    """
    b = benchmark
    if b.name != BUILT_IN[0] or "file_sha256" in b.provenance:
        return b
    far = load(BUILT_IN[1], semantics=b.provenance["semantics"])
    rows = far.test_unseen_idx
    return replace(
        b,
        features=torch.cat([b.features, far.features[rows]]),
        labels=torch.cat(
            [b.labels, torch.searchsorted(far.unseen, far.labels[rows]) + b.n_classes]
        ),
        semantics=torch.cat([b.semantics, far.semantics[far.unseen]]),
        class_names=(*b.class_names, *(far.class_names[i] for i in far.unseen)),
        test_unseen_idx=torch.cat([b.test_unseen_idx, len(b.labels) + torch.arange(len(rows))]),
        name=f"{b.name} with outliers",
    )


def run_limits(
    benchmark: Benchmark,
    settings: experiments.InductionLimitsSettings,
    seeds: Sequence[int],
    device: Device = "cpu",
) -> list[dict]:
    """Run all three experiments, or read their records back; the aviary's outliers are in one."""
    fewer = experiments.FewerImagesSettings(settings.genzsl, settings.imagination, settings.means)
    asked = (
        (DISTANCE, ("induction_limits", settings), with_outliers(benchmark)),
        (RELATIVES, ("relatives_removed", settings), benchmark),
        (IMAGES, ("fewer_images", fewer), benchmark),
    )
    return [
        record
        for table, experiment, data in asked
        for record in run_rows({ROW: experiment}, data, seeds, device, table=table)
    ]


def of_table(records: Records, table: str) -> list[dict]:
    """Give the records of one of the experiments."""
    return [r for r in records if r["table"] == table]
