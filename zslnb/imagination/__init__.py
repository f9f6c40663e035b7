"""Imagination: features of unseen classes generated from their semantics and noise alone."""

from zslnb.imagination.cvae import cvae_losses, reconstruct
from zslnb.imagination.fvaegan import Networks, build_networks
from zslnb.imagination.gan import (
    adapted_penalty_weight,
    critic_death,
    critic_gradients,
    critic_losses,
    gradient_penalty,
)
from zslnb.imagination.networks import Critic, Encoder, Generator
from zslnb.imagination.settings import (
    KINDS,
    ImaginationSettings,
    profile_settings,
    published_settings,
    reductions,
)
from zslnb.imagination.training import Imagination, fit, prepare

__all__ = [
    "KINDS",
    "Critic",
    "Encoder",
    "Generator",
    "Imagination",
    "ImaginationSettings",
    "Networks",
    "adapted_penalty_weight",
    "build_networks",
    "critic_death",
    "critic_gradients",
    "critic_losses",
    "cvae_losses",
    "fit",
    "gradient_penalty",
    "prepare",
    "profile_settings",
    "published_settings",
    "reconstruct",
    "reductions",
]
