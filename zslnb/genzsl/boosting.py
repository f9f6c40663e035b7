"""Target class-guided information boosting: keep what is generated near its class's text."""

from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zslnb.closed_form import ridge
from zslnb.settings import one_of

Mode = Literal["batch", "classes"]


def boosting_loss(
    x_hat: Float[Tensor, "B D"],
    semantics: Float[Tensor, "B D"],
    temperature: float = 0.07,
    mode: str = "batch",
    class_semantics: Float[Tensor, "K D"] | None = None,
    labels: Int64[Tensor, " B"] | None = None,
) -> Float[Tensor, ""]:
    """Reward generated features that pick out their own class's semantics (GenZSL sec. 3.3).

    "batch" is what the released code computes: symmetric InfoNCE between the B generated
    features and the semantics of the B targets. Two samples of one class have the same
    semantics, so each is a false negative of the other. "classes" is what the paper's (misprinted)
    formula means: a softmax over the classes' semantics, with each class once. Neither
    normalises the semantics, so 1 / temperature is scaled by their norm.

    Args:
        x_hat: (B, D) generated features, unit norm.
        semantics: (B, D) semantics of each target, in feature space.
        temperature: tau of the notebooks and of the paper.
        mode: "batch" or "classes".
        class_semantics: (K, D), for "classes".
        labels: (B,) rows of `class_semantics`, for "classes".

    Raises:
        ValueError: unknown mode, a temperature that is not positive, widths that differ, or
            missing arguments of the mode "classes".
    """
    one_of("mode", mode, get_args(Mode))
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, not {temperature}.")
    if x_hat.shape[1] != semantics.shape[1]:
        raise ValueError(
            f"The term compares {x_hat.shape[1]}-d features with {semantics.shape[1]}-d semantics; "
            "map the semantics to feature space first (semantics_to_features)."
        )
    x_hat = x_hat.float()
    if mode == "classes":
        if class_semantics is None or labels is None:
            raise ValueError('mode="classes" needs class_semantics and labels.')
        return F.cross_entropy(x_hat @ class_semantics.float().T / temperature, labels)
    logits = x_hat @ (semantics.float() / temperature).T
    # the share of each pair, among all semantics and among all features
    return -(logits.log_softmax(1) + logits.log_softmax(0)).diagonal().mean() / 2


def semantics_to_features(
    semantics: Float[Tensor, "C S"],
    features: Float[Tensor, "N D"],
    labels: Int64[Tensor, " N"],
    penalty: float = 1.0,
) -> Float[Tensor, "C D"]:
    """Map class semantics to feature space by ridge regression, fitted on training images.

    This is ours, not the paper's: with features and semantics of different widths the published
    term has no meaning. W minimises ||Z W - X||^2 + penalty ||W||^2, where Z and X are the images'
    semantics and features less their means; with these in, the common part of all features,
    which refined semantics have lost, would bend every anchor.

    Args:
        semantics: (C, S), row = class id. features: (N, D) of training images.
        labels: (N,) their class ids. penalty: positive.

    Returns:
        (C, D) unit-norm anchors, for seen and unseen classes alike.

    Raises:
        ValueError: a penalty that is not positive.
    """
    every = semantics.double()
    mapped = ridge(every[labels], features.double(), penalty)(every)
    return F.normalize(mapped, dim=1).to(features.dtype)
