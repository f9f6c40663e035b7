"""What every trained model must beat: plain CLIP and ESZSL, in closed form."""

from zslnb.closed_form.eszsl import eszsl, eszsl_for_penalties

__all__ = ["eszsl", "eszsl_for_penalties"]
