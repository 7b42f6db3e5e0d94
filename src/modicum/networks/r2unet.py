"""R2U-Net (Alom et al. 2018): U-Net of recurrent residual blocks."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from modicum.networks.blocks import UpConv, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.encoders.recurrent import RecurrentResidual
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


class Up(nn.Module):
    """Twice the height and width, joined with the encoder's map of that size, then a recurrent residual block."""

    def __init__(self, channels_in: int, channels_skip: int, times: int) -> None:
        super().__init__()
        self.enlarge = UpConv(channels_in, channels_skip)
        self.block = RecurrentResidual(2 * channels_skip, channels_skip, times)

    def forward(self, low: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        joined: torch.Tensor = self.block(torch.cat([skip, self.enlarge(low)], dim=1))
        return joined


@NETWORKS.register("r2unet", "Alom et al. 2018, arXiv:1802.06955; SYSTEMS B1")
class R2UNet(nn.Module):
    """R2U-Net: every block applies its convolutions again to their own answers, with a way past them.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        times: how often each convolution of the decoder is applied to its own answer.
    """

    def __init__(
        self, channels: int, outputs: int, *, encoder: EncoderSpec = "recurrent", times: Annotated[int, Field(ge=1)] = 2
    ) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        widths = self.encoder.widths
        self.up = nn.ModuleList(Up(low, skip, times) for low, skip in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.out = nn.Sequential(nn.Conv2d(widths[0], outputs, 1), enlarged(self.encoder.reductions[0]))
        self.divisor = self.encoder.divisor

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)
        x = maps.pop()
        for up in self.up:
            x = up(x, maps.pop())
        logits: torch.Tensor = self.out(x)
        return logits
