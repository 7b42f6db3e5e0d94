"""Attention U-Net (Oktay et al. 2018): a gate decides at every size how much of the encoder's map comes through."""

from __future__ import annotations

import torch
from torch import nn

from modicum.networks.blocks import DoubleConv, UpConv
from modicum.networks.encoders import EncoderSpec
from modicum.networks.ladder import Ladder
from modicum.networks.table import NETWORKS


class Gate(nn.Module):
    """Additive attention (equation 1 of the paper): from the decoder's map and the encoder's, a weight for each pixel."""

    def __init__(self, channels_low: int, channels_skip: int) -> None:
        super().__init__()
        inside = max(1, channels_skip // 2)
        self.of_low = nn.Sequential(nn.Conv2d(channels_low, inside, 1, bias=False), nn.BatchNorm2d(inside))
        self.of_skip = nn.Sequential(nn.Conv2d(channels_skip, inside, 1, bias=False), nn.BatchNorm2d(inside))
        self.weight = nn.Sequential(nn.ReLU(), nn.Conv2d(inside, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, L, H, W), skip (N, S, H, W)
        weighed: torch.Tensor = skip * self.weight(self.of_low(low) + self.of_skip(skip))
        return weighed


class Up(nn.Module):
    """Twice the height and width, joined with the gated map of the encoder, then a double convolution."""

    def __init__(self, channels_in: int, channels_skip: int) -> None:
        super().__init__()
        self.enlarge = UpConv(channels_in, channels_skip)
        self.gate = Gate(channels_skip, channels_skip)
        self.conv = DoubleConv(2 * channels_skip, channels_skip)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        low = self.enlarge(low)
        joined: torch.Tensor = self.conv(torch.cat([self.gate(low, skip), low], dim=1))
        return joined


@NETWORKS.register("attention_unet", "Oktay et al. 2018, arXiv:1804.03999; SYSTEMS B1")
class AttentionUNet(Ladder):
    """Attention U-Net: U-Net whose decoder gates what it takes from the encoder.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options; those without a name are the plain encoder's.
    """

    def __init__(self, channels: int, outputs: int, *, encoder: EncoderSpec = "plain") -> None:
        super().__init__(channels, outputs, encoder, Up)
