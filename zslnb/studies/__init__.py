"""One question each: its rows, its table, its figure, its one-sentence finding.

`studies.NAME` imports the module of that study when it is first asked for.
"""

from importlib import import_module

_STUDIES = {  # module -> what notebooks use of it
    "benchmarks": "Looks baselines looks split",
    "boosting": (
        "Copying FalseNegatives Orders batch_floor copying copying_losses order_floors orders "
        "pull_taken"
    ),
    "calibration_curves": "curves_beside_printed seen_unseen_curves",
    "class_cosines": (
        "ClassCosines Directions three_means changed_neighbours cosine_spread directions "
        "heat_maps real_names small_case"
    ),
    "code_audit": (
        "Audit ConventionalScores Differences WaysToANumber in_words model_differences "
        "switch_gains switched_back train_as_released"
    ),
    "conditioning": (
        "Conditionings FeatureTokens ImageSwaps time_clocks blind_attention token_attention "
        "ways_to_join"
    ),
    "diffusion_losses": (
        "ClassificationLoss diffusion_training likelihood_bound LossShares loss_weights ToyLosses"
    ),
    "fidelity": "FeatureFidelity FeaturePlane boosting_weight feature_fidelity",
    "forward_noise": "DissolvingClass LostSignal Standardising step_back TellingApart forward_walk",
    "genzsl_results": (
        "INGREDIENTS REFERENTS ablation answers bullets class_similarity compared "
        "genzsl_verdicts main_results recorded_results selection_price semantics sensitivity "
        "sensitivity_figure"
    ),
    "input_acceptance": "UNDECIDED acceptance acceptance_words inputs text_acceptance",
    "known_densities": "TiltedDensity gaussian_denoiser mixture_denoiser",
    "quoted": (
        "printed_scores_of_revcd quoted_ablation quoted_results quoted_rivals quoted_semantics "
        "reductions revcd_table1 revcd_table2 revcd_text_claims"
    ),
    "referents": (
        "LossTerms Swaps Variety changed_referents chosen_referents draws pair_cosines swaps"
    ),
    "revcd_results": (
        "benchmark_title classification_weight cub_hull cub_models cub_rows hull_distances "
        "losses_removed pooled revcd_findings revcd_models run_revcd settings_shown "
        "validation_choices ways_to_count with_each_weight without_each_loss"
    ),
    "sampling": "GuidanceScales Samplers WalkDensity guided_denoiser starting_noise",
    "schematics": "paradigms pipeline revcd_direction revcd_network",
    "seen_bias": "Handicap Mistaken bias_to_seen",
    "speed": "SpeedByBar SpeedGains StepCosts training_speed",
    "study": "Study",
    "training_orders": (
        "ClassifierOrders StoredOrders boosting_orders looks_at_test looks_of_training"
    ),
    "watched_training": "Collapse penalty_rule Watch class_mean_floor losses slow_rates",
}
_MODULES = {name: module for module, names in _STUDIES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import the module of a study, and give the study."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Offer the names of studies to completion."""
    return [*_MODULES]
