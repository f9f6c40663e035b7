"""How time and image enter the network: embeddings, and ways to join them with a layer."""

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zslnb.networks import Dropout

Conditioning = Literal["cross", "swapped", "addition", "concatenation", "film"]
CONDITIONINGS: tuple[str, ...] = get_args(Conditioning)
LONGEST = 1e4  # the base of the frequencies, 10000^(-2i/d)


def time_embedding(t: Int64[Tensor, " B"], width: int) -> Float[Tensor, "B W"]:
    """Sines and cosines of t at frequencies 10000^(-2i/d) (eq. 17); all sines come first.

    Args:
        t: (B,) steps.
        width: d, even.

    Raises:
        ValueError: an odd width, or one below 2.
    """
    if width < 2 or width % 2:
        raise ValueError(f"A time embedding needs an even width of at least 2, not {width}.")
    powers = torch.arange(width // 2, device=t.device) / (width // 2)
    angles = t[:, None] * torch.exp(-math.log(LONGEST) * powers)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class VisualEncoder(nn.Module):
    """A Transformer over the parts of an image's feature (sec. 3.3.3), trained with the rest.

    A feature is one vector, not a sequence; it is cut into equal parts, the last one filled up
    with zeros, and each part is a token with a learnt position. How the paper cuts it is unknown.

    Args:
        feature_dim: D.
        tokens: parts.
        token_dim: width of a token inside the Transformer.
        heads: of attention; they divide `token_dim`.
        dropout: inside the Transformer.

    Raises:
        ValueError: heads that do not divide the width of a token.
    """

    def __init__(
        self, feature_dim: int, tokens: int, token_dim: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        if token_dim % heads:
            raise ValueError(f"{heads} heads do not divide a token width of {token_dim}.")
        self.tokens, self.part = tokens, -(-feature_dim // tokens)
        self.width = tokens * token_dim
        self.enter = nn.Linear(self.part, token_dim)
        self.positions = nn.Parameter(0.02 * torch.randn(tokens, token_dim))
        layer = nn.TransformerEncoderLayer(
            token_dim, heads, 2 * token_dim, dropout, batch_first=True
        )
        layer.dropout, layer.dropout1, layer.dropout2 = (Dropout(dropout) for _ in range(3))
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B V"]:
        """Return the visual condition, all tokens in one row."""
        filled = F.pad(x, (0, self.tokens * self.part - x.shape[1]))
        parts = filled.view(len(x), self.tokens, self.part)
        return self.layers(self.enter(parts) + self.positions).flatten(1)


class Join(nn.Module):
    """Join a layer's output with time and image.

    "cross" is the paper's: an encoder layer h becomes h * time + visual, a decoder layer
    h * visual + time (sec. 3.3.1). "swapped" exchanges the two; "addition", "concatenation" (and
    back to the width by a linear map) and "film" (scale and shift from both) are what it is
    compared with.

    Args:
        width: of the layer.
        visual_dim: of the visual condition.
        how: one of CONDITIONINGS.
        decoder: whether the layer is the decoder's.
    """

    def __init__(self, width: int, visual_dim: int, how: str, *, decoder: bool) -> None:
        super().__init__()
        self.width, self.how = width, how
        self.time_multiplies = decoder == (how == "swapped")
        out = 2 * width if how == "film" else width
        self.time, self.visual = nn.Linear(width, out), nn.Linear(visual_dim, out)
        self.back = nn.Linear(3 * width, width) if how == "concatenation" else None

    def forward(
        self,
        h: Float[Tensor, "B W"],
        t: Int64[Tensor, " B"],
        visual: Float[Tensor, "B V"],
    ) -> Float[Tensor, "B W"]:
        """Return the layer's output, conditioned."""
        return self.joined(h, self.timed(t), self.visual(visual))

    def timed(self, t: Int64[Tensor, " T"]) -> Float[Tensor, "T O"]:
        """Map steps as `visual` maps images."""
        return self.time(time_embedding(t, self.width))

    def joined(
        self,
        h: Float[Tensor, "B W"],
        time: Float[Tensor, "#B O"],
        image: Float[Tensor, "*K B O"],
    ) -> Float[Tensor, "*K B W"]:
        """Do the same with steps and images that are mapped; one step for all or each.

        Where each row of h meets several images, these have an axis in front.
        """
        if self.how == "addition":
            return h + time + image
        if self.back is not None:
            parts = torch.broadcast_tensors(h, time, image)
            return self.back(torch.cat(parts, dim=-1))
        if self.how == "film":
            scale, shift = (time + image).chunk(2, dim=-1)
            return h * (1 + scale) + shift
        factor, shift = (time, image) if self.time_multiplies else (image, time)
        # one pass over memory; in training the last bits stay what they always were
        return h * factor + shift if self.training else torch.addcmul(shift, h, factor)
