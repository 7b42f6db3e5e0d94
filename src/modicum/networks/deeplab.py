"""DeepLabV3+ (Chen et al. 2018): context at several ranges by dilated convolutions, borders from an early map."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from modicum.networks.blocks import conv_norm_relu, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec, dilate
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS

_Rate = Annotated[int, Field(ge=1)]


class AtrousPyramid(nn.Module):
    """1x1, three dilated 3x3 convolutions and the mean of the whole map, side by side, joined by a 1x1 convolution."""

    def __init__(self, channels_in: int, width: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [conv_norm_relu(channels_in, width, 1), *(conv_norm_relu(channels_in, width, 3, rate) for rate in rates)]
        )
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels_in, width, 1), nn.ReLU())
        self.join = nn.Sequential(conv_norm_relu((len(rates) + 2) * width, width, 1), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, h, w) to (N, width, h, w)
        branches = [branch(x) for branch in self.branches]
        joined: torch.Tensor = self.join(torch.cat([*branches, self.whole(x).expand_as(branches[0])], dim=1))
        return joined


@NETWORKS.register("deeplabv3plus", "Chen et al. 2018, arXiv:1802.02611; SYSTEMS B4")
class DeepLabV3Plus(nn.Module):
    """DeepLabV3+: an encoder that stops at a sixteenth, an atrous pyramid, and a small decoder that looks at a quarter.

    The mean of the whole picture has no batch norm, which could not learn from a batch of one.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options; with at least four halvings.
        width: channels of pyramid and decoder.
        rates: dilation of the pyramid's three convolutions.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        encoder: EncoderSpec = "resnet50",
        width: Annotated[int, Field(ge=1)] = 256,
        rates: tuple[_Rate, _Rate, _Rate] = (6, 12, 18),
    ) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        self.divisor = self.encoder.divisor
        if self.encoder.reductions[-1] > 16:
            dilate(self.encoder, 1)
        self.early = min(2, len(self.encoder.widths) - 1) if self.encoder.reductions[0] == 1 else 1
        self.pyramid = AtrousPyramid(self.encoder.widths[-1], width, rates)
        early = max(1, 48 * width // 256)
        self.reduce = conv_norm_relu(self.encoder.widths[self.early], early, 1)
        self.refine = nn.Sequential(conv_norm_relu(width + early, width), conv_norm_relu(width, width))
        self.out = nn.Sequential(nn.Conv2d(width, outputs, 1), enlarged(self.encoder.reductions[self.early]))

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)
        early = self.reduce(maps[self.early])  # (N, 48, H/4, W/4)
        context = F.interpolate(self.pyramid(maps[-1]), early.shape[2:], mode="bilinear", align_corners=False)
        logits: torch.Tensor = self.out(self.refine(torch.cat([early, context], dim=1)))
        return logits
