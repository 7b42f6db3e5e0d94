"""U-Net (Ronneberger, Fischer, Brox 2015), with batch norm and padded convolutions."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import DoubleConv, Up
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


@NETWORKS.register("unet", "Ronneberger et al. 2015, arXiv:1505.04597; SYSTEMS A1")
class UNet(nn.Module):
    """U-Net: an encoder that halves the picture, a decoder that brings it back, joined at every size.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        widths: channels at each size, from full resolution down; one more width is one more halving. At least one.
        up: how the decoder enlarges; "transposed" learns it, "bilinear" has fewer parameters.
        dropout: probability of dropping a channel at the lowest resolution.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (64, 128, 256, 512, 1024),
        up: Literal["transposed", "bilinear"] = "transposed",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__()
        deepest = len(widths) - 1
        self.down = nn.ModuleList(
            DoubleConv(before, width, dropout if level == deepest else 0.0)
            for level, (before, width) in enumerate(zip((channels, *widths[:-1]), widths, strict=True))
        )
        self.up = nn.ModuleList(
            Up(low, skip, skip, up == "transposed") for low, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = nn.Conv2d(widths[0], outputs, 1)
        self.divisor = 2**deepest  # of the height and width inside the network

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = []
        for level, conv in enumerate(self.down):
            x = conv(x if level == 0 else nn.functional.max_pool2d(x, 2))  # (N, widths[level], H/2^level, W/2^level)
            maps.append(x)
        for conv, skip in zip(self.up, maps[-2::-1], strict=True):
            x = conv(x, skip)
        logits: torch.Tensor = self.out(x)
        return logits
