"""Draw a bird: shapes kept as tables of outlines, laid down by a pose, coloured by attributes.

Everything is in units of the picture's width, so a picture keeps its pose at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from zslnb.datasets.aviary.species import Bird

Colour = tuple[int, int, int]
Outline = Float[np.ndarray, "points 2"]

SUPERSAMPLING = 3
PALETTE = {
    "red": (208, 58, 50),
    "yellow": (247, 203, 64),
    "green": (84, 152, 78),
    "blue": (52, 104, 196),
    "brown": (140, 92, 58),
    "grey": (142, 150, 160),
    "black": (48, 48, 56),
    "white": (250, 248, 240),
    "pink": (242, 148, 180),
    "purple": (124, 82, 168),
}
INK = (44, 38, 44)
PAPER = (255, 255, 255)
ORANGE = (242, 152, 52)
CREAM = (250, 243, 226)


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


def _rotation(angle: float) -> Float[np.ndarray, "2 2"]:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _disc(
    x: float = 0, y: float = 0, rx: float = 1, ry: float | None = None, tilt: float = 0
) -> Outline:
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    points = np.stack([rx * np.cos(turn), (rx if ry is None else ry) * np.sin(turn)], 1)
    return points @ _rotation(tilt) + (x, y)


def _sharp(corners: str | Sequence[tuple[float, float]]) -> Outline:
    """Return corners, which may be written as SVG has them: x y  x y ..."""
    numbers = corners.split() if isinstance(corners, str) else corners
    return np.array(numbers, dtype=float).reshape(-1, 2)


def _smooth(corners: str | Sequence[tuple[float, float]], steps: int = 6) -> Outline:
    """Return a closed Catmull-Rom curve through the corners."""
    p = _sharp(corners)
    before, after, beyond = (np.roll(p, shift, 0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a = after - before
    b = 2 * before - 5 * p + 4 * after - beyond
    c = 3 * p - before - 3 * after + beyond
    return (p + 0.5 * (a * t + b * t**2 + c * t**3)).transpose(1, 0, 2).reshape(-1, 2)


NECK = _smooth("0.1 0.1  0.36 -0.2  0.3 -0.62  0.58 -0.6  0.56 -0.1  0.36 0.2")
# at the root of the tail, which points to the left
PLUME = _smooth("0.1 0  -0.45 -0.12  -0.92 -0.13  -1.0 0  -0.92 0.13  -0.45 0.12")
TAILS = {
    "stub": [_smooth("0.1 -0.14  -0.16 -0.13  -0.24 0  -0.16 0.13  0.1 0.14")],
    "round": [_smooth("0.15 -0.12  -0.3 -0.22  -0.62 -0.14  -0.66 0.14  -0.3 0.22  0.15 0.12")],
    "forked": [
        _sharp("0.15 -0.1  -0.4 -0.16  -0.95 -0.42  -0.5 0.04  0.15 0.1"),
        _sharp("0.15 -0.1  -0.5 -0.04  -0.95 0.42  -0.4 0.16  0.15 0.1"),
    ],
    "long": [_smooth("0.15 -0.09 -0.45 -0.10 -0.9 -0.14 -0.98 0 -0.9 0.14 -0.45 0.10 0.15 0.09")],
    "fan": [PLUME @ _rotation(angle) for angle in (1.3, 0.8, 0.3, -0.2, -0.7)],
}
# at the centre of the head, in head radii
BEAKS = {
    "short": [_smooth("0.75 -0.28  1.55 0.06  0.75 0.36  0.7 0.05", steps=3)],
    "long": [_sharp("0.7 -0.22  2.7 0.06  0.7 0.30")],
    "hooked": [_smooth("0.6 -0.34  1.2 -0.34  1.62 0.1  1.5 0.72  1.2 0.3  0.7 0.34")],
    "curved": [_smooth("0.7 -0.25  1.5 -0.2  2.2 0.3  2.5 1.15  1.95 0.6  1.4 0.22  0.7 0.3")],
    "spoon": [_smooth("0.7 -0.16 1.7 -0.08 2.2 -0.36 2.75 0.05 2.2 0.5 1.7 0.22 0.7 0.26")],
}


def _lock(x: float, y: float) -> Outline:
    """Return a lock of a crest, its tip moved."""
    tip = [(-0.1 + x, -1.2 + y / 2), (-0.75 + x, -1.5 + y), (-0.5 + x, -0.95 + y)]
    return _smooth([(0.45, -0.7), *tip, (-0.55, -0.5)], steps=4)


def _point_of_crown(x: float, y: float) -> list[Outline]:
    return [_sharp([(-0.1, -0.8), (x - 0.05, y), (x + 0.05, y), (0.1, -0.8)]), _disc(x, y, 0.2)]


CRESTS = {
    "smooth": [],
    "crested": [_lock(-0.55, 0.75), _lock(-0.25, 0.3), _lock(0.15, -0.1)],
    "tufted": [
        _sharp("0.05 -0.6  -0.75 -1.65  -0.8 -0.4"),
        _sharp("0.9 -0.3  0.75 -1.6  0.1 -0.8"),
    ],
    "crowned": [
        *_point_of_crown(-0.75, -1.55),
        *_point_of_crown(-0.1, -1.85),
        *_point_of_crown(0.55, -1.6),
    ],
}
# the cheek, the white of the eye, the pupil and its glint
FACE = [
    _disc(0.28, 0.42, 0.22, 0.16),
    _disc(0.28, -0.14, 0.33),
    _disc(0.35, -0.12, 0.22),
    _disc(0.43, -0.21, 0.085),
]
# in body radii, so they follow the body's proportions
WING = _smooth("0.42 -0.42  0.40 0.10  0.0 0.46  -0.55 0.50  -1.22 0.36  -0.75 -0.05  -0.1 -0.50")
FEATHERS = [_sharp("0.1 0.06  -0.85 0.26  -0.1 0.16"), _sharp("0.15 -0.18  -0.7 0.06  -0.1 -0.08")]
SPOTS = _sharp(
    "0.62 -0.22 0.82 0.12 0.52 0.18 0.70 0.48 0.34 0.52 0.38 0.82 0.02 0.70 -0.30 0.82 -0.52 0.66"
)
STRIPES = _sharp("-0.62 0.74  -0.32 0.92  -0.02 0.97  0.28 0.93  0.56 0.78  0.78 0.54")


def _stripe(x: float, h: float) -> Outline:
    left = [(x - 0.06, -h), (x + 0.02, 0), (x - 0.06, h)]
    return _sharp([*left, (x + 0.07, h - 0.02), (x + 0.16, 0), (x + 0.07, -h + 0.02)])


PATTERNS = {
    "plain": [],
    "spotted": [_disc(x, y, 0.115, 0.135) for x, y in SPOTS],
    "striped": [_stripe(x, h) for x, h in STRIPES],
    "banded": [
        _smooth("0.16 -0.96 0.36 -0.3 0.36 0.3 0.16 0.96 0.52 0.84 0.70 0.3 0.70 -0.3 0.52 -0.84")
    ],
}


@dataclass(frozen=True)
class Pose:
    """What differs between two pictures of one species; lengths in picture widths."""

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    tilt: float = 0.0  # radians
    nod: float = 0.0  # of the head, in bird units
    flipped: bool = False
    tints: tuple[tuple[float, ...], ...] = ((0.0, 0.0, 0.0),) * 3  # added to body, wing and head
    sky: Colour = CREAM
    ground: Colour = (226, 216, 184)
    scenery: tuple[tuple[float, float, float, Colour], ...] = ()  # discs: x, y, radius, colour


STILL = Pose()


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose, tints and a background, always with the same number of draws."""
    normal = rng.normal
    sky = rng.integers(160, 220) + rng.integers(-22, 23, 3)
    tints = normal(0, 9, (3, 3)) + normal(0, 9, (3, 1))
    discs = [rng.uniform(0, 1, 5), rng.uniform(0, 0.9, 5), rng.uniform(0.05, 0.2, 5)]
    shades = sky + rng.integers(-14, 15, (5, 3)) + rng.integers(-14, 15, (5, 1))
    return Pose(
        shift=tuple(normal(0, 0.025, 2)),
        scale=float(np.exp(normal(0, 0.06))),
        tilt=normal(0, 0.12),
        nod=normal(0, 0.04),
        flipped=bool(rng.random() < 0.5),
        tints=tuple(tuple(row) for row in tints),
        sky=_colour(sky),
        ground=_colour(sky - rng.integers(10, 60, 3)),
        scenery=tuple(zip(*discs, map(_colour, shades), strict=True)),
    )


def _colour(channels: Sequence[float] | np.ndarray, gain: float = 1.0) -> Colour:
    return tuple(int(min(255, max(0, gain * c))) for c in channels)


class _Brush:
    """Fills outlines given in bird units on a picture given in pixels."""

    def __init__(self, picture: Image.Image, scale: float, pose: Pose):
        self.draw = ImageDraw.Draw(picture)
        width = picture.width
        self.matrix = _rotation(pose.tilt) * (scale * pose.scale * width)
        if pose.flipped:
            self.matrix = self.matrix @ np.diag([-1, 1])
        self.centre = width * (np.array([0.5, 0.5]) + pose.shift)
        self.line = max(1, round(0.009 * width))

    def fill(self, outline: Outline, colour: Colour, edge: float = 0.62) -> None:
        """Fill an outline and draw its edge in the same colour times `edge` (0: no edge)."""
        points = (outline @ self.matrix + self.centre).ravel().tolist()
        self.draw.polygon(points, fill=colour)
        if edge:
            self.draw.line(points + points[:4], _colour(colour, edge), self.line, joint="curve")


def _background(picture: Image.Image, pose: Pose, feet: float) -> None:
    draw, width = ImageDraw.Draw(picture), picture.width
    for x, y, radius, colour in pose.scenery:
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse([width * v for v in box], fill=colour)
    draw.ellipse([width * v for v in (-0.35, feet, 1.35, feet + 1.2)], fill=pose.ground)


def _legs(brush: _Brush, build: Build) -> None:
    top, bottom = build.legs
    for x in (-0.12, 0.12):
        left, right = x - 0.025, x + 0.025
        leg = _sharp([(left, top), (right, top), (right, bottom), (left, bottom)])
        foot = _sharp([(x - 0.06, bottom + 0.03), (x, bottom - 0.06), (x + 0.17, bottom + 0.03)])
        for part in (leg, foot):
            brush.fill(part, (196, 112, 48), edge=0.8)


def _trunk(brush: _Brush, bird: Bird, build: Build, body: Colour, wing: Colour) -> None:
    x, y, rx, ry, tilt = build.body
    to_body = np.diag([rx, ry]) @ _rotation(tilt)
    if build.neck:
        brush.fill(NECK, body)
    brush.fill(_disc() @ to_body + (x, y), body)
    luminance = 0.3 * body[0] + 0.59 * body[1] + 0.11 * body[2]
    mark = _colour(body, 0.45) if luminance > 110 else (246, 236, 214)
    for piece in PATTERNS[bird.pattern]:
        brush.fill(piece @ to_body + (x, y), mark, edge=0)
    brush.fill(WING @ to_body + (x, y), wing)
    for feather in FEATHERS:
        brush.fill(feather @ to_body + (x, y), _colour(wing, 0.72), edge=0)


def _head(
    brush: _Brush, bird: Bird, centre: tuple[float, float], radius: float, head: Colour
) -> None:
    for piece in CRESTS[bird.crest]:
        brush.fill(piece * radius + centre, head)
    for piece in BEAKS[bird.beak]:
        brush.fill(piece * radius + centre, ORANGE)
    brush.fill(_disc() * radius + centre, head)
    blush = _colour(np.add(np.multiply(head, 0.6), (98, 50, 46)))
    for piece, colour in zip(FACE, (blush, PAPER, INK, PAPER), strict=True):
        brush.fill(piece * radius + centre, colour, edge=0)


def paint(bird: Bird, pose: Pose = STILL, size: int = 48) -> Image.Image:
    """Paint a bird in a given pose on a square RGB picture of `size` pixels."""
    build = BUILDS[bird.build]
    small = bird.size == "small"
    scale = 0.26 if small else 0.33
    body, wing, head = (
        _colour(np.add(PALETTE[name], tint))
        for name, tint in zip((bird.body, bird.wing, bird.head), pose.tints, strict=True)
    )
    picture = Image.new("RGB", (size * SUPERSAMPLING,) * 2, pose.sky)
    _background(picture, pose, 0.5 + pose.shift[1] + scale * pose.scale * (build.legs[1] - 0.04))
    brush = _Brush(picture, scale, pose)
    x, y, tilt = build.tail
    for feather in TAILS[bird.tail]:
        brush.fill(feather @ _rotation(tilt) + (x, y), wing)
    _legs(brush, build)
    _trunk(brush, bird, build, body, wing)
    x, y, radius = build.head
    # the young look of a small bird: a larger head
    _head(brush, bird, (x, y + pose.nod), radius * (1.12 if small else 1), head)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def draw(attributes: Bird, rng: np.random.Generator, size: int = 48) -> Image.Image:
    """Draw one picture of a bird, in RGB, with jitter in pose, size, colour and background.

    `size` is its side in pixels; one generator state gives the same pose at any size.
    """
    return paint(attributes, sample_pose(rng), size)
