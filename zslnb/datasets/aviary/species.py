"""The aviary's taxonomy: what a bird is made of, its families, its species and their names.

A family is a shape (size, build, tail, beak, crest); its species share most of it and differ in
colour and pattern. A name says only part of what is seen: that is what makes it weak semantics.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from zslnb.seeds import numpy_generator

SEED = 0
SPECIES_PER_FAMILY = 4
HELD_OUT_FAMILIES = 12


class Bird(NamedTuple):
    """The nine attributes of a bird, each one of the words in `VALUES`."""

    size: str
    build: str
    body: str
    wing: str
    head: str
    tail: str
    beak: str
    pattern: str
    crest: str


# each colour with the word class names use for it; captions use both
COLOUR_WORDS = {
    "red": "scarlet",
    "yellow": "golden",
    "green": "mossy",
    "blue": "cobalt",
    "brown": "chestnut",
    "grey": "slate",
    "black": "sooty",
    "white": "snowy",
    "pink": "rosy",
    "purple": "violet",
}
VALUES = {
    "size": ("small", "large"),
    "build": ("plump", "slender", "tall"),
    "body": tuple(COLOUR_WORDS),
    "wing": tuple(COLOUR_WORDS),
    "head": tuple(COLOUR_WORDS),
    "tail": ("stub", "round", "forked", "long", "fan"),
    "beak": ("short", "long", "hooked", "curved", "spoon"),
    "pattern": ("plain", "spotted", "striped", "banded"),
    "crest": ("smooth", "crested", "tufted", "crowned"),
}
# no seen or unseen species shows these, so outliers made of them have no relative
RESERVED = frozenset({"pink", "purple", "fan", "spoon", "banded", "crowned"})


@dataclass(frozen=True)
class Species:
    """One kind of bird: its class name (weak semantics), family and attributes."""

    name: str
    family: str
    bird: Bird


# what a noun tells of a bird; captions may call any random bird that fits by it
NOUNS = {
    "robin": {"build": "plump", "beak": "short"},
    "wren": {"size": "small", "tail": "stub"},
    "swallow": {"build": "slender", "tail": "forked"},
    "kingfisher": {"build": "plump", "beak": "long"},
    "hummingbird": {"build": "slender", "beak": "long"},
    "heron": {"build": "tall", "beak": "long"},
    "ibis": {"build": "tall", "beak": "curved"},
    "hawk": {"build": "slender", "beak": "hooked"},
    "parrot": {"build": "plump", "beak": "hooked"},
    "owl": {"build": "plump", "crest": "tufted"},
    "jay": {"build": "slender", "crest": "crested"},
    "magpie": {"build": "slender", "tail": "long"},
    "kiwi": {"build": "plump", "beak": "curved"},
    "hoopoe": {"beak": "curved", "crest": "crested"},
    "plover": {"build": "tall", "beak": "short"},
    "spoonbill": {"beak": "spoon"},
    "peacock": {"tail": "fan"},
}

# family: its shape (size build tail beak crest); then a species a row: body, wing, head, pattern,
# the part whose colour the name tells (-: none), where a species departs from the family's shape
FAMILIES = {
    "robin": """small plump round short smooth
        white brown red plain head
        yellow brown black plain head
        grey brown white spotted head
        blue brown red plain wing""",
    "wren": """small slender stub short tufted
        brown brown white striped head
        brown brown yellow spotted head
        grey black white striped wing
        green brown yellow plain wing""",
    "swallow": """small slender forked short smooth
        white blue blue plain wing
        white black red plain head
        yellow blue black plain head
        white green green spotted wing""",
    "kingfisher": """small plump stub long crested
        red blue blue plain head
        white blue black plain wing
        yellow green green plain head
        red black white spotted head""",
    "hummingbird": """small slender round long smooth
        green blue red plain head
        green red green plain wing
        yellow blue green plain wing
        blue red blue striped wing""",
    "heron": """large tall stub long crested
        grey blue white plain head
        white white black plain head
        grey blue red plain head crest=smooth
        white blue white striped wing""",
    "ibis": """large tall round curved smooth
        white black black plain head
        red red red plain -
        white black yellow spotted head
        green black brown plain head""",
    "hawk": """large slender round hooked smooth
        brown brown white striped head
        white grey grey striped wing
        black black yellow plain head
        brown red red spotted wing""",
    "parrot": """large plump long hooked smooth
        green green red plain head
        blue yellow yellow plain wing
        red blue red plain wing
        white yellow green plain wing crest=crested""",
    "owl": """large plump stub hooked tufted
        brown brown brown striped -
        white white white spotted -
        grey black grey striped wing
        brown black yellow spotted head""",
    "jay": """small slender long short crested
        white blue blue plain head
        red black red plain wing
        grey blue black striped wing
        yellow black yellow plain wing""",
    "magpie": """large slender long short smooth
        white black black plain head
        blue black white plain head
        green black yellow plain head
        brown black grey spotted wing crest=tufted""",
    "kiwi": """large plump stub curved smooth
        brown brown brown plain -
        brown brown grey spotted head
        green brown white plain head
        black red black plain wing""",
    "hoopoe": """large slender round curved crested
        brown black brown striped wing
        yellow black red striped head
        brown white brown plain wing
        green black brown spotted head""",
    "plover": """small tall round short smooth
        white brown black plain head
        white grey brown spotted head
        yellow grey black plain head tail=stub
        black grey white spotted wing""",
}
OUTLIERS = {
    "spoonbill": """large tall round spoon crowned
        pink pink white plain head
        purple pink pink banded head
        black pink purple banded wing
        pink purple green plain head crest=smooth tail=fan""",
    "peacock": """large plump fan short crowned
        purple green pink plain head
        pink purple blue banded head
        white pink purple banded head beak=spoon
        purple yellow purple plain wing size=small""",
}


def _species(family: str, shape: str, row: str) -> Species:
    size, build, tail, beak, crest = shape.split()
    body, wing, head, pattern, named_part, *departures = row.split()
    departures = dict(departure.split("=") for departure in departures)
    bird = Bird(size, build, body, wing, head, tail, beak, pattern, crest)._replace(**departures)
    part = "" if named_part == "-" else f"{COLOUR_WORDS[getattr(bird, named_part)]}-{named_part}ed"
    words = [part, departures.get("crest", ""), pattern, COLOUR_WORDS[body], family]
    return Species(" ".join(w for w in words if w not in ("", "smooth", "plain")), family, bird)


def _read(families: dict[str, str]) -> tuple[Species, ...]:
    tables = {family: table.splitlines() for family, table in families.items()}
    return tuple(
        _species(family, shape, row) for family, (shape, *rows) in tables.items() for row in rows
    )


SPECIES, OUTLIER_SPECIES = _read(FAMILIES), _read(OUTLIERS)
ALL_SPECIES = SPECIES + OUTLIER_SPECIES


def _one_in_each(
    families: np.ndarray, rng: np.random.Generator, taken: tuple[int, ...] = ()
) -> tuple[int, ...]:
    starts = SPECIES_PER_FAMILY * families
    free = [[i for i in range(n, n + SPECIES_PER_FAMILY) if i not in taken] for n in starts]
    return tuple(sorted(int(rng.choice(ids)) for ids in free))


def split() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the class ids of the unseen species and of the validation species.

    Either is one species in each of 12 families, drawn once from the project's seed; the
    validation species are seen ones.
    """
    rng = numpy_generator(SEED, "aviary/split")
    families = [rng.choice(len(FAMILIES), HELD_OUT_FAMILIES, replace=False) for _ in range(2)]
    unseen = _one_in_each(families[0], rng)
    return unseen, _one_in_each(families[1], rng, unseen)


def attribute_names() -> list[str]:
    """Return the name of each column of `attribute_vector`, such as 'tail=forked'."""
    return [f"{field}={value}" for field, values in VALUES.items() for value in values]


def attribute_vector(bird: Bird) -> Float32[np.ndarray, " A"]:
    """Return a bird's attributes as a 0/1 vector, one-hot attribute by attribute: (A,)."""
    shown = zip(bird, VALUES.values(), strict=True)
    return np.array([value == shows for shows, values in shown for value in values], np.float32)
