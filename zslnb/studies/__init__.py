"""One question each: its rows, its table, its figure, its one-sentence finding."""

from zslnb.studies.calibration_curves import CalibrationCurves, CurvesBesidePrinted
from zslnb.studies.classification_loss import ClassificationLoss
from zslnb.studies.conditionings import Conditionings, TimeClocks, WaysToJoin
from zslnb.studies.density import WalkDensity
from zslnb.studies.exact_denoisers import gaussian_denoiser, mixture_denoiser
from zslnb.studies.forward_noise import (
    DissolvingClass,
    ForwardWalk,
    Standardising,
    StepBack,
    TellingApart,
)
from zslnb.studies.guidance import GuidanceScales
from zslnb.studies.image_swaps import ImageSwaps
from zslnb.studies.input_acceptance import UNDECIDED, acceptance, acceptance_words, text_acceptance
from zslnb.studies.loss_weights import DiffusionTraining, LikelihoodBound, LossShares, LossWeights
from zslnb.studies.lost_signal import LostSignal
from zslnb.studies.revcd_printed import (
    RevCDTable1,
    RevCDTable2,
    RevCDTextClaims,
    printed_scores_of_revcd,
)
from zslnb.studies.revcd_results import (
    ClassificationWeight,
    CubHull,
    CubModels,
    HullDistances,
    LossesRemoved,
    RevCDModels,
    SettingsShown,
    ValidationChoices,
    WaysToCount,
    classification_weight,
    cub_rows,
    losses_removed,
    revcd_findings,
    revcd_models,
    ways_to_count,
)
from zslnb.studies.revcd_schematics import RevCDDirection, RevCDNetwork
from zslnb.studies.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady
from zslnb.studies.study import Study
from zslnb.studies.tilted_density import TiltedDensity
from zslnb.studies.tokens import BlindAttention, FeatureTokens, TokenAttention
from zslnb.studies.toy_losses import ToyLosses
from zslnb.studies.walks import Samplers, guided_denoiser, starting_noise

__all__ = [
    "UNDECIDED",
    "BlindAttention",
    "CalibrationCurves",
    "ClassificationLoss",
    "ClassificationWeight",
    "Conditionings",
    "CubHull",
    "CubModels",
    "CurvesBesidePrinted",
    "DiffusionTraining",
    "DissolvingClass",
    "FeatureTokens",
    "ForwardWalk",
    "GuidanceScales",
    "HullDistances",
    "ImageSwaps",
    "LikelihoodBound",
    "LossShares",
    "LossWeights",
    "LossesRemoved",
    "LostSignal",
    "RevCDDirection",
    "RevCDModels",
    "RevCDNetwork",
    "RevCDTable1",
    "RevCDTable2",
    "RevCDTextClaims",
    "Samplers",
    "SettingsShown",
    "SpeedUp",
    "Standardising",
    "StepBack",
    "Study",
    "TellingApart",
    "TiltedDensity",
    "TimeClocks",
    "TokenAttention",
    "ToyLosses",
    "ValidationChoices",
    "WalkDensity",
    "WaysToCount",
    "WaysToJoin",
    "acceptance",
    "acceptance_words",
    "classification_weight",
    "cub_rows",
    "gaussian_denoiser",
    "guided_denoiser",
    "losses_removed",
    "mixture_denoiser",
    "needed",
    "printed_scores_of_revcd",
    "revcd_findings",
    "revcd_models",
    "speed_up",
    "speed_up_words",
    "speed_ups",
    "starting_noise",
    "steady",
    "text_acceptance",
    "ways_to_count",
]
