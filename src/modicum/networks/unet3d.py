"""3D U-Net (Çiçek et al. 2016), for voxels of unequal sides too."""

from __future__ import annotations

import contextlib
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS

Width = Annotated[int, Field(ge=1)]
Steps = tuple[int, int, int]


class DoubleConv3d(nn.Sequential):
    """(Convolution, batch norm, ReLU) twice; keeps the size. Flat ones do not look at other slices."""

    def __init__(self, channels_in: int, channels_out: int, flat: bool) -> None:
        kernel, padding = ((1, 3, 3), (0, 1, 1)) if flat else ((3, 3, 3), (1, 1, 1))
        layers: list[nn.Module] = []
        for before in (channels_in, channels_out):
            layers.append(nn.Conv3d(before, channels_out, kernel, padding=padding, bias=False))
            layers += [nn.BatchNorm3d(channels_out), nn.ReLU(inplace=True)]
        super().__init__(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels_out, D, H, W).

        Of exactly two slices, PyTorch 2.13 gives a wrong gradient of the weights in bfloat16 on a CPU: they are float32.
        """
        exact = self.training and x.device.type == "cpu" and x.shape[2] == 2
        with torch.autocast("cpu", enabled=False) if exact else contextlib.nullcontext():
            x = x.float() if exact else x
            for layer in self:
                x = layer(x)
        return x


class Up3d(nn.Module):
    """Enlarged by a transposed convolution, joined with the encoder's map of that size, then a double convolution."""

    def __init__(self, channels_in: int, channels_out: int, step: Steps, flat: bool) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose3d(channels_in, channels_out, step, stride=step)
        self.conv = DoubleConv3d(2 * channels_out, channels_out, flat)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.conv(torch.cat([skip, self.enlarge(low)], dim=1))
        return joined


@NETWORKS.register("unet3d", "Çiçek et al. 2016, arXiv:1606.06650; flat sizes as in Isensee et al. 2021; SYSTEMS B5")
class UNet3d(nn.Module):
    """3D U-Net: sees blocks of slices. Where slices lie far apart, its first steps halve height and width alone.

    Args:
        channels: of a voxel.
        outputs: channels of the answer (logits).
        widths: channels at each size, the largest first; one less than their number is how often the block is halved.
        flat: so many of the first sizes are looked at slice by slice, and the steps from them leave the number of slices as
            it is; None: as many as bring voxels nearest to cubes, by the spacing of the training volumes.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        widths: Annotated[tuple[Width, ...], Field(min_length=1)] = (16, 32, 64, 128),
        flat: Annotated[int, Field(ge=0)] | None = None,
    ) -> None:
        super().__init__()
        steps: list[Steps] = [(1 if level < (flat or 0) else 2, 2, 2) for level in range(len(widths) - 1)]
        level_flat = [level < (flat or 0) for level in range(len(widths))]
        self.down = nn.ModuleList(
            DoubleConv3d(before, width, alone)
            for before, width, alone in zip((channels, *widths), widths, level_flat, strict=False)
        )
        self.pool = nn.ModuleList(nn.MaxPool3d(step) for step in steps)
        self.up = nn.ModuleList(
            Up3d(widths[level + 1], widths[level], steps[level], level_flat[level]) for level in reversed(range(len(steps)))
        )
        self.out = nn.Conv3d(widths[0], outputs, 1)
        deep = 1
        for step in steps:
            deep *= step[0]
        self.divisor = (deep, 2 ** len(steps), 2 ** len(steps))

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, D, H, W) of blocks (N, channels, D, H, W)."""
        maps = []
        for number, conv in enumerate(self.down):
            x = conv(x if number == 0 else self.pool[number - 1](x))
            maps.append(x)
        x = maps.pop()
        for up in self.up:
            x = up(x, maps.pop())
        logits: torch.Tensor = self.out(x)
        return logits
