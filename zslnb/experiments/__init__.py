"""One method, benchmark, settings and seed in, one record out, remembered."""

from zslnb.experiments.closed_form import ClipSettings, ESZSLSettings, LooksSettings
from zslnb.experiments.fewer_images import FewerImagesSettings
from zslnb.experiments.induction_limits import InductionLimitsSettings
from zslnb.experiments.informed import InformedSettings
from zslnb.experiments.means import MeansSettings, NearestMeanSettings
from zslnb.experiments.memo import benchmark_facts, inputs_of_record, run, run_rows
from zslnb.experiments.methods import METHODS
from zslnb.experiments.models import trained
from zslnb.experiments.parts import PartsSettings
from zslnb.experiments.refinements import RefinedSettings
from zslnb.experiments.relations import DirectionsSettings, GeometrySettings
from zslnb.experiments.ridge import RidgeSettings
from zslnb.experiments.seen_unseen import SeenUnseenSettings
from zslnb.experiments.similarity import SimilaritySettings
from zslnb.experiments.sources import CodeChangedError
from zslnb.experiments.two_directions import TwoDirectionsSettings

__all__ = [
    "METHODS",
    "ClipSettings",
    "CodeChangedError",
    "DirectionsSettings",
    "ESZSLSettings",
    "FewerImagesSettings",
    "GeometrySettings",
    "InductionLimitsSettings",
    "InformedSettings",
    "LooksSettings",
    "MeansSettings",
    "NearestMeanSettings",
    "PartsSettings",
    "RefinedSettings",
    "RidgeSettings",
    "SeenUnseenSettings",
    "SimilaritySettings",
    "TwoDirectionsSettings",
    "benchmark_facts",
    "inputs_of_record",
    "run",
    "run_rows",
    "trained",
]
