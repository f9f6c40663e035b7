"""GenZSL: features of unseen classes, induced from features of similar seen ones."""

from zslnb.errors import DivergedError
from zslnb.genzsl.boosting import boosting_loss, semantics_to_features
from zslnb.genzsl.cdp import class_diversity_promotion, mean_cosines
from zslnb.genzsl.ivae import InductiveVAE, kl_divergence, reconstruction_loss
from zslnb.genzsl.probes import SWAPS, referent_swap, within_class_cosine
from zslnb.genzsl.referents import ReferentPool, drawn_weights, referent_weights, top_k_referents
from zslnb.genzsl.settings import (
    GenZSLSettings,
    profile_settings,
    published_settings,
    reductions,
    released_training,
)
from zslnb.genzsl.training import GenZSL, fit, prepare

__all__ = [
    "SWAPS",
    "DivergedError",
    "GenZSL",
    "GenZSLSettings",
    "InductiveVAE",
    "ReferentPool",
    "boosting_loss",
    "class_diversity_promotion",
    "drawn_weights",
    "fit",
    "kl_divergence",
    "mean_cosines",
    "prepare",
    "profile_settings",
    "published_settings",
    "reconstruction_loss",
    "reductions",
    "referent_swap",
    "referent_weights",
    "released_training",
    "semantics_to_features",
    "top_k_referents",
    "within_class_cosine",
]
