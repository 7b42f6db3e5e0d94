"""Stacked hourglass (Newell, Yang, Deng 2016): a heatmap, refined again and again by a chain of small encoder-decoders."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


class Residual(nn.Module):
    """1x1, 3x3 and 1x1 convolution on half of the channels, each after batch norm and ReLU, added to the way past them."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        middle = max(1, channels_out // 2)
        self.body = nn.Sequential(
            *_pre_activated(channels_in, middle, 1),
            *_pre_activated(middle, middle, 3),
            *_pre_activated(middle, channels_out, 1),
        )
        same = channels_in == channels_out
        self.past = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W)
        total: torch.Tensor = self.past(x) + self.body(x)
        return total


def _pre_activated(channels_in: int, channels_out: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
    return nn.BatchNorm2d(channels_in), nn.ReLU(inplace=True), convolution


class Hourglass(nn.Module):
    """Down to half the size, through an hourglass that is one halving shorter, up again and joined with what stayed."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.skip = Residual(width, width)
        self.before = Residual(width, width)
        self.low: nn.Module = Hourglass(width, depth - 1) if depth > 1 else Residual(width, width)
        self.after = Residual(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, width, H, W)
        low = self.after(self.low(self.before(F.max_pool2d(x, 2))))
        joined: torch.Tensor = self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")
        return joined


class Stack(nn.Module):
    """One hourglass and its heatmaps."""

    def __init__(self, width: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Hourglass(width, depth),
            Residual(width, width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.heatmaps = nn.Conv2d(width, outputs, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # x (N, width, h, w) to features (N, width, h, w) and heatmaps (N, outputs, h, w)
        features = self.features(x)
        return features, self.heatmaps(features)


@NETWORKS.register("hourglass", "Newell et al. 2016, arXiv:1603.06937; SYSTEMS B8")
class StackedHourglass(nn.Module):
    """Stacked hourglass: a chain of small encoder-decoders at a quarter of the resolution, each refining the last one's answer.

    The predictor of an object's centre in thesis-data-efficient-segmentation 4.3.2, to be trained with the loss `heatmap`.
    While it trains it gives the answer of every stack, so that each is supervised. Only the heatmaps have a bias: any other
    would be taken out again by the batch norm that follows.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits) of each stack.
        stacks: hourglasses, one after the other.
        width: channels inside.
        depth: halvings in each hourglass.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        stacks: Annotated[int, Field(ge=1)] = 8,
        width: Annotated[int, Field(ge=2)] = 256,
        depth: Annotated[int, Field(ge=1)] = 4,
    ) -> None:
        super().__init__()
        quarter, half = max(1, width // 4), width // 2
        self.stem = nn.Sequential(
            nn.Conv2d(channels, quarter, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(quarter),
            nn.ReLU(inplace=True),
            Residual(quarter, half),
            nn.MaxPool2d(2),
            Residual(half, half),
            Residual(half, width),
        )
        self.stacks = nn.ModuleList(Stack(width, outputs, depth) for _ in range(stacks))
        self.features_back = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for _ in range(stacks - 1))
        self.heatmaps_back = nn.ModuleList(nn.Conv2d(outputs, width, 1, bias=False) for _ in range(stacks - 1))
        self.divisor = 4 * 2**depth  # of the height and width inside the network

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W).

        In training (N, stacks * outputs, H, W), all of the first stack's before those of the second.
        """
        x = self.stem(x)  # (N, width, H/4, W/4)
        answers = []
        for number, stack in enumerate(self.stacks):
            features, heatmaps = stack(x)
            answers.append(heatmaps)
            if number < len(self.features_back):
                x = x + self.features_back[number](features) + self.heatmaps_back[number](heatmaps)
        chosen = torch.cat(answers, dim=1) if self.training else answers[-1]
        # In float: half precision would make a plateau of a heatmap's peak.
        return F.interpolate(chosen.float(), scale_factor=4.0, mode="bilinear", align_corners=False)
