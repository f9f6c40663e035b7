"""What every trained model must beat: plain CLIP, ESZSL, class means, a ridge, in closed form."""

from zslnb.closed_form.eszsl import eszsl, eszsl_for_penalties
from zslnb.closed_form.means import covariance_root, kernel_ridge, predicted_means, residuals
from zslnb.closed_form.ridge import AffineMap, ridge, ridge_for_penalties

__all__ = [
    "AffineMap",
    "covariance_root",
    "eszsl",
    "eszsl_for_penalties",
    "kernel_ridge",
    "predicted_means",
    "residuals",
    "ridge",
    "ridge_for_penalties",
]
