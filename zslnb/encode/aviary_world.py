"""The drawn world that the aviary's CLIP is trained on: what is seen, and what is said of it.

Three pictures in five show a bird: its family's bird with some attributes drawn anew, as species
are made. The others show fish, trees, houses and the like. No held-out species is ever among them.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from zslnb.datasets.aviary.drawing import paint
from zslnb.datasets.aviary.scene import COVERS, LIGHTS, PLACES, Pose, sample_pose
from zslnb.datasets.aviary.species import (
    BASES,
    COLOURS,
    OUTLIER_SPECIES,
    SPECIES,
    VALUES,
    Bird,
    split,
    word_for,
)
from zslnb.datasets.aviary.things import KINDS, Thing, paint_thing
from zslnb.encode.clip import PROMPT
from zslnb.seeds import numpy_generator

BIRDS = 0.6  # share of the world's pictures
# how often a bird departs from its family's in each attribute
DRAWN_ANEW = dict.fromkeys(VALUES, 0.22) | {"size": 0.1, "build": 0.03, "tail": 0.06, "beak": 0.03}
DRAWN_ANEW |= dict.fromkeys(("bill", "legs", "eye"), 0.1)
MAX_ADJECTIVES = 3

HELD_OUT = [*(SPECIES[i] for i in split()[0]), *OUTLIER_SPECIES]  # unseen and outlier species


@dataclass(frozen=True)
class Sighting:
    """A picture before it is painted: a bird of a family, or another kind of thing, in a scene."""

    kind: str
    subject: Bird | Thing
    pose: Pose

    def paint(self, size: int) -> Image.Image:
        """Paint what was seen, `size` pixels a side."""
        painter = paint if isinstance(self.subject, Bird) else paint_thing
        return painter(self.subject, self.pose, size)


@cache
def held_out_birds() -> frozenset[Bird]:
    """Return the birds that no training picture may show: unseen and outlier species."""
    return frozenset(species.bird for species in HELD_OUT)


@cache
def held_out_names() -> frozenset[str]:
    """Return the words that no training caption may use of a bird: held-out species' names."""
    return frozenset(species.name for species in HELD_OUT)


def random_bird(family: str, rng: np.random.Generator) -> Bird:
    """Draw a bird of a family, again if it is one of the held-out species."""
    anew = {
        field: str(rng.choice(VALUES[field]))
        for field, probability in DRAWN_ANEW.items()
        if rng.random() < probability
    }
    bird = BASES[family]._replace(**anew)
    return random_bird(family, rng) if bird in held_out_birds() else bird


def random_sighting(rng: np.random.Generator) -> Sighting:
    """Draw what is seen, and where."""
    if rng.random() < BIRDS:
        kind = str(rng.choice([*BASES]))
        subject = random_bird(kind, rng)
    else:
        kind = str(rng.choice([*KINDS]))
        subject = Thing(kind, str(rng.choice(VALUES["size"])), *map(str, rng.choice(COLOURS, 2)))
    return Sighting(kind, subject, sample_pose(rng))


def random_sightings(seed: int, count: int) -> list[Sighting]:
    """Return what the training pictures show, each from a stream of its own."""
    return [random_sighting(numpy_generator(seed, f"aviary/world/{i}")) for i in range(count)]


def _chosen(words: list[tuple[str, float]], rng: np.random.Generator) -> list[str]:
    said = [word for word, probability in words if word and rng.random() < probability]
    return [said[i] for i in rng.permutation(len(said))[:MAX_ADJECTIVES]]


def _adjectives(sighting: Sighting, rng: np.random.Generator) -> list[str]:
    """What is said before the noun: mostly what sets a bird apart from its family."""
    fancy, facts = rng.random() < 0.6, sighting.subject._asdict()
    if isinstance(sighting.subject, Thing):
        second = word_for("main", facts["second"], fancy)
        main = word_for("main", facts["main"], fancy)
        both = f"{main} and {second}" if rng.random() < 0.3 else main
        return _chosen([(facts["size"], 0.3), (both, 0.85)], rng)
    base = BASES[sighting.kind]._asdict()
    words = [
        (word_for(field, value, fancy), 0.06 if value == base[field] else 0.55)
        for field, value in facts.items()
    ]
    return _chosen([*words, ("young" if sighting.pose.young else "", 0.5)], rng)


def caption(sighting: Sighting, rng: np.random.Generator) -> str:
    """Tell part of what is seen, never in just the words that name a held-out species."""
    noun = sighting.kind
    if isinstance(sighting.subject, Bird) and rng.random() < 0.15:
        noun = "bird"
    name = " ".join([*_adjectives(sighting, rng), noun])
    scene = [word for word in sighting.pose.words if rng.random() < 0.2]
    text = PROMPT.format(" ".join([name, *scene]))
    return caption(sighting, rng) if name in held_out_names() else text


def world_words() -> list[str]:
    """Return texts that together hold every word a caption can use."""
    fields = [
        word_for(field, value, fancy)
        for field, values in VALUES.items()
        for value in values
        for fancy in (True, False)
    ]
    return [*fields, *BASES, *KINDS, "bird", "young", "and", *PLACES, *LIGHTS, *COVERS]
