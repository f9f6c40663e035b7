"""One question each: its rows, its table, its figure, its one-sentence finding.

`studies.NAME` imports the module of that study when it is first asked for.
"""

from importlib import import_module

_STUDIES = {  # module -> what notebooks use of it
    "boosting": "FalseNegatives OrderFloors Orders Pull batch_floor orders",
    "boosting_fidelity": "boosting_weight",
    "calibration_curves": "CalibrationCurves CurvesBesidePrinted",
    "class_cosines": "ChangedNeighbours ClassCosines CosineSpread HeatMaps MeanCosines SmallCase",
    "classification_loss": "ClassificationLoss",
    "code_audit": (
        "Audit ConventionalScores Differences SwitchGains WaysToANumber in_words "
        "model_differences switched_back train_as_released"
    ),
    "conditionings": "Conditionings TimeClocks WaysToJoin",
    "density": "WalkDensity",
    "directions_removed": "Directions RealNames directions",
    "equal_looks": "Looks looks",
    "exact_denoisers": "gaussian_denoiser mixture_denoiser",
    "feature_fidelity": "FeatureFidelity FeaturePlane feature_fidelity",
    "forward_noise": "DissolvingClass ForwardWalk Standardising StepBack TellingApart",
    "genzsl_results": (
        "INGREDIENTS REFERENTS ClassSimilarity Question RecordedResults SelectionPrice "
        "Sensitivity ablation bullets compared genzsl_verdicts main_results semantics "
        "sensitivity"
    ),
    "genzsl_schematics": "Paradigms Pipeline",
    "guidance": "GuidanceScales",
    "image_swaps": "ImageSwaps",
    "input_acceptance": "UNDECIDED acceptance acceptance_words inputs text_acceptance",
    "loss_weights": "DiffusionTraining LikelihoodBound LossShares LossWeights",
    "lost_signal": "LostSignal",
    "quoted": "Reductions quoted_ablation quoted_results quoted_rivals quoted_semantics",
    "referent_copying": "Copying copying copying_losses",
    "referent_swaps": "LossTerms Swaps Variety pair_cosines swaps",
    "referents": "ChangedReferents Draws Referents",
    "revcd_printed": "RevCDTable1 RevCDTable2 RevCDTextClaims printed_scores_of_revcd",
    "revcd_results": (
        "ClassificationWeight CubHull CubModels HullDistances SettingsShown ValidationChoices "
        "classification_weight cub_rows losses_removed revcd_findings revcd_models "
        "ways_to_count"
    ),
    "revcd_schematics": "RevCDDirection RevCDNetwork",
    "seen_bias": "Handicap Mistaken SeenBias",
    "speed": "SpeedByBar SpeedGains StepCosts training_speed",
    "splits": "Split",
    "study": "Study",
    "tilted_density": "TiltedDensity",
    "tokens": "BlindAttention FeatureTokens TokenAttention",
    "toy_losses": "ToyLosses",
    "training_orders": "BoostingOrders ClassifierOrders LooksAtTest StoredOrders looks_of_training",
    "untrained": "baselines",
    "walks": "Samplers guided_denoiser starting_noise",
    "watched_training": "Collapse Losses PenaltyRule SlowRates Watch class_mean_floor",
}
_MODULES = {name: module for module, names in _STUDIES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import the module of a study, and give the study."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Offer the names of studies to completion."""
    return [*globals(), *_MODULES]
