"""Blocks that several networks share."""

from __future__ import annotations

from torch import nn


def conv_norm_relu(channels_in: int, channels_out: int, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU; keeps height and width."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class DoubleConv(nn.Sequential):
    """(3x3 convolution, batch norm, ReLU) twice; keeps height and width."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(*conv_norm_relu(channels_in, channels_out), *conv_norm_relu(channels_out, channels_out))


class UpConv(nn.Sequential):
    """Twice the height and width, then a 3x3 convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(nn.Upsample(scale_factor=2.0), conv_norm_relu(channels_in, channels_out))


def enlarged(factor: int) -> nn.Module:
    """So many times the height and width, bilinear; nothing where that is once."""
    if factor == 1:
        return nn.Identity()
    return nn.Upsample(scale_factor=float(factor), mode="bilinear", align_corners=False)


def he_normal(network: nn.Module) -> None:
    """Random weights for convolutions that ReLU follows (He et al. 2015, arXiv:1502.01852), as ResNet and VGG begin."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
