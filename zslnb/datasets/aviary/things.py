"""What is drawn that is no bird: the rest of the small CLIP's world. None of it is in a benchmark.

A real CLIP has met far more than birds, so that all birds look alike to it; ours meets fish, trees,
houses and nine other kinds, each drawn from a few shapes in two colours.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from zslnb.datasets.aviary.scene import (
    INK,
    PALETTE,
    PAPER,
    STILL,
    Brush,
    Outline,
    Pose,
    background,
    disc,
    foreground,
    shade,
    sharp,
    smooth,
)


class Thing(NamedTuple):
    """A kind of thing, its size and its two colours."""

    kind: str
    size: str
    main: str
    second: str


def _box(left: float, top: float, right: float, bottom: float) -> Outline:
    return sharp([(left, top), (right, top), (right, bottom), (left, bottom)])


PETALS = [disc(0.45 * np.cos(t), -0.4 + 0.45 * np.sin(t), 0.3) for t in np.arange(6) * np.pi / 3]
# kind: its pieces, bottom up, each an outline and how it is coloured: main, second, ink or paper
KINDS: dict[str, list[tuple[Outline, str]]] = {
    "fish": [
        (sharp("-0.6 0  -1.1 -0.45  -1.1 0.45"), "second"),
        (disc(0.1, 0, 0.8, 0.42), "main"),
        (sharp("-0.1 -0.2  0.3 0.05  -0.2 0.25"), "second"),
        (disc(0.55, -0.1, 0.1), "paper"),
        (disc(0.57, -0.1, 0.05), "ink"),
    ],
    "tree": [
        (_box(-0.12, 0.1, 0.12, 1.0), "second"),
        (disc(-0.35, -0.1, 0.45), "main"),
        (disc(0.35, -0.1, 0.45), "main"),
        (disc(0, -0.5, 0.5), "main"),
    ],
    "house": [
        (_box(-0.7, -0.1, 0.7, 0.9), "main"),
        (sharp("-0.9 -0.1  0 -0.9  0.9 -0.1"), "second"),
        (_box(-0.15, 0.35, 0.2, 0.9), "second"),
        (_box(-0.55, 0.15, -0.3, 0.45), "paper"),
    ],
    "car": [
        (smooth("-0.55 0.1  -0.35 -0.4  0.35 -0.4  0.6 0.1"), "second"),
        (_box(-1.0, 0.05, 1.0, 0.5), "main"),
        (disc(-0.55, 0.52, 0.24), "ink"),
        (disc(0.55, 0.52, 0.24), "ink"),
    ],
    "flower": [
        (_box(-0.05, -0.2, 0.05, 1.0), "second"),
        *[(petal, "main") for petal in PETALS],
        (disc(0, -0.4, 0.25), "second"),
    ],
    "boat": [
        (_box(-0.04, -0.9, 0.04, 0.3), "ink"),
        (sharp("0.08 -0.85  0.8 0.15  0.08 0.15"), "second"),
        (sharp("-0.95 0.25  0.95 0.25  0.6 0.75  -0.6 0.75"), "main"),
    ],
    "cat": [
        (smooth("-0.5 0.5  -1.0 0.2  -0.9 -0.5  -0.75 -0.4  -0.8 0.1  -0.4 0.3"), "second"),
        (disc(0, 0.45, 0.5, 0.5), "main"),
        (sharp("-0.05 -0.5  0.0 -1.0  0.3 -0.6"), "main"),
        (sharp("0.35 -0.6  0.65 -1.0  0.7 -0.5"), "main"),
        (disc(0.3, -0.3, 0.42), "main"),
        (disc(0.17, -0.35, 0.08), "ink"),
        (disc(0.45, -0.35, 0.08), "ink"),
    ],
    "mushroom": [
        (smooth("-0.2 0.0  -0.28 0.85  0.28 0.85  0.2 0.0"), "second"),
        (smooth("-0.85 0.1  -0.5 -0.55  0.5 -0.55  0.85 0.1"), "main"),
        (disc(-0.25, -0.2, 0.13), "paper"),
        (disc(0.3, -0.15, 0.1), "paper"),
    ],
    "butterfly": [
        (disc(-0.45, -0.3, 0.5, 0.35, 0.6), "main"),
        (disc(0.45, -0.3, 0.5, 0.35, -0.6), "main"),
        (disc(-0.35, 0.35, 0.35, 0.25, -0.5), "second"),
        (disc(0.35, 0.35, 0.35, 0.25, 0.5), "second"),
        (disc(0, 0, 0.08, 0.6), "ink"),
    ],
    "cup": [
        (disc(0.55, 0.1, 0.35), "second"),
        (disc(0.55, 0.1, 0.2), "paper"),
        (sharp("-0.6 -0.5  0.6 -0.5  0.45 0.7  -0.45 0.7"), "main"),
        (disc(0, -0.5, 0.6, 0.14), "second"),
    ],
    "balloon": [
        (_box(-0.02, 0.3, 0.02, 1.1), "ink"),
        (disc(0, -0.3, 0.6, 0.7), "main"),
        (disc(-0.2, -0.5, 0.14, 0.2), "second"),
    ],
    "snail": [
        (smooth("-0.9 0.75  -0.4 0.5  0.5 0.5  0.7 -0.1  0.95 0.0  0.9 0.75"), "second"),
        (disc(-0.1, 0.1, 0.58), "main"),
        (disc(-0.1, 0.1, 0.36), "second"),
        (disc(-0.1, 0.1, 0.18), "main"),
    ],
}


def paint_thing(thing: Thing, pose: Pose = STILL, size: int = 48) -> Image.Image:
    """Paint a thing in a given pose on a square RGB picture of `size` pixels."""
    scale = 0.25 if thing.size == "small" else 0.33
    picture = background(pose, size, 0.5 + pose.shift[1] + 0.7 * scale * pose.scale)
    brush = Brush(picture, scale, pose)
    paints = {"ink": INK, "paper": PAPER}
    for role, tint in zip(("main", "second"), pose.tints, strict=False):
        paints[role] = shade(np.add(PALETTE[getattr(thing, role)], tint))
    for outline, role in KINDS[thing.kind]:
        brush.fill(outline, paints[role])
    return foreground(picture, pose, size)
