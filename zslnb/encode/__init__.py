"""Pictures and class names to features, with CLIP."""
