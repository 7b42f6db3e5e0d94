"""What several networks have in common: down an encoder, and up again by one block at each size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from modicum.networks.blocks import enlarged
from modicum.networks.encoders import ENCODERS, EncoderSpec
from modicum.networks.padding import any_size


class Ladder(nn.Module):
    """An encoder, and for each of its maps but the smallest a block that joins it with what comes from below.

    Where the encoder's largest map has half the size of the picture, the answer is made there and enlarged.

    Args:
        channels: of the picture.
        outputs: channels of the answer (logits).
        encoder: by name, or by name and options.
        up: the block for the channels from below and those of the map: (N, low, H/2, W/2), (N, skip, H, W) to (N, skip, H, W).
    """

    def __init__(self, channels: int, outputs: int, encoder: EncoderSpec, up: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.encoder = ENCODERS.build(encoder, channels)
        widths = self.encoder.widths
        self.bottom: nn.Module = nn.Identity()  # what happens to the smallest map
        self.up = nn.ModuleList(up(low, skip) for low, skip in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.out = nn.Sequential(nn.Conv2d(widths[0], outputs, 1), enlarged(self.encoder.reductions[0]))
        self.divisor = self.encoder.divisor

    @any_size
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, outputs, H, W) of pictures (N, channels, H, W)."""
        maps = self.encoder(x)
        x = self.bottom(maps.pop())
        for up in self.up:
            x = up(x, maps.pop())
        logits: torch.Tensor = self.out(x)
        return logits
