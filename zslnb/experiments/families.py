"""Which training belongs to which settings, and what every generator can do.

The source hash of an experiment stops here: of the families below it follows the method's own.
"""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import genzsl, imagination, revcd
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings
from zslnb.revcd import RevCDSettings

FIT = {
    GenZSLSettings: genzsl.fit,
    ImaginationSettings: imagination.fit,
    RevCDSettings: revcd.fit,
}
PREPARE = {
    GenZSLSettings: genzsl.prepare,
    ImaginationSettings: imagination.prepare,
    RevCDSettings: revcd.prepare,
}
Settings = GenZSLSettings | ImaginationSettings


def after_first_round(settings: Any) -> RevCDSettings | None:
    """Settings whose training is the first round of this one, if that is a candidate, too.

    RevCD's rate falls from epoch to epoch, the faster the fewer there are; all begin with the same.
    """
    longer = isinstance(settings, RevCDSettings) and settings.epochs > 1
    return replace(settings, epochs=1) if longer and 1 in settings.epoch_choices else None


Pair = tuple[Float[Tensor, "N D"], Int64[Tensor, " N"]]


@runtime_checkable
class Generator(Protocol):
    """What a generative method is asked for: GenZSL and imagination models are such."""

    settings: Any
    features: Float[Tensor, "N D"]
    labels: Int64[Tensor, " N"]
    seed: int
    history: list[dict[str, float]]

    def synthesise(self, classes: Int64[Tensor, " K"], n: int, stream: str = ...) -> Pair:
        """Return n unit-norm features for each class, and their class ids."""
        ...
