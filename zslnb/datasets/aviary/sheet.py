"""The contact sheet: every species once, family by family, as a page of a field guide."""

import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from zslnb.datasets.aviary.drawing import CREAM, INK, PAPER, paint
from zslnb.datasets.aviary.species import SPECIES, Species, split

NOTE = (
    "Framed: unseen species. No method trains on\n"
    "a picture of one; all it is given is the name\n"
    "(or the attributes), and its relatives."
)
MARK = (0, 114, 178)  # blue of the colour-blind safe palette
FOREST = (74, 84, 66)


def _font(style: str, size: float) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(str(folder / f"DejaVuSerif{style}.ttf"), max(6, round(size)))


def _card(species: Species, unseen: bool, size: int) -> Image.Image:
    """One bird with its name below and, if it is unseen, a frame and a label."""
    card = Image.new("RGB", (size, round(1.3 * size)), PAPER)
    card.paste(paint(species.bird, size=size))
    draw = ImageDraw.Draw(card)
    if unseen:
        draw.rectangle((0, 0, size - 1, size - 1), outline=MARK, width=max(2, size // 40))
        draw.rectangle((0, 0, 0.5 * size, 0.15 * size), fill=MARK)
        label = _font("-Bold", 0.085 * size)
        draw.text((0.25 * size, 0.075 * size), "UNSEEN", PAPER, label, anchor="mm")
    name = textwrap.fill(species.name, 20, break_on_hyphens=True)
    font, below = _font("-Italic", 0.088 * size), (size / 2, 1.03 * size)
    draw.multiline_text(below, name, INK, font, anchor="ma", align="center", spacing=1)
    return card


def _family(name: str, cards: Sequence[Image.Image], size: int) -> Image.Image:
    """One family's cards in a row under its name."""
    gap, head = size // 12, round(0.24 * size)
    width = len(cards) * (size + gap) + gap
    strip = Image.new("RGB", (width, head + cards[0].height + gap), PAPER)
    draw = ImageDraw.Draw(strip)
    title = f"{name.capitalize()}s" if name != "ibis" else "Ibises"
    draw.text((gap, head / 2), title, FOREST, _font("-Bold", 0.13 * size), anchor="lm")
    for i, card in enumerate(cards):
        strip.paste(card, (gap + i * (size + gap), head))
    return strip


def contact_sheet(
    species: Sequence[Species] = SPECIES, size: int = 128, columns: int = 2
) -> Image.Image:
    """Draw species, given family by family, once each and at rest; unseen ones are framed.

    `size` is the side of one bird in pixels; `columns` families stand side by side.
    """
    unseen = {SPECIES[i] for i in split()[0]}
    families = [
        _family(name, [_card(one, one in unseen, size) for one in members], size)
        for name, members in groupby(species, key=lambda one: one.family)
    ]
    rows, top = -(-len(families) // columns), round(0.5 * size)
    width, height = families[0].size
    sheet = Image.new("RGB", (columns * width, top + rows * height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, 0, sheet.width, 0.4 * size), fill=CREAM)
    title = f"The aviary: {len(species)} species in {len(families)} families"
    draw.text((sheet.width / 2, 0.2 * size), title, FOREST, _font("", 0.2 * size), anchor="mm")
    for i, family in enumerate(families):
        sheet.paste(family, (i % columns * width, top + i // columns * height))
    if len(families) % columns:
        corner = ((columns - 0.5) * width, top + (rows - 0.5) * height)
        font = _font("-Italic", 0.13 * size)
        draw.multiline_text(corner, NOTE, FOREST, font, anchor="mm", align="center", spacing=9)
    return sheet
