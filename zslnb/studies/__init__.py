"""One question each: its rows, its table, its figure, its one-sentence finding.

`studies.NAME` imports the module of that study when it is first asked for.
"""

from importlib import import_module

_STUDIES = {  # module -> what notebooks use of it
    "benchmarks": "baselines looks split",
    "both_directions": "both_compared both_on_cub both_papers",
    "boosting": (
        "batch_floor copying copying_losses false_negatives order_floors orders pull_taken pushes"
    ),
    "calibration_curves": "curves_beside_printed seen_unseen_curves",
    "class_cosines": (
        "by_directions changed_neighbours ClassCosines cosine_spread directions heat_maps "
        "real_names small_case three_means"
    ),
    "code_audit": (
        "audit conventional_scores measured_differences model_differences switch_gains "
        "switched_back train_as_released ways_to_a_number"
    ),
    "conditioning": (
        "blind_attention conditionings feature_tokens image_swaps listening time_embeddings "
        "token_attention ways_to_join"
    ),
    "cub": "cub_rows",
    "curves_and_borders": "curves_of_methods",
    "diffusion_losses": (
        "classification_losses diffusion_training loss_shares loss_weights ToyLosses"
    ),
    "fidelity": ("boosting_weight by_weight feature_fidelity feature_plane more_like_real"),
    "forward_noise": (
        "dissolving_class lost_signal noise_overtakes noised_variance noised_walk schedule_ends "
        "share_identified step_back"
    ),
    "generators": "hubness rivals",
    "genzsl_results": (
        "ablation ablations_beside bullets class_similarity compared count_of_features "
        "genzsl_findings main_results published_schedule selection_price semantics sensitivity "
        "sensitivity_figure spreads_beside verdicts whose_spread whose_spread_on_cub"
    ),
    "induction_limits": (
        "by_distance hybrids limits_on_cub lost_at_a_glance with_fewer_images without_relatives"
    ),
    "induction_runs": "limits_settings run_limits with_outliers",
    "how_many_directions": "refinements_compared refinements_on_cub run_refined",
    "headline_numbers": "leads_here leads_printed speeds_here trainings_on_cub",
    "input_acceptance": "inputs",
    "known_densities": "gaussian_denoiser mixture_denoiser TiltedDensity",
    "method_orders": "lopsided_rows orders_of_methods",
    "other_seeds": "by_other_seeds recorded_twice",
    "printed_gaps": "gaps_beside_spread reversals",
    "printed_numbers": "possible_h printed_sums text_checks",
    "means_and_spread": (
        "informed_referents means_on_cub means_settings parts_of_generators run_means"
    ),
    "quoted": (
        "printed_scores_of_revcd quoted_results quoted_rivals quoted_semantics "
        "reductions revcd_printed revcd_text_claims"
    ),
    "referents": (
        "by_target chosen_referents loss_terms pair_cosines pictures_drawn swaps variety"
    ),
    "revcd_results": (
        "benchmark_title classification_weight cosines_by_kind hull_distances "
        "losses_removed revcd_findings revcd_models run_revcd settings_shown spaces_compared "
        "validation_choices ways_to_count with_each_weight with_less_diffusion without_each_loss"
    ),
    "rule_of_choice": "best_on_test both_recorded run_both",
    "sampling": "guidance_scales guided_denoiser samplers starting_noise WalkDensity",
    "schematics": "inductive_vae paradigms pipeline revcd_direction revcd_losses revcd_network",
    "seen_bias": "all_species bias_to_seen by_handicap handicap mistaken two_species",
    "semantic_directions": "named_directions run_relations what_is_left",
    "seen_unseen": "borders_of_methods borders_on_cub methods_of_both run_borders",
    "speed": "speed_by_bar step_costs training_speed",
    "training_curves": "gains_of training_gains watched_settings",
    "training_orders": (
        "boosting_orders classifier_orders looks_at_test looks_of_training StoredOrders"
    ),
    "two_directions": "pair_settings pairs_of_methods pairs_on_cub run_pairs",
    "watched_training": "collapse losses penalty_rule slow_rates Watch",
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
