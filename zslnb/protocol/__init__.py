"""Scoring, final classifiers, and the two ways of choosing: clean and released."""

from zslnb.protocol.calibration import (
    Scored,
    accuracy_curve,
    best_constant,
    calibrated_scores,
)
from zslnb.protocol.classifiers import (
    ClassifierSettings,
    ClassifierTrainer,
    SoftmaxClassifier,
    nearest_semantics,
    train_classifier,
)
from zslnb.protocol.evaluation import evaluate_conventional, evaluate_gzsl
from zslnb.protocol.fidelity import class_means, frechet_distance, nearest_neighbour_test
from zslnb.protocol.hubness import hubness, hubness_scores
from zslnb.protocol.metrics import gzsl_scores, harmonic_mean, per_class_accuracy
from zslnb.protocol.selection import PROTOCOLS, best, expected_best, validation_split

__all__ = [
    "PROTOCOLS",
    "ClassifierSettings",
    "ClassifierTrainer",
    "Scored",
    "SoftmaxClassifier",
    "accuracy_curve",
    "best",
    "best_constant",
    "calibrated_scores",
    "class_means",
    "evaluate_conventional",
    "evaluate_gzsl",
    "expected_best",
    "frechet_distance",
    "gzsl_scores",
    "harmonic_mean",
    "hubness",
    "hubness_scores",
    "nearest_neighbour_test",
    "nearest_semantics",
    "per_class_accuracy",
    "train_classifier",
    "validation_split",
]
