"""The contact sheet: every species once, family by family, as a page of a field guide."""

import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from zslnb.datasets.aviary.drawing import draw, paint
from zslnb.datasets.aviary.scene import CREAM, INK, PAPER
from zslnb.datasets.aviary.species import SEED, SPECIES, Species, split
from zslnb.seeds import numpy_generator

NOTE = (
    "Each species at rest, then four pictures of the family's first one as they come. Framed:\n"
    "unseen. No method trains on these; all it is given is the name (or the attributes)."
)
THUMBNAILS = 4  # pictures of a family's first species, in a square
COLUMNS = 2  # of families
MARK = (0, 114, 178)  # blue of the colour-blind safe palette
FOREST = (74, 84, 66)


def _font(style: str, size: float) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(str(folder / f"DejaVuSerif{style}.ttf"), max(6, round(size)))


def _card(species: Species, unseen: bool, size: int) -> Image.Image:
    """One bird with its name below and, if it is unseen, a frame and a label."""
    card = Image.new("RGB", (size, round(1.3 * size)), PAPER)
    card.paste(paint(species.bird, size=size))
    pen = ImageDraw.Draw(card)
    if unseen:
        pen.rectangle((0, 0, size - 1, size - 1), outline=MARK, width=max(2, size // 40))
        pen.rectangle((0, 0, 0.5 * size, 0.15 * size), fill=MARK)
        label = _font("-Bold", 0.085 * size)
        pen.text((0.25 * size, 0.075 * size), "UNSEEN", PAPER, label, anchor="mm")
    name = textwrap.fill(species.name, 17, break_on_hyphens=True)
    font, below = _font("-Italic", 0.088 * size), (size / 2, 1.03 * size)
    pen.multiline_text(below, name, INK, font, anchor="ma", align="center", spacing=1)
    return card


def _as_they_come(species: Species, size: int) -> Image.Image:
    """Four pictures of a species in a square, as training meets them."""
    block, half = Image.new("RGB", (size, size), PAPER), size // 2 - 1
    for i in range(THUMBNAILS):
        rng = numpy_generator(SEED, f"aviary/sheet/{species.name}/{i}")
        block.paste(draw(species.bird, rng, half), (i % 2 * (half + 2), i // 2 * (half + 2)))
    return block


def _family(members: Sequence[Species], unseen: set[Species], size: int) -> Image.Image:
    """One family's cards in a row under its name, and pictures of its first species."""
    gap, head, name = size // 12, round(0.24 * size), members[0].family
    cards = [_card(one, one in unseen, size) for one in members]
    strip = Image.new("RGB", ((len(cards) + 1) * (size + gap) + gap, head + cards[0].height), PAPER)
    title = f"{name.capitalize()}s" if name != "ibis" else "Ibises"
    pen, font = ImageDraw.Draw(strip), _font("-Bold", 0.13 * size)
    pen.text((gap, head / 2), title, FOREST, font, anchor="lm")
    for i, card in enumerate([*cards, _as_they_come(members[0], size)]):
        strip.paste(card, (gap + i * (size + gap), head))
    return strip


def contact_sheet(species: Sequence[Species] = SPECIES, size: int = 128) -> Image.Image:
    """Draw species, given family by family, once each at rest; unseen ones are framed.

    `size` is the side of one bird in pixels.
    """
    unseen = {SPECIES[i] for i in split()[0]}
    groups = [[*members] for _, members in groupby(species, key=lambda one: one.family)]
    families = [_family(members, unseen, size) for members in groups]
    rows, top = -(-len(families) // COLUMNS), round(0.9 * size)
    width, height = families[0].size
    sheet = Image.new("RGB", (COLUMNS * width, top + rows * height), PAPER)
    pen, middle = ImageDraw.Draw(sheet), COLUMNS * width / 2
    pen.rectangle((0, 0, sheet.width, 0.42 * size), fill=CREAM)
    title = f"The aviary: {len(species)} species in {len(families)} families"
    pen.text((middle, 0.21 * size), title, FOREST, _font("", 0.2 * size), anchor="mm")
    font = _font("-Italic", 0.095 * size)
    pen.multiline_text((middle, 0.64 * size), NOTE, FOREST, font, anchor="mm", align="center")
    for i, family in enumerate(families):
        sheet.paste(family, (i % COLUMNS * width, top + i // COLUMNS * height))
    return sheet
