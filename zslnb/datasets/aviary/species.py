"""The aviary's taxonomy: what a bird is made of, its families, its species and their names.

A family is a bird that all its species are cut from; a species departs from it in two or three of
seventeen attributes. Its name tells a part of these: that is what makes names weak semantics.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from zslnb.seeds import numpy_generator

SEED = 0
HELD_OUT_OF_A_FAMILY = 2


class Bird(NamedTuple):
    """The attributes of a bird, each one of the words in `VALUES`."""

    size: str
    build: str
    tail: str
    beak: str
    body: str
    wing: str
    head: str
    belly: str = "white"
    pattern: str = "plain"
    crest: str = "smooth"
    face: str = "bare"
    cap: str = "none"
    collar: str = "none"
    bar: str = "none"  # across the wing
    bill: str = "orange"
    legs: str = "dark"
    eye: str = "dark"


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
COLOURS = tuple(COLOUR_WORDS)
VALUES = {
    "size": ("small", "large"),
    "build": ("plump", "slender", "tall"),
    "tail": ("stub", "round", "forked", "long", "fan"),
    "beak": ("short", "long", "hooked", "curved", "spoon"),
    "body": COLOURS,
    "wing": COLOURS,
    "head": COLOURS,
    "belly": COLOURS,
    "pattern": ("plain", "spotted", "striped", "banded"),
    "crest": ("smooth", "crested", "tufted", "crowned"),
    "face": ("bare", "masked", "ringed"),
    "cap": ("none", "capped"),
    "collar": ("none", "collared"),
    "bar": ("none", "barred"),
    "bill": ("orange", "dark", "pale"),
    "legs": ("dark", "orange", "pale"),
    "eye": ("dark", "pale"),
}
# no seen or unseen species shows these, so outliers made of them have no relative
RESERVED = frozenset({"pink", "purple", "fan", "spoon", "banded", "crowned"})
# what a value is called beside a noun; a field that is not here is called by its value alone
ENDINGS = {
    "wing": "-winged",
    "head": "-headed",
    "belly": "-bellied",
    "tail": "-tailed",
    "beak": "-beaked",
    "bill": "-billed",
    "legs": "-legged",
    "eye": "-eyed",
}


@dataclass(frozen=True)
class Species:
    """One kind of bird: its class name (weak semantics), family and attributes."""

    name: str
    family: str
    bird: Bird


# family: its size, build, tail, beak, colours of body, wing and head, and where it departs from
# what is common; then a species a row: where it departs from its family, told by its name | untold
FAMILIES = {
    "robin": """small plump round short brown brown brown belly=red
        head=black | bar=barred
        belly=yellow | eye=pale
        pattern=spotted body=grey | legs=orange
        wing=blue | eye=pale
        cap=capped belly=white | legs=orange""",
    "wren": """small slender stub short green brown brown belly=yellow pattern=striped
        head=yellow | bill=dark
        body=blue | legs=pale
        wing=grey | bar=barred
        face=ringed body=red | bill=dark
        crest=tufted belly=white | eye=pale""",
    "swallow": """small slender forked short black black black bill=dark
        head=red | collar=collared
        body=blue | bar=barred
        belly=yellow | face=masked
        wing=green | eye=pale
        collar=collared body=grey | bar=barred""",
    "kingfisher": """small plump stub long blue blue blue belly=yellow crest=crested bill=dark
        belly=red | collar=collared
        wing=green | pattern=spotted
        head=black | legs=orange
        body=white | collar=collared eye=pale
        face=masked head=yellow | legs=orange""",
    "heron": """large tall stub long grey grey white crest=crested legs=pale
        head=red | bar=barred
        body=white | legs=dark
        wing=blue | eye=pale
        belly=brown | bar=barred
        crest=smooth wing=black | cap=capped""",
    "ibis": """large tall round curved red red red belly=red bill=dark legs=orange
        body=white | belly=white
        head=yellow | legs=dark
        wing=black | face=ringed
        body=brown | bar=barred
        collar=collared head=grey | pattern=spotted""",
    "hawk": """large slender round hooked brown brown brown pattern=striped eye=pale bill=dark
        head=white | legs=orange
        body=grey | collar=collared
        wing=red | bar=barred
        face=masked body=black | legs=orange
        cap=capped head=grey | bar=barred""",
    "parrot": """large plump long hooked green green green belly=yellow bill=pale
        head=yellow | eye=pale
        body=blue | bar=barred legs=orange
        wing=grey | eye=pale
        collar=collared head=white | bar=barred
        belly=red | face=ringed""",
    "owl": """large plump stub hooked grey grey grey pattern=spotted crest=tufted eye=pale
        body=white | bar=barred
        wing=black | legs=orange
        face=masked head=yellow | eye=dark
        pattern=striped head=red | bill=dark
        body=brown | collar=collared""",
    "jay": """large slender long short blue blue white crest=crested bill=dark bar=barred
        wing=black | collar=collared
        head=brown | bar=none
        body=grey | cap=capped
        belly=yellow | face=masked
        body=green | legs=pale""",
    "kiwi": """large plump stub curved brown brown brown belly=brown bill=pale legs=pale
        pattern=spotted head=grey | eye=pale
        wing=black | bar=barred
        head=white | legs=dark
        body=red | face=ringed
        belly=yellow | eye=pale""",
    "plover": """small tall round short yellow yellow brown collar=collared legs=orange
        body=grey | pattern=spotted
        head=black | bar=barred
        cap=capped head=green | collar=none
        face=masked body=brown | bill=dark
        wing=white | eye=pale""",
}
OUTLIERS = {
    "spoonbill": """large tall round spoon pink pink white belly=pink crest=crowned legs=orange
        body=purple | pattern=banded
        head=purple | wing=purple
        wing=black | pattern=banded face=ringed
        crest=smooth head=green | tail=fan bar=barred""",
    "peacock": """large plump fan short purple green pink belly=purple crest=crowned bill=pale
        head=blue | pattern=banded
        wing=pink | collar=collared
        body=white | beak=spoon belly=pink
        belly=yellow | size=small pattern=banded""",
}


def _departures(words: str) -> dict[str, str]:
    return dict(word.split("=") for word in words.split())


def word_for(field: str, value: str, fancy: bool = True) -> str:
    """Return how a name or caption calls an attribute: "scarlet-headed", "spotted"; "" if not."""
    if value in ("plain", "bare", "none"):
        return ""
    plain_or_fancy = COLOUR_WORDS.get(value, value) if fancy else value
    return plain_or_fancy + ENDINGS.get(field, "")


def _read_family(family: str, table: str) -> tuple[Bird, tuple[Species, ...]]:
    first, *rows = table.splitlines()
    shape, base = first.split(), []
    base = Bird(*shape[:7])._replace(**_departures(" ".join(shape[7:])))
    species = []
    for row in rows:
        told, untold = map(_departures, row.split("|"))
        words = [word_for(field, value) for field, value in told.items()]
        bird = base._replace(**told, **untold)
        species.append(Species(" ".join([*words, family]), family, bird))
    return base, tuple(species)


_READ = {family: _read_family(family, table) for family, table in (FAMILIES | OUTLIERS).items()}
BASES = {family: base for family, (base, _) in _READ.items()}  # the bird a family is cut from
SPECIES = tuple(species for family in FAMILIES for species in _READ[family][1])
OUTLIER_SPECIES = tuple(species for family in OUTLIERS for species in _READ[family][1])
ALL_SPECIES = SPECIES + OUTLIER_SPECIES


def split() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the class ids of the unseen species and of the validation species.

    Unseen are two species in each of six families, drawn once from the project's seed, so that a
    family is not enough to tell them apart. Validation species are two seen ones in each of the
    other six: what is chosen on them is asked the question that the test asks.
    """
    rng = numpy_generator(SEED, "aviary/split")
    members = [[i for i, s in enumerate(SPECIES) if s.family == family] for family in FAMILIES]
    order = rng.permutation(len(members))
    drawn = [rng.choice(members[i], HELD_OUT_OF_A_FAMILY, replace=False).tolist() for i in order]
    unseen, validation = np.array(drawn).reshape(2, -1)
    return tuple(np.sort(unseen).tolist()), tuple(np.sort(validation).tolist())


def attribute_names() -> list[str]:
    """Return the name of each column of `attribute_vector`, such as 'tail=forked'."""
    return [f"{field}={value}" for field, values in VALUES.items() for value in values]


def attribute_vector(bird: Bird) -> Float32[np.ndarray, " A"]:
    """Return a bird's attributes as a 0/1 vector, one-hot attribute by attribute: (A,)."""
    shown = zip(bird, VALUES.values(), strict=True)
    return np.array([value == shows for shows, values in shown for value in values], np.float32)
