"""RevCD: class semantics estimated from an image feature by diffusion."""

from zslnb.revcd.baselines import ConditionalGAN, ConditionalVAE
from zslnb.revcd.conditioning import CONDITIONINGS, Join, VisualEncoder, time_embedding
from zslnb.revcd.diffusion import Diffusion, schedule_of
from zslnb.revcd.hull import hull_distance
from zslnb.revcd.losses import (
    classification_loss,
    conditional_dropout,
    noise_loss,
    reconstruction_loss,
)
from zslnb.revcd.sampling import ancestral_sample, ddim_sample, ddim_times, guided_noise
from zslnb.revcd.schedule import NoiseSchedule
from zslnb.revcd.semantics import Standardiser, prototype_scores
from zslnb.revcd.settings import INPUTS, KINDS, RevCDSettings, Space, profile_settings, reductions
from zslnb.revcd.training import RevCD, fit, prepare
from zslnb.revcd.unet import SemanticUNet

__all__ = [
    "CONDITIONINGS",
    "INPUTS",
    "KINDS",
    "ConditionalGAN",
    "ConditionalVAE",
    "Diffusion",
    "Join",
    "NoiseSchedule",
    "RevCD",
    "RevCDSettings",
    "SemanticUNet",
    "Space",
    "Standardiser",
    "VisualEncoder",
    "ancestral_sample",
    "classification_loss",
    "conditional_dropout",
    "ddim_sample",
    "ddim_times",
    "fit",
    "guided_noise",
    "hull_distance",
    "noise_loss",
    "prepare",
    "profile_settings",
    "prototype_scores",
    "reconstruction_loss",
    "reductions",
    "schedule_of",
    "time_embedding",
]
