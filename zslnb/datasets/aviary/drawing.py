"""Draw a bird: shapes kept as tables of outlines, laid down by a pose, coloured by attributes.

Everything is in units of the picture's width, so a picture keeps its pose at any size.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from zslnb.datasets.aviary.scene import (
    INK,
    ORANGE,
    PALETTE,
    PAPER,
    STILL,
    Brush,
    Colour,
    Outline,
    Pose,
    background,
    disc,
    foreground,
    rotation,
    sample_pose,
    shade,
    sharp,
    smooth,
)
from zslnb.datasets.aviary.species import Bird


@dataclass(frozen=True)
class Build:
    """Where the parts of a bird of one build sit, in bird units (y points down)."""

    body: tuple[float, float, float, float, float]  # centre x, y, radius x, y, tilt in radians
    head: tuple[float, float, float]  # centre x, y, radius
    tail: tuple[float, float, float]  # root x, y, tilt in radians
    legs: tuple[float, float]  # where they start and end
    neck: bool = False


BUILDS = {
    "plump": Build(
        (0.0, 0.12, 0.56, 0.50, -0.15), (0.36, -0.40, 0.36), (-0.46, 0.18, 0.25), (0.5, 0.8)
    ),
    "slender": Build(
        (-0.05, 0.10, 0.60, 0.31, -0.42), (0.46, -0.34, 0.27), (-0.50, 0.34, -0.30), (0.3, 0.68)
    ),
    "tall": Build(
        (-0.08, 0.02, 0.50, 0.33, -0.10),
        (0.44, -0.66, 0.24),
        (-0.48, 0.06, 0.10),
        (0.25, 0.95),
        True,
    ),
}


NECK = smooth("0.1 0.1  0.36 -0.2  0.3 -0.62  0.58 -0.6  0.56 -0.1  0.36 0.2")
# at the root of the tail, which points to the left
PLUME = smooth("0.1 0  -0.45 -0.12  -0.92 -0.13  -1.0 0  -0.92 0.13  -0.45 0.12")
TAILS = {
    "stub": [smooth("0.1 -0.14  -0.16 -0.13  -0.24 0  -0.16 0.13  0.1 0.14")],
    "round": [smooth("0.15 -0.12  -0.3 -0.22  -0.62 -0.14  -0.66 0.14  -0.3 0.22  0.15 0.12")],
    "forked": [
        sharp("0.15 -0.1  -0.4 -0.16  -0.95 -0.42  -0.5 0.04  0.15 0.1"),
        sharp("0.15 -0.1  -0.5 -0.04  -0.95 0.42  -0.4 0.16  0.15 0.1"),
    ],
    "long": [smooth("0.15 -0.09 -0.45 -0.10 -0.9 -0.14 -0.98 0 -0.9 0.14 -0.45 0.10 0.15 0.09")],
    "fan": [PLUME @ rotation(angle) for angle in (1.3, 0.8, 0.3, -0.2, -0.7)],
}
# at the centre of the head, in head radii
BEAKS = {
    "short": [smooth("0.75 -0.28  1.55 0.06  0.75 0.36  0.7 0.05", steps=3)],
    "long": [sharp("0.7 -0.22  2.7 0.06  0.7 0.30")],
    "hooked": [smooth("0.6 -0.34  1.2 -0.34  1.62 0.1  1.5 0.72  1.2 0.3  0.7 0.34")],
    "curved": [smooth("0.7 -0.25  1.5 -0.2  2.2 0.3  2.5 1.15  1.95 0.6  1.4 0.22  0.7 0.3")],
    "spoon": [smooth("0.7 -0.16 1.7 -0.08 2.2 -0.36 2.75 0.05 2.2 0.5 1.7 0.22 0.7 0.26")],
}


def _lock(x: float, y: float) -> Outline:
    """Return a lock of a crest, its tip moved."""
    tip = [(-0.1 + x, -1.2 + y / 2), (-0.75 + x, -1.5 + y), (-0.5 + x, -0.95 + y)]
    return smooth([(0.45, -0.7), *tip, (-0.55, -0.5)], steps=4)


def _point_of_crown(x: float, y: float) -> list[Outline]:
    return [sharp([(-0.1, -0.8), (x - 0.05, y), (x + 0.05, y), (0.1, -0.8)]), disc(x, y, 0.2)]


CRESTS = {
    "smooth": [],
    "crested": [_lock(-0.55, 0.75), _lock(-0.25, 0.3), _lock(0.15, -0.1)],
    "tufted": [
        sharp("0.05 -0.6  -0.75 -1.65  -0.8 -0.4"),
        sharp("0.9 -0.3  0.75 -1.6  0.1 -0.8"),
    ],
    "crowned": [
        *_point_of_crown(-0.75, -1.55),
        *_point_of_crown(-0.1, -1.85),
        *_point_of_crown(0.55, -1.6),
    ],
}
# the cheek, the white of the eye, the pupil and its glint
FACE = [
    disc(0.28, 0.42, 0.22, 0.16),
    disc(0.28, -0.14, 0.33),
    disc(0.35, -0.12, 0.22),
    disc(0.43, -0.21, 0.085),
]
# in body radii, so they follow the body's proportions
WING = smooth("0.26 -0.28  0.26 0.10  -0.05 0.42  -0.55 0.48  -1.16 0.36  -0.75 0.02  -0.2 -0.34")
FEATHERS = [sharp("0.1 0.06  -0.85 0.26  -0.1 0.16"), sharp("0.15 -0.18  -0.7 0.06  -0.1 -0.08")]
SPOTS = sharp(
    "0.62 -0.22 0.82 0.12 0.52 0.18 0.70 0.48 0.34 0.52 0.38 0.82 0.02 0.70 -0.30 0.82 -0.52 0.66"
)
STRIPES = sharp("-0.62 0.74  -0.32 0.92  -0.02 0.97  0.28 0.93  0.56 0.78  0.78 0.54")


def _stripe(x: float, h: float) -> Outline:
    left = [(x - 0.06, -h), (x + 0.02, 0), (x - 0.06, h)]
    return sharp([*left, (x + 0.07, h - 0.02), (x + 0.16, 0), (x + 0.07, -h + 0.02)])


PATTERNS = {
    "plain": [],
    "spotted": [disc(x, y, 0.115, 0.135) for x, y in SPOTS],
    "striped": [_stripe(x, h) for x, h in STRIPES],
    "banded": [
        smooth("0.16 -0.96 0.36 -0.3 0.36 0.3 0.16 0.96 0.52 0.84 0.70 0.3 0.70 -0.3 0.52 -0.84")
    ],
}


YOUNG = (158, 138, 116)  # what the plumage of a young bird fades to
SKINS = {"orange": ORANGE, "dark": (70, 64, 70), "pale": (232, 208, 184)}
EYES = {"dark": INK, "pale": (232, 176, 40)}
# marks of the plumage: beside the centre of the head, in head radii; on the wing, in body radii
MASK = smooth("-0.75 -0.36  0.2 -0.5  0.98 -0.3  0.98 0.12  0.2 0.24  -0.75 0.08")
RING = disc(0.28, -0.14, 0.48)
CAP = smooth("-0.98 -0.2  -0.72 -0.72  0 -1.02  0.72 -0.72  0.98 -0.26  0 -0.46")
COLLAR = smooth("-1.0 0.3  -0.86 0.86  -0.2 1.22  0.5 1.0  0.66 0.62  0.0 0.86  -0.66 0.5")
BAR = smooth("-0.2 -0.33  0.0 -0.31  -0.28 0.43  -0.52 0.45")
BELLY = smooth("0.92 -0.3  0.98 0.25  0.55 0.85  -0.1 0.99  -0.75 0.62  0.0 0.4  0.5 0.05")


def _legs(brush: Brush, bird: Bird, build: Build) -> None:
    top, bottom = build.legs
    for x in (-0.12, 0.12):
        left, right = x - 0.035, x + 0.035
        leg = sharp([(left, top), (right, top), (right, bottom), (left, bottom)])
        foot = sharp([(x - 0.06, bottom + 0.03), (x, bottom - 0.06), (x + 0.17, bottom + 0.03)])
        for part in (leg, foot):
            brush.fill(part, SKINS[bird.legs], edge=0.8)


def _trunk(brush: Brush, bird: Bird, build: Build, coat: dict[str, Colour]) -> None:
    x, y, rx, ry, tilt = build.body
    to_body = np.diag([rx, ry]) @ rotation(tilt)
    body, wing, belly = coat["body"], coat["wing"], coat["belly"]
    if build.neck:
        brush.fill(NECK, body)
    brush.fill(disc() @ to_body + (x, y), body)
    brush.fill(BELLY @ to_body + (x, y), belly, edge=0)
    luminance = 0.3 * belly[0] + 0.59 * belly[1] + 0.11 * belly[2]
    mark = shade(belly, 0.4) if luminance > 110 else (246, 236, 214)
    for piece in PATTERNS[bird.pattern]:
        brush.fill(piece @ to_body + (x, y), mark, edge=0)
    brush.fill(WING @ to_body + (x, y), wing)
    for feather in FEATHERS:
        brush.fill(feather @ to_body + (x, y), shade(wing, 0.72), edge=0)
    if bird.bar == "barred":
        light = sum(wing) > 600
        brush.fill(BAR @ to_body + (x, y), shade(wing, 0.5) if light else PAPER, edge=0)


def _head(
    brush: Brush, bird: Bird, centre: tuple[float, float], radius: float, head: Colour
) -> None:
    dark = sum(head) < 250
    for piece in CRESTS[bird.crest]:
        brush.fill(piece * radius + centre, head)
    for piece in BEAKS[bird.beak]:
        brush.fill(piece * radius + centre, SKINS[bird.bill])
    brush.fill(disc() * radius + centre, head)
    marks = [
        (COLLAR, shade(head, 0.35) if sum(head) > 600 else PAPER, bird.collar == "collared"),
        (CAP, PAPER if dark else INK, bird.cap == "capped"),
        (MASK, PAPER if dark else INK, bird.face == "masked"),
        (RING, (240, 120, 40), bird.face == "ringed"),
    ]
    for outline, colour, shown in marks:
        if shown:
            brush.fill(outline * radius + centre, colour, edge=0)
    blush = shade(np.add(np.multiply(head, 0.6), (98, 50, 46)))
    for piece, colour in zip(FACE, (blush, PAPER, EYES[bird.eye], PAPER), strict=True):
        brush.fill(piece * radius + centre, colour, edge=0)


def _coat(bird: Bird, pose: Pose) -> dict[str, Colour]:
    """The colours of the plumage, which fade to a dull brown in a young bird."""
    faded = 0.55 if pose.young else 0.0
    parts = ("body", "wing", "head", "belly")
    return {
        part: shade(
            (1 - faded) * np.add(PALETTE[getattr(bird, part)], tint) + faded * np.array(YOUNG)
        )
        for part, tint in zip(parts, pose.tints, strict=True)
    }


def paint(bird: Bird, pose: Pose = STILL, size: int = 48) -> Image.Image:
    """Paint a bird in a given pose on a square RGB picture of `size` pixels."""
    build, small = BUILDS[bird.build], bird.size == "small"
    scale = 0.34 if small else 0.38
    feet = 0.5 + pose.shift[1] + scale * pose.scale * (build.legs[1] - 0.04)
    picture = background(pose, size, feet)
    brush, coat = Brush(picture, scale, pose), _coat(bird, pose)
    x, y, tilt = build.tail
    for feather in TAILS[bird.tail]:
        brush.fill(feather @ rotation(tilt) + (x, y), coat["wing"])
    _legs(brush, bird, build)
    _trunk(brush, bird, build, coat)
    x, y, radius = build.head
    # the young look of a small bird: a larger head
    head = radius * (1.12 if small else 1)
    _head(brush, bird, (x, y + pose.nod), head, coat["head"])
    return foreground(picture, pose, size)


def draw(attributes: Bird, rng: np.random.Generator, size: int = 48) -> Image.Image:
    """Draw one picture of a bird, in RGB: pose, plumage, light and place are drawn from `rng`.

    `size` is its side in pixels; one generator state gives the same picture at any size.
    """
    return paint(attributes, sample_pose(rng), size)
