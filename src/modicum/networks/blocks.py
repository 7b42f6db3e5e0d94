"""Blocks that several networks share."""

from __future__ import annotations

import torch
from torch import nn


class DoubleConv(nn.Sequential):
    """(3x3 convolution, batch norm, ReLU) twice; keeps height and width."""

    def __init__(self, channels_in: int, channels_out: int, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for before in (channels_in, channels_out):
            layers += [
                nn.Conv2d(before, channels_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(inplace=True),
            ]
        if dropout:
            layers.append(nn.Dropout2d(dropout))
        super().__init__(*layers)


class Up(nn.Module):
    """Twice the height and width, joined with the encoder's map of that size, then a double convolution."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int, transposed: bool) -> None:
        super().__init__()
        self.enlarge: nn.Module
        if transposed:
            self.enlarge = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
            channels_in = channels_out
        else:
            self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.conv = DoubleConv(channels_in + channels_skip, channels_out)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        joined: torch.Tensor = self.conv(torch.cat([skip, self.enlarge(low)], dim=1))
        return joined
