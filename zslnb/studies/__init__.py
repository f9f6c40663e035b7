"""One question each: its rows, its table, its figure, its one-sentence finding."""

from zslnb.studies.boosting import FalseNegatives, OrderFloors, Orders, Pull, batch_floor, orders
from zslnb.studies.boosting_fidelity import BoostingWeight, boosting_weight
from zslnb.studies.calibration_curves import CalibrationCurves, CurvesBesidePrinted
from zslnb.studies.class_cosines import (
    ChangedNeighbours,
    ClassCosines,
    CosineSpread,
    HeatMaps,
    MeanCosines,
    SmallCase,
)
from zslnb.studies.classification_loss import ClassificationLoss
from zslnb.studies.conditionings import Conditionings, TimeClocks, WaysToJoin
from zslnb.studies.density import WalkDensity
from zslnb.studies.directions_removed import Directions, RealNames, directions
from zslnb.studies.equal_looks import Looks, looks
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
from zslnb.studies.input_acceptance import (
    UNDECIDED,
    Inputs,
    acceptance,
    acceptance_words,
    inputs,
    text_acceptance,
)
from zslnb.studies.loss_weights import DiffusionTraining, LikelihoodBound, LossShares, LossWeights
from zslnb.studies.lost_signal import LostSignal
from zslnb.studies.referent_copying import Copying, copying, copying_losses
from zslnb.studies.referent_swaps import LossTerms, Swaps, Variety, pair_cosines, swaps
from zslnb.studies.referents import ChangedReferents, Draws, Referents
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
from zslnb.studies.seen_bias import Handicap, Mistaken, SeenBias
from zslnb.studies.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady
from zslnb.studies.splits import PublishedSizes, Split
from zslnb.studies.study import Study
from zslnb.studies.tilted_density import TiltedDensity
from zslnb.studies.tokens import BlindAttention, FeatureTokens, TokenAttention
from zslnb.studies.toy_losses import ToyLosses
from zslnb.studies.untrained import Baselines, baselines
from zslnb.studies.walks import Samplers, guided_denoiser, starting_noise

__all__ = [
    "UNDECIDED",
    "Baselines",
    "BlindAttention",
    "BoostingWeight",
    "CalibrationCurves",
    "ChangedNeighbours",
    "ChangedReferents",
    "ClassCosines",
    "ClassificationLoss",
    "ClassificationWeight",
    "Conditionings",
    "Copying",
    "CosineSpread",
    "CubHull",
    "CubModels",
    "CurvesBesidePrinted",
    "DiffusionTraining",
    "Directions",
    "DissolvingClass",
    "Draws",
    "FalseNegatives",
    "FeatureTokens",
    "ForwardWalk",
    "GuidanceScales",
    "Handicap",
    "HeatMaps",
    "HullDistances",
    "ImageSwaps",
    "Inputs",
    "LikelihoodBound",
    "Looks",
    "LossShares",
    "LossTerms",
    "LossWeights",
    "LossesRemoved",
    "LostSignal",
    "MeanCosines",
    "Mistaken",
    "OrderFloors",
    "Orders",
    "PublishedSizes",
    "Pull",
    "RealNames",
    "Referents",
    "RevCDDirection",
    "RevCDModels",
    "RevCDNetwork",
    "RevCDTable1",
    "RevCDTable2",
    "RevCDTextClaims",
    "Samplers",
    "SeenBias",
    "SettingsShown",
    "SmallCase",
    "SpeedUp",
    "Split",
    "Standardising",
    "StepBack",
    "Study",
    "Swaps",
    "TellingApart",
    "TiltedDensity",
    "TimeClocks",
    "TokenAttention",
    "ToyLosses",
    "ValidationChoices",
    "Variety",
    "WalkDensity",
    "WaysToCount",
    "WaysToJoin",
    "acceptance",
    "acceptance_words",
    "baselines",
    "batch_floor",
    "boosting_weight",
    "classification_weight",
    "copying",
    "copying_losses",
    "cub_rows",
    "directions",
    "gaussian_denoiser",
    "guided_denoiser",
    "inputs",
    "looks",
    "losses_removed",
    "mixture_denoiser",
    "needed",
    "orders",
    "pair_cosines",
    "printed_scores_of_revcd",
    "revcd_findings",
    "revcd_models",
    "speed_up",
    "speed_up_words",
    "speed_ups",
    "starting_noise",
    "steady",
    "swaps",
    "text_acceptance",
    "ways_to_count",
]
