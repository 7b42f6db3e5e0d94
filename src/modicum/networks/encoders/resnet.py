"""ResNet (He, Zhang, Ren, Sun 2016), without its classifier. Weights are named as the published ones.

The second convolution of a bottleneck has the stride, as in the published weights (version 1.5).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from modicum.networks.blocks import he_normal
from modicum.networks.encoders.table import ENCODERS, Encoder


class Basic(nn.Module):
    """Two 3x3 convolutions and the way past them."""

    widening = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _past(channels_in, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W) to (N, width, H/stride, W/stride)
        answer = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        total: torch.Tensor = self.relu(answer + self.downsample(x))
        return total


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution and the way past them; four times the width comes out."""

    widening = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _past(channels_in, 4 * width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W) to (N, 4 width, H/stride, W/stride)
        answer = self.relu(self.bn1(self.conv1(x)))
        answer = self.relu(self.bn2(self.conv2(answer)))
        total: torch.Tensor = self.relu(self.bn3(self.conv3(answer)) + self.downsample(x))
        return total


def _past(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


_BLOCKS: dict[int, tuple[type[Basic] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}  # table 1 of the paper


class ResNet(Encoder):
    """A 7x7 convolution and four stages of residual blocks."""

    def __init__(self, channels: int, depth: Literal[18, 34, 50, 101, 152]) -> None:
        super().__init__()
        block, counts = _BLOCKS[depth]
        self.widths = (64, *(block.widening * 64 * 2**stage for stage in range(4)))
        self.reductions = (2, 4, 8, 16, 32)
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for stage, count in enumerate(counts):
            width, before = 64 * 2**stage, self.widths[stage]
            first = block(before, width, 1 if stage == 0 else 2)
            rest = (block(block.widening * width, width, 1) for _ in range(count - 1))
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
        he_normal(self)

    def stages(self) -> list[list[nn.Module]]:
        """The stem; pooling and the first stage of blocks; the other three."""
        layers = [self.get_submodule(f"layer{number}") for number in (1, 2, 3, 4)]
        return [[self.conv1, self.bn1, self.relu], [self.maxpool, layers[0]], *([layer] for layer in layers[1:])]


_SOURCE = "He et al. 2016, arXiv:1512.03385; SYSTEMS C1"


@ENCODERS.register("resnet18", _SOURCE)
def resnet18(channels: int) -> Encoder:
    """ResNet of 18 layers, 11,176,512 parameters."""
    return ResNet(channels, 18)


@ENCODERS.register("resnet34", _SOURCE)
def resnet34(channels: int) -> Encoder:
    """ResNet of 34 layers, 21,284,672 parameters."""
    return ResNet(channels, 34)


@ENCODERS.register("resnet50", _SOURCE)
def resnet50(channels: int) -> Encoder:
    """ResNet of 50 layers, 23,508,032 parameters."""
    return ResNet(channels, 50)


@ENCODERS.register("resnet101", _SOURCE)
def resnet101(channels: int) -> Encoder:
    """ResNet of 101 layers, 42,500,160 parameters."""
    return ResNet(channels, 101)


@ENCODERS.register("resnet152", _SOURCE)
def resnet152(channels: int) -> Encoder:
    """ResNet of 152 layers, 58,143,808 parameters."""
    return ResNet(channels, 152)
