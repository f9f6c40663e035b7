"""The U-shaped network of fully connected layers (sec. 3.4, Fig. 2b)."""

from functools import cache, partial
from itertools import islice, pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from zslnb.networks import Dropout
from zslnb.revcd.conditioning import CONDITIONINGS, Join, time_embedding
from zslnb.settings import one_of


class SemanticUNet(nn.Module):
    """Noisy semantics, time and image in, an estimate of the same width as the semantics out.

    Three hidden layers down and two up, each linear with batch normalisation, ReLU and dropout,
    joined with time and image, and a linear one out; each layer up, and the last, also sees the
    layer down of its own width.

    Args:
        semantic_dim: S. visual_dim: V, width of the visual condition.
        widths: of the layers down.
        dropout: after each.
        conditioning: one of CONDITIONINGS.

    Raises:
        ValueError: unknown conditioning.
    """

    def __init__(
        self,
        semantic_dim: int,
        visual_dim: int,
        widths: tuple[int, ...] = (512, 256, 128),
        dropout: float = 0.1,
        conditioning: str = "cross",
    ) -> None:
        super().__init__()
        one_of("conditioning", conditioning, CONDITIONINGS)
        down, up = [semantic_dim, *widths], widths[::-1]
        self.encoder = nn.ModuleList(_block(a, b, dropout) for a, b in pairwise(down))
        self.encoder_joins = nn.ModuleList(
            Join(width, visual_dim, conditioning, decoder=False) for width in widths
        )
        # the first layer up has nothing to skip from: the layer down of its width is its input
        self.decoder = nn.ModuleList(
            _block(a if i == 0 else 2 * a, b, dropout) for i, (a, b) in enumerate(pairwise(up))
        )
        self.decoder_joins = nn.ModuleList(
            Join(width, visual_dim, conditioning, decoder=True) for width in up[1:]
        )
        self.out = nn.Linear(up[-1] if len(up) == 1 else 2 * up[-1], semantic_dim)

    def forward(
        self,
        zt: Float[Tensor, "B S"],
        t: Int64[Tensor, " B"],
        visual: Float[Tensor, "B V"],
    ) -> Float[Tensor, "B S"]:
        """Return the estimate."""
        return self.estimate(zt, self.timed(t), self.mapped(visual))

    @property
    def joins(self) -> list[Join]:
        """Where time and image enter, in the order of layers."""
        return [*self.encoder_joins, *self.decoder_joins]

    def mapped(self, visual: Float[Tensor, "B V"]) -> list[Tensor]:
        """Map the visual condition to each layer: once an image, whatever the number of steps."""
        return [join.visual(visual) for join in self.joins]

    def timed(self, t: Int64[Tensor, " T"]) -> list[Tensor]:
        """Map steps to each layer: once a step, whatever the number of images."""
        embedded = cache(partial(time_embedding, t))  # layers may be of one width
        return [join.time(embedded(join.width)) for join in self.joins]

    @property
    def layers(self) -> list[nn.Module]:
        """The hidden layers, down and up."""
        return [*self.encoder, *self.decoder]

    def folded(self) -> list[nn.Module]:
        """Copy the hidden layers as evaluation has them, for all steps of sampling.

        Batch normalisation is linear then, and a part of each layer's map; dropout is none. No
        gradient reaches the layers themselves.

        Raises:
            AssertionError: the network is in training.
        """
        return [_folded(layer) for layer in self.layers]

    def estimate(
        self,
        zt: Float[Tensor, "N S"],
        times: list[Tensor],
        images: list[Tensor],
        layers: list[nn.Module] | None = None,
    ) -> Float[Tensor, "B S"]:
        """Return the estimate for what `timed`, `mapped` and perhaps `folded` prepared.

        Each z_t may have several conditions: images hold the first of all, then the second of
        all. The layer before the first join is the same for all of them.
        """
        parts = iter(zip(layers or self.layers, self.joins, times, images, strict=True))
        h, skips = zt, []
        for layer, join, time, image in islice(parts, len(self.encoder)):
            h = layer(h)
            if len(image) > len(h):
                h = join.joined(h, time, image.unflatten(0, (-1, len(h)))).flatten(0, 1)
            else:
                h = join.joined(h, time, image)
            skips.append(h)
        skips.pop()
        for layer, join, time, image in parts:
            h = torch.cat([join.joined(layer(h), time, image), skips.pop()], dim=1)
        return self.out(h)


def _block(narrow: int, wide: int, dropout: float) -> nn.Sequential:
    parts = nn.Linear(narrow, wide), nn.BatchNorm1d(wide), nn.ReLU(inplace=True), Dropout(dropout)
    return nn.Sequential(*parts)


def _folded(block: nn.Sequential) -> nn.Sequential:
    linear, normalisation, *_ = block
    return nn.Sequential(fuse_linear_bn_eval(linear, normalisation), nn.ReLU(inplace=True))
