"""Vision transformer (Dosovitskiy et al. 2021) as an encoder: tokens of four depths become maps of four sizes."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from modicum.errors import ModicumError
from modicum.networks.encoders.table import ENCODERS, Encoder

_PATCH = 16
_GRID = 14  # places of the learned positions along each side, for pictures of 224 pixels


@ENCODERS.register("vit", "Dosovitskiy et al. 2021, arXiv:2010.11929; maps as in UNETR, arXiv:2103.10504; SYSTEMS B6")
class ViT(Encoder):
    """Patches of 16x16 pixels as tokens, each of which sees all others.

    After each quarter of the layers the tokens are laid out as a map; those of the first three quarters are enlarged by
    transposed convolutions. Learned positions are interpolated, so that pictures may have any size.

    Args:
        channels: of the picture.
        width: channels of a token.
        depth: layers; a multiple of 4.
        heads: of the attention; they share the width.

    Raises:
        ModicumError: the width cannot be divided among the heads.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: Annotated[int, Field(ge=8)] = 768,
        depth: Annotated[int, Field(ge=4, multiple_of=4)] = 12,
        heads: Annotated[int, Field(ge=1)] = 12,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ModicumError(f"a width of {width} cannot be divided among {heads} heads.", remedy="Use a multiple of heads.")
        self.widths = (width // 8, width // 4, width // 2, width)
        self.reductions = (2, 4, 8, 16)
        self.patches = nn.Conv2d(channels, width, _PATCH, stride=_PATCH)
        self.positions = nn.Parameter(0.02 * torch.randn(1, width, _GRID, _GRID))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.enlarge = nn.ModuleList(_doubled(width, times) for times in (3, 2, 1, 0))

    def stages(self) -> list[list[nn.Module]]:
        """None that could be told apart by size."""
        return []

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Maps (N, widths[i], H / reductions[i], W / reductions[i]) of pictures (N, channels, H, W)."""
        x = self.patches(x)  # (N, width, h, w)
        size = x.shape[2:]
        positions = F.interpolate(self.positions, size, mode="bicubic", align_corners=False).to(x.dtype)
        tokens = (x + positions).flatten(2).transpose(1, 2)  # (N, h w, width)
        maps = []
        for number, layer in enumerate(self.layers, 1):
            tokens = layer(tokens)
            if number == len(self.layers):
                tokens = self.norm(tokens)
            if number % (len(self.layers) // 4) == 0:
                maps.append(tokens.transpose(1, 2).unflatten(2, size))
        maps = [enlarge(one) for enlarge, one in zip(self.enlarge, maps, strict=True)]
        maps[-1] = self.dropout(maps[-1])
        return maps


def _doubled(width: int, times: int) -> nn.Sequential:
    """So many times twice the size and half the channels."""
    layers: list[nn.Module] = []
    for _ in range(times):
        width //= 2
        layers += [nn.ConvTranspose2d(2 * width, width, 2, stride=2, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
