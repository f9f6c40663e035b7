"""One question each: its rows, its table, its figure, its one-sentence finding."""

from zslnb.studies.boosting import FalseNegatives, OrderFloors, Orders, Pull, batch_floor, orders
from zslnb.studies.boosting_fidelity import BoostingWeight, boosting_weight
from zslnb.studies.calibration_curves import COUNTS, curve, epochs_tried, nearest_point
from zslnb.studies.class_cosines import (
    ChangedNeighbours,
    ClassCosines,
    CosineSpread,
    HeatMaps,
    MeanCosines,
    SmallCase,
)
from zslnb.studies.directions_removed import Directions, RealNames, directions
from zslnb.studies.equal_looks import Looks, looks
from zslnb.studies.input_acceptance import (
    UNDECIDED,
    Inputs,
    acceptance,
    acceptance_words,
    inputs,
    text_acceptance,
)
from zslnb.studies.referent_copying import Copying, copying, copying_losses
from zslnb.studies.referent_swaps import LossTerms, Swaps, Variety, pair_cosines, swaps
from zslnb.studies.referents import ChangedReferents, Draws, Referents
from zslnb.studies.seen_bias import Handicap, Mistaken, SeenBias
from zslnb.studies.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady
from zslnb.studies.splits import Split
from zslnb.studies.study import Study
from zslnb.studies.untrained import Baselines, baselines

__all__ = [
    "COUNTS",
    "UNDECIDED",
    "Baselines",
    "BoostingWeight",
    "ChangedNeighbours",
    "ChangedReferents",
    "ClassCosines",
    "Copying",
    "CosineSpread",
    "Directions",
    "Draws",
    "FalseNegatives",
    "Handicap",
    "HeatMaps",
    "Inputs",
    "Looks",
    "LossTerms",
    "MeanCosines",
    "Mistaken",
    "OrderFloors",
    "Orders",
    "Pull",
    "RealNames",
    "Referents",
    "SeenBias",
    "SmallCase",
    "SpeedUp",
    "Split",
    "Study",
    "Swaps",
    "Variety",
    "acceptance",
    "acceptance_words",
    "baselines",
    "batch_floor",
    "boosting_weight",
    "copying",
    "copying_losses",
    "curve",
    "directions",
    "epochs_tried",
    "inputs",
    "looks",
    "nearest_point",
    "needed",
    "orders",
    "pair_cosines",
    "speed_up",
    "speed_up_words",
    "speed_ups",
    "steady",
    "swaps",
    "text_acceptance",
]
