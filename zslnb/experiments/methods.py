"""Every method that can be run, by the name that records give it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from zslnb.benchmark import Benchmark
from zslnb.experiments import closed_form, similarity
from zslnb.experiments.estimators import estimator_scores
from zslnb.experiments.families import FIT
from zslnb.experiments.fewer_images import FewerImagesSettings, fewer_images_scores
from zslnb.experiments.fidelity import fidelity_scores
from zslnb.experiments.generative import generative_scores, released_scores
from zslnb.experiments.induction_limits import InductionLimitsSettings, limits_scores
from zslnb.experiments.informed import InformedSettings, informed_scores
from zslnb.experiments.means import MeansSettings, NearestMeanSettings, means_scores
from zslnb.experiments.means_look import means_look_scores
from zslnb.experiments.nearest_mean import nearest_mean_scores
from zslnb.experiments.parts import PartsSettings, parts_scores
from zslnb.experiments.referent_swap import swap_scores
from zslnb.experiments.refinements import RefinedSettings, refined_scores
from zslnb.experiments.relations import (
    DirectionsSettings,
    GeometrySettings,
    directions_scores,
    geometry_scores,
)
from zslnb.experiments.relatives import relatives_scores
from zslnb.experiments.ridge import RidgeSettings, ridge_scores
from zslnb.experiments.seen_unseen import SeenUnseenSettings, seen_unseen_scores
from zslnb.experiments.speed import speed_scores
from zslnb.experiments.two_directions import TwoDirectionsSettings, two_directions_scores
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.revcd import RevCDSettings


@dataclass(frozen=True)
class Method:
    """How to run a method: its function, its settings, and whether it works on the device.

    A method with `on_device=False` works on the CPU wherever it is sent, and its records say so.
    One that is `timed` has a GPU to itself. `families` are the settings of all that it trains, its
    own unless given.
    """

    function: Callable[[Benchmark, Any, int, torch.device | str], dict]
    settings: type
    on_device: bool = True
    timed: bool = False
    families: tuple[type, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        """The modules that its numbers start from: its function's, and its families' training."""
        training = [FIT.get(family) for family in self.families or (self.settings,)]
        return tuple(f.__module__ for f in (self.function, *training) if f)


METHODS = {
    "similarity": Method(similarity.similarity_scores, similarity.SimilaritySettings, False),
    "clip": Method(closed_form.clip_scores, closed_form.ClipSettings, False),
    "eszsl": Method(closed_form.eszsl_scores, closed_form.ESZSLSettings, False),
    "nearest_mean": Method(nearest_mean_scores, NearestMeanSettings, False),
    "means": Method(means_scores, MeansSettings),
    "means_look": Method(means_look_scores, MeansSettings),
    "ridge": Method(ridge_scores, RidgeSettings, False),
    "looks": Method(closed_form.looks_scores, closed_form.LooksSettings, False),
    "genzsl": Method(generative_scores, GenZSLSettings),
    "genzsl_released": Method(released_scores, GenZSLSettings),
    "imagination": Method(generative_scores, ImaginationSettings),
    "imagination_released": Method(released_scores, ImaginationSettings),
    "fidelity": Method(fidelity_scores, GenZSLSettings),
    "imagination_fidelity": Method(fidelity_scores, ImaginationSettings),
    "speed": Method(speed_scores, GenZSLSettings, timed=True),
    "imagination_speed": Method(speed_scores, ImaginationSettings, timed=True),
    "revcd": Method(estimator_scores, RevCDSettings),
    "referent_swap": Method(swap_scores, GenZSLSettings),
    "induction_limits": Method(
        limits_scores,
        InductionLimitsSettings,
        families=(GenZSLSettings, ImaginationSettings),
    ),
    "relatives_removed": Method(
        relatives_scores,
        InductionLimitsSettings,
        families=(GenZSLSettings, ImaginationSettings),
    ),
    "fewer_images": Method(
        fewer_images_scores,
        FewerImagesSettings,
        families=(GenZSLSettings, ImaginationSettings),
    ),
    "geometry": Method(geometry_scores, GeometrySettings, False),
    "directions": Method(directions_scores, DirectionsSettings, False),
    "refined": Method(refined_scores, RefinedSettings),
    "seen_unseen": Method(
        seen_unseen_scores,
        SeenUnseenSettings,
        families=(GenZSLSettings, ImaginationSettings, RevCDSettings),
    ),
    "two_directions": Method(
        two_directions_scores, TwoDirectionsSettings, families=(GenZSLSettings, RevCDSettings)
    ),
    "parts": Method(parts_scores, PartsSettings, families=(GenZSLSettings, ImaginationSettings)),
    "informed": Method(informed_scores, InformedSettings, families=(GenZSLSettings,)),
}
