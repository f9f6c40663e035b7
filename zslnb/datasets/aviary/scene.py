"""What surrounds a drawn thing: outlines, a brush, a place, the light, and what is in the way.

Everything is in units of the picture's width, so a picture keeps its pose at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

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

# a place: its sky, its ground, and what stands about there
PLACES: dict[str, tuple[Colour, Colour, Colour]] = {
    "in the garden": ((206, 224, 190), (170, 190, 120), (150, 180, 120)),
    "in the woods": ((128, 152, 112), (112, 96, 66), (86, 116, 74)),
    "by the water": ((190, 214, 230), (116, 164, 196), (160, 190, 206)),
    "in the snow": ((222, 228, 236), (240, 244, 248), (204, 214, 226)),
    "in the desert": ((240, 214, 170), (216, 180, 122), (226, 192, 140)),
    "in the town": ((196, 192, 196), (150, 148, 150), (172, 160, 158)),
}
# the light: the colour laid over the picture, and how much of it
LIGHTS: dict[str, tuple[Colour, float]] = {
    "": (PAPER, 0.0),
    "at dusk": ((92, 48, 72), 0.38),
    "in the mist": ((222, 226, 230), 0.42),
    "in the sun": ((255, 214, 120), 0.22),
}
COVERS = {"": 0.66, "behind leaves": 0.17, "behind reeds": 0.17}  # how often


def rotation(angle: float) -> Float[np.ndarray, "2 2"]:
    """Return the matrix that turns rows by an angle in radians."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def disc(
    x: float = 0, y: float = 0, rx: float = 1, ry: float | None = None, tilt: float = 0
) -> Outline:
    """Return an ellipse about (x, y), round if `ry` is left out."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    points = np.stack([rx * np.cos(turn), (rx if ry is None else ry) * np.sin(turn)], 1)
    return points @ rotation(tilt) + (x, y)


def sharp(corners: str | Sequence[tuple[float, float]]) -> Outline:
    """Return corners, which may be written as SVG has them: x y  x y ..."""
    numbers = corners.split() if isinstance(corners, str) else corners
    return np.array(numbers, dtype=float).reshape(-1, 2)


def smooth(corners: str | Sequence[tuple[float, float]], steps: int = 6) -> Outline:
    """Return a closed Catmull-Rom curve through the corners."""
    p = sharp(corners)
    before, after, beyond = (np.roll(p, shift, 0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a = after - before
    b = 2 * before - 5 * p + 4 * after - beyond
    c = 3 * p - before - 3 * after + beyond
    return (p + 0.5 * (a * t + b * t**2 + c * t**3)).transpose(1, 0, 2).reshape(-1, 2)


def shade(channels: Sequence[float] | np.ndarray, gain: float = 1.0) -> Colour:
    """Return a colour times a gain, within what a pixel can hold."""
    return tuple(int(min(255, max(0, gain * c))) for c in channels)


@dataclass(frozen=True)
class Pose:
    """What differs between two pictures of one thing; lengths in picture widths."""

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    tilt: float = 0.0  # radians
    nod: float = 0.0  # of the head, in bird units
    flipped: bool = False
    young: bool = False  # in the plumage of a young bird
    tints: tuple[tuple[float, ...], ...] = ((0.0, 0.0, 0.0),) * 4  # added to the four colours
    place: str = ""
    light: str = ""
    cover: str = ""
    sky: Colour = CREAM
    ground: Colour = (226, 216, 184)
    scenery: tuple[tuple[float, float, float, Colour], ...] = ()  # discs: x, y, radius, colour
    wash: tuple[Colour, float] = (PAPER, 0.0)  # laid over the whole picture
    leaves: tuple[Outline, ...] = field(default=(), repr=False)  # in front, in picture widths

    @property
    def words(self) -> tuple[str, ...]:
        """What a caption may say of the scene."""
        return tuple(word for word in (self.place, self.light, self.cover) if word)


STILL = Pose(shift=(0.04, 0.0), scale=0.9)  # at rest, all of it in the picture


def _leaves(cover: str, rng: np.random.Generator) -> tuple[Outline, ...]:
    x, y, turn = rng.uniform(0, 1, 4), rng.uniform(0.25, 0.95, 4), rng.uniform(-1.2, 1.2, 4)
    if cover == "behind leaves":
        return tuple(disc(*where, 0.15, 0.06, t) for *where, t in zip(x, y, turn, strict=True))
    if cover == "behind reeds":
        return tuple(
            sharp([(a - 0.018, 1.0), (a + t / 12, 0.3 * b), (a + 0.018, 1.0)])
            for a, b, t in zip(x, y, turn, strict=True)
        )
    return ()


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw a pose, a plumage, a place and its light, always with the same number of draws."""
    normal, choice = rng.normal, rng.choice
    place, light = str(choice([*PLACES])), str(choice([*LIGHTS], p=(0.52, 0.16, 0.16, 0.16)))
    cover = str(choice([*COVERS], p=[*COVERS.values()]))
    sky, ground, things = (np.array(c) + rng.integers(-14, 15, 3) for c in PLACES[place])
    tints = normal(0, 9, (4, 3)) + normal(0, 9, (4, 1))
    discs = [rng.uniform(0, 1, 5), rng.uniform(0, 0.9, 5), rng.uniform(0.05, 0.2, 5)]
    shades = things + rng.integers(-14, 15, (5, 1))
    colour, strength = LIGHTS[light]
    return Pose(
        shift=tuple(normal(0, 0.05, 2)),
        scale=float(np.exp(normal(0, 0.14))),
        tilt=normal(0, 0.16),
        nod=normal(0, 0.05),
        flipped=bool(rng.random() < 0.5),
        young=bool(rng.random() < 0.3),
        tints=tuple(tuple(row) for row in tints),
        place=place,
        light=light,
        cover=cover,
        sky=shade(sky),
        ground=shade(ground),
        scenery=tuple(zip(*discs, map(shade, shades), strict=True)),
        wash=(colour, strength * rng.uniform(0.6, 1.2)),
        leaves=_leaves(cover, rng),
    )


class Brush:
    """Fills outlines given in units of the thing drawn on a picture given in pixels."""

    def __init__(self, picture: Image.Image, scale: float, pose: Pose):
        self.draw = ImageDraw.Draw(picture)
        width = picture.width
        self.matrix = rotation(pose.tilt) * (scale * pose.scale * width)
        if pose.flipped:
            self.matrix = self.matrix @ np.diag([-1, 1])
        self.centre = width * (np.array([0.5, 0.5]) + pose.shift)
        self.line = max(1, round(0.009 * width))

    def fill(self, outline: Outline, colour: Colour, edge: float = 0.62) -> None:
        """Fill an outline and draw its edge in the same colour times `edge` (0: no edge)."""
        points = (outline @ self.matrix + self.centre).ravel().tolist()
        self.draw.polygon(points, fill=colour)
        if edge:
            self.draw.line(points + points[:4], shade(colour, edge), self.line, joint="curve")


def background(pose: Pose, size: int, horizon: float) -> Image.Image:
    """Return a picture of the place alone, larger than `size` by `SUPERSAMPLING`."""
    picture = Image.new("RGB", (size * SUPERSAMPLING,) * 2, pose.sky)
    draw, width = ImageDraw.Draw(picture), picture.width
    for x, y, radius, colour in pose.scenery:
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse([width * v for v in box], fill=colour)
    draw.ellipse([width * v for v in (-0.35, horizon, 1.35, horizon + 1.2)], fill=pose.ground)
    return picture


def foreground(picture: Image.Image, pose: Pose, size: int) -> Image.Image:
    """Lay what is in the way and the light over a picture, and bring it down to its size."""
    draw = ImageDraw.Draw(picture)
    for i, leaf in enumerate(pose.leaves):
        points = (leaf * picture.width).ravel().tolist()
        draw.polygon(points, fill=((92, 128, 66), (112, 142, 74))[i % 2])
    picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    colour, strength = pose.wash
    return Image.blend(picture, Image.new("RGB", picture.size, colour), strength)
