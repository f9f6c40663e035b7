"""One question each: its rows, its table, its figure, its one-sentence finding."""

from zslnb.studies.calibration_curves import COUNTS, curve, epochs_tried, nearest_point
from zslnb.studies.input_acceptance import UNDECIDED, acceptance, acceptance_words, text_acceptance
from zslnb.studies.speed import SpeedUp, needed, speed_up, speed_up_words, speed_ups, steady
from zslnb.studies.study import Study

__all__ = [
    "COUNTS",
    "UNDECIDED",
    "SpeedUp",
    "Study",
    "acceptance",
    "acceptance_words",
    "curve",
    "epochs_tried",
    "nearest_point",
    "needed",
    "speed_up",
    "speed_up_words",
    "speed_ups",
    "steady",
    "text_acceptance",
]
