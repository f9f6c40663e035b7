"""Class means predicted from semantics, and the spread about them borrowed from seen classes.

The nearest relative is EXEM ("Predicting visual exemplars of unseen classes for zero-shot
learning", Changpinyo et al. 2017), which predicts class means by support vector regression and
takes the nearest. Here it is ridge regression with the same Gaussian kernel.
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from zslnb.protocol import class_means


def kernel_ridge(
    inputs: Float[Tensor, "K S"],
    targets: Float[Tensor, "K D"],
    asked: Float[Tensor, "C S"],
    width: float,
    penalty: float,
) -> Float64[Tensor, "C D"]:
    """Predict targets at `asked` by ridge regression with a Gaussian kernel, about their mean.

    m + kernel(asked, inputs) (kernel(inputs, inputs) + penalty I)^-1 (targets - m), m their mean,
    with kernel(a, b) = exp(-|a - b|^2 / width). A large width makes it linear in the inputs.

    Args:
        inputs: (K, S), targets: (K, D) what is known.
        asked: (C, S) where to predict.
        width, penalty: both positive.

    Raises:
        ValueError: a width or a penalty that is not positive.
    """
    if not (width > 0 and penalty > 0):
        raise ValueError(f"Width and penalty must be positive, not {width} and {penalty}.")
    inputs, asked, targets = inputs.double(), asked.double(), targets.double()
    middle = targets.mean(0)
    among = _gaussian(inputs, inputs, width)
    among.diagonal().add_(penalty)
    return middle + _gaussian(asked, inputs, width) @ torch.linalg.solve(among, targets - middle)


def predicted_means(
    features: Float[Tensor, "N D"],
    labels: Int64[Tensor, " N"],
    semantics: Float[Tensor, "C S"],
    width: float,
    penalty: float,
) -> Float[Tensor, "C D"]:
    """Predict every class's mean feature from its semantics.

    Args:
        features: (N, D) of training images, of class ids `labels` (N,).
        semantics: (C, S), row = class id.
        width, penalty: as in `kernel_ridge`, which raises its errors.
    """
    means, seen = class_means(features.double(), labels), labels.unique()
    predicted = kernel_ridge(semantics[seen], means, semantics, width, penalty)
    return predicted.to(features.dtype)


def residuals(features: Float[Tensor, "N D"], labels: Int64[Tensor, " N"]) -> Float[Tensor, "N D"]:
    """How each feature differs from the mean of its class."""
    classes = labels.unique(return_inverse=True)[1]
    return features - class_means(features, labels)[classes]


def covariance_root(residuals: Float[Tensor, "N D"]) -> Float[Tensor, "D D"]:
    """Symmetric root of residuals' covariance: standard normal rows times it spread as they do.

    Residuals have mean zero by class, so it is that of all classes pooled, over N.
    """
    exact = residuals.double()
    values, vectors = torch.linalg.eigh(exact.T @ exact / len(exact))
    return (vectors * values.clamp(min=0).sqrt() @ vectors.T).to(residuals.dtype)


def _gaussian(
    a: Float64[Tensor, "A S"], b: Float64[Tensor, "B S"], width: float
) -> Float64[Tensor, "A B"]:
    return torch.exp(-torch.cdist(a, b).square() / width)
