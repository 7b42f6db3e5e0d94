"""EfficientNet-Lite (Tan and Le 2019; Liu 2020), without its classifier. Weights are named as the published ones.

"Lite" has neither squeeze-and-excitation nor swish, and a first and last stage of fixed depth: fast without a GPU.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from modicum.networks.blocks import he_normal
from modicum.networks.encoders.table import ENCODERS, Encoder


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)  # of EfficientNet-B0, table 1 of the paper


def _norm(channels: int) -> nn.BatchNorm2d:
    """The paper's momentum of .01 is for weeks of training: after some hundred steps its statistics are still ImageNet's."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


def _padding(kernel: int, stride: int) -> tuple[nn.Module, int]:
    """What stands before a convolution, and its own padding, so that it is padded as in TensorFlow ("SAME").

    With a stride of 2, and an even size as here always, one more at the bottom and on the right than at the top and left.
    """
    if stride == 1:
        return nn.Identity(), kernel // 2
    before = (kernel - 2) // 2
    return nn.ZeroPad2d((before, before + 1, before, before + 1)), 0


class InvertedResidual(nn.Module):
    """1x1 to many channels, one filter each, 1x1 back to few; added to its input where that has the same shape."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = channels_in * expansion
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(channels_in, inside, 1, bias=False)
            self._bn0 = _norm(inside)
        self.pad, padding = _padding(kernel, stride)
        self._depthwise_conv = nn.Conv2d(inside, inside, kernel, stride, padding, groups=inside, bias=False)
        self._bn1 = _norm(inside)
        self._project_conv = nn.Conv2d(inside, channels_out, 1, bias=False)
        self._bn2 = _norm(channels_out)
        self.relu = nn.ReLU6(inplace=True)
        self.same = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # x (N, channels_in, H, W) to (N, channels_out, H/stride, W/stride)
        inner = self.relu(self._bn0(self._expand_conv(x))) if self.expands else x
        inner = self.relu(self._bn1(self._each_for_itself(self.pad(inner))))
        answer: torch.Tensor = self._bn2(self._project_conv(inner))
        return x + answer if self.same else answer

    def _each_for_itself(self, x: torch.Tensor) -> torch.Tensor:
        """The depthwise convolution; to train it on a CPU in bfloat16 takes two to seven times as long as in float32."""
        if not self.training or x.device.type != "cpu" or x.dtype == torch.float32:
            return self._depthwise_conv(x)  # type: ignore[no-any-return]
        with torch.autocast("cpu", enabled=False):
            return self._depthwise_conv(x.float()).to(x.dtype)  # type: ignore[no-any-return]


class EfficientNetLite(Encoder):
    """A 3x3 convolution and seven stages of inverted residuals, whose maps before each halving are what the decoder sees."""

    def __init__(self, channels: int, wider: float, deeper: float) -> None:
        super().__init__()
        self.pad, padding = _padding(3, stride=2)
        self._conv_stem = nn.Conv2d(channels, 32, 3, 2, padding, bias=False)
        self._bn0 = _norm(32)
        self.relu = nn.ReLU6(inplace=True)
        blocks: list[nn.Module] = []
        self._starts, ends = [0], []  # blocks at which a map of another size begins; width of the map before it
        before = 32
        for number, stage in enumerate(_STAGES):
            fixed = number in (0, len(_STAGES) - 1)
            repeats = stage.repeats if fixed else math.ceil(deeper * stage.repeats)
            if stage.stride == 2:
                self._starts.append(len(blocks))
                ends.append(before)
            width = _rounded(wider * stage.width)
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(before, width, stage.kernel, stage.stride if repeat == 0 else 1, stage.expansion)
                )
                before = width
        self._blocks = nn.ModuleList(blocks)
        self.widths = (*ends, before)
        self.reductions = (2, 4, 8, 16, 32)
        he_normal(self)

    def stages(self) -> list[list[nn.Module]]:
        """The stem with the first blocks; then from each halving to the next."""
        blocks = list(self._blocks)
        parts = [blocks[a:b] for a, b in zip(self._starts, [*self._starts[1:], len(blocks)], strict=True)]
        return [[self.pad, self._conv_stem, self._bn0, self.relu, *parts[0]], *parts[1:]]


def _rounded(width: float) -> int:
    """To a multiple of 8, not more than a tenth below."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


_SOURCE = "Tan & Le 2019, arXiv:1905.11946; Liu 2020, EfficientNet-Lite"


@ENCODERS.register("efficientnet_lite0", _SOURCE)
def efficientnet_lite0(channels: int) -> Encoder:
    """EfficientNet-Lite 0: the smallest encoder that knows ImageNet, for ordinary computers."""
    return EfficientNetLite(channels, 1.0, 1.0)


@ENCODERS.register("efficientnet_lite1", _SOURCE)
def efficientnet_lite1(channels: int) -> Encoder:
    """EfficientNet-Lite 1: as 0, with a tenth more layers."""
    return EfficientNetLite(channels, 1.0, 1.1)


@ENCODERS.register("efficientnet_lite2", _SOURCE)
def efficientnet_lite2(channels: int) -> Encoder:
    """EfficientNet-Lite 2: as 0, with a tenth more channels and a fifth more layers."""
    return EfficientNetLite(channels, 1.1, 1.2)
