"""MA-Net (Fan et al. 2020): every place looks at every other at the smallest size, and channels are weighed on the way up."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import DoubleConv, conv_norm_relu, enlarged
from modicum.networks.encoders import EncoderSpec
from modicum.networks.ladder import Ladder
from modicum.networks.table import NETWORKS


class PositionAttention(nn.Module):
    """Position-wise attention block: to each place the sum of all others, weighed by how alike they are."""

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, inside, 1)
        self.key = nn.Conv2d(channels, inside, 1, bias=False)  # which the softmax would take out again
        self.value = nn.Conv2d(channels, channels, 3, padding=1)
        self.out = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels, h, w)
        query, key, value = (part(x).flatten(2) for part in (self.query, self.key, self.value))  # (N, ., h w)
        alike = torch.bmm(query.transpose(1, 2), key).softmax(dim=2)  # (N, h w, h w)
        seen = torch.bmm(value, alike.transpose(1, 2)).view_as(x)
        answer: torch.Tensor = self.out(x + seen)
        return answer


def _channel_weights(channels: int, fewer: int = 16) -> nn.Sequential:
    """Squeeze and excitation: from the means of all channels a weight for each."""
    inside = max(8, channels // fewer)  # of one or two, some inputs wake none
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, inside, 1), nn.ReLU(), nn.Conv2d(inside, channels, 1), nn.Sigmoid()
    )


class Fusion(nn.Module):
    """Multi-scale fusion attention block: the channels of both maps are weighed by what stands in both."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.narrow = nn.Sequential(
            conv_norm_relu(channels_in, channels_in), conv_norm_relu(channels_in, channels_skip, 1), enlarged(2)
        )
        self.of_low = _channel_weights(channels_skip)
        self.of_skip = _channel_weights(channels_skip)
        self.conv = DoubleConv(2 * channels_skip, channels_out)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        low = self.narrow(low)
        weighed = low * (self.of_low(low) + self.of_skip(skip))
        joined: torch.Tensor = self.conv(torch.cat([weighed, skip], dim=1))
        return joined


@NETWORKS.register("manet", "Fan et al. 2020, doi:10.1109/ACCESS.2020.3025372; SYSTEMS B4")
class MANet(Ladder):
    """MA-Net: U-Net with attention between places at its smallest size and between channels at every merge.

    The memory of the first grows with the square of the number of places: (H W / 1024)² for an encoder of five halvings.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        attention: channels in which places are compared.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        encoder: EncoderSpec = "resnet34",
        attention: Annotated[int, Field(ge=1)] = 64,
    ) -> None:
        super().__init__(channels, outputs, encoder, lambda low, skip: Fusion(low, skip, skip))
        self.bottom = PositionAttention(self.encoder.widths[-1], attention)
