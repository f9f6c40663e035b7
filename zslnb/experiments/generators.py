"""What every generator can do, and which training belongs to which settings.

The source hash of an experiment stops here: of the families below it follows the method's own.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from zslnb import genzsl, imagination
from zslnb.genzsl import GenZSLSettings
from zslnb.imagination import ImaginationSettings

FIT = {GenZSLSettings: genzsl.fit, ImaginationSettings: imagination.fit}
Settings = GenZSLSettings | ImaginationSettings
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
