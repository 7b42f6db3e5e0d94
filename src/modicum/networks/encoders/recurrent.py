"""The encoder of R2U-Net: recurrent residual blocks in the place of double convolutions."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import conv_norm_relu
from modicum.networks.encoders.plain import Widths
from modicum.networks.encoders.table import ENCODERS, Encoder


class Recurrent(nn.Module):
    """One 3x3 convolution, applied again and again to the sum of the block's input and its own last answer."""

    def __init__(self, channels: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.conv = conv_norm_relu(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels, H, W)
        answer: torch.Tensor = self.conv(x)
        for _ in range(self.times):
            answer = self.conv(x + answer)
        return answer


class RecurrentResidual(nn.Module):
    """Two recurrent convolutions and a way past them, after a 1x1 convolution that changes the number of channels."""

    def __init__(self, channels_in: int, channels_out: int, times: int = 2) -> None:
        super().__init__()
        self.to_width = nn.Conv2d(channels_in, channels_out, 1)
        self.body = nn.Sequential(Recurrent(channels_out, times), Recurrent(channels_out, times))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W)
        x = self.to_width(x)
        total: torch.Tensor = x + self.body(x)
        return total


@ENCODERS.register("recurrent", "Alom et al. 2018, arXiv:1802.06955")
class RecurrentEncoder(Encoder):
    """R2U-Net's encoder: recurrent residual blocks, with a max-pooling before each but the first.

    Args:
        channels: of the picture.
        widths: channels at each size, from full resolution down.
        times: how often each convolution is applied to its own answer.
    """

    def __init__(
        self, channels: int, *, widths: Widths = (64, 128, 256, 512, 1024), times: Annotated[int, Field(ge=1)] = 2
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.reductions = tuple(2**level for level in range(len(widths)))
        pairs = zip((channels, *widths[:-1]), widths, strict=True)
        self.down = nn.ModuleList(RecurrentResidual(a, b, times) for a, b in pairs)
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in widths[1:])

    def stages(self) -> list[list[nn.Module]]:
        """The first block; then pooling and the next one."""
        return [[self.down[0]], *([p, d] for p, d in zip(self.pool, list(self.down)[1:], strict=True))]
