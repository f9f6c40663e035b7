"""Where benchmarks come from: drawn here, read from a bundle, or extracted with CLIP."""

from zslnb.datasets.loading import load

__all__ = ["load"]
