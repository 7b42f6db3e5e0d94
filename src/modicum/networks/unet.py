"""U-Net (Ronneberger, Fischer, Brox 2015), with batch norm and padded convolutions, on any encoder."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from modicum.errors import ModicumError
from modicum.networks.blocks import DoubleConv, enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size
from modicum.networks.table import NETWORKS


class Up(nn.Module):
    """Twice the height and width, joined with the encoder's map of that size where there is one, then a double convolution."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int, transposed: bool) -> None:
        super().__init__()
        self.enlarge: nn.Module
        if transposed:
            self.enlarge = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
            channels_in = channels_out
        else:
            self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.conv = DoubleConv(channels_in + channels_skip, channels_out)

    def forward(self, low: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        # low (N, C, H/2, W/2), skip (N, S, H, W)
        high = self.enlarge(low)
        joined: torch.Tensor = self.conv(high if skip is None else torch.cat([skip, high], dim=1))
        return joined


@NETWORKS.register("unet", "Ronneberger et al. 2015, arXiv:1505.04597; SYSTEMS A1, B3, C1")
class UNet(nn.Module):
    """U-Net: an encoder that halves the picture, a decoder that brings it back, joined at every size.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options; those without a name are the plain encoder's.
        decoder: channels of the decoder at each size, the smallest first; None: the encoder's. Where the encoder's largest map
            has half the size of the picture, it may be one shorter: the answer is then enlarged from that size.
        up: how the decoder enlarges; "transposed" learns it, "bilinear" has fewer parameters.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        encoder: EncoderSpec = "plain",
        decoder: tuple[Annotated[int, Field(ge=1)], ...] | None = None,
        up: Literal["transposed", "bilinear"] = "transposed",
    ) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        skips = list(self.encoder.widths[-2::-1])
        if self.encoder.reductions[0] == 2:
            skips.append(0)  # the encoder has no map as large as the picture
        widths = decoder or [skip or max(8, self.encoder.widths[0] // 2) for skip in skips]
        if len(widths) != len(skips) and not (len(widths) == len(skips) - 1 and skips[-1] == 0):
            raise ModicumError(
                f"network.decoder has {len(widths)} widths, but the encoder halves the picture {len(skips)} times.",
                remedy=f"Give {len(skips)} widths, or leave the key out.",
            )
        skips = skips[: len(widths)]
        below = [self.encoder.widths[-1], *widths][: len(widths)]
        self.up = nn.ModuleList(Up(*sizes, up == "transposed") for sizes in zip(below, skips, widths, strict=True))
        self.out = nn.Conv2d(widths[-1] if widths else self.encoder.widths[0], outputs, 1)
        self.enlarge = enlarged(self.encoder.reductions[0] if 0 not in skips else 1)
        self.divisor = self.encoder.divisor

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)
        x = maps.pop()
        for up in self.up:
            x = up(x, maps.pop() if maps else None)
        logits: torch.Tensor = self.enlarge(self.out(x))
        return logits
