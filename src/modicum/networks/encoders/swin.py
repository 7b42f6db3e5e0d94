"""Swin transformer (Liu et al. 2021) as an encoder, MONAI's."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.encoders.table import ENCODERS, Encoder


@ENCODERS.register("swin", "Liu et al. 2021, arXiv:2103.14030; as in Swin UNETR, arXiv:2201.01266; SYSTEMS B6")
class Swin(Encoder):
    """Attention within windows that are shifted from layer to layer; tokens of 2x2 pixels, merged by fours after each stage.

    Args:
        channels: of the picture.
        width: channels of a token at the largest size; a multiple of 3, because the first stage has three heads.
        window: tokens along each side of a window.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: Annotated[int, Field(ge=3, multiple_of=3)] = 48,
        window: Annotated[int, Field(ge=2)] = 7,
    ) -> None:
        from monai.networks.nets.swin_unetr import SwinTransformer

        super().__init__()
        self.widths = tuple(width * 2**level for level in range(5))
        self.reductions = (2, 4, 8, 16, 32)
        self.body = SwinTransformer(
            channels, width, (window, window), (2, 2), depths=(2, 2, 2, 2), num_heads=(3, 6, 12, 24), spatial_dims=2
        )

    def stages(self) -> list[list[nn.Module]]:
        """None whose strides could be taken away."""
        return []

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Maps (N, widths[i], H / reductions[i], W / reductions[i]) of pictures (N, channels, H, W)."""
        maps: list[torch.Tensor] = self.body(x)
        maps[-1] = self.dropout(maps[-1])
        return maps
